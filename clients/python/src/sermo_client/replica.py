"""What a person's channels hold, kept true by events: timelines, members, read markers. An example of a store, and a check of
the protocol: after any events, cuts and resumes it equals one that is loaded afresh.

    replica = Replica(client.rest)
    async for item in client.events():      # of a client with start="snapshot"
        await replica.take(item)
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from sermo_client import frames
from sermo_client.calls import SermoRest
from sermo_client.frames import Event
from sermo_client.models import Message, MyChannel, Snapshot
from sermo_client.stream import Resynced


class Shown(msgspec.Struct):
    """A message of a timeline."""

    message_id: UUID
    seq: int
    author_id: UUID
    content: str
    created_at: datetime
    parent_id: UUID | None = None
    edited_at: datetime | None = None
    is_deleted: bool = False
    is_pinned: bool = False
    reactions: dict[str, list[UUID]] = {}
    """Emoji -> people, in order; at most the first 100 where it was loaded."""


class Room(msgspec.Struct):
    """A channel that the person is in."""

    name: str
    topic: str
    role: str
    level: str
    read_seq: int
    members: dict[UUID, str] = {}
    """Person -> role."""
    timeline: dict[UUID, Shown] = {}
    is_archived: bool = False
    as_of: int = 0
    """All of it is true at this position at least."""
    timeline_as_of: int = 0


class Replica:
    """Of one person. `history_max`: so many messages of each channel are loaded."""

    def __init__(self, rest: SermoRest, history_max: int = 1_000) -> None:
        self.rooms: dict[UUID, Room] = {}
        self.position = 0
        """Everything up to here is in."""
        self._rest = rest
        self._history_max = history_max
        self._me: UUID | None = None

    async def take(self, item: object) -> None:
        """Take in what the client has told, in its order."""
        if self._me is None:
            self._me = (await self._rest.me()).user_id
        match item:
            case Resynced(snapshot=snapshot):
                await self.load(snapshot)
            case frames.MemberJoined(data=data) if data.user_id == self._me:
                await self._load_room(item.channel_id, await self._rest.snapshot(min_position=item.id))
                self.position = item.id
            case Event():
                self.fold(item)

    async def load(self, snapshot: Snapshot | None = None) -> None:
        """Begin anew."""
        snapshot = snapshot or await self._rest.snapshot()
        self.rooms.clear()
        for channel in snapshot.channels:
            await self._load_room(channel.channel_id, snapshot)
        self.position = snapshot.position

    def state(self) -> dict[str, Any]:
        """All of it, to compare; timelines by seq."""
        return {
            str(channel_id): {
                **{name: getattr(room, name) for name in ("name", "topic", "role", "level", "read_seq", "is_archived")},
                "members": {str(user_id): role for user_id, role in sorted(room.members.items())},
                "timeline": [
                    msgspec.to_builtins(one) for one in sorted(room.timeline.values(), key=lambda one: one.seq)
                ],
            }
            for channel_id, room in sorted(self.rooms.items())
        }

    def fold(self, event: Event) -> None:
        """Take in one event; of a channel that is not there, or known up to it already, nothing."""
        self.position = max(self.position, event.id)
        room = self.rooms.get(event.channel_id) if event.channel_id is not None else None
        if room is None or event.channel_id is None:
            return
        if event.id > room.timeline_as_of:
            _fold_message(room.timeline, event)
        if event.id > room.as_of:
            self._fold_room(room, event.channel_id, event)

    def _fold_room(self, room: Room, channel_id: UUID, event: Event) -> None:
        match event:
            case frames.MemberJoined(data=joined):
                room.members[joined.user_id] = joined.role
            case frames.MemberUpdated(data=changed):
                room.members[changed.user_id] = changed.role
                if changed.user_id == self._me:
                    room.role = changed.role
            case frames.MemberLeft(data=left):
                room.members.pop(left.user_id, None)
                if left.user_id == self._me:
                    self.rooms.pop(channel_id, None)
            case frames.ChannelDeleted():
                self.rooms.pop(channel_id, None)
            case frames.ChannelUpdated(data=changes):
                room.name = changes.name if changes.name is not None else room.name
                room.topic = changes.topic if changes.topic is not None else room.topic
                if changes.archived_at is not msgspec.UNSET:
                    room.is_archived = changes.archived_at is not None
            case frames.UnreadCountUpdated(data=marker):
                room.read_seq = marker.read_seq
            case frames.LevelUpdated(data=level):
                room.level = level.level

    async def _load_room(self, channel_id: UUID, snapshot: Snapshot) -> None:
        channel = next((one for one in snapshot.channels if one.channel_id == channel_id), None)
        if channel is None:
            return  # left again meanwhile: that event comes too
        room = _room(channel, snapshot.position)
        for member in await self._rest.members(channel_id, min_position=snapshot.position):
            room.members[member.user_id] = member.role
        before: int | None = None
        while len(room.timeline) < self._history_max:
            page = await self._rest.messages(channel_id, before=before, limit=100, min_position=snapshot.position)
            room.timeline = {one.message_id: _shown(one) for one in page.messages} | room.timeline
            room.timeline_as_of = min(page.position, room.timeline_as_of or page.position)
            if not page.has_more_before or not page.messages:
                break
            before = page.messages[0].seq
        self.rooms[channel_id] = room


def _room(channel: MyChannel, position: int) -> Room:
    return Room(
        name=channel.name,
        topic=channel.topic,
        role=channel.role,
        level=channel.level,
        read_seq=channel.read_seq,
        is_archived=channel.archived_at is not None,
        as_of=position,
    )


def _shown(message: Message) -> Shown:
    return Shown(
        message_id=message.message_id,
        seq=message.seq,
        author_id=message.author_id,
        content=message.content,
        created_at=message.created_at,
        parent_id=message.parent_id,
        edited_at=message.edited_at,
        is_deleted=message.deleted_at is not None,
        is_pinned=message.pinned,
        reactions={one.emoji: list(one.user_ids) for one in message.reactions},
    )


def _fold_message(timeline: dict[UUID, Shown], event: Event) -> None:
    match event:
        case frames.NewMessage(data=posted) | frames.NewReply(data=posted):
            parent_id = posted.parent_id if isinstance(posted, frames.ReplyData) else None
            if parent_id is None or posted.also_to_channel:
                timeline[posted.message_id] = Shown(
                    posted.message_id, event.seq, posted.author_id, posted.content, posted.created_at, parent_id
                )
            return
        case frames.MessageUpdated() | frames.MessageDeleted() | frames.MessagePinned() | frames.MessageUnpinned():
            shown = timeline.get(event.data.message_id)
        case frames.ReactionAdded() | frames.ReactionRemoved():
            shown = timeline.get(event.data.message_id)
        case _:
            return
    if shown is not None:
        _fold_shown(shown, event)


def _fold_shown(shown: Shown, event: Event) -> None:
    match event:
        case frames.MessageUpdated(data=change):
            shown.content, shown.edited_at = change.content, change.edited_at
        case frames.MessageDeleted():
            shown.content, shown.is_deleted, shown.is_pinned, shown.reactions = "", True, False, {}
        case frames.MessagePinned():
            shown.is_pinned = True
        case frames.MessageUnpinned():
            shown.is_pinned = False
        case frames.ReactionAdded(data=reaction) if not shown.is_deleted:
            people = shown.reactions.setdefault(reaction.emoji, [])
            if reaction.user_id not in people:
                people.append(reaction.user_id)
        case frames.ReactionRemoved(data=reaction):
            people = shown.reactions.get(reaction.emoji, [])
            if reaction.user_id in people:
                people.remove(reaction.user_id)
            if not people:
                shown.reactions.pop(reaction.emoji, None)
