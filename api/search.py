"""Search over the messages that I may see."""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from api.freshness import MinPosition, reading
from api.messages import Message, to_message
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.requests import ApiRequest
from domain.access import no_channel
from domain.errors import Invalid, Unavailable
from projections import found
from projections.search import TRAITS

Q_MAX_CHARACTERS = 200
BEHIND_EVENTS = 1_000
"""A search that is so far behind the other views says that it is stale, whatever was asked for."""

_TRAIT = "|".join(TRAITS)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an excerpt."""

    text: str
    is_match: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was found."""

    message: Message
    highlights: list[Segment]
    """An excerpt of its text, in parts: those that match, and what is between them."""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found."""

    results: list[Result]
    next_cursor: str | None
    position: int
    """At which it was true."""


@get("/search", tags=["search"])
async def search_messages(
    request: ApiRequest,
    *,
    q: Annotated[
        str,
        QueryParameter(
            name="q",
            min_length=1,
            max_length=Q_MAX_CHARACTERS,
            description='Words that are all in the message; "a phrase"; `or` between words; `-` before one that is not.',
        ),
    ],
    channel_id: Annotated[UUID | None, QueryParameter(description="Only in this channel.")] = None,
    author_id: Annotated[UUID | None, QueryParameter(description="Only by this person.")] = None,
    before: Annotated[
        str | None, QueryParameter(format="date-time", description="Only written before this time.")
    ] = None,
    after: Annotated[
        str | None, QueryParameter(format="date-time", description="Only written after this time.")
    ] = None,
    has: Annotated[
        str | None,
        QueryParameter(
            pattern=f"^({_TRAIT})(,({_TRAIT}))*$",
            description="Only with a link, an attachment, a mention; several, comma separated, are all wanted.",
        ),
    ] = None,
    sort: Annotated[
        Literal["time", "rank"],
        QueryParameter(description="The newest first, or the best first of the newest 2,000 that match."),
    ] = "time",
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Results]:
    """Messages that I may see whose text matches, without deleted ones. Words that say nothing (the, of) match nothing."""
    by_rank = sort == "rank"
    place = from_cursor(cursor, found.After)
    if place is not None and (place.rank is not None) != by_rank:
        raise Invalid("The cursor is of a list in another order.", field="cursor")
    wanted = found.Wanted(
        text=q,
        channel_id=channel_id,
        author_id=author_id,
        before=_moment(before, "before"),
        after=_moment(after, "after"),
        has=frozenset(has.split(",")) if has else (),
    )
    service = request.services.search
    if not service.runner.serves:
        raise Unavailable("The search is being built, or is another program's now.")
    began, outcome = time.perf_counter(), "failed"
    try:
        async with reading(request, min_position, service.runner) as view:
            began = time.perf_counter()
            page = await found.find(
                view.connection,
                service.view,
                wanted,
                request.me,
                by_rank=by_rank,
                after=place,
                limit=limit,
            )
        outcome = "found" if page is not None and page.results else "nothing"
    finally:
        service.outcomes[outcome] += 1
        service.seconds.observe(time.perf_counter() - began)
    if page is None:
        assert channel_id is not None, "else nothing is there that one may not see"
        raise no_channel(channel_id)
    view.concerns(*(result.message.channel_id for result in page.results))
    view.is_stale = view.is_stale or service.runner.position + BEHIND_EVENTS < request.services.views.position
    return view.answer(_to_results(page))


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        # Not left to Litestar, which takes a number for seconds since 1970 and a time without an offset for any.
        moment: datetime = msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)])
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise Invalid(f"{field} must be a time with its offset, as 2026-11-23T07:00:00Z.", field=field) from None


def _to_results(page: found.Results) -> Results:
    return Results(
        results=[
            Result(
                message=to_message(result.message),
                highlights=[Segment(text=part.text, is_match=part.is_match) for part in result.excerpt],
            )
            for result in page.results
        ],
        next_cursor=to_cursor(page.after),
        position=page.position,
    )
