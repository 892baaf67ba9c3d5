"""What the socket reads: the log through `sermo/log.py`, rights and counts through the views. Implements `ws.ports.Reader`."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from domain.decider import Recorded
from projections import channels, memberships, reactions, unread_counts
from projections.counting import CHANNEL_CAP, mentions_capped
from sermo import log
from sermo.log import FeedRange
from sermo.pool import ReadPool
from ws.event_frames import Badge
from ws.recovery import MEMBERSHIP_TOPICS, Interval, Stretch

VIEW_WAIT_S = 2.0


class SocketReader:
    """See `ws.ports.Reader`."""

    def __init__(self, pool: ReadPool, wait_for: Callable[[int, float], Awaitable[bool]]) -> None:
        self._pool = pool
        self._wait_for = wait_for

    async def head(self) -> int:
        async with self._pool.connection() as connection:
            return await log.head(connection)

    async def intervals(self, user_id: UUID, after: int) -> tuple[list[Interval], int]:
        async with self._pool.connection() as connection:
            rows, checkpoint = await memberships.intervals(connection, user_id, after)
        return [Interval(row.channel_id, row.joined_position, row.left_position) for row in rows], checkpoint

    async def membership_events(self, after: int, through: int) -> list[Recorded]:
        async with self._pool.connection() as connection:
            return await log.read_topics(connection, after, through, MEMBERSHIP_TOPICS)

    async def read(
        self, stretches: Sequence[Stretch], limit: int, max_bytes: int
    ) -> tuple[list[Recorded], set[UUID], bool]:
        ranges = [FeedRange(s.feed_id, s.first, s.last) for s in stretches]
        async with self._pool.connection() as connection:
            return await log.read_feeds(connection, ranges, limit, max_bytes)

    async def count(self, stretches: Sequence[Stretch], limit: int) -> int:
        async with self._pool.connection() as connection:
            return await log.count_feeds(connection, [FeedRange(s.feed_id, s.first, s.last) for s in stretches], limit)

    async def badges(self, user_id: UUID, channel_ids: Sequence[UUID], position: int) -> dict[UUID, Badge]:
        await self._wait_for(position, VIEW_WAIT_S)
        async with self._pool.connection() as connection:
            counts = await unread_counts.badges(connection, user_id, channel_ids)
        # Of a channel that the person has left since, nothing is unread.
        found = {channel_id: Badge(0, False, 0, counts.position) for channel_id in channel_ids}
        for row in counts.channels:
            found[row.channel_id] = Badge(
                row.unread_count,
                row.unread_capped,
                row.mention_count,
                counts.position,
                mentions_capped(row.mention_count, CHANNEL_CAP),
            )
        return found

    async def role(self, channel_id: UUID, user_id: UUID, position: int) -> str | None:
        await self._wait_for(position, VIEW_WAIT_S)
        async with self._pool.connection() as connection:
            return await memberships.role(connection, channel_id, user_id)

    async def mark_bounds(self, channel_id: UUID, user_id: UUID) -> tuple[int, int]:
        async with self._pool.connection() as connection:
            return await log.mark_bounds(connection, channel_id, user_id)

    async def message_channel(self, message_id: UUID) -> UUID | None:
        async with self._pool.connection() as connection:
            return await log.message_channel(connection, message_id)

    async def emoji_on(self, message_id: UUID) -> frozenset[str]:
        async with self._pool.connection() as connection:
            return await reactions.emoji_on(connection, message_id)

    async def channels_of(self, user_ids: Sequence[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
        async with self._pool.connection() as connection:
            return await memberships.current_channels(connection, user_ids)

    async def may_see(self, channel_id: UUID, user_id: UUID, position: int) -> bool:
        await self._wait_for(position, VIEW_WAIT_S)
        async with self._pool.connection() as connection:
            return await channels.channel(connection, channel_id, user_id) is not None
