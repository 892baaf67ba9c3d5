"""Attachments: uploaded by who may post, taken by one message of theirs, given up when nobody needs them."""

import pytest

from domain.attachment import Attached, AttachmentAttached, AttachmentCollected
from domain.errors import Invalid, Refusal
from domain.message import MessagePosted
from tests.support.builders import AT
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    OWNER,
    PRIVATE,
    PUBLIC,
    archive,
    collect,
    delete,
    delete_channel,
    edit,
    file_id,
    leave,
    m,
    post,
    town,
    upload,
)
from tests.support.spec import changed


def test_a_member_uploads_and_posts_the_file() -> None:
    """The message says what it is; the file's own stream says whose it is; neither is heard of on a feed but the message."""
    world = town()
    events = world.do(upload(MEMBER, 1))
    assert world.feeds(events) == [None]
    events = world.do(post(MEMBER, 1, "", files=[1]))
    posted, attached = events
    assert isinstance(posted, MessagePosted)
    assert posted.attachments == (Attached(attachment_id=file_id(1), name="a.png", media_type="image/png", size=7),)
    assert attached == AttachmentAttached(message_id=m(1), at=AT)
    assert world.feeds(events) == [PUBLIC, None]


def test_who_may_not_post_may_not_upload() -> None:
    """With the refusals of a post."""
    world = town()
    assert world.refusal(upload(GUEST, 1)) == "not_a_member"
    assert world.refusal(upload(GUEST, 1, PRIVATE)) == "not_found"
    world.given(archive(OWNER))
    assert world.refusal(upload(MEMBER, 1)) == "archived"


def test_a_message_takes_only_files_that_wait_for_it() -> None:
    """Of its author, for its channel, in no message, not given up, and there."""
    world = town().given(upload(MEMBER, 1), upload(OWNER, 2), upload(MEMBER, 3, PRIVATE), upload(MEMBER, 4))
    world.given(post(MEMBER, 1, files=[1]), collect(4))
    for number in (1, 2, 3, 4, 5):
        assert world.refusal(post(MEMBER, 2, files=[number])) == "not_found"
    assert world.refusal(changed(post(MEMBER, 2), attachment_ids=(PUBLIC,))) == "not_found"
    assert world.refusal(post(MEMBER, 2, files=[1, 1])) == "invalid"
    assert world.refusal(post(MEMBER, 2, files=range(11))) == "invalid"


def test_a_resend_names_the_same_files_in_the_same_order() -> None:
    """Else the id belongs to another message, also after a deletion."""
    world = town().given(upload(MEMBER, 1), upload(MEMBER, 2), post(MEMBER, 1, files=[1, 2]), delete(MEMBER, 1))
    assert world.do(post(MEMBER, 1, files=[1, 2])) == ()
    for files in ([], [1], [2, 1]):
        assert world.refusal(post(MEMBER, 1, files=files)) == "message_id_taken"


def test_an_upload_that_is_sent_again_is_the_first_and_no_other_has_its_id() -> None:
    """Its time is not compared: the server tells it."""
    world = town().given(upload(MEMBER, 1))
    assert world.do(changed(upload(MEMBER, 1), at=AT.replace(year=2027))) == ()
    for other in (
        upload(OWNER, 1),
        upload(MEMBER, 1, PRIVATE),
        upload(MEMBER, 1, name="b.png"),
        changed(upload(MEMBER, 1), sha256="0" * 64),
        changed(upload(MEMBER, 1), media_type="image/gif"),
        changed(upload(MEMBER, 1), attachment_id=PUBLIC),
    ):
        assert world.refusal(other) == "attachment_id_taken"
    assert world.refusal(changed(upload(MEMBER, 1), attachment_id=file_id(1).__class__(int=5))) == "invalid_id"


def test_only_a_message_with_files_may_be_without_words() -> None:
    """Posted so, or edited so."""
    world = town().given(upload(MEMBER, 1), post(MEMBER, 1, files=[1]), post(MEMBER, 2))
    assert world.names(edit(MEMBER, 1, "")) == ["message.edited"]
    assert world.refusal(edit(MEMBER, 2, " ")) == "content_empty"
    assert world.refusal(post(MEMBER, 3, "")) == "content_empty"


def test_what_waits_too_long_is_given_up_and_what_is_needed_is_not() -> None:
    """A second time is nothing new."""
    world = town().given(upload(MEMBER, 1), upload(MEMBER, 2), post(MEMBER, 1, files=[2]), leave(MEMBER))
    assert world.do(collect(1, uploaded_before=AT)) == ()
    assert world.do(collect(1)) == (AttachmentCollected(at=AT),)
    for number in (1, 2, 3):
        assert world.do(collect(number)) == ()


def test_files_of_deleted_messages_and_channels_are_given_up_at_once() -> None:
    """Whenever they were uploaded."""
    world = town().given(upload(MEMBER, 1), post(MEMBER, 1, files=[1]), delete(ADMIN, 1))
    assert world.do(collect(1, uploaded_before=AT)) == (AttachmentCollected(at=AT),)
    world.given(upload(MEMBER, 2, PRIVATE), upload(MEMBER, 3, PRIVATE))
    world.given(post(MEMBER, 2, channel_id=PRIVATE, files=[2]), delete_channel(OWNER, PRIVATE))
    for number in (2, 3):
        assert world.do(collect(number, uploaded_before=AT)) == (AttachmentCollected(at=AT),)


@pytest.mark.parametrize(
    "name", ["plan.pdf", "Ünïcode 🙂.txt", "👨‍👩‍👧.png", " spaced ", ".hidden", "x" * 255, "שלום.txt"]
)
def test_a_name_is_what_a_person_may_call_a_file(name: str) -> None:
    """Any script."""
    upload(MEMBER, 1, name=name).check()


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "a/b", "a\\b", "a\0b", "a\x7fb", "a\u2028b", "a\u202eb", "a\ud800", "x" * 256]
)
def test_a_name_that_could_mislead_is_invalid(name: str) -> None:
    """Paths, controls, and marks that turn the writing round."""
    with pytest.raises(Invalid):
        upload(MEMBER, 1, name=name).check()


@pytest.mark.parametrize(
    "media_type", ["", "text", "a/b/c", "Text/plain", "text/plain; x=1", "multipart/form-data", "a/é"]
)
def test_a_media_type_is_one_type_of_one_file(media_type: str) -> None:
    """No parameters, no form, no other case."""
    with pytest.raises(Refusal):
        changed(upload(MEMBER, 1), media_type=media_type).check()
