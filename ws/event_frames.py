"""The frame of each event of the log: made from the event alone, so that replay equals live; only what a deletion has
emptied and the counts of `unread_count_updated` come from elsewhere.

What the frames' `data` holds is one struct for each type, in `EVENT_FRAMES`; `channel_id` stands beside it. This is the
hottest code of a node: a frame takes some 1.5 microseconds, half of it msgspec's.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeGuard, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import attachment, block, channel, membership, message, reaction, reading, user
from domain.channel_state import ChannelKind, Role
from domain.decider import Event, Recorded, Unknown
from domain.ids import WORKSPACE_FEED
from domain.times import to_json
from ws.frames import Position, ServerFrame, Time

_encode = msgspec.json.Encoder().encode


class Attachment(ServerFrame, frozen=True, kw_only=True):
    """A file of a message."""

    attachment_id: UUID
    name: str
    media_type: str
    """As the uploader declared it."""
    size: int
    """Bytes."""


class NewMessage(ServerFrame, frozen=True, kw_only=True):
    """A message was posted."""

    message_id: UUID
    author_id: UUID
    content: str
    created_at: Time
    """The event's own time: of an imported message, when it was first written."""
    also_to_channel: bool
    mentions: tuple[UUID, ...]
    """The people who were mentioned by name."""
    mentions_channel: bool
    attachments: tuple[Attachment, ...] = ()
    """Its files: `GET /v1/attachments/` and the id."""
    redacted: bool = False
    """The message was deleted since: its content is empty, and so are its mentions and attachments."""


class NewReply(NewMessage, frozen=True, kw_only=True):
    """A reply was posted, on the channel's page too (`also_to_channel`) or not."""

    parent_id: UUID
    """The thread's root."""


class MessageUpdated(ServerFrame, frozen=True, kw_only=True):
    """A message was edited."""

    message_id: UUID
    content: str
    edited_at: Time
    mentions: tuple[UUID, ...]
    mentions_channel: bool
    by: UUID
    redacted: bool = False
    """The message was deleted since: its content is empty, and so are its mentions."""


class MessageDeleted(ServerFrame, frozen=True, kw_only=True):
    """A message was deleted; it keeps its place, empty."""

    message_id: UUID
    by: UUID


class MessagePinned(ServerFrame, frozen=True, kw_only=True):
    """A message was pinned."""

    message_id: UUID
    by: UUID


class MessageUnpinned(ServerFrame, frozen=True, kw_only=True):
    """A message is pinned no more. One that is deleted loses its pin without this."""

    message_id: UUID
    by: UUID


class ReactionAdded(ServerFrame, frozen=True, kw_only=True):
    """Somebody has put an emoji on a message."""

    message_id: UUID
    user_id: UUID
    emoji: str


class ReactionRemoved(ServerFrame, frozen=True, kw_only=True):
    """Somebody has taken an emoji back."""

    message_id: UUID
    user_id: UUID
    emoji: str


class ChannelCreated(ServerFrame, frozen=True, kw_only=True):
    """A public channel was made. Of other channels the members see `member_joined` alone."""

    kind: ChannelKind
    name: str
    topic: str
    created_by: UUID
    created_at: Time


class ChannelUpdated(ServerFrame, frozen=True, kw_only=True):
    """A channel was renamed, got another topic, was archived or opened again."""

    by: UUID
    name: str | None = None
    topic: str | None = None
    archived_at: Time | UnsetType | None = UNSET
    """Null when it was opened again."""


class ChannelDeleted(ServerFrame, frozen=True, kw_only=True):
    """A channel was deleted: the last frame of its feed."""

    by: UUID


class MemberJoined(ServerFrame, frozen=True, kw_only=True):
    """Somebody joined or was added; one's own join begins the channel's feed, and says what the channel is."""

    user_id: UUID
    role: Role
    by: UUID | None = None
    """Who added the person."""
    kind: ChannelKind
    name: str
    topic: str


class MemberLeft(ServerFrame, frozen=True, kw_only=True):
    """Somebody left or was removed; one's own end is the last frame of the channel's feed."""

    user_id: UUID
    by: UUID | None = None
    """Who removed the person."""


class MemberUpdated(ServerFrame, frozen=True, kw_only=True):
    """Somebody has another role."""

    user_id: UUID
    role: Role
    by: UUID


class UnreadCountUpdated(ServerFrame, frozen=True, kw_only=True):
    """Your read marker of a channel moved, here or on another device. The counts are of the time of sending."""

    read_seq: int
    """The marker: everything up to it has been read."""
    unread_count: int
    unread_capped: bool
    """There are more than `unread_count`."""
    mention_count: int
    mention_capped: bool = False
    """There may be more than `mention_count`."""
    as_of: Position
    """The position at which the counts are true."""


class ThreadUpdated(ServerFrame, frozen=True, kw_only=True):
    """Your read marker of a thread moved, or you follow it or not, by your own choice. One of the two."""

    parent_id: UUID
    """The thread's root."""
    followed: bool | None = None
    read_seq: int | None = None


class LevelUpdated(ServerFrame, frozen=True, kw_only=True):
    """What you want to be told of a channel."""

    level: reading.Level


class UserUpdated(ServerFrame, frozen=True, kw_only=True):
    """Somebody registered, changed these of their fields, or was deactivated."""

    user_id: UUID
    username: str | None = None
    display_name: str | None = None
    status_text: str | None = None
    is_admin: bool | None = None
    """Of the whole server. A registration says it only where it is so."""
    deactivated_at: Time | UnsetType | None = UNSET
    """Null when the person was reactivated."""


class BlockUpdated(ServerFrame, frozen=True, kw_only=True):
    """You block somebody, or block them no more."""

    user_id: UUID
    """The other one."""
    blocked: bool


EVENT_FRAMES: dict[str, type[ServerFrame]] = {
    "new_message": NewMessage,
    "new_reply": NewReply,
    "message_updated": MessageUpdated,
    "message_deleted": MessageDeleted,
    "message_pinned": MessagePinned,
    "message_unpinned": MessageUnpinned,
    "reaction_added": ReactionAdded,
    "reaction_removed": ReactionRemoved,
    "channel_created": ChannelCreated,
    "channel_updated": ChannelUpdated,
    "channel_deleted": ChannelDeleted,
    "member_joined": MemberJoined,
    "member_left": MemberLeft,
    "member_updated": MemberUpdated,
    "unread_count_updated": UnreadCountUpdated,
    "thread_updated": ThreadUpdated,
    "level_updated": LevelUpdated,
    "user_updated": UserUpdated,
    "block_updated": BlockUpdated,
}
_TYPES = {kind: name for name, kind in EVENT_FRAMES.items()}


class EventFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A frame of an event."""

    type: str
    id: Position
    """The event's position in the log: rises strictly, and is what a resume names."""
    feed: str
    """`workspace`, `me`, or `channel:` and the channel's id."""
    seq: int
    """The event's number in its feed: rises by exactly one as long as the feed is followed."""
    at: Time
    """When the event was recorded."""
    channel_id: UUID | None = None
    """Of events of a channel."""
    data: ServerFrame


class Badge(msgspec.Struct, frozen=True):
    """The counts of one channel, and the position at which they are true."""

    unread_count: int
    unread_capped: bool
    mention_count: int
    as_of: int
    mention_capped: bool = False


def is_marker(event: Event | Unknown) -> TypeGuard[reading.MarkedRead | reading.MarkedUnread]:
    """Whether the event's frame carries counts, which are asked for when it is sent."""
    return isinstance(event, reading.MarkedRead | reading.MarkedUnread) and event.parent_id is None


def event_frame(recorded: Recorded, *, redacted: bool = False, badge: Badge | None = None) -> bytes | None:
    """The frame of an event; None for one that concerns no feed or has an unknown type.

    `redacted`: its content was deleted since, and is left out. `badge`: the counts, which a channel's marker needs.
    """
    event, feed_id, seq = recorded.event, recorded.feed_id, recorded.seq
    if feed_id is None or seq is None or isinstance(event, Unknown):
        return None
    if badge is not None:
        data = _counted(event, badge)
    else:
        data = _DATA[type(event)](recorded, event)
        if redacted and isinstance(data, NewMessage | MessageUpdated):
            data = replace(data, content="", mentions=(), mentions_channel=False, redacted=True)
            if isinstance(data, NewMessage):
                data = replace(data, attachments=())
    return _encode(
        EventFrame(
            type=_TYPES[type(data)],
            id=recorded.position,
            feed="me" if type(event) in _OWN else _shared_feed(feed_id.int),
            seq=seq,
            at=to_json(recorded.recorded_at),
            channel_id=getattr(event, "channel_id", None),
            data=data,
        )
    )


_OWN = frozenset((*get_args(reading.ReadingEvent), *get_args(block.BlockEvent)))
"""Events on a person's own feed."""


@lru_cache(maxsize=4_096)
def _shared_feed(feed: int) -> str:
    """A feed's name on the wire. Kept, since printing an id takes as long as a frame's other fields together; by the id's
    number, since ids themselves are compared in Python.
    """
    return "workspace" if feed == WORKSPACE_FEED.int else f"channel:{UUID(int=feed)}"


def _posted(recorded: Recorded, event: message.MessagePosted) -> ServerFrame:
    if event.parent_id is None:
        return NewMessage(
            message_id=recorded.stream_id,
            author_id=event.author_id,
            content=event.content,
            created_at=to_json(event.created_at),
            also_to_channel=event.also_to_channel,
            mentions=event.mentions,
            mentions_channel=event.mentions_channel,
            attachments=_attachments(event.attachments),
        )
    return NewReply(
        message_id=recorded.stream_id,
        author_id=event.author_id,
        content=event.content,
        created_at=to_json(event.created_at),
        also_to_channel=event.also_to_channel,
        mentions=event.mentions,
        mentions_channel=event.mentions_channel,
        attachments=_attachments(event.attachments),
        parent_id=event.parent_id,
    )


def _attachments(attached: tuple[attachment.Attached, ...]) -> tuple[Attachment, ...]:
    if not attached:
        return ()
    return tuple(
        Attachment(attachment_id=a.attachment_id, name=a.name, media_type=a.media_type, size=a.size) for a in attached
    )


def _edited(recorded: Recorded, event: message.MessageEdited) -> ServerFrame:
    return MessageUpdated(
        message_id=recorded.stream_id,
        content=event.content,
        edited_at=to_json(event.at),
        mentions=event.mentions,
        mentions_channel=event.mentions_channel,
        by=event.by,
    )


def _created(_: Recorded, event: channel.ChannelCreated) -> ServerFrame:
    return ChannelCreated(
        kind=event.kind,
        name=event.name,
        topic=event.topic,
        created_by=event.created_by,
        created_at=to_json(event.created_at),
    )


def _joined(_: Recorded, event: membership.MemberJoined) -> ServerFrame:
    return MemberJoined(
        user_id=event.user_id, role=event.role, by=event.by, kind=event.kind, name=event.name, topic=event.topic
    )


def _read_seq(event: reading.MarkedRead | reading.MarkedUnread) -> int:
    return event.seq if isinstance(event, reading.MarkedRead) else event.seq - 1


def _marked(_: Recorded, event: reading.MarkedRead | reading.MarkedUnread) -> ServerFrame:
    assert event.parent_id is not None, "a channel's marker is sent with its counts"
    return ThreadUpdated(parent_id=event.parent_id, read_seq=_read_seq(event))


def _counted(event: Event, badge: Badge) -> ServerFrame:
    assert is_marker(event), "only a channel's marker has counts"
    return UnreadCountUpdated(
        read_seq=_read_seq(event),
        unread_count=badge.unread_count,
        unread_capped=badge.unread_capped,
        mention_count=badge.mention_count,
        mention_capped=badge.mention_capped,
        as_of=badge.as_of,
    )


def _registered(_: Recorded, event: user.UserRegistered) -> ServerFrame:
    return UserUpdated(
        user_id=event.user_id,
        username=event.username,
        display_name=event.display_name,
        is_admin=event.is_admin or None,
    )


_DATA: dict[type[Event], Callable[[Recorded, Any], ServerFrame]] = {
    user.UserRegistered: _registered,
    user.ProfileChanged: lambda _, e: UserUpdated(user_id=e.user_id, display_name=e.display_name),
    user.StatusTextSet: lambda _, e: UserUpdated(user_id=e.user_id, status_text=e.status_text),
    user.UserDeactivated: lambda _, e: UserUpdated(user_id=e.user_id, deactivated_at=to_json(e.at)),
    user.UserReactivated: lambda _, e: UserUpdated(user_id=e.user_id, deactivated_at=None),
    user.AdminSet: lambda _, e: UserUpdated(user_id=e.user_id, is_admin=e.is_admin),
    block.UserBlocked: lambda _, e: BlockUpdated(user_id=e.blocked_id, blocked=True),
    block.UserUnblocked: lambda _, e: BlockUpdated(user_id=e.blocked_id, blocked=False),
    channel.ChannelCreated: _created,
    channel.ChannelRenamed: lambda _, e: ChannelUpdated(name=e.name, by=e.by),
    channel.TopicChanged: lambda _, e: ChannelUpdated(topic=e.topic, by=e.by),
    channel.ChannelArchived: lambda _, e: ChannelUpdated(archived_at=to_json(e.at), by=e.by),
    channel.ChannelUnarchived: lambda _, e: ChannelUpdated(archived_at=None, by=e.by),
    channel.ChannelDeleted: lambda _, e: ChannelDeleted(by=e.by),
    membership.MemberJoined: _joined,
    membership.MemberLeft: lambda _, e: MemberLeft(user_id=e.user_id),
    membership.MemberRemoved: lambda _, e: MemberLeft(user_id=e.user_id, by=e.by),
    membership.RoleChanged: lambda _, e: MemberUpdated(user_id=e.user_id, role=e.role, by=e.by),
    message.MessagePosted: _posted,
    message.MessageEdited: _edited,
    message.MessageDeleted: lambda r, e: MessageDeleted(message_id=r.stream_id, by=e.by),
    message.MessagePinned: lambda r, e: MessagePinned(message_id=r.stream_id, by=e.by),
    message.MessageUnpinned: lambda r, e: MessageUnpinned(message_id=r.stream_id, by=e.by),
    reaction.ReactionAdded: lambda _, e: ReactionAdded(message_id=e.message_id, user_id=e.user_id, emoji=e.emoji),
    reaction.ReactionRemoved: lambda _, e: ReactionRemoved(message_id=e.message_id, user_id=e.user_id, emoji=e.emoji),
    reading.MarkedRead: _marked,
    reading.MarkedUnread: _marked,
    reading.ThreadFollowed: lambda _, e: ThreadUpdated(parent_id=e.parent_id, followed=True),
    reading.ThreadUnfollowed: lambda _, e: ThreadUpdated(parent_id=e.parent_id, followed=False),
    reading.LevelSet: lambda _, e: LevelUpdated(level=e.level),
}
