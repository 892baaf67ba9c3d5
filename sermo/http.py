"""uvicorn's HTTP protocol with what it lacks: deadlines for clients that dawdle, and bounds for what they send.

A connection's cost is a few attributes; one sweep a second looks at all of them.
"""

import asyncio
import enum
from collections import Counter
from typing import Any

import msgspec
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domain.errors import BadRequest, Overloaded, TooLarge

logger = structlog.get_logger()

SWEEP_INTERVAL_S = 1.0


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may take of time and space before a request is the application's."""

    head_timeout_s: float = 10.0
    """From connecting, or from a further request's first byte, to the end of the head; a socket's handshake is one."""
    head_max_bytes: int = 65_536
    """Of a head that comes in several reads; one more read's bytes may lie on top."""
    body_timeout_s: float = 60.0
    """From the end of the head, or from the last whole `body_step_bytes`, to the end of the body."""
    body_step_bytes: int = 1_048_576
    """Each so many bytes of a body that the application takes have the time anew: a file may be long, and still has a pace."""
    no_progress_s: float = 30.0
    """Of a client that does not take its response, or what is left before the end of a socket."""
    sockets_max: int = 22_000
    """Open connections of this process, of any kind; one more is answered 503 at once."""


class Config(uvicorn.Config):
    """uvicorn's configuration, with our limits for the protocols that it makes."""

    def __init__(self, app: Any, limits: HttpLimits, refusals: Counter[str] | None = None, **options: Any) -> None:
        super().__init__(app, **options)
        self.limits = limits
        self.refusals: Counter[str] = Counter() if refusals is None else refusals
        """Connections that were ended before a request was the application's, by status."""


class _Stage(enum.Enum):
    IDLE = enum.auto()
    """Between requests; uvicorn closes a connection that stays so."""
    HEAD = enum.auto()
    BODY = enum.auto()


class HttpProtocol(HttpToolsProtocol):
    """One connection that has not become a socket."""

    config: Config
    _stage = _Stage.HEAD
    _since = 0.0
    _head_bytes = 0
    _body_bytes = 0
    """Since the time began."""
    _has_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client, or one too many."""
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.config.limits.sockets_max:
            self._refuse("503 Service Unavailable", Overloaded.code, "This server has too many connections.")

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._stage is _Stage.IDLE and self.cycle.response_complete:
            self._begin()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._stage is _Stage.HEAD and self._head_bytes > self.config.limits.head_max_bytes:
            self._refuse("431 Request Header Fields Too Large", TooLarge.code, "The head of the request is too large.")

    def handle_websocket_upgrade(self) -> None:
        """The socket goes on alone; let go of what was the request's."""
        super().handle_websocket_upgrade()
        self.parser = self.scope = self.headers = None  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP; uvicorn would answer in plain text."""
        self._refuse("400 Bad Request", BadRequest.code, "This is no HTTP request.")

    def on_message_begin(self) -> None:
        """A request's first byte."""
        if self._stage is not _Stage.HEAD:
            self._begin()
        self._head_bytes = 0
        self._has_begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head. Those behind a body are passed over: nothing here wants them, and they have no end."""
        if self._stage is _Stage.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stage = _Stage.BODY
        self._since = self.loop.time()
        self._body_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body. What comes after the answer is dropped, and gains no time."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._body_bytes += len(body)
            if self._body_bytes >= self.config.limits.body_step_bytes:
                self._since = self.loop.time()
                self._body_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stage = _Stage.IDLE
        super().on_message_complete()

    def _begin(self) -> None:
        self._stage = _Stage.HEAD
        self._since = self.loop.time()
        self._head_bytes = 0
        self._has_begun = False

    def check(self, now: float) -> None:
        """End it if it dawdles. One whose body waits for the application does not."""
        limits, waited_s = self.config.limits, now - self._since
        if self._stage is _Stage.HEAD and waited_s > limits.head_timeout_s:
            if self._has_begun:
                self._refuse("408 Request Timeout", BadRequest.code, "The head of the request did not come in time.")
            else:
                self.transport.close()
        elif self._stage is _Stage.BODY and self.flow.read_paused:
            self._since = now
        elif self._stage is _Stage.BODY and waited_s > limits.body_timeout_s:
            self._refuse("408 Request Timeout", BadRequest.code, "The body of the request did not come in time.")

    def _refuse(self, status: str, code: str, detail: str) -> None:
        """Answer in place of the application where nothing else is being answered, and close."""
        if self.transport.is_closing():
            return
        number, _, title = status.partition(" ")
        self.config.refusals[number] += 1
        if self._stage is _Stage.HEAD:
            is_free = self.cycle is None or self.cycle.response_complete
        elif self._stage is _Stage.IDLE:
            is_free = False  # a whole request is being answered; what follows it is none
        else:
            is_free = not self.cycle.response_started and not self.pipeline
        if is_free:
            problem = {"type": f"urn:sermo:problem:{code}", "title": title, "status": int(number)}
            problem |= {"code": code, "detail": detail}
            body = msgspec.json.encode(problem)
            self.transport.write(
                f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
                f"{'' if number == '400' else _RETRY_AFTER}connection: close\r\n\r\n".encode()
                + body
            )
        self.transport.close()


_RETRY_AFTER = "retry-after: 5\r\n"


class Sweeper:
    """Ends what dawdles, on all connections of a server."""

    def __init__(self, server: uvicorn.Server, limits: HttpLimits) -> None:
        self._connections: set[Any] = server.server_state.connections
        self._limits = limits
        self._unsent: dict[Any, tuple[int, float]] = {}
        """Bytes that a client has not taken, and since when they do not become fewer."""

    async def run(self) -> None:
        """Sweep until cancelled."""
        limits = self._limits
        shortest_s = min(limits.head_timeout_s, limits.body_timeout_s, limits.no_progress_s)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(SWEEP_INTERVAL_S, shortest_s / 4))
            try:
                self.sweep(loop.time())
            except Exception:
                logger.exception("http.sweep_failed")

    def sweep(self, now: float) -> None:
        """Look at each once. An open socket has an outbox, which sees to its own progress."""
        before, self._unsent = self._unsent, {}
        for connection in tuple(self._connections):
            transport: asyncio.Transport = connection.transport
            if isinstance(connection, HttpProtocol):
                connection.check(now)
            elif not transport.is_closing():
                continue
            size = transport.get_write_buffer_size()
            if size == 0:
                continue
            last_size, since = before.get(connection, (size, now))
            if size < last_size:
                since = now
            elif now - since > self._limits.no_progress_s:
                transport.abort()
            self._unsent[connection] = (size, since)
