"""Invitations by link to a channel: who has the code may join, until it expires, is used up or is revoked.

The stream's id is made of the code, so whoever shows a code finds its stream, and nobody finds a code. An invitation stands
though its maker has lost the right to invite: a channel's admins see it in the list and revoke it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from domain.access import existing_channel, may_govern, role_of
from domain.channel_state import ChannelKind, Role
from domain.decider import Command, Event, Loaded, Needs, NewEvent, State
from domain.errors import Archived, Forbidden, Invalid, NotFound
from domain.ids import invitation_id, membership_id
from domain.membership import join
from domain.user import active_user

DEFAULT_S, MAX_S = 7 * 24 * 3600, 30 * 24 * 3600
USES_MAX = 100_000
"""More than any link is for; who wants no bound leaves it out."""


class InvitationCreated(Event, frozen=True, kw_only=True):
    channel_id: UUID
    code: str
    by: UUID
    at: datetime
    expires_at: datetime
    max_uses: int | None = None
    """None for any number of people."""


class InvitationUsed(Event, frozen=True, kw_only=True):
    user_id: UUID
    at: datetime


class InvitationRevoked(Event, frozen=True, kw_only=True):
    by: UUID
    at: datetime


InvitationEvent = InvitationCreated | InvitationUsed | InvitationRevoked


class InvitationState(State, frozen=True, kw_only=True):
    channel_id: UUID
    expires_at: datetime
    max_uses: int | None
    uses: int = 0
    is_revoked: bool = False

    def is_living(self, at: datetime) -> bool:
        """Whether one more person may use it."""
        has_uses = self.max_uses is None or self.uses < self.max_uses
        return has_uses and not self.is_revoked and at < self.expires_at


def evolve(state: InvitationState | None, event: InvitationEvent) -> InvitationState:
    """The state after one more event of the stream."""
    if isinstance(event, InvitationCreated):
        return InvitationState(channel_id=event.channel_id, expires_at=event.expires_at, max_uses=event.max_uses)
    assert state is not None, "an invitation's first event is its creation"
    if isinstance(event, InvitationUsed):
        return replace(state, uses=state.uses + 1)
    return replace(state, is_revoked=True)


def no_invitation() -> NotFound:
    """The one answer for a code that leads nowhere, whatever the reason."""
    return NotFound("There is no such invitation, or it is over.", field="code")


class CreateInvitation(Command, frozen=True, kw_only=True):
    channel_id: UUID
    code: str
    """32 random bytes as base64url."""
    by: UUID
    at: datetime
    expires_in_s: int = DEFAULT_S
    max_uses: int | None = None

    def check(self) -> None:
        if not 1 <= self.expires_in_s <= MAX_S:
            raise Invalid(f"expires_in_s must be 1 to {MAX_S}, which is 30 days.", field="expires_in_s")
        if self.max_uses is not None and not 1 <= self.max_uses <= USES_MAX:
            raise Invalid(f"max_uses must be 1 to {USES_MAX}.", field="max_uses")

    def needs(self, known: Loaded) -> Needs:
        mine = membership_id(self.channel_id, self.by)
        return Needs((self.by, self.channel_id, mine, invitation_id(self.code)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        channel = may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        if channel.kind is ChannelKind.DIRECT:
            raise Forbidden("The members of a direct channel are fixed.")
        if channel.is_archived:
            raise Archived
        created = InvitationCreated(
            channel_id=self.channel_id,
            code=self.code,
            by=self.by,
            at=self.at,
            expires_at=self.at + timedelta(seconds=self.expires_in_s),
            max_uses=self.max_uses,
        )
        return (NewEvent(invitation_id(self.code), created),)


class RevokeInvitation(Command, frozen=True, kw_only=True):
    channel_id: UUID
    invitation_id: UUID
    by: UUID
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.by, self.channel_id, membership_id(self.channel_id, self.by), self.invitation_id))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        may_govern(known, self.channel_id, self.by, at_least=Role.ADMIN)
        invitation = known.get(self.invitation_id, InvitationState)
        if invitation is None or invitation.channel_id != self.channel_id:
            raise NotFound("There is no such invitation to this channel.", field="invitation_id")
        if invitation.is_revoked:
            return ()
        return (NewEvent(self.invitation_id, InvitationRevoked(by=self.by, at=self.at)),)


class JoinByInvitation(Command, frozen=True, kw_only=True):
    """Join the channel of this code, and count it: one command, so that a counted invitation admits exactly so many.

    Who is in the channel already joins again for nothing, though the invitation be over: so the last of its users may ask
    twice.
    """

    code: str
    user_id: UUID
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        stream_id = invitation_id(self.code)
        invitation = known.get(stream_id, InvitationState)
        if invitation is None:
            return Needs((self.user_id, stream_id))
        channel_id = invitation.channel_id
        return Needs((self.user_id, stream_id, channel_id, membership_id(channel_id, self.user_id)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        active_user(known, self.user_id)
        stream_id = invitation_id(self.code)
        invitation = known.get(stream_id, InvitationState)
        if invitation is None:
            raise no_invitation()
        try:
            channel = existing_channel(known, invitation.channel_id)
        except NotFound:
            raise no_invitation() from None
        if role_of(known, channel.channel_id, self.user_id) is not None:
            return ()
        if channel.is_archived or not invitation.is_living(self.at):
            raise no_invitation()
        used = InvitationUsed(user_id=self.user_id, at=self.at)
        return NewEvent(stream_id, used), join(channel, self.user_id, Role.MEMBER, self.at, None)
