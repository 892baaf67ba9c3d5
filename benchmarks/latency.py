"""Delivery: from the append call's return to the bytes read by another client, at 100 messages a second.

Measured: the node (`sermo.node.running_node`, `sermo.serve.serving`) runs in this process, with a wrapper round
`sermo.log.append` that notes the monotonic time at which each position's call returned. Another process holds a sender,
which posts a message of 200 bytes every 10 ms, and the reading client of another person in the same channel, which notes
the time at the first look at the bytes. Both clocks are the host's CLOCK_MONOTONIC. Each run is one stretch of messages;
its p50 and p99 are over all of them. There is no baseline: the library has no sockets.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from benchmarks.sends import Sender
from benchmarks.support import (
    Figure,
    Person,
    Plan,
    child,
    create_channels,
    join,
    postgres,
    quantile,
    register,
    run_loop,
)
from benchmarks.wire import WireClient, open_client
from sermo import log
from sermo.log import Attempt, Result
from sermo.node import running_node
from sermo.serve import bind, serving
from sermo.settings import Settings
from sermo.telemetry import configure_logs

NAME = "latency"
INTERVAL_S = 0.01
_EVENT = b'{"type":"new_message","id":'


class Reader(WireClient):
    """Notes when each event came."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.read_at: list[tuple[int, float]] = []
        self._now = 0.0

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic()
        super().data_received(data)

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if data.startswith(_EVENT, at):
            start = at + len(_EVENT)
            self.read_at.append((int(data[start : data.index(b",", start)]), self._now))


async def _clients(url: str, channel_id: str, sender_token: str, reader_token: str) -> None:
    """The other process: for each line with a number of messages, post them, and print when each was read."""
    reader = await open_client(url, Reader, reader_token)
    sender = await open_client(url, Sender, sender_token)
    assert isinstance(reader, Reader) and isinstance(sender, Sender)
    sender.channel_id = channel_id
    loop = asyncio.get_running_loop()
    while line := await asyncio.to_thread(sys.stdin.readline):
        reader.read_at.clear()
        wanted, next_at = int(line), loop.time()
        for _ in range(wanted):
            sender.send()
            next_at += INTERVAL_S
            await asyncio.sleep(max(next_at - loop.time(), 0))
        end = loop.time() + 10
        while len(reader.read_at) < wanted and loop.time() < end:
            await asyncio.sleep(0.02)
        sys.stdout.write(msgspec.json.encode(reader.read_at).decode() + "\n")
        sys.stdout.flush()


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    returned: dict[int, float] = {}
    original = log.append

    async def timed(connection: AsyncConnection[Any], batch: Sequence[Attempt]) -> list[Result]:
        results = await original(connection, batch)
        now = time.monotonic()
        for result in results:
            for recorded in result.events:
                returned[recorded.position] = now
        return results

    log.append = timed
    configure_logs("warning")  # as the server runs that the others measure: without a line for each command
    try:
        async with running_node(dsn, Settings()) as node, serving(node, bind("127.0.0.1", 0)) as url:
            sender, reader = await register(url, 2)
            (channel_id,) = await create_channels(url, [sender])
            await join(url, [reader], channel_id)
            return await _runs(url, channel_id, (sender, reader), returned, plan)
    finally:
        log.append = original


async def _runs(
    url: str, channel_id: str, people: tuple[Person, Person], returned: dict[int, float], plan: Plan
) -> list[Figure]:
    p50: list[float] = []
    p99: list[float] = []
    messages = plan.size(1_000, 100)
    async with child("-m", "benchmarks.latency", url, channel_id, people[0].token, people[1].token) as clients:
        await clients.ask(str(messages // 2))
        for run in range(plan.runs):
            read_at: list[tuple[int, float]] = await clients.ask(str(messages))
            if len(read_at) < messages:
                raise RuntimeError(f"only {len(read_at)} of {messages} messages came")
            times = [(at - returned[position]) * 1e3 for position, at in read_at]
            p50.append(quantile(times, 0.5))
            p99.append(quantile(times, 0.99))
            plan.tell(f"run {run + 1}: p50 {p50[-1]:.2f} ms, p99 {p99[-1]:.2f} ms, max {max(times):.2f} ms")
    return [
        Figure(name="Append's return to another client's read, p50", unit="ms", values=p50, target=5, at_most=True),
        Figure(name="Append's return to another client's read, p99", unit="ms", values=p99, target=25, at_most=True),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    run_loop(_clients(*sys.argv[1:5]))
