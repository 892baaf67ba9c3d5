"""Who is in a channel: joining, adding, roles, leaving, removing; an owner always stays."""

from domain.channel_state import Role
from domain.ids import direct_id, membership_id
from domain.membership import MemberJoined, MemberLeft, MemberRemoved, RoleChanged
from tests.support.builders import AT
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    NOBODY,
    OTHER,
    OWNER,
    PRIVATE,
    PUBLIC,
    ROOT,
    archive,
    deactivate,
    direct,
    join,
    leave,
    reactivate,
    remove,
    set_member,
    town,
)


def test_everyone_joins_a_public_channel_and_nobody_a_private_one() -> None:
    """Who joins is told what the channel is, on its feed; twice is once."""
    world = town()
    events = world.do(join(GUEST))
    (joined,) = events
    assert isinstance(joined, MemberJoined)
    assert (joined.role, joined.by, joined.name) == (Role.MEMBER, None, "town")
    assert world.feeds(events) == [PUBLIC]
    assert world.do(join(GUEST)) == ()
    assert world.refusal(join(GUEST, PRIVATE)) == "not_found"
    assert world.refusal(join(ROOT, PRIVATE)) == "not_found"
    assert world.refusal(join(NOBODY)) == "unauthenticated"


def test_an_admin_adds_people_and_an_owner_gives_roles() -> None:
    """Whoever is added is told by whom."""
    world = town()
    (joined,) = world.do(set_member(ADMIN, GUEST, channel_id=PRIVATE))
    assert isinstance(joined, MemberJoined)
    assert (joined.by, joined.user_id) == (ADMIN, GUEST)
    assert world.do(set_member(ADMIN, GUEST, channel_id=PRIVATE)) == ()
    assert world.refusal(set_member(ADMIN, OTHER, Role.ADMIN, PRIVATE)) == "forbidden"
    assert world.refusal(set_member(ADMIN, MEMBER, Role.ADMIN)) == "forbidden"
    assert world.refusal(set_member(MEMBER, GUEST)) == "forbidden"
    assert world.refusal(set_member(OWNER, NOBODY)) == "not_found"
    changed = RoleChanged(channel_id=PUBLIC, user_id=MEMBER, role=Role.ADMIN, by=OWNER, at=AT)
    assert world.do(set_member(OWNER, MEMBER, Role.ADMIN)) == (changed,)
    world.given(archive(OWNER))
    assert world.refusal(set_member(OWNER, GUEST)) == "archived"


def test_a_member_leaves_and_may_come_back() -> None:
    """Who is not in it cannot leave."""
    world = town()
    assert world.do(leave(MEMBER)) == (MemberLeft(channel_id=PUBLIC, user_id=MEMBER, at=AT),)
    assert world.refusal(leave(MEMBER)) == "not_a_member"
    assert world.refusal(leave(GUEST, PRIVATE)) == "not_found"
    assert world.names(join(MEMBER)) == ["membership.joined"]


def test_the_last_owner_cannot_go_in_any_way() -> None:
    """Not leave, not be removed, not give the role away; and a witness must be another owner."""
    world = town()
    for witness in (None, OWNER, ADMIN, GUEST):
        assert world.refusal(leave(OWNER, witness=witness)) == "last_owner"
        assert world.refusal(remove(ROOT, OWNER, witness=witness)) == "last_owner"
        assert world.refusal(set_member(OWNER, OWNER, Role.MEMBER, witness=witness)) == "last_owner"
    world.given(set_member(OWNER, ADMIN, Role.OWNER))
    assert world.refusal(leave(OWNER)) == "last_owner", "without a witness nobody vouches for the other"
    world.given(deactivate(ROOT, ADMIN))
    assert world.refusal(leave(OWNER, witness=ADMIN)) == "last_owner", "one who cannot log in governs nothing"
    world.given(reactivate(ROOT, ADMIN))
    assert world.names(leave(OWNER, witness=ADMIN)) == ["membership.left"]
    assert world.refusal(leave(ADMIN, witness=OWNER)) == "last_owner"


def test_removal_goes_down_the_ranks() -> None:
    """Admins remove members and admins, owners everyone, members nobody."""
    world = town().given(join(GUEST), set_member(OWNER, OTHER, Role.ADMIN))
    removed = MemberRemoved(channel_id=PUBLIC, user_id=MEMBER, by=ADMIN, at=AT)
    assert world.refusal(remove(MEMBER, GUEST)) == "forbidden"
    assert world.do(remove(ADMIN, MEMBER)) == (removed,)
    assert world.refusal(remove(ADMIN, MEMBER)) == "not_found"
    assert world.refusal(remove(ADMIN, OWNER)) == "forbidden"
    assert world.names(remove(ADMIN, OTHER)) == ["membership.removed"]
    assert world.names(remove(ROOT, GUEST)) == ["membership.removed"]


def test_the_members_of_a_direct_channel_are_fixed() -> None:
    """Nobody leaves, is added or removed, not even by a server admin."""
    world = town().given(direct(OWNER, GUEST))
    channel_id = direct_id(frozenset({OWNER, GUEST}))
    assert world.refusal(leave(GUEST, channel_id)) == "forbidden"
    assert world.refusal(remove(ROOT, GUEST, channel_id)) == "forbidden"
    assert world.refusal(set_member(ROOT, MEMBER, channel_id=channel_id)) == "forbidden"
    assert world.refusal(set_member(OWNER, MEMBER, channel_id=channel_id)) == "forbidden"


def test_a_membership_has_one_stream_whatever_happens() -> None:
    """Left, removed and joined again: the versions of one stream."""
    world = town().given(join(GUEST), leave(GUEST), join(GUEST), remove(OWNER, GUEST), join(GUEST))
    mine = [r.version for r in world.log if r.stream_id == membership_id(PUBLIC, GUEST)]
    assert mine == [1, 2, 3, 4, 5]
