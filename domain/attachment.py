"""Attachments: a file that a member uploads for a channel, and that one message there may take.

One small stream a file. Which message has it stands in this stream too, written by the command that posts the message: so a
file belongs to one message at most, and of a post and a collection that race for it one wins. None of these events is on a
feed: who may know of the file hears of it with its message.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.access import may_write, written_with
from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded, State
from domain.errors import AttachmentIdTaken, Invalid, InvalidId, NotFound
from domain.ids import membership_id
from domain.text import check_one_line, check_text

ATTACHMENTS_MAX = 10
"""Of one message."""
NAME_MAX_CHARACTERS = 255
MEDIA_TYPE_MAX_CHARACTERS = 127

_PART = r"[a-z0-9!#$%&'*+.^_`|~-]+"
_MEDIA_TYPE = re.compile(rf"{_PART}/{_PART}")


class AttachmentUploaded(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    name: str
    media_type: str
    """As the uploader declared it: type and subtype in lower case, without parameters."""
    size: int
    """Bytes."""
    sha256: str
    """Of the content, in hexadecimal; names the file that holds it."""
    at: datetime


class AttachmentAttached(Event, frozen=True, kw_only=True):
    message_id: UUID
    at: datetime


class AttachmentCollected(Event, frozen=True, kw_only=True):
    """Nobody may ask for it any more: its file may go."""

    at: datetime


AttachmentEvent = AttachmentUploaded | AttachmentAttached | AttachmentCollected


class Attached(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a message says of one of its files."""

    attachment_id: UUID
    name: str
    media_type: str
    size: int
    """Bytes."""


class AttachmentState(State, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    name: str
    media_type: str
    size: int
    uploaded_at: datetime
    message_id: UUID | None = None
    is_collected: bool = False


def evolve(state: AttachmentState | None, event: AttachmentEvent) -> AttachmentState:
    """The state after one more event of the stream."""
    if isinstance(event, AttachmentUploaded):
        return AttachmentState(
            channel_id=event.channel_id,
            by=event.by,
            name=event.name,
            media_type=event.media_type,
            size=event.size,
            uploaded_at=event.at,
        )
    assert state is not None, "an attachment's first event is its upload"
    if isinstance(event, AttachmentAttached):
        return replace(state, message_id=event.message_id)
    return replace(state, is_collected=True)


def check_name(name: str) -> None:
    """Raise unless this can be a file's name: 1 to 255 characters to show, none that controls, and no path."""
    check_text(name, "name", at_least=1, at_most=NAME_MAX_CHARACTERS)
    if name.isspace() or name in (".", "..") or "/" in name or "\\" in name:
        raise Invalid("name takes the name of a file, without a path.", field="name")
    check_one_line(name, "name")


def check_media_type(media_type: str) -> None:
    """Raise unless this is a media type of one file: `image/png`, in lower case, without parameters."""
    if len(media_type) > MEDIA_TYPE_MAX_CHARACTERS or not _MEDIA_TYPE.fullmatch(media_type):
        raise Invalid("The Content-Type must be a media type, like image/png.", field="media_type")
    if media_type.startswith("multipart/"):
        raise Invalid("The body is the file itself, not a form with the file in it.", field="media_type")


class UploadAttachment(Command, frozen=True, kw_only=True):
    """Keep a file, whose content lies there durably already, for a message to come."""

    creates: ClassVar[str | None] = "attachment_id"

    attachment_id: UUID
    channel_id: UUID
    by: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    at: datetime

    def check(self) -> None:
        if self.attachment_id.version != 7:
            raise InvalidId(field="attachment_id")
        check_name(self.name)
        check_media_type(self.media_type)

    def needs(self, known: Loaded) -> Needs:
        mine, block = membership_id(self.channel_id, self.by), written_with(known, self.channel_id, self.by)
        return Needs((self.by, self.channel_id, mine, self.attachment_id, *block))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        may_write(known, self.channel_id, self.by)
        uploaded = AttachmentUploaded(
            channel_id=self.channel_id,
            by=self.by,
            name=self.name,
            media_type=self.media_type,
            size=self.size,
            sha256=self.sha256,
            at=self.at,
        )
        return (NewEvent(self.attachment_id, uploaded),)

    def repeats(self, first: Recorded, known: Loaded) -> None:
        event = first.event
        if not isinstance(event, AttachmentUploaded) or _what(event) != _what(self):
            raise AttachmentIdTaken(field="attachment_id")


def _what(upload: AttachmentUploaded | UploadAttachment) -> tuple[object, ...]:
    return upload.by, upload.channel_id, upload.name, upload.media_type, upload.size, upload.sha256


def check_attachment_ids(attachment_ids: Sequence[UUID]) -> None:
    """Raise unless a message may name so many files, each once."""
    if len(attachment_ids) > ATTACHMENTS_MAX:
        raise Invalid(f"A message has at most {ATTACHMENTS_MAX} attachments.", field="attachment_ids")
    if len(set(attachment_ids)) != len(attachment_ids):
        raise Invalid("An attachment is named twice.", field="attachment_ids")


def take(known: Loaded, attachment_ids: Iterable[UUID], *, by: UUID, channel_id: UUID) -> tuple[Attached, ...]:
    """What a new message of this person in this channel says of these files. Raises `NotFound` where it cannot have one."""
    taken = []
    for attachment_id in attachment_ids:
        state = known.get(attachment_id, AttachmentState)
        if state is None or (state.by, state.channel_id) != (by, channel_id) or state.is_collected or state.message_id:
            raise NotFound(
                f"You have no file {attachment_id} that waits for a message in this channel.", field="attachment_ids"
            )
        taken.append(
            Attached(attachment_id=attachment_id, name=state.name, media_type=state.media_type, size=state.size)
        )
    return tuple(taken)
