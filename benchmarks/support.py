"""What the benchmarks share: figures, a PostgreSQL and servers for the time of a block, people, and the log's events."""

import asyncio
import contextlib
import os
import resource
import secrets
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import uuid_utils
import uvloop
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sermo.embedded import Embedded

ROOT = Path(__file__).parents[1]
READY_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0

Tell = Callable[[str], None]
"""Progress, a line at a time."""


class Figure(msgspec.Struct, kw_only=True):
    """One line of the table: a value for each run."""

    name: str
    unit: str
    values: list[float]
    target: float | None = None
    at_most: bool = False
    """The target is a ceiling."""
    is_baseline: bool = False

    @property
    def median(self) -> float:
        """Of the runs."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the median meets the target; None where there is none."""
        if self.target is None:
            return None
        return self.median <= self.target if self.at_most else self.median >= self.target


class Plan(msgspec.Struct, frozen=True):
    """How much to do: `quick` only shows that it works."""

    runs: int
    quick: bool
    tell: Tell

    @property
    def few(self) -> int:
        """Runs of what takes a minute each and varies little."""
        return min(self.runs, 3)

    def size(self, full: int, quick: int) -> int:
        """A size, for this kind of run."""
        return quick if self.quick else full


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Run by run: what shares a moment of the machine is compared."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def run_loop(main: Any) -> Any:
    """Run a coroutine on the loop that `sermo serve` uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def new_id() -> UUID:
    """A version 7 id, as clients make it."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


# PostgreSQL and servers


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away, into which PostgreSQL's user can go: else the cluster would be made elsewhere, and stay."""
    with tempfile.TemporaryDirectory(prefix="sermo-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """An embedded PostgreSQL with the settings that Sermo ships, fsync on; its conninfo."""
    with folder() as data_dir:
        server = Embedded(data_dir / "pg")
        try:
            yield server.start()
        finally:
            server.stop()


def create_database(dsn: str, name: str, template: str | None = None) -> str:
    """A new database, perhaps a copy; its conninfo."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create database {name}" + (f" template {template} strategy file_copy" if template else ""))
    return make_conninfo(dsn, dbname=name)


def checkpoint(dsn: str) -> None:
    """Write out what the set-up left, so that no run pays for it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def library_environment(dsn: str) -> dict[str, str]:
    """The `eventsourcing` library's settings for a database."""
    found = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(found["dbname"]),
        "POSTGRES_HOST": str(found["host"]),
        "POSTGRES_PORT": str(found.get("port", 5432)),
        "POSTGRES_USER": str(found["user"]),
        "POSTGRES_PASSWORD": "",
    }


class Child:
    """A process of ours that is spoken to in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.process_id = process.pid

    async def line(self, deadline_s: float = READY_DEADLINE_S) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(deadline_s):
            text = (await self._process.stdout.readline()).decode().strip()
        if not text:
            raise RuntimeError("a process of the benchmark ended: see its messages above")
        return text

    async def ask(self, question: str, deadline_s: float = READY_DEADLINE_S) -> Any:
        """Say a line; the JSON of the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(question.encode() + b"\n")
        return msgspec.json.decode(await self.line(deadline_s))


@contextlib.asynccontextmanager
async def child(
    *command: str, core: int | None = None, environment: dict[str, str] | None = None
) -> AsyncIterator[Child]:
    """A Python process for the time of the block, on one core or on any."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
        env={**os.environ, **(environment or {})},
    )
    try:
        if core is not None:
            pin(process.pid, core)
        yield Child(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_DEADLINE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def pin(process_id: int, core: int) -> None:
    """Keep a process on one core, where the machine has it and the system can."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(process_id, {core})


class Server(msgspec.Struct, frozen=True):
    url: str
    process_id: int


@contextlib.asynccontextmanager
async def sermo_serve(dsn: str, *, core: int | None = None) -> AsyncIterator[str]:
    """A real `sermo serve` on a database; its URL."""
    async with sermo_process(dsn, core=core) as server:
        yield server.url


@contextlib.asynccontextmanager
async def sermo_process(dsn: str, *, core: int | None = None) -> AsyncIterator[Server]:
    """A real `sermo serve` on a database, whose process is looked at."""
    with folder() as data_dir:
        options = ("--port", "0", "--database-url", dsn, "--data-dir", str(data_dir))
        environment = {"SERMO_LOG_LEVEL": "warning", "SERMO_ACCESS_TOKEN_TTL_S": "7200"}
        async with child("-m", "sermo", "serve", *options, core=core, environment=environment) as process:
            line = await process.line()
            if not line.startswith("ready "):
                raise RuntimeError(f"instead of ready: {line!r}")
            yield Server(line.removeprefix("ready "), process.process_id)


def raise_descriptors() -> None:
    """As many open files as this process may have; its children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def position(url: str) -> int:
    """Where a server's tail is in the log."""
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        return int((await client.get("/health/ready")).json()["position"])


async def reach(url: str, wanted: int, deadline_s: float = READY_DEADLINE_S) -> None:
    """Wait until a server's tail is at a position, and its views have caught up."""
    async with asyncio.timeout(deadline_s), httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        while True:
            ready = (await client.get("/health/ready")).json()
            if ready["position"] >= wanted and ready["views_lag_s"] == 0:
                return
            await asyncio.sleep(0.05)


# What a process takes (Linux)


def resident_bytes(process_id: int) -> int:
    """Memory that is resident now (VmRSS)."""
    return _status(process_id, "VmRSS")


def peak_bytes(process_id: int) -> int:
    """The most that was resident since `reset_peak` (VmHWM)."""
    return _status(process_id, "VmHWM")


def reset_peak(process_id: int) -> None:
    """The peak begins anew from here (proc(5), clear_refs)."""
    Path(f"/proc/{process_id}/clear_refs").write_text("5")


def cpu_seconds(process_id: int) -> float:
    """User and system time of a process and its threads so far; its children are not in it."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(process_id: int) -> int:
    """How many files and sockets it has open."""
    return len(os.listdir(f"/proc/{process_id}/fd"))


async def settled_bytes(process_id: int) -> int:
    """The resident memory once it has changed by less than 0.5 % in two seconds, or after 30 s."""
    seen = [resident_bytes(process_id)]
    for _ in range(60):
        await asyncio.sleep(0.5)
        seen.append(resident_bytes(process_id))
        if len(seen) > 4 and max(seen[-5:]) - min(seen[-5:]) < 0.005 * seen[-1]:
            break
    return seen[-1]


def _status(process_id: int, name: str) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {process_id} has no {name}: it has ended")


# People and channels, over REST as anybody makes them


class Person(msgspec.Struct, frozen=True):
    user_id: str
    token: str


async def register(url: str, count: int, prefix: str = "bench") -> list[Person]:
    """New people; their password hashing takes 25 ms of a core each."""
    limit = asyncio.Semaphore(16)
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:

        async def one(number: int) -> Person:
            body = {"username": f"{prefix}-{number}", "password": secrets.token_urlsafe(12)}
            async with limit:
                answer = await client.post("/v1/auth/register", json=body)
            answer.raise_for_status()
            data = answer.json()
            return Person(data["user"]["user_id"], data["access_token"])

        return list(await asyncio.gather(*(one(number) for number in range(count))))


async def create_channels(url: str, owners: Sequence[Person], prefix: str = "bench") -> list[str]:
    """A public channel of each of these people."""
    limit = asyncio.Semaphore(16)
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:

        async def one(number: int, owner: Person) -> str:
            channel_id = str(new_id())
            body = {"kind": "public", "name": f"{prefix}-{number}", "channel_id": channel_id}
            async with limit:
                answer = await client.post("/v1/channels", json=body, headers=_bearer(owner))
            answer.raise_for_status()
            return channel_id

        return list(await asyncio.gather(*(one(number, owner) for number, owner in enumerate(owners))))


async def join(url: str, people: Sequence[Person], channel_id: str) -> None:
    """They all join a channel."""
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        for person in people:
            answer = await client.post(f"/v1/channels/{channel_id}/join", headers=_bearer(person))
            answer.raise_for_status()


def _bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token}"}
