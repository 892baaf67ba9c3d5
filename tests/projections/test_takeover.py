"""Two nodes on one database, whatever happens to the one that owns; readers while generations are switched."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from psycopg import AsyncConnection

from domain.decider import Recorded
from projections import threads, timeline, unread_counts
from projections.group import CORE
from projections.rebuild import status
from sermo import log
from tests.support.equality import rebuild, view_rows
from tests.support.filled import from_scratch, views_of
from tests.support.history import History, store
from tests.support.http import http_client
from tests.support.servers import ServerProcess
from tests.support.views import checkpoint, running_group
from tests.support.wait import await_until

_KILL_THE_OWNER = """
    select pg_terminate_backend(pid) from pg_locks
    where locktype = 'advisory' and objid = 6016523 and granted
        and database = (select oid from pg_database where datname = current_database())
"""


async def test_no_event_counts_twice_or_never_when_owners_are_killed(database: str) -> None:
    """The owner's connection is terminated again and again, in the middle of its work; some runner goes on."""
    events = History(6).run(500).log
    async with await log.connect(database) as connection:
        async with running_group(database) as one, running_group(database) as other:
            for at in range(0, len(events), 100):
                await await_until(lambda: one.is_owner or other.is_owner, what="somebody owns")
                await store(connection, events[at : at + 50])
                killed = await connection.execute(_KILL_THE_OWNER)
                assert killed.rowcount <= 1
                await store(connection, events[at + 50 : at + 100])
                for runner in (one, other):
                    assert await runner.wait_for(min(at + 100, len(events)), 20)
        assert {(row.parked, row.lag) for row in await status(connection, (CORE,))} == {(0, 0)}
        live = view_rows(database)
        assert await from_scratch(connection, database, events) == live


async def test_process_that_is_killed_while_it_makes_the_views_is_followed_by_another(database: str) -> None:
    """`kill -9` of the owner among two real servers, three times, while events come: the other goes on where it was."""
    events = History(7).run(3_000).log
    share = len(events) // 3
    processes = [ServerProcess("--database-url", database) for _ in range(2)]
    await asyncio.gather(*(process.start() for process in processes))
    try:
        async with await log.connect(database) as connection:
            for begun in range(0, share * 3, share):
                owner = await await_until(lambda: _owner(processes), timeout_s=30, what="one of them makes the views")
                await _write(connection, events[begun : begun + 200])
                await await_until(lambda b=begun: _reaches(connection, b + 100), timeout_s=30, what="it is at work")
                await _write(connection, events[begun + 200 : begun + 500])
                await owner.kill()
                await _write(connection, events[begun + 500 : begun + share])
                await await_until(
                    lambda b=begun: _reaches(connection, b + share), timeout_s=30, what="the other goes on"
                )
                await owner.start()
            events = events[: share * 3]
            assert {(row.parked, row.lag) for row in await status(connection, (CORE,))} == {(0, 0)}
    finally:
        for process in processes:
            await process.stop()
    live = view_rows(database)
    async with await log.connect(database) as connection:
        assert await from_scratch(connection, database, events) == live


async def _owner(processes: Sequence[ServerProcess]) -> ServerProcess | None:
    async with http_client() as http:
        for process in processes:
            if "sermo_views_owner 1.0" in (await http.get(f"{process.url}/metrics")).text:
                return process
    return None


async def _write(connection: AsyncConnection[Any], events: Sequence[Recorded]) -> None:
    """A few at a time, so that the views are made of them batch by batch."""
    for at in range(0, len(events), 10):
        await store(connection, events[at : at + 10])
        await connection.execute("select pg_notify(%s, '')", [log.NOTIFY_CHANNEL])


async def _reaches(connection: AsyncConnection[Any], position: int) -> bool:
    return (await checkpoint(connection) or 0) >= position


async def test_readers_of_several_views_see_no_error_while_generations_are_switched(database: str) -> None:
    """Their queries lock tables of several views in orders of their own; nobody waits in a circle, nothing goes backwards."""
    history = History(8).run(500)
    users = itertools.cycle(history.users)
    root_id = next(message_id for message_id in history.messages[history.channels[0]])
    ended = asyncio.Event()
    reads = 0

    async def reading(query: Callable[[AsyncConnection[Any]], Awaitable[int]]) -> None:
        nonlocal reads
        position = 0
        async with await log.connect(database) as connection:
            while not ended.is_set():
                found = await query(connection)
                assert found >= position
                position = found
                reads += 1

    async def mine(connection: AsyncConnection[Any]) -> int:
        return (await unread_counts.my_channels(connection, next(users))).position

    async def page(connection: AsyncConnection[Any]) -> int:
        found = await timeline.page(connection, history.channels[0], history.users[0])
        await threads.replies(connection, root_id, history.users[0])
        return found.position if found is not None else 0

    async with views_of(database, history.log[:200]) as connection, running_group(database) as runner:
        readers = [asyncio.create_task(reading(query)) for query in (mine, mine, page)]
        rng = random.Random(8)
        at = 200
        for name in ("all", "timeline", "memberships", "unread", "all"):
            size = rng.randint(10, 40)
            await store(connection, history.log[at : at + size])
            at = min(at + size, len(history.log))
            await rebuild(database, name)
            assert await runner.wait_for(at, 20)
        ended.set()
        await asyncio.gather(*readers)
        assert reads > 20
    live = view_rows(database)
    async with await log.connect(database) as connection:
        assert await from_scratch(connection, database, history.log[:at]) == live


async def test_transaction_that_reads_the_old_tables_for_long_holds_up_nobody(database: str) -> None:
    """As a backup does. The new generation serves, the runner goes on, and the next rebuild drops what is left."""
    history = History(9).run(300)
    async with views_of(database, history.log[:200]) as connection, running_group(database) as runner:
        async with await log.connect(database) as backup:
            async with backup.transaction():
                await backup.execute("select count(*) from timeline_v2.messages")
                building = asyncio.create_task(rebuild(database, "timeline"))
                await await_until(lambda: _schemas(connection, "timeline_v2_old"), what="the new generation serves")
                await store(connection, history.log[200:])
                assert await runner.wait_for(len(history.log), 20)
            await building
        assert not await _schemas(connection, "timeline_v2_old")
        live = view_rows(database)
    async with await log.connect(database) as connection:
        assert await from_scratch(connection, database, history.log) == live


async def _schemas(connection: AsyncConnection[Any], name: str) -> bool:
    cursor = await connection.execute("select from pg_namespace where nspname = %s", [name])
    return await cursor.fetchone() is not None
