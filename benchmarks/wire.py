"""A WebSocket client that costs as little as possible: the load generator shares the cores with what it measures.

Frames are found by their headers and not decoded; what is sent is masked with zeros, so its bytes are the payload's.
"""

import asyncio
import itertools
import os
import time
from base64 import b64encode
from collections.abc import Callable
from typing import TypeVar, cast
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
        self.closed_with: str | None = None
        """Code and reason of the server's close frame."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        for future in (self.upgraded, self.first):
            if not future.done():
                future.set_exception(ConnectionError(f"the server closed the connection: {self.closed_with or exc}"))

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
            elif opcode == 8:
                payload = data[at + head : at + head + size]
                self.closed_with = f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode(errors='replace')}"
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

    def introduce(self, token: str, **connect: object) -> None:
        """The first frame."""
        self.write(masked(msgspec.json.encode({"type": "connect", "data": {"token": token, **connect}})))

    def close(self) -> None:
        """Go away."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Go away without a word."""
        if self._transport is not None:
            self._transport.abort()

    @staticmethod
    def _pong(payload: bytes) -> bytes:
        return bytes((0x8A, MASKED | len(payload), 0, 0, 0, 0)) + payload


Made = TypeVar("Made", bound=WireClient)


async def open_client(
    url: str, make: Callable[[str, str], Made], token: str | None, path: str = "/ws", **connect: object
) -> Made:
    """Connect and introduce ourselves; returns when `connected` has come (or with no token, when the socket is open).

    `connect`: what else the first frame says, such as where to resume from.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: make(parts.netloc, path), parts.hostname or "", parts.port or 80)
    await client.upgraded
    if token is not None:
        client.introduce(token, **connect)
        await client.first
    return client


class Connected(msgspec.Struct, frozen=True):
    """What matters of the data of `connected`."""

    head_id: int
    epoch: str


class _First(msgspec.Struct, frozen=True):
    type: str
    data: Connected


_decode_first = msgspec.json.Decoder(_First).decode


def connected(client: WireClient) -> Connected:
    """What the server said first."""
    return _decode_first(client.first.result()).data


class EventFrame(msgspec.Struct, frozen=True):
    """What a check needs to know of a frame."""

    type: str
    id: int = 0
    feed: str = ""
    seq: int = 0


class _Batch(msgspec.Struct, frozen=True):
    frames: list[EventFrame]


class _BatchFrame(msgspec.Struct, frozen=True):
    data: _Batch


_decode_event = msgspec.json.Decoder(EventFrame).decode
_decode_batch = msgspec.json.Decoder(_BatchFrame).decode
EVENT = b'{"type":"new_message"'
BATCH = b'{"type":"batch"'
RESUMED = b'{"type":"resumed"'


def frames_of(payload: bytes) -> list[EventFrame]:
    """The event frames in a frame; empty for signals and answers. Raises where the server refused something."""
    if payload.startswith(BATCH):
        return _decode_batch(payload).data.frames
    if payload.startswith((b'{"type":"error"', b'{"type":"resync_required"')):
        raise RuntimeError(f"the server refused: {payload!r}")
    frame = _decode_event(payload)
    return [frame] if frame.feed else []


class _ResumedData(msgspec.Struct, frozen=True):
    count: int
    through: int


class _Resumed(msgspec.Struct, frozen=True):
    data: _ResumedData


class Resuming(WireClient):
    """Keeps what comes until `resumed`; it is looked at afterwards."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.kept: list[bytes] = []
        self.resumed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """The monotonic time at which the backlog was complete."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.resumed.done():
            self.resumed.set_exception(ConnectionError(f"the server closed the connection: {self.closed_with or exc}"))

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if self.resumed.done():
            return
        self.kept.append(data[at : at + size])
        if data.startswith(RESUMED, at):
            self.resumed.set_result(time.monotonic())

    def check(self, wanted: int, feed: str) -> None:
        """Raise unless exactly so many events of that feed came, in order and without a hole, and then `resumed`."""
        told = msgspec.json.decode(self.kept[-1], type=_Resumed).data
        came = [frame for payload in self.kept[:-1] for frame in frames_of(payload)]
        if len(came) != wanted or told.count != wanted:
            raise RuntimeError(f"{len(came)} events came and {told.count} were told of, instead of {wanted}")
        for one, other in itertools.pairwise(came):
            if one.id >= other.id or other.seq != one.seq + 1:
                raise RuntimeError(f"event {other} came after {one}")
        if any(frame.feed != feed for frame in came):
            raise RuntimeError(f"an event of another feed came than {feed}")
