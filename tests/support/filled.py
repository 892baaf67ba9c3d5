"""A database with a log and with views that are built from it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection

from domain.decider import Recorded
from sermo import log
from tests.support.equality import view_rows
from tests.support.history import store
from tests.support.views import SCHEMAS, apply


@asynccontextmanager
async def views_of(
    dsn: str, events: Sequence[Recorded], *, applied: int | None = None
) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection to a database with this log, the views built up to a position (to its end without one)."""
    async with await log.connect(dsn) as connection:
        await store(connection, events)
        built = events[:applied]
        await apply(connection, [built[at : at + 500] for at in range(0, len(built), 500)])
        yield connection


async def from_scratch(
    connection: AsyncConnection[Any], dsn: str, events: Sequence[Recorded]
) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that the views have when they are made anew, in one batch; nobody else may use them."""
    for _, schema in SCHEMAS:
        await connection.execute(f"drop schema if exists {schema} cascade", prepare=False)
    await connection.execute("delete from notification_tracking")
    await apply(connection, [events])
    return view_rows(dsn)
