"""The groups of views, and how one begins: the core group, whose views answer together, and others that stand alone.

A program names its views in its versions. A table of each group (`projections.core_group`) says which set of them its
checkpoint moves; only a program that names this very set may apply, and a rebuild by another one hands the checkpoint over
to its own.
"""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg import AsyncConnection

from projections import (
    attachments,
    blocks,
    channels,
    invitations,
    memberships,
    people,
    reactions,
    reports,
    threads,
    timeline,
    unread,
)
from projections.projection import Group, View, ensure_checkpoint, hand_over, lock_checkpoint, schema_of

VIEWS: tuple[View, ...] = (
    people,
    blocks,
    channels,
    memberships,
    invitations,
    timeline,
    reactions,
    reports,
    threads,
    unread,
    attachments,
)

CORE = Group("core", VIEWS, owner_lock=6016523)

SETUP_LOCK = 6016522


class NotBuilt(RuntimeError):
    """The program names a view, or a version of one, that has no rows yet, or none that go on."""


class Superseded(NotBuilt):
    """The group has moved on to the views of another program: those of this one stand still."""


async def ensure_views(
    connection: AsyncConnection[Any], group: Group = CORE, *, may_lack: Collection[View] = ()
) -> int:
    """Make the group where there is none yet, and return its checkpoint. Several nodes may do it at once.

    Raises `NotBuilt` where the group has gone on with another set of views, unless all that this one has beyond it is
    among `may_lack`; `Superseded` where it was with this one before.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        await _ensure_tables(connection, group)
        checkpoint = await ensure_checkpoint(connection, group.name)
        serving = await serving_schemas(connection, group)
        wanted, there = group.schemas, await _schemas(connection)
        if checkpoint == 0 and (serving != wanted or not there.issuperset(wanted)):
            # Nothing was applied yet; once the row is locked, nothing is.
            checkpoint = await lock_checkpoint(connection, group)
            if checkpoint == 0:
                await _begin(connection, [view for view in group.views if schema_of(view) not in there])
                if serving != wanted:
                    await hand_over(connection, group)
                return 0
        # A new view, or a new version of one: empty tables would pass for all there is, and old rows for new ones.
        unbuilt = [view for view in group.views if schema_of(view) not in there or schema_of(view) not in serving]
        if (serving == wanted and not unbuilt) or (may_lack and all(view in may_lack for view in unbuilt)):
            return checkpoint
        if (stopped_at := await _stopped_at(connection, group)) is not None:
            raise Superseded(
                f"the views moved on at {stopped_at}, by a rebuild with another version of Sermo, to"
                f" {', '.join(serving)}. Stop this one; to go back, run `sermo projections rebuild {group.name}` with it"
            )
        names = ", ".join(view.name for view in unbuilt) or f"the group without what else is in {', '.join(serving)}"
        target = unbuilt[0].name if len(unbuilt) == 1 else group.name
        raise NotBuilt(f"not built yet: {names}. Run `sermo projections rebuild {target}` with this version of Sermo")


async def serving_schemas(connection: AsyncConnection[Any], group: Group) -> list[str]:
    """The schemas that the group's checkpoint moves, sorted."""
    cursor = await connection.execute(f"select schemas from {group.sets} where stopped_at is null")
    row = await cursor.fetchone()
    return list(row[0]) if row is not None else []


async def _begin(connection: AsyncConnection[Any], views: Sequence[View]) -> None:
    for view in views:
        await connection.execute(f"create schema {schema_of(view)}")
        await connection.execute(view.tables(schema_of(view)), prepare=False)


async def _schemas(connection: AsyncConnection[Any]) -> set[str]:
    cursor = await connection.execute("select nspname from pg_namespace")
    return {row[0] for row in await cursor.fetchall()}


async def _stopped_at(connection: AsyncConnection[Any], group: Group) -> int | None:
    cursor = await connection.execute(f"select stopped_at from {group.sets} where schemas = %s", [group.schemas])
    row = await cursor.fetchone()
    return row[0] if row is not None else None


async def _ensure_tables(connection: AsyncConnection[Any], group: Group) -> None:
    cursor = await connection.execute("select to_regclass(%s) is null", [group.sets])
    if await cursor.fetchone() == (True,):
        await connection.execute(_tables(group), prepare=False)


def _tables(group: Group) -> str:
    return f"""
        create schema if not exists projections;
        -- Events that a view could not apply, and all later ones of their feeds, in wait for a repair and a rebuild.
        create table if not exists {group.parked} (
            position bigint primary key, feed_id uuid, error text not null,
            at timestamptz not null default clock_timestamp()
        );
        create table if not exists {group.held} (
            feed_id uuid primary key, since bigint not null, at timestamptz not null default clock_timestamp()
        );
        -- The sets of schemas (sorted) that the group's checkpoint moves or moved. One of them goes on; where the others
        -- stopped, they stand still.
        create table {group.sets} (schemas text[] primary key, stopped_at bigint);
        create unique index on {group.sets} ((true)) where stopped_at is null;
    """
