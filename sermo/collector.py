"""Attachments that nobody needs are given up, and then the contents that no attachment is left of are deleted.

Both are judged by the log: the first by a command, the second under the content's lock (`sermo/uploads.py`) by views that have
followed the log up to then. Where views lack something, or the folder is another log's, no content is deleted. Whoever dies
in between has done a part; the next one finds the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from psycopg import AsyncConnection

from domain.collection import CollectAttachment
from domain.decider import Execute
from domain.errors import Refusal
from projections import attachments
from projections.runner import GroupRunner
from sermo import log
from sermo.files import Files
from sermo.pool import ReadPool
from sermo.uploads import lock_key

logger = structlog.get_logger()

INTERVAL_S = 3_600.0
WAITING_MAX = timedelta(hours=24)
"""What no message took for so long is given up."""
UNTOUCHED_S = 60.0
"""Contents put within this time stay: an upload whose append was not answered in time may still be appended."""
UPLOAD_DEAD_S = 3_600.0
"""Every MiB of an upload comes within a minute (`sermo/http.py`): a file that was not written to for so long is nobody's."""
COLLECT_LOCK = 6016527
AT_ONCE = 500
VIEWS_WAIT_S = 5.0


class CannotCollect(RuntimeError):
    """Nothing is deleted now; the text says why."""


class Report(msgspec.Struct):
    """What a collection did."""

    collected: int = 0
    """Attachments that were given up."""
    contents: int = 0
    """Files that were deleted."""
    size: int = 0
    """Their bytes."""
    uploads: int = 0
    """Files of uploads that came to no end."""


class Collector:
    """Collects, now and every hour; of all nodes one at a time."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection[Any]]],
        pool: ReadPool,
        views: GroupRunner,
        execute: Execute,
        files: Files,
    ) -> None:
        self._connect = connect
        self._pool = pool
        self._views = views
        self._execute = execute
        self._files = files

    async def run(self) -> None:
        """Collect every hour until cancelled. What fails is tried again in an hour."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                report = await self.collect()
            except (CannotCollect, Refusal, *log.CONNECTION_ERRORS) as error:
                logger.warning("attachments.collection_failed", error=str(error).strip())
            except Exception:
                logger.exception("attachments.collection_failed")
            else:
                if report != Report():
                    logger.info("attachments.collected", **msgspec.structs.asdict(report))

    async def collect(self, waiting_max: timedelta = WAITING_MAX, untouched_s: float = UNTOUCHED_S) -> Report:
        """One collection. Raises `CannotCollect`, also where another one is under way, and what the database raises."""
        report = Report()
        async with await self._connect() as connection:
            if not await _try(connection, "select pg_try_advisory_lock(%s)", [COLLECT_LOCK]):
                raise CannotCollect("another collection is under way")
            try:
                await self._collect(connection, datetime.now(UTC) - waiting_max, untouched_s, report)
            finally:
                # The server ends a session some time after its connection; nobody should have to wait for that.
                with suppress(*log.CONNECTION_ERRORS):
                    await connection.execute("select pg_advisory_unlock(%s)", [COLLECT_LOCK])
        return report

    async def _collect(
        self, connection: AsyncConnection[Any], uploaded_before: datetime, untouched_s: float, report: Report
    ) -> None:
        if not await self._sees_all(connection):
            raise CannotCollect(
                "the views are behind the log, or could not apply some of it: `sermo projections status`"
            )
        report.collected = await self._give_up(uploaded_before)
        report.uploads = await asyncio.to_thread(self._files.remove_temporary, UPLOAD_DEAD_S)
        if await self._is_ours(connection):
            await self._delete_contents(connection, untouched_s, report)

    async def _give_up(self, uploaded_before: datetime) -> int:
        collected, seen = 0, set()
        while True:
            async with self._pool.connection() as connection:
                found = await attachments.collectable(connection, uploaded_before, AT_ONCE)
            fresh = [attachment_id for attachment_id in found if attachment_id not in seen]
            if not fresh:
                return collected
            seen.update(fresh)
            for attachment_id in fresh:
                command = CollectAttachment(
                    attachment_id=attachment_id, uploaded_before=uploaded_before, at=datetime.now(UTC)
                )
                outcome = await self._execute(command)
                collected += bool(outcome.events)
            await self._views.wait_for(outcome.position, VIEWS_WAIT_S)

    async def _is_ours(self, connection: AsyncConnection[Any]) -> bool:
        """Whether the folder's contents are of this log; False too where there is nothing to delete."""
        if not self._files.folder.is_dir():
            return False
        log_id = await log.log_id(connection)
        if log_id is None:
            return False
        if not await self._files.claim(log_id):
            raise CannotCollect(f"{self._files.folder} holds the files of another log: give this one its own data dir")
        return True

    async def _delete_contents(self, connection: AsyncConnection[Any], untouched_s: float, report: Report) -> None:
        async for listed in self._files.list(untouched_s):
            async with self._pool.connection() as reading:
                unneeded = await attachments.unneeded(reading, listed)
            for sha256 in unneeded:
                size = await self._delete(connection, sha256, untouched_s)
                if size is not None:
                    report.contents += 1
                    report.size += size

    async def _delete(self, connection: AsyncConnection[Any], sha256: str, untouched_s: float) -> int | None:
        """The bytes of a content that is deleted; None where it stays, since somebody needs it or is putting it."""
        if not await _try(connection, "select pg_try_advisory_lock(%s, %s)", lock_key(sha256)):
            return None
        try:
            # Whoever had the lock before has its event in the log by now: what is not in the views then is nowhere.
            if not await self._sees_all(connection):
                return None
            async with self._pool.connection() as reading:
                if not await attachments.unneeded(reading, [sha256]):
                    return None
            return await self._files.delete(sha256, untouched_s, lambda: _lives(connection))
        finally:
            with suppress(*log.CONNECTION_ERRORS):
                await connection.execute("select pg_advisory_unlock(%s, %s)", lock_key(sha256))

    async def _sees_all(self, connection: AsyncConnection[Any]) -> bool:
        """Whether the views have all that is in the log now."""
        head = await log.head(connection)
        follows = await self._views.wait_for(head, VIEWS_WAIT_S)
        return follows and self._views.serves and not self._views.parked


async def _try(connection: AsyncConnection[Any], statement: str, parameters: list[int]) -> bool:
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchone() == (True,)


async def _lives(connection: AsyncConnection[Any]) -> bool:
    """Whether the session lives, and with it its locks, held since they were taken."""
    try:
        with log.answer_within(connection, 5.0):
            await connection.execute("select 1")
    except log.CONNECTION_ERRORS:
        return False
    return True
