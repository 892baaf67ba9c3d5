"""The tail: one task a node that follows the log and hands every event, once and in order, to this node's listeners.

LISTEN, then read from the cursor, then wait. NOTIFY only wakes; a poll every 500 ms makes sure. After a reconnect LISTEN
comes first again. Positions are dense, so a gap is an alarm, never normal: nothing is passed on, and the tail reads again.
What this node appended itself is offered without a read, and taken when it is contiguous.

Of messages and markers the content is read only where somebody here needs it (`wants`): the rest passes as `Skipped`, so a
node without followers costs little while others are busy.

Listeners are plain functions, called in the event loop's thread with each batch; they must not block or raise.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Sequence
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Histogram
from psycopg import AsyncConnection, sql

from domain.decider import Damaged, Recorded, Skipped, Unknown
from sermo import log
from sermo.epoch import current_epoch, new_epoch
from sermo.recent import Recent
from ws.recovery import Stretch

logger = structlog.get_logger()

POLL_INTERVAL_S = 0.5
ANSWER_TIMEOUT_S = 10.0
"""A read that is not answered by then runs on a dead connection."""
READ_LIMIT = 2_000
OFFER_WAIT_S = 0.005
"""For this node's own append to return, before it is read from the log instead."""
PASSED_OVER_PAUSE_S = 0.005
"""After a read of which nobody here wanted anything: events come together, and 200 reads a second are the most."""

Listener = Callable[[Sequence[Recorded]], None]


class Tail:
    """Follows the log. `position` is the last event that was handed on."""

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], *, lossless_failover: bool = False
    ) -> None:
        self._connect = connect
        self._lossless_failover = lossless_failover
        self._listeners: list[Listener] = []
        self._reset_listeners: list[Callable[[], None]] = []
        self._recent = Recent()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._connection: AsyncConnection[Any] | None = None
        self.offering: int | None = None
        """The backend in which this node's own append is under way, which will be offered. Its notification may come before
        it has returned."""
        self._is_offered = asyncio.Event()
        self.wants: Callable[[], Sequence[UUID] | None] = lambda: None
        """The feeds whose messages and markers somebody here needs; None for all."""
        self.position = 0
        self.epoch = ""
        self.unknown_events = 0
        self.skipped_events = 0
        self.delay = Histogram(
            "sermo_tail_delay_seconds",
            "From an event's recorded_at to when this node handed it on, one of each batch.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0),
            registry=None,
        )
        self.last_contact = time.monotonic()
        """When the database last answered; a silent stop shows here."""

    @property
    def silence_s(self) -> float:
        """Since the database last answered."""
        return time.monotonic() - self.last_contact

    def listen(self, listener: Listener) -> None:
        """Have every batch from now on."""
        self._listeners.append(listener)

    def on_reset(self, listener: Callable[[], None]) -> None:
        """Hear when the log's history changed: whatever was known of it is void."""
        self._reset_listeners.append(listener)

    def recent(self, after: int) -> Sequence[Recorded] | None:
        """The events after a position up to `self.position`, from memory; None where memory does not reach back so far.

        Some may be `Skipped`.
        """
        if after >= self.position:
            return ()
        return self._recent.after(after) if self._recent.reaches(after) else None

    def recent_of(self, stretches: Sequence[Stretch], after: int) -> Sequence[Recorded] | None:
        """See `ws.ports.Log`."""
        if after >= self.position:
            return ()
        if not self._recent.reaches(after):
            return None
        return self._recent.of((stretch.feed_id, stretch.first, stretch.last) for stretch in stretches)

    def recent_memberships(self, user_id: UUID, after: int) -> Sequence[Recorded] | None:
        """See `ws.ports.Log`."""
        if after >= self.position:
            return ()
        return self._recent.memberships(user_id, after) if self._recent.reaches(after) else None

    @property
    def recently_deleted(self) -> Container[UUID]:
        """See `ws.ports.Log`."""
        return self._recent.deleted

    def offer(self, events: Sequence[Recorded]) -> None:
        """Take what this node has just appended, if nothing is missing before it; else the next read brings it."""
        if events and events[0].position == self.position + 1:
            self._publish(events)
        self._is_offered.set()

    async def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until the tail is past a position; False when the time is over first."""
        if self.position > position:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((position, future))
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiters = [waiter for waiter in self._waiters if waiter[1] is not future]
        return True

    async def start(self) -> None:
        """Connect and place the cursor at the head of the log. Raises `psycopg.Error` where there is no database."""
        connection = await self._open()
        try:
            self.epoch = await current_epoch(connection, lossless_failover=self._lossless_failover)
            self.position = await log.head(connection)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    async def run(self) -> None:
        """Follow until cancelled; a lost connection is made again with back-off."""
        delay_s = 0.05
        while True:
            try:
                if self._connection is None:
                    self._connection = await self._open()
                    with log.answer_within(self._connection, ANSWER_TIMEOUT_S):
                        await self._check_history(self._connection)
                await self._follow(self._connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                logger.warning("tail.connection_lost", error=str(error).strip(), position=self.position)
            finally:
                if self._connection is not None:
                    await self._connection.close()
                    self._connection = None
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, 1.0) if time.monotonic() - self.last_contact > 2 else 0.05

    async def _open(self) -> AsyncConnection[Any]:
        connection = await self._connect()
        try:
            with log.answer_within(connection, ANSWER_TIMEOUT_S):
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(log.NOTIFY_CHANNEL)))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _check_history(self, connection: AsyncConnection[Any]) -> None:
        epoch = await current_epoch(connection, lossless_failover=self._lossless_failover)
        head = await log.head(connection)
        if epoch == self.epoch and head < self.position:
            logger.critical("tail.log_went_back", head=head, position=self.position)
            epoch = await new_epoch(connection, epoch)
        if epoch != self.epoch:
            logger.critical("tail.history_changed", epoch=epoch, head=head, position=self.position)
            self.epoch, self.position = epoch, head
            self._recent.clear()
            for listener in self._reset_listeners:
                listener()

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        while True:
            while True:
                with log.answer_within(connection, ANSWER_TIMEOUT_S):
                    events = await self._read(connection)
                self.last_contact = time.monotonic()
                # While the read was on its way, this node's own appends may have been offered.
                self._publish([event for event in events if event.position > self.position])
                if len(events) < READ_LIMIT:
                    break
            if events and all(isinstance(recorded.event, Skipped) for recorded in events):
                await asyncio.sleep(PASSED_OVER_PAUSE_S)
            await self._wait_for_notify(connection)

    async def _read(self, connection: AsyncConnection[Any]) -> list[Recorded]:
        feeds = self.wants()
        if feeds is None:
            return await log.read(connection, self.position, READ_LIMIT)
        return await log.read_partly(connection, self.position, READ_LIMIT, feeds)

    async def _wait_for_notify(self, connection: AsyncConnection[Any]) -> None:
        """Return when something may be there that was not offered already, or after the poll interval."""
        async with aclosing(connection.notifies(timeout=POLL_INTERVAL_S)) as notifications:
            async for notify in notifications:
                last = notify.payload.rpartition(",")[2]
                if not last.isdecimal():
                    return  # the library's appends notify without a payload that we know
                if int(last) > self.position and notify.pid == self.offering:
                    await self._wait_for_offer()
                if int(last) > self.position:
                    return

    async def _wait_for_offer(self) -> None:
        """The events come without a read, from an append of this node that is just ending."""
        self._is_offered.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(OFFER_WAIT_S):
                await self._is_offered.wait()

    def _publish(self, events: Sequence[Recorded]) -> None:
        if not events:
            return
        if events[0].position != self.position + 1 or events[-1].position != self.position + len(events):
            logger.critical("tail.gap", expected=self.position + 1, first=events[0].position, last=events[-1].position)
            raise OSError("the log has a gap: reading again")
        self._recent.extend(events)
        self.position = events[-1].position
        self.delay.observe(max(0.0, time.time() - events[-1].recorded_at.timestamp()))
        for recorded in events:
            event = recorded.event
            if isinstance(event, Skipped):
                self.skipped_events += 1
            elif isinstance(event, Unknown):
                self.unknown_events += 1
                if isinstance(event, Damaged):
                    logger.critical("tail.event_damaged", position=recorded.position, error=event.error)
        for listener in self._listeners:
            try:
                listener(events)
            except Exception:
                # A listener's fault must not stop the log for the others.
                logger.exception("tail.listener_failed", listener=repr(listener), position=self.position)
        for position, future in self._waiters:
            if position < self.position and not future.done():
                future.set_result(None)
