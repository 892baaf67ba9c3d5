"""The append function's guards: what the log refuses, and what a refused call leaves behind (nothing)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from domain.channel import TopicChanged
from domain.decider import NewEvent
from sermo import log
from sermo.log import Attempt, Kind
from tests.support.builders import AT, new_id


def attempt(
    *stream_ids: UUID, version: int = 0, feed_id: UUID | None = None, command_id: UUID | None = None
) -> Attempt:
    """A command that writes one event to each of these streams."""
    events = [NewEvent(s, TopicChanged(channel_id=s, topic="x", by=s, at=AT), feed_id) for s in stream_ids]
    return Attempt.of(command_id or new_id(), None, dict.fromkeys(stream_ids, version), events, None)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as nodes make it."""
    async with await log.connect(database) as opened:
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        "update stored_events set topic = 'x'",
        "delete from stored_events",
        "truncate stored_events",
        "update stored_events set topic = 'x' where false",
        "insert into stored_events select * from stored_events on conflict (notification_id) do update set topic = 'x'",
        "merge into stored_events a using stored_events b on false when matched then delete when not matched then do nothing",
    ],
)
async def test_the_log_refuses_to_be_changed(connection: AsyncConnection[Any], statement: str) -> None:
    """UPDATE, DELETE and TRUNCATE fail, in whatever statement they hide, and the log stays as it was."""
    await log.append(connection, [attempt(new_id())])
    before = await log.read(connection, 0, 10)
    with pytest.raises(psycopg.Error) as refused:
        await connection.execute(statement.encode())
    assert refused.value.sqlstate == "SRM02"
    assert before == await log.read(connection, 0, 10)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_appends_refuse_an_isolation_that_hides_what_was_just_committed(
    connection: AsyncConnection[Any], isolation: str
) -> None:
    """Only READ COMMITTED sees the rows of the last holder of the lock."""
    await connection.execute(f"set default_transaction_isolation = '{isolation}'".encode())
    with pytest.raises(psycopg.Error) as refused:
        await log.append(connection, [attempt(new_id())])
    assert refused.value.sqlstate == "SRM03"
    with pytest.raises(psycopg.Error) as refused:
        await connection.execute("select sermo_insert('{}', '{}', '{}', '{}')")
    assert refused.value.sqlstate == "SRM03"
    assert await log.head(connection) == 0


async def test_refusals_and_conflicts_burn_no_number(connection: AsyncConnection[Any]) -> None:
    """A batch of accepted, conflicting, repeated and existing commands leaves dense positions and gapless seqs."""
    feed_id, moved = new_id(), new_id()
    first = attempt(moved, feed_id=feed_id)
    await log.append(connection, [first])
    exists = Attempt.of(new_id(), None, {moved: 0}, [NewEvent(moved, first.events[0].event, feed_id)], moved)
    batches = [
        [attempt(new_id(), feed_id=feed_id), attempt(moved, feed_id=feed_id), attempt(new_id(), feed_id=feed_id)],
        [exists, attempt(new_id(), feed_id=feed_id)],
        [attempt(new_id(), feed_id=feed_id), first],
        [attempt(moved, feed_id=feed_id)],
        [attempt(new_id(), feed_id=feed_id)],
    ]
    kinds = [[result.kind for result in await log.append(connection, batch)] for batch in batches]
    assert kinds == [
        [Kind.APPENDED, Kind.CONFLICT, Kind.APPENDED],
        [Kind.EXISTS, Kind.APPENDED],
        [Kind.APPENDED, Kind.REPEATED],
        [Kind.CONFLICT],
        [Kind.APPENDED],
    ]
    events = await log.read(connection, 0, 100)
    assert [(n, n) for n in range(1, 7)] == [(event.position, event.seq) for event in events]


async def test_a_call_that_fails_leaves_nothing_and_the_next_is_dense(connection: AsyncConnection[Any]) -> None:
    """Also when it fails while rows are being inserted."""
    await log.append(connection, [attempt(new_id())])
    with pytest.raises(psycopg.Error) as refused:
        await log.append(connection, [attempt(same := new_id()), attempt(same)])
    assert refused.value.sqlstate == "SRM01"
    damaged = attempt(new_id(), new_id())
    parameters = log.append_parameters([damaged])
    parameters[8][1] = None
    with pytest.raises(psycopg.errors.NotNullViolation):
        await connection.execute(log._APPEND, parameters, binary=True)
    (result,) = await log.append(connection, [attempt(new_id())])
    assert [event.position for event in result.events] == [2]


async def test_a_big_batch_does_linear_work(connection: AsyncConnection[Any]) -> None:
    """256 commands of 4 streams over a log that is not small: no sequential scan, and a descent or two for each stream."""

    async def index_reads() -> tuple[int, int]:
        await connection.execute("select pg_stat_force_next_flush()")
        cursor = await connection.execute(
            "select coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_scan), 0) from pg_stat_user_tables"
            " where relname = 'stored_events'"
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    async def work(batch: list[Attempt]) -> tuple[int, int]:
        before = await index_reads()
        results = await log.append(connection, batch)
        assert {Kind.APPENDED} == {result.kind for result in results}
        after = await index_reads()
        return after[0] - before[0], after[1] - before[1]

    feeds = [new_id() for _ in range(16)]
    for _ in range(4):
        await log.append(connection, [attempt(*(new_id() for _ in range(4)), feed_id=feeds[0]) for _ in range(256)])
    scanned_64, descents_64 = await work(
        [attempt(*(new_id() for _ in range(4)), feed_id=feeds[n % 16]) for n in range(64)]
    )
    scanned_256, descents_256 = await work(
        [attempt(*(new_id() for _ in range(4)), feed_id=feeds[n % 16]) for n in range(256)]
    )
    assert (scanned_64, scanned_256) == (0, 0)
    assert descents_64 >= 64 * 4
    assert descents_256 <= 4 * descents_64 + 64


async def test_recorded_times_never_go_back(connection: AsyncConnection[Any]) -> None:
    """Within the log every time is at or after the one before it, also where a clock was ahead once."""
    await connection.execute(
        "insert into stored_events values (gen_random_uuid(), 1, 'x', '', 1, null, null, gen_random_uuid(), null,"
        " clock_timestamp() + interval '1 hour')"
    )
    await log.append(connection, [attempt(new_id())])
    await connection.execute(
        "select sermo_insert(array[gen_random_uuid()], array[1::int8], array['x'], array[''::bytea])"
    )
    first, second, third = await log.read(connection, 0, 10)
    assert first.recorded_at <= second.recorded_at <= third.recorded_at


async def test_of_many_parallel_appends_to_one_stream_as_many_are_stored_as_accepted(database: str) -> None:
    """24 connections, one stream, eight rounds: each answer agrees with the log."""
    stream_id = new_id()
    connections = await asyncio.gather(*(log.connect(database) for _ in range(24)))
    accepted = 0
    try:
        for version in range(8):
            answers = await asyncio.gather(
                *(log.append(connection, [attempt(stream_id, version=version)]) for connection in connections)
            )
            kinds = [result.kind for (result,) in answers]
            assert kinds.count(Kind.APPENDED) == 1
            assert kinds.count(Kind.CONFLICT) == 23
            accepted += kinds.count(Kind.APPENDED)
        head, events = await log.read_streams(connections[0], [stream_id])
        assert (accepted, list(range(1, 9))) == (head, [event.version for event in events])
    finally:
        for connection in connections:
            await connection.close()
