"""The laws V1 to V5 of `projections/__init__.py`, over every view."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.decider import Recorded, Unknown
from projections.group import CORE, ensure_views
from projections.projection import Fenced, Group, Hole, View, Write, apply_batch, ensure_checkpoint, schema_of
from projections.search import search_group
from sermo import log
from tests.support.equality import rebuild, view_rows
from tests.support.history import History, store
from tests.support.views import SCHEMAS, apply, batches, checkpoint, running_group
from tests.support.wait import await_until

ALONE = "alone"
"""A checkpoint for one view by itself."""

GROUPS = (CORE, search_group())

every_view = pytest.mark.parametrize(
    ("group", "view"), [pytest.param(group, view, id=view.name) for group in GROUPS for view in group.views]
)
every_group = pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])


class Broken:
    """A view whose last statement fails after the others have written."""

    name, version = "broken", 1

    def tables(self, schema: str) -> str:
        """A table, so that there is a schema to find."""
        return f"create table {schema}.nothing ()"

    def fold(self, schema: str, batch: Sequence[Recorded]) -> list[Write]:
        """A statement that no server accepts."""
        return [("select 1 / %b::int4", [0])]


@every_view
async def test_a_batch_that_was_applied_is_refused_and_changes_nothing(database: str, group: Group, view: View) -> None:
    """V1: applying again is fenced by the checkpoint, so a batch counts once."""
    events = History(1).run(150).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events], group)
        before = view_rows(database, group)
        await ensure_checkpoint(connection, ALONE)
        await apply_batch(connection, [], ALONE, events, 0)
        with pytest.raises(Fenced):
            await apply_batch(connection, [(view, schema_of(view))], ALONE, events, 0)
        assert view_rows(database, group) == before
        assert await checkpoint(connection, ALONE) == len(events)


@every_view
async def test_rows_and_checkpoint_are_written_together_or_not_at_all(database: str, group: Group, view: View) -> None:
    """V1: where a statement fails, neither the rows of the statements before it nor the checkpoint are there."""
    events = History(2).run(150).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await ensure_views(connection, group)
        await ensure_checkpoint(connection, ALONE)
        before = view_rows(database, group)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await apply_batch(connection, [(view, schema_of(view)), (Broken(), "broken_v1")], ALONE, events, 0)
        assert view_rows(database, group) == before
        assert await checkpoint(connection, ALONE) == 0


async def test_a_batch_that_does_not_follow_on_the_checkpoint_is_refused(database: str) -> None:
    """V2: neither a later batch, nor one with a hole, nor an empty one, nor one out of order is applied."""
    events = History(3).run(60).log
    async with await log.connect(database) as connection:
        await ensure_views(connection)
        swapped = [events[1], events[0], *events[2:]]
        repeated = [events[0], events[2], events[2], *events[3:]]
        for batch in (events[1:], [*events[:5], *events[6:]], [], swapped, repeated):
            with pytest.raises(Hole):
                await apply_batch(connection, SCHEMAS, CORE, batch, 0)
        assert await checkpoint(connection) == 0


@every_group
@pytest.mark.parametrize("seed", range(6))
async def test_however_the_log_is_cut_the_rows_are_the_same(database: str, seed: int, group: Group) -> None:
    """V3: live in random batches equals one batch, and equals what a rebuild makes: every row of every view."""
    events = History(seed).run(700).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, batches(events, seed), group)
        live = view_rows(database, group)
        assert all(rows for rows in live.values()), "the history reaches every table"
        await rebuild(database, group.name)
        assert view_rows(database, group) == live
        await connection.execute(
            "update notification_tracking set notification_id = 0 where application_name = %s", [group.name]
        )
        for view in group.views:
            schema = schema_of(view)
            await connection.execute(f"drop schema {schema} cascade", prepare=False)
            await connection.execute(f"create schema {schema}", prepare=False)
            await connection.execute(view.tables(schema), prepare=False)
        await apply(connection, [events], group)
        assert view_rows(database, group) == live


@every_view
async def test_a_fold_asks_for_no_statement_where_nothing_concerns_it(group: Group, view: View) -> None:
    """A batch of ignored events costs a view nothing."""
    assert view.fold("s", [_ignored(place) for place in range(1, 4)]) == []


async def test_the_checkpoint_moves_over_events_that_no_view_knows(database: str) -> None:
    """V4: events of unknown types are passed over, alone and among others."""
    async with await log.connect(database) as connection:
        await apply(connection, [[_ignored(1)], [_ignored(2), _ignored(3)]])
        assert await checkpoint(connection) == 3
    assert not any(view_rows(database).values())


async def test_of_two_owners_one_writes_and_the_other_is_fenced(database: str) -> None:
    """V5: two who apply the same batch at once write it once."""
    events = History(4).run(300).log
    async with await log.connect(database) as one, await log.connect(database) as other:
        await store(one, events)
        await ensure_views(one)
        for batch in batches(events, seed=4):
            outcomes = await asyncio.gather(
                *(apply_batch(c, SCHEMAS, CORE, batch, batch[0].position - 1) for c in (one, other)),
                return_exceptions=True,
            )
            assert sorted(map(repr, map(type, outcomes))) == sorted(map(repr, (type(None), Fenced)))
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


async def test_of_two_runners_one_owns_and_the_other_takes_over(database: str) -> None:
    """V5: a second runner follows the checkpoint, and goes on where the first one ended."""
    events = History(5).run(300).log
    async with await log.connect(database) as connection:
        await store(connection, events[:100])
        async with running_group(database) as second:
            async with running_group(database) as first:
                await await_until(lambda: first.is_owner or second.is_owner)
                assert await first.wait_for(100, 10)
                assert await second.wait_for(100, 10)
                assert first.is_owner != second.is_owner
                await store(connection, events[100:200])
                assert await first.wait_for(200, 10)
                assert await second.wait_for(200, 10)
            await store(connection, events[200:])
            assert await second.wait_for(len(events), 10)
            assert second.is_owner
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


def _ignored(position: int, feed_id: UUID | None = None) -> Recorded:
    event: Any = Unknown("weather.changed.1")
    return Recorded(position, UUID(int=position), 1, event, feed_id, None, History(0).now)
