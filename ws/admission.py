"""Who may read the log now: a few catch-ups at a time, in turns that go round the people, so that none is starved.

A turn is one page, not a whole catch-up: a long backlog and a slow client hold nobody up, and a person with a hundred
connections gets no more turns than one with a single one. What waits is bounded by the connections that a node takes.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Admission:
    """The turns of one node. Cancelling who waits gives its place away."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._slots = slots
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()
        self._turn_s = 0.01
        """How long a turn has lasted of late."""
        self.waiting = 0

    @property
    def delay_ms(self) -> int:
        """About how long somebody who comes now waits; 0 where they need not."""
        if self._free > 0:
            return 0
        return max(1, int(1_000 * self._turn_s * (self.waiting + 1) / self._slots))

    @asynccontextmanager
    async def turn(self, user_id: UUID) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the block."""
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait(user_id)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            self._turn_s += 0.05 * (loop.time() - began - self._turn_s)
            self._hand_on()

    async def _wait(self, user_id: UUID) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, deque()).append(future)
        self.waiting += 1
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._hand_on()  # the turn came in the same moment
            raise

    def _hand_on(self) -> None:
        """Give the turn to the next person's first one, or back."""
        while self._waiting:
            user_id, futures = self._waiting.popitem(last=False)
            future = futures.popleft()
            self.waiting -= 1
            if futures:
                self._waiting[user_id] = futures  # behind all others
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
