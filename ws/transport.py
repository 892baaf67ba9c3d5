"""The one adapter to uvicorn: its WebSocket protocol, opened for ready frames, prompt closing and back-pressure.

A server frame is not masked, so its bytes are the same for every receiver: it is built once and written to each
transport. uvicorn's own `send` encodes for each.
"""

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from ws.wire import Encoded, text_frame

logger = structlog.get_logger()

EXTENSION = "sermo.transport"
_LINGER_S = 5.0
"""For the answer to a close frame."""
_DISCARD_S = 15.0
"""For the rest of a frame that is too big: closing with bytes unread would reset the connection."""
_QUIET_S = 0.25
"""A client that sends nothing more for so long has sent the rest."""


class SermoWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol; puts itself into the scope for `Outbox`."""

    _discarding = False
    _discarded_bytes = 0

    def handle_connect(self, event: Any) -> None:
        """Accept, and let the application write to the transport."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, unless it was told that they are not wanted."""
        if self._discarding:
            self._discarded_bytes += len(data)
        else:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Tell what was wrong, and read on for a while.

        Closing with bytes unread would reset the connection, and a client in the midst of a huge frame would never see
        the close code.
        """
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._discarding = True
        self._linger(_DISCARD_S)
        self.loop.call_later(_QUIET_S, self._end_when_quiet)

    def close_now(self, code: int, reason: str) -> None:
        """Close although the client does not read: what is unsent is dropped with the connection."""
        if self.close_sent or self.transport.is_closing():
            return
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._linger(_LINGER_S)

    def shutdown(self) -> None:
        """The server ends: one that was told so has a moment to answer; uvicorn waits for it."""
        if self.close_sent and self.close_timer is not None:
            self.stop_keepalive()
        else:
            super().shutdown()

    def _end_when_quiet(self, seen_bytes: int = 0) -> None:
        """End our half: the client's answer to the close cannot be told from the rest of what it sends."""
        if self.disconnected or self.transport.is_closing():
            return
        if self._discarded_bytes != seen_bytes:
            self.loop.call_later(_QUIET_S, self._end_when_quiet, self._discarded_bytes)
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def _linger(self, seconds: float) -> None:
        """Read on until the client has answered the close, or for a while: closing with bytes unread would reset it.

        uvicorn closes the transport when the application is done, unless `close_timer` is set.
        """
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)


class Flusher:
    """Writes what lies in the outboxes of a node, a moment later: what a client is sent in that moment goes out in one call.

    A sender's own event is written by the hub, and the acknowledgement a turn of the event loop later by the command that
    waited; so it is two turns until the bytes go out.
    """

    def __init__(self) -> None:
        self._waiting: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        """This one has something to write."""
        self._waiting.append(outbox)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            try:
                outbox.flush()
            except Exception:
                # One client's bytes are lost, so it has to come back; the others get theirs.
                logger.exception("ws.write_failed")
                outbox.abort()


class Outbox:
    """What goes to one client. Bounded: `is_full` says when no more should be written."""

    def __init__(self, protocol: SermoWebSocketProtocol, max_bytes: int, flusher: Flusher) -> None:
        self._protocol = protocol
        self._transport: asyncio.Transport = protocol.transport
        self._max_bytes = max_bytes
        self._flusher = flusher
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether writing still has a meaning."""
        return not (self._protocol.close_sent or self._protocol.disconnected or self._transport.is_closing())

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet, without the kernel's buffers."""
        return self._waiting_bytes + self._transport.get_write_buffer_size()

    @property
    def is_full(self) -> bool:
        """Whether the client is behind."""
        return self.unsent_bytes > self._max_bytes

    @property
    def has_room(self) -> bool:
        """Whether no more waits than half of what may."""
        return self.unsent_bytes * 2 <= self._max_bytes

    def push(self, frame: Encoded) -> bool:
        """Write a frame that goes to many; False, and nothing is written, when the client is behind."""
        if self.is_full:
            return False
        self._write(frame.wire)
        return True

    def send(self, frame: Encoded) -> None:
        """Write a frame that goes to many, also to a client that is behind."""
        self._write(frame.wire)

    def write(self, payload: bytes) -> None:
        """Write a frame of this client's own, in a moment; never blocks. Does nothing when the connection is over."""
        self._write(text_frame(payload))

    def _write(self, wire: bytes) -> None:
        if not self._waiting:
            self._flusher.add(self)
        self._waiting.append(wire)
        self._waiting_bytes += len(wire)

    def flush(self) -> None:
        """Give the transport what waits."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if waiting and self.is_open:
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    async def drained(self, no_progress_s: float) -> bool:
        """Wait until the client has taken most of it; False when it takes nothing for so long."""
        self.flush()
        while self.is_open and not self._protocol.writable.is_set():
            before = self.unsent_bytes
            try:
                async with asyncio.timeout(no_progress_s):
                    await self._protocol.writable.wait()
            except TimeoutError:
                if self.unsent_bytes >= before:
                    return False
        return True

    def abort(self) -> None:
        """End the connection without a word."""
        self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """End the connection with this code, after what waits."""
        self.flush()
        self._protocol.close_now(code, reason)
