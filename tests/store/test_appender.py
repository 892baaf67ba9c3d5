"""Group commit: what travels together, what waits, and what happens when the database does not answer."""

import asyncio
import time
from collections import deque
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import sql

from domain.channel import TopicChanged
from domain.decider import NewEvent
from domain.errors import Overloaded, Unavailable
from sermo import appender, log
from sermo.appender import BATCH_BYTES, BATCH_COMMANDS, Appender, _Waiting, pack
from sermo.log import Attempt, Kind
from sermo.tail import Tail
from tests.fixtures.proxy import running_proxy
from tests.store.test_append import attempt
from tests.support.builders import AT, Chat, new_id
from tests.support.node import running_node
from tests.support.wait import await_until


def made(command: int, relied: set[int], written: set[int], size: int = 1) -> Attempt:
    """An attempt by numbers."""
    events = [
        NewEvent(UUID(int=s), TopicChanged(channel_id=UUID(int=s), topic="x" * size, by=UUID(int=s), at=AT))
        for s in sorted(written)
    ]
    relies = {UUID(int=s): 0 for s in relied | written}
    return Attempt.of(UUID(int=1_000 + command), None, relies, events, None)


def depend(first: Attempt, second: Attempt) -> bool:
    """Whether these two may not change places."""
    return bool(
        first.command_id == second.command_id
        or first.written & second.relied.keys()
        or second.written & first.relied.keys()
    )


attempts = st.lists(
    st.builds(
        made,
        st.integers(0, 30),
        st.sets(st.integers(0, 12), max_size=3),
        st.sets(st.integers(0, 12), min_size=1, max_size=2),
        st.sampled_from([1, 1, 1, 300_000, 900_000]),
    ),
    max_size=40,
)


@given(attempts)
def test_pack_takes_no_dependents_and_lets_none_overtake_what_it_depends_on(given_attempts: list[Attempt]) -> None:
    """Batch after batch, until the queue is empty: nothing is lost, batches are independent, and order is kept."""

    async def drain() -> list[list[_Waiting]]:
        queue = deque(_Waiting(each, 0.0) for each in given_attempts)
        batches = []
        while queue:
            batch = pack(queue)
            assert batch
            batches.append(batch)
        return batches

    batches = asyncio.run(drain())
    sent = [item.attempt for batch in batches for item in batch]
    assert sorted(map(id, given_attempts)) == sorted(map(id, sent))
    for batch in batches:
        assert len(batch) <= BATCH_COMMANDS
        assert len(batch) == 1 or sum(item.attempt.size_bytes for item in batch) <= BATCH_BYTES
        for number, item in enumerate(batch):
            assert not any(depend(other.attempt, item.attempt) for other in batch[:number])
    place = {id(each): number for number, each in enumerate(sent)}
    for number, second in enumerate(given_attempts):
        for first in given_attempts[:number]:
            assert not depend(first, second) or place[id(first)] < place[id(second)]


async def _nowhere() -> psycopg.AsyncConnection[Any]:
    raise psycopg.OperationalError("there is no database")


async def test_one_more_than_may_wait_is_refused_as_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a delay to come back after; those that wait are not disturbed."""
    monkeypatch.setattr(appender, "WAITING_MAX", 3)
    idle = Appender(_nowhere, Tail(_nowhere))
    waiting = [idle.submit(attempt(new_id()), time.monotonic() + 0.2) for _ in range(3)]
    await await_until(lambda: idle.waiting == 3)
    with pytest.raises(Overloaded) as refused:
        await idle.submit(attempt(new_id()), time.monotonic() + 0.2)
    assert refused.value.retry_after_ms
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3


async def test_drain_ends_when_the_last_command_has_met_its_deadline() -> None:
    """Without a database, and also where the callers went away: a shutdown never hangs on what nobody waits for."""
    lonely = Appender(_nowhere, Tail(_nowhere))
    running = asyncio.create_task(lonely.run())
    calls = [lonely.submit(attempt(new_id()), time.monotonic() + 0.3) for _ in range(4)]
    await await_until(lambda: lonely._in_flight)
    calls[0].cancel()
    calls[1].cancel()
    async with asyncio.timeout(3):
        await lonely.drain()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(a) for a in answers] == [asyncio.CancelledError, asyncio.CancelledError, Unavailable, Unavailable]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_commands_are_unavailable_while_the_database_is_gone_and_fine_afterwards(database: str) -> None:
    """Each at its own deadline; the same command sent again is appended once."""
    async with running_proxy(database) as proxy, running_node(proxy.dsn) as node:
        first = attempt(new_id())
        await node.appender.submit(first, time.monotonic() + 5)
        proxy.refusing = True
        proxy.cut()
        second = attempt(new_id())
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(Unavailable):
                await node.appender.submit(second, time.monotonic() + 0.3)
            assert 0.3 <= time.monotonic() - started < 2
        proxy.resume()
        for each, kind in ((second, Kind.APPENDED), (first, Kind.REPEATED)):
            result = await node.appender.submit(each, time.monotonic() + 5)
            assert result.kind is kind
        await node.wait_for(2)
        assert node.positions == [1, 2]


async def test_one_command_that_the_database_refuses_harms_no_other_of_its_batch(database: str) -> None:
    """The poisoned one gets the error, the rest of the batch is appended."""
    async with running_node(database) as node, await psycopg.AsyncConnection.connect(database) as holder:
        poisoned = replace(attempt(UUID(int=1)), encoded=(("x\x00", b""),))
        await holder.execute("select sermo_lock_log()")
        deadline = time.monotonic() + 5
        blocker = node.appender.submit(attempt(new_id()), deadline)
        await await_until(lambda: node.appender._in_flight)
        calls = [node.appender.submit(each, deadline) for each in (attempt(new_id()), poisoned, attempt(new_id()))]
        await await_until(lambda: node.appender.waiting == 3)
        await holder.rollback()
        await blocker
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(answers[1], psycopg.Error)
        assert [getattr(answers[n], "kind", None) for n in (0, 2)] == [Kind.APPENDED] * 2
        await node.wait_for(3)
        assert node.positions == [1, 2, 3]


async def test_what_waits_while_one_call_runs_travels_as_one_batch(database: str) -> None:
    """No timer: 100 commands that queue behind a slow call are one call, and two dependents go one after the other."""
    async with running_node(database) as node, await psycopg.AsyncConnection.connect(database) as holder:
        chat = await Chat.begin(node.execute)
        await chat.post("warm")
        await holder.execute("select sermo_lock_log()")
        before = _calls(node.appender)
        first = asyncio.create_task(chat.post("first"))
        await await_until(lambda: node.appender._in_flight)
        rest = [asyncio.create_task(chat.post(f"{n}")) for n in range(100)]
        await await_until(lambda: node.appender.waiting == 100)
        await holder.rollback()
        await asyncio.gather(first, *rest)
        assert _calls(node.appender) - before == 2
        async with node.pool.connection() as connection:
            seqs = [event.seq for event in await log.read(connection, 6, 1_000)]
        assert seqs == list(range(seqs[0] or 0, (seqs[0] or 0) + 101))


def _calls(appender: Appender) -> float:
    """Append calls so far."""
    (metric,) = appender.batch_commands.collect()
    return next(sample.value for sample in metric.samples if sample.name.endswith("_count"))


async def test_a_server_that_has_become_read_only_is_left_for_another(database: str) -> None:
    """As in a fail-over: commands are unavailable, never refused for good, and appended once a server takes writes."""
    async with (
        running_node(database) as node,
        await psycopg.AsyncConnection.connect(database, autocommit=True) as admin,
    ):
        await node.appender.submit(attempt(new_id()), time.monotonic() + 5)
        name = sql.Identifier(admin.info.dbname)
        await admin.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(name))
        await admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sermo'")
        second = attempt(new_id())
        with pytest.raises(Unavailable):
            await node.appender.submit(second, time.monotonic() + 0.3)
        await admin.execute(sql.SQL("alter database {} reset default_transaction_read_only").format(name))
        result = await node.appender.submit(second, time.monotonic() + 5)
        assert result.kind is Kind.APPENDED
