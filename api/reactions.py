"""Reactions: put on a message, taken back, and who has."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, put
from litestar.params import FromPath, QueryParameter

from api.freshness import MinPosition, Position, done, reading
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time
from api.requests import ApiRequest, now
from domain.message import no_message
from domain.reaction import AddReaction, RemoveReaction, check_emoji
from projections import reactions


class WhoReacted(msgspec.Struct, frozen=True, kw_only=True):
    """One person's reaction."""

    user_id: UUID
    reacted_at: Time


class Reactions(msgspec.Struct, frozen=True, kw_only=True):
    """Who has put one emoji on a message, in order."""

    reactions: list[WhoReacted]
    next_cursor: str | None


@put("/messages/{message_id:str}/reactions/{emoji:str}", tags=["messages"])
async def add_reaction(request: ApiRequest, message_id: FromPath[UUID], emoji: FromPath[str]) -> Response[Position]:
    """Put an emoji on a message. For members; the same again changes nothing."""
    check_emoji(emoji)
    async with request.services.pool.connection() as connection:
        on_message = await reactions.emoji_on(connection, message_id)
    command = AddReaction(message_id=message_id, user_id=request.me, emoji=emoji, at=now(), on_message=on_message)
    return done((await request.execute(command)).position)


@delete("/messages/{message_id:str}/reactions/{emoji:str}", tags=["messages"], status_code=200)
async def remove_reaction(request: ApiRequest, message_id: FromPath[UUID], emoji: FromPath[str]) -> Response[Position]:
    """Take back an emoji of mine."""
    command = RemoveReaction(message_id=message_id, user_id=request.me, emoji=emoji, at=now())
    return done((await request.execute(command)).position)


@get("/messages/{message_id:str}/reactions", tags=["messages"])
async def list_reactions(
    request: ApiRequest,
    message_id: FromPath[UUID],
    emoji: Annotated[str, QueryParameter(name="emoji", description="Whose is asked for.")],
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Reactions]:
    """Who has put this emoji on the message, in the order in which they did."""
    check_emoji(emoji)
    after = from_cursor(cursor, reactions.WhoAfter)
    async with reading(request, min_position) as view:
        found = await reactions.who(view.connection, message_id, request.me, emoji, after=after, limit=limit)
    if found is None:
        raise no_message(message_id)
    channel_id, rows, further = found
    view.concerns(channel_id)
    people = [WhoReacted(user_id=row.user_id, reacted_at=to_time(row.at)) for row in rows]
    return view.answer(Reactions(reactions=people, next_cursor=to_cursor(further)))
