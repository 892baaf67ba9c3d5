"""The list of one's threads: each once, in order of activity, with what is unread in it, as a naive reading of the log has it."""

import random
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from projections import followed_threads, unread_counts
from projections.counting import LIST_CAP
from projections.followed_threads import ThreadRow, ThreadsAfter
from tests.support import cast
from tests.support.cast import MEMBER, OWNER, follow, m, post, unmark
from tests.support.filled import views_of
from tests.support.history import History
from tests.support.naive import Naive, Thread
from tests.support.spec import changed
from tests.support.views import apply


async def all_threads(
    connection: AsyncConnection[Any], user_id: UUID, *, only_unread: bool = False, limit: int = 3
) -> list[ThreadRow]:
    """Page by page."""
    found: list[ThreadRow] = []
    after: ThreadsAfter | None = None
    while True:
        page = await followed_threads.my_threads(connection, user_id, after=after, only_unread=only_unread, limit=limit)
        assert len(page.threads) <= limit
        found += page.threads
        if page.further is None:
            return found
        assert len(page.threads) == limit, "a page that is not the last is full"
        after = page.further


def as_naive(row: ThreadRow) -> Thread:
    """The row in the naive form."""
    return Thread(row.root.message_id, row.place, row.read_seq, row.unread_count, row.mention_count)


async def check(connection: AsyncConnection[Any], naive: Naive, user_id: UUID) -> list[Thread]:
    """Compare the list, the unread ones, and the sum of all with the naive ones."""
    expected = naive.threads_of(user_id)
    assert expected == [as_naive(row) for row in await all_threads(connection, user_id)]
    unread = [thread for thread in expected if thread.unread_count]
    assert unread == [as_naive(row) for row in await all_threads(connection, user_id, only_unread=True)]
    counted = (await unread_counts.my_unread(connection, user_id)).threads
    assert counted.thread_count == len(unread)
    assert counted.unread_count == min(sum(thread.unread_count for thread in unread), LIST_CAP)
    return expected


@pytest.mark.parametrize("seed", range(3))
async def test_threads_of_a_random_history_equal_the_naive_ones(database: str, seed: int) -> None:
    """Places, markers, unread replies and mentions, for each person."""
    history = History(seed + 500).run(1_200)
    naive = Naive(history.log)
    found: list[Thread] = []
    async with views_of(database, history.log) as connection:
        for user_id in history.users:
            found += await check(connection, naive, user_id)
    assert len(found) > 30
    assert sum(thread.unread_count > 0 for thread in found) > 10
    assert sum(thread.mention_count > 0 for thread in found) > 3


async def test_threads_hold_at_every_position_of_a_history(database: str) -> None:
    """Not only at its end: the list is true after each stretch."""
    history = History(600).run(500)
    rng = random.Random(6)
    async with views_of(database, history.log, applied=0) as connection:
        at = 0
        while at < len(history.log):
            batch = history.log[at : at + rng.randint(10, 60)]
            await apply(connection, [batch])
            at += len(batch)
            naive = Naive(history.log[:at])
            for user_id in history.users:
                await check(connection, naive, user_id)


@pytest.mark.parametrize("seed", range(3))
async def test_paging_visits_each_thread_once_whatever_is_written_meanwhile(database: str, seed: int) -> None:
    """Between any two pages new replies, deletions, follows and marks come: what is followed throughout comes exactly once."""
    history, at = History(seed + 700).run(1_200), 600

    def followed(user_id: UUID) -> set[UUID]:
        return {thread.root_id for thread in Naive(history.log[:at]).threads_of(user_id)}

    user_id = max(history.users, key=lambda one: len(followed(one)))
    throughout = followed(user_id)
    found: list[UUID] = []
    after: ThreadsAfter | None = None
    async with views_of(database, history.log, applied=at) as connection:
        while True:
            page = await followed_threads.my_threads(connection, user_id, after=after, only_unread=False, limit=2)
            assert page.position == at
            found += [row.root.message_id for row in page.threads]
            if (after := page.further) is None:
                break
            if batch := history.log[at : at + 40]:
                await apply(connection, [batch])
                at += len(batch)
                throughout &= followed(user_id)
    assert len(found) == len(set(found)), "a thread came twice"
    assert throughout <= set(found), "a thread did not come"
    assert len(throughout) > 5


async def test_a_deleted_root_stays_as_long_as_it_has_replies(database: str) -> None:
    """With nothing in it; once its last reply is deleted too, there is no thread any more. Deleted replies do not count."""
    world = cast.town().given(
        post(OWNER, 1, "root"),
        post(MEMBER, 2, "mine", parent=1),
        post(OWNER, 3, "yours", parent=1),
        post(OWNER, 4, "too much", parent=1),
        cast.delete(OWNER, 4),
        cast.delete(OWNER, 1),
    )
    async with views_of(database, world.log) as connection:
        (thread,) = await all_threads(connection, MEMBER)
        assert (thread.root.content, thread.root.reply_count, thread.unread_count) == ("", 2, 1)
        world.given(cast.delete(OWNER, 3), cast.delete(MEMBER, 2))
        await apply(connection, [world.log[-2:]])
        assert await all_threads(connection, MEMBER) == []


async def test_a_thread_that_is_followed_before_its_first_reply_has_the_place_of_its_root(database: str) -> None:
    """What comes after the head at that moment counts."""
    world = cast.town().given(post(OWNER, 1), post(OWNER, 2))
    head = world.log[-1].seq or 0
    world.given(follow(MEMBER, 1, head=head), follow(MEMBER, 2, head=head), post(OWNER, 3, parent=1))
    async with views_of(database, world.log) as connection:
        threads = await all_threads(connection, MEMBER)
    assert [(row.root.message_id, row.unread_count, row.read_seq) for row in threads] == [
        (m(1), 1, head),
        (m(2), 0, head),
    ]


async def test_a_thread_marked_as_unread_lies_behind_the_join_until_one_joins_again(database: str) -> None:
    """It goes back behind what the join had set, and behind the start of following it; the next join counts again."""
    world = cast.town().given(post(OWNER, 1), post(OWNER, 2, parent=1), post(OWNER, 3, parent=1), cast.join(cast.GUEST))
    joined = world.log[-1].seq or 0
    world.given(follow(cast.GUEST, 1, head=joined), changed(unmark(cast.GUEST, 1, thread=1), joined_seq=joined))
    async with views_of(database, world.log) as connection:
        (thread,) = await all_threads(connection, cast.GUEST)
        assert (thread.read_seq, thread.unread_count) == (0, 2)
        world.given(cast.leave(cast.GUEST), cast.join(cast.GUEST))
        await apply(connection, [world.log[-2:]])
        (thread,) = await all_threads(connection, cast.GUEST)
        assert (thread.read_seq, thread.unread_count) == (world.log[-1].seq, 0)


@pytest.mark.parametrize(("threads", "replies", "expected"), [(3, 2, (3, 6, False)), (101, 1, (100, 100, True))])
async def test_the_sum_over_all_threads_stops_at_the_cap(
    database: str, threads: int, replies: int, expected: tuple[int, int, bool]
) -> None:
    """And says so."""
    world = cast.town()
    for n in range(threads):
        world.given(post(OWNER, 100 * n), post(MEMBER, 100 * n + 1, parent=100 * n))
        world.given(*(post(OWNER, 100 * n + 2 + place, parent=100 * n) for place in range(replies)))
    async with views_of(database, world.log) as connection:
        counted = (await unread_counts.my_unread(connection, MEMBER)).threads
    assert (counted.thread_count, counted.unread_count, counted.unread_capped) == expected
