"""Who is in which channel, with which role. One small stream a person and channel.

A channel keeps an owner. Owners' roles stand in their own streams, so a command that takes one owner away names a
*witness*: another owner, on whose stream the decision relies. The program finds the witness; the log verifies it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.access import may_govern, may_see, outranks, role_of
from domain.block import blocks, refused_by_block
from domain.channel_state import ChannelKind, ChannelState, MembershipState, Role
from domain.decider import Command, Event, Loaded, Needs, NewEvent
from domain.errors import Archived, Forbidden, LastOwner, NotAMember, NotFound
from domain.ids import block_id, membership_id
from domain.user import UserState, active_user, reachable_user


class MemberJoined(Event, frozen=True, kw_only=True):
    """Carries what the channel is, since whoever joins never saw it made."""

    channel_id: UUID
    user_id: UUID
    role: Role
    kind: ChannelKind
    name: str
    topic: str
    at: datetime
    by: UUID | None = None
    """Who added the person; None who came alone, or with the channel."""


class MemberLeft(Event, frozen=True, kw_only=True):
    channel_id: UUID
    user_id: UUID
    at: datetime


class MemberRemoved(Event, frozen=True, kw_only=True):
    channel_id: UUID
    user_id: UUID
    by: UUID
    at: datetime


class RoleChanged(Event, frozen=True, kw_only=True):
    channel_id: UUID
    user_id: UUID
    role: Role
    by: UUID
    at: datetime


MembershipEvent = MemberJoined | MemberLeft | MemberRemoved | RoleChanged


def evolve(_state: MembershipState | None, event: MembershipEvent) -> MembershipState:
    """The state after one more event of the stream."""
    role = event.role if isinstance(event, MemberJoined | RoleChanged) else None
    return MembershipState(channel_id=event.channel_id, user_id=event.user_id, role=role)


def join(channel: ChannelState, user_id: UUID, role: Role, at: datetime, by: UUID | None) -> NewEvent:
    """A person becomes a member of the channel; `by` is who added them."""
    joined = MemberJoined(
        channel_id=channel.channel_id,
        user_id=user_id,
        role=role,
        kind=channel.kind,
        name=channel.name,
        topic=channel.topic,
        at=at,
        by=by,
    )
    return NewEvent(membership_id(channel.channel_id, user_id), joined, channel.channel_id)


class JoinChannel(Command, frozen=True, kw_only=True):
    channel_id: UUID
    user_id: UUID
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.user_id, self.channel_id, membership_id(self.channel_id, self.user_id)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_see(known, self.channel_id, self.user_id)
        if role_of(known, self.channel_id, self.user_id) is not None:
            return ()
        if channel.is_archived:
            raise Archived
        return (join(channel, self.user_id, Role.MEMBER, self.at, None),)


class _KeepsAnOwner(Command, frozen=True, kw_only=True):
    channel_id: UUID
    at: datetime
    witness_id: UUID | None = None
    """Another owner of the channel, one who can log in, where an owner goes."""

    def _witness(self) -> tuple[UUID, ...]:
        witness_id = self.witness_id
        return () if witness_id is None else (membership_id(self.channel_id, witness_id), witness_id)

    def _check_owner_stays(self, known: Loaded, going: UUID) -> None:
        if role_of(known, self.channel_id, going) is not Role.OWNER:
            return
        witness = self.witness_id
        if witness is None or witness == going or role_of(known, self.channel_id, witness) is not Role.OWNER:
            raise LastOwner
        user = known.get(witness, UserState)
        if user is None or not user.is_active:
            raise LastOwner


class LeaveChannel(_KeepsAnOwner, frozen=True, kw_only=True):
    user_id: UUID

    def needs(self, known: Loaded) -> Needs:
        mine = membership_id(self.channel_id, self.user_id)
        return Needs((self.user_id, self.channel_id, mine, *self._witness()))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_see(known, self.channel_id, self.user_id)
        if role_of(known, self.channel_id, self.user_id) is None:
            raise NotAMember
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("The members of a direct channel are fixed.")
        self._check_owner_stays(known, self.user_id)
        left = MemberLeft(channel_id=self.channel_id, user_id=self.user_id, at=self.at)
        return (NewEvent(membership_id(self.channel_id, self.user_id), left, self.channel_id),)


class RemoveMember(_KeepsAnOwner, frozen=True, kw_only=True):
    user_id: UUID
    by: UUID

    def needs(self, known: Loaded) -> Needs:
        theirs, mine = membership_id(self.channel_id, self.user_id), membership_id(self.channel_id, self.by)
        return Needs(tuple(dict.fromkeys((self.by, self.channel_id, mine, theirs, *self._witness()))))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("The members of a direct channel are fixed.")
        theirs = role_of(known, self.channel_id, self.user_id)
        if theirs is None:
            raise NotFound("This person is not in the channel.", field="user_id")
        actor = active_user(known, self.by)
        if not outranks(role_of(known, self.channel_id, self.by), theirs, is_server_admin=actor.is_admin):
            raise Forbidden("An owner can be removed by an owner only.")
        self._check_owner_stays(known, self.user_id)
        removed = MemberRemoved(channel_id=self.channel_id, user_id=self.user_id, by=self.by, at=self.at)
        return (NewEvent(membership_id(self.channel_id, self.user_id), removed, self.channel_id),)


class SetMember(_KeepsAnOwner, frozen=True, kw_only=True):
    """Add a person with a role, or change the role of one who is in the channel."""

    user_id: UUID
    role: Role
    by: UUID

    def needs(self, known: Loaded) -> Needs:
        theirs, mine = membership_id(self.channel_id, self.user_id), membership_id(self.channel_id, self.by)
        block = block_id(self.user_id, self.by)
        relied = (self.by, self.user_id, self.channel_id, mine, theirs, block, *self._witness())
        return Needs(tuple(dict.fromkeys(relied)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("The members of a direct channel are fixed.")
        if channel.is_archived:
            raise Archived
        role = role_of(known, self.channel_id, self.user_id)
        if role is self.role:
            return ()
        if role is None or self.role is not Role.MEMBER:
            reachable_user(known, self.user_id, "user_id")
        if role is not None or self.role is not Role.MEMBER:
            may_govern(known, self.channel_id, self.by, at_least=Role.OWNER)
        if role is None:
            if blocks(known, self.user_id, self.by):
                raise refused_by_block()
            return (join(channel, self.user_id, self.role, self.at, self.by),)
        self._check_owner_stays(known, self.user_id)
        changed = RoleChanged(channel_id=self.channel_id, user_id=self.user_id, role=self.role, by=self.by, at=self.at)
        return (NewEvent(membership_id(self.channel_id, self.user_id), changed, self.channel_id),)
