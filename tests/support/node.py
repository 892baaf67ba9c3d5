"""A small node for store tests: a pool, a tail, an appender and an executor on one database, with their tasks running."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from domain.decider import Recorded
from sermo import log
from sermo.appender import Appender
from sermo.execute import Executor, FindWitnesses
from sermo.pool import ReadPool
from sermo.tail import Tail
from tests.support.wait import await_until


@dataclass
class Node:
    """What one process of Sermo holds."""

    dsn: str
    pool: ReadPool
    tail: Tail
    appender: Appender
    execute: Executor
    seen: list[Recorded] = field(default_factory=list)
    """Everything that the tail handed on."""

    @property
    def positions(self) -> list[int]:
        """The positions that the tail handed on, in its order."""
        return [event.position for event in self.seen]

    async def wait_for(self, position: int) -> None:
        """Until the tail has handed on this position."""
        await await_until(lambda: self.tail.position >= position, what=f"the tail reaches {position}")


@asynccontextmanager
async def running_node(dsn: str, *, find_witnesses: FindWitnesses | None = None) -> AsyncIterator[Node]:
    """A node that follows the log from its head on."""

    async def connect() -> AsyncConnection[Any]:
        return await log.connect(dsn)

    pool = ReadPool(dsn)
    await pool.open()
    tail = Tail(connect)
    appender = Appender(connect, tail)
    node = Node(dsn, pool, tail, appender, Executor(appender, tail, pool, find_witnesses))
    tail.listen(node.seen.extend)
    await tail.start()
    tasks = [asyncio.create_task(tail.run()), asyncio.create_task(appender.run())]
    try:
        yield node
        for task in tasks:
            assert not task.done(), f"a task of the node ended: {task}"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()
