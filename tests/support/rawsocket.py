"""Sockets by hand: what a client library would not do, frame by frame."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


def address(url: str) -> tuple[str, int]:
    """Host and port."""
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def handshake(url: str, *lines: str) -> bytes:
    """The request that opens a socket, with further header lines."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /ws HTTP/1.1\r\nHost: {url.removeprefix('http://')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    )
    return "".join((head, *(f"{line}\r\n" for line in lines), "\r\n")).encode()


@asynccontextmanager
async def raw_connection(
    url: str, *, receive_bytes: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that sends and reads only what the test says. `receive_bytes`: its kernel's buffer."""
    own = socket.socket()
    if receive_bytes is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, address(url))
    reader, writer = await asyncio.open_connection(sock=own, limit=1_024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def raw_socket(
    url: str, *lines: str, receive_bytes: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The same after the handshake."""
    async with raw_connection(url, receive_bytes=receive_bytes) as (reader, writer):
        writer.write(handshake(url, *lines))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        yield reader, writer


def masked(payload: bytes, opcode: int = 1, *, fin: bool = True, flags: int = 0) -> bytes:
    """A client's frame, masked with zeros: its bytes are the payload's."""
    first = (0x80 if fin else 0) | flags | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65_536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8)
    return head + bytes(4) + payload


async def frames_of(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """What the server sends, frame by frame: opcode and payload."""
    while True:
        head = await reader.readexactly(2)
        size = head[1]
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
        yield head[0] & 15, await reader.readexactly(size)


async def message_ids(reader: asyncio.StreamReader, last: int, timeout_s: float = 60) -> list[int]:
    """The ids of the messages that come, single or in batches, through the last one."""
    found: list[int] = []
    async with asyncio.timeout(timeout_s):
        async for opcode, payload in frames_of(reader):
            assert opcode in (1, 9)
            if opcode == 9:
                continue
            frame = json.loads(payload)
            inner = frame["data"]["frames"] if frame["type"] == "batch" else [frame]
            found += [each["id"] for each in inner if each["type"] == "new_message"]
            if found and found[-1] == last:
                return found
    raise AssertionError("it does not come")


async def close_code(reader: asyncio.StreamReader, timeout_s: float = 30) -> int:
    """Read on to the close frame; its code."""
    async with asyncio.timeout(timeout_s):
        async for opcode, payload in frames_of(reader):
            if opcode == 8:
                return int.from_bytes(payload[:2])
    raise AssertionError("it does not end")


def connect_frame(token: str, **data: object) -> bytes:
    """The first frame."""
    return masked(json.dumps({"type": "connect", "data": {"token": token, **data}}).encode())
