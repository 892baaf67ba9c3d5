"""Refusals as problem documents (RFC 9457): one table, one function, total over `domain/errors.py`.

A test walks the tree of refusals and fails on a code that is not in the table. What is no refusal of ours is translated
into one first: Litestar's own refusals of a request, a database that does not answer, and a fault of this program.
"""

import math
import re
from http import HTTPStatus

import msgspec
import psycopg
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from api.methods import to_allow
from domain.errors import (
    BadRequest,
    Invalid,
    NotFound,
    Refusal,
    ResyncRequired,
    TooLarge,
    Unavailable,
    from_validation_error,
)

logger = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

STATUS: dict[str, tuple[int, str]] = {
    "bad_request": (400, "Bad request"),
    "bad_frame": (400, "Bad frame"),
    "unknown_type": (400, "Unknown frame type"),
    "unauthenticated": (401, "Not authenticated"),
    "token_expired": (401, "Token expired"),
    "invalid_credentials": (401, "Invalid credentials"),
    "forbidden": (403, "Forbidden"),
    "not_a_member": (403, "Not a member"),
    "channel_access_denied": (403, "Channel access denied"),
    "not_found": (404, "Not found"),
    "conflict": (409, "Conflict"),
    "archived": (409, "Archived"),
    "message_id_taken": (409, "Message id taken"),
    "channel_id_taken": (409, "Channel id taken"),
    "attachment_id_taken": (409, "Attachment id taken"),
    "name_taken": (409, "Name taken"),
    "last_owner": (409, "Last owner"),
    "limit_reached": (409, "Limit reached"),
    "last_admin": (409, "Last admin"),
    "resync_required": (409, "Resync required"),
    "too_large": (413, "Too large"),
    "invalid": (422, "Invalid"),
    "invalid_id": (422, "Invalid id"),
    "content_empty": (422, "Content empty"),
    "content_too_long": (422, "Content too long"),
    "key_reused": (422, "Key reused"),
    "rate_limited": (429, "Rate limited"),
    "overloaded": (503, "Overloaded"),
    "unavailable": (503, "Unavailable"),
}
"""Code -> status and title. `bad_request` also stands on the statuses that no code has: 405 and other 4xx of the server."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable; what a program should look at."""
    field: str | None = None
    """The field, parameter or header that is wrong."""
    retry_after_ms: int | None = None
    reason: str | None = None
    """Of `resync_required`: epoch or ahead."""


def to_problem(refusal: Refusal, *, status: int | None = None) -> Problem:
    """The document of a refusal."""
    usual_status, title = STATUS[refusal.code]
    if status is None:
        status = usual_status
    elif status != usual_status:
        title = HTTPStatus(status).phrase
    field = refusal.field
    if field is None and refusal.code == "key_reused":
        field = "Idempotency-Key"
    retry_after_ms = refusal.retry_after_ms
    if status in (429, 503):
        retry_after_ms = retry_after_ms or 1_000
    return Problem(
        type=f"urn:sermo:problem:{refusal.code}",
        title=title,
        status=status,
        detail=str(refusal),
        code=refusal.code,
        field=field,
        retry_after_ms=retry_after_ms,
        reason=refusal.reason if isinstance(refusal, ResyncRequired) else None,
    )


def to_response(
    refusal: Refusal, *, status: int | None = None, headers: dict[str, str] | None = None
) -> Response[Problem]:
    """The answer to a request that was refused."""
    problem = to_problem(refusal, status=status)
    status = problem.status
    headers = dict(headers or {})
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil((problem.retry_after_ms or 1_000) / 1_000)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(problem, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def handle(request: "Request[object, object, object]", error: Exception) -> Response[Problem]:  # type: ignore[type-var]  # any state
    """Litestar's exception handler for everything."""
    if isinstance(error, Refusal):
        # See `api/freshness.py`: it has set this if it was a read, and the views may lack what was looked for.
        is_stale = isinstance(error, NotFound) and request.scope["state"].get("may_be_missing", False)
        return to_response(error, headers={"Sermo-Stale": "true"} if is_stale else None)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _from_litestar(error)
    if isinstance(error, _NOT_IN_TIME):
        logger.warning("api.database_unavailable", path=request.url.path, error=str(error).strip())
        return to_response(Unavailable(retry_after_ms=1_000))
    if isinstance(error, HTTPException) and error.detail == _CLIENT_LEFT:
        # Nobody is there to read the answer, and nothing failed.
        return to_response(Unavailable("The client went away."))
    logger.error("api.failed", method=request.method, path=request.url.path, exc_info=error)
    # The same code as a database that is away, for what it tells the client is the same: whether it was done is not
    # known, and a retry with the same ids finds out.
    return to_response(Unavailable("The server failed at this; it has been logged."), status=500)


_CLIENT_LEFT = "client disconnected prematurely"
"""Litestar's word for a client that goes away amid the body of its request."""
_NOT_IN_TIME = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    TimeoutError,
)
"""The database cannot be reached or does not answer, or this node is too far behind it."""


def _from_litestar(error: HTTPException) -> Response[Problem]:
    if isinstance(error, ValidationException):
        return to_response(_from_validation(error))
    if error.status_code == 404:
        return to_response(NotFound("There is nothing at this address."))
    if error.status_code == 413:
        return to_response(TooLarge())
    if error.status_code == 405:
        allowed = {method.strip() for method in (error.headers or {}).get("allow", "").split(",")}
        refusal = BadRequest("This address does not take this method.")
        return to_response(refusal, status=405, headers={"Allow": to_allow(allowed)})
    return to_response(BadRequest(error.detail), status=error.status_code, headers=dict(error.headers or {}))


_OUTER_NAMES = {"text": "query", "which": "state"}
"""Parameters whose name in the handler is another, since Litestar keeps `query` and `state` for itself."""


_MISSING = re.compile(r"Missing required query parameter '(?P<name>\w+)'")
"""Litestar's word for a parameter that has to be given."""


def _from_validation(error: ValidationException) -> Refusal:
    """Of path and query parameters; bodies are judged in `api/requests.py`."""
    first = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    field = first.get("key") if isinstance(first, dict) else None
    if field is None and (missing := _MISSING.match(error.detail)) is not None:
        field = missing["name"]
    field = _OUTER_NAMES.get(field, field) if field is not None else None
    text = first.get("message") if isinstance(first, dict) else None
    return Invalid(f"{field}: {text}" if field and text else error.detail, field=field)


def from_msgspec(error: msgspec.ValidationError) -> Refusal:
    """A body that is JSON, but not of the documented shape."""
    refusal = from_validation_error(error)
    return refusal if refusal.field is not None else Invalid(str(refusal), field="body")
