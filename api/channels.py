"""Channels: made, found, changed, ended."""

from typing import Annotated
from uuid import UUID

import msgspec
import uuid_utils.compat
from litestar import Response, delete, get, patch, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.freshness import MinPosition, Position, done, reading, written
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time, to_time_or_none
from api.requests import ApiRequest, Body, now
from api.texts import ChannelName, NewId, Topic
from domain.access import no_channel
from domain.channel import (
    DIRECT_MAX_OTHERS,
    ArchiveChannel,
    ChangeChannel,
    ChannelCreated,
    CreateChannel,
    CreateDirect,
    DeleteChannel,
)
from domain.channel_state import ChannelKind
from domain.decider import Command, Outcome
from domain.membership import MemberJoined
from projections import channels


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel. A direct one has no name; its people are its members."""

    channel_id: UUID
    kind: ChannelKind
    name: str
    topic: str
    created_by: UUID
    created_at: Time
    member_count: int
    archived_at: Time | None = None


class ChangedChannel(Channel, frozen=True, kw_only=True):
    """A channel after a write."""

    position: int


class Channels(msgspec.Struct, frozen=True, kw_only=True):
    """A page of channels, by name."""

    channels: list[Channel]
    next_cursor: str | None


class NewChannel(Body, frozen=True):
    kind: Annotated[ChannelKind, msgspec.Meta(extra_json_schema={"enum": ["public", "private"]})]
    name: ChannelName
    topic: Topic | None = None
    channel_id: NewId | None = None
    """UUID version 7. With it a repeat finds the channel that was made."""


class NewDirect(Body, frozen=True):
    user_ids: Annotated[list[UUID], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": DIRECT_MAX_OTHERS})]
    """The others, 1 to 8."""


class ChannelChange(Body, frozen=True):
    """What to change; the rest stays."""

    name: ChannelName | UnsetType = UNSET
    topic: Topic | UnsetType = UNSET


def to_channel(row: channels.ChannelRow) -> Channel:
    """A row of the view as its readers see it."""
    return Channel(
        channel_id=row.channel_id,
        kind=ChannelKind(row.kind),
        name=row.name,
        topic=row.topic,
        created_by=row.created_by,
        created_at=to_time(row.created_at),
        member_count=row.member_count,
        archived_at=to_time_or_none(row.archived_at),
    )


def _created(outcome: Outcome) -> ChangedChannel:
    """The channel as its first events have it."""
    created = next(r.event for r in outcome.events if isinstance(r.event, ChannelCreated))
    return ChangedChannel(
        channel_id=created.channel_id,
        kind=created.kind,
        name=created.name,
        topic=created.topic,
        created_by=created.created_by,
        created_at=to_time(created.created_at),
        member_count=sum(isinstance(r.event, MemberJoined) for r in outcome.events),
        position=outcome.position,
    )


AGAIN = {200: ResponseSpec(ChangedChannel, description="It was there already.", generate_examples=False)}


async def _create(request: ApiRequest, command: Command) -> Response[ChangedChannel]:
    outcome = await request.execute(command)
    channel = _created(outcome)
    if not outcome.repeated:
        return written(channel, outcome.position, status=201)
    return await _current(request, channel.channel_id, outcome.position, otherwise=channel)


async def _current(
    request: ApiRequest, channel_id: UUID, position: int, otherwise: ChangedChannel | None = None
) -> Response[ChangedChannel]:
    """The channel as it is now; `otherwise` where it is gone, or not for this person any more."""
    async with reading(request, position) as view:
        # A server admin changes a private channel without being in it, and is told what it has become.
        row = await channels.channel(view.connection, channel_id, request.me, or_governs=otherwise is None)
    view.concerns(channel_id)
    if row is not None:
        channel = ChangedChannel(**msgspec.structs.asdict(to_channel(row)), position=position)
    elif otherwise is not None:
        channel = otherwise
    else:
        raise no_channel(channel_id)
    return view.answer(channel, position=position)


@post("/channels", tags=["channels"], responses=AGAIN)
async def create_channel(request: ApiRequest, data: JSONBody[NewChannel]) -> Response[ChangedChannel]:
    """Make a channel and own it. 200 where this same request made it before."""
    command = CreateChannel(
        channel_id=uuid_utils.compat.uuid7() if data.channel_id is None else data.channel_id,
        kind=data.kind,
        name=data.name,
        topic=data.topic or "",
        created_by=request.me,
        at=now(),
    )
    return await _create(request, command)


@post("/directs", tags=["channels"], responses=AGAIN)
async def create_direct(request: ApiRequest, data: JSONBody[NewDirect]) -> Response[ChangedChannel]:
    """The direct channel of me and these people: made (201) or found (200)."""
    return await _create(request, CreateDirect(created_by=request.me, user_ids=frozenset(data.user_ids), at=now()))


@get("/channels", tags=["channels"])
async def find_channels(
    request: ApiRequest,
    text: Annotated[str, QueryParameter(name="query", max_length=100, description="A part of the name.")] = "",
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Channels]:
    """The public channels and mine."""
    after = from_cursor(cursor, channels.DirectoryAfter)
    async with reading(request, min_position) as view:
        rows, further = await channels.directory(view.connection, request.me, text, after=after, limit=limit)
    view.concerns(*(row.channel_id for row in rows))
    return view.answer(Channels(channels=[to_channel(row) for row in rows], next_cursor=to_cursor(further)))


@get("/channels/{channel_id:str}", tags=["channels"])
async def get_channel(
    request: ApiRequest, channel_id: FromPath[UUID], min_position: MinPosition = 0
) -> Response[Channel]:
    """One channel that I may see."""
    async with reading(request, min_position) as view:
        row = await channels.channel(view.connection, channel_id, request.me)
    if row is None:
        raise no_channel(channel_id)
    view.concerns(channel_id)
    return view.answer(to_channel(row))


@patch("/channels/{channel_id:str}", tags=["channels"])
async def change_channel(
    request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[ChannelChange]
) -> Response[ChangedChannel]:
    """Change the name or the topic. For the channel's admins and owners."""
    command = ChangeChannel(
        channel_id=channel_id,
        by=request.me,
        at=now(),
        name=None if data.name is UNSET else data.name,
        topic=None if data.topic is UNSET else data.topic,
    )
    outcome = await request.execute(command)
    return await _current(request, channel_id, outcome.position)


@delete("/channels/{channel_id:str}", tags=["channels"], status_code=200)
async def delete_channel(request: ApiRequest, channel_id: FromPath[UUID]) -> Response[Position]:
    """End the channel for everyone. For its owners."""
    outcome = await request.execute(DeleteChannel(channel_id=channel_id, by=request.me, at=now()))
    return done(outcome.position)


@post("/channels/{channel_id:str}/archive", tags=["channels"], status_code=200)
async def archive_channel(request: ApiRequest, channel_id: FromPath[UUID]) -> Response[Position]:
    """Close the channel to changes. For its admins and owners."""
    command = ArchiveChannel(channel_id=channel_id, by=request.me, at=now(), archived=True)
    return done((await request.execute(command)).position)


@post("/channels/{channel_id:str}/unarchive", tags=["channels"], status_code=200)
async def unarchive_channel(request: ApiRequest, channel_id: FromPath[UUID]) -> Response[Position]:
    """Open the channel again. For its admins and owners."""
    command = ArchiveChannel(channel_id=channel_id, by=request.me, at=now(), archived=False)
    return done((await request.execute(command)).position)
