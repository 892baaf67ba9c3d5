"""Group commit: one task a node that packs waiting commands into one append call, one call in flight.

There is no timer: what has queued is sent as soon as the previous call returns, so an idle node adds no delay and a busy
one batches by itself. Only commands that are independent of each other travel together; the rest wait, in order.

When a connection breaks, whether the batch was done is not known. The same batch, with the same command ids, is sent again
until each command's deadline: what had been done is answered from the log.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Histogram
from psycopg import AsyncConnection

from domain.errors import Overloaded, Unavailable
from sermo import log
from sermo.log import Attempt, Kind, Result
from sermo.tail import Tail

logger = structlog.get_logger()

BATCH_COMMANDS = 256
BATCH_BYTES = 1_000_000
WAITING_MAX = 10_000
"""Commands that may wait; one more is refused as `overloaded`."""
ANSWER_TIMEOUT_S = 10.0
"""A call that is not answered by then runs on a dead connection: longer than the server waits for the append lock."""
_WATCH_S = 0.1
"""How often it is looked for commands past their deadline."""
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0)
LOOK_AHEAD = 2_048
"""How far behind the first waiting command others are looked for that can travel with it."""


class _Waiting:
    __slots__ = ("attempt", "deadline", "expired", "result")

    def __init__(self, attempt: Attempt, deadline: float) -> None:
        self.attempt = attempt
        self.deadline = deadline
        self.expired = False
        """Whether it was over before it was known to be done: its caller was told `unavailable`."""
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        """Tell the caller, if there still is one."""
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # seen: perhaps nobody waits for it any more


def pack(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Take the next batch from the queue: commands that are independent of each other and of all that they overtake."""
    batch: list[_Waiting] = []
    kept: list[_Waiting] = []
    ids: set[UUID] = set()
    used: set[UUID] = set()
    written: set[UUID] = set()
    size_bytes = 0
    while waiting and len(batch) < BATCH_COMMANDS and len(batch) + len(kept) < LOOK_AHEAD:
        item = waiting.popleft()
        attempt = item.attempt
        streams = attempt.relied.keys()
        fits = not batch or size_bytes + attempt.size_bytes <= BATCH_BYTES
        independent = attempt.command_id not in ids and used.isdisjoint(attempt.written) and written.isdisjoint(streams)
        # One that stays blocks its streams too, so that no later command overtakes it where that could matter.
        used.update(streams)
        written.update(attempt.written)
        ids.add(attempt.command_id)
        if fits and independent:
            batch.append(item)
            size_bytes += attempt.size_bytes
        else:
            kept.append(item)
            if not fits:
                break
    waiting.extendleft(reversed(kept))
    return batch


class Appender:
    """The node's only writer of the log."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], tail: Tail) -> None:
        self._connect = connect
        self._tail = tail
        self._connection: AsyncConnection[Any] | None = None
        self._waiting: deque[_Waiting] = deque()
        self._in_flight: list[_Waiting] = []
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._watch: asyncio.TimerHandle | None = None
        self.conflicts = 0
        self.appended = 0
        self.refused = 0
        self.batch_commands = Histogram(
            "sermo_append_batch_commands", "Commands in one append call.", buckets=_BATCH_BUCKETS, registry=None
        )
        self.seconds = Histogram(
            "sermo_append_seconds", "How long an append call took, to its commit.", buckets=_SECONDS, registry=None
        )

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return len(self._waiting)

    def submit(self, attempt: Attempt, deadline: float) -> asyncio.Future[Result]:
        """Put an attempt into the queue, in the order of the calls. Raises `Overloaded`.

        The result, or `Unavailable` once the deadline (of `time.monotonic`) has passed while the database was away. A
        caller that is cancelled cancels nothing: what waits is still appended.
        """
        if len(self._waiting) >= WAITING_MAX:
            self.refused += 1
            raise Overloaded(retry_after_ms=1_000)
        item = _Waiting(attempt, deadline)
        self._waiting.append(item)
        self._has_work.set()
        self._is_idle.clear()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._look)
        return item.result

    def _look(self) -> None:
        """One timer for all waiting commands: cheaper than one, and a scope, for each."""
        self._watch = None
        self._expire()
        if self._in_flight or self._waiting:
            self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._look)

    def _expire(self) -> None:
        """End what is past its deadline. What is under way then is done or not, as the refusal says."""
        now = time.monotonic()
        for item in (*self._in_flight, *self._waiting):
            if item.deadline <= now and not item.expired:
                item.expired = True
                item.fail(Unavailable(retry_after_ms=1_000))

    async def run(self) -> None:
        """Append until cancelled."""
        try:
            while True:
                await self._has_work.wait()
                self._in_flight = [item for item in pack(self._waiting) if not item.expired]
                if self._in_flight:
                    await self._send(self._in_flight)
                    self._in_flight = []
                if not self._waiting:
                    self._has_work.clear()
                    self._is_idle.set()
        finally:
            if self._watch is not None:
                self._watch.cancel()
            if self._connection is not None:
                await self._connection.close()

    async def drain(self) -> None:
        """Wait until nothing waits; new commands must have been stopped before."""
        await self._is_idle.wait()

    async def _send(self, batch: list[_Waiting]) -> None:
        delay_s = 0.02
        while batch:
            try:
                if self._connection is None:
                    self._connection = await self._connect()
                began = time.perf_counter()
                self._tail.offering = self._connection.info.backend_pid
                with log.answer_within(self._connection, ANSWER_TIMEOUT_S):
                    results = await log.append(self._connection, [item.attempt for item in batch])
            except (*log.CONNECTION_ERRORS, TimeoutError) as error:
                self._tail.offering = None
                logger.warning("appender.connection_lost", error=str(error).strip(), commands=len(batch))
                await self._drop_connection()
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 0.5)
                self._expire()
                batch = [item for item in batch if not item.expired]
            except psycopg.Error as error:
                await self._send_apart(batch, error)
                return
            else:
                self.seconds.observe(time.perf_counter() - began)
                self._answer(batch, results)
                return
            finally:
                self._tail.offering = None

    async def _send_apart(self, batch: list[_Waiting], error: psycopg.Error) -> None:
        """The database refused the call itself: find out whose fault it is, so that one command cannot harm others."""
        logger.error("appender.call_refused", error=str(error).strip(), commands=len(batch))
        if len(batch) == 1:
            batch[0].fail(error)
            return
        for item in batch:
            await self._send([item])

    async def _drop_connection(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _answer(self, batch: Sequence[_Waiting], results: Sequence[Result]) -> None:
        appended = [event for result in results if result.kind is Kind.APPENDED for event in result.events]
        appended.sort(key=lambda event: event.position)
        self.batch_commands.observe(len(batch))
        self.appended += len(appended)
        self._tail.offer(appended)
        for item, result in zip(batch, results, strict=True):
            self.conflicts += result.kind is Kind.CONFLICT
            if not item.result.done():
                item.result.set_result(result)
