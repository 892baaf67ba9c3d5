"""An event that cannot be applied is parked and its feed is held; all else goes on."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.decider import Recorded
from domain.ids import WORKSPACE_FEED
from domain.message import MessagePosted
from projections import memberships, people, timeline, unread_counts
from projections import rebuild as rebuilding
from projections.group import CORE, VIEWS
from projections.projection import Group, View, Write
from projections.rebuild import RebuildError
from sermo import log
from tests.support import cast
from tests.support.equality import rebuild, view_rows
from tests.support.history import History, store
from tests.support.spec import World
from tests.support.views import Running, core_of, running_group
from tests.support.wait import await_until


class Choking:
    """A view that cannot take messages that say "poison"."""

    name, version = timeline.name, timeline.version

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error or ValueError("poison")
        self.chokes = True
        self.choked = 0

    def tables(self, schema: str) -> str:
        """The timeline's."""
        return timeline.tables(schema)

    def fold(self, schema: str, batch: Sequence[Recorded]) -> list[Write]:
        """The timeline's, or the error."""
        if self.chokes and any(isinstance(r.event, MessagePosted) and r.event.content == "poison" for r in batch):
            self.choked += 1
            raise self.error
        return timeline.fold(schema, batch)


def _with(choking: View) -> Group:
    return core_of([choking if view.name == "timeline" else view for view in VIEWS])


def _poisoned() -> World:
    """Messages in both channels, the third in the public one is poison."""
    world = cast.town()
    for number in range(1, 9):
        world.given(cast.post(cast.OWNER, number, "poison" if number == 3 else "good"))
        world.given(cast.post(cast.OWNER, 100 + number, "good", cast.PRIVATE))
    return world


def _position(world: World, message_id: UUID) -> int:
    return next(r.position for r in world.log if r.stream_id == message_id)


async def _parked(connection: psycopg.AsyncConnection[Any]) -> list[int]:
    cursor = await connection.execute("select position from projections.parked_events order by 1")
    return [row[0] for row in await cursor.fetchall()]


async def test_a_poison_event_is_parked_its_feed_is_held_and_the_others_go_on(database: str) -> None:
    """The public channel stands still from the poison on; the private one has all its messages."""
    world = _poisoned()
    async with await log.connect(database) as connection, running_group(database, _with(Choking())) as runner:
        await store(connection, world.log)
        assert await runner.wait_for(len(world.log), 20)
        public = await timeline.page(connection, cast.PUBLIC, cast.OWNER)
        private = await timeline.page(connection, cast.PRIVATE, cast.OWNER)
        assert public is not None
        assert private is not None
        assert [row.message_id for row in public.messages] == [cast.m(1), cast.m(2)]
        assert len(private.messages) == 8
        assert await _parked(connection) == [_position(world, cast.m(number)) for number in range(3, 9)]
        assert runner.parked == 6
        assert {row.parked for row in await rebuilding.status(connection, (CORE,))} == {6}


async def test_whoever_loses_a_held_channel_loses_it_at_once(database: str) -> None:
    """Removed, left, or deleted behind a poison event: rights and follow intervals are the log's; so are those who join."""
    world = cast.town()
    for channel_id, at in ((cast.PUBLIC, 1), (cast.PRIVATE, 3)):
        world.given(cast.post(cast.OWNER, at, "good", channel_id), cast.post(cast.OWNER, at + 1, "poison", channel_id))
    world.given(
        cast.remove(cast.OWNER, cast.MEMBER, cast.PRIVATE),
        cast.leave(cast.ADMIN, cast.PRIVATE),
        cast.set_member(cast.OWNER, cast.GUEST, channel_id=cast.PRIVATE),
        cast.delete_channel(cast.OWNER, cast.PUBLIC),
    )
    async with await log.connect(database) as connection, running_group(database, _with(Choking())) as runner:
        await store(connection, world.log)
        assert await runner.wait_for(len(world.log), 20)
        assert runner.holds(cast.PRIVATE)
        assert await _parked(connection) == [_position(world, cast.m(2)), _position(world, cast.m(4))]
        for person, sees in ((cast.OWNER, True), (cast.GUEST, True), (cast.MEMBER, False), (cast.ADMIN, False)):
            assert (await timeline.message(connection, cast.m(3), person) is not None) == sees
            assert await timeline.message(connection, cast.m(1), person) is None
            mine = await unread_counts.my_channels(connection, person)
            assert [row.channel.channel_id for row in mine.channels] == ([cast.PRIVATE] if sees else [])
            assert (await memberships.role(connection, cast.PRIVATE, person) is not None) == sees
            followed, _ = await memberships.intervals(connection, person, 0)
            assert [row.channel_id for row in followed if row.left_position is None] == ([cast.PRIVATE] if sees else [])


async def test_what_is_deleted_in_a_held_channel_is_gone_and_so_are_the_rights_of_an_admin(database: str) -> None:
    """A deletion behind a poison event takes the content away; a demotion behind one, on everybody's feed, the rights."""
    world = cast.town().given(
        cast.post(cast.OWNER, 1, "secret"), cast.post(cast.OWNER, 2, "poison"), cast.delete(cast.OWNER, 1)
    )
    async with await log.connect(database) as connection, running_group(database, _with(Choking())) as runner:
        await await_until(lambda: runner.is_owner, 30)
        await store(connection, world.log)
        await connection.execute(
            "insert into projections.held_feeds (feed_id, since) values (%s, %s)", [WORKSPACE_FEED, len(world.log)]
        )
        assert await runner.wait_for(len(world.log), 20)
        assert runner.holds(cast.PUBLIC)
        found = await timeline.message(connection, cast.m(1), cast.MEMBER)
        assert found is not None
        assert (found.content, found.deleted_at is not None) == ("", True)
        before = len(world.log)
        world.given(
            cast.set_admin(None, cast.MEMBER),
            cast.set_admin(cast.MEMBER, cast.ROOT, is_admin=False),
            cast.deactivate(None, cast.OTHER),
        )
        await store(connection, world.log[before:])
        assert await runner.wait_for(len(world.log), 20)
        root, other = await people.user(connection, cast.ROOT), await people.user(connection, cast.OTHER)
        assert root is not None and other is not None
        assert (root.is_admin, other.deactivated_at is not None) == (False, True)


async def test_a_held_feed_stays_held_after_a_restart(database: str) -> None:
    """The next owner learns it from the database."""
    world = _poisoned()
    async with await log.connect(database) as connection:
        await store(connection, world.log)
        async with running_group(database, _with(Choking())) as first:
            assert await first.wait_for(len(world.log), 20)
        before = len(world.log)
        world.given(cast.post(cast.OWNER, 50), cast.post(cast.OWNER, 150, "good", cast.PRIVATE))
        await store(connection, world.log[before:])
        async with running_group(database) as second:
            assert await second.wait_for(len(world.log), 20)
            assert await timeline.message(connection, cast.m(50), cast.OWNER) is None
            assert await timeline.message(connection, cast.m(150), cast.OWNER) is not None
            assert second.parked == 7


async def test_a_rebuild_of_the_group_releases_what_is_held_under_the_running_owner(database: str) -> None:
    """Once the fault is repaired, all rows are as if nothing had been, and the owner that runs holds nothing any more."""
    world, choking = _poisoned(), Choking()
    async with await log.connect(database) as connection, running_group(database, _with(choking)) as runner:
        await store(connection, world.log)
        assert await runner.wait_for(len(world.log), 20)
        choking.chokes = False
        with pytest.raises(RebuildError, match="6 events are parked: rebuild `core`"):
            await rebuild(database, "timeline")
        await rebuild(database, "core")
        before = len(world.log)
        world.given(cast.post(cast.OWNER, 60))
        await store(connection, world.log[before:])
        assert await runner.wait_for(len(world.log), 20)
        assert await timeline.message(connection, cast.m(60), cast.OWNER) is not None
        assert await _parked(connection) == []
        assert runner.parked == 0
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


async def test_an_event_that_the_server_refuses_is_poison_too(database: str) -> None:
    """A row that breaks a table's constraint is found and parked like an error of the fold."""
    world = cast.town().given(cast.post(cast.OWNER, 1), cast.post(cast.OWNER, 2))
    async with await log.connect(database) as connection, running_group(database) as runner:
        await store(connection, world.log[:-1])
        assert await runner.wait_for(len(world.log) - 1, 20)
        await connection.execute("alter table timeline_v2.messages add check (seq < 5)", prepare=False)
        await store(connection, world.log[-1:])
        assert await runner.wait_for(len(world.log), 20)
        assert await _parked(connection) == [len(world.log)]


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("gone"), psycopg.errors.UndefinedTable("no table"), OSError("no network")]
)
async def test_a_fault_that_is_no_events_is_tried_until_it_is_over(database: str, error: Exception) -> None:
    """A lost connection or a missing table parks nothing: the runner waits, says so, and goes on when it is there again."""
    world, choking = _poisoned(), Choking(error)
    async with await log.connect(database) as connection, running_group(database, _with(choking)) as runner:
        await store(connection, world.log)
        await await_until(lambda: choking.choked > 1, what="it was tried again")
        assert not await runner.wait_for(len(world.log), 0.3)
        choking.chokes = False
        assert await runner.wait_for(len(world.log), 20)
        assert await _parked(connection) == []


async def test_a_killed_connection_is_made_again(database: str) -> None:
    """The runner comes back by itself, as owner, and goes on from the checkpoint."""
    events = History(50).run(200).log
    async with await log.connect(database) as connection, running_group(database) as runner:
        for at in range(0, len(events), 50):
            await store(connection, events[at : at + 50])
            assert await runner.wait_for(min(at + 50, len(events)), 20)
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                " and datname = current_database()"
            )
    live = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == live


async def test_a_wait_ends_at_its_time_and_costs_nothing_where_the_views_are_there(database: str) -> None:
    """`wait_for` tells whether the position was reached."""
    group = Running(database)
    assert await group.runner.wait_for(0, 0)
    assert not await group.runner.wait_for(1, 0)
    assert not await group.runner.wait_for(1, 0.01)
