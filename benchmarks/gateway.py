"""What a node without followers costs: its CPU while another node takes 1,000 posts a second.

Measured: two real `sermo serve` on one database; the first makes the views, the second was started later and nobody is
connected to it. 64 connections at the first post messages of 200 bytes into 64 channels in turns, 1,000 a second on a fixed
schedule. CPU is user and system time of the second process in a second (100 % is one core); what PostgreSQL spends on its
reads is not in it. The tail of the second must be at the head of the log in the end; what it passed over is the growth
of its position.

Baseline: the same process in a stretch without posts, in the same run. The first node's CPU stands beside it.
"""

import asyncio
import time

from benchmarks.sends import Sender
from benchmarks.support import (
    Figure,
    Plan,
    Server,
    cpu_seconds,
    create_channels,
    position,
    postgres,
    reach,
    register,
    run_loop,
    sermo_process,
)
from benchmarks.wire import open_client

NAME = "gateway"
CONNECTIONS = 64
PER_S = 1_000
TURN_S = 0.01
"""So often the messages of that time are sent."""
LATE_S = 15.0


async def _post(senders: list[Sender], seconds: float) -> float:
    """Acknowledged messages a second."""
    acknowledged = sum(sender.acknowledged for sender in senders)
    began, sent = time.monotonic(), 0
    while (spent := time.monotonic() - began) < seconds:
        due = int(spent * PER_S)
        for number in range(sent, due):
            senders[number % len(senders)].send()
        sent = due
        await asyncio.sleep(TURN_S)
    async with asyncio.timeout(LATE_S):
        while sum(sender.acknowledged for sender in senders) < acknowledged + sent:
            await asyncio.sleep(0.01)
    return sent / (time.monotonic() - began)


class _Spent:
    """Per cent of a core that both processes took in a stretch."""

    def __init__(self, *servers: Server) -> None:
        self._servers = servers
        self._began = time.monotonic()
        self._before = [cpu_seconds(server.process_id) for server in servers]

    def percent(self) -> list[float]:
        seconds = time.monotonic() - self._began
        now = [cpu_seconds(server.process_id) for server in self._servers]
        return [100 * (b - a) / seconds for a, b in zip(self._before, now, strict=True)]


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    busy: list[float] = []
    idle: list[float] = []
    first: list[float] = []
    passed: list[float] = []
    rates: list[float] = []
    seconds = plan.size(6, 1)
    async with sermo_process(dsn) as one:
        people = await register(one.url, CONNECTIONS)
        channels = await create_channels(one.url, people)
        senders = [await open_client(one.url, Sender, person.token) for person in people]
        for sender, channel_id in zip(senders, channels, strict=True):
            sender.channel_id = channel_id
        async with sermo_process(dsn) as other:
            await _post(senders, 2)
            for run in range(plan.runs):
                await reach(one.url, 0)
                await asyncio.sleep(1.0)
                spent = _Spent(one, other)
                await asyncio.sleep(seconds)
                idle.append(spent.percent()[1])
                before, spent = await position(other.url), _Spent(one, other)
                rates.append(await _post(senders, seconds))
                took = spent.percent()
                await reach(other.url, await position(one.url))
                first.append(took[0])
                busy.append(took[1])
                passed.append((await position(other.url) - before) / seconds)
                plan.tell(
                    f"run {run + 1}: {busy[-1]:.1f} % of a core at {rates[-1]:,.0f} posts/s, {passed[-1]:,.0f} events/s"
                    f" passed over; idle {idle[-1]:.1f} %, the first node {first[-1]:.1f} %"
                )
    name = "Node without followers"
    return [
        Figure(name=f"{name}, another takes 1,000 posts/s", unit="% of a core", values=busy),
        Figure(name=f"{name}, all idle", unit="% of a core", values=idle, is_baseline=True),
        Figure(name="The node that takes the posts", unit="% of a core", values=first, is_baseline=True),
        Figure(name=f"{name}: events passed over", unit="events/s", values=passed),
        Figure(name="Posts that the first node took meanwhile", unit="posts/s", values=rates),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result
