"""What goes to one client, in both ways: ready frames on uvicorn's transport, and plain ASGI on a server that is not ours."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from tests.support.outboxes import OutboxServer, outbox_server
from tests.support.rawsocket import close_code, frames_of, masked, raw_socket
from tests.support.wait import await_until
from ws.limits import Limits
from ws.outbox import Outbox
from ws.wire import Encoded

MAX_BYTES = 300_000
BESIDE_BYTES = 400_000
"""What the server holds beside the outbox: its transport's buffer and one write."""

pytestmark = pytest.mark.parametrize("plain", [False, True], ids=["transport", "asgi"])


@pytest.fixture
async def server(plain: bool) -> AsyncIterator[OutboxServer]:
    """A server of this kind, with small outboxes."""
    async with outbox_server(Limits(outbox_max_bytes=MAX_BYTES, outbox_max_frames=500), plain=plain) as running:
        yield running


async def outbox_of(server: OutboxServer) -> Outbox:
    """The outbox of the socket that has just come."""
    async with asyncio.timeout(20):
        return await server.outboxes.get()


async def fill(outbox: Outbox, size: int, *, at_once: bool = False) -> list[bytes]:
    """Push frames of this size until the outbox refuses one; what it took."""
    taken: list[bytes] = []
    async with asyncio.timeout(30):
        while True:
            payload = b"%d " % len(taken) + b"x" * size
            if not outbox.push(Encoded(len(taken), payload), at_once):
                return taken
            taken.append(payload)
            if len(taken) % 20 == 0:
                await asyncio.sleep(0.001)


async def texts(reader: asyncio.StreamReader, count: int) -> list[bytes]:
    """So many text frames."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        async for opcode, payload in frames_of(reader):
            if opcode == 1:
                found.append(payload)
                if len(found) == count:
                    break
    return found


async def test_frames_go_out_as_they_were_written(server: OutboxServer) -> None:
    """In order, however they are handed over, small and large, and what the client says comes in between."""
    async with connect(server.url.replace("http", "ws")) as ws:
        outbox = await outbox_of(server)
        wanted = ["own", "shared", "ü" * 100, "x" * 70_000, "y" * 200]
        outbox.write(b"own")
        assert outbox.push(Encoded(1, b"shared"))
        outbox.send(Encoded(2, ("ü" * 100).encode()))
        outbox.write(b"x" * 70_000)
        outbox.write(b"y" * 200)
        assert [await ws.recv() for _ in wanted] == wanted
        await ws.send("echo")
        assert await ws.recv() == "echo"


@pytest.mark.parametrize("seed", range(5))
async def test_a_frame_that_goes_at_once_overtakes_none_and_none_follows_a_close(
    server: OutboxServer, seed: int
) -> None:
    """Alone or after others, large or small, while answers are on their way and while the client takes nothing."""
    chance = random.Random(seed)
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, writer):
        outbox = await outbox_of(server)
        sent: list[bytes] = []
        for number in range(300):
            payload = b"%d " % number + b"x" * chance.choice([0, 100, 5_000])
            kind, is_taken = chance.randrange(4), True
            if kind == 0:
                outbox.write(payload)
            else:
                is_taken = outbox.push(Encoded(number, payload), kind > 1)
            if is_taken:
                sent.append(payload)
            if not is_taken or chance.random() < 0.05:
                writer.write(masked(b"echo"))
                # Where the answer comes in between is not ours to know.
                assert [each for each in await texts(reader, len(sent) + 1) if each != b"echo"] == sent
                sent = []
            elif chance.random() < 0.3:
                await asyncio.sleep(0)
        assert await texts(reader, len(sent)) == sent
        outbox.close(4002, "because")
        outbox.push(Encoded(0, b"late"), True)
        outbox.push(Encoded(0, b"late"))
        assert await close_code(reader) == 4002


@pytest.mark.parametrize("at_once", [False, True])
async def test_bytes_that_a_client_does_not_take_are_bounded_and_none_is_lost(
    server: OutboxServer, at_once: bool
) -> None:
    """What was taken arrives, in order, when the client reads again; then there is room."""
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, _):
        outbox = await outbox_of(server)
        outbox.write(b"first")
        assert await texts(reader, 1) == [b"first"]
        taken = await fill(outbox, 1_000, at_once=at_once)
        assert outbox.is_full
        assert outbox.unsent_bytes <= MAX_BYTES + BESIDE_BYTES
        assert await texts(reader, len(taken)) == taken
        assert await outbox.drained(20)
        assert outbox.push(Encoded(0, b"again"))
        assert await texts(reader, 1) == [b"again"]


async def test_frames_that_a_client_does_not_take_are_bounded_too(server: OutboxServer) -> None:
    """Small ones: their number is what costs."""
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, _):
        outbox = await outbox_of(server)
        filler = [b"x" * 50_000] * 10
        for payload in filler:
            outbox.send(Encoded(0, payload))
            await asyncio.sleep(0.001)
        taken = await fill(outbox, 10)
        assert len(taken) <= 500
        assert await texts(reader, len(filler) + len(taken)) == filler + taken


async def test_waiting_ends_when_a_client_takes_nothing_and_when_it_has_taken_most(server: OutboxServer) -> None:
    """False after the time without progress; True once it reads."""
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, _):
        outbox = await outbox_of(server)
        assert await outbox.drained(0.01)
        taken = await fill(outbox, 1_000)
        assert not await outbox.drained(0.1)
        waiting = asyncio.create_task(outbox.drained(20))
        assert await texts(reader, len(taken)) == taken
        assert await waiting


async def test_a_close_comes_after_what_was_written_with_code_and_reason(server: OutboxServer) -> None:
    """To a client that reads; afterwards nothing has a meaning any more, and nothing fails."""
    async with connect(server.url.replace("http", "ws")) as ws:
        outbox = await outbox_of(server)
        for number in range(100):
            outbox.write(b"%d" % number)
        outbox.close(4002, "because")
        assert not outbox.is_open
        outbox.close(4003, "again")
        outbox.write(b"late")
        assert await outbox.drained(0.01)
        assert outbox.ping()
        assert [await ws.recv() for _ in range(100)] == [str(number) for number in range(100)]
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4002, "because")
    await await_until(lambda: server.open == 0, what="the application is done")


async def test_a_client_that_does_not_read_is_let_go_when_it_is_closed(server: OutboxServer, plain: bool) -> None:
    """What waits is dropped. Where the transport is ours, it reads the code when it wakes up."""
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, _):
        outbox = await outbox_of(server)
        await fill(outbox, 1_000)
        outbox.close(4201, "no progress")
        assert not outbox.is_open
        if not plain:
            assert await close_code(reader) == 4201
        await await_until(lambda: server.open == 0, 30, what="the application is done")
        assert outbox.unsent_bytes <= BESIDE_BYTES


async def test_a_client_that_goes_ends_everything(server: OutboxServer) -> None:
    """Whoever waits for it stops waiting."""
    async with raw_socket(server.url, receive_bytes=4_096) as (_, writer):
        outbox = await outbox_of(server)
        await fill(outbox, 1_000)
        waiting = asyncio.create_task(outbox.drained(60))
        await asyncio.sleep(0)
        writer.transport.abort()
        async with asyncio.timeout(30):
            await waiting
        await await_until(lambda: server.open == 0, what="the application is done")
        assert not outbox.is_open


async def test_an_outbox_can_be_ended_without_a_word(server: OutboxServer) -> None:
    """Whatever the client does."""
    async with raw_socket(server.url) as (reader, _):
        outbox = await outbox_of(server)
        outbox.abort()
        async with asyncio.timeout(30):
            rest = await reader.read()
        assert rest[:1] in (b"", b"\x88"), "at most a close frame of the server's"
        await await_until(lambda: server.open == 0, what="the application is done")
