"""People as others see them: names, status text, and whether they are still there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.ids import fold_name
from domain.user import AdminSet, ProfileChanged, StatusTextSet, UserDeactivated, UserReactivated, UserRegistered
from projections.projection import Write

name = "people"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`. Folded names are ordered by code point, so that what begins with a text is a range."""
    return f"""
        create table {schema}.people (
            user_id uuid primary key, username text not null, username_folded text collate "C" not null,
            display_name text not null, display_name_folded text collate "C" not null,
            status_text text not null default '', is_admin boolean not null, registered_at timestamptz not null,
            deactivated_at timestamptz
        );
        create unique index on {schema}.people (username_folded);
        create index on {schema}.people (display_name_folded);
    """


_CHANGES: dict[type, tuple[str, str]] = {
    ProfileChanged: ("display_name", "text"),
    StatusTextSet: ("status_text", "text"),
    AdminSet: ("is_admin", "bool"),
    UserDeactivated: ("deactivated_at", "timestamptz"),
    UserReactivated: ("deactivated_at", "timestamptz"),
}
"""Event -> the column that it sets, and its type."""


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. Who is registered in the batch is inserted first, so that the changes find them."""
    registered: list[tuple[Any, ...]] = []
    changed: dict[tuple[str, str], dict[UUID, Any]] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, UserRegistered):
            names = (event.username, fold_name(event.username), event.display_name, fold_name(event.display_name))
            registered.append((event.user_id, *names, event.is_admin, event.registered_at))
        elif (change := _CHANGES.get(type(event))) is not None:
            changed.setdefault(change, {})[event.user_id] = _value(event)  # type: ignore[union-attr]  # all of them have it
    writes: list[Write] = []
    if registered:
        statement = (
            f"insert into {schema}.people (user_id, username, username_folded, display_name, display_name_folded,"
            " is_admin, registered_at) select * from unnest("
            "%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bool[], %b::timestamptz[])"
        )
        writes.append((statement, [list(column) for column in zip(*registered, strict=True)]))
    for (column, kind), values in changed.items():
        writes.append(_update(schema, column, kind, values))
        if column == "display_name":
            folded = {user_id: fold_name(value) for user_id, value in values.items()}
            writes.append(_update(schema, "display_name_folded", kind, folded))
    return writes


def _value(event: object) -> Any:
    match event:
        case ProfileChanged():
            return event.display_name
        case StatusTextSet():
            return event.status_text
        case AdminSet():
            return event.is_admin
        case UserDeactivated():
            return event.at
    return None


def _update(schema: str, column: str, kind: str, values: dict[UUID, Any]) -> Write:
    statement = (
        f"update {schema}.people p set {column} = u.value"
        f" from unnest(%b::uuid[], %b::{kind}[]) as u(id, value) where p.user_id = u.id"
    )
    return statement, [list(values), list(values.values())]


class UserRow(msgspec.Struct, frozen=True):
    user_id: UUID
    username: str
    display_name: str
    status_text: str
    is_admin: bool
    registered_at: datetime
    deactivated_at: datetime | None


class UsersAfter(msgspec.Struct, frozen=True):
    """Where the next page of people begins."""

    username_folded: str


_COLUMNS = "user_id, username, display_name, status_text, is_admin, registered_at, deactivated_at"


async def user(connection: AsyncConnection[Any], user_id: UUID) -> UserRow | None:
    """One person. One row by primary key."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from people_v2.people where user_id = %b", [user_id], binary=True
    )
    row = await cursor.fetchone()
    return UserRow(*row) if row is not None else None


async def users(
    connection: AsyncConnection[Any], query: str, *, after: UsersAfter | None, limit: int, deactivated: bool = False
) -> tuple[list[UserRow], UsersAfter | None]:
    """People whose user name or display name begins with `query`, by user name, and where the next page begins; the
    deactivated ones too where it is asked for.

    Without a query a range of the index of folded user names. With one, a range of it and a range of the index of folded
    display names, which are merged.
    """
    wanted = "username_folded > %(after)b" + ("" if deactivated else " and deactivated_at is null")
    page = f"{wanted} order by username_folded limit %(limit)b"
    begins = "{0} >= %(query)b and {0} < %(end)b and " + page
    source = (
        f"(select * from people_v2.people where {begins.format('username_folded')})"
        f" union (select * from people_v2.people where {begins.format('display_name_folded')})"
        if query
        else f"select * from people_v2.people where {page}"
    )
    folded = fold_name(query)
    cursor = await connection.execute(
        f"select {_COLUMNS}, username_folded from ({source}) as p order by username_folded limit %(limit)b",
        {
            "after": after.username_folded if after else "",
            "query": folded,
            # Behind all that begins so: no name goes on with the last code point, which is no character.
            "end": folded + "\U0010ffff",
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    found = [UserRow(*row[:-1]) for row in rows[:limit]]
    return found, UsersAfter(rows[limit - 1][-1]) if len(rows) > limit else None
