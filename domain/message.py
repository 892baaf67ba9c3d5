"""Messages: posted, edited, deleted. One small stream a message; its id is made by the client, and is the key under which a
resend finds the first one, for ever (promise R2).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from domain.access import may_govern, may_pin, may_take_part, may_write, written_with
from domain.attachment import Attached, AttachmentAttached, check_attachment_ids, take
from domain.channel_state import ChannelState, Role
from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded, State
from domain.errors import Forbidden, InvalidId, LimitReached, MessageIdTaken, NotFound
from domain.ids import membership_id, user_name_id
from domain.mentions import EVERYBODY, mentioned_names
from domain.name_claim import NameState
from domain.text import CONTENT_MAX_CHARACTERS, IMPORTED_CONTENT_MAX_CHARACTERS, check_content

CHANGES_MAX = 1_000
"""Edits and pins of one message; it can be unpinned and deleted still."""


class MessagePosted(Event, frozen=True, kw_only=True):
    channel_id: UUID
    author_id: UUID
    content: str
    created_at: datetime
    parent_id: UUID | None = None
    """The root of the thread, never a reply."""
    also_to_channel: bool = False
    """A reply that stands on the channel's page too."""
    mentions: tuple[UUID, ...] = ()
    mentions_channel: bool = False
    attachments: tuple[Attached, ...] = ()


class MessageEdited(Event, frozen=True, kw_only=True):
    channel_id: UUID
    content: str
    by: UUID
    at: datetime
    mentions: tuple[UUID, ...] = ()
    mentions_channel: bool = False


class MessageDeleted(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


class MessagePinned(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


class MessageUnpinned(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


MessageEvent = MessagePosted | MessageEdited | MessageDeleted | MessagePinned | MessageUnpinned


class MessageState(State, frozen=True, kw_only=True):
    channel_id: UUID
    author_id: UUID
    content: str
    parent_id: UUID | None = None
    is_deleted: bool = False
    has_attachments: bool = False
    is_pinned: bool = False
    changes: int = 0
    """Edits, pins and unpins."""


def evolve(state: MessageState | None, event: MessageEvent) -> MessageState:
    """The state after one more event of the stream."""
    if isinstance(event, MessagePosted):
        return MessageState(
            channel_id=event.channel_id,
            author_id=event.author_id,
            content=event.content,
            parent_id=event.parent_id,
            has_attachments=bool(event.attachments),
        )
    assert state is not None, "a message's first event is its posting"
    if isinstance(event, MessageEdited):
        return replace(state, content=event.content, changes=state.changes + 1)
    if isinstance(event, MessageDeleted):
        return replace(state, content="", is_deleted=True, is_pinned=False)
    return replace(state, is_pinned=isinstance(event, MessagePinned), changes=state.changes + 1)


def _check_may_change(message: MessageState) -> None:
    """Streams are small, and are read whole: nobody makes one long."""
    if message.changes >= CHANGES_MAX:
        raise LimitReached(f"A message is changed {CHANGES_MAX:,} times at most.", field="message_id")


def _name_claims(content: str) -> tuple[UUID, ...]:
    return tuple(user_name_id(name) for name in mentioned_names(content) if name != EVERYBODY)


def _resolve(known: Loaded, content: str) -> tuple[tuple[UUID, ...], bool]:
    """The people mentioned, and whether the channel is."""
    claims = (known.get(claim_id, NameState) for claim_id in _name_claims(content))
    people = dict.fromkeys(claim.holder_id for claim in claims if claim and claim.holder_id)
    return tuple(people), EVERYBODY in mentioned_names(content)


class PostMessage(Command, frozen=True, kw_only=True):
    creates: ClassVar[str | None] = "message_id"

    message_id: UUID
    channel_id: UUID
    author_id: UUID
    content: str
    at: datetime
    parent_id: UUID | None = None
    also_to_channel: bool = False
    attachment_ids: tuple[UUID, ...] = ()
    """Files that the author uploaded for this channel, which no message has."""
    imported: bool = False
    """From another system: its id is version 8 and its content may be longer."""

    def check(self) -> None:
        if self.message_id.version != (8 if self.imported else 7):
            raise InvalidId(field="message_id")
        check_content(
            self.content,
            at_most=IMPORTED_CONTENT_MAX_CHARACTERS if self.imported else CONTENT_MAX_CHARACTERS,
            may_be_empty=bool(self.attachment_ids),
        )
        check_attachment_ids(self.attachment_ids)

    def needs(self, known: Loaded) -> Needs:
        facts = _name_claims(self.content)
        if self.parent_id is not None:
            facts = (*facts, self.parent_id)
        mine = membership_id(self.channel_id, self.author_id)
        block = written_with(known, self.channel_id, self.author_id)
        return Needs((self.author_id, self.channel_id, mine, self.message_id, *self.attachment_ids, *block), facts)

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        may_write(known, self.channel_id, self.author_id)
        mentions, mentions_channel = _resolve(known, self.content)
        root_id = self._root(known)
        posted = MessagePosted(
            channel_id=self.channel_id,
            author_id=self.author_id,
            content=self.content,
            created_at=self.at,
            parent_id=root_id,
            also_to_channel=self.also_to_channel and root_id is not None,
            mentions=mentions,
            mentions_channel=mentions_channel,
            attachments=take(known, self.attachment_ids, by=self.author_id, channel_id=self.channel_id),
        )
        attached = AttachmentAttached(message_id=self.message_id, at=self.at)
        return (
            NewEvent(self.message_id, posted, self.channel_id),
            *(NewEvent(attachment_id, attached) for attachment_id in self.attachment_ids),
        )

    def _root(self, known: Loaded) -> UUID | None:
        """A reply to a reply joins its root."""
        if self.parent_id is None:
            return None
        parent = known.get(self.parent_id, MessageState)
        if parent is None or parent.channel_id != self.channel_id:
            raise NotFound(f"There is no message {self.parent_id} in this channel.", field="parent_id")
        return parent.parent_id or self.parent_id

    def repeats(self, first: Recorded, known: Loaded) -> None:
        event = first.event
        if not isinstance(event, MessagePosted) or not self._is_same(event, known):
            raise MessageIdTaken(field="message_id")

    def _is_same(self, event: MessagePosted, known: Loaded) -> bool:
        if (event.author_id, event.channel_id, event.content) != (self.author_id, self.channel_id, self.content):
            return False
        if tuple(attached.attachment_id for attached in event.attachments) != self.attachment_ids:
            return False
        try:
            root_id = self._root(known)
        except NotFound:
            return False
        return event.parent_id == root_id and event.also_to_channel == (self.also_to_channel and root_id is not None)


class EditMessage(Command, frozen=True, kw_only=True):
    message_id: UUID
    content: str
    by: UUID
    at: datetime

    def check(self) -> None:
        check_content(self.content, may_be_empty=True)  # that of a message with attachments

    def needs(self, known: Loaded) -> Needs:
        return Needs(streams_of(known, self.message_id, self.by), _name_claims(self.content))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message = open_message(known, self.message_id, self.by)
        if message.author_id != self.by:
            raise Forbidden("A message is edited by its author only.")
        if not message.has_attachments:
            check_content(self.content)
        if message.content == self.content:
            return ()
        _check_may_change(message)
        mentions, mentions_channel = _resolve(known, self.content)
        edited = MessageEdited(
            channel_id=message.channel_id,
            content=self.content,
            by=self.by,
            at=self.at,
            mentions=mentions,
            mentions_channel=mentions_channel,
        )
        return (NewEvent(self.message_id, edited, message.channel_id),)


class DeleteMessage(Command, frozen=True, kw_only=True):
    message_id: UUID
    by: UUID
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        return Needs(streams_of(known, self.message_id, self.by))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message = existing_message(known, self.message_id)
        with hidden_as(no_message(self.message_id)):
            if message.author_id == self.by:
                may_take_part(known, message.channel_id, self.by)
            else:
                may_govern(known, message.channel_id, self.by, at_least=Role.ADMIN)
        if message.is_deleted:
            return ()
        deleted = MessageDeleted(channel_id=message.channel_id, by=self.by, at=self.at)
        return (NewEvent(self.message_id, deleted, message.channel_id),)


class PinMessage(Command, frozen=True, kw_only=True):
    """Keep a message at hand in its channel (`pinned=True`), or no more. Whoever deletes it takes the pin away."""

    message_id: UUID
    by: UUID
    at: datetime
    pinned: bool

    def needs(self, known: Loaded) -> Needs:
        return Needs(streams_of(known, self.message_id, self.by))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message = open_message(known, self.message_id, self.by, may_pin)
        if message.is_pinned == self.pinned:
            return ()
        if self.pinned:
            _check_may_change(message)
        kind = MessagePinned if self.pinned else MessageUnpinned
        return (
            NewEvent(self.message_id, kind(channel_id=message.channel_id, by=self.by, at=self.at), message.channel_id),
        )


def streams_of(known: Loaded, message_id: UUID, user_id: UUID) -> tuple[UUID, ...]:
    """What a command of this person about this message relies on: as much of it as can be named by now."""
    message = known.get(message_id, MessageState)
    if message is None:
        return message_id, user_id
    channel_id = message.channel_id
    block = written_with(known, channel_id, user_id)
    return message_id, user_id, channel_id, membership_id(channel_id, user_id), *block


def no_message(message_id: UUID) -> NotFound:
    """The refusal where there is no such message, and where somebody may not know of it: both look the same."""
    return NotFound(f"There is no message {message_id}, or you may not see it.", field="message_id")


@contextmanager
def hidden_as(nothing: NotFound) -> Iterator[None]:
    """Whoever may not see the channel is told the same as where there is nothing: not which channel, nor that there is one."""
    try:
        yield
    except NotFound:
        raise nothing from None


def existing_message(known: Loaded, message_id: UUID) -> MessageState:
    """The message, whoever asks; a deleted one too."""
    message = known.get(message_id, MessageState)
    if message is None:
        raise no_message(message_id)
    return message


def open_message(
    known: Loaded, message_id: UUID, user_id: UUID, may: Callable[[Loaded, UUID, UUID], ChannelState] = may_write
) -> MessageState:
    """The message, while it is not deleted, for who `may` do that in its channel."""
    message = existing_message(known, message_id)
    with hidden_as(no_message(message_id)):
        may(known, message.channel_id, user_id)
    if message.is_deleted:
        raise NotFound("The message was deleted.", field="message_id")
    return message
