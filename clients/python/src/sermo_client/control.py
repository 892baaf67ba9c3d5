"""The frames that are no events: control, answers and signals; and how any frame is read."""

from datetime import datetime
from typing import Any, get_args
from uuid import UUID

import msgspec

from sermo_client.frames import Data, Event, KnownEvent, UnknownEvent


class Limits(Data, frozen=True, kw_only=True):
    frame_max_bytes: int = 65_536
    content_max_characters: int = 4_096
    commands_waiting_max: int = 16


class ConnectedData(Data, frozen=True, kw_only=True):
    user_id: UUID
    session_id: UUID
    epoch: str
    head_id: int
    heartbeat_interval_s: float = 20.0
    limits: Limits = Limits()


class ResumedData(Data, frozen=True, kw_only=True):
    count: int
    through: int


class ResyncData(Data, frozen=True, kw_only=True):
    reason: str


class WaitingData(Data, frozen=True, kw_only=True):
    retry_after_ms: int


class ErrorData(Data, frozen=True, kw_only=True):
    code: str
    message: str = ""
    field: str | None = None
    retry_after_ms: int | None = None


class MessageSentData(Data, frozen=True, kw_only=True):
    message_id: UUID
    channel_id: UUID
    id: int
    seq: int
    created_at: datetime


class DoneData(Data, frozen=True, kw_only=True):
    id: int
    seq: int | None = None
    """None where nothing changed."""


class ChannelJoinedData(Data, frozen=True, kw_only=True):
    channel_id: UUID
    id: int
    role: str | None = None
    seq: int | None = None


class JoinErrorData(Data, frozen=True, kw_only=True):
    channel_id: UUID
    code: str
    message: str = ""


class ChannelLeftData(Data, frozen=True, kw_only=True):
    channel_id: UUID
    id: int
    seq: int | None = None


class StatusData(Data, frozen=True, kw_only=True):
    user_id: UUID
    status: str


class TypingData(Data, frozen=True, kw_only=True):
    user_id: UUID
    channel_id: UUID
    parent_id: UUID | None = None


class Control(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """No event: has no place in the log."""

    ref: str | None = None
    """Of the frame that it answers."""


class Connected(Control, frozen=True, kw_only=True, tag="connected"):
    data: ConnectedData


class Resumed(Control, frozen=True, kw_only=True, tag="resumed"):
    data: ResumedData


class ResyncRequired(Control, frozen=True, kw_only=True, tag="resync_required"):
    data: ResyncData


class Waiting(Control, frozen=True, kw_only=True, tag="waiting"):
    data: WaitingData


class Heartbeat(Control, frozen=True, kw_only=True, tag="heartbeat"):
    id: int


class Error(Control, frozen=True, kw_only=True, tag="error"):
    """A refusal; one that no call waits for is delivered like a signal."""

    data: ErrorData


class Pong(Control, frozen=True, kw_only=True, tag="pong"):
    pass


class MessageSent(Control, frozen=True, kw_only=True, tag="message_sent"):
    data: MessageSentData


class Done(Control, frozen=True, kw_only=True, tag="done"):
    data: DoneData


class ChannelJoined(Control, frozen=True, kw_only=True, tag="channel_joined"):
    data: ChannelJoinedData


class ChannelJoinError(Control, frozen=True, kw_only=True, tag="channel_join_error"):
    data: JoinErrorData


class ChannelLeft(Control, frozen=True, kw_only=True, tag="channel_left"):
    data: ChannelLeftData


class Signal(Control, frozen=True, kw_only=True):
    """Ephemeral: never stored, never resumed."""


class UserStatus(Signal, frozen=True, kw_only=True, tag="user_status"):
    data: StatusData


class Typing(Signal, frozen=True, kw_only=True, tag="typing"):
    data: TypingData


class UnknownFrame(Control, frozen=True, kw_only=True):
    """A frame of another version that is no event."""

    kind: str
    data: Any = None


_KINDS: list[type[Event] | type[Control]] = [
    *get_args(KnownEvent),
    *(Connected, Resumed, ResyncRequired, Waiting, Heartbeat, Error, Pong),
    *(MessageSent, Done, ChannelJoined, ChannelJoinError, ChannelLeft, UserStatus, Typing),
]
TYPES: dict[str, type[Event] | type[Control]] = {str(kind.__struct_config__.tag): kind for kind in _KINDS}
"""Every type that this version knows."""
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in TYPES.items()}


class _Head(msgspec.Struct):
    type: str
    id: int | None = None
    ref: str | None = None
    feed: str | None = None
    seq: int | None = None
    at: datetime | None = None
    channel_id: UUID | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Batch(msgspec.Struct):
    frames: list[msgspec.Raw]


_head = msgspec.json.Decoder(_Head)
_batch = msgspec.json.Decoder(_Batch)


def decode(text: str | bytes | msgspec.Raw) -> list[Event | Control]:
    """Read what the server sent, a batch as its frames. Raises `msgspec.DecodeError` for what is no frame at all."""
    head = _head.decode(text)
    if head.type == "batch":
        return [one for part in _batch.decode(head.data).frames for one in decode(part)]
    decoder = _DECODERS.get(head.type)
    if decoder is not None:
        try:
            return [decoder.decode(text)]
        except msgspec.ValidationError:
            pass  # of a later version: known by name alone
    return [_unknown(head)]


def _unknown(head: _Head) -> Event | Control:
    data = msgspec.json.decode(head.data)
    if head.id is None or head.feed is None or head.seq is None or head.at is None:
        return UnknownFrame(kind=head.type, ref=head.ref, data=data)
    return UnknownEvent(
        kind=head.type,
        id=head.id,
        feed=head.feed,
        seq=head.seq,
        at=head.at,
        channel_id=head.channel_id,
        data=data,
    )
