"""How the runner spends its time: it ends when told to, says what befell it, and lets events come together."""

import asyncio
import time
from collections.abc import Sequence

import psycopg
import structlog

from domain.decider import Recorded
from projections.runner import GATHER_S, GroupRunner
from sermo import log
from tests.support.history import History, store
from tests.support.views import Running
from tests.support.wait import await_until


async def test_a_runner_that_is_cancelled_in_its_first_read_ends(database: str) -> None:
    """A node that is told to stop must not hang, however long the log takes to answer."""
    began = asyncio.Event()

    async def read(_after: int, _limit: int) -> Sequence[Recorded]:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody lets it go on")

    runner = GroupRunner(lambda: log.connect(database), read, asyncio.sleep)
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(30):
        await began.wait()
    task.cancel()
    done, _ = await asyncio.wait((task,), timeout=30)
    while not task.done():  # so that a failure does not hang the tests: in its pause it can be ended
        task.cancel()
        await asyncio.wait((task,), timeout=0.02)
    assert done == {task}
    assert task.cancelled()


async def test_a_first_read_that_fails_is_told_as_what_it_is_and_tried_again(database: str) -> None:
    """A database that is away just then is a lost connection, not a fault of the program."""
    group = Running(database)
    failures = [psycopg.OperationalError("the server is going away")]

    async def read(after: int, limit: int) -> Sequence[Recorded]:
        if failures:
            raise failures.pop()
        async with await log.connect(database) as connection:
            return await log.read(connection, after, limit)

    events = History(60).run(100).log
    async with await log.connect(database) as connection:
        await store(connection, events)
    runner = GroupRunner(group.connect, read, lambda _after: asyncio.sleep(0.01))
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(runner.run())
        assert await runner.wait_for(len(events), 30)
        task.cancel()
        await asyncio.wait((task,))
    assert [line["event"] for line in lines] == ["views.connection_lost"]


async def test_events_that_come_one_by_one_are_applied_together(database: str) -> None:
    """Nobody waits, so a transaction begins at most every `GATHER_S`: one for each event would cost the most by far."""
    events = History(61).run(300).log
    group = Running(database)

    async def read(after: int, limit: int) -> Sequence[Recorded]:
        # Without a look at the database: only the runner's own pace is measured.
        return events[after : min(stored, after + limit)]

    stored = 0
    runner = GroupRunner(group.connect, read, lambda _after: asyncio.sleep(0.001))
    async with await log.connect(database) as connection:
        await store(connection, events)
        task = asyncio.create_task(runner.run())
        await await_until(lambda: runner.is_owner, 30, what="the runner owns the views")
        await connection.execute(_COUNT_MOVES, prepare=False)
        began = time.monotonic()
        while stored < len(events):
            stored += 1
            await asyncio.sleep(0.001)
        await await_until(lambda: runner.position == len(events), 30, what="all is applied")
        elapsed_s = time.monotonic() - began
        task.cancel()
        await asyncio.wait((task,))
        cursor = await connection.execute("select count(*) from moves")
        (moves,) = await cursor.fetchone() or (0,)
    assert 1 <= moves <= elapsed_s / GATHER_S + 2


_COUNT_MOVES = """
    create table moves (at timestamptz);
    create function count_move() returns trigger language plpgsql as
        $$ begin insert into moves values (clock_timestamp()); return new; end $$;
    create trigger moved after update on notification_tracking for each row execute function count_move();
"""
