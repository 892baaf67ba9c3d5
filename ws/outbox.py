"""What goes to one client, and the way that works on any ASGI server. `ws.transport` has the fast one, on uvicorn.

An outbox is bounded in bytes and in frames. When it is full, `push` refuses: the client is behind, and reads the log at its
own position until it has caught up. Answers to its own frames are still taken, since it is not read meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from ws.limits import Limits
from ws.wire import Encoded

LINGER_S = 5.0
"""For the answer to a close frame."""
_LOW_BYTES = 65_536
"""With so little unsent, a client has taken most of it."""

Send = Callable[[Any], Awaitable[None]]


class Outbox(Protocol):
    """One client's. All methods run in the event loop's thread; none but those that are `async` blocks."""

    @property
    def is_open(self) -> bool:
        """Whether writing still has a meaning."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the client is behind."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether no more waits than half of what may."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet, without the kernel's buffers."""
        ...

    def push(self, frame: Encoded, at_once: bool = False, /) -> bool:
        """Write a frame that goes to many; False, and nothing is written, when the client is behind.

        `at_once`: waiting for what could go out with it gains nothing.
        """
        ...

    def send(self, frame: Encoded, /) -> None:
        """Write a frame that goes to many, also to a client that is behind."""
        ...

    def write(self, payload: bytes, /) -> None:
        """Write a frame of this client's own. Does nothing when the connection is over."""
        ...

    async def drained(self, no_progress_s: float) -> bool:
        """Wait until the client has taken most of it; False when it takes nothing for so long."""
        ...

    def ping(self) -> bool:
        """Ask for a sign of life, once an interval; False when there was none after two of these."""
        ...

    def close(self, code: int, reason: str, /) -> None:
        """End the connection with this code; a client that reads gets what waits before it."""
        ...

    def abort(self) -> None:
        """End the connection without a word."""
        ...

    async def serve(self, reading: Coroutine[Any, Any, None]) -> None:
        """Run what reads from the client, until the connection is over."""
        ...


class AsgiOutbox:
    """On plain ASGI: a writer of its own sends frame by frame. Protocol pings are the server's affair."""

    def __init__(self, send: Send, limits: Limits) -> None:
        self._send = send
        self._max_bytes = limits.outbox_max_bytes
        self._max_frames = limits.outbox_max_frames
        self._waiting: deque[bytes] = deque()
        self._taken_bytes = 0
        self._ready = asyncio.Event()
        self._is_low = asyncio.Event()
        self._is_low.set()
        self._closing: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._is_over = False
        self.unsent_bytes = 0

    @property
    def is_open(self) -> bool:
        """See `Outbox`."""
        return not self._is_over and self._closing is None

    @property
    def is_full(self) -> bool:
        """See `Outbox`."""
        return self.unsent_bytes > self._max_bytes or len(self._waiting) >= self._max_frames

    @property
    def has_room(self) -> bool:
        """See `Outbox`."""
        return self.unsent_bytes * 2 <= self._max_bytes and len(self._waiting) * 2 <= self._max_frames

    def push(self, frame: Encoded, at_once: bool = False) -> bool:
        """See `Outbox`."""
        if self.is_full:
            return False
        self.write(frame.payload)
        return True

    def send(self, frame: Encoded) -> None:
        """See `Outbox`."""
        self.write(frame.payload)

    def write(self, payload: bytes) -> None:
        """See `Outbox`."""
        if not self.is_open:
            return
        self._waiting.append(payload)
        self.unsent_bytes += len(payload)
        if self.unsent_bytes > _LOW_BYTES:
            self._is_low.clear()
        self._ready.set()

    async def drained(self, no_progress_s: float) -> bool:
        """See `Outbox`."""
        while self.is_open and not self._is_low.is_set():
            before = self._taken_bytes
            try:
                async with asyncio.timeout(no_progress_s):
                    await self._is_low.wait()
            except TimeoutError:
                if self._taken_bytes == before:
                    return False
        return True

    def ping(self) -> bool:
        """See `Outbox`; plain ASGI knows no pings."""
        return True

    def close(self, code: int, reason: str = "") -> None:
        """See `Outbox`; one that does not read loses what waits, and is told nothing."""
        if not self.is_open:
            return
        self._closing = (code, reason)
        if not self._is_low.is_set():
            self._drop()
        self._ready.set()
        asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        """See `Outbox`; the server ends the connection when the application is done."""
        self._is_over = True
        self._drop()
        if self._writer is not None:
            self._writer.cancel()

    async def serve(self, reading: Coroutine[Any, Any, None]) -> None:
        """See `Outbox`. Raises what the reading or the writing raised."""
        reader = asyncio.ensure_future(reading)
        self._writer = asyncio.ensure_future(self._write_all())
        try:
            await asyncio.wait((reader, self._writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.abort()
            reader.cancel()
            await asyncio.wait((reader, self._writer))
        for task in (reader, self._writer):
            if not task.cancelled():
                task.result()

    def _drop(self) -> None:
        self._waiting.clear()
        self.unsent_bytes = 0
        self._is_low.set()

    async def _write_all(self) -> None:
        with suppress(OSError):  # the client has gone; the reading hears of it
            while self._closing is None or self._waiting:
                while self._waiting:
                    payload = self._waiting.popleft()
                    await self._send({"type": "websocket.send", "text": payload.decode()})
                    self._taken_bytes += len(payload)
                    self.unsent_bytes = max(0, self.unsent_bytes - len(payload))
                    if self.unsent_bytes <= _LOW_BYTES:
                        self._is_low.set()
                self._ready.clear()
                if self._closing is None:
                    await self._ready.wait()
            code, reason = self._closing
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
