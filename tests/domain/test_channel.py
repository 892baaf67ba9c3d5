"""Channels: made, named, described, archived, deleted; direct channels are their people."""

import pytest

from domain.channel import ChannelArchived, ChannelCreated, ChannelState
from domain.channel_state import ChannelKind, Role
from domain.ids import WORKSPACE_FEED, channel_name_id, direct_id
from domain.membership import MemberJoined
from domain.name_claim import NameState
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
    change,
    create,
    delete_channel,
    direct,
    join,
    m,
    post,
    town,
    v7,
)
from tests.support.spec import changed


def test_a_public_channel_takes_its_name_and_its_maker_is_its_owner() -> None:
    """Created on everyone's feed, joined on its own; the claim is on none."""
    world = town()
    made = changed(create(PUBLIC, "New"), channel_id=v7(0x200))
    events = world.do(made)
    assert isinstance(events[0], ChannelCreated)
    assert isinstance(events[2], MemberJoined)
    assert (events[2].role, events[2].name, events[2].kind) == (Role.OWNER, "New", ChannelKind.PUBLIC)
    assert world.feeds(events) == [WORKSPACE_FEED, None, v7(0x200)]
    assert world.do(made) == ()


def test_a_public_name_is_taken_for_names_that_compare_equal_and_free_again_after_deletion() -> None:
    """Private channels' names are nobody's business."""
    world = town()
    assert world.refusal(changed(create(PUBLIC, "TOWN"), channel_id=v7(0x200))) == "name_taken"
    assert world.names(changed(create(PRIVATE, "town"), channel_id=v7(0x201))) == [
        "channel.created",
        "membership.joined",
    ]
    world.given(delete_channel(OWNER))
    assert world.states[channel_name_id("town")] == NameState(holder_id=None)
    assert world.do(changed(create(PUBLIC, "Town"), channel_id=v7(0x202)))


def test_a_channel_id_belongs_to_the_first_channel_with_it() -> None:
    """The same request again is nothing new; another one, or an id of something else, is refused."""
    world = town().given(post(MEMBER, 1))
    assert world.do(create(PUBLIC)) == ()
    assert world.refusal(create(PUBLIC, "other")) == "channel_id_taken"
    assert world.refusal(create(PUBLIC, by=GUEST)) == "channel_id_taken"
    assert world.refusal(changed(create(PUBLIC, "other"), channel_id=m(1))) == "channel_id_taken"
    assert world.refusal(changed(create(PUBLIC, "x"), channel_id=direct_id(frozenset({OWNER})))) == "invalid_id"


@pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "x" * 81, "\x00"])
def test_a_channel_name_is_printable_text_without_outer_space(name: str) -> None:
    """The same for a new channel and a new name."""
    world = town()
    assert world.refusal(changed(create(PUBLIC, name), channel_id=v7(0x200))) == "invalid"
    assert world.refusal(change(OWNER, name=name)) == "invalid"


def test_a_direct_channel_is_the_same_whoever_makes_it_and_its_members_are_fixed() -> None:
    """One event for the channel, one for each of its people, all on its own feed."""
    world = town()
    channel_id = direct_id(frozenset({OWNER, GUEST}))
    events = world.do(direct(OWNER, GUEST))
    assert [type(event) for event in events] == [ChannelCreated, MemberJoined, MemberJoined]
    assert world.feeds(events) == [channel_id] * 3
    assert world.do(direct(GUEST, OWNER)) == world.do(direct(OWNER, GUEST, OWNER)) == ()
    assert world.refusal(join(MEMBER, channel_id)) == "not_found"
    for command in (change(OWNER, channel_id, topic="x"), archive(ROOT, channel_id), delete_channel(ROOT, channel_id)):
        assert world.refusal(command) == "forbidden"


def test_a_direct_channel_needs_one_to_eight_other_people_who_exist() -> None:
    """Oneself alone is nobody else."""
    world = town()
    assert world.refusal(direct(OWNER)) == world.refusal(direct(OWNER, OWNER)) == "invalid"
    assert world.refusal(direct(OWNER, *(v7(0x300 + n) for n in range(9)))) == "invalid"
    assert world.refusal(direct(OWNER, NOBODY)) == "not_found"
    assert world.do(direct(OWNER, ADMIN, MEMBER, GUEST, ROOT, OTHER))


def test_a_rename_moves_the_claim() -> None:
    """To another name: three events. To another spelling of it: one. To itself: none."""
    world = town()
    assert world.names(change(ADMIN, name="city")) == ["channel.renamed", "name.released", "name.claimed"]
    assert world.names(change(ADMIN, name="CITY")) == ["channel.renamed"]
    assert world.names(change(ADMIN, name="CITY")) == []
    assert world.names(change(ADMIN, name="town", topic="old")) == [
        "channel.renamed",
        "name.released",
        "name.claimed",
        "channel.topic_changed",
    ]
    world.given(changed(create(PUBLIC, "city"), channel_id=v7(0x200)))
    assert world.refusal(change(ADMIN, name="City")) == "name_taken"
    assert world.names(change(ADMIN, PRIVATE, name="city")) == ["channel.renamed"]


def test_an_archived_channel_is_closed_to_changes_until_it_is_opened() -> None:
    """Archived twice is archived once."""
    world = town()
    assert world.do(archive(ADMIN)) == (ChannelArchived(channel_id=PUBLIC, by=ADMIN, at=AT),)
    assert world.do(archive(ADMIN)) == ()
    assert world.refusal(change(OWNER, topic="x")) == world.refusal(join(GUEST)) == "archived"
    assert world.names(archive(ADMIN, archived=False)) == ["channel.unarchived"]
    assert world.names(change(OWNER, topic="x")) == ["channel.topic_changed"]


def test_a_deleted_channel_is_there_for_nobody() -> None:
    """Not for its owner, not for a server admin; its id stays its own."""
    world = town().given(delete_channel(OWNER))
    state = world.states[PUBLIC]
    assert isinstance(state, ChannelState)
    assert state.is_deleted
    for command in (delete_channel(OWNER), change(ROOT, topic="x"), join(GUEST), archive(OWNER)):
        assert world.refusal(command) == "not_found"
    assert world.do(create(PUBLIC)) == ()
