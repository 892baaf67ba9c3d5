"""Memory of an idle authenticated connection: what a server's resident memory grows by, for each of 4,900 more of them.

Measured: (VmRSS of the process of `sermo serve` at 5,000 connections - VmRSS at 100) / 4,900. A fresh server for each of at
most three runs, on one database. Each connection is another person's, has got `connected`, follows the workspace's feed, its
person's own and those of three channels of 100 members, and is live. The memory is read once it has settled. Nothing is
posted meanwhile; heartbeats and pings come.

What the kernel keeps for the sockets is not in it, nor what PostgreSQL takes. The memory at 100 and at 5,000 is told. There is
no baseline: a connection of a server without people, feeds and limits is not the same thing.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from benchmarks.filling import Writer, mint
from benchmarks.support import (
    Figure,
    Person,
    Plan,
    child,
    create_database,
    folder,
    postgres,
    raise_descriptors,
    reach,
    run_loop,
    sermo_process,
    settled_bytes,
)
from benchmarks.wire import WireClient, open_client
from sermo import log
from sermo.migrate import migrate

NAME = "memory"
FEW, MANY = 100, 5_000
CHANNELS_OF_ONE = 3
MEMBERS = 100
OPENING = 32
"""Connections that are opened at a time."""
MOST_KIB = 40
OPEN_DEADLINE_S = 240


async def _hold(url: str, tokens_file: str) -> None:
    """The client's process: for each line with a number, open connections until there are so many; say how many live."""
    tokens = msgspec.json.decode(Path(tokens_file).read_bytes(), type=list[str])
    clients: list[WireClient] = []
    limit = asyncio.Semaphore(OPENING)

    async def one(number: int) -> WireClient:
        async with limit:
            return await open_client(url, WireClient, tokens[number])

    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = int(line)
        clients += await asyncio.gather(*(one(number) for number in range(len(clients), wanted)))
        sys.stdout.write(f"{sum(not client.is_lost for client in clients)}\n")
        sys.stdout.flush()


async def _fill(dsn: str, people: int) -> tuple[list[Person], int]:
    """People in channels; their tokens can be made when a server has started."""
    async with await log.connect(dsn) as connection:
        writer = Writer(connection)
        ids = await writer.people(people)
        for turn in range(CHANNELS_OF_ONE):
            # Each time in another order, so that nobody has the same company twice.
            ordered = sorted(ids, key=lambda user_id: (user_id.int * (2 * turn + 1)) % 1_000_003)
            for first in range(0, people, MEMBERS):
                await writer.channel(f"c{turn}-{first}", ordered[first : first + MEMBERS])
        await writer.flush()
    async with sermo_process(dsn) as server:
        await reach(server.url, writer.position)
        return mint(dsn, ids), writer.position


async def _one(dsn: str, tokens_file: Path, position: int, few: int, many: int) -> tuple[int, int]:
    """Settled bytes at few and at many connections."""
    async with sermo_process(dsn) as server:
        await reach(server.url, position)
        async with child("-m", "benchmarks.memory", server.url, str(tokens_file)) as clients:
            found = []
            for wanted in (few, many):
                if await clients.ask(str(wanted), OPEN_DEADLINE_S) != wanted:
                    raise RuntimeError("the server closed connections")
                found.append(await settled_bytes(server.process_id))
            if await clients.ask(str(many)) != many:
                raise RuntimeError("the server closed connections")
    return found[0], found[1]


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    few, many = plan.size(FEW, 20), plan.size(MANY, 220)
    persons, position = await _fill(dsn, many)
    grown: list[float] = []
    with folder() as where:
        tokens_file = where / "tokens.json"
        tokens_file.write_bytes(msgspec.json.encode([person.token for person in persons]))
        for run in range(plan.few):
            at_few, at_many = await _one(dsn, tokens_file, position, few, many)
            grown.append((at_many - at_few) / (many - few) / 1024)
            plan.tell(
                f"run {run + 1}: {grown[-1]:.1f} KiB; {at_few / 2**20:.0f} MiB at {few}, {at_many / 2**20:.0f} MiB at {many}"
            )
    name = "Memory of an idle authenticated connection"
    return [Figure(name=name, unit="KiB", values=grown, target=MOST_KIB, at_most=True)]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    raise_descriptors()
    with postgres() as server:
        dsn = create_database(server, "sermo")
        migrate(dsn)
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    run_loop(_hold(sys.argv[1], sys.argv[2]))
    os._exit(0)
