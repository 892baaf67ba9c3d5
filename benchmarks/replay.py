"""Replay: the events a second that one client gets of a long backlog, and how soon one that missed 1,000 has them.

Measured: a real `sermo serve`, started after the log was written, so that it reads the log. In it a channel with 100,000
messages of 200 bytes. One client resumes from before the first; the time runs from its `connect` frame to `resumed`, and the
messages are counted in the `batch` frames without decoding them. Before that, one replay that is not timed is decoded: all
messages, in order, without a hole, once.

Baseline: the same rows read by this process from PostgreSQL, as the server does it: pages of 500 in position order by
the feed's index, binary, not decoded.

1,000 missed events: one client after another, each from before its TCP connect through handshake, authentication, the 1,000
last messages of a channel and `resumed`; p50 of 20. Once from the log, and once from the tail's memory (another channel, whose
messages were written while the server ran). Baseline: the same without `last_event_id`, until `connected`.
"""

import asyncio
import time
from uuid import UUID

import psycopg

from benchmarks.filling import Writer, mint
from benchmarks.support import (
    Figure,
    Plan,
    checkpoint,
    create_database,
    postgres,
    quantile,
    reach,
    run_loop,
    sermo_serve,
)
from benchmarks.wire import EVENT, RESUMED, Resuming, WireClient, connected, open_client
from sermo import log
from sermo.migrate import migrate

NAME = "replay"
EVENTS, MISSED = 100_000, 1_000
CONTENT = "x" * 200
CLIENTS = 20
DEADLINE_S = 120
PAGE = 500


class Counting(WireClient):
    """Counts the messages until `resumed`."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.events = 0
        self.resumed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.resumed.done():
            self.resumed.set_exception(ConnectionError(f"the server closed the connection: {self.closed_with or exc}"))

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        self.events += data.count(EVENT, at, at + size)
        if data.startswith(RESUMED, at):
            self.resumed.set_result(time.monotonic())


async def _check(url: str, token: str, after: int, epoch: str, wanted: int, channel_id: UUID) -> None:
    client = await open_client(url, Resuming, token, last_event_id=after, epoch=epoch)
    async with asyncio.timeout(DEADLINE_S):
        await client.resumed
    client.check(wanted, f"channel:{channel_id}")
    client.close()


async def _replay(url: str, token: str, after: int, epoch: str, wanted: int) -> float:
    """Events a second."""
    client = await open_client(url, Counting, None)
    began = time.monotonic()
    client.introduce(token, last_event_id=after, epoch=epoch)
    async with asyncio.timeout(DEADLINE_S):
        seconds = await client.resumed - began
    client.close()
    if client.events != wanted:
        raise RuntimeError(f"{client.events} events came instead of {wanted}")
    return wanted / seconds


async def _missed(url: str, token: str, after: int, epoch: str, wanted: int) -> float:
    """The p50 in milliseconds."""
    times = []
    for _ in range(CLIENTS):
        began = time.monotonic()
        client = await open_client(url, Counting, token, last_event_id=after, epoch=epoch)
        async with asyncio.timeout(DEADLINE_S):
            times.append(await client.resumed - began)
        client.close()
        if client.events != wanted:
            raise RuntimeError(f"{client.events} events came instead of {wanted}")
    return quantile(times, 0.5) * 1e3


async def _connects(url: str, token: str) -> float:
    """The p50 in milliseconds until `connected`."""
    times = []
    for _ in range(CLIENTS):
        began = time.monotonic()
        client = await open_client(url, WireClient, token)
        times.append(time.monotonic() - began)
        client.close()
    return quantile(times, 0.5) * 1e3


def _read_bare(dsn: str, channel_id: UUID, after: int, wanted: int) -> float:
    """Rows a second."""
    count, began = 0, time.monotonic()
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            rows = connection.execute(
                "select notification_id, originator_id, originator_version, topic, state, feed_id, feed_seq, recorded_at"
                " from stored_events where feed_id = %b and notification_id > %b order by notification_id limit %b",
                [channel_id, after, PAGE],
                binary=True,
                prepare=True,
            ).fetchall()
            if not rows:
                break
            count, after = count + len(rows), rows[-1][0]
    if count != wanted:
        raise RuntimeError(f"{count} rows were read instead of {wanted}")
    return count / (time.monotonic() - began)


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    events = plan.size(EVENTS, 5_000)
    replayed: list[float] = []
    bare: list[float] = []
    from_log: list[float] = []
    from_memory: list[float] = []
    connects: list[float] = []
    async with await log.connect(dsn) as connection:
        writer = Writer(connection)
        ids = await writer.people(2)
        far, near = [await writer.channel(f"c{number}", [user_id]) for number, user_id in enumerate(ids)]
        await writer.flush()
        start = writer.position
        plan.tell(f"making a log of {events:,} messages")
        for number in range(events):
            if number == events - MISSED:
                await writer.flush()
                late_start = writer.position
            await writer.post(far, ids[0], CONTENT)
        await writer.flush()
        checkpoint(dsn)
        async with sermo_serve(dsn) as url:
            await reach(url, writer.position)
            one, other = [person.token for person in mint(dsn, ids)]
            near_start = writer.position
            for _ in range(MISSED):
                await writer.post(near, ids[1], CONTENT)
            await writer.flush()
            await reach(url, writer.position)
            client = await open_client(url, WireClient, one)
            epoch = connected(client).epoch
            client.close()
            await _check(url, one, start, epoch, events, far)
            await _check(url, one, late_start, epoch, MISSED, far)
            await _check(url, other, near_start, epoch, MISSED, near)
            await asyncio.to_thread(_read_bare, dsn, far, start, events)
            for run in range(plan.runs):
                replayed.append(await _replay(url, one, start, epoch, events))
                bare.append(await asyncio.to_thread(_read_bare, dsn, far, start, events))
                from_log.append(await _missed(url, one, late_start, epoch, MISSED))
                from_memory.append(await _missed(url, other, near_start, epoch, MISSED))
                connects.append(await _connects(url, one))
                plan.tell(
                    f"run {run + 1}: {replayed[-1]:,.0f} events/s, bare read {bare[-1]:,.0f}; {MISSED:,} missed"
                    f" {from_log[-1]:.1f} ms from the log, {from_memory[-1]:.1f} from memory; connect {connects[-1]:.1f}"
                )
    missed = f"{MISSED:,} missed events from the TCP connect"
    return [
        Figure(name=f"Replay of {events:,} events to one client", unit="events/s", values=replayed, target=50_000),
        Figure(name="Bare read of the same rows", unit="rows/s", values=bare, is_baseline=True),
        Figure(name=f"{missed}, from the log, p50", unit="ms", values=from_log, target=40, at_most=True),
        Figure(name=f"{missed}, from memory, p50", unit="ms", values=from_memory, target=40, at_most=True),
        Figure(name="TCP connect to `connected`, p50", unit="ms", values=connects, is_baseline=True),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as server:
        dsn = create_database(server, "sermo")
        migrate(dsn)
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result
