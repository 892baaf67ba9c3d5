"""What a client can make the server hold is bounded, and it delays nobody else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.message import PostMessage
from tests.support.metrics import number_of
from tests.support.outboxes import OutboxServer, outbox_server
from tests.support.people import register
from tests.support.rawsocket import address, close_code, connect_frame, frames_of, masked, raw_connection, raw_socket
from tests.support.wait import await_until
from tests.support.wsclient import check_stream, new_id
from tests.ws.conftest import StartNode
from ws.connection import Connection
from ws.limits import Limits
from ws.transport import SermoWebSocketProtocol, TransportOutbox

UNBOUNDED = 10**9


@pytest.fixture
async def server() -> AsyncIterator[OutboxServer]:
    """An echo without a limit on the number of frames."""
    async with outbox_server(Limits(parts_per_s=UNBOUNDED)) as running:
        yield running


async def protocol_of(server: OutboxServer) -> SermoWebSocketProtocol:
    """The server's side of the socket that has just come."""
    async with asyncio.timeout(20):
        outbox = await server.outboxes.get()
    assert isinstance(outbox, TransportOutbox)
    return outbox._protocol


async def send(writer: asyncio.StreamWriter, data: bytes, times: int) -> None:
    """Much of the same."""
    for _ in range(times):
        writer.write(data)
        await writer.drain()


async def test_parts_without_end_hold_nothing(server: OutboxServer) -> None:
    """A hundred thousand empty parts of one message are one small buffer; the message is whole at its end."""
    async with raw_socket(server.url) as (reader, writer):
        protocol = await protocol_of(server)
        writer.write(masked(b"be", fin=False))
        await send(writer, masked(b"", 0, fin=False) * 1_000, 100)
        writer.write(masked(b"g", 0, fin=False) + masked(b"", 9))
        async with asyncio.timeout(60):
            async for opcode, _ in frames_of(reader):
                assert opcode == 10
                break
        assert (protocol._parts, len(protocol.frames)) == (b"beg", 1)
        writer.write(masked(b"in", 0))
        async with asyncio.timeout(60):
            async for _, payload in frames_of(reader):
                assert payload == b"begin"
                break
        assert (protocol._parts, protocol.frames) == (b"", [])


@pytest.mark.parametrize("size", [1, 100, 30_000])
async def test_parts_that_are_too_much_together_are_1009(server: OutboxServer, size: int) -> None:
    """However small each is; never more than the limit was kept."""
    async with raw_socket(server.url) as (reader, writer):
        protocol = await protocol_of(server)
        writer.write(masked(b"x" * size, fin=False))
        sending = asyncio.create_task(send(writer, masked(b"x" * size, 0, fin=False) * (1 + 1_000 // size), 1_000))
        assert await close_code(reader) == 1009
        assert server.closes == {1009: 1}
        assert len(protocol._parts) <= 65_536
        sending.cancel()
        await asyncio.wait((sending,))


async def test_pings_of_a_client_that_does_not_read_are_answered_once_it_does(server: OutboxServer) -> None:
    """Pongs do not pile up: of those that cannot be sent the last is (RFC 6455 section 5.5.3)."""
    async with raw_socket(server.url, receive_bytes=4_096) as (reader, writer):
        protocol = await protocol_of(server)
        most = 0
        for number in range(1_000):
            writer.write(b"".join(masked(b"%d" % (number * 100 + n) + b" " * 100, 9) for n in range(100)))
            await writer.drain()
            most = max(most, protocol.transport.get_write_buffer_size())
        writer.write(masked(b"last", 9))
        assert most <= 200_000
        pongs: list[bytes] = []
        async with asyncio.timeout(60):
            async for opcode, payload in frames_of(reader):
                assert opcode == 10
                pongs.append(payload)
                if payload == b"last":
                    break
        assert len(pongs) < 50_000
        numbers = [int(pong) for pong in pongs[:-1]]
        assert numbers == sorted(set(numbers)), "in order, each at most once"


async def test_too_many_frames_that_are_no_message_are_4101() -> None:
    """The session counts messages; pings, pongs and parts are counted where they are seen. The end shows in the metrics."""
    for frame in (masked(b"", 9), masked(b"", 10), masked(b"", 0, fin=False)):
        async with outbox_server(Limits(parts_per_s=1_000)) as server, raw_socket(server.url) as (reader, writer):
            await protocol_of(server)
            first = masked(b"", fin=False) if frame == masked(b"", 0, fin=False) else b""
            writer.write(first + frame * 2_000)
            assert await close_code(reader) == 4101
            assert server.closes == {4101: 1}


async def test_a_flood_lies_before_the_application_in_small_slices(server: OutboxServer) -> None:
    """What has come and was not taken is bytes, not messages; all of it arrives, in order."""
    async with raw_socket(server.url) as (reader, writer):
        protocol = await protocol_of(server)
        count, most = 50_000, 0
        flood = b"".join(masked(b"%d" % number) for number in range(count))

        async def write() -> None:
            for start in range(0, len(flood), 100_000):
                writer.write(flood[start : start + 100_000])
                await writer.drain()

        writing = asyncio.create_task(write())
        got = 0
        async with asyncio.timeout(120):
            async for _, payload in frames_of(reader):
                assert payload == b"%d" % got
                got += 1
                most = max(most, protocol.queue.qsize())
                if got == count:
                    break
        await writing
        assert most <= 16_384 // 7, "one slice of the smallest of these frames"


async def test_a_flood_of_pings_leaves_others_their_turn(server: OutboxServer) -> None:
    """A read's worth of the smallest frames is not parsed in one go: somebody else's echo comes in between."""
    async with raw_socket(server.url) as (flooded, flooder), raw_socket(server.url) as (reader, writer):
        reads = 10
        answers = frames_of(reader)

        async def flood() -> None:
            await send(flooder, masked(b"", 9) * 40_000, reads)
            flooder.write(masked(b"end"))
            async for opcode, _ in frames_of(flooded):
                if opcode == 1:
                    return

        flooding = asyncio.create_task(flood())
        echoes = 0
        async with asyncio.timeout(120):
            while not flooding.done():
                writer.write(masked(b"x"))
                assert (await anext(answers))[1] == b"x"
                echoes += 1
        await flooding
        assert echoes > 3 * reads


@pytest.mark.parametrize("where", ["in memory", "in the log"])
@pytest.mark.parametrize("kind", ["socket", "stream"])
async def test_who_resumes_and_reads_nothing_holds_a_bounded_part_of_the_backlog(
    node_with: StartNode, where: str, kind: str
) -> None:
    """Of large messages too, where the number of events says little; and who reads gets all of it."""
    clients, count = 8, 300
    async with AsyncExitStack() as stack:
        url, node = await stack.enter_async_context(node_with(Limits()))
        ann = await register(url, "ann")
        channel = UUID(await ann.make_channel())
        reader = ann.client()
        begun = await reader.open()
        await reader.close()
        after, epoch = begun["data"]["head_id"], begun["data"]["epoch"]
        posts = [
            PostMessage(
                message_id=new_id(),
                channel_id=channel,
                author_id=UUID(ann.user_id),
                content="\U0001f600" * 4_096,
                at=datetime.now(UTC),
            )
            for _ in range(count)
        ]
        last = max([(await node.execute(post)).position for post in posts])
        if where == "in the log":
            url, node = await stack.enter_async_context(node_with(Limits()))
        for _ in range(clients):
            if kind == "socket":
                _, writer = await stack.enter_async_context(raw_socket(url, receive_bytes=4_096))
                writer.write(connect_frame(ann.token, last_event_id=after, epoch=epoch))
            else:
                _, writer = await stack.enter_async_context(raw_connection(url, receive_bytes=4_096))
                head = (
                    f"GET /v1/events?after={after}&epoch={epoch} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                )
                writer.write(f"{head}Authorization: Bearer {ann.token}\r\n\r\n".encode())
        held = [0.0]

        async def all_wait() -> bool:
            """Each has something that it does not take, and no more comes."""
            held.append(number_of(node, "sermo_outbox_bytes"))
            each = [member.unsent_bytes for member in node.registry]
            return len(each) == clients and min(each) > 0 and held[-1] == held[-2]

        await await_until(all_wait, 60, what="nobody is given more")
        assert max(held) < clients * 1_048_576, "the backlog of one has 4.9 MB"
        await reader.open(url=url)
        await reader.wait_through(last)
        assert (await reader.wait_control("resumed"))["data"]["count"] == count
        await reader.close()


async def test_ten_thousand_events_pass_a_client_that_never_reads(node_with: StartNode) -> None:
    """It holds no more than its outbox, ends, and resumes to the last; the reader next to it gets all meanwhile."""
    limits = Limits(outbox_max_bytes=100_000, outbox_max_frames=200, no_progress_s=1.0)
    async with node_with(limits) as (url, node):
        ann, ben, cyd = await register(url, "ann"), await register(url, "ben"), await register(url, "cyd")
        channel = UUID(await ann.make_channel())
        for person in (ben, cyd):
            await person.call("POST", f"/v1/channels/{channel}/join")
        reader, frozen = ben.client(), cyd.client()
        await reader.open()
        await frozen.open()
        await frozen.close()
        async with raw_socket(url, receive_bytes=4_096) as (_, writer):
            writer.write(connect_frame(cyd.token))
            await await_until(lambda: node.hub.connections == 2, what="both are live")
            sockets = [m for m in node.sockets._connections if isinstance(m, Connection)]
            (outbox,) = [s._outbox for s in sockets if str(s.user_id) == cyd.user_id]

            async def post() -> int:
                command = PostMessage(
                    message_id=new_id(),
                    channel_id=channel,
                    author_id=UUID(ann.user_id),
                    content="x" * 300,
                    at=datetime.now(UTC),
                )
                return (await node.execute(command)).position

            most, last, shown = 0, 0, 0.0
            for _ in range(20):
                last = max(await asyncio.gather(*(post() for _ in range(500))))
                most, shown = max(most, outbox.unsent_bytes), max(shown, number_of(node, "sermo_outbox_bytes"))
                await reader.wait_through(last)
            assert most <= 100_000 + 400_000
            assert number_of(node, "sermo_fallen_behind_total", why="full") > 0
            assert shown > 0
            assert len([e for e in reader.events if e["type"] == "new_message"]) == 10_000
            check_stream(reader.events, reader.user_id)
            await await_until(lambda: node.sockets.connections == 1, 60, what="the frozen one is gone")
        await frozen.open()
        await frozen.wait_through(last)
        await frozen.wait_control("resumed")
        assert [e["id"] for e in frozen.events] == [e["id"] for e in reader.events][-len(frozen.events) :]
        assert len([e for e in frozen.events if e["type"] == "new_message"]) == 10_000
        await reader.close()
        await frozen.close()


async def test_hundreds_of_half_open_handshakes_delay_nobody(node_with: StartNode) -> None:
    """Others connect and post meanwhile; none of them is a socket."""
    async with node_with(Limits()) as (url, node), AsyncExitStack() as stack:
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        for _ in range(300):
            own = stack.enter_context(socket.create_connection(address(url)))
            own.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: web")
            await asyncio.sleep(0)
        client = ann.client()
        await client.open()
        assert (await client.post(channel, "hello"))["type"] == "message_sent"
        assert node.sockets.connections == 1
        await client.close()
