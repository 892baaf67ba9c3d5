"""Every refusal that Sermo gives, each with its stable code. The one list: REST and the socket translate from here.

    Refusal
      Malformed      the request cannot be read                 BadRequest, BadFrame, UnknownType, TooLarge
      Unauthenticated  who is asking is not known               TokenExpired, InvalidCredentials
      Invalid        never acceptable, whatever the state       InvalidId, ContentEmpty, ContentTooLong, KeyReused
      Refused        a rule or a right stands against it        NotAMember, Forbidden, ChannelAccessDenied
      Missing        there is none, or none you may know of     NotFound
      Conflict       it collides with what is                   Archived, NameTaken, LimitReached, ...
      Later          the same request may succeed later         Overloaded, Unavailable, RateLimited

What a person may not know of is `NotFound`, never a refusal that tells it is there.
"""

import re
from typing import ClassVar

import msgspec


class Refusal(Exception):
    """A command or request was not carried out; nothing was written. `str()` is a sentence for people."""

    code: ClassVar[str]
    text: ClassVar[str]

    def __init__(self, text: str | None = None, *, field: str | None = None, retry_after_ms: int | None = None) -> None:
        super().__init__(text or self.text)
        self.field = field
        self.retry_after_ms = retry_after_ms


class Malformed(Refusal):
    """The request cannot be read."""

    code, text = "bad_request", "The request is not valid JSON."


class BadRequest(Malformed):
    """The body is not JSON."""


class BadFrame(Malformed):
    """A socket frame is not of the stated shape."""

    code, text = "bad_frame", "The frame is not of the documented shape."


class UnknownType(Malformed):
    """A socket frame has a type that we don't know."""

    code, text = "unknown_type", "There is no frame of this type."


class TooLarge(Malformed):
    """The body is over the limit."""

    code, text = "too_large", "The body is larger than the limit."


class Unauthenticated(Refusal):
    """Who is asking is not known."""

    code, text = "unauthenticated", "A valid access token is needed."


class TokenExpired(Unauthenticated):
    """The token was good once."""

    code, text = "token_expired", "The token has expired: refresh it."


class InvalidCredentials(Unauthenticated):
    """Wrong user name or password; which of the two is not told."""

    code, text = "invalid_credentials", "The user name or the password is wrong."


class Invalid(Refusal):
    """A value can never be accepted."""

    code, text = "invalid", "A value is not acceptable."


class InvalidId(Invalid):
    """An id is no UUID, or not of version 7 where clients make it."""

    code, text = "invalid_id", "The id must be a UUID of version 7."


class ContentEmpty(Invalid):
    """A message without anything to read."""

    code, text = "content_empty", "A message needs some text."


class ContentTooLong(Invalid):
    """A message over the limit of characters."""

    code, text = "content_too_long", "The message is longer than the limit."


class KeyReused(Invalid):
    """An idempotency key came back with another request."""

    code, text = "key_reused", "This Idempotency-Key was used with another request."


class Refused(Refusal):
    """A right is missing."""

    code, text = "forbidden", "You may not do this."


class Forbidden(Refused):
    """The person may see it, but not do this."""


class NotAMember(Refused):
    """Of a public channel: join first."""

    code, text = "not_a_member", "Join the channel first."


class ChannelAccessDenied(Refused):
    """A connection that is bound to one channel has no right to it."""

    code, text = "channel_access_denied", "There is no access to this channel."


class Missing(Refusal):
    """There is none, or none that the person may know of."""

    code, text = "not_found", "There is no such thing, or you may not see it."


class NotFound(Missing):
    """See `Missing`."""


class Conflict(Refusal):
    """It collides with what is."""

    code, text = "conflict", "Others changed this at the same time: try again."


class Archived(Conflict):
    """The channel is closed to changes."""

    code, text = "archived", "The channel is archived."


class MessageIdTaken(Conflict):
    """The message id belongs to another message."""

    code, text = "message_id_taken", "This message_id belongs to another message."


class ChannelIdTaken(Conflict):
    """The channel id belongs to another channel."""

    code, text = "channel_id_taken", "This channel_id belongs to another channel."


class AttachmentIdTaken(Conflict):
    """The attachment id belongs to another file, or to anything else."""

    code, text = "attachment_id_taken", "This attachment_id belongs to another file."


class NameTaken(Conflict):
    """A user name or a public channel's name is in use."""

    code, text = "name_taken", "This name is taken."


class LastOwner(Conflict):
    """A channel keeps at least one owner."""

    code, text = "last_owner", "The last owner cannot go: make somebody else an owner first."


class LimitReached(Conflict):
    """There are as many of these as may be."""

    code, text = "limit_reached", "There are as many of these as may be."


class LastAdmin(Conflict):
    """A server keeps at least one active admin."""

    code, text = "last_admin", "The last server admin cannot go: make somebody else an admin first."


class ResyncRequired(Conflict):
    """A position cannot be resumed from."""

    code, text = "resync_required", "The log cannot be resumed from there: load a snapshot."

    reason: str | None = None
    """epoch or ahead."""

    @classmethod
    def because(cls, reason: str) -> "ResyncRequired":
        """The refusal for this reason."""
        refusal = cls()
        refusal.reason = reason
        return refusal


class Later(Refusal):
    """The same request may succeed later."""

    code, text = "unavailable", "The database cannot be reached: try again with the same ids."


class Unavailable(Later):
    """The database did not answer in time. Whether it was done is not known; a retry with the same ids finds out."""


class Overloaded(Later):
    """Too much is waiting already."""

    code, text = "overloaded", "Too many requests are waiting: try again after the delay."


class RateLimited(Later):
    """One person or connection asks too much."""

    code, text = "rate_limited", "Too many requests: try again after the delay."


def codes() -> dict[str, type[Refusal]]:
    """Every code, with its kind: the class right under `Refusal`, which says how to treat it."""

    def below(kind: type[Refusal]) -> list[type[Refusal]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in below(child))]

    return {leaf.code: kind for kind in Refusal.__subclasses__() for leaf in below(kind)}


_FIELD = re.compile(r"(?:at `\$\.?(?P<path>[^`.\[]+)|field `(?P<name>[^`]+)`)")


def from_validation_error(error: msgspec.ValidationError) -> Invalid:
    """The refusal of data of another shape; names the field from msgspec's account of what is wrong."""
    text = str(error)
    found = _FIELD.search(text)
    field = (found["path"] or found["name"]) if found else None
    sentence = text.partition(" - at ")[0]
    sentence += f" ({field})." if field and f"`{field}`" not in sentence else "."
    return InvalidId(sentence, field=field) if "Invalid UUID" in text else Invalid(sentence, field=field)
