"""A busy channel: 200 messages a second into one channel with 200 readers.

Measured: a real `sermo serve` on one core, and 200 sockets of 200 members in a process on the other core. Ten of the members
post messages of 200 bytes in turns over connections of their own, from this process, on a fixed schedule of one every 5 ms,
whatever the answers do (open loop). Each message carries its number, and a reader takes the time of its bytes; the delay is
counted from the time at which the message was due, so that a late sender makes it longer, not shorter. p50 and p99 are over
all pairs of message and reader of a run. Every message must have come to every reader, once, and no connection may be closed.
There is no baseline: a server without a durable log does less for a message.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.filling import Writer, mint
from benchmarks.sends import Sender
from benchmarks.support import (
    Child,
    Figure,
    Person,
    Plan,
    child,
    create_database,
    folder,
    postgres,
    quantile,
    run_loop,
    sermo_serve,
)
from benchmarks.wire import BATCH, EVENT, WireClient, open_client
from sermo import log
from sermo.migrate import migrate

NAME = "steady"
READERS, SENDERS = 200, 10
INTERVAL_S = 0.005
DIGITS = 8
FILL = "x" * (200 - DIGITS)
LATE_S = 15.0
MOST_MS = 100
_NUMBER = b'"content":"'


class Reader(WireClient):
    """Notes number and time of each message, also of those in batches."""

    read_at: list[tuple[int, float]] = []  # noqa: RUF012  of all of them
    _now = 0.0

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic()
        super().data_received(data)

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if not data.startswith((EVENT, BATCH), at):
            return
        end = at + size
        while (found := data.find(_NUMBER, at, end)) >= 0:
            at = found + len(_NUMBER) + DIGITS
            self.read_at.append((int(data[at - DIGITS : at]), self._now))


class Seen(msgspec.Struct, frozen=True):
    """What the readers say of a run: delays in ms."""

    count: int
    closed: int
    p50: float
    p99: float
    most: float


async def _readers(url: str, tokens_file: str) -> None:
    """The reading process. A line has the number of messages, and when the first was due; the answer comes when all came."""
    tokens = msgspec.json.decode(Path(tokens_file).read_bytes(), type=list[str])
    readers = [await open_client(url, Reader, token) for token in tokens]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        messages, first_at = int(line.split()[0]), float(line.split()[1])
        end = time.monotonic() + LATE_S
        while len(Reader.read_at) < messages * len(readers) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        delays = [(at - first_at - number * INTERVAL_S) * 1e3 for number, at in Reader.read_at]
        once = len(set(Reader.read_at)) if len(delays) != messages * len(readers) else len(delays)
        closed = sum(reader.is_lost for reader in readers)
        seen = Seen(once, closed, quantile(delays, 0.5), quantile(delays, 0.99), max(delays))
        Reader.read_at.clear()
        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
        sys.stdout.flush()


async def _post(senders: list[Sender], messages: int) -> float:
    """On schedule; when the first was due, in monotonic seconds."""
    acknowledged = sum(sender.acknowledged for sender in senders)
    first_at = time.monotonic() + 0.05
    for number in range(messages):
        wait_s = first_at + number * INTERVAL_S - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        senders[number % len(senders)].send_content(f"{number:0{DIGITS}}{FILL}")
    async with asyncio.timeout(LATE_S):
        while sum(sender.acknowledged for sender in senders) < acknowledged + messages:
            await asyncio.sleep(0.02)
    return first_at


async def _one(senders: list[Sender], readers: Child, messages: int) -> Seen:
    first_at = await _post(senders, messages)
    seen = msgspec.convert(await readers.ask(f"{messages} {first_at!r}"), Seen)
    if seen.closed:
        raise RuntimeError(f"{seen.closed} readers were closed")
    return seen


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    count, messages = plan.size(READERS, 20), plan.size(2_000, 200)
    p50: list[float] = []
    p99: list[float] = []
    most: list[float] = []
    async with await log.connect(dsn) as connection:
        writer = Writer(connection)
        ids = await writer.people(count)
        channel_id = str(await writer.channel("busy", ids))
        await writer.flush()
    async with sermo_serve(dsn, core=0) as url:
        people: list[Person] = mint(dsn, ids)
        with folder() as where:
            (where / "tokens.json").write_bytes(msgspec.json.encode([person.token for person in people]))
            async with child("-m", "benchmarks.steady", url, str(where / "tokens.json"), core=1) as readers:
                await readers.line()
                senders = [await open_client(url, Sender, person.token) for person in people[:SENDERS]]
                for sender in senders:
                    sender.channel_id = channel_id
                await _one(senders, readers, messages // 4)
                for run in range(plan.runs):
                    seen = await _one(senders, readers, messages)
                    if seen.count != messages * count:
                        raise RuntimeError(f"{seen.count} of {messages * count} came")
                    p50.append(seen.p50)
                    p99.append(seen.p99)
                    most.append(seen.most)
                    plan.tell(f"run {run + 1}: p50 {seen.p50:.1f} ms, p99 {seen.p99:.1f}, max {seen.most:.1f}")
    name = "200 messages/s to 200 readers"
    return [
        Figure(name=f"{name}, p50", unit="ms", values=p50),
        Figure(name=f"{name}, p99", unit="ms", values=p99, target=MOST_MS, at_most=True),
        Figure(name=f"{name}, longest", unit="ms", values=most),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as server:
        dsn = create_database(server, "sermo")
        migrate(dsn)
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    run_loop(_readers(sys.argv[1], sys.argv[2]))
    os._exit(0)
