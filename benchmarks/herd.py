"""The herd: 2,000 people in 20 channels, all cut and resumed at once, each 200 events behind.

Measured: a real `sermo serve` and a process that holds one live connection of each person, with access tokens that were
issued before. The process aborts all of them; when the server has noticed, 200 messages of 200 bytes go into each of the 20
channels of 100 people, written through `sermo_append` by the benchmark. Then all 2,000 connect at once - TCP, handshake,
`connect` with token and `last_event_id` - and the time runs from before the first connect to the last `resumed`. Every
connection must have got exactly its 200 messages, in order and without a hole, and nothing else; one error fails the run. The
frames are kept while the time runs and decoded after it.

Twice: with the 4,000 events in the tail's memory, and with 20,000 events of another channel written after them, so that memory
does not reach back and each backlog is read from the log.

Memory is the server's VmRSS: settled before the cut (all connected), the highest during the herd (VmHWM, reset at its start),
and settled after it (all connected again). There is no baseline. At most three
runs, after one that is not counted; each memory figure has the herds of both kinds.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from uuid import UUID

import msgspec

from benchmarks.filling import Writer, mint
from benchmarks.support import (
    Child,
    Figure,
    Plan,
    Server,
    child,
    create_database,
    descriptors,
    folder,
    peak_bytes,
    position,
    postgres,
    quantile,
    raise_descriptors,
    reach,
    reset_peak,
    run_loop,
    sermo_process,
    settled_bytes,
)
from benchmarks.wire import Resuming, connected, open_client
from sermo import log
from sermo.migrate import migrate

NAME = "herd"
PEOPLE, CHANNELS, MISSED = 2_000, 20, 200
OTHERS = 20_000
"""Events of another channel, more than twice of what the tail's memory holds at the least."""
MOST_S = 30
DEADLINE_S = 240
CONTENT = "x" * 200
OPENING = 32


class Client(msgspec.Struct, frozen=True):
    token: str
    channel_id: UUID


class Done(msgspec.Struct, frozen=True):
    seconds: float
    p50: float
    error: str | None = None
    """What went wrong first."""


class _Herd:
    """The client's process."""

    def __init__(self, url: str, clients: list[Client]) -> None:
        self._url = url
        self._clients = clients
        self._epoch = ""
        self._open: list[Resuming] = []

    async def open(self) -> int:
        """All connections, live."""
        limit = asyncio.Semaphore(OPENING)

        async def one(client: Client) -> Resuming:
            async with limit:
                opened = await open_client(self._url, Resuming, client.token)
            opened.resumed.set_result(0.0)  # nothing is kept
            return opened

        self._open = list(await asyncio.gather(*map(one, self._clients)))
        self._epoch = connected(self._open[0]).epoch
        return len(self._open)

    def cut(self) -> int:
        """Abort them all."""
        for one in self._open:
            one.cut()
        self._open = []
        return len(self._clients)

    async def resume(self, after: int, missed: int) -> Done:
        """All come back at once."""
        began = time.monotonic()

        async def one(client: Client) -> Resuming:
            opened = await open_client(self._url, Resuming, client.token, last_event_id=after, epoch=self._epoch)
            await opened.resumed
            return opened

        found = await asyncio.gather(*map(one, self._clients), return_exceptions=True)
        self._open = [opened for opened in found if isinstance(opened, Resuming)]
        errors = [f"{type(error).__name__}: {error}" for error in found if isinstance(error, BaseException)]
        if errors:
            return Done(0.0, 0.0, f"{len(errors)} connections failed: {errors[0]}")
        times = [opened.resumed.result() - began for opened in self._open]
        try:
            for opened, client in zip(self._open, self._clients, strict=True):
                opened.check(missed, f"channel:{client.channel_id}")
                opened.kept.clear()
        except RuntimeError as error:
            return Done(0.0, 0.0, str(error))
        if any(opened.is_lost for opened in self._open):
            return Done(0.0, 0.0, "a connection was lost after it had resumed")
        return Done(max(times), quantile(times, 0.5))


async def _clients(url: str, clients_file: str) -> None:
    herd = _Herd(url, msgspec.json.decode(Path(clients_file).read_bytes(), type=list[Client]))
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, *numbers = line.split()
        answer: object
        if command == "open":
            answer = await herd.open()
        elif command == "cut":
            answer = herd.cut()
        else:
            answer = await herd.resume(int(numbers[0]), int(numbers[1]))
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()


class _Town:
    """The people, their channels, and what is written into them."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.channels: dict[UUID, list[UUID]] = {}
        self._elsewhere: tuple[UUID, UUID] | None = None

    async def found(self, people: int, channels: int) -> None:
        """Make them, and one channel of somebody who is not in the herd."""
        ids = await self._writer.people(people)
        for number in range(channels):
            members = ids[number::channels]
            self.channels[await self._writer.channel(f"c{number}", members)] = members
        (other,) = await self._writer.people(1, "other")
        self._elsewhere = await self._writer.channel("elsewhere", [other]), other
        await self._writer.flush()

    async def post(self, missed: int, others: int) -> int:
        """The position of the last event."""
        for _ in range(missed):
            for channel_id, members in self.channels.items():
                await self._writer.post(channel_id, members[0], CONTENT)
        assert self._elsewhere is not None
        for _ in range(others):
            await self._writer.post(*self._elsewhere, CONTENT)
        await self._writer.flush()
        return self._writer.position


async def _stampede(server: Server, clients: Child, town: _Town, missed: int, others: int) -> tuple[Done, list[float]]:
    """One herd, and the server's memory in MiB before, at its peak and after."""
    before = await settled_bytes(server.process_id)
    after_id = await position(server.url)
    files = descriptors(server.process_id)
    count = await clients.ask("cut")
    async with asyncio.timeout(DEADLINE_S):
        while descriptors(server.process_id) > files - count + 16:
            await asyncio.sleep(0.05)
    await reach(server.url, await town.post(missed, others))
    reset_peak(server.process_id)
    done = msgspec.convert(await clients.ask(f"resume {after_id} {missed}", DEADLINE_S), Done)
    if done.error is not None:
        raise RuntimeError(done.error)
    peak = peak_bytes(server.process_id)
    after = await settled_bytes(server.process_id)
    return done, [size / 2**20 for size in (before, peak, after)]


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    people, channels, missed = plan.size(PEOPLE, 60), plan.size(CHANNELS, 3), MISSED
    near: list[float] = []
    far: list[float] = []
    memory: list[list[float]] = []
    async with await log.connect(dsn) as connection:
        town = _Town(Writer(connection))
        await town.found(people, channels)
        async with sermo_process(dsn) as server:
            ids = [(user_id, channel_id) for channel_id, members in town.channels.items() for user_id in members]
            tokens = mint(dsn, [user_id for user_id, _ in ids])
            made = [Client(person.token, channel_id) for person, (_, channel_id) in zip(tokens, ids, strict=True)]
            with folder() as where:
                (where / "clients.json").write_bytes(msgspec.json.encode(made))
                async with child("-m", "benchmarks.herd", server.url, str(where / "clients.json")) as clients:
                    await clients.ask("open", DEADLINE_S)
                    for run in range(-1, plan.few):
                        line = f"run {run + 1}" if run >= 0 else "warm-up"
                        for others, values in ((0, near), (OTHERS, far)):
                            done, mib = await _stampede(server, clients, town, missed, others)
                            plan.tell(
                                f"{line}, {'log' if others else 'memory'}: {done.seconds:.2f} s, p50 {done.p50:.2f} s;"
                                f" {mib[0]:.0f} MiB before, at most {mib[1]:.0f}, {mib[2]:.0f} after"
                            )
                            if run >= 0:
                                values.append(done.seconds)
                                memory.append(mib)
    return [
        Figure(name="Herd caught up, from the tail's memory", unit="s", values=near, target=MOST_S, at_most=True),
        Figure(name="Herd caught up, from the log", unit="s", values=far, target=MOST_S, at_most=True),
        Figure(name="Herd: server's memory before", unit="MiB", values=[mib[0] for mib in memory]),
        Figure(name="Herd: server's memory at its peak", unit="MiB", values=[mib[1] for mib in memory]),
        Figure(name="Herd: server's memory after", unit="MiB", values=[mib[2] for mib in memory]),
        Figure(
            name="Herd: memory after / before",
            unit="x",
            values=[mib[2] / mib[0] for mib in memory],
            target=1.05,
            at_most=True,
        ),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    raise_descriptors()
    with postgres() as server:
        dsn = create_database(server, "sermo")
        migrate(dsn)
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    run_loop(_clients(sys.argv[1], sys.argv[2]))
    os._exit(0)
