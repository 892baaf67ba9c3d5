"""A deploy with another version of a view: the new program takes the group over, and no event is lost on the way."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from psycopg import AsyncConnection

from projections import memberships, unread_counts
from projections import rebuild as rebuilding
from projections.group import CORE, NotBuilt, Superseded, ensure_views
from projections.projection import Fenced, apply_batch, hand_over, lock_checkpoint, schema_of
from projections.rebuild import RebuildError
from sermo import log
from tests.support.equality import rebuild, view_rows
from tests.support.filled import from_scratch, views_of
from tests.support.history import History, store
from tests.support.views import SCHEMAS, checkpoint, newer, program, running_group
from tests.support.wait import await_until


async def _rows(connection: AsyncConnection[Any], table: str) -> list[Any]:
    cursor = await connection.execute(f"select t::text from {table} t order by 1")
    return await cursor.fetchall()


async def test_a_new_version_takes_over_under_load_and_lacks_no_event(database: str) -> None:
    """Two nodes of the old program and one of the new run while the log grows; the new one goes on from the switch."""
    events = History(70).run(1_500).log
    begun, group = 300, newer("people")
    async with await log.connect(database) as connection:
        await store(connection, events[:begun])
        with structlog.testing.capture_logs() as lines:
            async with running_group(database) as owner, running_group(database) as follower:
                assert await owner.wait_for(begun, 30)
                async with running_group(database, group) as successor:

                    async def write() -> None:
                        for at in range(begun, len(events), 20):
                            await store(connection, events[at : at + 20])
                            await asyncio.sleep(0.002)

                    writing = asyncio.create_task(write())
                    with program(group):
                        await rebuild(database, "people")
                    await writing
                    assert await successor.wait_for(len(events), 30)
                    olds = (owner, follower)
                    await await_until(lambda: not any(old.serves for old in olds), 30, what="the old ones know")
                    assert (successor.serves, successor.is_owner, successor.parked) == (True, True, 0)
                    assert all(old.position <= _stopped_at(lines) and not old.is_owner for old in olds)
                    # They have tried again and again meanwhile, and said it once each.
                    told = [line["event"] for line in lines if line["event"] != "views.fenced"]
                    assert sorted(told) == ["views.not_built", "views.superseded", "views.superseded"]
        assert await checkpoint(connection) == len(events)
        taken_over = await _rows(connection, "people_v3.people")
        shared = {table: rows for table, rows in view_rows(database).items() if not table.startswith("people")}
        right = await from_scratch(connection, database, events)
    assert taken_over == right.pop("people_v2.people")
    assert shared == right


def _stopped_at(lines: Sequence[Any]) -> int:
    texts = {line["error"] for line in lines if line["event"] == "views.superseded"}
    assert len(texts) == 1
    return int(texts.pop().split("moved on at ")[1].split(",")[0])


async def test_an_old_owner_that_has_nothing_to_do_gives_way(database: str) -> None:
    """No event has to come for it to learn that it owns no longer."""
    events = History(71).run(200).log
    group = newer("people")
    async with views_of(database, events), running_group(database) as old:
        await await_until(lambda: old.is_owner, 30)
        with program(group):
            await rebuild(database, "people")
        async with running_group(database, group) as successor:
            await await_until(lambda: successor.is_owner and not old.is_owner and not old.serves, 30)
            assert old.position == successor.position == len(events)


async def test_a_batch_that_waits_during_the_hand_over_is_not_applied(database: str) -> None:
    """It has seen the old set before it waited for the checkpoint's row; the row that it waits for is gone."""
    events = History(72).run(200).log
    async with views_of(database, events, applied=150) as connection, await log.connect(database) as other:
        before = view_rows(database)
        async with connection.transaction():
            await lock_checkpoint(connection, CORE)
            applying = asyncio.create_task(apply_batch(other, SCHEMAS, CORE, events[150:], 150))
            await await_until(lambda: _waits(database, other.info.backend_pid), 30, what="the batch waits for the row")
            await hand_over(connection, newer("people"))
        with pytest.raises(Fenced):
            await applying
        assert view_rows(database) == before
        assert await checkpoint(connection) == 150


async def _waits(dsn: str, pid: int) -> bool:
    async with await log.connect(dsn) as connection:
        cursor = await connection.execute("select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", [pid])
        return await cursor.fetchone() == (True,)


async def test_readers_of_the_old_version_get_the_position_at_which_they_stand(database: str) -> None:
    """A snapshot never tells a position that its rows have not reached; views that both programs have go on."""
    history = History(73).run(400)
    user_id = history.users[0]
    group = newer("timeline")
    async with views_of(database, history.log[:300]) as connection:
        with program(group):
            await rebuild(database, "timeline")
        await store(connection, history.log[300:])
        async with running_group(database, group) as successor:
            assert await successor.wait_for(len(history.log), 30)
        assert (await unread_counts.my_channels(connection, user_id)).position == 300
        assert (await unread_counts.my_unread(connection, user_id)).position == 300
        assert (await memberships.intervals(connection, user_id, 0))[1] == len(history.log)


async def test_going_back_to_the_old_program_takes_a_rebuild_by_it(database: str) -> None:
    """Its rows have stood still meanwhile: they are made anew, and then it is the other one that gives way."""
    events = History(74).run(400).log
    async with await log.connect(database) as connection, running_group(database) as old:
        await store(connection, events[:200])
        assert await old.wait_for(200, 30)
        with program(newer("people")):
            await rebuild(database, "people")
        async with running_group(database, newer("people")) as successor:
            await store(connection, events[200:300])
            assert await successor.wait_for(300, 30)
            with pytest.raises(Superseded, match="moved on at 200"):
                await rebuild(database, "timeline")
            await rebuild(database, "people")
            await store(connection, events[300:])
            assert await old.wait_for(len(events), 30)
            await await_until(lambda: not successor.serves, 30)
        live = view_rows(database)
        assert await from_scratch(connection, database, events) == live


async def test_several_new_versions_are_built_together(database: str) -> None:
    """One alone would hand the group over to a set whose other new version has no rows."""
    events = History(75).run(300).log
    group = newer("people", "timeline")
    async with views_of(database, events) as connection:
        with pytest.raises(NotBuilt, match=r"not built yet: people, timeline\. Run `sermo projections rebuild core`"):
            await ensure_views(connection, group)
        with program(group):
            with pytest.raises(NotBuilt, match="rebuild core"):
                await rebuild(database, "people")
            await rebuild(database, "core")
        assert await ensure_views(connection, group) == len(events)
        with pytest.raises(Superseded):
            await ensure_views(connection)


async def test_tables_that_no_group_moves_are_not_taken_for_built(database: str) -> None:
    """A rebuild that was killed between its last two steps has left them, with rows that stand still."""
    events = History(76).run(300).log
    group = newer("people")
    async with views_of(database, events[:200]) as connection:
        with program(group):
            await rebuild(database, "people")
        async with connection.transaction():
            await hand_over(connection, CORE)
            await connection.execute("delete from projections.core_group where stopped_at is not null")
        await store(connection, events[200:])
        async with running_group(database) as old:
            assert await old.wait_for(len(events), 30)
        with pytest.raises(NotBuilt, match="not built yet: people"):
            await ensure_views(connection, group)
        with program(group):
            await rebuild(database, "people")
        assert await _rows(connection, "people_v3.people") == await _rows(connection, "people_v2.people")
        assert await ensure_views(connection, group) == len(events)


async def test_a_group_without_a_record_is_not_taken_for_built(database: str) -> None:
    """A database of a Sermo before there was one: which versions its rows are of is not known, so all are built anew."""
    events = History(77).run(200).log
    async with views_of(database, events) as connection:
        right = view_rows(database)
        await connection.execute("drop table projections.core_group")
        with pytest.raises(NotBuilt, match=r"Run `sermo projections rebuild core`"):
            await ensure_views(connection)
        await rebuild(database, "core")
        assert await ensure_views(connection) == len(events)
    assert view_rows(database) == right


async def test_an_empty_group_is_anybodys(database: str) -> None:
    """Where nothing was applied yet, a program with other versions makes its tables and begins; the other is fenced."""
    events = History(78).run(200).log
    async with await log.connect(database) as connection:
        await ensure_views(connection)
        assert await ensure_views(connection, newer("people")) == 0
        await store(connection, events)
        with pytest.raises(Fenced):
            await apply_batch(connection, SCHEMAS, CORE, events, 0)
        async with running_group(database, newer("people")) as runner:
            assert await runner.wait_for(len(events), 30)
        with pytest.raises(Superseded):
            await ensure_views(connection)
        assert await _rows(connection, "people_v2.people") == []
        assert await _rows(connection, "people_v3.people")


async def test_a_switch_whose_group_has_changed_meanwhile_is_refused(database: str) -> None:
    """What it counted on to be there goes on no longer: it changes nothing."""
    events = History(79).run(200).log
    group = newer("people")
    async with views_of(database, events) as connection, await log.connect(database) as reading:
        changed = False

        async def read(after: int, limit: int) -> Any:
            nonlocal changed
            if not changed:
                async with connection.transaction():
                    await hand_over(connection, newer("channels", "people"))
                changed = True
            return await log.read(reading, after, limit)

        with program(group), pytest.raises(RebuildError, match="does not have channels_v2 any more"):
            await rebuilding.rebuild(lambda: log.connect(database), read, "people")
        cursor = await connection.execute("select from pg_namespace where nspname = %s", [schema_of(group.views[0])])
        assert await cursor.fetchone() is None
