"""Messages: posted, paged, changed; and replies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from api.freshness import INTEGER_MAX, MinPosition, Position, done, reading, written
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time, to_time_or_none
from api.requests import ApiRequest, Body, now
from api.texts import Content, NewId
from domain.access import no_channel
from domain.attachment import ATTACHMENTS_MAX, Attached
from domain.decider import Outcome
from domain.errors import Invalid
from domain.message import DeleteMessage, EditMessage, MessagePosted, PostMessage, no_message
from projections import history, threads, timeline

Before = Annotated[int | None, QueryParameter(name="before", ge=0, le=INTEGER_MAX, description="Older than this seq.")]
After = Annotated[int | None, QueryParameter(name="after", ge=0, le=INTEGER_MAX, description="Newer than this seq.")]
Around = Annotated[
    int | None, QueryParameter(name="around", ge=0, le=INTEGER_MAX, description="On both sides of this seq.")
]


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """One emoji on a message, and whose it is."""

    emoji: str
    count: int
    user_ids: list[UUID]
    """The first 100, in order."""


class MessageAttachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message; `GET /v1/attachments/{attachment_id}` has its content."""

    attachment_id: UUID
    name: str
    media_type: str
    """As the uploader declared it."""
    size: int
    """Bytes."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message. A deleted one keeps its place; its content is empty."""

    message_id: UUID
    channel_id: UUID
    seq: int
    """Its number in the channel's feed."""
    author_id: UUID
    content: str
    created_at: Time
    edited_at: Time | None = None
    deleted_at: Time | None = None
    parent_id: UUID | None = None
    """Of a reply: the root of its thread."""
    also_to_channel: bool = False
    mentions: list[UUID] = []
    mentions_channel: bool = False
    attachments: list[MessageAttachment] = []
    reactions: list[Reaction] = []
    """In the order of their first ones that stand."""
    reply_count: int = 0
    last_reply_at: Time | None = None
    pinned: bool = False
    redacted: bool = False


class ChangedMessage(Message, frozen=True, kw_only=True):
    """A message after a write."""

    position: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Messages in seq order."""

    messages: list[Message]
    has_more_before: bool
    has_more_after: bool
    position: int
    """At which all of this was true."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What a message said, and since when."""

    content: str
    at: Time
    by: UUID


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A page of versions, oldest first; the present one is the last of all."""

    versions: list[Version]
    next_cursor: str | None


class NewMessage(Body, frozen=True):
    message_id: NewId
    """UUID version 7, made by the client. A resend with the same id is never posted twice."""
    content: Content
    parent_id: UUID | None = None
    also_to_channel: bool | None = None
    attachment_ids: (
        Annotated[list[UUID], msgspec.Meta(extra_json_schema={"maxItems": ATTACHMENTS_MAX, "uniqueItems": True})] | None
    ) = None
    """At most 10 files that I uploaded for this channel, which no message has. With them the content may be empty."""


class NewContent(Body, frozen=True):
    content: Content


def _attachments(attached: Sequence[Attached]) -> list[MessageAttachment]:
    return [
        MessageAttachment(attachment_id=a.attachment_id, name=a.name, media_type=a.media_type, size=a.size)
        for a in attached
    ]


def to_message(row: timeline.MessageRow) -> Message:
    """A row of the view as its readers see it."""
    return Message(
        message_id=row.message_id,
        channel_id=row.channel_id,
        seq=row.seq,
        author_id=row.author_id,
        content=row.content,
        created_at=to_time(row.created_at),
        edited_at=to_time_or_none(row.edited_at),
        deleted_at=to_time_or_none(row.deleted_at),
        parent_id=row.parent_id,
        also_to_channel=row.also_to_channel,
        mentions=list(row.mentions),
        mentions_channel=row.mentions_channel,
        reactions=[
            Reaction(emoji=each.emoji, count=each.count, user_ids=list(each.user_ids)) for each in row.reactions
        ],
        attachments=_attachments(row.attachments),
        reply_count=row.reply_count,
        last_reply_at=to_time_or_none(row.last_reply_at),
        pinned=row.pinned,
    )


def _posted(outcome: Outcome) -> ChangedMessage:
    """The message as its first event has it."""
    recorded = outcome.events[0]
    event = recorded.event
    assert isinstance(event, MessagePosted) and recorded.seq is not None, "a message begins with its posting"
    return ChangedMessage(
        message_id=recorded.stream_id,
        channel_id=event.channel_id,
        seq=recorded.seq,
        author_id=event.author_id,
        content=event.content,
        created_at=to_time(event.created_at),
        parent_id=event.parent_id,
        also_to_channel=event.also_to_channel,
        mentions=list(event.mentions),
        mentions_channel=event.mentions_channel,
        attachments=_attachments(event.attachments),
        position=outcome.position,
    )


AGAIN = {200: ResponseSpec(ChangedMessage, description="It was there already.", generate_examples=False)}


async def _current(
    request: ApiRequest, message_id: UUID, position: int, otherwise: ChangedMessage | None = None
) -> Response[ChangedMessage]:
    """The message as it is now; `otherwise`, its first event's, where this person may not see it any more. Without it the
    person has just changed the message.
    """
    async with reading(request, position) as view:
        row = await timeline.message(view.connection, message_id, request.me)
        if row is None and otherwise is None:
            # It has just been changed, so it is there: the views are behind, or hold its channel.
            row, view.is_stale = await history.written(view.connection, message_id), True
        # The views may be behind a deletion, which is later than the position; what was deleted does not come back.
        deleted_at = None if otherwise is None else await history.deleted_at(view.connection, message_id)
    if row is not None:
        view.concerns(row.channel_id)
        message = ChangedMessage(**msgspec.structs.asdict(to_message(row)), position=position)
    elif otherwise is not None:
        message = otherwise
    else:
        raise no_message(message_id)
    if deleted_at is not None and message.deleted_at is None:
        message = _emptied(message, deleted_at)
    return view.answer(message, position=position)


def _emptied(message: ChangedMessage, deleted_at: datetime) -> ChangedMessage:
    return msgspec.structs.replace(
        message,
        content="",
        deleted_at=to_time(deleted_at),
        mentions=[],
        mentions_channel=False,
        attachments=[],
        reactions=[],
        pinned=False,
    )


@post("/channels/{channel_id:str}/messages", tags=["messages"], responses=AGAIN)
async def post_message(
    request: ApiRequest, channel_id: FromPath[UUID], data: JSONBody[NewMessage]
) -> Response[ChangedMessage]:
    """Post into a channel. The same again answers 200 with the first one, for ever."""
    command = PostMessage(
        message_id=data.message_id,
        channel_id=channel_id,
        author_id=request.me,
        content=data.content,
        at=now(),
        parent_id=data.parent_id,
        also_to_channel=bool(data.also_to_channel),
        attachment_ids=tuple(data.attachment_ids or ()),
    )
    outcome = await request.execute(command)
    message = _posted(outcome)
    if not outcome.repeated:
        return written(message, outcome.position, status=201)
    return await _current(request, message.message_id, outcome.position, otherwise=message)


@get("/channels/{channel_id:str}/messages", tags=["messages"])
async def page_messages(
    request: ApiRequest,
    channel_id: FromPath[UUID],
    *,
    before: Before = None,
    after: After = None,
    around: Around = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Page]:
    """The channel's page: roots, and replies also sent to the channel. Without a seq the newest."""
    _at_most_one(before=before, after=after, around=around)
    async with reading(request, min_position) as view:
        page = await timeline.page(
            view.connection, channel_id, request.me, before=before, after=after, around=around, limit=limit
        )
    if page is None:
        raise no_channel(channel_id)
    view.concerns(channel_id)
    return view.answer(_to_page(page))


def _to_page(page: timeline.Page) -> Page:
    return Page(
        messages=[to_message(row) for row in page.messages],
        has_more_before=page.has_more_before,
        has_more_after=page.has_more_after,
        position=page.position,
    )


def _at_most_one(**places: int | None) -> None:
    given = [name for name, seq in places.items() if seq is not None]
    if len(given) > 1:
        raise Invalid(f"At most one of {', '.join(places)} is given.", field=given[1])


@get("/messages/{message_id:str}", tags=["messages"])
async def get_message(
    request: ApiRequest, message_id: FromPath[UUID], min_position: MinPosition = 0
) -> Response[Message]:
    """One message that I may see."""
    async with reading(request, min_position) as view:
        row = await timeline.message(view.connection, message_id, request.me)
    if row is None:
        raise no_message(message_id)
    view.concerns(row.channel_id)
    return view.answer(to_message(row))


@patch("/messages/{message_id:str}", tags=["messages"])
async def edit_message(
    request: ApiRequest, message_id: FromPath[UUID], data: JSONBody[NewContent]
) -> Response[ChangedMessage]:
    """Change what I wrote."""
    command = EditMessage(message_id=message_id, content=data.content, by=request.me, at=now())
    outcome = await request.execute(command)
    return await _current(request, message_id, outcome.position)


@delete("/messages/{message_id:str}", tags=["messages"], status_code=200)
async def delete_message(request: ApiRequest, message_id: FromPath[UUID]) -> Response[Position]:
    """Empty a message; it keeps its place. For its author, and the channel's admins and owners."""
    outcome = await request.execute(DeleteMessage(message_id=message_id, by=request.me, at=now()))
    return done(outcome.position)


@get("/messages/{message_id:str}/history", tags=["messages"])
async def list_versions(
    request: ApiRequest,
    message_id: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[History]:
    """What a message said before it was edited. Of a deleted message nothing."""
    after = from_cursor(cursor, history.VersionsAfter)
    async with reading(request, min_position) as view:
        found = await history.versions(view.connection, message_id, request.me, after=after, limit=limit)
    if found is None:
        raise no_message(message_id)
    channel_id, rows, further = found
    view.concerns(channel_id)
    versions = [Version(content=row.content, at=to_time(row.at), by=row.by) for row in rows]
    return view.answer(History(versions=versions, next_cursor=to_cursor(further)))


@get("/messages/{message_id:str}/replies", tags=["messages"])
async def page_replies(
    request: ApiRequest,
    message_id: FromPath[UUID],
    *,
    before: Before = None,
    after: After = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Page]:
    """The replies to a message. Without a seq the newest."""
    _at_most_one(before=before, after=after)
    async with reading(request, min_position) as view:
        page = await threads.replies(view.connection, message_id, request.me, before=before, after=after, limit=limit)
        if view.any_is_held and (root := await timeline.message(view.connection, message_id, request.me)) is not None:
            view.concerns(root.channel_id)  # the page may have no reply that tells it
    if page is None:
        raise no_message(message_id)
    return view.answer(_to_page(page))
