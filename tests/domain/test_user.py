"""People: registered under a name that nobody else has, with a profile."""

import pytest

from domain.channel_state import Role
from domain.ids import WORKSPACE_FEED, user_name_id
from domain.name_claim import NameState
from domain.user import ChangeProfile, ProfileChanged, RegisterUser, StatusTextSet, UserRegistered
from tests.support.builders import AT
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    NOBODY,
    OWNER,
    ROOT,
    change,
    deactivate,
    direct,
    join,
    post,
    reactivate,
    register,
    remove,
    set_admin,
    set_member,
    town,
    v7,
)
from tests.support.spec import World, changed


def test_a_person_is_registered_with_the_claim_on_the_name() -> None:
    """Everyone hears of the person, nobody of the claim; twice is once."""
    world = World()
    events = world.do(register(OWNER))
    assert isinstance(events[0], UserRegistered)
    assert world.feeds(events) == [WORKSPACE_FEED, None]
    assert world.states[user_name_id("OLGA")] == NameState(holder_id=OWNER)
    assert world.do(register(OWNER)) == ()


def test_a_name_that_compares_equal_is_taken() -> None:
    """Case and compatibility forms do not make another person."""
    world = World().given(register(OWNER))
    for name in ("olga", "OLGA", "\uff4f\uff4c\uff47\uff41"):
        assert world.refusal(changed(register(OWNER), user_id=v7(9), username=name)) == "name_taken"


def test_nobody_is_called_like_the_mention_of_everybody() -> None:
    """`@channel` would never reach such a person."""
    for name in ("channel", "Channel", "\uff43\uff48annel"):
        assert World().refusal(changed(register(OWNER), username=name)) == "name_taken"


@pytest.mark.parametrize("display_name", ["", "   ", "Ann\nAdmin", "Ann\u202enimdA", "\u2066Ann", "Ann\x07", "x" * 81])
def test_a_display_name_is_seen_and_stays_in_its_line(display_name: str) -> None:
    """It stands beside what others say: nothing in it breaks the line, turns the writing around or is not there at all."""
    assert World().refusal(changed(register(OWNER), display_name=display_name)) == "invalid"
    renamed = ChangeProfile(user_id=OWNER, at=AT, display_name=display_name)
    assert World().given(register(OWNER)).refusal(renamed) == "invalid"


def test_a_user_id_of_another_person_is_refused() -> None:
    """Ids are never shared."""
    world = town()
    assert world.refusal(changed(register(OWNER), username="someone")) == "conflict"


@pytest.mark.parametrize("username", ["", "a b", "a@b", "x" * 41, "a\x00", "ä/ö"])
def test_a_user_name_is_a_short_word(username: str) -> None:
    """Letters, digits, `.`, `_`, `-`."""
    command = RegisterUser(user_id=OWNER, username=username, display_name="O", at=AT)
    assert World().refusal(command) == "invalid"


def test_a_profile_changes_only_in_what_is_new() -> None:
    """What is given and different becomes an event on everyone's feed."""
    world = town()
    change = ChangeProfile(user_id=OWNER, at=AT, display_name="Olga II", status_text="here")
    events = world.do(change)
    assert events == (
        ProfileChanged(user_id=OWNER, display_name="Olga II", at=AT),
        StatusTextSet(user_id=OWNER, status_text="here", at=AT),
    )
    assert world.feeds(events) == [WORKSPACE_FEED] * 2
    assert world.do(change) == ()
    assert world.names(ChangeProfile(user_id=OWNER, at=AT, status_text="")) == ["user.status_text_set"]
    assert world.refusal(ChangeProfile(user_id=OWNER, at=AT, display_name="")) == "invalid"
    assert world.refusal(ChangeProfile(user_id=NOBODY, at=AT, status_text="x")) == "unauthenticated"


def test_who_is_deactivated_does_nothing_and_nothing_is_done_to_them() -> None:
    """Their commands are refused as those of nobody; they are added to no channel and no direct channel is made with them."""
    world = town()
    events = world.do(deactivate(ROOT, MEMBER))
    assert world.feeds(events) == [WORKSPACE_FEED]
    assert world.do(deactivate(ROOT, MEMBER)) == ()
    for command in (post(MEMBER, 1), join(MEMBER), ChangeProfile(user_id=MEMBER, at=AT, status_text="x")):
        assert world.refusal(command) == "unauthenticated"
    world.given(deactivate(ROOT, GUEST))
    assert world.refusal(set_member(OWNER, GUEST)) == "forbidden"
    assert world.refusal(direct(OWNER, GUEST)) == "forbidden"
    assert world.refusal(set_member(OWNER, MEMBER, Role.ADMIN)) == "forbidden"
    assert world.refusal(changed(register(GUEST), user_id=v7(9))) == "name_taken"
    # what is there may be tidied up
    assert world.names(remove(OWNER, MEMBER)) == ["membership.removed"]


def test_who_is_reactivated_is_who_they_were() -> None:
    """Name, roles and memberships."""
    world = town().given(deactivate(ROOT, ADMIN), reactivate(ROOT, ADMIN))
    assert world.do(reactivate(ROOT, ADMIN)) == ()
    assert world.names(change(ADMIN, topic="back")) == ["channel.topic_changed"]


def test_people_are_shut_out_by_server_admins_and_by_themselves() -> None:
    """Nobody else, and only an admin lets them in again."""
    world = town()
    assert world.refusal(deactivate(OWNER, MEMBER)) == "forbidden"
    assert world.refusal(deactivate(ROOT, NOBODY)) == "not_found"
    assert world.refusal(deactivate(MEMBER, MEMBER)) == "forbidden", "without the password"
    assert world.refusal(deactivate(MEMBER, OWNER, is_own_wish=True)) == "forbidden"
    world.given(deactivate(MEMBER, MEMBER, is_own_wish=True))
    assert world.refusal(reactivate(MEMBER, MEMBER)) == "unauthenticated"
    assert world.refusal(reactivate(OWNER, MEMBER)) == "forbidden"
    assert world.refusal(set_admin(OWNER, OWNER)) == "forbidden"
    world.given(reactivate(ROOT, MEMBER))


def test_the_last_active_admin_stays() -> None:
    """Whoever asks; another one that is deactivated does not count."""
    world = town()
    assert world.refusal(deactivate(ROOT, ROOT)) == "last_admin"
    assert world.refusal(deactivate(None, ROOT)) == "last_admin"
    assert world.refusal(set_admin(None, ROOT, is_admin=False)) == "last_admin"
    assert world.refusal(deactivate(ROOT, ROOT, witness=OWNER)) == "last_admin"
    world.given(set_admin(None, OWNER), deactivate(ROOT, OWNER))
    assert world.refusal(deactivate(ROOT, ROOT, witness=OWNER)) == "last_admin"
    world.given(reactivate(None, OWNER))
    assert world.names(deactivate(ROOT, ROOT, witness=OWNER)) == ["user.deactivated"]
