"""Who is in which channel, with which role: one row a follow interval, ends included.

Used for rights only up to its checkpoint; sockets fold later membership events in from the log.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.membership import MemberJoined, MemberLeft, MemberRemoved, RoleChanged
from projections.projection import Write, may_see, position_of

name = "memberships"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.memberships (
            channel_id uuid not null, user_id uuid not null, joined_position bigint not null, joined_seq bigint not null,
            joined_at timestamptz not null, left_position bigint, role text not null,
            primary key (channel_id, user_id, joined_position)
        );
        create unique index on {schema}.memberships (user_id, channel_id) where left_position is null;
        create unique index on {schema}.memberships (channel_id, user_id) where left_position is null;
        create index on {schema}.memberships (user_id, left_position);
    """


class _Interval:
    __slots__ = ("at", "ended", "joined", "role", "seq")

    def __init__(self, joined: int, seq: int, at: datetime, role: str) -> None:
        self.joined, self.seq, self.at, self.role = joined, seq, at, role
        self.ended: int | None = None


_CONCERNED = {MemberJoined, MemberLeft, MemberRemoved, RoleChanged, ChannelDeleted}


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. Intervals that begin in the batch are finished in memory; older ones are updated first."""
    begun: dict[tuple[UUID, UUID], list[_Interval]] = {}
    ended: dict[tuple[UUID, UUID], int] = {}
    roles: dict[tuple[UUID, UUID], str] = {}
    deleted: dict[UUID, int] = {}
    for recorded in batch:
        event = recorded.event
        if type(event) not in _CONCERNED:
            continue
        if isinstance(event, ChannelDeleted):
            deleted[event.channel_id] = recorded.position
            for (channel_id, _), intervals in begun.items():
                if channel_id == event.channel_id and intervals[-1].ended is None:
                    intervals[-1].ended = recorded.position
            continue
        if not isinstance(event, MemberJoined | MemberLeft | MemberRemoved | RoleChanged):
            continue
        key = (event.channel_id, event.user_id)
        current = begun[key][-1] if key in begun else None
        if isinstance(event, MemberJoined):
            interval = _Interval(recorded.position, recorded.seq or 0, event.at, event.role.value)
            begun.setdefault(key, []).append(interval)
        elif isinstance(event, RoleChanged):
            if current is not None:
                current.role = event.role.value
            else:
                roles[key] = event.role.value
        elif current is not None:
            current.ended = recorded.position
        else:
            ended[key] = recorded.position
    return _writes(schema, begun, ended, roles, deleted)


def _writes(
    schema: str,
    begun: dict[tuple[UUID, UUID], list[_Interval]],
    ended: dict[tuple[UUID, UUID], int],
    roles: dict[tuple[UUID, UUID], str],
    deleted: dict[UUID, int],
) -> list[Write]:
    writes: list[Write] = []
    for column, kind, values in (("role", "text", roles), ("left_position", "int8", ended)):
        if values:
            statement = (
                f"update {schema}.memberships m set {column} = u.value"
                f" from unnest(%b::uuid[], %b::uuid[], %b::{kind}[]) as u(channel, person, value)"
                " where m.channel_id = u.channel and m.user_id = u.person and m.left_position is null"
            )
            writes.append((statement, [[k[0] for k in values], [k[1] for k in values], list(values.values())]))
    if deleted:
        statement = (
            f"update {schema}.memberships m set left_position = u.position"
            " from unnest(%b::uuid[], %b::int8[]) as u(channel, position)"
            " where m.channel_id = u.channel and m.left_position is null"
        )
        writes.append((statement, [list(deleted), list(deleted.values())]))
    rows = [(*key, i.joined, i.seq, i.at, i.ended, i.role) for key, intervals in begun.items() for i in intervals]
    if rows:
        statement = (
            f"insert into {schema}.memberships select * from unnest("
            "%b::uuid[], %b::uuid[], %b::int8[], %b::int8[], %b::timestamptz[], %b::int8[], %b::text[])"
        )
        writes.append((statement, [list(column) for column in zip(*rows, strict=True)]))
    return writes


class MemberRow(msgspec.Struct, frozen=True):
    user_id: UUID
    role: str
    joined_at: datetime


class MembersAfter(msgspec.Struct, frozen=True):
    """Where the next page of members begins."""

    user_id: UUID


class IntervalRow(msgspec.Struct, frozen=True):
    channel_id: UUID
    joined_position: int
    left_position: int | None


async def members(
    connection: AsyncConnection[Any], channel_id: UUID, for_user: UUID, *, after: MembersAfter | None, limit: int
) -> tuple[list[MemberRow], MembersAfter | None] | None:
    """Who is in the channel, by user id, and where the next page begins; None where the person may not see it.

    A range of the index of current members by channel.
    """
    cursor = await connection.execute(
        f"select seen.yes, m.user_id, m.role, m.joined_at from (select {may_see('%(channel)b', '%(me)b')} as yes) as seen"
        " left join lateral (select * from memberships_v2.memberships where channel_id = %(channel)b"
        " and left_position is null and user_id > %(after)b order by user_id limit %(limit)b) as m on seen.yes",
        {
            "channel": channel_id,
            "me": for_user,
            "after": after.user_id if after else UUID(int=0),
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows[0][0]:
        return None
    found = [MemberRow(*row[1:]) for row in rows[:limit] if row[1] is not None]
    return found, MembersAfter(found[-1].user_id) if len(rows) > limit else None


async def owners(connection: AsyncConnection[Any], channel_id: UUID) -> list[UUID]:
    """The channel's owners: for the program's own use. A range of the index of current members by channel."""
    cursor = await connection.execute(
        "select user_id from memberships_v2.memberships"
        " where channel_id = %b and left_position is null and role = 'owner'",
        [channel_id],
        binary=True,
    )
    return [row[0] for row in await cursor.fetchall()]


async def role(connection: AsyncConnection[Any], channel_id: UUID, user_id: UUID) -> str | None:
    """The person's role in the channel: one row of the index of current members."""
    cursor = await connection.execute(
        "select role from memberships_v2.memberships where channel_id = %b and user_id = %b and left_position is null",
        [channel_id, user_id],
        binary=True,
    )
    row = await cursor.fetchone()
    return str(row[0]) if row is not None else None


async def intervals(connection: AsyncConnection[Any], user_id: UUID, after: int) -> tuple[list[IntervalRow], int]:
    """The person's follow intervals that are not over at `after`, and the position at which this is true.

    Two ranges of indexes by person: the current ones, and those that ended after.
    """
    cursor = await connection.execute(
        f"select at.position, m.* from (select {position_of('memberships_v2')} as position) as at left join ("
        " select channel_id, joined_position, left_position from memberships_v2.memberships"
        " where user_id = %(me)b and left_position is null"
        " union all select channel_id, joined_position, left_position from memberships_v2.memberships"
        " where user_id = %(me)b and left_position > %(after)b) as m on true",
        {"me": user_id, "after": after},
        binary=True,
    )
    rows = await cursor.fetchall()
    return [IntervalRow(*row[1:]) for row in rows if row[1] is not None], rows[0][0] or 0


async def current_channels(
    connection: AsyncConnection[Any], user_ids: Sequence[UUID]
) -> tuple[list[tuple[UUID, UUID]], int]:
    """Who of these people is in which channels now, as pairs, and the position at which this is true.

    A range of the index of current memberships for each person.
    """
    cursor = await connection.execute(
        f"select at.position, m.* from (select {position_of('memberships_v2')} as position) as at left join (select mine.*"
        " from unnest(%b::uuid[]) as who(id) cross join lateral (select user_id, channel_id"
        " from memberships_v2.memberships where user_id = who.id and left_position is null) as mine) as m on true",
        [list(user_ids)],
        binary=True,
    )
    rows = await cursor.fetchall()
    return [(row[1], row[2]) for row in rows if row[1] is not None], rows[0][0] or 0
