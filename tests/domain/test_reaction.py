"""Reactions: added and taken back by members, once each, up to limits; and nothing is told to who may not know."""

import pytest

from domain.decider import Loaded
from domain.ids import reaction_id
from domain.reaction import MESSAGE_EMOJI_MAX, PERSON_EMOJI_MAX, ReactionAdded, ReactionRemoved, ReactionState
from tests.support.builders import AT
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    NOBODY,
    OWNER,
    PRIVATE,
    PUBLIC,
    archive,
    delete,
    delete_channel,
    edit,
    leave,
    m,
    post,
    react,
    town,
    unreact,
)
from tests.support.spec import changed

FAMILY = "👩🏽\u200d❤️\u200d💋\u200d👨🏿"


def test_a_member_reacts_and_takes_it_back() -> None:
    """One event each, in a stream of the person's own, on the channel's feed."""
    world = town().given(post(MEMBER, 1))
    added = world.do(react(ADMIN, 1, FAMILY))
    said = {"channel_id": PUBLIC, "message_id": m(1), "user_id": ADMIN, "emoji": FAMILY, "at": AT}
    assert added == (ReactionAdded(**said),)  # type: ignore[arg-type]
    assert world.feeds(added) == [PUBLIC]
    assert world.log[-1].stream_id == reaction_id(m(1), ADMIN)
    removed = world.do(unreact(ADMIN, 1, FAMILY))
    assert removed == (ReactionRemoved(**said),)  # type: ignore[arg-type]
    assert world.feeds(removed) == [PUBLIC]


def test_the_same_again_is_nothing() -> None:
    """An emoji is there once for each person, and what is not there cannot be taken back; others are others."""
    world = town().given(post(MEMBER, 1), react(MEMBER, 1), react(MEMBER, 1, "🎉"), react(OWNER, 1))
    assert world.do(react(MEMBER, 1)) == ()
    assert world.do(unreact(ADMIN, 1)) == ()
    world.given(unreact(MEMBER, 1))
    assert world.do(unreact(MEMBER, 1)) == ()
    assert world.states[reaction_id(m(1), MEMBER)] == ReactionState(emoji=frozenset({"🎉"}))
    assert world.do(react(MEMBER, 1)), "and again after it was taken back"


def test_reactions_of_different_people_rely_on_nothing_that_the_others_write() -> None:
    """So a hundred at once are appended without a conflict."""
    world = town().given(post(MEMBER, 1))
    commands = [react(who, 1) for who in (OWNER, ADMIN, MEMBER)]
    written = {world.log[-1].stream_id for command in commands if world.do(command)}
    assert len(written) == len(commands)
    for command in commands:
        others = written - {reaction_id(m(1), command.user_id)}
        needs = command.needs(Loaded(world.states))
        assert not others.intersection((*needs.relied, *needs.facts))


def test_one_person_has_at_most_twenty_different_emoji_on_a_message() -> None:
    """Exactly; on another message anew, and one taken back makes room."""
    world = town().given(post(MEMBER, 1), post(MEMBER, 2))
    world.given(*(react(MEMBER, 1, f"e{n}") for n in range(PERSON_EMOJI_MAX)))
    assert world.refusal(react(MEMBER, 1, "more")) == "limit_reached"
    assert world.do(react(MEMBER, 1, "e0")) == (), "what is there already is no more"
    assert world.do(react(OWNER, 1, "more"))
    assert world.do(react(MEMBER, 2, "more"))
    world.given(unreact(MEMBER, 1, "e0"))
    assert world.do(react(MEMBER, 1, "more"))


def test_a_message_has_at_most_fifty_different_emoji() -> None:
    """As far as the view knows; one that is there already may be joined."""
    world = town().given(post(MEMBER, 1))
    full = frozenset(f"e{n}" for n in range(MESSAGE_EMOJI_MAX))
    assert world.refusal(react(MEMBER, 1, "more", on_message=full)) == "limit_reached"
    assert world.do(react(MEMBER, 1, "e7", on_message=full))
    assert world.do(react(MEMBER, 1, "more", on_message=full - {"e9"}))


@pytest.mark.parametrize(
    "emoji",
    ["", " ", "a b", "a\u00a0b", "a\u2028", "a\tb", "\x7f", "a\x85", "a/b", "a\ufffd", "\x00", "\ud800", "e" * 33],
    ids=ascii,
)
def test_an_emoji_without_form_is_invalid(emoji: str) -> None:
    """Empty, too long, with white space, a control character, a slash, or what cannot be stored; adding and removing."""
    world = town().given(post(MEMBER, 1))
    for command in (react(MEMBER, 1, emoji), unreact(MEMBER, 1, emoji)):
        assert world.refusal(command) == "invalid"


@pytest.mark.parametrize("emoji", ["👍", "👍🏽", FAMILY, "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", ":custom:", "+1", "%2F", "e" * 32], ids=ascii)
def test_an_emoji_may_be_of_many_code_points(emoji: str) -> None:
    """Sequences with joiners, variation selectors, skin tones and tags; and names of a community's own."""
    assert town().given(post(MEMBER, 1)).do(react(MEMBER, 1, emoji))


def test_who_may_not_react_is_refused_and_not_told_what_is_there() -> None:
    """Of a private channel's message an outsider learns as much as of none."""
    world = town().given(post(MEMBER, 1), post(MEMBER, 2, channel_id=PRIVATE))
    for command in (react, unreact):
        assert world.refusal(command(GUEST, 1)) == "not_a_member"
        assert world.refusal(command(GUEST, 2)) == "not_found"
        assert world.refusal(command(MEMBER, 9)) == "not_found"
        assert world.refusal(command(NOBODY, 1)) == "unauthenticated"
        assert world.refusal(changed(command(MEMBER, 1), message_id=PUBLIC)) == "not_found"
    world.given(react(MEMBER, 1), leave(MEMBER))
    assert world.refusal(unreact(MEMBER, 1)) == "not_a_member"


def test_a_message_that_was_edited_takes_reactions_and_a_deleted_one_none() -> None:
    """Nor one in an archived channel, nor in one that is gone."""
    world = town().given(post(MEMBER, 1), post(MEMBER, 2), react(MEMBER, 1), react(MEMBER, 2), edit(MEMBER, 1))
    assert world.do(react(OWNER, 1))
    world.given(delete(MEMBER, 1))
    assert world.refusal(react(ADMIN, 1)) == "not_found"
    assert world.refusal(unreact(MEMBER, 1)) == "not_found"
    world.given(archive(OWNER))
    assert world.refusal(react(ADMIN, 2)) == "archived"
    assert world.refusal(unreact(MEMBER, 2)) == "archived"
    world.given(delete_channel(OWNER))
    assert world.refusal(react(ADMIN, 2)) == "not_found"
