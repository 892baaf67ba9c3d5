"""Events that PostgreSQL refuses or nobody can read: parked with its error, held feeds, repaired in the log, and rebuilt."""

from typing import Any

import pytest
from msgspec.structs import replace
from psycopg import AsyncConnection

from domain import catalog
from domain.decider import Recorded
from domain.message import MessagePosted
from projections.group import CORE
from projections.rebuild import RebuildError, status
from sermo import log
from tests.support import cast
from tests.support.equality import rebuild, view_rows
from tests.support.filled import from_scratch
from tests.support.history import store
from tests.support.spec import World
from tests.support.views import checkpoint, running_group

KINDS = {
    "a zero byte in a text": "0x00",
    "a seq that is taken": "UniqueViolation",
    "bytes that cannot be read": "is damaged: Input data was truncated",
}
"""What is wrong with the event, and what the error says."""


def _world() -> World:
    """Each message once in the public and once in the private channel."""
    world = cast.town()
    for number in range(1, 11):
        world.given(cast.post(cast.OWNER, number), cast.post(cast.OWNER, 100 + number, channel_id=cast.PRIVATE))
    return world


def _spoil(events: list[Recorded], kind: str) -> tuple[list[Recorded], Recorded]:
    """The log with a message that the database refuses, and how that event should have been."""
    at = next(place for place, e in enumerate(events) if e.stream_id == cast.m(5))
    right = events[at]
    assert isinstance(right.event, MessagePosted)
    assert right.seq is not None
    if kind == "a seq that is taken":
        wrong = _with(right, right.event, right.seq - 1)
    elif kind == "bytes that cannot be read":
        wrong = right
    else:
        wrong = _with(right, replace(right.event, content="zero \0 byte"), right.seq)
    return [*events[:at], wrong, *events[at + 1 :]], right


def _with(r: Recorded, event: MessagePosted, seq: int) -> Recorded:
    return Recorded(r.position, r.stream_id, r.version, event, r.feed_id, seq, r.recorded_at)


async def _repair(connection: AsyncConnection[Any], right: Recorded) -> None:
    """What an operator does with an event that should not have been written."""
    assert isinstance(right.event, MessagePosted)
    await _overwrite(connection, right, catalog.encode(right.event)[1])


async def _overwrite(connection: AsyncConnection[Any], right: Recorded, state: bytes) -> None:
    async with connection.transaction():
        await connection.execute("alter table stored_events disable trigger user")
        await connection.execute(
            "update stored_events set state = %s, feed_seq = %s where notification_id = %s",
            [state, right.seq, right.position],
        )
        await connection.execute("alter table stored_events enable trigger user")


async def _parked(connection: AsyncConnection[Any]) -> dict[int, str]:
    cursor = await connection.execute("select position, error from projections.parked_events")
    return dict(await cursor.fetchall())


@pytest.mark.parametrize("kind", KINDS)
async def test_event_is_parked_stops_a_rebuild_and_comes_back_after_a_repair(database: str, kind: str) -> None:
    """From the first refusal to rows as if nothing had been, under one runner that never stops."""
    world = _world()
    events, right = _spoil(world.log, kind)
    feed = [e.position for e in events if e.feed_id == cast.PUBLIC and e.position >= right.position]
    async with await log.connect(database) as connection:
        await store(connection, events)
        if kind == "bytes that cannot be read":
            await _overwrite(connection, right, b'{"channel_id":')
        async with running_group(database) as runner:
            assert await runner.wait_for(len(events), 20)
            parked = await _parked(connection)
            assert sorted(parked) == feed
            assert KINDS[kind] in parked[right.position]
            assert {parked[position] for position in feed[1:]} == {"its feed is held"}
            assert await checkpoint(connection) == len(events)
            assert {(row.lag, row.parked) for row in await status(connection, (CORE,))} == {(0, len(feed))}

            before = view_rows(database)
            with pytest.raises(RebuildError, match=r"cannot apply an event of positions"):
                await rebuild(database, "all")
            assert view_rows(database) == before
            assert await _parked(connection) == parked

            await _repair(connection, right)
            await rebuild(database, "all")
            assert await _parked(connection) == {}
            world.given(cast.post(cast.OWNER, 50), cast.edit(cast.OWNER, 3))
            await store(connection, world.log[len(events) :])
            assert await runner.wait_for(len(world.log), 20)
            assert runner.parked == 0
        live = view_rows(database)
        assert await from_scratch(connection, database, world.log) == live
