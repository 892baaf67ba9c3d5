"""The core group: views that answer together, so they share one runner, one transaction a batch and one checkpoint."""

from collections.abc import Collection, Sequence
from typing import Any

from psycopg import AsyncConnection

from projections import channels, memberships, people, threads, timeline, unread
from projections.projection import GROUP, View, ensure_checkpoint, schema_of

VIEWS: tuple[View, ...] = (people, channels, memberships, timeline, threads, unread)

SETUP_LOCK = 6016522


class NotBuilt(RuntimeError):
    """The program names a view, or a version of one, that has no rows yet."""


async def ensure_views(
    connection: AsyncConnection[Any], views: Sequence[View] = VIEWS, *, may_lack: Collection[View] = ()
) -> int:
    """Make the group where there is none yet, and return its checkpoint. Several nodes may do it at once.

    Raises `NotBuilt` where the group has gone on without one of the views, unless that is among `may_lack`.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        cursor = await connection.execute("select nspname from pg_namespace")
        there = {row[0] for row in await cursor.fetchall()}
        if "projections" not in there:
            await connection.execute(_PARKING, prepare=False)
        checkpoint = await ensure_checkpoint(connection, GROUP)
        missing = [view for view in views if schema_of(view) not in there]
        if checkpoint == 0:
            for view in missing:
                await connection.execute(f"create schema {schema_of(view)}")
                await connection.execute(view.tables(schema_of(view)), prepare=False)
        elif unbuilt := [view.name for view in missing if view not in may_lack]:
            # A new view, or a new version of one: empty tables would pass for all there is.
            raise NotBuilt(f"not built yet: {', '.join(unbuilt)}. Run `sermo projections rebuild NAME` for each")
        return checkpoint


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
