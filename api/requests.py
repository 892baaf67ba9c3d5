"""A request, read strictly: who asks, which query parameters, which body; before any handler sees it.

The order is that of what may be told: first who is asking (401), then whether it can be read (400, 413), then whether it
is of the documented shape (422). Handlers declare `data: SomeBody` and query parameters as Litestar wants them; what they
do not declare is refused.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import msgspec
from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from api.problems import from_msgspec
from api.services import Services
from domain import ids
from domain.decider import Command, Outcome
from domain.errors import BadRequest, Invalid, Unauthenticated
from domain.principal import Principal

BODY_MAX_BYTES = 64 * 1024
KEY_MAX_CHARACTERS = 200
IDEMPOTENCY_KEY = "Idempotency-Key"

_INTEGER = re.compile("-?[0-9]{1,20}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body. Optional fields of a POST may be null; those of a PATCH are left out to stay as they are."""


class Nothing(Body, frozen=True):
    """The body of a call that takes none: absent, or an empty object."""


class Shape:
    """What one handler takes."""

    def __init__(self, query: Mapping[str, Any], body: type[Any] | None) -> None:
        self.query = frozenset(query)
        self.integers = frozenset(name for name, kind in query.items() if kind is int or int in get_args(kind))
        self.takes_body = body is not None
        self.decode = msgspec.json.Decoder(body or Nothing).decode


class ApiRequest(Request[Principal, None, State]):
    """A request with the program's services, and a body that has been judged already."""

    decoded: Any = None

    async def json(self) -> Any:
        """The body as the struct that the handler declares; read by `read_strictly`."""
        return self.decoded

    @property
    def services(self) -> Services:
        """What the program handed in."""
        services: Services = self.app.state["services"]
        return services

    @property
    def me(self) -> UUID:
        """Who asks."""
        return self.user.user_id

    async def execute(self, command: Command, *, said: object = None) -> Outcome:
        """Carry out a command, under the request's `Idempotency-Key` where a POST has one. Raises a `Refusal`.

        `said`: what stands for the body of a request whose body is no JSON.
        """
        command_id = self.command_id()
        if command_id is None:
            return await self.services.execute(command)
        if said is None:
            said = msgspec.json.decode(await self.body() or b"{}")
        return await self.services.execute(command, command_id=command_id, command_hash=self._fingerprint(said))

    def command_id(self) -> UUID | None:
        """The command's id, of the `Idempotency-Key` where a POST has one. Raises `Invalid`."""
        key = self.headers.get(IDEMPOTENCY_KEY) if self.method == "POST" else None
        if key is None:
            return None
        if not 1 <= len(key) <= KEY_MAX_CHARACTERS or not (key.isascii() and key.isprintable()):
            raise Invalid(f"1 to {KEY_MAX_CHARACTERS} printable ASCII characters are wanted.", field=IDEMPOTENCY_KEY)
        return ids.command_id(self.me, key)

    def _fingerprint(self, body: object) -> bytes:
        """What must be the same for the same key: method, path, and the body whatever its spacing and order."""
        canonical = msgspec.json.encode(body, order="deterministic")
        said = b"\0".join((self.method.encode(), self.scope["path"].encode(), canonical))
        return hashlib.sha256(said).digest()[:16]


TAKES_FILE = "takes_file"
"""In a handler's `opt`: the body is a file, which the handler reads as it comes. `request_max_body_size` is its own too."""


def now() -> datetime:
    """The time of a command."""
    return datetime.now(UTC)


EVENTS_COOKIE = "sermo_events"
TAKES_EVENTS_SESSION = "takes_events_session"
"""In a handler's `opt`: its caller may show an events session instead of a token."""


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Who asks, where no person is known; behind a proxy what the proxy says (docs/operations.md)."""
    return connection.client.host if connection.client is not None else ""


def limited_by_address(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Litestar guard of what needs no token: not too much from one address, or 429."""
    services: Services = connection.app.state["services"]
    services.limits.take("anonymous", client_address(connection))


async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar guard: a valid access token, or 401; and not too much of one person, or 429."""
    await _authenticate(connection, handler)
    services: Services = connection.app.state["services"]
    is_read = connection.scope.get("method") in ("GET", "OPTIONS")
    services.limits.take("reads" if is_read else "writes", connection.user.user_id)


async def _authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    services: Services = connection.app.state["services"]
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        connection.scope["user"] = await services.auth.authenticate(token.strip())
        return
    session = connection.cookies.get(EVENTS_COOKIE) if handler.opt.get(TAKES_EVENTS_SESSION) else None
    if session is None:
        raise Unauthenticated
    connection.scope["user"] = await services.auth.redeem_events_session(session)


def shapes_of(app: Litestar) -> dict[int, Shape]:
    """What every handler of the application takes, by the handler's identity."""
    shapes = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler, parameters in route.route_handler_map.values():
                fields = handler.parsed_fn_signature.parameters
                query = {p.field_alias: fields[p.field_name].annotation for p in parameters.expected_query_params}
                body = handler.parsed_data_field
                shapes[id(handler)] = Shape(query, body.annotation if body is not None else None)
    return shapes


async def read_strictly(request: Request[Any, Any, Any]) -> None:
    """Litestar's `before_request` of everything under /v1: judge the query and the body."""
    assert isinstance(request, ApiRequest), "the application's request class"
    shape: Shape = request.app.state["shapes"][id(request.route_handler)]
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in shape.query:
            raise Invalid(f"There is no query parameter {name!r} here.", field=name)
        if _UNSTORABLE.search(value):
            raise Invalid(f"{name} holds a character that no text of ours has.", field=name)
        if name in seen:
            raise Invalid(f"{name} is given twice.", field=name)
        if name in shape.integers and not _INTEGER.fullmatch(value):
            # Litestar would take `null` for a parameter that is left out, and read more than one spelling of a number.
            raise Invalid(f"{name} is a number.", field=name)
        seen.add(name)
    if request.method in ("GET", "HEAD", "OPTIONS") or request.route_handler.opt.get(TAKES_FILE):
        return
    body = await request.body()
    if not body:
        if shape.takes_body:
            raise BadRequest("A JSON object is wanted.")
        return
    try:
        request.decoded = shape.decode(body)
    except msgspec.ValidationError as error:
        _check_json(body)
        raise from_msgspec(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _check_json(body)
        raise BadRequest from None


def _check_json(body: bytes) -> None:
    """Raise `BadRequest` for what is no JSON, `Invalid` for what is, but holds text that UTF-8 cannot carry."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    else:
        return
    try:
        # The standard library reads lone surrogates where msgspec takes them for damage.
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest from None
    for field, part in value.items() if isinstance(value, dict) else ():
        if _SURROGATE.search(f"{field}{part}" if isinstance(part, str) else json.dumps(part, ensure_ascii=False)):
            raise Invalid(f"{field} holds a lone surrogate.", field=field)
    raise BadRequest
