"""Messages: posted, answered in threads, edited, deleted; resends find the first."""

import pytest

from domain.errors import NotFound
from domain.ids import imported_id
from domain.message import CHANGES_MAX, MessageDeleted, MessageEdited, MessagePinned, MessagePosted, MessageState
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
    delete,
    delete_channel,
    edit,
    join,
    leave,
    m,
    pin,
    post,
    react,
    remove,
    town,
    unreact,
)
from tests.support.spec import changed


def test_a_member_posts() -> None:
    """One event, on the channel's feed."""
    world = town()
    events = world.do(post(MEMBER, 1))
    assert events == (MessagePosted(channel_id=PUBLIC, author_id=MEMBER, content="hello", created_at=AT),)
    assert world.feeds(events) == [PUBLIC]


def test_a_resend_is_nothing_new_and_another_message_with_the_same_id_is_refused() -> None:
    """Also after its author has left, and after it was edited and deleted."""
    world = town().given(post(MEMBER, 1), edit(MEMBER, 1), delete(MEMBER, 1), leave(MEMBER))
    assert world.do(post(MEMBER, 1)) == ()
    for other in (
        post(MEMBER, 1, "else"),
        post(OWNER, 1),
        post(MEMBER, 1, channel_id=PRIVATE),
        post(MEMBER, 1, parent=2),
    ):
        assert world.refusal(other) == "message_id_taken"


def test_an_id_of_anything_else_cannot_become_a_message() -> None:
    """A person's or a channel's id is taken, whoever asks."""
    world = town()
    for taken in (OTHER, PUBLIC, PRIVATE):
        assert world.refusal(changed(post(MEMBER, 1), message_id=taken)) == "message_id_taken"


def test_a_message_needs_an_id_of_its_own_version() -> None:
    """7 from clients, 8 for imported ones, and never the other's."""
    world = town()
    imported = imported_id("message", "1")
    assert world.refusal(changed(post(MEMBER, 1), message_id=imported)) == "invalid_id"
    assert world.refusal(changed(post(MEMBER, 1), imported=True)) == "invalid_id"
    assert len(world.do(changed(post(MEMBER, 1), imported=True, message_id=imported, content="x" * 60_000))) == 1


def test_a_post_is_refused_where_a_right_or_a_channel_is_missing() -> None:
    """A guest of a public channel is told to join; of a private one, that there is none."""
    world = town()
    assert world.refusal(post(GUEST, 1)) == "not_a_member"
    assert world.refusal(post(GUEST, 1, channel_id=PRIVATE)) == "not_found"
    assert world.refusal(post(MEMBER, 1, channel_id=NOBODY)) == "not_found"
    assert world.refusal(post(NOBODY, 1)) == "unauthenticated"
    world.given(archive(OWNER))
    assert world.refusal(post(MEMBER, 1)) == "archived"
    world.given(delete_channel(OWNER))
    assert world.refusal(post(MEMBER, 1)) == "not_found"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "content_empty"),
        (" \n\t", "content_empty"),
        ("x" * 4_097, "content_too_long"),
        ("a\x00b", "invalid"),
        ("\ud800", "invalid"),
    ],
)
def test_content_must_be_storable_and_say_something(content: str, code: str) -> None:
    """The same for a post and an edit."""
    world = town().given(post(MEMBER, 1))
    assert world.refusal(post(MEMBER, 2, content)) == code
    assert world.refusal(edit(MEMBER, 1, content)) == code
    assert world.do(post(MEMBER, 2, "x" * 4_096))


def test_a_reply_joins_the_root_of_what_it_answers() -> None:
    """Threads have one level; the flag for the channel's page counts for replies only."""
    world = town().given(post(MEMBER, 1), post(OWNER, 2, parent=1))
    (reply,) = world.do(post(ADMIN, 3, parent=2, also=True))
    assert isinstance(reply, MessagePosted)
    assert (reply.parent_id, reply.also_to_channel) == (m(1), True)
    (plain,) = world.do(post(ADMIN, 4, also=True))
    assert isinstance(plain, MessagePosted)
    assert (plain.parent_id, plain.also_to_channel) == (None, False)
    assert world.do(post(ADMIN, 3, parent=2, also=True)) == world.do(post(ADMIN, 3, parent=1, also=True)) == ()
    assert world.refusal(post(ADMIN, 3, parent=1)) == "message_id_taken"


def test_a_reply_needs_a_message_of_the_same_channel() -> None:
    """Not of another channel, and not one that is not there."""
    world = town().given(post(MEMBER, 1, channel_id=PRIVATE))
    assert world.refusal(post(MEMBER, 2, parent=1)) == "not_found"
    assert world.refusal(post(MEMBER, 2, parent=9)) == "not_found"


def test_a_mention_is_resolved_by_the_folded_name() -> None:
    """People once each, in order; `@channel` apart; unknown names are only text."""
    world = town()
    (posted,) = world.do(post(MEMBER, 1, "@OLGA and @ada, @olga! @nobody @channel"))
    assert isinstance(posted, MessagePosted)
    assert (posted.mentions, posted.mentions_channel) == ((OWNER, ADMIN), True)
    (edited,) = world.do(edit(MEMBER, 1, "@mia"))
    assert isinstance(edited, MessageEdited)
    assert (edited.mentions, edited.mentions_channel) == ((MEMBER,), False)


def test_only_the_author_edits_and_only_while_a_member() -> None:
    """An owner cannot put words into another's mouth."""
    world = town().given(post(MEMBER, 1))
    assert world.refusal(edit(OWNER, 1)) == "forbidden"
    assert world.refusal(edit(GUEST, 1)) == "not_a_member"
    assert world.refusal(edit(MEMBER, 2)) == "not_found"
    assert world.do(edit(MEMBER, 1)) == (MessageEdited(channel_id=PUBLIC, content="changed", by=MEMBER, at=AT),)
    assert world.do(edit(MEMBER, 1)) == ()
    world.given(delete(MEMBER, 1))
    assert world.refusal(edit(MEMBER, 1)) == "not_found"


def test_a_message_is_changed_so_many_times_and_can_be_deleted_still() -> None:
    """Its stream is read whole by many: nobody makes it long."""
    world = town().given(post(MEMBER, 1))
    for number in range(CHANGES_MAX):
        world.given(edit(MEMBER, 1, f"version {number}"))
    assert world.refusal(edit(MEMBER, 1, "one more")) == "limit_reached"
    assert world.refusal(pin(OWNER, 1)) == "limit_reached"
    assert world.names(delete(MEMBER, 1)) == ["message.deleted"]


def test_a_message_is_deleted_by_its_author_or_by_who_governs() -> None:
    """Not by another member, not by an author who has left; twice is once; its content is gone from the state."""
    world = town().given(*(post(MEMBER, n, f"{n}") for n in (1, 2, 3)), post(OWNER, 4))
    assert world.do(delete(MEMBER, 1)) == (MessageDeleted(channel_id=PUBLIC, by=MEMBER, at=AT),)
    assert world.do(delete(MEMBER, 1)) == ()
    assert world.states[m(1)] == MessageState(channel_id=PUBLIC, author_id=MEMBER, content="", is_deleted=True)
    assert world.do(delete(ADMIN, 2))
    assert world.refusal(delete(MEMBER, 4)) == "forbidden"
    world.given(remove(OWNER, MEMBER))
    assert world.refusal(delete(MEMBER, 3)) == "not_a_member"
    world.given(join(MEMBER), archive(OWNER))
    assert world.do(delete(MEMBER, 3)), "what was said can be taken back in an archived channel too"


def test_a_message_is_pinned_by_who_governs_and_once() -> None:
    """Not by its author alone; not in an archived channel; and whoever deletes it takes the pin away."""
    world = town().given(post(MEMBER, 1), post(MEMBER, 2, channel_id=PRIVATE))
    assert world.refusal(pin(MEMBER, 1)) == "forbidden"
    assert world.do(pin(ADMIN, 1)) == (MessagePinned(channel_id=PUBLIC, by=ADMIN, at=AT),)
    assert world.do(pin(OWNER, 1)) == ()
    assert world.names(pin(OWNER, 1, pinned=False)) == ["message.unpinned"]
    assert world.do(pin(OWNER, 1, pinned=False)) == ()
    assert world.refusal(pin(OWNER, 9)) == world.refusal(pin(GUEST, 2)) == "not_found"
    world.given(pin(ROOT, 2), pin(OWNER, 1), edit(MEMBER, 1), archive(OWNER))
    assert world.refusal(pin(OWNER, 1, pinned=False)) == "archived"
    world.given(delete(MEMBER, 1), archive(OWNER, archived=False))
    assert world.refusal(pin(OWNER, 1)) == world.refusal(pin(OWNER, 1, pinned=False)) == "not_found"
    assert world.states[m(1)] == MessageState(
        channel_id=PUBLIC, author_id=MEMBER, content="", is_deleted=True, changes=4
    )


def test_who_may_not_see_a_message_is_told_as_much_as_of_none() -> None:
    """Whatever is asked about it: the refusal does not name its channel."""
    world = town().given(post(MEMBER, 1, channel_id=PRIVATE))
    for command in (edit, delete, pin, react, unreact):
        texts = set()
        for message in (1, 9):
            with pytest.raises(NotFound) as refused:
                world.do(command(GUEST, message))
            texts.add((str(refused.value).replace(str(m(message)), "it"), refused.value.field))
        assert len(texts) == 1
