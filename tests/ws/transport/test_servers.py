"""The socket's promises on our server and on one that is not ours: the same client sees the same."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from tests.support.people import register
from tests.support.rawsocket import connect_frame, message_ids, raw_socket
from tests.support.wait import await_until
from tests.support.wsclient import check_stream
from tests.ws.conftest import StartNode
from ws.limits import Limits

pytestmark = pytest.mark.parametrize("plain", [False, True], ids=["ours", "asgi"])


async def test_posting_hearing_leaving_and_resuming(node_with: StartNode, plain: bool) -> None:
    """Acknowledged, seen once and in order by both, resumed without a hole; a heartbeat moves the cursor."""
    async with node_with(Limits(heartbeat_interval_s=0.2), plain=plain) as (url, _):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        channel = await ann.make_channel()
        a, b = ann.client(), ben.client()
        await a.open()
        await b.open()
        await b.ask("join_channel", channel_id=channel)
        first = await a.post(channel, "hello")
        assert first["type"] == "message_sent"
        await b.wait_event(id=first["data"]["id"])
        b.cut()
        await b.gone()
        missed = await asyncio.gather(*(a.post(channel, "x" * 500) for _ in range(300)))
        await b.open()
        assert (await b.wait_control("resumed"))["data"]["count"] == 300
        assert [e["id"] for e in b.events if e["id"] > first["data"]["id"]] == sorted(m["data"]["id"] for m in missed)
        private = await ann.make_channel("private")
        await b.wait_through((await a.post(private, "not for ben"))["data"]["id"])
        check_stream(b.events, b.user_id)
        await a.close()
        await b.close()


async def test_a_reader_that_stops_falls_behind_and_gets_everything_later(node_with: StartNode, plain: bool) -> None:
    """The others do not wait for it."""
    async with node_with(Limits(outbox_max_bytes=100_000, catch_up_page=50), plain=plain) as (url, node):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        channel = await ann.make_channel()
        a = ann.client()
        await a.open()
        await ben.call("POST", f"/v1/channels/{channel}/join")
        async with raw_socket(url, receive_bytes=4_096) as (reader, writer):
            writer.write(connect_frame(ben.token))
            await await_until(lambda: node.hub.connections == 2, what="both are live")
            sent: list[int] = []
            while node.hub.connections == 2:
                answers = await asyncio.gather(*(a.post(channel, "x" * 4_000) for _ in range(50)))
                sent += [answer["data"]["id"] for answer in answers]
            await a.wait_event(id=sent[-1])
            assert await message_ids(reader, sent[-1]) == sent
            await await_until(lambda: node.hub.connections == 2, what="the slow one is live again")
        await a.close()


async def test_a_reader_without_progress_ends(node_with: StartNode, plain: bool) -> None:
    """Whether or not it can be told, it holds nothing any more."""
    async with node_with(Limits(outbox_max_bytes=100_000, no_progress_s=0.3), plain=plain) as (url, node):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        channel = await ann.make_channel()
        a = ann.client()
        await a.open()
        await ben.call("POST", f"/v1/channels/{channel}/join")
        async with raw_socket(url, receive_bytes=4_096) as (_, writer):
            writer.write(connect_frame(ben.token))
            await await_until(lambda: node.hub.connections == 2, what="both are live")
            while node.hub.connections == 2:
                await asyncio.gather(*(a.post(channel, "x" * 4_000) for _ in range(50)))
            await await_until(lambda: node.sockets.connections == 1, 30, what="the slow one is gone")
        await a.close()


async def test_what_ends_a_connection_says_so(node_with: StartNode, plain: bool) -> None:
    """What is no object, a bad token, the end of the node."""
    async with node_with(Limits(), plain=plain) as (url, node):
        ann = await register(url, "ann")
        where = url.replace("http", "ws", 1) + "/ws"
        for first, code in (
            ("[]", 1003),
            ('{"type":"connect","data":{"token":"no"}}', 4002),
            ('{"type":"ping"}', 4002),
        ):
            async with connect(where) as ws:
                await ws.send(first)
                await ws.wait_closed()
                assert ws.close_code == code
        async with connect(where) as ws:
            await ws.send(json.dumps({"type": "connect", "data": {"token": ann.token}}))
            await ws.recv()
            node.sockets.close_all("a test")
            await ws.wait_closed()
            assert ws.close_code == 1001
            assert json.loads(ws.close_reason or "")["retry_after_ms"] >= 0
        await await_until(lambda: node.sockets.connections == 0, what="all are gone")
