"""What the socket needs of the program, besides `domain.decider.Execute`: reads of the log and of the views, and who it is."""

from collections.abc import Callable, Container, Sequence
from typing import Protocol
from uuid import UUID

from domain.decider import Recorded
from ws.codes import CloseCode
from ws.event_frames import Badge
from ws.recovery import Interval, Stretch
from ws.wire import Encoded


class Sink(Protocol):
    """Where one client's frames go: a socket or an event stream. Bounded: `push` says when no more should come."""

    @property
    def is_open(self) -> bool:
        """Whether writing still has a meaning."""
        ...

    def push(self, frame: Encoded, at_once: bool = False, /) -> bool:
        """A live event's frame; False when the client is too far behind to take it. Never blocks.

        `at_once`: it is alone, so waiting for others that could go out with it gains nothing.
        """
        ...

    def push_backlog(self, frames: Sequence[Encoded]) -> None:
        """A page of the backlog."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether no more waits than half of what may: signals are shed first."""
        ...

    def push_signals(self, signals: Sequence[Encoded]) -> None:
        """Frames that are no events. Asked only while there is room."""
        ...

    async def drained(self, no_progress_s: float) -> bool:
        """Wait until the client has taken most of it; False when it takes nothing for so long."""
        ...

    def close(self, code: CloseCode, reason: str, /) -> None:
        """End the connection, and tell why as far as it can be told."""
        ...


class Log(Protocol):
    """The node's tail: everything up to `position` has been handed to the hub."""

    position: int
    epoch: str

    def recent(self, after: int) -> Sequence[Recorded] | None:
        """The events after a position, from memory; None where it does not reach back so far. Some may be `Skipped`."""
        ...

    def recent_of(self, stretches: Sequence[Stretch], after: int) -> Sequence[Recorded] | None:
        """The events of these stretches, which begin after a position, merged by position, from memory; None where memory
        does not hold all of that.
        """
        ...

    def recent_memberships(self, user_id: UUID, after: int) -> Sequence[Recorded] | None:
        """What changed after a position in which channels a person is: their own events of `MEMBERSHIP_TOPICS`, and all
        deletions of channels, from memory; None where it does not reach back so far.
        """
        ...

    @property
    def recently_deleted(self) -> Container[UUID]:
        """Messages whose deletion is in memory: all deleted ones among the recent."""
        ...

    async def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until `position` is passed."""
        ...


class Reader(Protocol):
    """Reads for one connection; each opens and closes its own database connection."""

    async def head(self) -> int:
        """The last position of the log in the database."""
        ...

    async def intervals(self, user_id: UUID, after: int) -> tuple[list[Interval], int]:
        """The follow intervals that are not over at `after`, and the position at which this is true."""
        ...

    async def membership_events(self, after: int, through: int) -> list[Recorded]:
        """The events of `MEMBERSHIP_TOPICS` in a part of the log."""
        ...

    async def read(
        self, stretches: Sequence[Stretch], limit: int, max_bytes: int
    ) -> tuple[list[Recorded], set[UUID], bool]:
        """The first events of these stretches, merged by position, the messages in them that are deleted by now, and whether
        that is all: at most `limit` events of `max_bytes` together, or one that is larger alone.
        """
        ...

    async def count(self, stretches: Sequence[Stretch], limit: int) -> int:
        """How many events these stretches have, counted up to `limit`."""
        ...

    async def badges(self, user_id: UUID, channel_ids: Sequence[UUID], position: int) -> dict[UUID, Badge]:
        """The person's counts in these channels, true at `position` or later where the views get there in time."""
        ...

    async def role(self, channel_id: UUID, user_id: UUID, position: int) -> str | None:
        """The person's role in a channel, true at `position` or later where the views get there in time."""
        ...

    async def mark_bounds(self, channel_id: UUID, user_id: UUID) -> tuple[int, int]:
        """The last seq of a channel's feed, and the seq of the person's last join."""
        ...

    async def message_channel(self, message_id: UUID) -> UUID | None:
        """The channel of a message."""
        ...

    async def emoji_on(self, message_id: UUID) -> frozenset[str]:
        """The different emoji on a message, as the views have them."""
        ...

    async def channels_of(self, user_ids: Sequence[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
        """Who of these people is in which channels, as pairs, and the position at which this is true."""
        ...

    async def may_see(self, channel_id: UUID, user_id: UUID, position: int) -> bool:
        """Whether the person may know of a channel, true at `position` or later where the views get there in time."""
        ...


class Bus(Protocol):
    """Carries signals between nodes: small batches, to all of them, at most once each. What is lost is lost."""

    async def run(
        self, *, say: Callable[[], bytes | None], hear: Callable[[bytes], None], joined: Callable[[], None]
    ) -> None:
        """Carry until cancelled.

        `say` is asked for a batch of at most `ws.gossip.BATCH_MAX_BYTES` whenever one can be sent, `hear` is given what came
        (this node's own too, perhaps), and `joined` is called when the bus is connected, for the first time or again.
        """
        ...
