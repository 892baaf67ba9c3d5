"""The socket's frames as types (docs/protocol.md of the server): events and signals as tagged unions, answers, control.

A frame of an unknown type is no error: with an `id` it is an `UnknownEvent`, which moves the position, else an
`UnknownFrame`. So is one of a known type whose shape this version does not understand. Unknown fields are passed over.
"""

from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in `data`."""


class Attachment(Data, frozen=True, kw_only=True):
    attachment_id: UUID
    name: str
    media_type: str
    size: int


class MessageData(Data, frozen=True, kw_only=True):
    message_id: UUID
    author_id: UUID
    content: str
    created_at: datetime
    also_to_channel: bool = False
    mentions: tuple[UUID, ...] = ()
    mentions_channel: bool = False
    attachments: tuple[Attachment, ...] = ()
    redacted: bool = False
    """Deleted since: the content is empty."""


class ReplyData(MessageData, frozen=True, kw_only=True):
    parent_id: UUID
    """The thread's root."""


class UpdateData(Data, frozen=True, kw_only=True):
    message_id: UUID
    content: str
    edited_at: datetime
    by: UUID
    mentions: tuple[UUID, ...] = ()
    mentions_channel: bool = False
    redacted: bool = False


class OfMessageData(Data, frozen=True, kw_only=True):
    message_id: UUID
    by: UUID


class ReactionData(Data, frozen=True, kw_only=True):
    message_id: UUID
    user_id: UUID
    emoji: str


class ChannelCreatedData(Data, frozen=True, kw_only=True):
    kind: str
    name: str
    topic: str
    created_by: UUID
    created_at: datetime


class ChannelUpdatedData(Data, frozen=True, kw_only=True):
    by: UUID
    name: str | None = None
    topic: str | None = None
    archived_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    """None when it was opened again; unset where that did not change."""


class ByData(Data, frozen=True, kw_only=True):
    by: UUID


class JoinedData(Data, frozen=True, kw_only=True):
    user_id: UUID
    role: str
    by: UUID | None = None
    kind: str = ""
    name: str = ""
    topic: str = ""


class LeftData(Data, frozen=True, kw_only=True):
    user_id: UUID
    by: UUID | None = None


class RoleData(Data, frozen=True, kw_only=True):
    user_id: UUID
    role: str
    by: UUID


class UnreadData(Data, frozen=True, kw_only=True):
    read_seq: int
    unread_count: int
    unread_capped: bool
    mention_count: int
    mention_capped: bool = False
    as_of: int


class ThreadData(Data, frozen=True, kw_only=True):
    parent_id: UUID
    followed: bool | None = None
    read_seq: int | None = None


class LevelData(Data, frozen=True, kw_only=True):
    level: str


class UserData(Data, frozen=True, kw_only=True):
    user_id: UUID
    username: str | None = None
    display_name: str | None = None
    status_text: str | None = None
    is_admin: bool | None = None
    deactivated_at: datetime | msgspec.UnsetType | None = msgspec.UNSET


class BlockData(Data, frozen=True, kw_only=True):
    user_id: UUID
    blocked: bool


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What has happened: one entry of the log."""

    id: int
    """The position in the log: rises strictly."""
    feed: str
    seq: int
    """The number in its feed: rises by one."""
    at: datetime
    channel_id: UUID | None = None


class OfChannel(Event, frozen=True, kw_only=True):
    """An event of a channel."""

    channel_id: UUID


class NewMessage(OfChannel, frozen=True, kw_only=True, tag="new_message"):
    data: MessageData


class NewReply(OfChannel, frozen=True, kw_only=True, tag="new_reply"):
    data: ReplyData


class MessageUpdated(OfChannel, frozen=True, kw_only=True, tag="message_updated"):
    data: UpdateData


class MessageDeleted(OfChannel, frozen=True, kw_only=True, tag="message_deleted"):
    data: OfMessageData


class MessagePinned(OfChannel, frozen=True, kw_only=True, tag="message_pinned"):
    data: OfMessageData


class MessageUnpinned(OfChannel, frozen=True, kw_only=True, tag="message_unpinned"):
    data: OfMessageData


class ReactionAdded(OfChannel, frozen=True, kw_only=True, tag="reaction_added"):
    data: ReactionData


class ReactionRemoved(OfChannel, frozen=True, kw_only=True, tag="reaction_removed"):
    data: ReactionData


class ChannelCreated(OfChannel, frozen=True, kw_only=True, tag="channel_created"):
    data: ChannelCreatedData


class ChannelUpdated(OfChannel, frozen=True, kw_only=True, tag="channel_updated"):
    data: ChannelUpdatedData


class ChannelDeleted(OfChannel, frozen=True, kw_only=True, tag="channel_deleted"):
    data: ByData


class MemberJoined(OfChannel, frozen=True, kw_only=True, tag="member_joined"):
    data: JoinedData


class MemberLeft(OfChannel, frozen=True, kw_only=True, tag="member_left"):
    data: LeftData


class MemberUpdated(OfChannel, frozen=True, kw_only=True, tag="member_updated"):
    data: RoleData


class UnreadCountUpdated(OfChannel, frozen=True, kw_only=True, tag="unread_count_updated"):
    data: UnreadData


class ThreadUpdated(OfChannel, frozen=True, kw_only=True, tag="thread_updated"):
    data: ThreadData


class LevelUpdated(OfChannel, frozen=True, kw_only=True, tag="level_updated"):
    data: LevelData


class UserUpdated(Event, frozen=True, kw_only=True, tag="user_updated"):
    data: UserData


class BlockUpdated(Event, frozen=True, kw_only=True, tag="block_updated"):
    data: BlockData


class UnknownEvent(Event, frozen=True, kw_only=True):
    """An event of another version."""

    kind: str
    """Its type."""
    data: Any = None


KnownEvent: TypeAlias = (
    NewMessage
    | NewReply
    | MessageUpdated
    | MessageDeleted
    | MessagePinned
    | MessageUnpinned
    | ReactionAdded
    | ReactionRemoved
    | ChannelCreated
    | ChannelUpdated
    | ChannelDeleted
    | MemberJoined
    | MemberLeft
    | MemberUpdated
    | UnreadCountUpdated
    | ThreadUpdated
    | LevelUpdated
    | UserUpdated
    | BlockUpdated
)
"""Match over this, and pass over the rest."""
