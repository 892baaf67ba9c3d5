"""States and small types of channels and memberships, apart from their commands so that `access` can be between them."""

import enum
from uuid import UUID

from domain.decider import State
from domain.ids import WORKSPACE_FEED


class ChannelKind(enum.StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


class Role(enum.StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class ChannelState(State, frozen=True, kw_only=True):
    channel_id: UUID
    kind: ChannelKind
    name: str
    topic: str
    created_by: UUID
    is_archived: bool = False
    is_deleted: bool = False
    members: tuple[UUID, ...] = ()
    """Of a direct channel: its people, who are fixed."""

    @property
    def feed_id(self) -> UUID:
        """The feed of the channel's own events: everyone's for a public channel."""
        return WORKSPACE_FEED if self.kind is ChannelKind.PUBLIC else self.channel_id


class MembershipState(State, frozen=True, kw_only=True):
    channel_id: UUID
    user_id: UUID
    role: Role | None
    """None for someone who has left or was removed."""
