"""What can go wrong, as exceptions. A refusal of the server's has a stable `code` and the class of its kind (docs/codes.md
of the server): act on these; the text is for people.
"""

from typing import ClassVar


class SermoError(Exception):
    """All that this package raises."""


class ServerRefusal(SermoError):
    """The server has refused a call or a frame. A code of a later version has this class itself."""

    kinds: ClassVar[dict[str, type["ServerRefusal"]]] = {}
    """Code -> class."""

    def __init__(
        self, code: str, message: str = "", *, field: str | None = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.field = field
        """The field, parameter or header that is wrong."""
        self.retry_after_ms = retry_after_ms

    @staticmethod
    def of(
        code: str, message: str = "", *, field: str | None = None, retry_after_ms: int | None = None
    ) -> "ServerRefusal":
        """The refusal with the class of its code."""
        kind = ServerRefusal.kinds.get(code, ServerRefusal)
        return kind(code, message, field=field, retry_after_ms=retry_after_ms)


class Malformed(ServerRefusal):
    """The request is not of the documented shape: mend the program."""


class Unauthenticated(ServerRefusal):
    """Log in, or refresh the token."""


class Invalid(ServerRefusal):
    """A value that will never be accepted."""


class Refused(ServerRefusal):
    """You may see it, but not do this."""


class Missing(ServerRefusal):
    """There is none, or none that you may know of."""


class Conflict(ServerRefusal):
    """Load what is there, and decide anew."""


class Later(ServerRefusal):
    """Try again after the delay, with the same ids."""


for _kind, _codes in {
    Malformed: "bad_request bad_frame unknown_type too_large",
    Unauthenticated: "unauthenticated token_expired invalid_credentials",
    Invalid: "invalid invalid_id content_empty content_too_long key_reused",
    Refused: "forbidden not_a_member channel_access_denied",
    Missing: "not_found",
    Conflict: "conflict archived message_id_taken channel_id_taken attachment_id_taken name_taken last_owner "
    "limit_reached last_admin resync_required",
    Later: "unavailable overloaded rate_limited",
}.items():
    ServerRefusal.kinds |= dict.fromkeys(_codes.split(), _kind)


class Unreachable(SermoError):
    """No answer: the server could not be reached, or the connection broke. Whether it was done is not known."""


class Closed(SermoError):
    """The client is closed and does not come back by itself; `reason` says why."""

    def __init__(self, reason: object) -> None:
        super().__init__(str(reason))
        self.reason = reason


class ProtocolViolation(SermoError):
    """The stream of events has a hole or goes backwards: a bug of the server's, to be reported."""
