"""The bus between nodes over NOTIFY: everybody hears, at a bounded rate, again after the connection was lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from sermo import log
from sermo.signals import INTERVAL_S, NOTIFY_CHANNEL, SignalBus
from tests.fixtures.proxy import running_proxy
from tests.support.wait import await_until
from ws.gossip import BATCH_MAX_BYTES


class _Node:
    """One end of the bus."""

    def __init__(self, dsn: str) -> None:
        self.bus = SignalBus(lambda: log.connect(dsn))
        self.to_say: list[bytes] = []
        self.heard: list[bytes] = []
        self.joined = 0

    def _say(self) -> bytes | None:
        return self.to_say.pop(0) if self.to_say else None

    def _join(self) -> None:
        self.joined += 1

    async def run(self) -> None:
        await self.bus.run(say=self._say, hear=self.heard.append, joined=self._join)


@asynccontextmanager
async def _running(*dsns: str) -> AsyncIterator[list[_Node]]:
    """Ends of the bus that are connected."""
    nodes = [_Node(dsn) for dsn in dsns]
    tasks = [asyncio.create_task(node.run()) for node in nodes]
    try:
        await await_until(lambda: all(node.joined for node in nodes), 20, what="all are connected")
        yield nodes
        for task in tasks:
            assert not task.done(), f"the bus ended: {task}"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_one_node_says_all_hear_up_to_the_largest_batch(database: str) -> None:
    """The one that says it too: it knows its own."""
    everything = [b"", b"\0\xff'\\", bytes(range(256)) * 23 + bytes(BATCH_MAX_BYTES - 256 * 23)]
    assert len(everything[-1]) == BATCH_MAX_BYTES
    async with _running(database, database) as (one, other):
        one.to_say += everything
        await await_until(lambda: one.heard == everything and other.heard == everything, 20, what="both hear it all")


async def test_a_node_says_at_most_ten_things_a_second(database: str) -> None:
    """However much it has to say; and nothing costs nothing."""
    async with _running(database) as (node,):
        began, before = time.monotonic(), node.bus.said
        node.to_say += [b"more"] * 25
        await await_until(lambda: len(node.heard) == 25, 30, what="all of it was said")
        took_s = time.monotonic() - began
        assert node.bus.said - before == 25
        assert took_s >= 0.95 * 24 * INTERVAL_S
        said = node.bus.said
        assert await node.bus.round(20.0)
        assert node.bus.said == said


async def test_a_round_ends_when_what_was_to_be_said_is_said(database: str) -> None:
    """So a node that stops can say so first; without a database it does not wait for ever."""
    async with _running(database, database) as (one, other):
        one.to_say.append(b"bye")
        assert await one.bus.round(20.0)
        await await_until(lambda: other.heard == [b"bye"], 20, what="the other hears it")
    assert not await SignalBus(lambda: log.connect(database)).round(0.05)


async def test_a_bus_that_lost_its_connection_connects_again_and_says_so(database: str) -> None:
    """`joined` is called again, and what is said from then on is heard."""
    async with running_proxy(database) as proxy, _running(proxy.dsn, database) as (one, other):
        proxy.refusing = True
        proxy.cut()
        other.to_say.append(b"missed")
        await await_until(lambda: other.heard == [b"missed"], 20, what="it was said")
        proxy.resume()
        await await_until(lambda: one.joined == 2, 20, what="the first connects again")
        other.to_say.append(b"again")
        await await_until(lambda: b"again" in one.heard, 20, what="the first hears again")
        one.to_say.append(b"back")
        await await_until(lambda: b"back" in other.heard, 20, what="and is heard")
        assert b"missed" not in one.heard


async def test_what_is_no_batch_is_heard_as_nothing(database: str) -> None:
    """Anybody may notify on the channel; the listener counts what it cannot read."""
    async with (
        _running(database) as (node,),
        await psycopg.AsyncConnection.connect(database, autocommit=True) as stranger,
    ):
        await stranger.execute("select pg_notify(%s, 'not base64!')", [NOTIFY_CHANNEL])
        await await_until(lambda: node.heard == [b""], 20, what="something came")
