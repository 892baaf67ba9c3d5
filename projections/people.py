"""People as others see them: names and status text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.ids import fold_name
from domain.user import ProfileChanged, StatusTextSet, UserRegistered
from projections.projection import Write

name = "people"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.people (
            user_id uuid primary key, username text not null, username_folded text not null, display_name text not null,
            display_name_folded text not null, status_text text not null default '', is_admin boolean not null,
            registered_at timestamptz not null
        );
        create unique index on {schema}.people (username_folded);
    """


_CONCERNED = {UserRegistered, ProfileChanged, StatusTextSet}


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`."""
    registered: list[tuple[Any, ...]] = []
    names: dict[UUID, str] = {}
    texts: dict[UUID, str] = {}
    for recorded in batch:
        if type(recorded.event) not in _CONCERNED:
            continue
        match recorded.event:
            case UserRegistered() as e:
                registered.append(
                    (
                        e.user_id,
                        e.username,
                        fold_name(e.username),
                        e.display_name,
                        fold_name(e.display_name),
                        e.is_admin,
                        e.registered_at,
                    )
                )
            case ProfileChanged() as e:
                names[e.user_id] = e.display_name
            case StatusTextSet() as e:
                texts[e.user_id] = e.status_text
    writes: list[Write] = []
    if registered:
        statement = (
            f"insert into {schema}.people (user_id, username, username_folded, display_name, display_name_folded,"
            " is_admin, registered_at) select * from unnest("
            "%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bool[], %b::timestamptz[])"
        )
        writes.append((statement, [list(column) for column in zip(*registered, strict=True)]))
    if names:
        statement = (
            f"update {schema}.people p set display_name = u.value, display_name_folded = u.folded"
            " from unnest(%b::uuid[], %b::text[], %b::text[]) as u(id, value, folded) where p.user_id = u.id"
        )
        writes.append((statement, [list(names), list(names.values()), [fold_name(n) for n in names.values()]]))
    if texts:
        statement = (
            f"update {schema}.people p set status_text = u.value"
            " from unnest(%b::uuid[], %b::text[]) as u(id, value) where p.user_id = u.id"
        )
        writes.append((statement, [list(texts), list(texts.values())]))
    return writes


class UserRow(msgspec.Struct, frozen=True):
    user_id: UUID
    username: str
    display_name: str
    status_text: str
    is_admin: bool
    registered_at: datetime


class UsersAfter(msgspec.Struct, frozen=True):
    """Where the next page of people begins."""

    username_folded: str


_COLUMNS = "user_id, username, display_name, status_text, is_admin, registered_at"


async def user(connection: AsyncConnection[Any], user_id: UUID) -> UserRow | None:
    """One person. One row by primary key."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from people_v2.people where user_id = %b", [user_id], binary=True
    )
    row = await cursor.fetchone()
    return UserRow(*row) if row is not None else None


async def users(
    connection: AsyncConnection[Any], query: str, *, after: UsersAfter | None, limit: int
) -> tuple[list[UserRow], UsersAfter | None]:
    """People whose user name or display name begins with `query`, by user name, and where the next page begins.

    A range of the index of folded user names, filtered.
    """
    cursor = await connection.execute(
        f"select {_COLUMNS}, username_folded from people_v2.people where username_folded > %(after)b"
        " and (starts_with(username_folded, %(query)b) or starts_with(display_name_folded, %(query)b))"
        " order by username_folded limit %(limit)b",
        {"after": after.username_folded if after else "", "query": fold_name(query), "limit": limit + 1},
        binary=True,
    )
    rows = await cursor.fetchall()
    found = [UserRow(*row[:-1]) for row in rows[:limit]]
    return found, UsersAfter(rows[limit - 1][-1]) if len(rows) > limit else None
