"""Reports of messages, for the server's admins. The one query that shows what the reader is no member of (docs/access.md)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.report import ReportFiled, ReportResolved
from projections import timeline
from projections.projection import Write, is_admin

name = "reports"
version = 1


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.reports (
            report_id uuid primary key, position bigint not null, message_id uuid not null, channel_id uuid not null,
            reported_by uuid not null, reason text not null, reported_at timestamptz not null,
            resolved_by uuid, note text, resolved_at timestamptz
        );
        create unique index on {schema}.reports (position);
        create index on {schema}.reports (position) where resolved_at is null;
        create index on {schema}.reports (position) where resolved_at is not null;
    """


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. What is filed in the batch is inserted first, so that its resolution finds it."""
    filed: list[tuple[Any, ...]] = []
    resolved: list[tuple[Any, ...]] = []
    for recorded in batch:
        match recorded.event:
            case ReportFiled() as e:
                row = (recorded.stream_id, recorded.position, e.message_id, e.channel_id, e.by, e.reason, e.at)
                filed.append(row)
            case ReportResolved() as e:
                resolved.append((recorded.stream_id, e.by, e.note, e.at))
    writes: list[Write] = []
    if filed:
        statement = (
            f"insert into {schema}.reports select u.* from unnest(%b::uuid[], %b::int8[], %b::uuid[], %b::uuid[],"
            " %b::uuid[], %b::text[], %b::timestamptz[]) as u"
        )
        writes.append((statement, [list(column) for column in zip(*filed, strict=True)]))
    if resolved:
        statement = (
            f"update {schema}.reports r set resolved_by = u.person, note = u.note, resolved_at = u.at"
            " from unnest(%b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[]) as u(id, person, note, at)"
            " where r.report_id = u.id"
        )
        writes.append((statement, [list(column) for column in zip(*resolved, strict=True)]))
    return writes


class ReportRow(msgspec.Struct, frozen=True):
    report_id: UUID
    position: int
    reason: str
    reported_by: UUID
    reported_at: datetime
    resolved_by: UUID | None
    note: str | None
    resolved_at: datetime | None
    message: timeline.MessageRow | None
    """As it is now; None while the timeline lacks it, behind an event that could not be applied."""


class ReportsAfter(msgspec.Struct, frozen=True):
    """Where the next page of reports begins."""

    position: int


_OWN = ("report_id", "position", "reason", "reported_by", "reported_at", "resolved_by", "note", "resolved_at")
_STATES = {"open": "resolved_at is null", "resolved": "resolved_at is not null", "all": "true"}


async def reports(
    connection: AsyncConnection[Any], for_admin: UUID, state: str, *, after: ReportsAfter | None, limit: int
) -> tuple[list[ReportRow], ReportsAfter | None] | None:
    """Reports that are open, resolved or all, in the order of filing, with the messages as they are, and where the next page
    begins; None for who is no server admin.

    A range of the index of open ones, of resolved ones or of all, and a row of the timeline by primary key for each.
    """
    columns = ", ".join(f"r.{column}" for column in _OWN)
    cursor = await connection.execute(
        f"select seen.yes, {columns}, {timeline.COLUMNS} from (select {is_admin('%(me)b')} as yes) as seen"
        " left join lateral (select * from reports_v1.reports"
        f" where seen.yes and {_STATES[state]} and position > %(after)b order by position limit %(limit)b) as r on true"
        " left join timeline_v2.messages t on t.message_id = r.message_id order by r.position",
        {"me": for_admin, "after": after.position if after else 0, "limit": limit + 1},
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows[0][0]:
        return None
    found = [_to_row(row[1:]) for row in rows[:limit] if row[1] is not None]
    return found, ReportsAfter(found[-1].position) if len(rows) > limit else None


def _to_row(columns: Sequence[Any]) -> ReportRow:
    own, message = columns[: len(_OWN)], columns[len(_OWN) :]
    values = [*own, timeline.to_row(message) if message[0] is not None else None]
    return ReportRow(*values)
