"""The counts equal what one gets by reading the whole log with the definitions of docs/unread.md in hand."""

import random
from uuid import UUID

import pytest

from domain.channel_state import ChannelKind
from projections import timeline, unread_counts
from projections.counting import LIST_CAP, SCANNED_PER_COUNTED
from tests.support import cast
from tests.support.filled import views_of
from tests.support.history import History
from tests.support.naive import Naive
from tests.support.spec import World
from tests.support.views import apply


@pytest.mark.parametrize("seed", range(4))
async def test_counts_of_a_random_history_equal_the_naive_ones(database: str, seed: int) -> None:
    """Unread, mentions, markers, heads and last messages, for each person in each channel, in all three queries."""
    history = History(seed + 100).run(1_200)
    naive = Naive(history.log)
    counted = 0
    async with views_of(database, history.log) as connection:
        for user_id in history.users:
            mine = await unread_counts.my_channels(connection, user_id)
            assert mine.position == len(history.log)
            assert {row.channel.channel_id for row in mine.channels} == set(naive.channels_of(user_id))
            for row in mine.channels:
                channel_id = row.channel.channel_id
                assert row.read_seq == naive.markers[channel_id, user_id]
                assert row.unread_count == min(naive.unread_count(channel_id, user_id), LIST_CAP)
                assert row.mention_count == naive.mention_count(channel_id, user_id), (user_id, channel_id)
                assert row.level == naive.levels.get((channel_id, user_id), "all")
                assert row.head_seq == naive.heads[channel_id]
                last = row.last_message
                assert (last.message_id if last else None) == naive.last_message(channel_id)
                counted += row.mention_count
            counts = {c.channel_id: c for c in (await unread_counts.my_unread(connection, user_id)).channels}
            assert {
                row.channel.channel_id: (row.unread_count, row.unread_capped, row.mention_count)
                for row in mine.channels
            } == {c.channel_id: (c.unread_count, c.unread_capped, c.mention_count) for c in counts.values()}
            some = history.channels[::2]
            badges = await unread_counts.badges(connection, user_id, some)
            assert {b.channel_id: (b.unread_count, b.mention_count) for b in badges.channels} == {
                channel_id: (naive.unread_count(channel_id, user_id), naive.mention_count(channel_id, user_id))
                for channel_id in naive.channels_of(user_id)
                if channel_id in some
            }
    assert counted > 3, "the history has mentions that count"


@pytest.mark.parametrize("seed", range(2))
async def test_counts_hold_at_every_position_of_a_history(database: str, seed: int) -> None:
    """Not only at its end: marks, edits and deletions come between, and the counts are true after each stretch."""
    history = History(seed + 200).run(500)
    rng = random.Random(seed)
    async with views_of(database, history.log, applied=0) as connection:
        at = 0
        while at < len(history.log):
            size = rng.randint(10, 60)
            batch = history.log[at : at + size]

            await apply(connection, [batch])
            at += len(batch)
            naive = Naive(history.log[:at])
            for user_id in history.users:
                found = await unread_counts.badges(connection, user_id, history.channels)
                assert found.position == at
                assert {c.channel_id: (c.unread_count, c.mention_count) for c in found.channels} == {
                    channel_id: (naive.unread_count(channel_id, user_id), naive.mention_count(channel_id, user_id))
                    for channel_id in naive.channels_of(user_id)
                }


async def test_reply_counts_equal_the_naive_ones(database: str) -> None:
    """Every message of every random history: how many replies are left, and when the newest came."""
    history = History(300).run(1_500)
    naive = Naive(history.log)
    async with views_of(database, history.log) as connection:
        cursor = await connection.execute(
            "select message_id, reply_count, last_reply_at from timeline_v2.messages", binary=True
        )
        found = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}
    assert found == {message_id: naive.replies(message_id) for message_id in naive.messages}
    assert any(count > 2 for count, _ in found.values())


async def _capped(world: World, dsn: str, reader: UUID, channel_id: UUID, cap: int) -> tuple[int, bool, int]:
    async with views_of(dsn, world.log) as connection:
        (count,) = (await unread_counts.badges(connection, reader, [channel_id], cap)).channels
    return count.unread_count, count.unread_capped, count.mention_count


@pytest.mark.parametrize(
    ("posts", "expected"), [(4, (4, False, 4)), (5, (5, False, 5)), (6, (5, True, 5)), (40, (5, True, 5))]
)
async def test_count_stops_at_the_cap_and_says_so(database: str, posts: int, expected: tuple[int, bool, int]) -> None:
    """At the cap the count is exact; past it the cap stands for more."""
    world = cast.town()
    world.given(*(cast.post(cast.OWNER, n, "@channel hi") for n in range(posts)))
    assert await _capped(world, database, cast.MEMBER, cast.PUBLIC, 5) == expected


async def test_own_messages_are_passed_over_up_to_a_bound(database: str) -> None:
    """A long monologue of one's own does not make the count slow: it says that there may be more."""
    world = cast.town()
    world.given(*(cast.post(cast.MEMBER, n) for n in range(2 * SCANNED_PER_COUNTED)))
    world.given(cast.post(cast.OWNER, 9_000))
    assert await _capped(world, database, cast.MEMBER, cast.PUBLIC, 2) == (0, True, 0)


async def test_deleted_messages_are_not_counted_nor_shown_as_the_last(database: str) -> None:
    """A deleted root keeps its place and its replies; it is no longer unread and no longer the last message."""
    world = cast.town().given(
        cast.post(cast.OWNER, 1, "first"),
        cast.post(cast.OWNER, 2, "@mia second"),
        cast.post(cast.OWNER, 3, "reply", parent=2, also=True),
        cast.delete(cast.OWNER, 2),
        cast.delete(cast.OWNER, 3),
    )
    async with views_of(database, world.log) as connection:
        rows = (await unread_counts.my_channels(connection, cast.MEMBER)).channels
        (row,) = [row for row in rows if row.channel.channel_id == cast.PUBLIC]
        assert (row.unread_count, row.mention_count) == (1, 0)
        assert row.last_message is not None
        assert row.last_message.content == "first"
        root = await timeline.message(connection, cast.m(2), cast.MEMBER)
        assert root is not None
        assert (root.content, root.mentions, root.reply_count, root.last_reply_at) == ("", (), 0, None)
        assert root.deleted_at is not None


def test_random_histories_have_every_kind_of_channel() -> None:
    """Public, private and direct ones; of one history not each, as what it does changes with every new action."""
    histories = [History(seed).run(400) for seed in range(100, 104)]
    kinds = {getattr(h.states[channel_id], "kind", None) for h in histories for channel_id in h.channels}
    assert kinds == set(ChannelKind)
