"""Read markers: only forward, never beyond what is there, for members."""

from domain.reading import MarkedRead
from tests.support.builders import AT
from tests.support.cast import GUEST, MEMBER, OWNER, PRIVATE, PUBLIC, m, mark, post, town
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
