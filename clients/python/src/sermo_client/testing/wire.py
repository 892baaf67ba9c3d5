"""A small server of HTTP and WebSocket on a loopback port, whose connections can be broken in every way."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from sermo_client.link import SUBPROTOCOL

HEAD_MAX_BYTES = 65_536


class Call(msgspec.Struct, frozen=True):
    """A call of REST."""

    method: str
    path: str
    query: dict[str, str]
    token: str | None
    """Of `Authorization`."""
    body: Any


class SocketClosed(Exception):
    """The connection has ended."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """One WebSocket, seen from the server."""

    def __init__(
        self, call: Call, protocol: ServerProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ):
        self.call = call
        """The handshake."""
        self._protocol = protocol
        self._reader = reader
        self._writer = writer
        self._texts: list[str] = []

    async def receive(self) -> str:
        """The next text. Raises `SocketClosed`."""
        while not self._texts:
            data = await self._read()
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self._texts.append(bytes(event.data).decode())
            self._flush()
            if self._protocol.close_expected() and not self._texts:
                self._writer.close()
            if not data and not self._texts:
                raise SocketClosed(self._protocol.close_code or 1006)
        return self._texts.pop(0)

    async def send(self, text: str) -> None:
        """Send a text."""
        self._protocol.send_text(text.encode())
        self._flush()
        with suppress(ConnectionError):
            await self._writer.drain()

    def send_half(self, text: str) -> None:
        """Send the beginning of a frame; what else but the end of the connection could follow."""
        self._protocol.send_text(text.encode())
        data = b"".join(self._protocol.data_to_send())
        self._writer.write(data[: len(data) // 2])

    def begin_close(self, code: int, reason: str = "") -> None:
        """Send a close frame; who receives sees the end."""
        self._protocol.send_close(code, reason)
        self._flush()

    async def close(self, code: int, reason: str = "") -> None:
        """Close in good order, where nobody else receives."""
        self.begin_close(code, reason)
        with suppress(SocketClosed):
            while True:
                await self.receive()

    def drop(self) -> None:
        """End the TCP connection, without a close frame."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the TCP connection; what is on its way is lost."""
        self._writer.transport.abort()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(65_536)
        except ConnectionError:
            return b""

    def _flush(self) -> None:
        if not self._writer.is_closing():
            self._writer.write(b"".join(self._protocol.data_to_send()))


OnCall: TypeAlias = Callable[[Call], Awaitable[tuple[int, Any]]]
OnSocket: TypeAlias = Callable[[Socket], Awaitable[None]]


class WireServer:
    """Calls go to one function, which answers status and body, sockets to another, each in its own task."""

    def __init__(self, on_call: OnCall, on_socket: OnSocket) -> None:
        self._on_call = on_call
        self._on_socket = on_socket
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=HEAD_MAX_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and break every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task, writer in list(self._tasks.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> "WireServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = writer
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, SocketClosed):
                while await self._one(reader, writer):
                    pass
        finally:
            del self._tasks[task]
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = dict(_fields(rest))
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = line.split(" ")
        call = _call(method, target, headers, body)
        if headers.get("upgrade", "").lower() == "websocket":
            await self._on_socket(_accept(call, head, reader, writer))
            return False
        status, answer = await self._on_call(call)
        content = msgspec.json.encode(answer)
        writer.write(
            f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        await writer.drain()
        return True


def _fields(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _call(method: str, target: str, headers: dict[str, str], body: bytes) -> Call:
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    token = headers.get("authorization", "").removeprefix("Bearer ") or None
    return Call(method, parts.path, query, token, msgspec.json.decode(body) if body else None)


def _accept(call: Call, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Socket:
    protocol = ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=None)
    protocol.receive_data(head)
    (request,) = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    writer.write(b"".join(protocol.data_to_send()))
    return Socket(call, protocol, reader, writer)
