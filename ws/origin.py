"""Which web pages may talk to this server from a browser: its own, and those of listed origins.

A browser sends `Origin` with what a page does, and the page cannot change it; what is no browser sends none. So a page of
somebody else cannot use what the browser would send along (a cookie, an address in the local network).
"""

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_allowed(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a request with this `Origin` and `Host` is answered. `allowed` holds what `normal` returned, or `*`.

    The scheme is not compared: a proxy may end TLS in front of us. It has to hand on `Host`.
    """
    if origin is None or ANY in allowed:
        return True
    try:
        page = urlsplit(origin)
        if _normal(page) in allowed:
            return True
        server = urlsplit(f"{page.scheme}://{host}")
        return bool(page.hostname) and (page.hostname, _port(page)) == (server.hostname, _port(server))
    except ValueError:
        return False


def normal(origin: str) -> str:
    """An origin as it is compared: lower case, without the scheme's own port. Raises `ValueError` for what is none."""
    parts = urlsplit(origin)
    if not parts.scheme or not parts.hostname or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{origin!r} is no origin, such as https://chat.example.com")
    return _normal(parts)


def _normal(parts: SplitResult) -> str:
    port = _port(parts)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    suffix = "" if port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{name}{suffix}"


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
