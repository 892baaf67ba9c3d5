"""The reads' pool: over in time whatever the database does, and of use again as soon as that is back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from sermo.pool import READ_CONNECTIONS, ReadPool
from tests.fixtures.proxy import running_proxy

SLACK_S = 3.0
"""For a machine that is busy with other things."""
OUTAGE_S = 8.0
"""The library would try after 1, 3 and 7 s, and then not before 15 s: later than a read waits."""


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[ReadPool]:
    """A pool with its first connections."""
    async with ReadPool(dsn) as pool:
        await pool.wait()
        yield pool


async def backend(pool: ReadPool, timeout: float | None = None) -> int:
    """A read: the process that serves it."""
    async with pool.connection(timeout) as connection:
        cursor = await connection.execute("select pg_backend_pid()")
        (row,) = await cursor.fetchall()
    return int(row[0])


async def test_read_that_is_not_answered_is_over_in_its_time(database: str) -> None:
    """More of them than there are connections, so some wait for one; afterwards all goes on."""
    async with running_proxy(database) as proxy, opened(proxy.dsn) as pool:
        proxy.hang()
        started = time.monotonic()
        reads = [backend(pool, 0.5) for _ in range(2 * READ_CONNECTIONS)]
        answers = await asyncio.gather(*reads, return_exceptions=True)
        assert time.monotonic() - started < 0.5 + SLACK_S
        assert all(isinstance(answer, psycopg.OperationalError) for answer in answers), answers
        proxy.resume()
        assert await backend(pool)


async def test_read_that_takes_too_long_is_over_in_its_time(database: str) -> None:
    """All queries of a block together, though the server answers each."""
    async with opened(database) as pool:
        started = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            await _sleep_often(pool)
        assert time.monotonic() - started < 0.5 + SLACK_S


async def _sleep_often(pool: ReadPool) -> None:
    async with pool.connection(0.5) as connection:
        for _ in range(100):
            await connection.execute("select pg_sleep(0.2)")


async def test_connection_that_ended_while_it_lay_idle_is_not_handed_out(database: str) -> None:
    """All of them were terminated: no reader notices, and none waits for one after the other."""
    async with opened(database) as pool, await psycopg.AsyncConnection.connect(database, autocommit=True) as killer:
        held = [await pool.getconn() for _ in range(READ_CONNECTIONS)]
        for connection in held:
            await pool.putconn(connection)
        before = {connection.info.backend_pid for connection in held}
        await killer.execute("select pg_terminate_backend(pid, 10000) from unnest(%s::int[]) as pid", [list(before)])
        found = await asyncio.gather(*(backend(pool) for _ in range(2 * READ_CONNECTIONS)))
        assert before.isdisjoint(found)


async def test_reads_go_on_soon_after_an_outage(database: str) -> None:
    """The pool's own tries to connect come ever more seldom; no reader has to wait for the next one."""
    async with running_proxy(database) as proxy, opened(proxy.dsn) as pool:
        proxy.refusing = True
        proxy.cut()
        back_at = time.monotonic() + OUTAGE_S
        while time.monotonic() < back_at:
            with pytest.raises(psycopg.OperationalError):
                await backend(pool, 0.5)
        proxy.resume()
        assert await backend(pool)
