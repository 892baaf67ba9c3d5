"""How far a person has read a channel or a thread. Only forward; a mark that moves nothing is no event."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.access import may_take_part
from domain.decider import Command, Event, Loaded, Needs, NewEvent, State
from domain.errors import Invalid, NotFound
from domain.ids import membership_id, reading_id
from domain.message import MessageState


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


ReadingEvent = MarkedRead


class ReadingState(State, frozen=True, kw_only=True):
    read_seq: int
    threads_read_seq: int = 0
    """Of a channel: up to here every thread that the person follows in it is read too."""


def evolve(state: ReadingState | None, event: ReadingEvent) -> ReadingState:
    """The state after one more event of the stream."""
    threads = event.seq if event.with_threads else state.threads_read_seq if state is not None else 0
    return ReadingState(read_seq=event.seq, threads_read_seq=threads)


class MarkRead(Command, frozen=True, kw_only=True):
    """Set the marker of a channel (`channel_id`) or of a thread (`parent_id`)."""

    user_id: UUID
    seq: int
    head_seq: int
    """The feed's head as the program saw it: nobody has read what is not there."""
    at: datetime
    channel_id: UUID | None = None
    parent_id: UUID | None = None
    with_threads: bool = False
    joined_seq: int = 0
    """Of the person's join, which sets the markers of the channel and its threads."""

    def check(self) -> None:
        if (self.channel_id is None) == (self.parent_id is None):
            raise Invalid("Give either channel_id or parent_id.", field="channel_id")
        if self.seq < 0:
            raise Invalid("seq is a number of the feed, 0 or more.", field="seq")

    def _target(self) -> UUID:
        target = self.channel_id or self.parent_id
        assert target is not None, "checked"
        return target

    def needs(self, known: Loaded) -> Needs:
        channel_id = self.channel_id
        facts: tuple[UUID, ...] = ()
        if self.parent_id is not None:
            root = known.get(self.parent_id, MessageState)
            if root is None:
                return Needs((self.user_id,), (self.parent_id,))
            channel_id, facts = root.channel_id, (self.parent_id, reading_id(self.user_id, root.channel_id))
        assert channel_id is not None, "checked"
        mine = membership_id(channel_id, self.user_id)
        return Needs((self.user_id, channel_id, mine, reading_id(self.user_id, self._target())), facts)

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel_id = self.channel_id
        if self.parent_id is not None:
            root = known.get(self.parent_id, MessageState)
            if root is None or root.parent_id is not None:
                raise NotFound(f"There is no thread {self.parent_id}, or you may not see it.", field="parent_id")
            channel_id = root.channel_id
        assert channel_id is not None, "checked"
        may_take_part(known, channel_id, self.user_id)
        if self.seq > self.head_seq:
            raise Invalid(f"seq is beyond the channel's last event, {self.head_seq}.", field="seq")
        stream_id = reading_id(self.user_id, self._target())
        if not self._moves(
            known.get(stream_id, ReadingState), known.get(reading_id(self.user_id, channel_id), ReadingState)
        ):
            return ()
        marked = MarkedRead(
            user_id=self.user_id,
            channel_id=channel_id,
            seq=self.seq,
            at=self.at,
            parent_id=self.parent_id,
            with_threads=self.with_threads,
        )
        return (NewEvent(stream_id, marked, self.user_id),)

    def _moves(self, own: ReadingState | None, of_channel: ReadingState | None) -> bool:
        """Whether the marker that applies moves forward; `own` is of what is marked."""
        read_seq = max(self.joined_seq, own.read_seq if own is not None else 0)
        threads_read_seq = max(self.joined_seq, of_channel.threads_read_seq if of_channel is not None else 0)
        if self.parent_id is not None:
            return self.seq > max(read_seq, threads_read_seq)
        return self.seq > read_seq or (self.with_threads and self.seq == read_seq and self.seq > threads_read_seq)
