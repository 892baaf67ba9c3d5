"""The core group: views that answer together, so they share one runner, one transaction a batch and one checkpoint."""

from typing import Any

from psycopg import AsyncConnection

from projections import channels, memberships, people, threads, timeline, unread
from projections.projection import GROUP, View, ensure_checkpoint, schema_of

VIEWS: tuple[View, ...] = (people, channels, memberships, timeline, threads, unread)

SETUP_LOCK = 6016522


async def ensure_views(connection: AsyncConnection[Any]) -> int:
    """Make what is missing of the group, and return its checkpoint. Several nodes may do it at once."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        cursor = await connection.execute("select nspname from pg_namespace")
        there = {row[0] for row in await cursor.fetchall()}
        missing = [view for view in VIEWS if schema_of(view) not in there]
        if missing and len(missing) < len(VIEWS):
            # A new view, or a new version of one: its rows have to be built first.
            names = ", ".join(view.name for view in missing)
            raise RuntimeError(f"the views {names} are not built yet: run `sermo projections rebuild` for each")
        for view in missing:
            await connection.execute(f"create schema {schema_of(view)}")
            await connection.execute(view.tables(schema_of(view)), prepare=False)
        if "projections" not in there:
            await connection.execute(_PARKING, prepare=False)
        return await ensure_checkpoint(connection, GROUP)


_PARKING = """
    create schema projections;
    -- Events that a view could not apply, and all later ones of their feeds, in wait for a repair and a rebuild.
    create table projections.parked_events (
        position bigint primary key, feed_id uuid, error text not null, at timestamptz not null default clock_timestamp()
    );
    create table projections.held_feeds (
        feed_id uuid primary key, since bigint not null, at timestamptz not null default clock_timestamp()
    );
"""
