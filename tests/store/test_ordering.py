"""Promises L1 and L2: positions become visible in order and without a hole, whatever writers and maintenance do."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from domain.decider import NewEvent, Recorded
from domain.message import MessageDeleted
from sermo import log
from sermo.log import Attempt
from tests.store.test_append import attempt
from tests.support.builders import AT, Chat, new_id
from tests.support.node import running_node
from tests.support.wait import await_until

INSERT = "select sermo_insert(array[gen_random_uuid()], array[1::int8], array['x'], array[''::bytea])"


async def _is_waiting_for_the_lock(dsn: str, count: int = 1) -> bool:
    async with await AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
            " where locktype = 'advisory' and not granted and datname = current_database()"
        )
        row = await cursor.fetchone()
    assert row is not None
    return bool(row[0] >= count)


async def test_the_tail_never_shows_a_position_before_the_one_under_it(database: str) -> None:
    """A slow writer holds its append open; another append waits, and nothing is seen until both come in order."""
    async with (
        running_node(database) as node,
        await AsyncConnection.connect(database) as slow,
        await log.connect(database) as fast,
    ):
        await slow.execute(INSERT)
        other = asyncio.create_task(log.append(fast, [attempt(new_id())]))
        await await_until(lambda: _is_waiting_for_the_lock(database), what="the fast append waits")
        async with node.pool.connection() as connection:
            assert await log.head(connection) == 0
        assert node.positions == []
        await slow.commit()
        (result,) = await other
        assert [event.position for event in result.events] == [2]
        await node.wait_for(2)
        assert node.positions == [1, 2]


async def test_a_writer_that_rolls_back_leaves_no_hole(database: str) -> None:
    """Nor does one whose connection dies while it holds the lock."""
    async with running_node(database) as node, await log.connect(database) as other:
        for is_killed in (False, True):
            slow = await AsyncConnection.connect(database)
            await slow.execute(INSERT)
            waiting = asyncio.create_task(log.append(other, [attempt(new_id())]))
            await await_until(lambda: _is_waiting_for_the_lock(database), what="the other append waits")
            if is_killed:
                async with node.pool.connection() as connection:
                    await connection.execute("select pg_terminate_backend(%s)", [slow.info.backend_pid])
            else:
                await slow.rollback()
            await waiting
            with contextlib.suppress(psycopg.OperationalError):
                await slow.close()
        await node.wait_for(2)
        assert node.positions == [1, 2]


def _write(dsn: str, batches: int, commands: int) -> None:
    """A writer process."""

    async def write() -> None:
        async with await log.connect(dsn) as connection:
            for _ in range(batches):
                batch = []
                for _ in range(commands):
                    stream_id = new_id()
                    event = MessageDeleted(channel_id=stream_id, by=stream_id, at=AT)
                    batch.append(Attempt.of(new_id(), None, {stream_id: 0}, [NewEvent(stream_id, event)], None))
                await log.append(connection, batch)

    asyncio.run(write())


async def test_a_tail_beside_eight_writer_processes_misses_none_of_20_000_events(database: str) -> None:
    """The case in which the library's function mode lost 192 of 24,725 events."""
    context = multiprocessing.get_context("spawn")
    async with running_node(database) as node:
        writers = [context.Process(target=_write, args=(database, 42, 60)) for _ in range(8)]
        for writer in writers:
            writer.start()
        try:
            await await_until(lambda: node.tail.position >= 8 * 42 * 60, 60, what="all 20,160 events arrive")
        finally:
            for writer in writers:
                await asyncio.to_thread(writer.join, 10)
        assert [writer.exitcode for writer in writers] == [0] * 8
        assert list(range(1, 8 * 42 * 60 + 1)) == node.positions


@pytest.fixture
def _without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only NOTIFY wakes the tail: the poll that makes sure would bring in time what was missed."""
    monkeypatch.setattr("sermo.tail.POLL_INTERVAL_S", 60.0)


class _Gap:
    """Something that happens between the tail's next read and its wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._read = log.read
        self._happens: Callable[[AsyncConnection[Any]], Awaitable[object]] | None = None
        monkeypatch.setattr(log, "read", self._wrapped)

    async def _wrapped(self, connection: AsyncConnection[Any], after: int, limit: int) -> list[Recorded]:
        events = await self._read(connection, after, limit)
        if (happens := self._happens) is not None:
            self._happens = None
            await happens(connection)
        return events

    def next(self, happens: Callable[[AsyncConnection[Any]], Awaitable[object]]) -> None:
        """Let this happen, once; it gets the tail's connection."""
        self._happens = happens

    async def passed(self) -> None:
        """Until it has."""
        await await_until(lambda: self._happens is None, what="the tail reads")


@pytest.mark.usefixtures("_without_poll")
@pytest.mark.parametrize("heard_in", ["the wait", "another query"])
async def test_an_event_between_the_read_and_the_wait_arrives_without_another(
    database: str, monkeypatch: pytest.MonkeyPatch, heard_in: str
) -> None:
    """After the query of the first read, at the start and after a reconnect: LISTEN stood before it, so NOTIFY comes.

    Also where the notification is read by a query, and not by who waits for it.
    """
    gap = _Gap(monkeypatch)
    async with await log.connect(database) as other:

        async def append(connection: AsyncConnection[Any]) -> None:
            await log.append(other, [attempt(new_id())])
            if heard_in == "another query":
                await connection.execute("select 1")

        gap.next(append)
        async with running_node(database) as node:
            await node.wait_for(1)
            for position in range(2, 5):
                gap.next(append)
                assert node.tail._connection is not None
                await other.execute("select pg_terminate_backend(%s, 10000)", [node.tail._connection.info.backend_pid])
                await node.wait_for(position)
                await gap.passed()
            assert node.positions == [1, 2, 3, 4]


@pytest.mark.usefixtures("_without_poll")
async def test_a_tail_whose_connection_is_killed_is_there_again_within_a_second(database: str) -> None:
    """What is appended meanwhile comes in that time too. The fastest of some counts: the machine may be busy."""
    async with running_node(database) as node, await log.connect(database) as other:
        recoveries = []
        for position in range(1, 7):
            assert node.tail._connection is not None
            started = time.monotonic()
            # In one statement, so that nothing has been heard of the event when the connection ends.
            kill_and_append = INSERT.replace("select ", "select pg_terminate_backend(%s), ", 1)
            await other.execute(kill_and_append.encode(), [node.tail._connection.info.backend_pid])
            await node.wait_for(position)
            recoveries.append(time.monotonic() - started)
        assert node.positions == [1, 2, 3, 4, 5, 6]
        assert min(recoveries) < 1.0, recoveries


@pytest.mark.parametrize(
    "maintenance",
    [
        "analyze stored_events",
        "lock table stored_events in share update exclusive mode",  # what VACUUM and CREATE INDEX CONCURRENTLY hold
        "insert into credentials values (gen_random_uuid(), 'idle in transaction')",
    ],
)
async def test_open_maintenance_holds_up_neither_appends_nor_the_tail(database: str, maintenance: str) -> None:
    """An ANALYZE that is still open, the lock of VACUUM, and a writer that idles in its transaction elsewhere."""
    async with running_node(database) as node, await AsyncConnection.connect(database) as open_one:
        chat = await Chat.begin(node.execute)
        await open_one.execute(maintenance.encode())
        async with asyncio.timeout(3):
            await chat.post("meanwhile")
            await node.wait_for(6)
        assert node.positions == [1, 2, 3, 4, 5, 6]
        await open_one.rollback()


async def test_an_index_build_that_runs_holds_up_neither_appends_nor_the_tail(database: str) -> None:
    """CREATE INDEX CONCURRENTLY, kept running by an older open transaction that it must wait for."""
    async with running_node(database) as node, await AsyncConnection.connect(database) as old:
        chat = await Chat.begin(node.execute)
        await old.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        builder = await AsyncConnection.connect(database, autocommit=True)
        await old.execute("select count(*) from stored_events")
        build = asyncio.create_task(
            builder.execute("create index concurrently some_index on stored_events (recorded_at)")
        )
        await await_until(lambda: _builds_an_index(database), what="the index build waits for the old transaction")
        async with asyncio.timeout(3):
            await chat.post("meanwhile")
            await node.wait_for(6)
        assert not build.done()
        await old.rollback()
        async with asyncio.timeout(10):
            await build
        await builder.close()
        await chat.post("afterwards")
        await node.wait_for(7)
        assert list(range(1, 8)) == node.positions


async def _builds_an_index(dsn: str) -> bool:
    async with await AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "select phase from pg_stat_progress_create_index where datname = current_database()"
        )
        row: tuple[Any, ...] | None = await cursor.fetchone()
    return row is not None and str(row[0]).startswith("waiting")


async def test_killed_connections_lose_nothing_and_double_nothing(database: str) -> None:
    """Every backend of a busy node is terminated, again and again; each acknowledged post is in the log once, in order."""
    async with running_node(database) as node, running_node(database) as other:
        chat = await Chat.begin(node.execute)
        member_id = await chat.add_member("other")
        posted: list[Any] = []
        enough = asyncio.Event()

        async def write(author_id: Any, execute: Any) -> None:
            while not enough.is_set():
                posted.append(await chat.post("still here", by=author_id, execute=execute))

        writers = [
            asyncio.create_task(write(a, e))
            for a, e in ((chat.owner_id, node.execute), (member_id, other.execute))
            for _ in range(4)
        ]
        async with await AsyncConnection.connect(database, autocommit=True) as killer:
            for _ in range(6):
                before = len(posted)
                await killer.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
                await await_until(lambda b=before: len(posted) > b + 20, what="posting goes on")
        enough.set()
        await asyncio.gather(*writers)
        async with await log.connect(database) as connection:
            events = await log.read(connection, 0, 100_000)
        stored = [event.stream_id for event in events[8:]]
        assert len(posted) == len(stored) == len(set(stored))
        assert set(posted) == set(stored)
        for each in (node, other):
            await each.wait_for(len(events))
            assert [event.position for event in events] == each.positions
