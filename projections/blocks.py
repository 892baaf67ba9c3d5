"""Whom a person blocks: for their own eyes. The effects of a block are decided from the log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.block import UserBlocked, UserUnblocked
from domain.decider import Recorded
from projections.projection import Write

name = "blocks"
version = 1


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.blocks (
            user_id uuid not null, blocked_id uuid not null, blocked_at timestamptz not null,
            primary key (user_id, blocked_id)
        );
    """


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. Of each pair the last event counts."""
    last: dict[tuple[UUID, UUID], datetime | None] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, UserBlocked | UserUnblocked):
            last[event.user_id, event.blocked_id] = event.at if isinstance(event, UserBlocked) else None
    if not last:
        return []
    gone = (
        f"delete from {schema}.blocks b using unnest(%b::uuid[], %b::uuid[]) as u(person, blocked)"
        " where b.user_id = u.person and b.blocked_id = u.blocked"
    )
    writes: list[Write] = [(gone, [[pair[0] for pair in last], [pair[1] for pair in last]])]
    rows = [(*pair, at) for pair, at in last.items() if at is not None]
    if rows:
        statement = f"insert into {schema}.blocks select * from unnest(%b::uuid[], %b::uuid[], %b::timestamptz[])"
        writes.append((statement, [list(column) for column in zip(*rows, strict=True)]))
    return writes


class BlockRow(msgspec.Struct, frozen=True):
    blocked_id: UUID
    blocked_at: datetime


class BlocksAfter(msgspec.Struct, frozen=True):
    """Where the next page begins."""

    blocked_id: UUID


async def of_user(
    connection: AsyncConnection[Any], user_id: UUID, *, after: BlocksAfter | None, limit: int
) -> tuple[list[BlockRow], BlocksAfter | None]:
    """Whom the person blocks, by user id, and where the next page begins. A range of the primary key."""
    cursor = await connection.execute(
        "select blocked_id, blocked_at from blocks_v1.blocks where user_id = %b and blocked_id > %b"
        " order by blocked_id limit %b",
        [user_id, after.blocked_id if after else UUID(int=0), limit + 1],
        binary=True,
    )
    rows = await cursor.fetchall()
    found = [BlockRow(*row) for row in rows[:limit]]
    return found, BlocksAfter(found[-1].blocked_id) if len(rows) > limit else None
