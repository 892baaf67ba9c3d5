"""What the socket needs of the program, besides `domain.decider.Execute`: reads of the log and of the views, and who it is."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from domain.decider import Recorded
from ws.frames import Badge
from ws.recovery import Interval, Stretch


class Log(Protocol):
    """The node's tail: everything up to `position` has been handed to the hub."""

    position: int
    epoch: str

    def recent(self, after: int) -> Sequence[Recorded] | None:
        """The events after a position, from memory; None where it does not reach back so far."""
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

    async def read(self, stretches: Sequence[Stretch], limit: int) -> list[Recorded]:
        """The first events of these stretches, merged by position."""
        ...

    async def count(self, stretches: Sequence[Stretch], limit: int) -> int:
        """How many events these stretches have, counted up to `limit`."""
        ...

    async def deleted(self, message_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these messages that are deleted now."""
        ...

    async def badges(self, user_id: UUID, channel_ids: Sequence[UUID], position: int) -> dict[UUID, Badge]:
        """The person's counts in these channels, true at `position` or later where the views get there in time."""
        ...

    async def role(self, channel_id: UUID, user_id: UUID, position: int) -> str | None:
        """The person's role in a channel, true at `position` or later where the views get there in time."""
        ...

    async def feed_head(self, channel_id: UUID) -> int:
        """The last seq of a channel's feed."""
        ...

    async def thread_channel(self, root_id: UUID) -> UUID | None:
        """The channel of a thread's root."""
        ...
