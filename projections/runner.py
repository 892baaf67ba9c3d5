"""The runner of a group of views: applies the log to them, batch by batch, and knows how far they are.

One owner a database and group, by a session lock that only saves work; the checkpoint's compare-and-set is what makes two owners
harmless. The others follow the checkpoint while somebody waits for it.

An event that cannot be applied is tried again, found by halving its batch, parked with its error, and with it every later
event of its feed; the other feeds go on. `sermo projections status`, the log, readiness and the reads of what is held say so.
Who may read what is never held, nor are deletions: whoever is removed while a channel is held loses it at once.

Where the group has moved on to the views of another program, this one applies nothing more and its views stand still.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection

from domain.channel import ChannelDeleted
from domain.decider import Recorded, Unknown
from domain.membership import MemberJoined, MemberLeft, MemberRemoved, RoleChanged
from domain.message import MessageDeleted
from domain.user import AdminSet, UserDeactivated, UserReactivated
from projections.group import CORE, NotBuilt, Superseded, ensure_views
from projections.projection import Fenced, Group, Hole, apply_batch, lock_checkpoint, prepare_writer, schema_of

logger = structlog.get_logger()

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
Read = Callable[[int, int], Awaitable[Sequence[Recorded]]]
"""The events after a position, at most so many, in order."""

BATCH_EVENTS = 2_000
FOLLOW_INTERVAL_S = 0.005
"""How often the checkpoint of another owner is looked at while somebody waits."""
GATHER_S = 0.02
"""How far the views may be behind when nobody asked for more. At 4,000 posts/s a batch is then 80 events, not 20."""
OWNERSHIP_INTERVAL_S = 1.0
TRIES = 3
PARKED_COUNTED_MAX = 1_000
"""More are told as so many: the number is looked up as often as the checkpoint. `sermo projections status` counts all."""
HELD_KNOWN_MAX = 1_000
"""Where more feeds are held, a node that does not own the views takes all for held."""


class GroupRunner:
    """Applies the log to the views of one database, or follows who does."""

    def __init__(
        self,
        connect: Connect,
        read: Read,
        wait: Callable[[int], Awaitable[object]],
        *,
        group: Group = CORE,
        gather_s: float = GATHER_S,
    ) -> None:
        self._connect = connect
        self._read = read
        self._wait = wait
        self._group = group
        self._gather_s = gather_s
        self._views = [(view, schema_of(view)) for view in group.views]
        self._log = logger.bind(group=group.name)
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._has_waiters = asyncio.Event()
        self._held: frozenset[UUID] = frozenset()
        self.position = 0
        """The checkpoint, as known here: the views are at least so far."""
        self.is_owner = False
        self.serves = False
        """Whether the group makes the views that this program names, as far as is known."""
        self.last_progress = time.monotonic()
        self.parked = 0
        """Events that could not be applied, with those held behind them; at most `PARKED_COUNTED_MAX`."""

    @property
    def holds_any(self) -> bool:
        """Whether any feed is held."""
        return bool(self._held)

    def holds(self, feed_id: UUID) -> bool:
        """Whether events of this feed wait behind one that could not be applied: what is read of it lacks them.

        Known here no later than the positions at which it is so.
        """
        return feed_id in self._held or len(self._held) > HELD_KNOWN_MAX

    async def wait_for(self, position: int, timeout_s: float) -> bool:
        """Wait until the views are at `position`; False when the time is over first."""
        if self.position >= position:
            return True
        if timeout_s <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((position, future))
        self._has_waiters.set()
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiters = [waiter for waiter in self._waiters if waiter[1] is not future]
        return True

    async def run(self) -> None:
        """Run until cancelled; a lost connection is made again with back-off."""
        delay_s = 0.05
        told = ""
        while True:
            began = time.monotonic()
            try:
                connection = await self._connect()
                async with connection:
                    await prepare_writer(connection)
                    await ensure_views(connection, self._group)
                    told = ""
                    await self._own(connection)
            except NotBuilt as error:
                self.serves = False
                if str(error) != told:  # else the same every second, for as long as a deploy takes
                    told = str(error)
                    self._log.warning(
                        "views.superseded" if isinstance(error, Superseded) else "views.not_built", error=told
                    )
            except Fenced as error:
                self._log.warning("views.fenced", error=str(error))
            except (
                psycopg.OperationalError,
                psycopg.InterfaceError,
                psycopg.errors.ReadOnlySqlTransaction,
                OSError,
            ) as error:
                self._log.warning("views.connection_lost", error=str(error).strip(), position=self.position)
            except Exception:
                self._log.exception("views.failed", position=self.position)
            finally:
                self.is_owner = False
            delay_s = 0.05 if time.monotonic() - began > 5 else min(delay_s * 2, 1.0)
            await asyncio.sleep(delay_s)

    async def _own(self, connection: AsyncConnection[Any]) -> None:
        while not await _try_lock(connection, self._group.owner_lock):
            await self._follow(connection, OWNERSHIP_INTERVAL_S)
        position = await self._look(connection)
        self.is_owner = True
        is_idle = False
        ahead: asyncio.Task[Sequence[Recorded]] | None = None
        try:
            while True:
                self._publish(position)
                batch = await (ahead or self._read(position, BATCH_EVENTS))
                ahead = None
                if not batch:
                    if is_idle:
                        # Nothing to do for a whole wait: are these still the group's views, and is anything still held?
                        position = await self._look(connection)
                    await self._wait(position)
                    is_idle = True
                    continue
                is_idle = False
                if len(batch) == BATCH_EVENTS:
                    # Far behind: the next batch is read and decoded while the database works on this one.
                    ahead = asyncio.ensure_future(self._read(batch[-1].position, BATCH_EVENTS))
                await self._apply(connection, batch, position)
                position = batch[-1].position
                if ahead is None:
                    self._publish(position)
                    await self._gather()
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _gather(self) -> None:
        """Let some milliseconds of events come together, unless somebody waits: a transaction an event costs the most."""
        if any(not future.done() for _, future in self._waiters):
            return
        self._has_waiters.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._gather_s):
                await self._has_waiters.wait()

    async def _follow(self, connection: AsyncConnection[Any], for_s: float) -> None:
        """Know how far another owner is: often while somebody waits, else now and then."""
        end = time.monotonic() + for_s
        while (left_s := end - time.monotonic()) > 0:
            await self._look(connection, HELD_KNOWN_MAX + 1)
            if self._waiters:
                await asyncio.sleep(FOLLOW_INTERVAL_S)
                continue
            self._has_waiters.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._has_waiters.wait()
            except TimeoutError:
                return

    async def _look(self, connection: AsyncConnection[Any], held_limit: int | None = None) -> int:
        """Learn the checkpoint and what is held, as of one moment, and tell who waits; the checkpoint.

        Raises `Fenced` where the group makes other views now.
        """
        group = self._group
        cursor = await connection.execute(
            # The checkpoint's row by key; the others have a row or none, but for what is parked.
            "select t.notification_id,"
            f" exists (select from {group.sets} where schemas = %b and stopped_at is null),"
            f" (select count(*) from (select from {group.parked} limit %b) as p),"
            f" array(select h.feed_id from {group.held} h limit %b)"
            " from notification_tracking t where t.application_name = %b",
            [group.schemas, PARKED_COUNTED_MAX, held_limit, group.name],
        )
        row = await cursor.fetchone()
        position, serves, parked, held = row if row is not None else (0, False, 0, [])
        if not serves:
            raise Fenced("the group makes other views now")
        self.serves = True
        self.parked, self._held = parked, frozenset(held)
        self._publish(position)
        return int(position)

    def _publish(self, position: int) -> None:
        if position > self.position:
            self.last_progress = time.monotonic()
        self.position = position
        for wanted, future in self._waiters:
            if wanted <= position and not future.done():
                future.set_result(None)

    # Applying, and what cannot be applied

    async def _apply(self, connection: AsyncConnection[Any], batch: Sequence[Recorded], expected: int) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._apply_once(connection, batch, expected)
                return
            except Exception as error:
                if not _may_be_poison(error):
                    raise
                if len(batch) > 1:
                    middle = len(batch) // 2
                    await self._apply(connection, batch[:middle], expected)
                    await self._apply(connection, batch[middle:], batch[middle - 1].position)
                    return
                if attempt == TRIES:
                    await self._park(connection, batch[0], expected, error)
                    return
                await asyncio.sleep(0.05 * 2**attempt)

    async def _apply_once(self, connection: AsyncConnection[Any], batch: Sequence[Recorded], expected: int) -> None:
        if not self.parked:
            await apply_batch(connection, self._views, self._group, batch, expected)
            return
        async with connection.transaction():
            # A rebuild of the group releases what is held, and has the checkpoint's row while it does so.
            await lock_checkpoint(connection, self._group)
            await self._look(connection)
            held = [r for r in batch if r.feed_id in self._held and not isinstance(r.event, _NEVER_HELD)]
            await self._insert_parked(connection, held, "its feed is held")
            # They pass as unknown, so that the checkpoint moves over them.
            hidden = {recorded.position for recorded in held}
            passing = [_hidden(recorded) if recorded.position in hidden else recorded for recorded in batch]
            await apply_batch(connection, self._views, self._group, passing, expected)
        self.parked = min(self.parked + len(held), PARKED_COUNTED_MAX)

    async def _park(
        self, connection: AsyncConnection[Any], recorded: Recorded, expected: int, error: Exception
    ) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._log.critical("views.parked", position=recorded.position, feed_id=str(recorded.feed_id), error=reason)
        async with connection.transaction():
            await self._insert_parked(connection, [recorded], reason)
            if recorded.feed_id is not None:
                await connection.execute(
                    f"insert into {self._group.held} (feed_id, since) values (%s, %s) on conflict do nothing",
                    [recorded.feed_id, recorded.position],
                )
            await apply_batch(connection, self._views, self._group, [_hidden(recorded)], expected)
        if recorded.feed_id is not None:
            self._held |= {recorded.feed_id}
        self.parked = min(self.parked + 1, PARKED_COUNTED_MAX)

    async def _insert_parked(self, connection: AsyncConnection[Any], events: Sequence[Recorded], error: str) -> None:
        if events:
            await connection.execute(
                f"insert into {self._group.parked} (position, feed_id, error)"
                " select u.*, %b::text from unnest(%b::int8[], %b::uuid[]) as u",
                [
                    error[:1_000].replace("\0", ""),
                    [recorded.position for recorded in events],
                    [recorded.feed_id for recorded in events],
                ],
            )


# Rights are read from the views up to their checkpoint, and from the log only after it; and what was deleted is not to be read
# on. What the views make of these needs nothing of what else is in the feed; where one of these itself is parked, a number
# of members may be wrong until the rebuild.
_NEVER_HELD = (
    *(MemberJoined, MemberLeft, MemberRemoved, RoleChanged, ChannelDeleted, MessageDeleted),
    *(AdminSet, UserDeactivated, UserReactivated),
)


def _may_be_poison(error: Exception) -> bool:
    """Whether an event may be to blame. Not for a lost connection, a lock, a full disk or a missing table: that is no fault
    of an event and is tried for ever."""
    if isinstance(error, Fenced | Hole | OSError | psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return not (isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in _NOT_AN_EVENTS)


_NOT_AN_EVENTS = ("25", "3D", "3F", "42", "XX")
"""SQLSTATE classes: transaction state, databases, schemas, missing tables and rights, internal errors."""


def _hidden(recorded: Recorded) -> Recorded:
    return Recorded(
        recorded.position,
        recorded.stream_id,
        recorded.version,
        Unknown("held"),
        recorded.feed_id,
        recorded.seq,
        recorded.recorded_at,
    )


async def _try_lock(connection: AsyncConnection[Any], lock: int) -> bool:
    cursor = await connection.execute("select pg_try_advisory_lock(%s)", [lock])
    row = await cursor.fetchone()
    return bool(row and row[0])
