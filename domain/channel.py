"""Channels: public, private, direct. Made, renamed, described, archived and deleted.

A public channel's own events are on the workspace's feed, since everyone may find it; others' on the channel's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from domain.access import may_govern
from domain.block import block_ids, check_no_block
from domain.channel_state import ChannelKind, ChannelState, Role
from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded
from domain.errors import Archived, ChannelIdTaken, Forbidden, Invalid, InvalidId, NameTaken
from domain.ids import WORKSPACE_FEED, channel_name_id, direct_id, membership_id
from domain.membership import MemberJoined
from domain.name_claim import NameClaimed, NameReleased, NameState
from domain.text import TOPIC_MAX_CHARACTERS, check_channel_name, check_text
from domain.user import active_user, reachable_user

DIRECT_MAX_OTHERS = 8


class ChannelCreated(Event, frozen=True, kw_only=True):
    channel_id: UUID
    kind: ChannelKind
    name: str
    topic: str
    created_by: UUID
    created_at: datetime
    members: tuple[UUID, ...] = ()
    """Of a direct channel, so that a decision knows who the others are."""


class ChannelRenamed(Event, frozen=True, kw_only=True):
    channel_id: UUID
    name: str
    by: UUID
    at: datetime


class TopicChanged(Event, frozen=True, kw_only=True):
    channel_id: UUID
    topic: str
    by: UUID
    at: datetime


class ChannelArchived(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


class ChannelUnarchived(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


class ChannelDeleted(Event, frozen=True, kw_only=True):
    channel_id: UUID
    by: UUID
    at: datetime


ChannelEvent = ChannelCreated | ChannelRenamed | TopicChanged | ChannelArchived | ChannelUnarchived | ChannelDeleted


def evolve(state: ChannelState | None, event: ChannelEvent) -> ChannelState:
    """The state after one more event of the stream."""
    if isinstance(event, ChannelCreated):
        return ChannelState(
            channel_id=event.channel_id,
            kind=event.kind,
            name=event.name,
            topic=event.topic,
            created_by=event.created_by,
            members=event.members,
        )
    assert state is not None, "a channel's first event is its creation"
    match event:
        case ChannelRenamed():
            return replace(state, name=event.name)
        case TopicChanged():
            return replace(state, topic=event.topic)
        case ChannelArchived():
            return replace(state, is_archived=True)
        case ChannelUnarchived():
            return replace(state, is_archived=False)
        case ChannelDeleted():
            return replace(state, is_deleted=True)


def _name_is_free(known: Loaded, name: str, channel_id: UUID) -> bool:
    claim = known.get(channel_name_id(name), NameState)
    return claim is None or claim.holder_id in (None, channel_id)


class CreateChannel(Command, frozen=True, kw_only=True):
    """Make a public or private channel; its maker is its first owner and member."""

    creates: ClassVar[str | None] = "channel_id"

    channel_id: UUID
    kind: ChannelKind
    name: str
    topic: str
    created_by: UUID
    at: datetime
    imported: bool = False
    """From another system: its id is version 8."""

    def check(self) -> None:
        if self.channel_id.version != (8 if self.imported else 7):
            raise InvalidId(field="channel_id")
        if self.kind is ChannelKind.DIRECT:
            raise Invalid("kind must be public or private; direct channels are made from their people.", field="kind")
        check_channel_name(self.name)
        check_text(self.topic, "topic", at_most=TOPIC_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        relied = (self.created_by, self.channel_id, membership_id(self.channel_id, self.created_by))
        return Needs((*relied, channel_name_id(self.name)) if self.kind is ChannelKind.PUBLIC else relied)

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        active_user(known, self.created_by)
        created = ChannelCreated(
            channel_id=self.channel_id,
            kind=self.kind,
            name=self.name,
            topic=self.topic,
            created_by=self.created_by,
            created_at=self.at,
        )
        joined = _joined(created, self.created_by, Role.OWNER)
        if self.kind is ChannelKind.PRIVATE:
            return NewEvent(self.channel_id, created, self.channel_id), joined
        if not _name_is_free(known, self.name, self.channel_id):
            raise NameTaken(f"There is a channel {self.name} already.", field="name")
        claimed = NameClaimed(name=self.name, holder_id=self.channel_id, at=self.at)
        return (
            NewEvent(self.channel_id, created, WORKSPACE_FEED),
            NewEvent(channel_name_id(self.name), claimed),
            joined,
        )

    def repeats(self, first: Recorded, known: Loaded) -> None:
        event = first.event
        mine = (self.created_by, self.kind, self.name, self.topic)
        if not isinstance(event, ChannelCreated) or (event.created_by, event.kind, event.name, event.topic) != mine:
            raise ChannelIdTaken(field="channel_id")


def _joined(created: ChannelCreated, user_id: UUID, role: Role) -> NewEvent:
    joined = MemberJoined(
        channel_id=created.channel_id,
        user_id=user_id,
        role=role,
        kind=created.kind,
        name=created.name,
        topic=created.topic,
        at=created.created_at,
    )
    return NewEvent(membership_id(created.channel_id, user_id), joined, created.channel_id)


class CreateDirect(Command, frozen=True, kw_only=True):
    """The direct channel of these people, made with all of them in it, or found."""

    creates: ClassVar[str | None] = "channel_id"

    created_by: UUID
    user_ids: frozenset[UUID]
    """The others."""
    at: datetime

    @property
    def channel_id(self) -> UUID:
        """The same for the same people."""
        return direct_id(self.user_ids | {self.created_by})

    def check(self) -> None:
        if not 1 <= len(self.user_ids - {self.created_by}) <= DIRECT_MAX_OTHERS:
            raise Invalid(f"user_ids takes 1 to {DIRECT_MAX_OTHERS} other people.", field="user_ids")

    def _people(self) -> list[UUID]:
        return sorted(self.user_ids | {self.created_by})

    def needs(self, known: Loaded) -> Needs:
        channel_id = self.channel_id
        people = self._people()
        between = (stream for other in people for stream in block_ids(self.created_by, other))
        return Needs((channel_id, *people, *(membership_id(channel_id, p) for p in people), *between))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        active_user(known, self.created_by)
        for user_id in self.user_ids:
            reachable_user(known, user_id, "user_ids")
            check_no_block(known, self.created_by, user_id)
        created = ChannelCreated(
            channel_id=self.channel_id,
            kind=ChannelKind.DIRECT,
            name="",
            topic="",
            created_by=self.created_by,
            created_at=self.at,
            members=tuple(self._people()),
        )
        joined = (_joined(created, user_id, Role.MEMBER) for user_id in self._people())
        return NewEvent(self.channel_id, created, self.channel_id), *joined

    def repeats(self, first: Recorded, known: Loaded) -> None:
        """Nothing to compare: the id is made of the people, and says all."""


class ChangeChannel(Command, frozen=True, kw_only=True):
    """Set what is given; None leaves as it is."""

    channel_id: UUID
    by: UUID
    at: datetime
    name: str | None = None
    topic: str | None = None

    def check(self) -> None:
        if self.name is not None:
            check_channel_name(self.name)
        if self.topic is not None:
            check_text(self.topic, "topic", at_most=TOPIC_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        relied = [self.by, self.channel_id, membership_id(self.channel_id, self.by)]
        channel = known.get(self.channel_id, ChannelState)
        if self.name is not None and channel is not None and channel.kind is ChannelKind.PUBLIC:
            relied += dict.fromkeys((channel_name_id(channel.name), channel_name_id(self.name)))
        return Needs(tuple(relied))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("A direct channel has no name or topic.")
        if channel.is_archived:
            raise Archived
        events: list[NewEvent] = []
        if self.name is not None and self.name != channel.name:
            events += self._rename(known, channel, self.name)
        if self.topic is not None and self.topic != channel.topic:
            changed = TopicChanged(channel_id=self.channel_id, topic=self.topic, by=self.by, at=self.at)
            events.append(NewEvent(self.channel_id, changed, channel.feed_id))
        return events

    def _rename(self, known: Loaded, channel: ChannelState, name: str) -> list[NewEvent]:
        renamed = ChannelRenamed(channel_id=self.channel_id, name=name, by=self.by, at=self.at)
        events = [NewEvent(self.channel_id, renamed, channel.feed_id)]
        old_claim, new_claim = channel_name_id(channel.name), channel_name_id(name)
        if channel.kind is ChannelKind.PUBLIC and old_claim != new_claim:
            if not _name_is_free(known, name, self.channel_id):
                raise NameTaken(f"There is a channel {name} already.", field="name")
            released = NameReleased(holder_id=self.channel_id, at=self.at)
            claimed = NameClaimed(name=name, holder_id=self.channel_id, at=self.at)
            events += [NewEvent(old_claim, released), NewEvent(new_claim, claimed)]
        return events


class ArchiveChannel(Command, frozen=True, kw_only=True):
    """Close the channel to changes (`archived=True`), or open it again."""

    channel_id: UUID
    by: UUID
    at: datetime
    archived: bool

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.by, self.channel_id, membership_id(self.channel_id, self.by)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("A direct channel cannot be archived.")
        if channel.is_archived == self.archived:
            return ()
        kind = ChannelArchived if self.archived else ChannelUnarchived
        event = kind(channel_id=self.channel_id, by=self.by, at=self.at)
        return (NewEvent(self.channel_id, event, channel.feed_id),)


class DeleteChannel(Command, frozen=True, kw_only=True):
    """End the channel and every follow interval in it, and release its name."""

    channel_id: UUID
    by: UUID
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        relied = (self.by, self.channel_id, membership_id(self.channel_id, self.by))
        channel = known.get(self.channel_id, ChannelState)
        if channel is not None and channel.kind is ChannelKind.PUBLIC:
            return Needs((*relied, channel_name_id(channel.name)))
        return Needs(relied)

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.OWNER)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("A direct channel cannot be deleted.")
        deleted = ChannelDeleted(channel_id=self.channel_id, by=self.by, at=self.at)
        events = [NewEvent(self.channel_id, deleted, channel.feed_id)]
        if channel.kind is ChannelKind.PUBLIC:
            released = NameReleased(holder_id=self.channel_id, at=self.at)
            events.append(NewEvent(channel_name_id(channel.name), released))
        return events
