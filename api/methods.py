"""HEAD, OPTIONS and `Allow`: what RFC 9110 wants of every resource and no handler should have to say."""

from collections.abc import Set
from typing import cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import Message, Receive, Scope, Send

ALLOW = b"allow"


def to_allow(methods: Set[str]) -> str:
    """The value of `Allow` for a resource with handlers of these methods."""
    return ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


async def tell_methods(message: Message, scope: Scope) -> None:
    """A `before_send` hook: every method in the answer to OPTIONS.

    Litestar forgets there what was registered for the same path later.
    """
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS":
        methods = scope["litestar_app"].state["methods"].get(scope.get("path_template"))
        if methods and message["status"] == 204:
            rest = [(name, value) for name, value in message["headers"] if name.lower() != ALLOW]
            message["headers"] = [*rest, (ALLOW, to_allow(methods).encode())]


def methods_by_path(app: Litestar) -> dict[str, set[str]]:
    """The methods of every resource."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            found.setdefault(route.path_format, set()).update(route.route_handler_map)
    return found


class Application(Litestar):
    """Answers HEAD as GET; the server leaves the body out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            # A copy, since the server looks at its own to know that no body goes out. Without `Accept`: the head of an
            # event stream has no end to wait for.
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept"]
            scope = cast(Scope, {**scope, "method": "GET", "headers": headers})
        await super().__call__(scope, receive, send)
