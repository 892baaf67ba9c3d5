"""What a person may see, in each query; and pages that visit every row once."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from domain.decider import Recorded
from projections import attachments, channels, memberships, threads, timeline, unread_counts
from projections.timeline import Page
from tests.support import cast
from tests.support.filled import views_of
from tests.support.history import store
from tests.support.views import apply


async def _seen(connection: AsyncConnection[Any], person: UUID, channel_id: UUID, message_id: UUID) -> dict[str, bool]:
    """In which queries the channel shows itself to the person."""
    everything, _ = await channels.directory(connection, person, "", after=None, limit=100)
    mine = await unread_counts.my_channels(connection, person)
    counts = await unread_counts.my_unread(connection, person)
    badges = await unread_counts.badges(connection, person, [channel_id])
    return {
        "channel": await channels.channel(connection, channel_id, person) is not None,
        "directory": channel_id in [row.channel_id for row in everything],
        "members": await memberships.members(connection, channel_id, person, after=None, limit=5) is not None,
        "page": await timeline.page(connection, channel_id, person) is not None,
        "message": await timeline.message(connection, message_id, person) is not None,
        "attachment": await attachments.attachment(connection, cast.file_id(1), person) is not None,
        "replies": await threads.replies(connection, message_id, person) is not None,
        "my_channels": channel_id in [row.channel.channel_id for row in mine.channels],
        "my_unread": channel_id in [row.channel_id for row in counts.channels],
        "badges": channel_id in [row.channel_id for row in badges.channels],
    }


ONLY_MEMBERS = ("my_channels", "my_unread", "badges")


async def test_private_channel_shows_itself_in_no_query_to_others(database: str) -> None:
    """Not to those outside, not to an administrator of the server, not after a removal or a leave; again after a rejoin."""
    world = cast.town().given(
        cast.upload(cast.OWNER, 1, cast.PRIVATE),
        cast.post(cast.OWNER, 1, "@gus hello", channel_id=cast.PRIVATE, files=[1]),
        cast.post(cast.MEMBER, 2, "a reply", channel_id=cast.PRIVATE, parent=1),
    )
    async with views_of(database, world.log) as connection:

        async def seen(person: UUID) -> set[bool]:
            return set((await _seen(connection, person, cast.PRIVATE, cast.m(1))).values())

        async def then(*commands: Any) -> None:
            at = len(world.log)
            world.given(*commands)
            await store(connection, world.log[at:])
            await apply(connection, [world.log[at:]])

        assert await seen(cast.OWNER) == await seen(cast.MEMBER) == {True}
        assert await seen(cast.GUEST) == await seen(cast.ROOT) == await seen(cast.NOBODY) == {False}
        await then(cast.remove(cast.OWNER, cast.MEMBER, cast.PRIVATE), cast.leave(cast.ADMIN, cast.PRIVATE))
        assert await seen(cast.MEMBER) == await seen(cast.ADMIN) == {False}
        await then(cast.set_member(cast.OWNER, cast.MEMBER, channel_id=cast.PRIVATE))
        assert await seen(cast.MEMBER) == {True}
        await then(cast.delete_channel(cast.OWNER, cast.PRIVATE))
        assert await seen(cast.OWNER) == await seen(cast.MEMBER) == {False}


async def test_direct_channel_is_for_its_people_only(database: str) -> None:
    """Everybody else sees nothing of it."""
    command = cast.direct(cast.GUEST, cast.OTHER)
    channel_id = command.channel_id
    world = cast.town().given(
        command,
        cast.upload(cast.GUEST, 1, channel_id),
        cast.post(cast.GUEST, 1, "psst", channel_id=channel_id, files=[1]),
    )
    async with views_of(database, world.log) as connection:
        for person in (cast.GUEST, cast.OTHER):
            assert set((await _seen(connection, person, channel_id, cast.m(1))).values()) == {True}
        for person in (cast.OWNER, cast.ROOT, cast.NOBODY):
            assert set((await _seen(connection, person, channel_id, cast.m(1))).values()) == {False}


async def test_public_channel_shows_itself_to_everybody_but_counts_for_its_members(database: str) -> None:
    """To read needs no membership; what is unread does. A deleted one is gone for all."""
    world = cast.town().given(cast.upload(cast.OWNER, 1), cast.post(cast.OWNER, 1, files=[1]))
    async with views_of(database, world.log) as connection:
        found = await _seen(connection, cast.GUEST, cast.PUBLIC, cast.m(1))
        assert found == {query: query not in ONLY_MEMBERS for query in found}
        assert set((await _seen(connection, cast.MEMBER, cast.PUBLIC, cast.m(1))).values()) == {True}
        at = len(world.log)
        world.given(cast.delete_channel(cast.OWNER))
        await apply(connection, [world.log[at:]])
        for person in (cast.OWNER, cast.GUEST):
            assert set((await _seen(connection, person, cast.PUBLIC, cast.m(1))).values()) == {False}


async def test_a_file_without_a_message_is_its_uploaders_alone(database: str) -> None:
    """In a public channel too; not once its message is deleted, nor once it was collected."""
    world = cast.town().given(cast.upload(cast.MEMBER, 1), cast.upload(cast.MEMBER, 2))
    async with views_of(database, world.log) as connection:

        async def seen_by(number: int) -> set[UUID]:
            people = (cast.OWNER, cast.MEMBER, cast.GUEST, cast.ROOT, cast.NOBODY)
            rows = {p: await attachments.attachment(connection, cast.file_id(number), p) for p in people}
            return {person for person, row in rows.items() if row is not None}

        async def then(*commands: Any) -> None:
            at = len(world.log)
            world.given(*commands)
            await apply(connection, [world.log[at:]])

        assert await seen_by(1) == await seen_by(2) == {cast.MEMBER}
        await then(cast.collect(2))
        assert await seen_by(2) == set()
        await then(cast.post(cast.MEMBER, 1, files=[1]))
        assert await seen_by(1) == {cast.OWNER, cast.MEMBER, cast.GUEST, cast.ROOT, cast.NOBODY}
        await then(cast.delete(cast.MEMBER, 1))
        assert await seen_by(1) == set()


async def test_badges_and_intervals_tell_nothing_of_other_peoples_channels(database: str) -> None:
    """Asking for a channel by id is not enough."""
    world = cast.town().given(cast.leave(cast.ADMIN, cast.PRIVATE))
    async with views_of(database, world.log) as connection:
        counts = await unread_counts.badges(connection, cast.GUEST, [cast.PUBLIC, cast.PRIVATE])
        assert (counts.channels, counts.position) == ([], len(world.log))
        assert await memberships.intervals(connection, cast.GUEST, 0) == ([], len(world.log))
        rows, _ = await memberships.intervals(connection, cast.ADMIN, 0)
        left = {row.channel_id: row.left_position for row in rows}
        assert left == {cast.PUBLIC: None, cast.PRIVATE: len(world.log)}
        rows, _ = await memberships.intervals(connection, cast.ADMIN, len(world.log))
        assert [row.channel_id for row in rows] == [cast.PUBLIC]


Read = Callable[..., Awaitable[Page | None]]


def _busy() -> tuple[list[Recorded], list[UUID], list[UUID]]:
    """A log, the ids of a page in order, and those of a thread."""
    world = cast.town()
    page, replies = [], []
    for n in range(1, 60):
        is_reply, also = n > 1 and n % 3 == 0, n % 2 == 0
        world.given(cast.post(cast.OWNER, n, parent=1 if is_reply else None, also=also))
        if is_reply:
            replies.append(cast.m(n))
        if not is_reply or also:
            page.append(cast.m(n))
    world.given(cast.delete(cast.OWNER, 1), cast.delete(cast.OWNER, 6))
    return world.log, page, replies


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("what", ["page", "thread"])
async def test_paging_visits_each_message_once_in_order(database: str, what: str, limit: int) -> None:
    """Backwards from the newest, forwards from the beginning; deleted ones keep their place; the flags tell the ends."""
    events, page_ids, reply_ids = _busy()
    async with views_of(database, events) as connection:
        read: Read = timeline.page if what == "page" else threads.replies
        target, ids = (cast.PUBLIC, page_ids) if what == "page" else (cast.m(1), reply_ids)

        async def part(**where: int) -> Page:
            found = await read(connection, target, cast.MEMBER, limit=limit, **where)
            assert found is not None
            assert found.position == len(events)
            assert len(found.messages) <= limit
            return found

        backwards: list[UUID] = []
        found = await part()
        assert not found.has_more_after
        while True:
            backwards = [row.message_id for row in found.messages] + backwards
            assert found.has_more_before == (len(backwards) < len(ids))
            if not found.has_more_before:
                break
            found = await part(before=found.messages[0].seq)
            assert found.has_more_after
        assert backwards == ids

        forwards: list[UUID] = []
        found = await part(after=0)
        assert not found.has_more_before
        while True:
            forwards += [row.message_id for row in found.messages]
            assert found.has_more_after == (len(forwards) < len(ids))
            if not found.has_more_after:
                break
            found = await part(after=found.messages[-1].seq)
            assert found.has_more_before
        assert forwards == ids


@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_page_around_a_message_holds_it_and_tells_what_lies_beyond(database: str, limit: int) -> None:
    """For every message of the page: its neighbours on both sides, in order, and true flags."""
    events, ids, _ = _busy()
    async with views_of(database, events) as connection:
        whole = await timeline.page(connection, cast.PUBLIC, cast.MEMBER, limit=500)
        assert whole is not None
        seqs = [row.seq for row in whole.messages]
        assert [row.message_id for row in whole.messages] == ids
        for place, seq in enumerate(seqs):
            found = await timeline.page(connection, cast.PUBLIC, cast.MEMBER, around=seq, limit=limit)
            assert found is not None
            first, last = max(place - limit // 2, 0), min(place + limit - limit // 2, len(seqs))
            assert [row.seq for row in found.messages] == seqs[first:last]
            assert (found.has_more_before, found.has_more_after) == (first > 0, last < len(seqs))


async def test_directory_and_members_are_paged_in_order_without_a_gap(database: str) -> None:
    """Each page begins where the last one ended; names compare folded."""
    world = cast.town()
    names = ["Zoo", "ähre", "Äpfel", "alpha", "beta", "ÄHRE-2", "gamma"]
    for number, name in enumerate(names):
        command = cast.CreateChannel(
            channel_id=cast.v7(0x200 + number),
            kind=cast.ChannelKind.PUBLIC,
            name=name,
            topic="",
            created_by=cast.GUEST,
            at=cast.AT,
        )
        world.given(command)
    world.given(*(cast.join(person) for person in (cast.GUEST, cast.ROOT, cast.OTHER)))
    async with views_of(database, world.log) as connection:
        listed: list[str] = []
        after = None
        while True:
            rows, after = await channels.directory(connection, cast.OTHER, "", after=after, limit=2)
            listed += [row.name for row in rows]
            if after is None:
                break
        assert sorted(listed) == sorted([*names, "town"])
        assert len(set(listed)) == len(listed)
        rows, _ = await channels.directory(connection, cast.OTHER, "ÄH", after=None, limit=9)
        assert {row.name for row in rows} == {"ähre", "ÄHRE-2"}
        people: list[UUID] = []
        cursor = None
        while True:
            found = await memberships.members(connection, cast.PUBLIC, cast.OTHER, after=cursor, limit=2)
            assert found is not None
            people += [row.user_id for row in found[0]]
            cursor = found[1]
            if cursor is None:
                break
        assert people == sorted(people)
        assert set(people) == set(cast.NAMES)
        channel = await channels.channel(connection, cast.PUBLIC, cast.OTHER)
        assert channel is not None
        assert channel.member_count == len(people)
