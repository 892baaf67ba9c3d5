"""Read markers, follows by hand and levels: for members, on their own feed, and what changes nothing is no event."""

import pytest

from domain.errors import NotFound
from domain.reading import Level, LevelSet, MarkedRead, MarkedUnread, ThreadFollowed, ThreadUnfollowed
from tests.support.builders import AT
from tests.support.cast import GUEST, MEMBER, OWNER, PRIVATE, PUBLIC, follow, level, m, mark, post, town, unmark
from tests.support.spec import changed


def test_a_marker_moves_forward_only() -> None:
    """On the reader's own feed; a mark that moves nothing is no event."""
    world = town().given(post(MEMBER, 1))
    events = world.do(mark(MEMBER, 5))
    assert events == (MarkedRead(user_id=MEMBER, channel_id=PUBLIC, seq=5, at=AT),)
    assert world.feeds(events) == [MEMBER]
    assert world.do(mark(MEMBER, 5)) == world.do(mark(MEMBER, 3)) == ()
    assert world.names(mark(MEMBER, 6)) == ["reading.marked_read"]


def test_nobody_has_read_what_is_not_there() -> None:
    """Beyond the feed's head, and below zero."""
    world = town()
    assert world.refusal(mark(MEMBER, 11, head=10)) == world.refusal(mark(MEMBER, -1)) == "invalid"


def test_a_thread_has_a_marker_of_its_own() -> None:
    """By its root, never by a reply; the channel of the root decides who may."""
    world = town().given(post(MEMBER, 1), post(OWNER, 2, parent=1), post(OWNER, 3, channel_id=PRIVATE))
    (marked,) = world.do(mark(MEMBER, 5, thread=1))
    assert isinstance(marked, MarkedRead)
    assert (marked.channel_id, marked.parent_id) == (PUBLIC, m(1))
    assert world.do(mark(MEMBER, 4)), "the channel's marker is another"
    assert world.refusal(mark(MEMBER, 5, thread=2)) == world.refusal(mark(MEMBER, 5, thread=9)) == "not_found"
    assert world.refusal(mark(GUEST, 5, thread=3)) == "not_found"


def test_members_mark_and_it_is_said_what_is_marked() -> None:
    """Either a channel or a thread."""
    world = town()
    assert world.refusal(mark(GUEST, 1)) == "not_a_member"
    assert world.refusal(mark(GUEST, 1, PRIVATE)) == "not_found"
    assert world.refusal(mark(MEMBER, 1, None)) == "invalid"
    assert world.refusal(changed(mark(MEMBER, 1), parent_id=m(1))) == "invalid"


def test_a_mark_that_the_join_has_overtaken_moves_nothing() -> None:
    """Joining sets the marker of the channel and of its threads."""
    world = town().given(post(MEMBER, 1))
    assert world.do(changed(mark(MEMBER, 5), joined_seq=5)) == ()
    assert world.do(changed(mark(MEMBER, 5, thread=1), joined_seq=5)) == ()
    assert world.do(changed(mark(MEMBER, 6, thread=1), joined_seq=5))


def test_a_mark_with_its_threads_moves_them_where_the_page_was_read_already() -> None:
    """The page stays where it is; the threads follow once, and their own marks then move nothing up to there."""
    world = town().given(post(MEMBER, 1))
    world.given(mark(MEMBER, 5))
    (marked,) = world.do(changed(mark(MEMBER, 5), with_threads=True))
    assert isinstance(marked, MarkedRead)
    assert (marked.seq, marked.with_threads) == (5, True)
    assert world.do(changed(mark(MEMBER, 5), with_threads=True)) == ()
    assert world.do(changed(mark(MEMBER, 4), with_threads=True)) == ()
    assert world.do(mark(MEMBER, 5, thread=1)) == ()
    assert world.do(mark(MEMBER, 6, thread=1))


def test_marking_as_unread_sets_the_marker_before_the_message() -> None:
    """Back or forward; where it is there already, nothing."""
    world = town().given(mark(MEMBER, 5))
    events = world.do(unmark(MEMBER, 3))
    assert events == (MarkedUnread(user_id=MEMBER, channel_id=PUBLIC, seq=3, over_seq=0, at=AT),)
    assert world.feeds(events) == [MEMBER]
    assert world.do(unmark(MEMBER, 3)) == world.do(mark(MEMBER, 2)) == ()
    assert world.do(mark(MEMBER, 3)) and world.do(unmark(MEMBER, 9)), "forward too"
    assert world.do(mark(MEMBER, 8)) == ()
    assert world.refusal(unmark(MEMBER, 0)) == world.refusal(unmark(MEMBER, 11, head=10)) == "invalid"
    assert world.refusal(unmark(GUEST, 1)) == "not_a_member"
    assert world.refusal(unmark(GUEST, 1, PRIVATE)) == "not_found"
    assert world.refusal(unmark(MEMBER, 1, None)) == "invalid"


def test_a_marker_may_go_back_behind_the_join_until_one_joins_again() -> None:
    """A later join counts again, and what was marked before it moves nothing."""
    world = town()
    assert world.do(changed(unmark(MEMBER, 3), joined_seq=10))
    assert world.do(changed(mark(MEMBER, 4), joined_seq=10)), "the old join does not count any more"
    assert world.do(changed(mark(MEMBER, 19), joined_seq=20)) == ()
    assert world.do(changed(unmark(MEMBER, 21), joined_seq=20)) == (), "it is there already"
    assert world.do(changed(mark(MEMBER, 21), joined_seq=20))


def test_a_thread_is_marked_as_unread_apart_from_its_channel() -> None:
    """It goes back behind a mark of the channel with its threads, until there is a later one."""
    world = town().given(post(MEMBER, 1), post(OWNER, 2, parent=1), changed(mark(MEMBER, 9), with_threads=True))
    (marked,) = world.do(unmark(MEMBER, 5, thread=1))
    assert isinstance(marked, MarkedUnread)
    assert (marked.channel_id, marked.parent_id, marked.over_seq) == (PUBLIC, m(1), 9)
    assert world.do(unmark(MEMBER, 5, thread=1)) == ()
    assert world.do(mark(MEMBER, 6, thread=1))
    world.given(changed(mark(MEMBER, 12), with_threads=True))
    assert world.do(mark(MEMBER, 11, thread=1)) == ()
    assert world.do(unmark(MEMBER, 13, thread=1)), "where a thread is followed from, the domain cannot know"
    assert world.refusal(unmark(MEMBER, 5, thread=2)) == world.refusal(unmark(MEMBER, 5, thread=9)) == "not_found"


def test_a_mark_that_has_waited_loses_against_a_mark_as_unread() -> None:
    """It names the version of its stream that was seen when it was made."""
    world = town().given(mark(MEMBER, 5), unmark(MEMBER, 3))
    assert world.do(changed(mark(MEMBER, 8), seen_version=1)) == ()
    assert world.do(changed(mark(MEMBER, 8), seen_version=2))


def test_a_thread_is_followed_and_unfollowed_by_hand() -> None:
    """From the head on; by its root, never by a reply; the same choice again is no event."""
    world = town().given(post(MEMBER, 1), post(OWNER, 2, parent=1), post(OWNER, 3, channel_id=PRIVATE))
    events = world.do(follow(MEMBER, 1, head=7))
    assert events == (ThreadFollowed(user_id=MEMBER, channel_id=PUBLIC, parent_id=m(1), from_seq=7, at=AT),)
    assert world.feeds(events) == [MEMBER]
    assert world.do(follow(MEMBER, 1, head=9)) == ()
    assert world.do(follow(MEMBER, 1, followed=False)) == (
        ThreadUnfollowed(user_id=MEMBER, channel_id=PUBLIC, parent_id=m(1), at=AT),
    )
    assert world.do(follow(MEMBER, 1, followed=False)) == ()
    assert world.do(follow(OWNER, 1, followed=False)), "a choice even where nothing is followed: it stays"
    assert world.refusal(follow(MEMBER, 2)) == world.refusal(follow(MEMBER, 9)) == "not_found"
    assert (world.refusal(follow(GUEST, 1)), world.refusal(follow(GUEST, 3))) == ("not_a_member", "not_found")


def test_a_level_is_set_for_a_channel() -> None:
    """`all` is where one begins."""
    world = town()
    assert world.do(level(MEMBER, Level.ALL)) == ()
    events = world.do(level(MEMBER, Level.MUTED))
    assert events == (LevelSet(user_id=MEMBER, channel_id=PUBLIC, level=Level.MUTED, at=AT),)
    assert world.feeds(events) == [MEMBER]
    assert world.do(level(MEMBER, Level.MUTED)) == ()
    world.given(mark(MEMBER, 5), unmark(MEMBER, 2))
    assert world.do(level(MEMBER, Level.MUTED)) == (), "marks leave it as it is"
    assert world.names(level(MEMBER, Level.ALL)) == ["reading.level_set"]
    assert (world.refusal(level(GUEST, Level.ALL)), world.refusal(level(GUEST, Level.ALL, PRIVATE))) == (
        "not_a_member",
        "not_found",
    )


def test_who_may_not_see_a_thread_is_told_as_much_as_of_none() -> None:
    """Whatever is asked about it: the refusal does not name its channel."""
    world = town().given(post(MEMBER, 1, channel_id=PRIVATE))
    asked = (lambda n: mark(GUEST, 1, thread=n), lambda n: unmark(GUEST, 1, thread=n), lambda n: follow(GUEST, n))
    for command in asked:
        texts = set()
        for thread in (1, 9):
            with pytest.raises(NotFound) as refused:
                world.do(command(thread))
            texts.add((str(refused.value).replace(str(m(thread)), "it"), refused.value.field))
        assert len(texts) == 1
