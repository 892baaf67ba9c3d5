"""A WebSocket client that costs as little as possible: the load generator shares the cores with what it measures.

Frames are found by their headers and not decoded; what is sent is masked with zeros, so its bytes are the payload's.
"""

import asyncio
import os
from base64 import b64encode
from typing import cast
from urllib.parse import urlsplit

import msgspec

MASKED = 0x80


def masked(payload: bytes) -> bytes:
    """A text frame of a client (RFC 6455 section 5.2) with the masking key 0."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, MASKED | size, 0, 0, 0, 0)) + payload
    return b"\x81" + bytes((MASKED | 126,)) + size.to_bytes(2, "big") + b"\0\0\0\0" + payload


class WireClient(asyncio.Protocol):
    """One connection. A subclass has `on_frame`, or replaces `on_bytes` to look at several frames at once."""

    def __init__(self, host: str, path: str) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: sermo.v1.json\r\n\r\n"
        ).encode()
        self._rest = b""
        self._is_upgraded = False
        self._transport: asyncio.Transport | None = None
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """The first frame: `connected`."""
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        for future in (self.upgraded, self.first):
            if not future.done():
                future.set_exception(ConnectionError(f"the server closed the connection: {exc}"))

    def data_received(self, data: bytes) -> None:
        if self._is_upgraded:
            self.on_bytes(self._rest + data if self._rest else data)
            return
        self._rest += data
        head, end, rest = self._rest.partition(b"\r\n\r\n")
        if end:
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.upgraded.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._is_upgraded, self._rest = True, b""
            self.upgraded.set_result(None)
            if rest:
                self.on_bytes(rest)

    def on_bytes(self, data: bytes) -> None:
        """All bytes of the connection that are not consumed yet."""
        at, end = 0, len(data)
        while end - at >= 2:
            size, head = data[at + 1], 2
            if size == 126:
                if end - at < 4:
                    break
                size, head = (data[at + 2] << 8) | data[at + 3], 4
            elif size == 127:
                if end - at < 10:
                    break
                size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if end - at < head + size:
                break
            opcode = data[at] & 0x0F
            if opcode == 9:
                self.write(b"\x8a\x80\0\0\0\0" if not size else self._pong(data[at + head : at + head + size]))
            elif opcode == 1:
                if not self.first.done():
                    self.first.set_result(data[at + head : at + head + size])
                else:
                    self.on_frame(data, at + head, size)
            at += head + size
        self._rest = data[at:]

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        """A text frame: its payload lies at `at` and has `size` bytes."""

    def write(self, wire: bytes) -> None:
        """Send ready bytes."""
        assert self._transport is not None
        self._transport.write(wire)

    def close(self) -> None:
        """Go away."""
        if self._transport is not None:
            self._transport.close()

    @staticmethod
    def _pong(payload: bytes) -> bytes:
        return bytes((0x8A, MASKED | len(payload), 0, 0, 0, 0)) + payload


async def open_client(url: str, make: "type[WireClient]", token: str | None, path: str = "/ws") -> WireClient:
    """Connect and introduce ourselves; returns when `connected` has come (or with no token, when the socket is open)."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: make(parts.netloc, path), parts.hostname, parts.port)
    await client.upgraded
    if token is not None:
        client.write(masked(msgspec.json.encode({"type": "connect", "data": {"token": token}})))
        await client.first
    else:
        client.first.set_result(b"")
    return client
