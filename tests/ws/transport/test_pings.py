"""Protocol pings: who gives no sign of life after two of them is gone, whatever TCP believes."""

import asyncio
import json

from websockets.asyncio.client import connect

from tests.support.outboxes import outbox_server
from tests.support.people import register
from tests.support.rawsocket import connect_frame, frames_of, masked, raw_socket
from tests.support.wait import await_until
from tests.ws.conftest import StartNode
from ws.limits import Limits
from ws.wire import Encoded

PING, CLOSE = 9, 8


async def test_a_peer_that_answers_nothing_is_ended_after_two_pings(node_with: StartNode) -> None:
    """A half-open connection: TCP takes what is sent, and nothing comes back."""
    async with node_with(Limits(ping_interval_s=0.2)) as (url, node):
        ann = await register(url, "ann")
        async with raw_socket(url) as (reader, writer):
            writer.write(connect_frame(ann.token))
            await await_until(lambda: node.hub.connections == 1, what="it is live")
            control: list[int] = []
            async with asyncio.timeout(30):
                async for opcode, payload in frames_of(reader):
                    if opcode in (PING, CLOSE):
                        control.append(opcode)
                    if opcode == CLOSE:
                        assert int.from_bytes(payload[:2]) == 4201
                        break
            assert control in ([PING, PING, CLOSE], [PING, PING, PING, CLOSE]), (
                "the first frame may have come after a ping"
            )
            await await_until(lambda: node.sockets.connections + node.hub.connections == 0, what="it is forgotten")


async def test_whoever_answers_or_says_anything_stays(node_with: StartNode) -> None:
    """A library that answers pings; a client that knows no pings but talks; bytes of any kind."""
    async with node_with(Limits(ping_interval_s=0.2)) as (url, node):
        ann = await register(url, "ann")
        async with connect(url.replace("http", "ws", 1) + "/ws", ping_interval=None) as ws:
            await ws.send(json.dumps({"type": "connect", "data": {"token": ann.token}}))
            await ws.recv()
            async with raw_socket(url) as (reader, writer):
                writer.write(connect_frame(ann.token))
                pings = 0
                async with asyncio.timeout(60):
                    async for opcode, _ in frames_of(reader):
                        assert opcode != CLOSE
                        if opcode == PING:
                            pings += 1
                            writer.write(masked(b"", 10) if pings % 2 else masked(b'{"type":"ping"}'))
                        if pings == 8:
                            break
                assert node.hub.connections == 2
            await ws.send('{"type":"ping"}')
            assert json.loads(await ws.recv())["type"] == "pong"


async def test_taking_what_was_stuck_is_a_sign_of_life_too() -> None:
    """A slow reader gets to the ping late, behind all that was sent before it. One that takes nothing shows none."""
    async with outbox_server() as server, raw_socket(server.url, receive_bytes=4_096) as (reader, _):
        outbox = await server.outboxes.get()
        number = 0
        while outbox.push(Encoded(number, b"x" * 10_000)):
            number += 1
            await asyncio.sleep(0)
        assert [outbox.ping() for _ in range(2)] == [True, True]
        for _ in range(5):
            before = outbox.unsent_bytes
            async with asyncio.timeout(30):
                while outbox.unsent_bytes >= before:
                    assert await reader.read(65_536)
            assert outbox.ping()
        assert [outbox.ping() for _ in range(3)] == [True, False, False]
