"""The one adapter to uvicorn: its WebSocket protocol, opened for ready frames, prompt closing and back-pressure.

A server frame is not masked, so its bytes are the same for every receiver: it is built once and written to each
transport. uvicorn's own `send` encodes for each.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from domain.errors import RateLimited
from ws.codes import CloseCode, reason
from ws.limits import Limits
from ws.outbox import LINGER_S, AsgiOutbox, Outbox, Send
from ws.wire import WINDOW_BITS, Encoded, compressed_frame, text_frame

logger = structlog.get_logger()

EXTENSION = "sermo.transport"
PINGS_UNANSWERED_MAX = 2
_PING = b"\x89\0"
_DISCARD_S = 15.0
"""For the rest of a frame that is too big: closing with bytes unread would reset the connection."""
_QUIET_S = 0.25
"""A client that sends nothing more for so long has sent the rest."""
_TOO_MANY_DELAY_MS = 5_000
_READ_BYTES = 16_384
"""So much of what has come is parsed in one go, at most some 10 ms; other clients have their turn in between."""
_WRITE_BYTES = 262_144
"""So much is handed to the transport in one go, while it takes it."""


class _Machine(ServerProtocol):
    """websockets' state machine; but a close frame may come in the midst of a message, as any control frame may."""

    def recv_frame(self, frame: Frame) -> None:
        """A whole frame has come."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class SermoWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol; puts itself into the scope for the outbox.

    What a client can make it hold is bounded: one read's bytes, one message, one pong that cannot be sent yet.
    """

    outbox: "TransportOutbox | None" = None
    compresses = False
    """The client takes what `ws.wire` compresses."""
    parts_per_s: float = math.inf
    """Frames that are no message: the session cannot count them."""
    closes: Counter[int] | None = None
    """Ends for what the application never hears of, by code."""
    heard = True
    """Something has come since this was last set to False."""
    _rest = b""
    """Has come, and is not parsed yet: the application has not taken what came before it."""
    _is_read_due = False
    _owed_pong = b""
    _part_count = 0
    _parts_since = 0.0
    _discarding = False
    _discarded_bytes = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn.__class__ = _Machine
        self._parts = bytearray()
        if self.config.ws_per_message_deflate:
            # No context lives on from frame to frame: a frame is compressed once for all, and a connection holds no window.
            bits = WINDOW_BITS
            self.conn.available_extensions = [ServerPerMessageDeflateFactory(True, True, bits, bits)]

    def handle_connect(self, event: Any) -> None:
        """Accept, and let the application write to the transport."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self
            self.compresses = any(
                isinstance(agreed, PerMessageDeflate) and agreed.local_max_window_bits >= WINDOW_BITS
                for agreed in self.conn.extensions
            )

    # What comes

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, unless it was told that they are not wanted."""
        self.heard = True
        if self._discarding:
            self._discarded_bytes += len(data)
        elif self._rest or len(data) > _READ_BYTES:
            self._rest += data
            self._read_on()
        else:
            super().data_received(data)

    async def receive(self) -> Any:
        """The next message for the application. The rest is parsed when it has taken all that was."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self._read_on()
        return message

    def _read_on(self) -> None:
        """Parse a slice of what has come; read from the transport only when nothing is left."""
        self._is_read_due = False
        if self.disconnected or self._discarding:
            self._rest = b""
            return
        if self._rest:
            part, self._rest = self._rest[:_READ_BYTES], self._rest[_READ_BYTES:]
            super().data_received(part)
        if self._rest:
            if not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()
            self._read_soon()
        elif self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()

    def _read_soon(self) -> None:
        """Parse the next slice in the loop's next turn, unless the application is to take something first."""
        if not self._is_read_due and (self.close_sent or self.queue.empty()):
            self._is_read_due = True
            self.loop.call_soon(self._read_on)

    def handle_cont(self, event: Frame) -> None:
        """A further part of a message. uvicorn keeps a list of parts, which grows without end by empty ones."""
        if not self._parts:
            self._parts += self.frames[0]
        self._parts += event.data
        if event.fin:
            self.frames = [bytes(self._parts)]
            self._parts.clear()
            self.send_receive_event_to_app()
        else:
            self._count_part()

    def send_receive_event_to_app(self) -> None:
        """A message is whole. Text that is no UTF-8 is the client's fault, and nothing to log."""
        data, self.frames = self.frames[0], []
        if self.close_sent:
            return
        if self.outbox is not None:
            self.outbox.hold_back()
        if self.curr_msg_data_type == "text":
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                self._count_close(1007)
                self.close_now(1007, "text is UTF-8")
                return
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def handle_ping(self) -> None:
        """Answer at once, or, to a client that does not read, later and only the last one (RFC 6455 section 5.5.3)."""
        # Of all pings of a slice, when the first is handled.
        pongs = [wire for wire in self.conn.data_to_send() if wire]
        if pongs and self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._owed_pong = pongs[-1]
        self._count_part()

    def handle_pong(self, event: Frame) -> None:
        """A sign of life as good as any."""
        self._count_part()

    def _count_part(self) -> None:
        """What is no message costs too: end a client that sends too much of it."""
        now = self.loop.time()
        if now - self._parts_since >= 1.0:
            self._parts_since, self._part_count = now, 0
        self._part_count += 1
        if self._part_count > self.parts_per_s:
            self._count_close(CloseCode.TOO_MANY)
            self.close_now(CloseCode.TOO_MANY, reason(RateLimited.code, _TOO_MANY_DELAY_MS))

    def pause_writing(self) -> None:
        """The client does not take what it was sent."""
        super().pause_writing()
        if self.outbox is not None:
            self.outbox.hold_back()

    def resume_writing(self) -> None:
        """The client takes more again."""
        super().resume_writing()
        pong, self._owed_pong = self._owed_pong, b""
        if pong:
            self.transport.write(pong)
        if self.outbox is not None:
            self.outbox.flush()

    # The end

    def handle_parser_exception(self) -> None:
        """Tell what was wrong, and read on for a while.

        Closing with bytes unread would reset the connection, and a client in the midst of a huge frame would never see
        the close code.
        """
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._count_close(code)
        self._end_writing()
        self._discarding = True
        self._rest = b""
        self._linger(_DISCARD_S)
        if code == CloseCode.TOO_BIG:
            self.loop.call_later(_QUIET_S, self._end_when_quiet)
        else:
            self._end_when_quiet(self._discarded_bytes)

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
        self._end_writing()
        self._linger(LINGER_S)

    def _count_close(self, code: int) -> None:
        if self.closes is not None and not self.close_sent:
            self.closes[code] += 1

    def _end_writing(self) -> None:
        """Nothing may come after a close frame."""
        self.close_sent = True
        if self.outbox is not None:
            self.outbox.hold_back()

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
        if self.close_timer is not None:
            self.close_timer.cancel()
        if self._rest:
            self._read_soon()
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)


class Flusher:
    """Writes what lies in the outboxes of a node, a moment later: what a client is sent in that moment goes out in one call.

    A sender's own event is written by the hub, and the acknowledgement a turn of the event loop later by the command that
    waited; so it is two turns until the bytes go out. Who waits for no answer gets an event without it.
    """

    def __init__(self) -> None:
        self._waiting: list[TransportOutbox] = []

    def add(self, outbox: "TransportOutbox") -> None:
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


class TransportOutbox:
    """Ready frames on uvicorn's transport, which gets more only while the client takes it (`ws.outbox.Outbox`)."""

    __slots__ = (
        "_flusher",
        "_handed_bytes",
        "_is_straight",
        "_max_bytes",
        "_max_frames",
        "_protocol",
        "_taken_bytes",
        "_transport",
        "_unanswered",
        "_waiting",
        "_waiting_bytes",
    )

    def __init__(
        self, protocol: SermoWebSocketProtocol, limits: Limits, flusher: Flusher, closes: Counter[int]
    ) -> None:
        self._protocol = protocol
        protocol.closes = closes
        protocol.outbox = self
        protocol.parts_per_s = limits.parts_per_s
        self._transport: asyncio.Transport = protocol.transport
        self._max_bytes = limits.outbox_max_bytes
        self._max_frames = limits.outbox_max_frames
        self._flusher = flusher
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._handed_bytes = 0
        self._is_straight = False
        """Nothing waits, and nothing speaks against handing a frame to the transport at once."""
        self._unanswered = 0
        self._taken_bytes: int | None = None
        """As of the last ping, where the transport was stuck then."""

    @property
    def is_open(self) -> bool:
        """See `Outbox`."""
        return not (self._protocol.close_sent or self._protocol.disconnected or self._transport.is_closing())

    @property
    def unsent_bytes(self) -> int:
        """See `Outbox`."""
        return self._waiting_bytes + self._transport.get_write_buffer_size()

    @property
    def is_full(self) -> bool:
        """See `Outbox`; what the transport holds comes on top, some 64 KiB."""
        return self._waiting_bytes > self._max_bytes or len(self._waiting) >= self._max_frames

    @property
    def has_room(self) -> bool:
        """See `Outbox`."""
        return self._waiting_bytes * 2 <= self._max_bytes and len(self._waiting) * 2 <= self._max_frames

    def push(self, frame: Encoded, at_once: bool = False) -> bool:
        """See `Outbox`. The first lines are what fan-out costs for each socket and event."""
        if at_once and self._is_straight and not self._transport.is_closing():
            try:
                wire = frame.wire
                self._handed_bytes += len(wire)
                self._transport.write(wire)
            except Exception:
                # As of the flusher: this client has to come back, the others get theirs.
                logger.exception("ws.write_failed")
                self.abort()
            return True
        if self._waiting_bytes > self._max_bytes or len(self._waiting) >= self._max_frames:
            return False
        self._write(frame.compressed if self._protocol.compresses else frame.wire)
        return True

    def send(self, frame: Encoded) -> None:
        """See `Outbox`."""
        self._write(frame.compressed if self._protocol.compresses else frame.wire)

    def write(self, payload: bytes) -> None:
        """See `Outbox`; it goes out in a moment."""
        self._write(compressed_frame(payload) if self._protocol.compresses else text_frame(payload))

    def hold_back(self) -> None:
        """Hand nothing to the transport at once until the next flush: an answer may follow, or it has enough, or its end."""
        self._is_straight = False

    def _write(self, wire: bytes) -> None:
        if not self._waiting:
            self._is_straight = False
            self._flusher.add(self)
        self._waiting.append(wire)
        self._waiting_bytes += len(wire)

    def flush(self) -> None:
        """Give the transport what waits, for as long as the client takes it."""
        writable = self._protocol.writable
        while self._waiting and writable.is_set():
            if not self.is_open:
                self._drop()
                return
            wire = self._next()
            self._handed_bytes += len(wire)
            self._transport.write(wire)
        self._is_straight = not self._waiting and self.is_open and writable.is_set() and not self._protocol.compresses

    def _next(self) -> bytes:
        waiting = self._waiting
        if self._waiting_bytes <= _WRITE_BYTES:
            self._waiting, self._waiting_bytes = [], 0
            return waiting[0] if len(waiting) == 1 else b"".join(waiting)
        count = size = 0
        while size < _WRITE_BYTES:
            size += len(waiting[count])
            count += 1
        self._waiting_bytes -= size
        self._waiting = waiting[count:]
        return b"".join(waiting[:count])

    def _drop(self) -> None:
        self._waiting, self._waiting_bytes, self._is_straight = [], 0, False

    async def drained(self, no_progress_s: float) -> bool:
        """See `Outbox`."""
        writable = self._protocol.writable
        self.flush()
        while self.is_open and not writable.is_set():
            before = self._taken()
            try:
                async with asyncio.timeout(no_progress_s):
                    await writable.wait()
            except TimeoutError:
                if self._taken() <= before:
                    return False
            self.flush()
        return True

    def _taken(self) -> int:
        """How much the kernel has taken of what was handed to the transport."""
        return self._handed_bytes - self._transport.get_write_buffer_size()

    def ping(self) -> bool:
        """See `Outbox`. Any bytes are a sign of life, and so is taking more after the kernel's buffers were full."""
        if not self.is_open:
            return True
        protocol = self._protocol
        if (
            protocol.heard
            or protocol.read_paused
            or (self._taken_bytes is not None and self._taken() > self._taken_bytes)
        ):
            self._unanswered = 0
        if self._unanswered >= PINGS_UNANSWERED_MAX:
            return False
        self._unanswered += 1
        protocol.heard = False
        self._taken_bytes = None if protocol.writable.is_set() else self._taken()
        self._write(_PING)
        return True

    def close(self, code: int, reason: str = "") -> None:
        """See `Outbox`."""
        self.flush()
        self._drop()
        self._protocol.close_now(code, reason)

    def abort(self) -> None:
        """See `Outbox`."""
        self._drop()
        self._transport.abort()

    async def serve(self, reading: Coroutine[Any, Any, None]) -> None:
        """See `Outbox`."""
        await reading


def outbox_for(scope: Any, send: Send, limits: Limits, flusher: Flusher, closes: Counter[int]) -> Outbox:
    """The outbox of an accepted socket: the fast one where the server is ours, else one that works on any.

    `closes` counts ends by their code that the server makes by itself.
    """
    protocol = (scope.get("extensions") or {}).get(EXTENSION)
    return AsgiOutbox(send, limits) if protocol is None else TransportOutbox(protocol, limits, flusher, closes)
