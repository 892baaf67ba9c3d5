"""Calls of REST: JSON in and out, refusals as exceptions, tokens renewed, and again after a while where that is safe.

Safe is what has the same effect twice: every call but those of `/auth` (`is_repeatable=False`); a POST that writes takes an
idempotency key of ours. A refusal with `Retry-After` (429, 503) and a lost answer are tried again, a few times.
"""

import asyncio
import random
from collections.abc import AsyncIterable
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from sermo_client.backoff import Backoff
from sermo_client.errors import ServerRefusal, Unauthenticated, Unreachable
from sermo_client.tokens import Tokens

ATTEMPTS_MAX = 4
RETRY_MAX_S = 30.0
"""A longer `Retry-After` is the caller's to wait."""
BACKOFF = Backoff()

T = TypeVar("T")


class _Problem(msgspec.Struct):
    code: str
    detail: str = ""
    field: str | None = None
    retry_after_ms: int | None = None


class Rest:
    """The HTTP side of one server. `tokens`: whose calls these are."""

    def __init__(
        self, url: str, tokens: Tokens | None = None, *, timeout_s: float = 15.0, trust_env: bool = True
    ) -> None:
        self.url = url.rstrip("/")
        self.tokens = tokens
        self._http = httpx.AsyncClient(base_url=self.url, timeout=timeout_s, trust_env=trust_env)

    async def __aenter__(self) -> "Rest":
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        is_repeatable: bool = True,
        needs_token: bool = True,
    ) -> T:
        """One call below `/v1`. Raises `ServerRefusal` (its kinds) and `Unreachable`."""
        response = await self.request(
            method,
            path,
            body=body,
            content=content,
            params=params,
            headers=headers,
            is_repeatable=is_repeatable,
            needs_token=needs_token,
        )
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.DecodeError as error:
            raise Unreachable(f"{method} {path}: not an answer of Sermo's: {error}") from error

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        is_repeatable: bool = True,
        needs_token: bool = True,
    ) -> httpx.Response:
        """The same for a call whose answer is not JSON."""
        headers = dict(headers or {})
        if body is not None:
            content = msgspec.json.encode(body)
            headers.setdefault("Content-Type", "application/json")
        params = {name: _text(value) for name, value in (params or {}).items() if value is not None}
        is_repeatable = is_repeatable and (content is None or isinstance(content, bytes))
        has_renewed = False
        for attempt in range(1, ATTEMPTS_MAX + 1):
            token = await self.tokens.current() if self.tokens is not None and needs_token else None
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            request = self._http.build_request(method, f"/v1{path}", content=content, params=params, headers=headers)
            try:
                response = await self._http.send(request)
            except httpx.TransportError as error:
                was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                if attempt == ATTEMPTS_MAX or (was_sent and not is_repeatable):
                    raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
                await asyncio.sleep(BACKOFF.delay_s(attempt - 1, random.random()))  # noqa: S311  no secret
                continue
            if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
                return response
            refusal = to_refusal(response)
            if isinstance(refusal, Unauthenticated) and token is not None and not has_renewed:
                has_renewed = True
                if self.tokens is not None and await self.tokens.instead_of(token) is not None:
                    continue
            delay_s = _delay_s(response, refusal)
            if delay_s is None or delay_s > RETRY_MAX_S or attempt == ATTEMPTS_MAX or not is_repeatable:
                raise refusal
            await asyncio.sleep(delay_s)
        raise AssertionError("the last attempt returns or raises")


def to_refusal(response: httpx.Response) -> ServerRefusal:
    """The refusal that a response is. What is no problem document (a proxy's page) has the code `http_STATUS`."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        return ServerRefusal(f"http_{response.status_code}", response.reason_phrase)
    return ServerRefusal.of(problem.code, problem.detail, field=problem.field, retry_after_ms=problem.retry_after_ms)


def _delay_s(response: httpx.Response, refusal: ServerRefusal) -> float | None:
    """After how long the same may be tried again; None where it will not help."""
    if response.status_code not in (429, 502, 503, 504):
        return None
    if refusal.retry_after_ms is not None:
        return refusal.retry_after_ms / 1_000
    named = response.headers.get("Retry-After", "")
    return float(named) if named.isdigit() else 1.0


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
