"""The connections that the reads of a node share: bounded in number, in who waits for one, and in time.

Nothing that reads waits for the database for longer than it was told, whether it waits for a connection or for an answer: a
server that hangs says nothing, and neither does a network.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from sermo import log

READ_CONNECTIONS = 8
"""Two cores run two queries at a time; the rest covers waiting for the disk."""
READS_WAITING_MAX = 1_000
"""Reads that may wait for a connection; one more is answered `unavailable`."""
READ_TIMEOUT_S = 5.0
"""From asking for a connection to the last answer on it, where the caller does not say otherwise."""


class ReadPool(AsyncConnectionPool[AsyncConnection[Any]]):
    """A pool whose `connection()` is over in time. Everything it raises is a `psycopg.OperationalError`: `unavailable`."""

    def __init__(self, dsn: str) -> None:
        super().__init__(
            dsn,
            min_size=2,
            max_size=READ_CONNECTIONS,
            max_waiting=READS_WAITING_MAX,
            open=False,
            kwargs=log.connection_arguments(),
            timeout=READ_TIMEOUT_S,
            # Tries come ever more seldom. Given up after this time, they begin anew when somebody asks: at most 2 s apart.
            reconnect_timeout=READ_TIMEOUT_S,
            name="reads",
        )

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection for the block, which is broken when all of it takes longer than `timeout` seconds (5 by default).

        A fifth of the time is for the answer however long the connection was waited for: under load that would break good
        ones, and every break makes the wait longer.
        """
        timeout_s = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + timeout_s
        async with super().connection(timeout_s) as connection:
            with log.answer_within(connection, max(deadline - time.monotonic(), timeout_s / 5)):
                yield connection

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[Any]:
        """One that has not ended while it lay idle. Those that have are replaced, without a wait between them."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while _has_ended(connection := await super().getconn(deadline - time.monotonic())):
            await self.putconn(connection)
        return connection


def _has_ended(connection: AsyncConnection[Any]) -> bool:
    """Whether the server has ended it. Asks nobody who might not answer: it has said so, or closed its end, or both."""
    with suppress(psycopg.OperationalError):
        connection.pgconn.consume_input()  # what it said last
        connection.pgconn.consume_input()  # that there is no more
    return connection.closed
