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


def evolve(_state: ReadingState | None, event: ReadingEvent) -> ReadingState:
    """The state after one more event of the stream."""
    return ReadingState(read_seq=event.seq)


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
            channel_id, facts = root.channel_id, (self.parent_id,)
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
        state = known.get(stream_id, ReadingState)
        if state is not None and self.seq <= state.read_seq:
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
