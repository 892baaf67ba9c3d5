"""Invitations: who they admit, how many, and until when."""

import pytest

from domain.ids import membership_id
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    OTHER,
    OWNER,
    PRIVATE,
    ROOT,
    accept,
    archive,
    delete_channel,
    invite,
    leave,
    remove,
    revoke,
    set_member,
    town,
)
from tests.support.spec import World


def _invited(**options: object) -> World:
    return town().given(invite(OWNER, "code", PRIVATE, **options))  # type: ignore[arg-type]


def test_who_has_the_code_joins_a_private_channel_and_is_counted() -> None:
    """One command, two events; nobody hears of the count, the channel hears of the member."""
    world = _invited()
    events = world.do(accept(GUEST))
    assert [type(event).__name__ for event in events] == ["InvitationUsed", "MemberJoined"]
    assert world.feeds(events) == [None, PRIVATE]
    assert world.states[membership_id(PRIVATE, GUEST)] is not None


def test_a_counted_invitation_admits_so_many() -> None:
    """And a member who asks again, though it is used up."""
    world = _invited(max_uses=2).given(accept(GUEST), accept(OTHER))
    assert world.refusal(accept(ROOT)) == "not_found"
    assert world.do(accept(OTHER)) == ()


def test_a_member_joins_again_for_nothing() -> None:
    """It is not counted."""
    world = _invited(max_uses=1)
    assert world.do(accept(MEMBER)) == ()
    assert len(world.do(accept(GUEST))) == 2


def test_an_invitation_ends_at_its_time() -> None:
    """Not a second later."""
    world = _invited(expires_in_s=60)
    assert world.refusal(accept(GUEST, after_s=60)) == "not_found"
    assert len(world.do(accept(GUEST, after_s=59))) == 2


def test_what_is_over_looks_like_what_never_was() -> None:
    """Revoked, of an archived channel, of a deleted one, of none: one answer."""
    texts = set()
    for world in (
        _invited().given(revoke(ADMIN, channel_id=PRIVATE)),
        _invited().given(archive(OWNER, PRIVATE)),
        _invited().given(delete_channel(OWNER, PRIVATE)),
        town(),
    ):
        with pytest.raises(Exception) as refused:  # noqa: PT011 - compared below
            world.do(accept(GUEST))
        texts.add(repr(refused.value))
    assert len(texts) == 1


def test_an_invitation_lives_on_when_the_channel_is_opened_again() -> None:
    """An archive is no end."""
    world = _invited().given(archive(OWNER, PRIVATE), archive(OWNER, PRIVATE, archived=False))
    assert len(world.do(accept(GUEST))) == 2


def test_an_invitation_stands_though_its_maker_is_gone() -> None:
    """Whoever governs the channel revokes it."""
    world = town().given(invite(ADMIN, "code", PRIVATE), leave(ADMIN, PRIVATE))
    assert world.refusal(revoke(ADMIN, channel_id=PRIVATE)) == "not_found"
    world.given(accept(GUEST), revoke(OWNER, channel_id=PRIVATE))
    assert world.refusal(accept(OTHER)) == "not_found"
    assert world.do(revoke(OWNER, channel_id=PRIVATE)) == ()


def test_who_was_removed_comes_back_by_a_link_that_stands() -> None:
    """Removing somebody is no ban: revoke the link."""
    world = _invited().given(accept(GUEST), remove(OWNER, GUEST, PRIVATE))
    assert len(world.do(accept(GUEST))) == 2


def test_an_invitation_to_another_channel_is_not_revoked_here() -> None:
    """Its id says nothing about this channel."""
    world = _invited().given(set_member(OWNER, GUEST))
    assert world.refusal(revoke(OWNER)) == "not_found"


@pytest.mark.parametrize("options", [{"expires_in_s": 0}, {"expires_in_s": 30 * 86_400 + 1}, {"max_uses": 0}])
def test_bounds_of_time_and_number_are_checked(options: dict[str, int]) -> None:
    """Never acceptable, whoever asks."""
    assert town().refusal(invite(OWNER, "code", PRIVATE, **options)) == "invalid"  # type: ignore[arg-type]


def test_nobody_invites_to_an_archived_channel() -> None:
    """Nobody could come."""
    assert town().given(archive(OWNER, PRIVATE)).refusal(invite(OWNER, "code", PRIVATE)) == "archived"
