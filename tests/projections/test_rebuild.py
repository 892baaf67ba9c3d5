"""A rebuild builds beside what serves, and takes its place in one step."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from projections import rebuild as rebuilding
from projections import timeline, unread_counts
from projections.group import CORE, VIEWS, NotBuilt, ensure_views
from projections.projection import schema_of
from projections.rebuild import RebuildError
from sermo import log
from tests.support import cast
from tests.support.equality import rebuild, view_rows
from tests.support.history import History, store
from tests.support.views import apply, checkpoint, newer, program, running_group

every_name = pytest.mark.parametrize("name", [*(view.name for view in VIEWS), "core", "search", "all"])


class Interrupted(Exception):
    """Somebody pressed ^C."""


async def _rebuild_until(dsn: str, name: str, events: int) -> None:
    """A rebuild that is interrupted once it has read so many events."""
    async with await log.connect(dsn) as reading:

        async def read(after: int, limit: int) -> Sequence[Recorded]:
            if after >= events:
                raise Interrupted
            return await log.read(reading, after, min(limit, events - after))

        with pytest.raises(Interrupted):
            await rebuilding.rebuild(lambda: log.connect(dsn), read, name)


async def _generations(connection: Any) -> set[str]:
    cursor = await connection.execute("select nspname from pg_namespace where nspname like '%\\_v%'")
    return {row[0] for row in await cursor.fetchall()}


@every_name
async def test_a_rebuild_makes_the_same_rows_and_leaves_nothing_behind(database: str, name: str) -> None:
    """One view or all: the rows are those that were there, and no building schema or checkpoint stays."""
    events = History(40).run(400).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        for group in rebuilding.GROUPS:
            await apply(connection, [events], group)
        before = [view_rows(database, group) for group in rebuilding.GROUPS]
        await rebuild(database, name)
        assert [view_rows(database, group) for group in rebuilding.GROUPS] == before
        assert await _generations(connection) == {
            schema_of(view) for group in rebuilding.GROUPS for view in group.views
        }
        cursor = await connection.execute("select application_name from notification_tracking")
        assert {row[0] for row in await cursor.fetchall()} == {"__migration__", "core", "search"}


async def test_a_rebuild_repairs_what_was_damaged(database: str) -> None:
    """The new generation comes from the log alone."""
    events = History(41).run(400).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events])
        good = view_rows(database)
        await connection.execute("update timeline_v2.messages set content = 'damaged'")
        await connection.execute("delete from memberships_v2.memberships")
        await rebuild(database)
    assert view_rows(database) == good


async def test_a_rebuild_stops_at_the_serving_checkpoint_not_at_the_logs_head(database: str) -> None:
    """Where the group lags behind the log, the new generation does not run ahead of it."""
    events = History(42).run(500).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events[:200]])
        before = view_rows(database)
        await rebuild(database, "timeline")
        assert view_rows(database) == before
        await apply(connection, [events[200:]])
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


def _who_stays(events: Sequence[Recorded], begun: int) -> UUID:
    """Somebody who is in a channel after the first `begun` events, and in the same one all the time from then on."""
    inside: set[tuple[UUID, UUID]] = set()
    for recorded in events:
        match recorded.event:
            case MemberJoined() as e if recorded.position <= begun:
                inside.add((e.channel_id, e.user_id))
            case MemberLeft() | MemberRemoved() as e:
                inside.discard((e.channel_id, e.user_id))
            case ChannelDeleted() as e:
                inside = {place for place in inside if place[0] != e.channel_id}
    return min(inside)[1]


@pytest.mark.parametrize("name", ["timeline", "core"])
async def test_a_rebuild_while_the_log_grows_makes_the_rows_of_the_log(database: str, name: str) -> None:
    """Writers, the runner and readers go on during it; nobody sees an error, an empty page, or time running backwards."""
    history = History(43).run(1_200)
    begun, done = 400, asyncio.Event()
    user_id = _who_stays(history.log, begun)
    async with await log.connect(database) as connection, await log.connect(database) as reader:
        await store(connection, history.log[:begun])
        async with running_group(database) as runner:
            assert await runner.wait_for(begun, 10)
            channel_ids = [
                row.channel.channel_id for row in (await unread_counts.my_channels(reader, user_id)).channels
            ]

            async def write() -> None:
                for at in range(begun, len(history.log), 20):
                    await store(connection, history.log[at : at + 20])
                    await asyncio.sleep(0)

            async def read() -> int:
                position = 0
                while not done.is_set():
                    mine = await unread_counts.my_channels(reader, user_id)
                    assert mine.position >= position
                    assert mine.channels
                    position = mine.position
                    await timeline.page(reader, channel_ids[0], user_id)
                return position

            reading, writing = asyncio.create_task(read()), asyncio.create_task(write())
            for _ in range(3):
                await rebuild(database, name)
            await writing
            assert await runner.wait_for(len(history.log), 10)
            done.set()
            assert await reading >= begun
            assert runner.parked == 0
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


async def test_an_interrupted_rebuild_goes_on_where_it_was(database: str) -> None:
    """The next call begins at the building checkpoint; what served goes on serving meanwhile."""
    events = History(44).run(500).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events])
        before = view_rows(database)
        await _rebuild_until(database, "timeline", 200)
        assert view_rows(database) == before
        by_name = {row.view: row for row in await rebuilding.status(connection, (CORE,))}
        assert by_name["timeline"].rebuilding == 200
        assert by_name["unread"].rebuilding is None

        seen: list[tuple[int, int]] = []
        async with await log.connect(database) as reading:
            await rebuilding.rebuild(
                lambda: log.connect(database),
                lambda after, limit: log.read(reading, after, limit),
                "timeline",
                lambda position, total: seen.append((position, total)),
            )
    assert seen[0] == (200, len(events))
    assert seen[-1] == (len(events), len(events))
    assert view_rows(database) == before


async def test_views_that_were_built_to_different_points_are_joined(database: str) -> None:
    """A rebuild of all goes on from what interrupted rebuilds of single views have left."""
    events = History(45).run(500).log
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events])
        before = view_rows(database)
        await _rebuild_until(database, "unread", 100)
        await _rebuild_until(database, "threads", 300)
        await rebuild(database, "all")
    assert view_rows(database) == before


async def test_an_unknown_name_is_refused_with_the_names_there_are(database: str) -> None:
    """A slip of the pen builds nothing."""
    with pytest.raises(RebuildError, match=r"no view 'timelin': choose one of people, .*, core, search or all"):
        await rebuild(database, "timelin")


async def test_of_two_rebuilds_at_once_the_second_is_refused(database: str) -> None:
    """They would build into the same schema."""
    async with await log.connect(database) as other:
        await other.execute("select pg_advisory_lock(%s)", [rebuilding.REBUILD_LOCK])
        with pytest.raises(RebuildError, match="another rebuild is under way"):
            await rebuild(database)


async def test_an_event_that_cannot_be_applied_stops_a_rebuild_and_nothing_changes(database: str) -> None:
    """It names the view and the positions; the old generation serves on."""
    world = cast.town().given(cast.post(cast.OWNER, 1), cast.post(cast.OWNER, 2))
    async with await log.connect(database) as connection, await log.connect(database) as reading:
        await store(connection, world.log)
        await apply(connection, [world.log])
        before = view_rows(database)

        async def read(after: int, limit: int) -> Sequence[Recorded]:
            events = await log.read(reading, after, limit)
            # The last message claims the place of the one before it.
            return [*events[:-1], msgspec.structs.replace(events[-1], seq=events[-2].seq)]

        with pytest.raises(RebuildError, match="the view timeline cannot apply an event of positions 1 to"):
            await rebuilding.rebuild(lambda: log.connect(database), read, "timeline")
        assert view_rows(database) == before
        assert await checkpoint(connection) == len(world.log)


async def test_a_new_version_of_a_view_is_refused_until_it_is_built(database: str) -> None:
    """Empty tables would pass for all there is; the rebuild makes them, and then the group runs."""
    history = History(46).run(300)
    events = history.log
    group = newer("people")
    async with await log.connect(database) as connection:
        await store(connection, events)
        await apply(connection, [events])
        with pytest.raises(NotBuilt, match="not built yet: people"):
            await ensure_views(connection, group)
        with program(group):
            await rebuild(database, "people")
        assert await ensure_views(connection, group) == len(events)
        cursor = await connection.execute(
            "select (select count(*) from people_v2.people), count(*) from people_v2.people"
        )
        assert await cursor.fetchone() == (len(history.users), len(history.users))
