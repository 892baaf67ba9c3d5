"""HTTP clients for tests. No test speaks TLS, and reading the certificates of the world takes 60 ms a client."""

from typing import Any

import httpx

DEADLINE_S = 30.0


def http_client(url: str = "", **options: Any) -> httpx.AsyncClient:
    """A client of the server at `url`, that the machine's proxy settings do not concern."""
    return httpx.AsyncClient(base_url=url, **{"timeout": DEADLINE_S, "verify": False, "trust_env": False, **options})
