"""Live equals rebuilt: the rows of every view, to compare before and after."""

from collections.abc import Sequence
from typing import Any

import psycopg

from domain.decider import Recorded
from projections import rebuild as rebuilding
from projections.group import CORE
from projections.projection import Group, schema_of
from sermo import log


def view_rows(dsn: str, group: Group = CORE) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all views of the group, in an order that does not depend on how they came there."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(dsn) as connection:
        for view in group.views:
            schema = schema_of(view)
            tables = connection.execute(
                "select table_name from information_schema.tables where table_schema = %s order by 1", [schema]
            ).fetchall()
            assert tables, f"{schema} has no tables"
            for (table,) in tables:
                found = connection.execute(f"select t::text from {schema}.{table} as t order by 1").fetchall()
                rows[f"{schema}.{table}"] = found
    return rows


async def rebuild(dsn: str, name: str = "all", groups: Sequence[Group] = ()) -> None:
    """Build views anew from the log, as a program does that has these groups."""
    async with await log.connect(dsn) as reading:

        async def read(after: int, limit: int) -> Sequence[Recorded]:
            return await log.read(reading, after, limit)

        await rebuilding.rebuild(lambda: log.connect(dsn), read, name, groups=groups)
