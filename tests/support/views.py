"""The core group of views in a test: filled from a history, or kept up by a runner."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import AsyncConnection

from domain.decider import Recorded
from projections import rebuild as rebuilding
from projections.group import CORE, VIEWS, ensure_views
from projections.projection import Group, View, apply_batch, schema_of
from projections.runner import GroupRunner
from sermo import log

SCHEMAS = [(view, schema_of(view)) for view in VIEWS]


def batches(events: Sequence[Recorded], seed: int, longest: int = 60) -> Iterator[Sequence[Recorded]]:
    """The events cut at random: many single ones, some long stretches."""
    rng, place = random.Random(seed), 0
    while place < len(events):
        size = rng.choice([1, 1, 2, 7, longest])
        yield events[place : place + size]
        place += size


async def apply(
    connection: AsyncConnection[Any],
    cut: Iterator[Sequence[Recorded]] | list[Sequence[Recorded]],
    group: Group = CORE,
) -> None:
    """Make the group's views where they are missing, and apply these batches."""
    await ensure_views(connection, group)
    schemas = [(view, schema_of(view)) for view in group.views]
    for batch in cut:
        await apply_batch(connection, schemas, group, batch, batch[0].position - 1)


async def checkpoint(connection: AsyncConnection[Any], name: str = CORE.name) -> int | None:
    """A checkpoint; None where there is none."""
    cursor = await connection.execute(
        "select notification_id from notification_tracking where application_name = %s", [name]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else None


def newer(*names: str) -> Group:
    """The core group of a program that has another version of these views."""
    return core_of(tuple(_bumped(view) if view.name in names else view for view in VIEWS))


def core_of(views: Sequence[View]) -> Group:
    """The core group of a program with these views."""
    return Group(CORE.name, tuple(views), CORE.owner_lock)


def _bumped(view: View) -> Any:
    return SimpleNamespace(name=view.name, version=view.version + 1, tables=view.tables, fold=view.fold)


@contextmanager
def program(group: Group) -> Iterator[None]:
    """Rebuild as the program does that has this core group."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuilding, "GROUPS", (group,))
        yield


class Running:
    """A runner of a group with its own connections, over a log that others write."""

    def __init__(self, dsn: str, group: Group = CORE) -> None:
        self.dsn = dsn
        self._reading: AsyncConnection[Any] | None = None
        self.runner = GroupRunner(self.connect, self._read, self._wait, group=group)

    async def connect(self) -> AsyncConnection[Any]:
        """As the program connects."""
        return await log.connect(self.dsn)

    async def _read(self, after: int, limit: int) -> Sequence[Recorded]:
        if self._reading is None or self._reading.closed:
            self._reading = await self.connect()
        return await log.read(self._reading, after, limit)

    async def _wait(self, _after: int) -> None:
        await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Close the connection that reads."""
        if self._reading is not None:
            await self._reading.close()


@asynccontextmanager
async def running_group(dsn: str, group: Group = CORE) -> AsyncIterator[GroupRunner]:
    """A runner that runs."""
    running = Running(dsn, group)
    task = asyncio.create_task(running.runner.run())
    try:
        yield running.runner
        assert not task.done(), f"the runner ended: {task}"
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await running.close()
