"""The epoch: which history the positions belong to. It changes when positions may have lost their meaning.

The row `log_epoch` keeps it with PostgreSQL's system identifier and WAL timeline. A restored dump has another identifier,
a promoted standby or a point-in-time restore another timeline: either may lack the last events that clients have seen, so
a new epoch is made and every resume from an old one is refused with `resync_required`.
"""

import uuid
from typing import Any

import structlog
from psycopg import AsyncConnection

logger = structlog.get_logger()

_HISTORY = (
    "select system_identifier, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
    " from pg_control_system()"
)


async def current_epoch(connection: AsyncConnection[Any], *, lossless_failover: bool = False) -> str:
    """The epoch of this database, made anew where its history changed.

    `lossless_failover`: the operator's word that the change of history lost nothing (a synchronous standby): the epoch
    stays, and the new history is noted.
    """
    history, known = await _read(connection)
    if known is not None and known[1:] == history:
        return known[0]  # the usual case needs no lock, so a slow writer does not hold up a tail that reconnects
    async with connection.transaction():
        await connection.execute("select sermo_lock_log()")
        history, known = await _read(connection)
        if known is not None and known[1:] == history:
            return known[0]
        identifier, timeline = history
        keep = known is not None and lossless_failover
        epoch = known[0] if known is not None and keep else uuid.uuid4().hex
        await connection.execute("delete from log_epoch")
        await connection.execute(
            "insert into log_epoch (epoch, system_identifier, timeline) values (%s, %s, %s)",
            [epoch, identifier, timeline],
        )
        if known is not None:
            logger.warning("epoch.history_changed", kept=keep, epoch=epoch, timeline=timeline)
        return epoch


async def _read(connection: AsyncConnection[Any]) -> tuple[tuple[int, int], tuple[str, int, int] | None]:
    """The history of the server, and the row: epoch and the history that it belongs to."""
    cursor = await connection.execute(_HISTORY)
    history = await cursor.fetchone()
    assert history is not None
    cursor = await connection.execute("select epoch, system_identifier, timeline from log_epoch")
    known = await cursor.fetchone()
    return (history[0], history[1]), known and (str(known[0]), known[1], known[2])


async def new_epoch(connection: AsyncConnection[Any], old: str) -> str:
    """Leave the epoch `old`: the log was seen to have gone backwards though its history says otherwise.

    Of several nodes that see it the first one makes the new epoch, and the others get the same.
    """
    await connection.execute(
        "update log_epoch set epoch = %s, made_at = clock_timestamp() where epoch = %s", [uuid.uuid4().hex, old]
    )
    cursor = await connection.execute("select epoch from log_epoch")
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])
