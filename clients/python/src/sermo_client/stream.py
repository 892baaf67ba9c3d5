"""What has come, in order, on its way to the application: handlers, `async for` loops and waits.

An item is handled when every handler has returned and every loop has asked for the next one; then its position counts.
What comes while nobody listens yet waits for the first listener.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from sermo_client.control import Control
from sermo_client.cursors import Cursor
from sermo_client.errors import SermoError
from sermo_client.frames import Event
from sermo_client.models import Snapshot
from sermo_client.outbox import Message


class Resynced(msgspec.Struct, frozen=True):
    """The events between what was handled and this snapshot will not come: begin anew from the snapshot."""

    reason: str
    """`start`, `epoch`, `ahead` or `backlog`."""
    snapshot: Snapshot


class SendFailed(msgspec.Struct, frozen=True):
    """A message of the outbox was refused for good."""

    message: Message
    error: SermoError


Item: TypeAlias = Event | Control | Resynced | SendFailed
"""What the application gets."""
Handler: TypeAlias = Callable[[Any], Awaitable[None]]
Kinds: TypeAlias = tuple[type[Any], ...]


class _Loop:
    """One `async for`: takes an item, and says when the next one is asked for."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.items: asyncio.Queue[Item | None] = asyncio.Queue(1)
        self.is_done = asyncio.Event()
        self.was_handled = False

    async def offer(self, item: Item) -> bool:
        """Give it an item; whether it was handled, or the loop was left in the midst of it."""
        self.is_done.clear()
        self.was_handled = False
        self.items.put_nowait(item)
        await self.is_done.wait()
        return self.was_handled


class Stream:
    """One client's. `handled` is told of each position that has been handled."""

    def __init__(self, handled: Callable[[Cursor], None], capacity: int) -> None:
        self._handled = handled
        self._capacity = capacity
        self._items: deque[tuple[Item | None, Cursor | None]] = deque()
        self._handlers: list[tuple[Kinds, Handler]] = []
        self._loops: list[_Loop] = []
        self._watchers: list[tuple[Callable[[Item], bool], asyncio.Future[Item]]] = []
        self._moved = asyncio.Event()
        self._has_ended = False
        self._has_stopped = False
        self._error: BaseException | None = None
        self.stirred = asyncio.Event()
        """Set whenever there is more room."""

    # In

    @property
    def is_full(self) -> bool:
        """Whether who brings more should wait."""
        return self._has_listener and len(self._items) >= self._capacity

    def put(self, item: Item | None, cursor: Cursor | None = None) -> None:
        """The next item; None is a position where nothing came."""
        self._items.append((item, cursor))
        if item is not None:
            self._show(item)
        if not self._has_listener and len(self._items) > self._capacity:
            self._take()  # nobody has asked for so long
        self._moved.set()

    def end(self, error: BaseException | None) -> None:
        """Nothing comes any more: loops end after what is there, or raise this."""
        self._has_ended, self._error = True, self._error or error
        for _, future in self._watchers:
            if not future.done():
                future.set_exception(self._error or SermoError("the client has been closed"))
        self._moved.set()

    def stop(self) -> None:
        """Nothing is handed out any more, whatever is there."""
        self._has_stopped = True
        self._end_loops()
        self._moved.set()

    # Out

    def on(self, kinds: Kinds, handler: Handler) -> None:
        """Call the handler for each item of these types, one after the other."""
        self._handlers.append((kinds, handler))
        self._moved.set()

    async def events(self, kinds: Kinds) -> AsyncIterator[Any]:
        """Each item of these types. Raises why the stream has ended, unless the application ended it."""
        loop = _Loop(kinds)
        self._loops.append(loop)
        self._moved.set()
        if self._has_stopped:
            self._end_loops()
        try:
            while (item := await loop.items.get()) is not None:
                yield item
                loop.was_handled = True
                loop.is_done.set()
        finally:
            if loop in self._loops:
                self._loops.remove(loop)
            loop.is_done.set()
        if self._error is not None:
            raise self._error

    async def wait_for(self, matches: Callable[[Item], bool], timeout_s: float | None) -> Item:
        """The first item that matches, of those that wait or come. Where nobody else listens it counts as handled, with
        all before it. Raises `TimeoutError`, or why the stream has ended.
        """
        found = next((item for item, _ in self._items if item is not None and matches(item)), None)
        if found is None:
            if self._has_ended:
                raise self._error or SermoError("the client has been closed")
            future: asyncio.Future[Item] = asyncio.get_running_loop().create_future()
            watcher = (matches, future)
            self._watchers.append(watcher)
            try:
                async with asyncio.timeout(timeout_s):
                    found = await future
            finally:
                self._watchers.remove(watcher)
        if not self._has_listener and any(item is found for item, _ in self._items):
            while self._take() is not found:
                pass
        return found

    async def dispatch(self) -> None:
        """Hand out what comes, for ever. What a handler raises ends it."""
        while True:
            while not self._may_go():
                if self._has_ended and not self._items:
                    self._end_loops()
                self._moved.clear()
                await self._moved.wait()
                if self._has_stopped:
                    return
            item, cursor = self._items.popleft()
            self.stirred.set()
            if item is not None and not await self._deliver(item):
                continue  # left in the midst of it: its position does not count
            if cursor is not None:
                self._handled(cursor)

    # Inside

    @property
    def _has_listener(self) -> bool:
        return bool(self._handlers or self._loops)

    def _may_go(self) -> bool:
        return bool(self._items) and (self._has_listener or self._items[0][0] is None) and not self._has_stopped

    def _take(self) -> Item | None:
        item, cursor = self._items.popleft()
        self.stirred.set()
        if cursor is not None:
            self._handled(cursor)
        return item

    def _show(self, item: Item) -> None:
        for matches, future in self._watchers:
            if not future.done() and matches(item):
                future.set_result(item)

    async def _deliver(self, item: Item) -> bool:
        for kinds, handler in list(self._handlers):
            if isinstance(item, kinds):
                await handler(item)
        is_handled = True
        for loop in list(self._loops):
            if isinstance(item, loop.kinds) and loop in self._loops:  # it may have been left meanwhile
                is_handled = await loop.offer(item) and is_handled
        return is_handled

    def _end_loops(self) -> None:
        for loop in self._loops:
            if loop.items.empty():
                loop.items.put_nowait(None)
