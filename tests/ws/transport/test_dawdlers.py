"""Clients that hold a connection and send next to nothing: each is ended at its deadline, and the others are served."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog

from sermo.http import HttpLimits
from tests.support.people import Person, register
from tests.support.rawsocket import address, close_code, handshake, raw_socket
from tests.support.wait import await_until
from tests.ws.conftest import StartNode
from ws.limits import Limits

SHORT = HttpLimits(head_timeout_s=1.0, body_timeout_s=1.0, no_progress_s=1.0)


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection."""
    reader, writer = await asyncio.open_connection(*address(url))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def trickle(
    writer: asyncio.StreamWriter, data: Iterator[bytes], reader: asyncio.StreamReader, pause_s: float = 0.05
) -> bytes:
    """Send piece by piece until the server ends it; what it said."""
    said = asyncio.create_task(reader.read())
    async with asyncio.timeout(30):
        try:
            for piece in data:
                if said.done():
                    break
                writer.write(piece)
                await writer.drain()
                await asyncio.wait((said,), timeout=pause_s)
            return await said
        except ConnectionError:
            said.cancel()
            return b""


def one_by_one(text: bytes) -> Iterator[bytes]:
    """Each byte."""
    return (bytes((byte,)) for byte in text)


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status line and body of one response."""
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head.split(b"\r\n")[0], await reader.readexactly(int(length.split(b":")[1]))


def post(person: Person, body: bytes, length: int | None = None) -> bytes:
    """A request with a body, or the beginning of one."""
    return (
        f"POST /v1/channels HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    ).encode() + body


async def test_a_head_that_does_not_end_is_408(node_with: StartNode) -> None:
    """However steadily it trickles: a request, a socket's handshake, empty lines, and silence."""
    async with node_with(Limits(), SHORT) as (url, node):
        person = await register(url)
        beginnings = {
            "request": b"GET /health/live HTTP/1.1\r\nX-Filler: " + b"x" * 10_000,
            "handshake": handshake(url)[:-4] + b"\r\nX-Filler: " + b"x" * 10_000,
            "empty lines": b"\r\n" * 5_000,
            "nothing": b"",
        }
        for name, beginning in beginnings.items():
            async with raw(url) as (reader, writer):
                said = await trickle(writer, one_by_one(beginning), reader)
                expected = b"" if name in ("nothing", "empty lines") else b"HTTP/1.1 408 "
                assert said[:13] == expected, (name, said)
        assert (await person.call("GET", "/v1/me")).status_code == 200
        assert node.sockets.connections == 0


async def test_a_second_request_that_does_not_end_is_408(node_with: StartNode) -> None:
    """A connection that was good once has no longer patience."""
    async with node_with(Limits(), SHORT) as (url, _), raw(url) as (reader, writer):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
        status, _body = await answer(reader)
        assert b" 200 " in status
        said = await trickle(writer, one_by_one(b"GET /health/live HTTP/1.1\r\n" + b"x" * 10_000), reader)
        assert said.startswith(b"HTTP/1.1 408 ")


async def test_a_request_behind_one_that_is_being_answered_is_not_answered_into_it(node_with: StartNode) -> None:
    """A stream of events, and behind it the beginning of a request: the connection ends without a word."""
    async with node_with(Limits(), SHORT) as (url, _):
        person = await register(url)
        async with raw(url) as (reader, writer):
            writer.write(
                f"GET /v1/events HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {person.token}\r\n"
                "Accept: text/event-stream\r\n\r\nGET /health".encode()
            )
            async with asyncio.timeout(30):
                said = await reader.read()
            assert said.startswith(b"HTTP/1.1 200 ")
            assert b"connected" in said
            assert said.count(b"HTTP/1.1") == 1


async def test_a_body_that_does_not_end_is_408(node_with: StartNode) -> None:
    """Its deadline begins behind the head."""
    async with node_with(Limits(), SHORT) as (url, _):
        person = await register(url)
        async with raw(url) as (reader, writer):
            writer.write(post(person, b"{", 10_000))
            with structlog.testing.capture_logs() as lines:
                said = await trickle(writer, one_by_one(b" " * 9_000), reader)
                assert said.startswith(b"HTTP/1.1 408 ")
                assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "bad_request"
                assert (await person.call("GET", "/v1/me")).status_code == 200
            assert [line for line in lines if line["log_level"] == "error"] == [], "it is no fault of the program"


def _files(folder: Path) -> list[tuple[str, int]]:
    return [(path.name, path.stat().st_size) for path in folder.rglob("*") if path.is_file()]


async def test_a_long_body_with_a_pace_is_taken_and_one_without_is_408(node_with: StartNode, tmp_path: Path) -> None:
    """Each step of it has the time anew. What had come lies nowhere any more; after a refusal nothing gains time."""
    limits = HttpLimits(body_timeout_s=1.0, body_step_bytes=20_000)
    async with node_with(Limits(), limits, data_dir=tmp_path, attachment_max_bytes=2_000_000) as (url, node):
        person = await register(url)
        path = f"/v1/channels/{await person.make_channel()}/attachments?name=x"

        def upload(length: int) -> bytes:
            return post(person, b"", length).replace(b"/v1/channels", path.encode(), 1)

        async def send(length: int, pieces: int, piece: int, pause_s: float) -> bytes:
            async with raw(url) as (reader, writer):
                writer.write(upload(length).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                return await trickle(writer, iter([b"x" * piece] * pieces), reader, pause_s)

        began = time.monotonic()
        said = await send(300_000, 15, 20_000, 0.2)
        assert time.monotonic() - began > 2 * limits.body_timeout_s
        assert said.startswith(b"HTTP/1.1 201 "), said
        said = await send(300_000, 100, 1_000, 0.2)
        assert said.startswith(b"HTTP/1.1 408 "), said
        said = await send(1_000_000_000, 1_000, 20_000, 0.05)
        assert said.startswith(b"HTTP/1.1 413 "), said
        await await_until(lambda: node.uploads.under_way == 0, what="they have ended")
        assert [size for name, size in _files(tmp_path) if name != "log"] == [300_000]


async def test_a_request_in_pieces_is_answered(node_with: StartNode) -> None:
    """Slow is not wrong."""
    async with node_with(Limits()) as (url, _):
        person = await register(url)
        async with raw(url) as (reader, writer):
            for part in one_by_one(post(person, b"{}")):
                writer.write(part)
                await asyncio.sleep(0.001)
            assert b" 422 " in (await answer(reader))[0]


async def test_a_head_without_end_at_full_speed_is_431(node_with: StartNode) -> None:
    """The deadline alone would let megabytes pile up."""
    async with node_with(Limits(), HttpLimits()) as (url, node), raw(url) as (reader, writer):
        lines = (b"X-%d: " % number + b"x" * 5_000 + b"\r\n" for number in range(1_000))
        said = await trickle(writer, iter((b"GET / HTTP/1.1\r\n", *lines)), reader, pause_s=0.001)
        assert said.startswith(b"HTTP/1.1 431 ") or said == b""
        assert node.http_refusals == {"431": 1}


async def test_lines_behind_a_body_are_passed_over(node_with: StartNode) -> None:
    """A chunked body may have trailers: they are nobody's, however many."""
    async with node_with(Limits(), HttpLimits()) as (url, _):
        person = await register(url)
        async with raw(url) as (reader, writer):
            head = post(person, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            trailers = b"".join(b"X-%d: y\r\n" % number for number in range(1_000))
            writer.write(head + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n")
            assert b" 422 " in (await answer(reader))[0]
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b" 200 " in (await answer(reader))[0]


async def _ask_on(writer: asyncio.StreamWriter, request: bytes) -> None:
    async with asyncio.timeout(60):
        while True:
            writer.write(request)
            await writer.drain()
            await asyncio.sleep(0.02)


async def test_a_response_that_is_not_taken_ends(node_with: StartNode) -> None:
    """A client that asks and asks and reads nothing holds no memory for ever."""
    async with node_with(Limits(), SHORT) as (url, _):
        person = await register(url)
        async with raw(url) as (reader, writer):
            request = (
                f"GET /openapi.json HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {person.token}\r\n\r\n"
            ).encode()
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            with pytest.raises(ConnectionError):
                await _ask_on(writer, request)


async def test_what_a_closed_socket_does_not_take_ends(node_with: StartNode) -> None:
    """A client that says goodbye and reads nothing keeps what is unsent alive no longer than others."""
    async with node_with(Limits(), SHORT) as (url, node):
        person = await register(url)
        async with raw_socket(url, receive_bytes=4_096) as (_, writer):
            await await_until(lambda: node.sockets.connections == 1, what="it is connected")
            (connection,) = node.sockets._connections
            outbox = connection._outbox  # type: ignore[attr-defined]
            while not outbox.is_full:
                outbox.write(b"x" * 10_000)
                await asyncio.sleep(0)
            transport = outbox._transport
            writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
            await await_until(transport.is_closing, what="the server has heard the goodbye")
            await await_until(lambda: transport.get_write_buffer_size() == 0, 30, what="the rest is dropped")
        assert (await person.call("GET", "/v1/me")).status_code == 200


async def test_a_socket_without_a_first_frame_ends(node_with: StartNode) -> None:
    """The handshake done, and then nothing, or a frame without end."""
    async with node_with(Limits(connect_timeout_s=0.3), SHORT) as (url, _):
        async with raw_socket(url) as (reader, _):
            assert await close_code(reader) == 4002
        async with raw_socket(url) as (reader, writer):
            closing = asyncio.create_task(close_code(reader))
            writer.write(b"\x81\xfe\xff\xff\0\0\0\0")
            async with asyncio.timeout(30):
                while not closing.done():
                    writer.write(b" ")
                    await asyncio.wait((closing,), timeout=0.02)
            assert await closing == 4002


async def _status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What a request on this connection gets."""
    with suppress(ConnectionError):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n")
    return (await answer(reader))[0].split(b" ")[1]


async def test_one_connection_too_many_is_503_at_once(node_with: StartNode) -> None:
    """Of any kind; when one has gone there is room again."""
    async with node_with(Limits(), HttpLimits(sockets_max=2)) as (url, node):
        async with raw(url) as one, raw(url) as two:
            assert [await _status(*one), await _status(*two)] == [b"200", b"200"]
            async with raw(url) as (reader, _):
                status, body = await answer(reader)
                assert b" 503 " in status
                assert json.loads(body)["code"] == "overloaded"
                assert node.http_refusals == {"503": 1}

        async def is_served() -> bool:
            async with raw(url) as three:
                return await _status(*three) == b"200"

        await await_until(is_served, what="there is room again")


async def test_one_socket_too_many_is_4102_with_a_delay_and_one_stream_503(node_with: StartNode) -> None:
    """The node is full; when one has gone there is room again."""
    async with node_with(Limits(connections_max=2)) as (url, node):
        ann = await register(url, "ann")
        async with raw_socket(url), raw_socket(url), raw_socket(url) as (reader, _):
            assert await close_code(reader) == 4102
            answered = await ann.call("GET", "/v1/events", headers=ann.headers | {"Accept": "text/event-stream"})
            assert (answered.status_code, answered.json()["code"]) == (503, "overloaded")
            assert int(answered.headers["Retry-After"]) > 0
        await await_until(lambda: node.sockets.connections == 0, what="all have gone")
        async with raw_socket(url) as (reader, writer):
            writer.write(b"\x81\x82\0\0\0\0[]")
            assert await close_code(reader) == 1003
