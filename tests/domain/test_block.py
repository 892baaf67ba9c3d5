"""Blocks: between two people, until the one who blocks takes it back."""

from domain.ids import direct_id
from tests.support.cast import GUEST, MEMBER, NOBODY, OTHER, OWNER, ROOT, block, deactivate, direct, edit, post, town

DIRECT = direct_id(frozenset({MEMBER, OTHER}))


def test_a_block_stands_on_the_blockers_own_feed() -> None:
    """Nobody else hears of it; twice is once."""
    world = town()
    events = world.do(block(MEMBER, OTHER))
    assert world.feeds(events) == [MEMBER]
    assert world.do(block(MEMBER, OTHER)) == ()
    assert world.do(block(OTHER, MEMBER, blocked=False)) == (), "the other one cannot take it back"
    assert world.names(block(MEMBER, OTHER, blocked=False)) == ["user.unblocked"]


def test_when_the_block_is_taken_back_all_is_as_before() -> None:
    """Both write again."""
    world = town().given(direct(MEMBER, OTHER), post(OTHER, 1, channel_id=DIRECT), block(MEMBER, OTHER))
    assert world.refusal(post(OTHER, 2, channel_id=DIRECT)) == "forbidden"
    assert world.refusal(edit(OTHER, 1)) == "forbidden"
    world.given(block(MEMBER, OTHER, blocked=False), post(OTHER, 2, channel_id=DIRECT), edit(OTHER, 1))


def test_no_first_direct_channel_of_the_two_is_made_by_either() -> None:
    """Others may still make a group with both of them, in which both write."""
    world = town().given(block(MEMBER, OTHER))
    assert world.refusal(direct(MEMBER, OTHER)) == "forbidden"
    assert world.refusal(direct(OTHER, MEMBER)) == "forbidden"
    group = direct_id(frozenset({MEMBER, OTHER, GUEST}))
    world.given(direct(GUEST, MEMBER, OTHER), post(OTHER, 1, channel_id=group), post(MEMBER, 2, channel_id=group))


def test_who_can_be_blocked() -> None:
    """Anyone who is there, also who is deactivated; not oneself, nor nobody."""
    world = town().given(deactivate(ROOT, OTHER))
    assert world.names(block(OWNER, OTHER)) == ["user.blocked"]
    assert world.refusal(block(OWNER, OWNER)) == "invalid"
    assert world.refusal(block(OWNER, NOBODY)) == "not_found"
