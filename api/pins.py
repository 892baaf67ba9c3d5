"""Pins: messages that a channel keeps at hand."""

from uuid import UUID

import msgspec
from litestar import Response, delete, get, put
from litestar.params import FromPath

from api.freshness import MinPosition, Position, done, reading
from api.messages import Message, to_message
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.requests import ApiRequest, now
from domain.access import no_channel
from domain.message import PinMessage
from projections import timeline


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """A page of pinned messages, newest pin first."""

    messages: list[Message]
    next_cursor: str | None


@put("/messages/{message_id:str}/pin", tags=["messages"])
async def pin_message(request: ApiRequest, message_id: FromPath[UUID]) -> Response[Position]:
    """Pin a message. For the channel's admins and owners; in a direct channel for its members."""
    command = PinMessage(message_id=message_id, by=request.me, at=now(), pinned=True)
    return done((await request.execute(command)).position)


@delete("/messages/{message_id:str}/pin", tags=["messages"], status_code=200)
async def unpin_message(request: ApiRequest, message_id: FromPath[UUID]) -> Response[Position]:
    """Take the pin away, whoever has put it there."""
    command = PinMessage(message_id=message_id, by=request.me, at=now(), pinned=False)
    return done((await request.execute(command)).position)


@get("/channels/{channel_id:str}/pins", tags=["messages"])
async def list_pins(
    request: ApiRequest,
    channel_id: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Pins]:
    """The channel's pinned messages, replies among them."""
    after = from_cursor(cursor, timeline.PinsAfter)
    async with reading(request, min_position) as view:
        found = await timeline.pins(view.connection, channel_id, request.me, after=after, limit=limit)
    if found is None:
        raise no_channel(channel_id)
    view.concerns(channel_id)
    rows, further = found
    return view.answer(Pins(messages=[to_message(row) for row in rows], next_cursor=to_cursor(further)))
