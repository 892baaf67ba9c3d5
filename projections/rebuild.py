"""Rebuild views from the log while the old ones serve.

A new generation grows in a schema beside the old one, with a checkpoint of its own. When it has caught up, the group's
checkpoint is held for a moment, what is left is applied, and the new schema takes the old one's name. Readers see either
at an equal position, never wait, and never move backwards. The appends are not touched. An interrupted rebuild goes on
from its checkpoint.

A rebuild by a program that names other views, or other versions, than the group has so far hands the group over to these:
the nodes that run the old program stand still from then on, and say so.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection

from domain.decider import Recorded
from projections.group import CORE, NotBuilt, ensure_views, serving_schemas
from projections.projection import (
    Group,
    View,
    apply_batch,
    ensure_checkpoint,
    hand_over,
    lock_checkpoint,
    prepare_writer,
    schema_of,
)
from projections.search import search_group

GROUPS: tuple[Group, ...] = (CORE, search_group())

Progress = Callable[[int, int], None]
"""Events applied, and events there are."""

BATCH_EVENTS = 5_000
REBUILD_LOCK = 6016524
DROP_TRIES = 20


class RebuildError(RuntimeError):
    """A rebuild cannot go on; the text says why."""


class ViewStatus(msgspec.Struct, frozen=True):
    """How far one view is."""

    view: str
    version: int
    checkpoint: int
    head: int
    lag: int
    parked: int
    """Events that the group could not apply, with those held behind them."""
    rebuilding: int | None
    """The checkpoint of a generation that is being built."""


def views_named(name: str, groups: Sequence[Group] = ()) -> tuple[tuple[Group, tuple[View, ...]], ...]:
    """The views that a name means, by group. Raises `RebuildError` for one that means none."""
    groups = groups or GROUPS
    found = tuple(
        (group, tuple(view for view in group.views if name in ("all", group.name, view.name))) for group in groups
    )
    if not any(views for _, views in found):
        names = [*(view.name for group in groups for view in group.views), *(group.name for group in groups)]
        raise RebuildError(f"there is no view {name!r}: choose one of {', '.join(dict.fromkeys(names))} or all")
    return tuple((group, views) for group, views in found if views)


async def rebuild(
    connect: Callable[[], Awaitable[AsyncConnection[Any]]],
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]],
    name: str,
    progress: Progress = lambda _done, _total: None,
    *,
    groups: Sequence[Group] = (),
) -> None:
    """Build the view, or the views of a group, or all, anew from the log; returns when the new generation serves.

    Raises `RebuildError`: for an unknown name, for another rebuild under way, or for an event that cannot be applied.
    """
    named = views_named(name, groups)
    async with await connect() as connection:
        await prepare_writer(connection)
        cursor = await connection.execute("select pg_try_advisory_lock(%s)", [REBUILD_LOCK])
        row = await cursor.fetchone()
        if not row or not row[0]:
            raise RebuildError("another rebuild is under way: wait for it, or stop it and begin again")
        for group, views in named:
            await ensure_views(connection, group, may_lack=views)
            await _check_nothing_held(connection, group, views)
            for view in views:
                await _prepare(connection, group, view)
            await _catch_up(connection, read, group, views, progress)
            for view in views:
                await _analyze(connection, view)
            await _catch_up(connection, read, group, views, progress)
            await _switch(connect, connection, read, group, views)


async def build_missing(
    connect: Callable[[], Awaitable[AsyncConnection[Any]]],
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]],
    groups: Sequence[Group],
    progress: Callable[[str, int, int], None],
) -> None:
    """Build the groups whose views are not those of this program; for a database that nobody else serves.

    `progress` gets the group's name, the events applied and those there are. Raises `RebuildError`.
    """
    for group in groups:
        try:
            async with await connect() as connection:
                await ensure_views(connection, group)
        except NotBuilt:
            await rebuild(connect, read, group.name, functools.partial(progress, group.name), groups=(group,))


def _next(view: View) -> str:
    return f"{schema_of(view)}_next"


def _old(view: View) -> str:
    return f"{schema_of(view)}_old"


def _checkpoint_name(group: Group, view: View) -> str:
    return f"{group.name}:{_next(view)}"


async def _prepare(connection: AsyncConnection[Any], group: Group, view: View) -> None:
    if not await _drop_old(connection, [view]):  # left by a rebuild that was cut off, or whose old tables were in use
        raise RebuildError(f"somebody still reads the tables of {_old(view)}: wait until that has ended")
    async with connection.transaction():
        cursor = await connection.execute("select from pg_namespace where nspname = %s", [_next(view)])
        if await cursor.fetchone() is None:
            await connection.execute(f"create schema {_next(view)}")
            await connection.execute(view.tables(_next(view)), prepare=False)
            await connection.execute(
                "delete from notification_tracking where application_name = %s", [_checkpoint_name(group, view)]
            )
        await ensure_checkpoint(connection, _checkpoint_name(group, view))


async def _check_nothing_held(connection: AsyncConnection[Any], group: Group, views: Sequence[View]) -> None:
    """One view built anew would hold what the others still lack."""
    cursor = await connection.execute(f"select count(*) from {group.parked}")
    row = await cursor.fetchone()
    if row and row[0] and len(views) < len(group.views):
        raise RebuildError(f"{row[0]} events are parked: rebuild `{group.name}`, so that all views get them together")


async def _analyze(connection: AsyncConnection[Any], view: View) -> None:
    """Readers get the new tables with statistics, not with the planner's guesses."""
    cursor = await connection.execute("select tablename from pg_tables where schemaname = %s", [_next(view)])
    for (table,) in await cursor.fetchall():
        await connection.execute(f"analyze {_next(view)}.{table}", prepare=False)


async def _position(connection: AsyncConnection[Any], name: str) -> int:
    cursor = await connection.execute(
        "select notification_id from notification_tracking where application_name = %s", [name]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0


async def _catch_up(
    connection: AsyncConnection[Any],
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]],
    group: Group,
    views: Sequence[View],
    progress: Progress,
) -> None:
    """Bring every view to where the group serves and no further, those that are furthest behind first."""
    while True:
        positions = {view.name: await _position(connection, _checkpoint_name(group, view)) for view in views}
        goal = await _position(connection, group.name)
        behind = min(positions.values())
        progress(behind, goal)
        if behind >= goal:
            return
        together = [view for view in views if positions[view.name] == behind]
        following = [position for position in positions.values() if position > behind]
        limit = min([BATCH_EVENTS, goal - behind, *(position - behind for position in following)])
        await _apply(connection, group, together, await _read(read, behind, limit), behind)


async def _read(
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]], after: int, limit: int
) -> Sequence[Recorded]:
    batch = await read(after, limit)
    if not batch:
        raise RebuildError(f"the log ends at {after}, before the checkpoint that was reached")
    return batch[:limit]


async def _apply(
    connection: AsyncConnection[Any], group: Group, views: Sequence[View], batch: Sequence[Recorded], expected: int
) -> None:
    async with connection.transaction():
        for view in views:
            try:
                await apply_batch(connection, [(view, _next(view))], _checkpoint_name(group, view), batch, expected)
            except psycopg.OperationalError:
                raise
            except Exception as error:
                raise RebuildError(
                    f"the view {view.name} cannot apply an event of positions {batch[0].position} to"
                    f" {batch[-1].position}: {type(error).__name__}: {error}"
                ) from error


async def _switch(
    connect: Callable[[], Awaitable[AsyncConnection[Any]]],
    connection: AsyncConnection[Any],
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]],
    group: Group,
    views: Sequence[View],
) -> None:
    """Give the new generation the old one's name, at an equal checkpoint.

    Renaming locks no table, so it waits for no reader, and readers that hold some tables never wait for us in a circle.
    A statement that is under way keeps the old tables; until it has ended the group stands still, so that what it reads
    is true at the position that it tells.

    A set of views that is another than the group's takes its place at the end. If that is not reached, the old set goes
    on as if nothing had been, and the rebuild has to be run again.
    """
    async with await connect() as holding:
        await holding.execute("set idle_in_transaction_session_timeout = 0")
        async with holding.transaction():
            # From here the group's runner waits with its batch.
            goal = await lock_checkpoint(holding, group)
            wanted, serving = group.schemas, await serving_schemas(holding, group)
            if lacking := set(wanted).difference(serving, map(schema_of, views)):
                raise RebuildError(f"the group does not have {', '.join(sorted(lacking))} any more: begin again")
            await _check_nothing_held(connection, group, views)
            await _finish(connection, read, group, views, goal)
            async with connection.transaction():
                for view in views:
                    await _rename(connection, group, view)
                if len(views) == len(group.views):
                    # Everything was applied anew, so nothing is held any more.
                    await connection.execute(f"delete from {group.parked}")
                    await connection.execute(f"delete from {group.held}")
            all_gone = await _drop_old(connection, views)
            if serving != wanted:
                await hand_over(holding, group)
    for _ in range(DROP_TRIES):
        if all_gone:
            return
        all_gone = await _drop_old(connection, views)
    # Somebody reads the old tables for long, as a backup does: the next rebuild drops them.


async def _rename(connection: AsyncConnection[Any], group: Group, view: View) -> None:
    cursor = await connection.execute("select from pg_namespace where nspname = %s", [schema_of(view)])
    if await cursor.fetchone() is not None:
        await connection.execute(f"alter schema {schema_of(view)} rename to {_old(view)}", prepare=False)
    await connection.execute(f"alter schema {_next(view)} rename to {schema_of(view)}", prepare=False)
    await connection.execute(
        "delete from notification_tracking where application_name = %s", [_checkpoint_name(group, view)]
    )


async def _drop_old(connection: AsyncConnection[Any], views: Sequence[View]) -> bool:
    """Drop what served before, one table at a time: who holds one lock only waits in no circle. False where it is in use."""
    for view in views:
        cursor = await connection.execute("select tablename from pg_tables where schemaname = %s", [_old(view)])
        try:
            for (table,) in await cursor.fetchall():
                async with connection.transaction():
                    await connection.execute("set local lock_timeout = '500ms'")
                    await connection.execute(f"drop table {_old(view)}.{table}", prepare=False)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return False
        await connection.execute(f"drop schema if exists {_old(view)}", prepare=False)
    return True


async def _finish(
    connection: AsyncConnection[Any],
    read: Callable[[int, int], Awaitable[Sequence[Recorded]]],
    group: Group,
    views: Sequence[View],
    goal: int,
) -> None:
    position = await _position(connection, _checkpoint_name(group, views[0]))
    while position < goal:
        batch = await _read(read, position, min(BATCH_EVENTS, goal - position))
        await _apply(connection, group, views, batch, position)
        position = batch[-1].position
    positions = {await _position(connection, _checkpoint_name(group, view)) for view in views}
    if positions != {goal}:
        raise RebuildError(f"the new generation is at {sorted(positions)}, the group at {goal}")


async def status(connection: AsyncConnection[Any], groups: Sequence[Group] = ()) -> list[ViewStatus]:
    """How far each view is."""
    groups = groups or GROUPS
    parked = "".join(f" union all select '{group.parked}', count(*) from {group.parked}" for group in groups)
    cursor = await connection.execute(
        "select application_name, notification_id from notification_tracking"
        f" union all select 'head', coalesce(max(notification_id), 0) from stored_events{parked}"
    )
    known, found = dict(await cursor.fetchall()), []
    for group in groups:
        checkpoint, head = known.get(group.name, 0), known["head"]
        found += [
            ViewStatus(
                view.name,
                view.version,
                checkpoint,
                head,
                head - checkpoint,
                known[group.parked],
                known.get(_checkpoint_name(group, view)),
            )
            for view in group.views
        ]
    return found


__all__ = ["RebuildError", "ViewStatus", "ensure_views", "rebuild", "status", "views_named"]
