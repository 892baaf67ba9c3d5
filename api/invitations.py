"""Invitations by link: made and revoked by a channel's admins, shown and used by who has the code."""

import secrets
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody

from api.freshness import MinPosition, Position, done, reading, written
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time
from api.requests import ApiRequest, Body, now
from domain.access import no_channel
from domain.channel_state import ChannelKind
from domain.errors import Forbidden, Unavailable
from domain.ids import invitation_id as id_of
from domain.invitation import (
    DEFAULT_S,
    MAX_S,
    USES_MAX,
    CreateInvitation,
    InvitationCreated,
    JoinByInvitation,
    RevokeInvitation,
    no_invitation,
)
from domain.membership import MemberJoined
from projections import invitations

_Seconds = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_S})]
_Uses = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": USES_MAX})]


class NewInvitation(Body, frozen=True):
    expires_in_s: _Seconds | None = None
    """1 to 2,592,000 seconds, which is 30 days; 7 days where it is left out."""
    max_uses: _Uses | None = None
    """How many people may join by it; any number where it is left out."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation, as those see it who may revoke it."""

    invitation_id: UUID
    code: str
    """What the link carries. Whoever has it may join."""
    created_by: UUID
    created_at: Time
    expires_at: Time
    max_uses: int | None
    uses: int


class MadeInvitation(Invitation, frozen=True, kw_only=True):
    """An invitation that was just made."""

    position: int


class Invitations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of living invitations, oldest first."""

    invitations: list[Invitation]
    next_cursor: str | None


class Inviter(msgspec.Struct, frozen=True, kw_only=True):
    """Who made an invitation."""

    user_id: UUID
    username: str
    display_name: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an invitation leads to."""

    channel_id: UUID
    kind: ChannelKind
    name: str
    topic: str
    member_count: int
    invited_by: Inviter
    expires_at: Time


class JoinedChannel(Position, frozen=True, kw_only=True):
    """The channel that one is in now."""

    channel_id: UUID


def _to_invitation(row: invitations.InvitationRow) -> Invitation:
    return Invitation(
        invitation_id=row.invitation_id,
        code=row.code,
        created_by=row.created_by,
        created_at=to_time(row.created_at),
        expires_at=to_time(row.expires_at),
        max_uses=row.max_uses,
        uses=row.uses,
    )


@post("/channels/{channel_id:str}/invitations", tags=["invitations"])
async def create_invitation(
    request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[NewInvitation]
) -> Response[MadeInvitation]:
    """Make a link by which people join the channel. For its admins and owners."""
    command = CreateInvitation(
        channel_id=channel_id,
        code=secrets.token_urlsafe(32),
        by=request.me,
        at=now(),
        expires_in_s=DEFAULT_S if data.expires_in_s is None else data.expires_in_s,
        max_uses=data.max_uses,
    )
    outcome = await request.execute(command)
    made = outcome.events[0].event
    assert isinstance(made, InvitationCreated), "what the command writes, or wrote when it was sent first"
    answer = MadeInvitation(
        invitation_id=outcome.events[0].stream_id,
        code=made.code,
        created_by=made.by,
        created_at=to_time(made.at),
        expires_at=to_time(made.expires_at),
        max_uses=made.max_uses,
        uses=0,
        position=outcome.position,
    )
    if not outcome.repeated:
        return written(answer, outcome.position, status=201)
    async with reading(request, outcome.position) as view:
        uses = await invitations.uses(view.connection, answer.invitation_id, request.me)
    if uses is not None:
        answer = msgspec.structs.replace(answer, uses=uses)
    return view.answer(answer, position=outcome.position, status=201)


@get("/channels/{channel_id:str}/invitations", tags=["invitations"])
async def list_invitations(
    request: ApiRequest,
    channel_id: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Invitations]:
    """The channel's invitations that may still be used. For its admins and owners."""
    after = from_cursor(cursor, invitations.InvitationsAfter)
    async with reading(request, min_position) as view:
        may_see, may_govern, rows, further = await invitations.of_channel(
            view.connection, channel_id, request.me, now(), after=after, limit=limit
        )
    view.concerns(channel_id)
    if not may_govern:
        if may_see:
            raise Forbidden("This needs the role admin in the channel.")
        raise no_channel(channel_id)
    return view.answer(Invitations(invitations=[_to_invitation(row) for row in rows], next_cursor=to_cursor(further)))


@delete("/channels/{channel_id:str}/invitations/{invitation_id:str}", tags=["invitations"], status_code=200)
async def revoke_invitation(
    request: ApiRequest, channel_id: FromPath[UUID], invitation_id: FromPath[UUID]
) -> Response[Position]:
    """End an invitation; who has joined by it stays. For the channel's admins and owners."""
    command = RevokeInvitation(channel_id=channel_id, invitation_id=invitation_id, by=request.me, at=now())
    return done((await request.execute(command)).position)


@get("/invitations/{code:str}", tags=["invitations"])
async def preview_invitation(
    request: ApiRequest, code: FromPath[str], min_position: MinPosition = 0
) -> Response[Preview]:
    """Which channel a code leads to, and who invites. The code is the right to know it."""
    async with reading(request, min_position) as view:
        row = await invitations.preview(view.connection, id_of(code), now())
    if row is None:
        raise no_invitation()
    view.concerns(row.channel_id)
    preview = Preview(
        channel_id=row.channel_id,
        kind=ChannelKind(row.kind),
        name=row.name,
        topic=row.topic,
        member_count=row.member_count,
        invited_by=Inviter(user_id=row.invited_by, username=row.username, display_name=row.display_name),
        expires_at=to_time(row.expires_at),
    )
    return view.answer(preview)


@post("/invitations/{code:str}/join", tags=["invitations"], status_code=200)
async def join_by_invitation(request: ApiRequest, code: FromPath[str]) -> Response[JoinedChannel]:
    """Become a member of the channel that the code leads to. Who is one already uses nothing up."""
    outcome = await request.execute(JoinByInvitation(code=code, user_id=request.me, at=now()))
    channel_id = next((r.event.channel_id for r in outcome.events if isinstance(r.event, MemberJoined)), None)
    if channel_id is None:
        async with reading(request, outcome.position) as view:
            row = await invitations.invitation(view.connection, id_of(code))
        if row is None:
            raise Unavailable("The views have not caught up: try again.", retry_after_ms=1_000)
        channel_id = row.channel_id
    return written(JoinedChannel(channel_id=channel_id, position=outcome.position), outcome.position)
