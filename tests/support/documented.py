"""Holds every answer that a test gets against the OpenAPI document: its status, and the code of a refusal."""

import re
from typing import Any

import httpx

from tests.support.http import http_client

ANY_CALL = {405, 408, 413, 431}
"""Statuses that no call has to itself: of a request that no handler sees."""

Operations = dict[str, Any]


class Documented:
    """What the document of the server at `url` says."""

    _known: list[tuple[re.Pattern[str], Operations]] | None = None
    """The same for every server of a session."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def check(self, response: httpx.Response) -> None:
        """An httpx response hook: fail on an answer that the document does not tell of."""
        request = response.request
        if not request.url.path.startswith("/v1/") or response.status_code in ANY_CALL:
            return
        for pattern, operations in await self._operations():
            if pattern.fullmatch(request.url.path):
                operation = operations.get(request.method.lower())
                if operation is not None:
                    await self._check(response, operation)
                return

    async def _check(self, response: httpx.Response, operation: dict[str, Any]) -> None:
        call, status = operation["operationId"], str(response.status_code)
        answer = operation["responses"].get(status)
        assert answer is not None, f"{call} answers {status}, which is not documented: see api/refusals.py"
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            await response.aread()
            code = response.json()["code"]
            (content,) = answer["content"].values()
            codes = content["schema"]["properties"]["code"]["enum"]
            assert code in codes, f"{call} answers {status} {code}, which is not documented: add it in api/refusals.py"

    async def _operations(self) -> list[tuple[re.Pattern[str], Operations]]:
        if Documented._known is None:
            async with http_client(self._url) as http:
                document = (await http.get("/openapi.json")).json()
            # Fixed parts first: /v1/me is no /v1/{anything}.
            paths = sorted(document["paths"].items(), key=lambda item: item[0].count("{"))
            Documented._known = [
                (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), found) for path, found in paths
            ]
        return Documented._known
