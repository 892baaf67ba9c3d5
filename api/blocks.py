"""Blocking people, and whom I block."""

from uuid import UUID

import msgspec
from litestar import Response, delete, get, put
from litestar.params import FromPath

from api.freshness import MinPosition, Position, done, reading
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time
from api.requests import ApiRequest, now
from domain.block import SetBlock
from projections import blocks


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom I block."""

    user_id: UUID
    blocked_at: Time


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """A page of people whom I block, by id."""

    blocks: list[Block]
    next_cursor: str | None


@put("/users/{user_id:str}/block", tags=["people"])
async def block_user(request: ApiRequest, user_id: FromPath[UUID]) -> Response[Position]:
    """Block a person: neither makes a direct channel with the other, nor writes in ours; they add me to no channel."""
    command = SetBlock(user_id=request.me, blocked_id=user_id, is_blocked=True, at=now())
    return done((await request.execute(command)).position)


@delete("/users/{user_id:str}/block", tags=["people"], status_code=200)
async def unblock_user(request: ApiRequest, user_id: FromPath[UUID]) -> Response[Position]:
    """Block a person no more."""
    command = SetBlock(user_id=request.me, blocked_id=user_id, is_blocked=False, at=now())
    return done((await request.execute(command)).position)


@get("/me/blocks", tags=["people"])
async def my_blocks(
    request: ApiRequest, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT, min_position: MinPosition = 0
) -> Response[Blocks]:
    """Whom I block. Nobody else sees it."""
    after = from_cursor(cursor, blocks.BlocksAfter)
    async with reading(request, min_position) as view:
        rows, further = await blocks.of_user(view.connection, request.me, after=after, limit=limit)
    found = [Block(user_id=row.blocked_id, blocked_at=to_time(row.blocked_at)) for row in rows]
    return view.answer(Blocks(blocks=found, next_cursor=to_cursor(further)))
