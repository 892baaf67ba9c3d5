"""Two nodes on one log: from a post on one to a reader's socket on the other.

Measured: two real `sermo serve` on one database. One process holds a sender at the first node, which posts a message of 200
bytes every 10 ms, and two readers, other people in the channel: one at the second node, one at the first. All three take the
time in that process, from one monotonic clock: the sender before it writes the frame and at its acknowledgement, the readers at
the first look at the bytes. p50 and p99 of each run are over all its messages.

Baseline: the reader at the first node, in the same run, for the same messages.
"""

import asyncio
import os
import sys
import time

import msgspec

from benchmarks.latency import Reader
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
    sermo_serve,
)
from benchmarks.wire import open_client

NAME = "nodes"
INTERVAL_S = 0.01
LATE_S = 10.0


class Poster(Sender):
    """Takes the time of each message and of its acknowledgement; of one channel they come in order."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.sent_at: list[float] = []
        self.acknowledged_at: list[float] = []

    def send(self) -> None:
        self.sent_at.append(time.monotonic())
        super().send()

    def on_sent(self) -> None:
        self.acknowledged_at.append(time.monotonic())


class Times(msgspec.Struct, frozen=True):
    """Of each message, in order."""

    sent_at: list[float]
    acknowledged_at: list[float]
    here: list[float]
    there: list[float]


async def _clients(first: str, second: str, channel_id: str, *tokens: str) -> None:
    """The other process: for each line with a number of messages, post them, and print when what happened."""
    sender = await open_client(first, Poster, tokens[0])
    here = await open_client(first, Reader, tokens[1])
    there = await open_client(second, Reader, tokens[2])
    sender.channel_id = channel_id
    loop = asyncio.get_running_loop()
    while line := await asyncio.to_thread(sys.stdin.readline):
        kept: tuple[list[object], ...] = (sender.sent_at, sender.acknowledged_at, here.read_at, there.read_at)  # type: ignore[assignment]
        for values in kept:
            values.clear()
        wanted, next_at = int(line), loop.time()
        for _ in range(wanted):
            sender.send()
            next_at += INTERVAL_S
            await asyncio.sleep(max(next_at - loop.time(), 0))
        end = loop.time() + LATE_S
        while any(len(values) < wanted for values in kept) and loop.time() < end:
            await asyncio.sleep(0.02)
        read = [[at for _, at in reader.read_at] for reader in (here, there)]
        answer = Times(sender.sent_at, sender.acknowledged_at, *read)
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()


def _between(earlier: list[float], later: list[float], wanted: int) -> list[float]:
    """Milliseconds, message by message."""
    if len(earlier) != wanted or len(later) != wanted:
        raise RuntimeError(f"only {min(len(earlier), len(later))} of {wanted} messages came")
    return [(b - a) * 1e3 for a, b in zip(earlier, later, strict=True)]


async def _runs(urls: tuple[str, str], channel_id: str, people: list[Person], plan: Plan) -> list[Figure]:
    p50: list[float] = []
    p99: list[float] = []
    acknowledged: list[float] = []
    same: list[float] = []
    messages = plan.size(600, 100)
    tokens = [person.token for person in people]
    async with child("-m", "benchmarks.nodes", *urls, channel_id, *tokens) as clients:
        await clients.ask(str(messages // 2))
        for run in range(plan.runs):
            times = msgspec.convert(await clients.ask(str(messages)), Times)
            there = _between(times.sent_at, times.there, messages)
            p50.append(quantile(there, 0.5))
            p99.append(quantile(there, 0.99))
            acknowledged.append(quantile(_between(times.acknowledged_at, times.there, messages), 0.5))
            same.append(quantile(_between(times.sent_at, times.here, messages), 0.5))
            plan.tell(
                f"run {run + 1}: p50 {p50[-1]:.2f} ms, p99 {p99[-1]:.2f}, from the acknowledgement"
                f" {acknowledged[-1]:.2f}; at the same node {same[-1]:.2f}"
            )
    name = "Post on one node to a socket on another"
    return [
        Figure(name=f"{name}, p50", unit="ms", values=p50, target=10, at_most=True),
        Figure(name=f"{name}, p99", unit="ms", values=p99),
        Figure(name="Post on a node to a socket on the same, p50", unit="ms", values=same, is_baseline=True),
        Figure(name="Acknowledgement on one node to a socket on another, p50", unit="ms", values=acknowledged),
    ]


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    async with sermo_serve(dsn) as first, sermo_serve(dsn) as second:
        people = await register(first, 3)
        (channel_id,) = await create_channels(first, people[:1])
        await join(first, people[1:], channel_id)
        return await _runs((first, second), channel_id, people, plan)


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    run_loop(_clients(*sys.argv[1:]))
    os._exit(0)
