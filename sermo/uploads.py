"""Files on their way in: streamed to the disk, hashed as they come, and kept so that no collection races with them.

A content is shared by all attachments with the same bytes, and its file goes when none of them is left. Whoever adds one holds
a lock on the content, shared, from before its file is put until the event is in the log; whoever removes the file holds it
alone, from before it looks into the log until after the file is gone. The lock is of a session of PostgreSQL: it holds on all
nodes, and ends with a process that dies. Whoever finds at the end that the session had ended puts the file again, under a new
lock, before anybody is told that it is there. ADR 0008 has the argument.
"""

import asyncio
import hashlib
import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection

from api.blobs import Blobs
from domain.errors import Invalid, Overloaded, Refusal, TooLarge, Unavailable
from sermo import log
from sermo.files import make_folder

logger = structlog.get_logger()

UPLOADS_MAX = 64
"""Under way on a node at once, each with an open file; one more is `overloaded`."""
UPLOADS_OF_ONE_MAX = 8
CHUNK_BYTES = 262_144
"""Handed to the disk at once; with what uvicorn holds, an upload takes half a MiB of memory."""
CONTENT_LOCKS = 6016526
"""The first half of a content's lock; the other one is of its hash. Two contents that share it only wait for each other."""
TRIES = 3


def lock_key(sha256: str) -> list[int]:
    """The numbers of a content's lock."""
    return [CONTENT_LOCKS, int.from_bytes(bytes.fromhex(sha256[:8]), signed=True)]


class Uploads:
    """Implements `api.blobs.Uploads`."""

    def __init__(
        self,
        folder: Path,
        blobs: Blobs,
        connect: Callable[[], Awaitable[AsyncConnection[Any]]],
        *,
        max_bytes: int,
        types: Sequence[str],
    ) -> None:
        self._folder = folder
        self.blobs = blobs
        self.connect = connect
        self.max_bytes = max_bytes
        self._types = types
        self._is_ours = False
        """The contents are known to be of this log."""
        self._under_way: Counter[UUID] = Counter()
        self.received_bytes = 0
        """Of files that came whole."""
        self.refusals: Counter[str] = Counter()
        """By code, of what was refused while it came or before."""

    @property
    def under_way(self) -> int:
        """Uploads that have begun and not ended."""
        return self._under_way.total()

    def check_announced(self, size: int | None) -> None:
        """See `api.blobs.Uploads.check_announced`."""
        if size is not None and size > self.max_bytes:
            self._refuse(TooLarge(f"A file has at most {self.max_bytes} bytes."))

    def check_media_type(self, media_type: str) -> None:
        """See `api.blobs.Uploads.check_media_type`."""
        if self._types and not any(fnmatchcase(media_type, pattern) for pattern in self._types):
            self._refuse(Invalid(f"This server takes no files of type {media_type}.", field="media_type"))

    async def claim(self, connection: AsyncConnection[Any]) -> None:
        """Raise `Unavailable` where the contents are of another log."""
        if self._is_ours:
            return
        log_id = await log.log_id(connection)
        if log_id is None or not await self.blobs.claim(log_id):
            logger.critical("uploads.folder_of_another_log", folder=str(self._folder.parent))
            raise Unavailable("The server's folder for files belongs to another log: its operator has to mend it.")
        self._is_ours = True

    def _refuse(self, refusal: Refusal) -> None:
        self.refusals[refusal.code] += 1
        raise refusal

    @asynccontextmanager
    async def receiving(self, user_id: UUID, stream: AsyncIterator[bytes]) -> AsyncIterator["Received"]:
        """See `api.blobs.Uploads.receiving`."""
        if self.under_way >= UPLOADS_MAX or self._under_way[user_id] >= UPLOADS_OF_ONE_MAX:
            self._refuse(Overloaded("Too many uploads are under way.", retry_after_ms=5_000))
        self._under_way[user_id] += 1
        received = Received(self, self._folder / f"{uuid.uuid4()}.upload")
        try:
            await self._read(stream, received)
            self.received_bytes += received.size
            yield received
        finally:
            await asyncio.to_thread(received.discard)
            self._under_way[user_id] -= 1
            if not self._under_way[user_id]:
                del self._under_way[user_id]

    async def _read(self, stream: AsyncIterator[bytes], received: "Received") -> None:
        await asyncio.to_thread(received.begin)
        waiting = bytearray()
        async for chunk in stream:
            if received.size + len(waiting) + len(chunk) > self.max_bytes:
                self._refuse(TooLarge(f"A file has at most {self.max_bytes} bytes."))
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                await asyncio.to_thread(received.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(received.write, bytes(waiting))
        if not received.size:
            self._refuse(Invalid("The body is the file, and has at least one byte.", field="body"))
        await asyncio.to_thread(received.finish)


class Received:
    """A file as it comes: implements `api.blobs.Received` once it is whole. All but `kept` are called in threads."""

    def __init__(self, uploads: Uploads, path: Path) -> None:
        self._uploads = uploads
        self._path = path
        self._file: Any = None
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what has come."""
        return self._digest.hexdigest()

    def begin(self) -> None:
        """Make the file, its owner's alone."""
        make_folder(self._path.parent)
        # Buffered, for its lock: a write in a thread whose caller was cancelled must not meet `discard`.
        self._file = open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> None:
        """To the disk, and closed."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Remove the file, in whatever state."""
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """See `api.blobs.Received.kept`."""
        connection = await self._lock_and_put()
        try:
            yield
            was_held = await _unlock(connection, self.sha256)
        finally:
            await connection.close()
        for _ in range(TRIES):
            if was_held:
                return
            logger.warning("uploads.lock_lost", sha256=self.sha256)
            connection = await self._lock_and_put()
            try:
                was_held = await _unlock(connection, self.sha256)
            finally:
                await connection.close()
        raise Unavailable(retry_after_ms=1_000)

    async def _lock_and_put(self) -> AsyncConnection[Any]:
        try:
            connection = await self._uploads.connect()
            try:
                await connection.execute("select pg_advisory_lock_shared(%s, %s)", lock_key(self.sha256))
                await self._uploads.claim(connection)
                await self._uploads.blobs.put(self._path, self.sha256)
            except BaseException:
                await connection.close()
                raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise Unavailable(retry_after_ms=1_000) from error
        return connection


async def _unlock(connection: AsyncConnection[Any], sha256: str) -> bool:
    """Whether the lock was held until now: its session lives."""
    try:
        with log.answer_within(connection, 5.0):
            cursor = await connection.execute("select pg_advisory_unlock_shared(%s, %s)", lock_key(sha256))
            return await cursor.fetchone() == (True,)
    except log.CONNECTION_ERRORS:
        return False
