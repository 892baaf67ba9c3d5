"""What the frames look like (docs/protocol.md section 2): client frames in, event frames and control frames out.

An event frame is made from the event alone, so that replay equals live; only redaction and the counts of
`unread_count_updated` come from elsewhere. What we receive holds no undeclared field; what we send may gain some.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import UUID

import msgspec

from domain import channel, membership, message, reading, user
from domain.decider import Event, Recorded, Unknown
from domain.errors import BadFrame, Invalid, Refusal, UnknownType, from_validation_error
from domain.ids import WORKSPACE_FEED
from domain.text import CONTENT_MAX_CHARACTERS
from domain.times import to_rfc3339
from ws.limits import Limits

SUBPROTOCOL = "sermo.v1.json"
REF_MAX_CHARACTERS = 64

_encode = msgspec.json.Encoder().encode


class ClientFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data of a client frame."""


class Connect(ClientFrame, frozen=True):
    token: str | None = None
    last_event_id: int | None = None
    epoch: str | None = None
    max_backlog: int | None = None
    channel_id: UUID | None = None
    client: str | None = None


class Message(ClientFrame, frozen=True):
    channel_id: UUID
    message_id: UUID
    content: str
    parent_id: UUID | None = None
    also_to_channel: bool = False


class EditMessage(ClientFrame, frozen=True):
    message_id: UUID
    content: str


class DeleteMessage(ClientFrame, frozen=True):
    message_id: UUID


class JoinChannel(ClientFrame, frozen=True):
    channel_id: UUID


class LeaveChannel(ClientFrame, frozen=True):
    channel_id: UUID


class MarkRead(ClientFrame, frozen=True):
    seq: int
    channel_id: UUID | None = None
    parent_id: UUID | None = None


Status = Literal["online", "away", "busy", "offline"]
"""What a person says of their presence; `offline` also hides."""


class Typing(ClientFrame, frozen=True):
    """The person types in a channel, perhaps into a thread. Not answered."""

    channel_id: UUID
    parent_id: UUID | None = None


class StatusUpdate(ClientFrame, frozen=True):
    """The person's presence on this connection. Not answered."""

    status: Status


class Ping(ClientFrame, frozen=True):
    """An application's ping, for clients that cannot see protocol pings."""


CLIENT_FRAMES: dict[str, type[ClientFrame]] = {
    "connect": Connect,
    "message": Message,
    "edit_message": EditMessage,
    "delete_message": DeleteMessage,
    "join_channel": JoinChannel,
    "leave_channel": LeaveChannel,
    "mark_read": MarkRead,
    "typing": Typing,
    "status_update": StatusUpdate,
    "ping": Ping,
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in CLIENT_FRAMES.items()}


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    ref: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


class NotAnObject(Exception):
    """The text is not a JSON object: the connection is closed with 1003."""


class Parsed(msgspec.Struct, frozen=True):
    """A client frame: its data, or why it was not understood."""

    ref: str | None
    frame: ClientFrame | None
    refusal: Refusal | None = None
    kind: str | None = None
    """Its type, where that much can be read."""


def parse(text: str) -> Parsed:
    """Read a client frame. Raises `NotAnObject`."""
    try:
        envelope = _decode_envelope(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return _parse_strange(text)
    if envelope.ref is not None and len(envelope.ref) > REF_MAX_CHARACTERS:
        refusal = BadFrame(f"ref has at most {REF_MAX_CHARACTERS} characters.", field="ref")
        return Parsed(None, None, refusal, envelope.type)
    decoder = _DECODERS.get(envelope.type)
    if decoder is None:
        unknown = UnknownType(f"There is no frame of type {envelope.type[:64]!r}.")
        return Parsed(envelope.ref, None, unknown, envelope.type)
    if not bytes(envelope.data).startswith(b"{"):
        return Parsed(envelope.ref, None, BadFrame("data is an object.", field="data"), envelope.type)
    try:
        return Parsed(envelope.ref, decoder.decode(envelope.data), None, envelope.type)
    except msgspec.ValidationError as error:
        return Parsed(envelope.ref, None, from_validation_error(error), envelope.type)
    except msgspec.DecodeError as error:  # a lone surrogate, say: JSON, but no text that we can take
        refused = Invalid(f"data cannot be read: {error}.", field="data")
        return Parsed(envelope.ref, None, refused, envelope.type)


def _parse_strange(text: str) -> Parsed:
    """A frame that is no envelope: find out whether it is at least an object, and what its `ref` is."""
    import json  # noqa: PLC0415  the strict decoder is the rule; this one only explains

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotAnObject from error
    if not isinstance(value, dict):
        raise NotAnObject
    ref = value.get("ref")
    ref = ref if isinstance(ref, str) and len(ref) <= REF_MAX_CHARACTERS and ref.isprintable() else None
    kind = value.get("type")
    refused = BadFrame("A frame is an object of type, ref (a string) and data (an object).")
    return Parsed(ref, None, refused, kind if isinstance(kind, str) else None)


def control(kind: str, ref: str | None = None, **data: Any) -> bytes:
    """A control frame or an answer."""
    frame: dict[str, Any] = {"type": kind}
    if ref is not None:
        frame["ref"] = ref
    if data:
        frame["data"] = data
    return _encode(frame)


def connected(ref: str | None, *, user_id: UUID, session_id: UUID, epoch: str, head_id: int, limits: Limits) -> bytes:
    """The first frame: whom the server takes the client for, and where the log stands."""
    return control(
        "connected",
        ref,
        user_id=user_id,
        session_id=session_id,
        epoch=epoch,
        head_id=head_id,
        heartbeat_interval_s=limits.heartbeat_interval_s,
        limits={
            "frame_max_bytes": limits.frame_max_bytes,
            "content_max_characters": CONTENT_MAX_CHARACTERS,
            "commands_waiting_max": limits.commands_waiting_max,
            "frames_per_s": limits.frames_per_s,
            "user_connections": limits.user_connections,
        },
    )


def heartbeat(position: int) -> bytes:
    """Everything of the connection's up to this position has been sent."""
    return _encode({"type": "heartbeat", "id": position})


def error(refusal: Refusal, ref: str | None) -> bytes:
    """The answer to a frame that was refused."""
    data: dict[str, Any] = {"code": refusal.code, "message": str(refusal)}
    if refusal.field is not None:
        data["field"] = refusal.field
    if refusal.retry_after_ms is not None:
        data["retry_after_ms"] = refusal.retry_after_ms
    return control("error", ref, **data)


def waiting(retry_after_ms: int, ref: str | None) -> bytes:
    """The read of the log for this connection waits for its turn; for information."""
    return control("waiting", ref, retry_after_ms=retry_after_ms)


def user_status(user_id: UUID, status: Status) -> bytes:
    """A signal: somebody's presence."""
    return control("user_status", user_id=user_id, status=status)


def typing(user_id: UUID, channel_id: UUID, parent_id: UUID | None) -> bytes:
    """A signal: somebody types."""
    return control("typing", **_given(user_id=user_id, channel_id=channel_id, parent_id=parent_id))


def batch(frames: list[bytes]) -> bytes:
    """Event frames in order, as one frame."""
    return b'{"type":"batch","data":{"frames":[' + b",".join(frames) + b"]}}"


class Badge(msgspec.Struct, frozen=True):
    """The counts of one channel, and the position at which they are true."""

    unread_count: int
    unread_capped: bool
    mention_count: int
    as_of: int


def is_marker(event: Event | Unknown) -> bool:
    """Whether the event's frame carries counts, which are asked for when it is sent."""
    return isinstance(event, reading.MarkedRead) and event.parent_id is None


def event_frame(recorded: Recorded, *, redacted: bool = False, badge: Badge | None = None) -> bytes | None:
    """The frame of an event; None for one that concerns no feed or has an unknown type.

    `redacted`: its content was deleted since, and is left out. `badge`: the counts of a channel's marker.
    """
    event = recorded.event
    if recorded.feed_id is None or isinstance(event, Unknown):
        return None
    kind, data = _BODIES[type(event)](recorded, event)
    if redacted and "content" in data:
        data = {**data, "content": "", "mentions": (), "mentions_channel": False, "redacted": True}
    if badge is not None:
        data = data | msgspec.structs.asdict(badge)
    frame: dict[str, Any] = {
        "type": kind,
        "id": recorded.position,
        "feed": _feed(recorded),
        "seq": recorded.seq,
        "at": to_rfc3339(recorded.recorded_at),
    }
    channel_id = getattr(event, "channel_id", None)
    if channel_id is not None:
        frame["channel_id"] = channel_id
    frame["data"] = data
    return _encode(frame)


def _feed(recorded: Recorded) -> str:
    if recorded.feed_id == WORKSPACE_FEED:
        return "workspace"
    return "me" if isinstance(recorded.event, reading.MarkedRead) else f"channel:{recorded.feed_id}"


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


_Body = tuple[str, Mapping[str, Any]]


def _posted(recorded: Recorded, event: message.MessagePosted) -> tuple[str, dict[str, Any]]:
    data = {
        "message_id": recorded.stream_id,
        "author_id": event.author_id,
        "content": event.content,
        "created_at": to_rfc3339(event.created_at),
        "also_to_channel": event.also_to_channel,
        "mentions": event.mentions,
        "mentions_channel": event.mentions_channel,
    }
    if event.parent_id is None:
        return "new_message", data
    return "new_reply", data | {"parent_id": event.parent_id}


def _edited(recorded: Recorded, event: message.MessageEdited) -> tuple[str, dict[str, Any]]:
    return "message_updated", {
        "message_id": recorded.stream_id,
        "content": event.content,
        "edited_at": to_rfc3339(event.at),
        "mentions": event.mentions,
        "mentions_channel": event.mentions_channel,
        "by": event.by,
    }


def _created(event: channel.ChannelCreated) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "name": event.name,
        "topic": event.topic,
        "created_by": event.created_by,
        "created_at": to_rfc3339(event.created_at),
    }


def _joined(event: membership.MemberJoined) -> dict[str, Any]:
    return _given(
        user_id=event.user_id, role=event.role, by=event.by, kind=event.kind, name=event.name, topic=event.topic
    )


def _marked(event: reading.MarkedRead) -> tuple[str, dict[str, Any]]:
    if event.parent_id is not None:
        return "thread_updated", {"parent_id": event.parent_id, "read_seq": event.seq}
    return "unread_count_updated", {"read_seq": event.seq}


def _registered(event: user.UserRegistered) -> dict[str, Any]:
    return {"user_id": event.user_id, "username": event.username, "display_name": event.display_name}


_BODIES: dict[type[Event], Callable[[Recorded, Any], tuple[str, dict[str, Any]]]] = {
    user.UserRegistered: lambda _, e: ("user_updated", _registered(e)),
    user.ProfileChanged: lambda _, e: ("user_updated", {"user_id": e.user_id, "display_name": e.display_name}),
    user.StatusTextSet: lambda _, e: ("user_updated", {"user_id": e.user_id, "status_text": e.status_text}),
    channel.ChannelCreated: lambda _, e: ("channel_created", _created(e)),
    channel.ChannelRenamed: lambda _, e: ("channel_updated", {"name": e.name, "by": e.by}),
    channel.TopicChanged: lambda _, e: ("channel_updated", {"topic": e.topic, "by": e.by}),
    channel.ChannelArchived: lambda _, e: ("channel_updated", {"archived_at": to_rfc3339(e.at), "by": e.by}),
    channel.ChannelUnarchived: lambda _, e: ("channel_updated", {"archived_at": None, "by": e.by}),
    channel.ChannelDeleted: lambda _, e: ("channel_deleted", {"by": e.by}),
    membership.MemberJoined: lambda _, e: ("member_joined", _joined(e)),
    membership.MemberLeft: lambda _, e: ("member_left", {"user_id": e.user_id}),
    membership.MemberRemoved: lambda _, e: ("member_left", {"user_id": e.user_id, "by": e.by}),
    membership.RoleChanged: lambda _, e: ("member_updated", {"user_id": e.user_id, "role": e.role, "by": e.by}),
    message.MessagePosted: _posted,
    message.MessageEdited: _edited,
    message.MessageDeleted: lambda r, e: ("message_deleted", {"message_id": r.stream_id, "by": e.by}),
    reading.MarkedRead: lambda _, e: _marked(e),
}
