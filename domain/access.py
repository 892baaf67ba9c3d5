"""The only functions that answer "may this person do that here". The table in docs/access.md is this file in prose.

| | public channel | private, direct |
| --- | --- | --- |
| find, read whole history | everyone | current members |
| post, react, mark, follow threads, set a level | members | members |
| join | everyone | added by a channel admin, or by a link of theirs (private); members are fixed (direct) |
| invite by link | channel admins and owners, server admins | same (private) |
| rename, topic, archive, remove people, delete others' messages | channel admins and owners, server admins | same |
| pin a message | channel admins and owners, server admins | same; members of a direct channel |
| delete channel, give roles | owners, server admins; the last owner cannot leave | same |
| edit a message | its author | its author |

Each raises the refusal, or returns the states that it found. A private channel and no channel look the same to someone
who has no right to know.
"""

from uuid import UUID

from domain.block import block_ids, check_no_block
from domain.channel_state import ChannelKind, ChannelState, MembershipState, Role
from domain.decider import Loaded
from domain.errors import Archived, Forbidden, NotAMember, NotFound
from domain.ids import membership_id
from domain.user import UserState, active_user

_RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


def no_channel(channel_id: UUID) -> NotFound:
    """The refusal where there is no such channel, and where somebody may not know of it: both look the same."""
    return NotFound(f"There is no channel {channel_id}, or you may not see it.", field="channel_id")


def existing_channel(known: Loaded, channel_id: UUID) -> ChannelState:
    """The channel, whoever asks. Raises `NotFound` where there is none, or none any more."""
    channel = known.get(channel_id, ChannelState)
    if channel is None or channel.is_deleted:
        raise no_channel(channel_id)
    return channel


def role_of(known: Loaded, channel_id: UUID, user_id: UUID) -> Role | None:
    """The person's role in the channel; None for who is not in it."""
    membership = known.get(membership_id(channel_id, user_id), MembershipState)
    return membership.role if membership is not None else None


def may_see(known: Loaded, channel_id: UUID, user_id: UUID) -> ChannelState:
    """The channel, for someone who may know of it."""
    active_user(known, user_id)
    channel = existing_channel(known, channel_id)
    if channel.kind is not ChannelKind.PUBLIC and role_of(known, channel_id, user_id) is None:
        raise no_channel(channel_id)
    return channel


def may_take_part(known: Loaded, channel_id: UUID, user_id: UUID) -> ChannelState:
    """The channel, for a member."""
    channel = may_see(known, channel_id, user_id)
    if role_of(known, channel_id, user_id) is None:
        raise NotAMember
    return channel


def may_write(known: Loaded, channel_id: UUID, user_id: UUID) -> ChannelState:
    """The channel, for a member, while it is not archived; of the two in a direct channel while neither blocks the other.

    Whoever asks relies on `written_with` too.
    """
    channel = may_take_part(known, channel_id, user_id)
    if channel.is_archived:
        raise Archived
    for other in _partner(channel, user_id):
        check_no_block(known, user_id, other)
    return channel


def written_with(known: Loaded, channel_id: UUID, user_id: UUID) -> tuple[UUID, ...]:
    """What `may_write` relies on beyond person, channel and membership: in a direct channel of two, whether one blocks the
    other. To be asked again when the channel is loaded.
    """
    channel = known.get(channel_id, ChannelState)
    if channel is None:
        return ()
    return tuple(stream for other in _partner(channel, user_id) for stream in block_ids(user_id, other))


def _partner(channel: ChannelState, user_id: UUID) -> tuple[UUID, ...]:
    """The other one, in the direct channel of exactly two."""
    return tuple(member for member in channel.members if member != user_id) if len(channel.members) == 2 else ()


def may_govern(known: Loaded, channel_id: UUID, user_id: UUID, *, at_least: Role) -> ChannelState:
    """The channel, for a server admin who may see it, or a member of at least this role."""
    user: UserState = active_user(known, user_id)
    channel = existing_channel(known, channel_id) if user.is_admin else may_see(known, channel_id, user_id)
    role = role_of(known, channel_id, user_id)
    if not user.is_admin and (role is None or _RANK[role] < _RANK[at_least]):
        raise Forbidden(f"This needs the role {at_least} in the channel.")
    return channel


def may_pin(known: Loaded, channel_id: UUID, user_id: UUID) -> ChannelState:
    """The channel, for who governs it, and for the members of a direct one, while it is not archived."""
    channel = known.get(channel_id, ChannelState)
    is_mine = channel is not None and channel.kind is ChannelKind.DIRECT and role_of(known, channel_id, user_id)
    if is_mine:
        return may_write(known, channel_id, user_id)
    channel = may_govern(known, channel_id, user_id, at_least=Role.ADMIN)
    if channel.is_archived:
        raise Archived
    return channel


def outranks(mine: Role | None, theirs: Role, *, is_server_admin: bool) -> bool:
    """Whether a person of role `mine` may remove one of role `theirs`: admins and owners, but no one below them."""
    return is_server_admin or (mine is not None and mine is not Role.MEMBER and _RANK[mine] >= _RANK[theirs])
