"""What the frames look like (docs/protocol.md section 2), but for those of events, which are in `ws/event_frames.py`.

A frame is an object of `type`, perhaps `ref` or `id`, and where it has any, its fields in `data`: one struct for each type,
in `CLIENT_FRAMES` and `CONTROL_FRAMES`. `/asyncapi.json` is made from these structs, their docstrings and the lines under
their fields. What we receive holds no undeclared field; what we send may gain some.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from domain.errors import BadFrame, Invalid, Refusal, UnknownType, from_validation_error
from domain.text import CONTENT_MAX_CHARACTERS
from ws.limits import Limits

SUBPROTOCOL = "sermo.v1.json"
REF_MAX_CHARACTERS = 64
BATCH_MAX_FRAMES = 256

Position = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 2**53 - 1})]
"""A number of an event in the log, or one before the first. The bounds are documentation: who takes one checks it."""
Time = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"})]
"""RFC 3339 in UTC with microseconds; made by `domain.times.to_json`."""
Status = Literal["online", "away", "busy", "offline"]
ResyncReason = Literal["epoch", "ahead", "backlog"]

_encode = msgspec.json.Encoder().encode


class ClientFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data of a frame that a client sends."""


class Connect(ClientFrame, frozen=True):
    """Opens the connection, within 10 s. Later: with `token` alone it renews the token; after `resync_required` it says
    where to go on. Without `last_event_id` the connection starts live.
    """

    token: str | None = None
    """An access token, where neither `Authorization` nor a ticket came with the handshake."""
    last_event_id: int | None = None
    """The largest `id` that was handled, of event frames and heartbeats: what lies after it is sent. With `epoch`."""
    epoch: str | None = None
    """The epoch of that id, from `connected`."""
    max_backlog: int | None = None
    """Rather `resync_required` than more missed events than this."""
    channel_id: UUID | None = None
    """Follow this channel alone, and be closed with 4001 when access to it is lost."""
    client: str | None = None
    """Name and version of the program."""


class Message(ClientFrame, frozen=True):
    """Post a message. The same frame again, on any connection and at any time, gets the first answer."""

    channel_id: UUID
    message_id: UUID
    """Made by the client: a UUID of version 7."""
    content: str
    """1 to 4,096 characters; with attachments it may be empty."""
    parent_id: UUID | None = None
    """The message that this one answers; a reply to a reply joins its root."""
    also_to_channel: bool | None = None
    """Show a reply on the channel's page too."""
    attachment_ids: tuple[UUID, ...] | None = None
    """At most 10 files that you uploaded for this channel."""


class EditMessage(ClientFrame, frozen=True):
    """Change the content of one's own message."""

    message_id: UUID
    content: str


class DeleteMessage(ClientFrame, frozen=True):
    """Delete a message; it keeps its place, empty."""

    message_id: UUID


class AddReaction(ClientFrame, frozen=True):
    """Put an emoji on a message."""

    message_id: UUID
    emoji: str
    """1 to 32 code points, no white space, control character or `/`."""


class RemoveReaction(ClientFrame, frozen=True):
    """Take back one's own emoji."""

    message_id: UUID
    emoji: str


class JoinChannel(ClientFrame, frozen=True):
    """Join a public channel."""

    channel_id: UUID


class LeaveChannel(ClientFrame, frozen=True):
    """Leave a channel."""

    channel_id: UUID


class MarkRead(ClientFrame, frozen=True):
    """Move the read marker of a channel or of a thread forward: one of `channel_id` and `parent_id`."""

    seq: int
    """The last message's `seq` that was read."""
    channel_id: UUID | None = None
    parent_id: UUID | None = None
    """The thread's root."""


class MarkUnread(ClientFrame, frozen=True):
    """Set the read marker of a channel or of a thread before a message: one of `channel_id` and `parent_id`."""

    seq: int
    """This message and what follows is unread again."""
    channel_id: UUID | None = None
    parent_id: UUID | None = None
    """The thread's root."""


class Typing(ClientFrame, frozen=True):
    """The person types. Not answered; repeat it every few seconds while it goes on."""

    channel_id: UUID
    parent_id: UUID | None = None
    """The thread's root, when the reply is being written there."""


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
    "add_reaction": AddReaction,
    "remove_reaction": RemoveReaction,
    "join_channel": JoinChannel,
    "leave_channel": LeaveChannel,
    "mark_read": MarkRead,
    "mark_unread": MarkUnread,
    "typing": Typing,
    "status_update": StatusUpdate,
    "ping": Ping,
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in CLIENT_FRAMES.items()}


class ServerFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The data of a frame that the server sends. Optional fields that say nothing are left out."""


class ConnectionLimits(ServerFrame, frozen=True, kw_only=True):
    """What this server takes from one connection."""

    frame_max_bytes: int
    """A larger frame closes with 1009."""
    content_max_characters: int
    commands_waiting_max: int
    """Commands without an answer yet; one more is answered `overloaded`."""
    frames_per_s: float
    user_connections: int
    """Of one person at once."""


class Connected(ServerFrame, frozen=True, kw_only=True):
    """The answer to `connect`: the first frame of every connection, and the answer to a renewed token."""

    user_id: UUID
    session_id: UUID
    """Of this connection, for support: it stands in the server's log."""
    epoch: str
    """Goes with every position of this connection. 1 to 40 of letters, digits and `-`."""
    head_id: Position
    """Without `last_event_id`: everything after it will be sent."""
    heartbeat_interval_s: float
    limits: ConnectionLimits


class Resumed(ServerFrame, frozen=True, kw_only=True):
    """The backlog is complete; live follows."""

    count: int
    """Events of the backlog."""
    through: Position
    """Everything of yours up to here has been sent."""


class ResyncRequired(ServerFrame, frozen=True, kw_only=True):
    """The connection cannot go on from there. Load `GET /v1/me/channels`, then `connect` with its `position` and `epoch` on
    this connection, within 60 s.
    """

    reason: ResyncReason
    """`epoch`: the log has another history now; `ahead`: the position is beyond the log; `backlog`: more than `max_backlog`."""


class Waiting(ServerFrame, frozen=True, kw_only=True):
    """Catch-ups are admitted a few at a time, and this one waits for its turn. For information; nothing is to be done."""

    retry_after_ms: int
    """About how long."""


class Heartbeat(ServerFrame, frozen=True, kw_only=True):
    """Everything of yours up to `id` has been sent: a quiet client's position moves too."""


class Error(ServerFrame, frozen=True, kw_only=True):
    """A frame was refused, and nothing was done. The connection stays open."""

    code: str
    """Stable; see the table of codes."""
    message: str
    """For people; may change."""
    field: str | None = None
    """The field that is wrong."""
    retry_after_ms: int | None = None
    """The same frame may be sent again after that."""


class Pong(ServerFrame, frozen=True, kw_only=True):
    """The answer to `ping`."""


class Batch(ServerFrame, frozen=True, kw_only=True):
    """Several event frames at once, as when they came one after the other."""

    frames: Annotated[tuple[msgspec.Raw, ...], Meta(min_length=2, max_length=BATCH_MAX_FRAMES)]
    """Event frames in order."""


class MessageSent(ServerFrame, frozen=True, kw_only=True):
    """The answer to `message`: it is in the log, durably."""

    message_id: UUID
    channel_id: UUID
    id: Position
    """The position of the event; its own frame comes too."""
    seq: int
    created_at: Time


class Done(ServerFrame, frozen=True, kw_only=True):
    """The answer to `edit_message`, `delete_message`, `add_reaction`, `remove_reaction`, `mark_read` and `mark_unread`."""

    id: Position
    """The position of the event; where nothing changed, one at which that was so."""
    seq: int | None
    """Null where nothing changed."""


class ChannelJoined(ServerFrame, frozen=True, kw_only=True):
    """The answer to `join_channel`."""

    channel_id: UUID
    role: str | None
    id: Position
    seq: int | None
    """Null for one who was in it already."""


class ChannelJoinError(ServerFrame, frozen=True, kw_only=True):
    """The other answer to `join_channel`."""

    channel_id: UUID
    code: str
    """`channel_access_denied` also where there is no such channel, or none that you may know of."""
    message: str


class ChannelLeft(ServerFrame, frozen=True, kw_only=True):
    """The answer to `leave_channel`."""

    channel_id: UUID
    id: Position
    seq: int | None


class UserStatus(ServerFrame, frozen=True, kw_only=True):
    """A signal: the presence of somebody with whom you share a channel."""

    user_id: UUID
    status: Status


class TypingSignal(ServerFrame, frozen=True, kw_only=True):
    """A signal: somebody types. It is over after 6 s without another one."""

    user_id: UUID
    channel_id: UUID
    parent_id: UUID | None = None


CONTROL_FRAMES: dict[str, type[ServerFrame]] = {
    "connected": Connected,
    "resumed": Resumed,
    "resync_required": ResyncRequired,
    "waiting": Waiting,
    "heartbeat": Heartbeat,
    "error": Error,
    "pong": Pong,
    "batch": Batch,
    "message_sent": MessageSent,
    "done": Done,
    "channel_joined": ChannelJoined,
    "channel_join_error": ChannelJoinError,
    "channel_left": ChannelLeft,
    "user_status": UserStatus,
    "typing": TypingSignal,
}
"""All that the server sends, but for event frames."""
ANSWERS: dict[str, tuple[str, ...]] = {
    "connect": ("connected", "waiting", "resumed", "resync_required"),
    "message": ("message_sent",),
    "edit_message": ("done",),
    "delete_message": ("done",),
    "add_reaction": ("done",),
    "remove_reaction": ("done",),
    "join_channel": ("channel_joined", "channel_join_error"),
    "leave_channel": ("channel_left",),
    "mark_read": ("done",),
    "mark_unread": ("done",),
    "typing": (),
    "status_update": (),
    "ping": ("pong",),
}
"""What may carry the `ref` of each client frame, besides `error`."""
SIGNALS = frozenset({"user_status", "typing"})
"""Never stored, never resumed, without a position."""
_TYPES = {kind: name for name, kind in CONTROL_FRAMES.items()}


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    ref: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


_TOO_DEEP = "The frame is nested too deeply."
_JSON_SPACE = " \t\n\r"


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
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
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
    except RecursionError:
        return Parsed(envelope.ref, None, Invalid(_TOO_DEEP, field="data"), envelope.type)


def _parse_strange(text: str) -> Parsed:
    """A frame that is no envelope: find out whether it is at least an object, and what its `ref` is."""
    import json  # noqa: PLC0415  the strict decoder is the rule; this one only explains

    try:
        value = json.loads(text)
    except RecursionError as error:
        whole = text.strip(_JSON_SPACE)
        if whole.startswith("{") and whole.endswith("}"):  # as far as can be told
            return Parsed(None, None, BadFrame(_TOO_DEEP), None)
        raise NotAnObject from error
    except ValueError as error:
        raise NotAnObject from error
    if not isinstance(value, dict):
        raise NotAnObject
    ref = value.get("ref")
    ref = ref if isinstance(ref, str) and len(ref) <= REF_MAX_CHARACTERS and ref.isprintable() else None
    kind = value.get("type")
    refused = BadFrame("A frame is an object of type, ref (a string) and data (an object).")
    return Parsed(ref, None, refused, kind if isinstance(kind, str) else None)


class ControlFrame(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A frame of the server's that is no event."""

    type: str
    id: Position | None = None
    """Of `heartbeat`."""
    ref: str | None = None
    """The `ref` of the client's frame that this answers."""
    data: ServerFrame | None = None


def control(data: ServerFrame, ref: str | None = None) -> bytes:
    """A control frame, a signal or an answer."""
    kind = type(data)
    return _encode(ControlFrame(_TYPES[kind], None, ref, data if kind.__struct_fields__ else None))


def connected(ref: str | None, *, user_id: UUID, session_id: UUID, epoch: str, head_id: int, limits: Limits) -> bytes:
    """The first frame: whom the server takes the client for, and where the log stands."""
    data = Connected(
        user_id=user_id,
        session_id=session_id,
        epoch=epoch,
        head_id=head_id,
        heartbeat_interval_s=limits.heartbeat_interval_s,
        limits=ConnectionLimits(
            frame_max_bytes=limits.frame_max_bytes,
            content_max_characters=CONTENT_MAX_CHARACTERS,
            commands_waiting_max=limits.commands_waiting_max,
            frames_per_s=limits.frames_per_s,
            user_connections=limits.user_connections,
        ),
    )
    return control(data, ref)


def heartbeat(position: int) -> bytes:
    """Everything of the connection's up to this position has been sent."""
    return _encode(ControlFrame("heartbeat", position))


def error(refusal: Refusal, ref: str | None) -> bytes:
    """The answer to a frame that was refused."""
    data = Error(code=refusal.code, message=str(refusal), field=refusal.field, retry_after_ms=refusal.retry_after_ms)
    return control(data, ref)


def batch(frames: list[bytes]) -> bytes:
    """Event frames in order, as one frame (`Batch`), without encoding them again."""
    return b'{"type":"batch","data":{"frames":[' + b",".join(frames) + b"]}}"
