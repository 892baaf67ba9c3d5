"""The bus between nodes, over NOTIFY on a channel of its own: for signals only, which may be lost.

A notification takes a lock of the whole database at its commit, so it is kept apart from the appends: its own connection, one
statement in autocommit, and a bounded rate by construction: every 100 ms the bus hears what has come and asks once for
what is to be said. Nothing is queued here; who has nothing to say costs no notification.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, sql

from sermo import log
from ws.gossip import BATCH_MAX_BYTES

logger = structlog.get_logger()

NOTIFY_CHANNEL = "sermo_signals"
INTERVAL_S = 0.1
"""One notification in this time at most: 10 a second from a node."""
ANSWER_TIMEOUT_S = 10.0
RETRY_MAX_S = 1.0


class SignalBus:
    """Implements `ws.ports.Bus`."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._rounds: list[asyncio.Future[None]] = []
        self.said = 0
        """Notifications sent."""
        self.heard = 0
        """Notifications received, this node's own included."""

    async def run(
        self, *, say: Callable[[], bytes | None], hear: Callable[[bytes], None], joined: Callable[[], None]
    ) -> None:
        """See `ws.ports.Bus`."""
        delay_s = 0.05
        while True:
            connected_at = None
            try:
                connection = await self._open()
                connected_at = time.monotonic()
                try:
                    joined()
                    while True:
                        await self._round(connection, say, hear)
                finally:
                    await connection.close()
            except (psycopg.Error, OSError) as error:
                logger.warning("signals.connection_lost", error=f"{type(error).__name__}: {error}".strip())
            held = connected_at is not None and time.monotonic() - connected_at > RETRY_MAX_S
            delay_s = 0.05 if held else min(delay_s * 2, RETRY_MAX_S)
            await asyncio.sleep(delay_s)

    async def round(self, timeout_s: float) -> bool:
        """Wait until the bus has asked once more for what is to be said, and has said it; False where it cannot in time."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rounds.append(future)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        return True

    async def _open(self) -> AsyncConnection[Any]:
        connection = await self._connect()
        try:
            with log.answer_within(connection, ANSWER_TIMEOUT_S):
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(NOTIFY_CHANNEL)))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _round(
        self, connection: AsyncConnection[Any], say: Callable[[], bytes | None], hear: Callable[[bytes], None]
    ) -> None:
        async for notify in connection.notifies(timeout=INTERVAL_S):
            self.heard += 1
            hear(_decode(notify.payload))
        rounds, self._rounds = self._rounds, []
        data = say()
        if data is not None:
            assert len(data) <= BATCH_MAX_BYTES, "a NOTIFY takes less than 8,000 bytes"
            with log.answer_within(connection, ANSWER_TIMEOUT_S):
                await connection.execute("select pg_notify(%s, %s)", [NOTIFY_CHANNEL, base64.b64encode(data).decode()])
            self.said += 1
        for future in rounds:
            if not future.done():
                future.set_result(None)


def _decode(payload: str) -> bytes:
    """What is not ours becomes nothing; the listener counts what it cannot read."""
    try:
        return base64.b64decode(payload, validate=True)
    except ValueError:
        return b""
