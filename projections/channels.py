"""The directory: which channels there are, and how many people are in each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from domain.channel import (
    ChannelArchived,
    ChannelCreated,
    ChannelDeleted,
    ChannelRenamed,
    ChannelUnarchived,
    TopicChanged,
)
from domain.decider import Recorded
from domain.ids import fold_name
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from projections.projection import Write, may_govern, may_see

name = "channels"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.channels (
            channel_id uuid primary key, kind text not null, name text not null, name_folded text not null,
            topic text not null, created_by uuid not null, created_at timestamptz not null,
            archived_at timestamptz, deleted_at timestamptz, member_count int not null default 0
        );
        create index on {schema}.channels (name_folded, channel_id) where kind = 'public' and deleted_at is null;
    """


_CONCERNED = {
    *(ChannelCreated, ChannelRenamed, TopicChanged, ChannelArchived, ChannelUnarchived, ChannelDeleted),
    *(MemberJoined, MemberLeft, MemberRemoved),
}


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`."""
    created: list[tuple[Any, ...]] = []
    changed: dict[str, dict[UUID, Any]] = {"name": {}, "topic": {}, "archived_at": {}, "deleted_at": {}}
    members: dict[UUID, int] = {}
    for recorded in batch:
        if type(recorded.event) not in _CONCERNED:
            continue
        match recorded.event:
            case ChannelCreated() as e:
                created.append(
                    (e.channel_id, e.kind.value, e.name, fold_name(e.name), e.topic, e.created_by, e.created_at)
                )
            case ChannelRenamed() as e:
                changed["name"][e.channel_id] = e.name
            case TopicChanged() as e:
                changed["topic"][e.channel_id] = e.topic
            case ChannelArchived() as e:
                changed["archived_at"][e.channel_id] = e.at
            case ChannelUnarchived() as e:
                changed["archived_at"][e.channel_id] = None
            case ChannelDeleted() as e:
                changed["deleted_at"][e.channel_id] = e.at
            case MemberJoined() as e:
                members[e.channel_id] = members.get(e.channel_id, 0) + 1
            case MemberLeft() | MemberRemoved() as e:
                members[e.channel_id] = members.get(e.channel_id, 0) - 1
    return [*_inserts(schema, created), *_updates(schema, changed), *_counts(schema, members)]


def _inserts(schema: str, created: list[tuple[Any, ...]]) -> list[Write]:
    if not created:
        return []
    statement = (
        f"insert into {schema}.channels (channel_id, kind, name, name_folded, topic, created_by, created_at)"
        " select * from unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::timestamptz[])"
    )
    return [(statement, [list(column) for column in zip(*created, strict=True)])]


def _updates(schema: str, changed: dict[str, dict[UUID, Any]]) -> list[Write]:
    writes: list[Write] = []
    for column, values in changed.items():
        if not values:
            continue
        ids, new = list(values), list(values.values())
        if column == "name":
            statement = (
                f"update {schema}.channels c set name = u.value, name_folded = u.folded"
                " from unnest(%b::uuid[], %b::text[], %b::text[]) as u(id, value, folded) where c.channel_id = u.id"
            )
            writes.append((statement, [ids, new, [fold_name(value) for value in new]]))
        else:
            kind = "text" if column == "topic" else "timestamptz"
            statement = (
                f"update {schema}.channels c set {column} = u.value"
                f" from unnest(%b::uuid[], %b::{kind}[]) as u(id, value) where c.channel_id = u.id"
            )
            writes.append((statement, [ids, new]))
    return writes


def _counts(schema: str, members: dict[UUID, int]) -> list[Write]:
    if not members:
        return []
    statement = (
        f"update {schema}.channels c set member_count = c.member_count + u.more"
        " from unnest(%b::uuid[], %b::int4[]) as u(id, more) where c.channel_id = u.id"
    )
    return [(statement, [list(members), list(members.values())])]


class ChannelRow(msgspec.Struct, frozen=True):
    channel_id: UUID
    kind: str
    name: str
    topic: str
    created_by: UUID
    created_at: datetime
    archived_at: datetime | None
    member_count: int


COLUMNS = "c.channel_id, c.kind, c.name, c.topic, c.created_by, c.created_at, c.archived_at, c.member_count"


class DirectoryAfter(msgspec.Struct, frozen=True):
    """Where the next page of the directory begins."""

    name_folded: str
    channel_id: UUID


async def channel(
    connection: AsyncConnection[Any], channel_id: UUID, for_user: UUID, *, or_governs: bool = False
) -> ChannelRow | None:
    """A channel that the person may see, or that they govern, where that is enough. One row by primary key."""
    allowed = may_see("c.channel_id", "%(me)b")
    if or_governs:
        allowed = f"({allowed} or {may_govern('c.channel_id', '%(me)b')})"
    async with connection.cursor(row_factory=class_row(ChannelRow), binary=True) as cursor:
        await cursor.execute(
            f"select {COLUMNS} from channels_v2.channels c where c.channel_id = %(channel)b and {allowed}",
            {"channel": channel_id, "me": for_user},
        )
        return await cursor.fetchone()


async def directory(
    connection: AsyncConnection[Any], for_user: UUID, query: str, *, after: DirectoryAfter | None, limit: int
) -> tuple[list[ChannelRow], DirectoryAfter | None]:
    """Public channels and the person's own whose name holds `query`, by name; and where the next page begins.

    The public ones come from the index of folded names, the person's from their memberships; both are merged and cut.
    """
    wanted = (
        "c.deleted_at is null and strpos(c.name_folded, %(query)b) > 0"
        " and (c.name_folded, c.channel_id) > (%(name)b, %(id)b)"
    )
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(
            f"select {COLUMNS}, c.name_folded from ((select c.* from channels_v2.channels c where c.kind = 'public'"
            f" and {wanted} order by c.name_folded, c.channel_id limit %(limit)b)"
            f" union all (select c.* from memberships_v2.memberships m join channels_v2.channels c using (channel_id)"
            f" where m.user_id = %(me)b and m.left_position is null and c.kind <> 'public' and {wanted}"
            f" order by c.name_folded, c.channel_id limit %(limit)b)) as c"
            f" order by c.name_folded, c.channel_id limit %(limit)b",
            {
                "me": for_user,
                "query": fold_name(query),
                "name": after.name_folded if after else "",
                "id": after.channel_id if after else UUID(int=0),
                "limit": limit + 1,
            },
        )
        rows = await cursor.fetchall()
    found = [ChannelRow(*row[:-1]) for row in rows[:limit]]
    further = DirectoryAfter(rows[limit - 1][-1], found[-1].channel_id) if len(rows) > limit else None
    return found, further
