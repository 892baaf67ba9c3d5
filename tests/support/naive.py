"""What the views count, counted naively: the definitions of docs/unread.md over the whole log, without any thought of speed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.reading import LevelSet, MarkedRead, MarkedUnread, ThreadFollowed, ThreadUnfollowed


@dataclass
class Message:
    """A message as the log leaves it."""

    message_id: UUID
    posted: MessagePosted
    seq: int
    position: int
    mentions: tuple[UUID, ...]
    mentions_channel: bool
    is_deleted: bool = False

    @property
    def on_page(self) -> bool:
        """A root, or a reply also sent to the channel."""
        return self.posted.parent_id is None or self.posted.also_to_channel

    def mentions_person(self, user_id: UUID) -> bool:
        """By name or with everybody."""
        return user_id in self.mentions or self.mentions_channel


@dataclass
class Naive:
    """The definitions, over the log, without any thought of speed."""

    events: Sequence[Recorded]
    messages: dict[UUID, Message] = field(default_factory=dict)
    members: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    """Channel and person: the seq of the join that counts."""
    markers: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    threads_read: dict[tuple[UUID, UUID], tuple[int, int]] = field(default_factory=dict)
    """Channel and person: up to where the threads are read, and the position that said so."""
    thread_marks: dict[tuple[UUID, UUID], tuple[int, int]] = field(default_factory=dict)
    """Root and person: the thread's own marker, and the position of its last mark_unread."""
    starts: dict[tuple[UUID, UUID], tuple[int, int]] = field(default_factory=dict)
    """Root and person, who follows: what comes after this counts; and the position, where it began by hand."""
    chosen: set[tuple[UUID, UUID]] = field(default_factory=set)
    levels: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    heads: dict[UUID, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for recorded in self.events:
            if recorded.feed_id is not None:
                self.heads[recorded.feed_id] = recorded.seq or 0
            self._take(recorded)

    def _take(self, recorded: Recorded) -> None:
        seq = recorded.seq or 0
        match recorded.event:
            case MessagePosted() as e:
                message = Message(recorded.stream_id, e, seq, recorded.position, e.mentions, e.mentions_channel)
                self.messages[recorded.stream_id] = message
                self._follow(message, e.author_id, *e.mentions)
            case MessageEdited() as e:
                message = self.messages[recorded.stream_id]
                message.mentions, message.mentions_channel = e.mentions, e.mentions_channel
                self._follow(message, *e.mentions)
            case MessageDeleted():
                self.messages[recorded.stream_id].is_deleted = True
            case MemberJoined() as e:
                key = (e.channel_id, e.user_id)
                self.members[key] = self.markers[key] = seq
                self.threads_read[key] = (seq, recorded.position)
            case MemberLeft() | MemberRemoved() as e:
                del self.members[e.channel_id, e.user_id]
            case ChannelDeleted() as e:
                self.members = {key: at for key, at in self.members.items() if key[0] != e.channel_id}
            case MarkedRead(parent_id=None) as e:
                key = (e.channel_id, e.user_id)
                self.markers[key] = max(self.markers[key], e.seq)
                if e.with_threads:
                    self.threads_read[key] = (max(self.threads_read[key][0], e.seq), recorded.position)
            case MarkedRead(parent_id=UUID() as root_id) as e:
                own, unread_at = self.thread_marks.get((root_id, e.user_id), (0, 0))
                self.thread_marks[root_id, e.user_id] = (max(own, e.seq), unread_at)
            case MarkedUnread(parent_id=None) as e:
                self.markers[e.channel_id, e.user_id] = e.seq - 1
            case MarkedUnread(parent_id=UUID() as root_id) as e:
                self.thread_marks[root_id, e.user_id] = (e.seq - 1, recorded.position)
            case ThreadFollowed() as e:
                self.chosen.add((e.parent_id, e.user_id))
                self.starts.setdefault((e.parent_id, e.user_id), (e.from_seq, recorded.position))
            case ThreadUnfollowed() as e:
                self.chosen.add((e.parent_id, e.user_id))
                self.starts.pop((e.parent_id, e.user_id), None)
            case LevelSet() as e:
                self.levels[e.channel_id, e.user_id] = e.level

    def _follow(self, reply: Message, *people: UUID) -> None:
        """A reply by somebody, or that mentions them, is a reason to follow, unless they have chosen by hand."""
        if reply.posted.parent_id is None:
            return
        for user_id in people:
            key = (reply.posted.parent_id, user_id)
            if key not in self.chosen:
                self.starts[key] = min(self.starts.get(key, (reply.seq, 0)), (reply.seq - 1, 0))

    def channels_of(self, user_id: UUID) -> list[UUID]:
        """Where the person is a member."""
        return [channel_id for channel_id, member in self.members if member == user_id]

    def thread_marker(self, user_id: UUID, root_id: UUID) -> int | None:
        """The latest of what was set since the thread was last marked as unread; None for who does not follow it."""
        if (root_id, user_id) not in self.starts:
            return None
        channel_id = self.messages[root_id].posted.channel_id
        own, unread_at = self.thread_marks.get((root_id, user_id), (0, 0))
        others = (self.starts[root_id, user_id], self.threads_read.get((channel_id, user_id), (0, 0)))
        return max([own, *(seq for seq, position in others if position >= unread_at)])

    def _others(self, channel_id: UUID, user_id: UUID) -> Iterable[Message]:
        return (
            m
            for m in self.messages.values()
            if m.posted.channel_id == channel_id and m.posted.author_id != user_id and not m.is_deleted
        )

    def unread_count(self, channel_id: UUID, user_id: UUID) -> int:
        """Messages on the page past the marker, not mine, not deleted."""
        marker = self.markers[channel_id, user_id]
        return sum(m.on_page and m.seq > marker for m in self._others(channel_id, user_id))

    def mention_count(self, channel_id: UUID, user_id: UUID) -> int:
        """Those that mention me past the marker that applies."""
        count = 0
        for message in self._others(channel_id, user_id):
            root_id = message.posted.parent_id
            marker = None if root_id is None else self.thread_marker(user_id, root_id)
            if marker is None and message.on_page:
                marker = self.markers[channel_id, user_id]
            if marker is not None and message.seq > marker and message.mentions_person(user_id):
                count += 1
        return count

    def replies(self, root_id: UUID) -> tuple[int, datetime | None]:
        """How many there are, and the time of the newest."""
        left = [m for m in self.messages.values() if m.posted.parent_id == root_id and not m.is_deleted]
        return len(left), max(left, key=lambda m: m.seq).posted.created_at if left else None

    def last_message(self, channel_id: UUID) -> UUID | None:
        """The newest that is left on the page."""
        left = [m for m in self.messages.values() if m.posted.channel_id == channel_id]
        left = [m for m in left if m.on_page and not m.is_deleted]
        return max(left, key=lambda m: m.seq).message_id if left else None

    def threads_of(self, user_id: UUID) -> list["Thread"]:
        """What the person follows in their channels, newest activity first; a deleted root without replies is no thread."""
        found = []
        for root_id, follower in self.starts:
            root = self.messages[root_id]
            if follower != user_id or (root.posted.channel_id, user_id) not in self.members:
                continue
            if root.is_deleted and self.replies(root_id)[0] == 0:
                continue
            marker = self.thread_marker(user_id, root_id)
            assert marker is not None
            replies = [m for m in self.messages.values() if m.posted.parent_id == root_id]
            unread = [m for m in self._others(root.posted.channel_id, user_id) if m in replies and m.seq > marker]
            mentions = sum(m.mentions_person(user_id) for m in unread)
            place = max((m.position for m in replies), default=root.position)
            found.append(Thread(root_id, place, marker, len(unread), mentions))
        return sorted(found, key=lambda thread: -thread.place)


@dataclass(frozen=True)
class Thread:
    """A followed thread, as the log leaves it."""

    root_id: UUID
    place: int
    read_seq: int
    unread_count: int
    mention_count: int
