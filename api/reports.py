"""Reporting a message, and what admins do with reports. To everybody else nothing is below /v1/admin."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from api.freshness import MinPosition, Position, done, reading, written
from api.messages import Message, to_message
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time, to_time_or_none
from api.requests import ApiRequest, Body, now
from api.texts import Note, Reason
from domain.errors import NotFound
from domain.report import FileReport, ReportFiled, ResolveReport
from projections import reports


class NewReport(Body, frozen=True):
    reason: Reason
    """1 to 1,000 characters, for the admins."""


class Resolution(Body, frozen=True):
    note: Note | None = None
    """What was done, for the other admins: at most 1,000 characters."""


class FiledReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report, as its author sees it."""

    report_id: UUID
    message_id: UUID
    reason: str
    """Of the first time."""
    reported_at: Time
    position: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report, as admins see it."""

    report_id: UUID
    reason: str
    reported_by: UUID
    reported_at: Time
    resolved_by: UUID | None = None
    note: str | None = None
    resolved_at: Time | None = None
    message: Message | None
    """As it is now; null while the views lack it (then the answer is `Sermo-Stale`)."""


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """A page of reports, oldest first."""

    reports: list[Report]
    next_cursor: str | None


AGAIN = {200: ResponseSpec(FiledReport, description="I had reported it already.", generate_examples=False)}


@post("/messages/{message_id:str}/report", tags=["reports"], responses=AGAIN)
async def report_message(
    request: ApiRequest, message_id: FromPath[UUID], data: JSONBody[NewReport]
) -> Response[FiledReport]:
    """Tell the server's admins of a message that I may see. 200 where I have done so before: it is the same report."""
    outcome = await request.execute(FileReport(message_id=message_id, by=request.me, reason=data.reason, at=now()))
    filed = outcome.events[0].event
    assert isinstance(filed, ReportFiled), "a report begins with its filing"
    report = FiledReport(
        report_id=outcome.events[0].stream_id,
        message_id=filed.message_id,
        reason=filed.reason,
        reported_at=to_time(filed.at),
        position=outcome.position,
    )
    return written(report, outcome.position, status=200 if outcome.repeated else 201)


@get("/admin/reports", tags=["reports"])
async def list_reports(
    request: ApiRequest,
    which: Annotated[Literal["open", "resolved", "all"], QueryParameter(name="state", description="Which.")] = "open",
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Reports]:
    """What was reported, with the messages as they are now. For server admins, members of the channel or not."""
    after = from_cursor(cursor, reports.ReportsAfter)
    async with reading(request, min_position) as view:
        found = await reports.reports(view.connection, request.me, which, after=after, limit=limit)
    if found is None:
        raise NotFound
    rows, further = found
    view.concerns(*(row.message.channel_id for row in rows if row.message is not None))
    listed = [
        Report(
            report_id=row.report_id,
            reason=row.reason,
            reported_by=row.reported_by,
            reported_at=to_time(row.reported_at),
            resolved_by=row.resolved_by,
            note=row.note,
            resolved_at=to_time_or_none(row.resolved_at),
            message=to_message(row.message) if row.message is not None else None,
        )
        for row in rows
    ]
    return view.answer(Reports(reports=listed, next_cursor=to_cursor(further)))


@post("/admin/reports/{report_id:str}/resolve", tags=["reports"], status_code=200)
async def resolve_report(
    request: ApiRequest, report_id: FromPath[UUID], data: JSONBody[Resolution]
) -> Response[Position]:
    """Close a report. For server admins."""
    command = ResolveReport(report_id=report_id, by=request.me, note=data.note or "", at=now())
    return done((await request.execute(command)).position)
