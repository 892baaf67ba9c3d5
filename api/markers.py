"""What I have read, follow and want to hear of, as I say it. What comes of it: `api/mine.py`."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, post, put
from litestar.params import FromPath, JSONBody

from api.freshness import INTEGER_MAX, Position, done
from api.requests import ApiRequest, Body, now
from domain.errors import NotFound
from domain.reading import FollowThread, Level, MarkRead, MarkUnread, SetLevel


class Read(Body, frozen=True):
    seq: Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]
    """The last one read."""


class UnreadAgain(Body, frozen=True):
    seq: Annotated[int, msgspec.Meta(ge=1, le=INTEGER_MAX)]
    """The first one that is unread again."""


class NewLevel(Body, frozen=True):
    level: Level


async def _thread_bounds(request: ApiRequest, root_id: UUID) -> tuple[int, int]:
    """Like `mark_bounds`. Without a channel the decision refuses, whatever the head."""
    channel_id = await request.services.message_channel(root_id)
    return (0, 0) if channel_id is None else await request.services.mark_bounds(channel_id, request.me)


async def _to_thread(request: ApiRequest, command: MarkRead | MarkUnread | FollowThread) -> Response[Position]:
    """Carry out a command on a thread. Its root is the path's `message_id` here, and so a refusal calls it."""
    try:
        return done((await request.execute(command)).position)
    except NotFound as refusal:
        raise NotFound(str(refusal), field="message_id") from None


async def _mark_channel(
    request: ApiRequest, kind: type[MarkRead] | type[MarkUnread], channel_id: UUID, seq: int
) -> Response[Position]:
    head_seq, joined_seq = await request.services.mark_bounds(channel_id, request.me)
    command = kind(
        user_id=request.me, channel_id=channel_id, seq=seq, head_seq=head_seq, joined_seq=joined_seq, at=now()
    )
    return done((await request.execute(command)).position)


async def _mark_thread(
    request: ApiRequest, kind: type[MarkRead] | type[MarkUnread], root_id: UUID, seq: int
) -> Response[Position]:
    head_seq, joined_seq = await _thread_bounds(request, root_id)
    command = kind(user_id=request.me, parent_id=root_id, seq=seq, head_seq=head_seq, joined_seq=joined_seq, at=now())
    return await _to_thread(request, command)


@put("/channels/{channel_id:str}/read", tags=["reading"])
async def mark_channel_read(
    request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[Read]
) -> Response[Position]:
    """I have read up to here. Only forward."""
    return await _mark_channel(request, MarkRead, channel_id, data.seq)


@post("/channels/{channel_id:str}/unread", tags=["reading"], status_code=200)
async def mark_channel_unread(
    request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[UnreadAgain]
) -> Response[Position]:
    """This message and what follows is unread again, for me."""
    return await _mark_channel(request, MarkUnread, channel_id, data.seq)


@put("/threads/{message_id:str}/read", tags=["reading"])
async def mark_thread_read(request: ApiRequest, message_id: FromPath[UUID], data: JSONBody[Read]) -> Response[Position]:
    """I have read this thread up to here. Only forward."""
    return await _mark_thread(request, MarkRead, message_id, data.seq)


@post("/threads/{message_id:str}/unread", tags=["reading"], status_code=200)
async def mark_thread_unread(
    request: ApiRequest, message_id: FromPath[UUID], data: JSONBody[UnreadAgain]
) -> Response[Position]:
    """This reply and what follows in its thread is unread again, for me."""
    return await _mark_thread(request, MarkUnread, message_id, data.seq)


@put("/threads/{message_id:str}/follow", tags=["reading"])
async def follow_thread(request: ApiRequest, message_id: FromPath[UUID]) -> Response[Position]:
    """Follow the thread of this root. What comes from now on counts."""
    head_seq, _ = await _thread_bounds(request, message_id)
    command = FollowThread(user_id=request.me, parent_id=message_id, followed=True, head_seq=head_seq, at=now())
    return await _to_thread(request, command)


@delete("/threads/{message_id:str}/follow", tags=["reading"], status_code=200)
async def unfollow_thread(request: ApiRequest, message_id: FromPath[UUID]) -> Response[Position]:
    """Follow it no more, also when I am mentioned in it or reply again."""
    command = FollowThread(user_id=request.me, parent_id=message_id, followed=False, at=now())
    return await _to_thread(request, command)


@put("/channels/{channel_id:str}/level", tags=["reading"])
async def set_level(request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[NewLevel]) -> Response[Position]:
    """What I want to be told of this channel. The counts are the same at each level."""
    command = SetLevel(user_id=request.me, channel_id=channel_id, level=data.level, at=now())
    return done((await request.execute(command)).position)
