"""Who is in a channel: joining, leaving, adding, removing, roles."""

from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromPath, JSONBody

from api.freshness import MinPosition, Position, done, reading
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time
from api.requests import ApiRequest, Body, now
from domain.access import no_channel
from domain.channel_state import Role
from domain.membership import JoinChannel, LeaveChannel, RemoveMember, SetMember
from projections import memberships


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a channel."""

    user_id: UUID
    role: Role
    joined_at: Time


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """A page of members, by id."""

    members: list[Member]
    next_cursor: str | None


class NewRole(Body, frozen=True):
    role: Role


@post("/channels/{channel_id:str}/join", tags=["members"], status_code=200)
async def join_channel(request: ApiRequest, channel_id: FromPath[UUID]) -> Response[Position]:
    """Become a member of a public channel."""
    outcome = await request.execute(JoinChannel(channel_id=channel_id, user_id=request.me, at=now()))
    return done(outcome.position)


@post("/channels/{channel_id:str}/leave", tags=["members"], status_code=200)
async def leave_channel(request: ApiRequest, channel_id: FromPath[UUID]) -> Response[Position]:
    """Stop being a member. The last owner cannot."""
    outcome = await request.execute(LeaveChannel(channel_id=channel_id, user_id=request.me, at=now()))
    return done(outcome.position)


@get("/channels/{channel_id:str}/members", tags=["members"])
async def list_members(
    request: ApiRequest,
    channel_id: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Members]:
    """Who is in the channel."""
    after = from_cursor(cursor, memberships.MembersAfter)
    async with reading(request, min_position) as view:
        found = await memberships.members(view.connection, channel_id, request.me, after=after, limit=limit)
    if found is None:
        raise no_channel(channel_id)
    view.concerns(channel_id)
    rows, further = found
    members = [Member(user_id=row.user_id, role=Role(row.role), joined_at=to_time(row.joined_at)) for row in rows]
    return view.answer(Members(members=members, next_cursor=to_cursor(further)))


@put("/channels/{channel_id:str}/members/{user_id:str}", tags=["members"])
async def set_member(
    request: ApiRequest, channel_id: FromPath[UUID], user_id: FromPath[UUID], data: JSONBody[NewRole]
) -> Response[Position]:
    """Add a person, or change the role of one who is there."""
    command = SetMember(channel_id=channel_id, user_id=user_id, role=data.role, by=request.me, at=now())
    return done((await request.execute(command)).position)


@delete("/channels/{channel_id:str}/members/{user_id:str}", tags=["members"], status_code=200)
async def remove_member(request: ApiRequest, channel_id: FromPath[UUID], user_id: FromPath[UUID]) -> Response[Position]:
    """Remove a person from the channel. For its admins and owners."""
    command = RemoveMember(channel_id=channel_id, user_id=user_id, by=request.me, at=now())
    return done((await request.execute(command)).position)
