"""What a person has read, follows and wants to hear of: markers of channels and threads, follows by hand, levels.

One small stream for each person and channel or thread, on the person's own feed. What changes nothing is no event.
"""

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from domain.access import may_take_part
from domain.decider import Command, Event, Loaded, Needs, NewEvent, State
from domain.errors import Invalid, NotFound
from domain.ids import membership_id, reading_id
from domain.message import MessageState, hidden_as


class Level(enum.StrEnum):
    """What of a channel a person wants to be told; counts are the same at each level."""

    ALL = "all"
    MENTIONS = "mentions"
    MUTED = "muted"


class MarkedRead(Event, frozen=True, kw_only=True):
    user_id: UUID
    channel_id: UUID
    seq: int
    """Of the channel's feed: everything up to it has been read."""
    at: datetime
    parent_id: UUID | None = None
    """The thread's root; None for the channel's page."""
    with_threads: bool = False
    """Of a channel: every thread that the person follows in it is read up to `seq` too."""


class MarkedUnread(Event, frozen=True, kw_only=True):
    user_id: UUID
    channel_id: UUID
    seq: int
    """Of the channel's feed: this message and what follows is unread again."""
    over_seq: int
    """What the join, and of a thread a mark of the channel with its threads, had set: only a later one counts again."""
    at: datetime
    parent_id: UUID | None = None
    """The thread's root; None for the channel's page."""


class ThreadFollowed(Event, frozen=True, kw_only=True):
    """By hand."""

    user_id: UUID
    channel_id: UUID
    parent_id: UUID
    from_seq: int
    """The channel feed's head: what comes after it counts, where the thread was not followed already."""
    at: datetime


class ThreadUnfollowed(Event, frozen=True, kw_only=True):
    """By hand: replies and mentions do not follow it again."""

    user_id: UUID
    channel_id: UUID
    parent_id: UUID
    at: datetime


class LevelSet(Event, frozen=True, kw_only=True):
    user_id: UUID
    channel_id: UUID
    level: Level
    at: datetime


ReadingEvent = MarkedRead | MarkedUnread | ThreadFollowed | ThreadUnfollowed | LevelSet


class ReadingState(State, frozen=True, kw_only=True):
    version: int = 0
    """Of the stream, by the events that this program knows."""
    read_seq: int = 0
    threads_read_seq: int = 0
    """Of a channel: up to here every thread that the person follows in it is read too."""
    over_seq: int = -1
    """Of the last mark_unread: what was set from outside by then, and does not count any more."""
    unread_version: int = 0
    """The version of the last mark_unread."""
    level: Level = Level.ALL
    follows: bool | None = None
    """Of a thread: what was chosen by hand."""

    def marker(self, outside: int) -> int:
        """Where the marker is; `outside` is what the join, or a mark of the channel with its threads, has set."""
        return max(self.read_seq, outside) if outside > self.over_seq else self.read_seq


def evolve(state: ReadingState | None, event: ReadingEvent) -> ReadingState:
    """The state after one more event of the stream."""
    state = state or ReadingState()
    version = state.version + 1
    match event:
        case MarkedRead():
            threads = max(event.seq, state.threads_read_seq) if event.with_threads else state.threads_read_seq
            return replace(state, version=version, read_seq=event.seq, threads_read_seq=threads)
        case MarkedUnread():
            return replace(
                state, version=version, read_seq=event.seq - 1, over_seq=event.over_seq, unread_version=version
            )
        case ThreadFollowed() | ThreadUnfollowed():
            return replace(state, version=version, follows=isinstance(event, ThreadFollowed))
        case LevelSet():
            return replace(state, version=version, level=event.level)


def _no_thread(parent_id: UUID) -> NotFound:
    return NotFound(f"There is no thread {parent_id}, or you may not see it.", field="parent_id")


class _OnTarget(Command, frozen=True, kw_only=True):
    """Something about a channel (`channel_id`) or a thread (`parent_id`), for a member."""

    user_id: UUID
    at: datetime
    channel_id: UUID | None = None
    parent_id: UUID | None = None

    def check(self) -> None:
        if (self.channel_id is None) == (self.parent_id is None):
            raise Invalid("Give either channel_id or parent_id.", field="channel_id")

    @property
    def _stream_id(self) -> UUID:
        target = self.channel_id or self.parent_id
        assert target is not None, "checked"
        return reading_id(self.user_id, target)

    def needs(self, known: Loaded) -> Needs:
        channel_id = self.channel_id
        facts: tuple[UUID, ...] = ()
        if self.parent_id is not None:
            root = known.get(self.parent_id, MessageState)
            if root is None:
                return Needs((self.user_id,), (self.parent_id,))
            channel_id, facts = root.channel_id, (self.parent_id,)
        assert channel_id is not None, "checked"
        mine = membership_id(channel_id, self.user_id)
        return Needs((self.user_id, channel_id, mine, *self._streams(channel_id)), facts)

    def _streams(self, channel_id: UUID) -> tuple[UUID, ...]:
        """The reading streams to rely on."""
        return (self._stream_id,)

    def _place(self, known: Loaded) -> UUID:
        """The channel, for a member. Raises the refusal; a reply is no thread."""
        if self.parent_id is None:
            assert self.channel_id is not None, "checked"
            may_take_part(known, self.channel_id, self.user_id)
            return self.channel_id
        root = known.get(self.parent_id, MessageState)
        if root is None or root.parent_id is not None:
            raise _no_thread(self.parent_id)
        with hidden_as(_no_thread(self.parent_id)):
            may_take_part(known, root.channel_id, self.user_id)
        return root.channel_id

    def _own(self, known: Loaded) -> ReadingState:
        return known.get(self._stream_id, ReadingState) or ReadingState()


class _Mark(_OnTarget, frozen=True, kw_only=True):
    """Sets a marker."""

    seq: int
    head_seq: int
    """The feed's head as the program saw it: nobody has read what is not there."""
    joined_seq: int = 0
    """Of the person's join, which sets the markers of the channel and its threads."""

    def _streams(self, channel_id: UUID) -> tuple[UUID, ...]:
        """Of a thread the channel's too: a mark of the channel with its threads sets this marker."""
        return tuple(dict.fromkeys((self._stream_id, reading_id(self.user_id, channel_id))))

    def _check_seq(self) -> None:
        if self.seq > self.head_seq:
            raise Invalid(f"seq is beyond the channel's last event, {self.head_seq}.", field="seq")

    def _outside(self, known: Loaded, channel_id: UUID) -> int:
        """What has set this marker, besides its own stream."""
        if self.parent_id is None:
            return self.joined_seq
        channel = known.get(reading_id(self.user_id, channel_id), ReadingState)
        return max(self.joined_seq, channel.threads_read_seq if channel is not None else 0)


class MarkRead(_Mark, frozen=True, kw_only=True):
    """Move a marker forward."""

    with_threads: bool = False
    seen_version: int | None = None
    """Of the reading stream, when the mark was made, where it has waited since: a later mark_unread wins."""

    def check(self) -> None:
        super().check()
        if self.seq < 0:
            raise Invalid("seq is a number of the feed, 0 or more.", field="seq")

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel_id = self._place(known)
        self._check_seq()
        own, outside = self._own(known), self._outside(known, channel_id)
        if self.seen_version is not None and own.unread_version > self.seen_version:
            return ()
        read_seq, threads_read_seq = own.marker(outside), max(self.joined_seq, own.threads_read_seq)
        of_threads = self.with_threads and self.seq == read_seq and self.seq > threads_read_seq
        if self.seq <= read_seq and not of_threads:
            return ()
        marked = MarkedRead(
            user_id=self.user_id,
            channel_id=channel_id,
            seq=self.seq,
            at=self.at,
            parent_id=self.parent_id,
            with_threads=self.with_threads,
        )
        return (NewEvent(self._stream_id, marked, self.user_id),)


class MarkUnread(_Mark, frozen=True, kw_only=True):
    """Set a marker before a message, also back behind the join."""

    def check(self) -> None:
        super().check()
        if self.seq < 1:
            raise Invalid("seq is a number of the feed, 1 or more.", field="seq")

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel_id = self._place(known)
        self._check_seq()
        own, outside = self._own(known), self._outside(known, channel_id)
        # Where a thread was never marked as unread, the start of following it may have set its marker, which only the
        # views know.
        is_known = self.parent_id is None or (own.unread_version == own.version and own.version > 0)
        if is_known and own.marker(outside) == self.seq - 1:
            return ()
        marked = MarkedUnread(
            user_id=self.user_id,
            channel_id=channel_id,
            seq=self.seq,
            over_seq=outside,
            at=self.at,
            parent_id=self.parent_id,
        )
        return (NewEvent(self._stream_id, marked, self.user_id),)


class FollowThread(_OnTarget, frozen=True, kw_only=True):
    """Follow a thread, or follow it no more, by hand."""

    followed: bool
    head_seq: int = 0
    """The channel feed's head as the program saw it: what comes after it counts."""

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel_id = self._place(known)
        assert self.parent_id is not None, "a thread's"
        if self._own(known).follows is self.followed:
            return ()
        event: Event
        if self.followed:
            event = ThreadFollowed(
                user_id=self.user_id,
                channel_id=channel_id,
                parent_id=self.parent_id,
                from_seq=self.head_seq,
                at=self.at,
            )
        else:
            event = ThreadUnfollowed(user_id=self.user_id, channel_id=channel_id, parent_id=self.parent_id, at=self.at)
        return (NewEvent(self._stream_id, event, self.user_id),)


class SetLevel(_OnTarget, frozen=True, kw_only=True):
    """Say what of a channel one wants to be told. It stays when one leaves and joins again."""

    level: Level

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel_id = self._place(known)
        if self._own(known).level is self.level:
            return ()
        event = LevelSet(user_id=self.user_id, channel_id=channel_id, level=self.level, at=self.at)
        return (NewEvent(self._stream_id, event, self.user_id),)
