"""The contents of attachments in files, `ab/cd/SHA256` below one folder: implements `api.blobs.Blobs`.

Only the owner may read them. A content is whole from the moment when it has its name, and durable when `put` returns: file
first, then the folders. Several nodes may share the folder, on a file system with hard links.
"""

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid4

_NAME = re.compile(r"[0-9a-f]{64}")
_LISTED_AT_ONCE = 1_000
FOLDER = "attachments"
"""Of the data dir."""
OWNER = "log"
"""A file with the id of the log that the contents are of."""
TEMPORARY = "tmp"
"""The folder of what is not whole, or not for ever."""


class Files:
    """One folder of contents. Nothing of it needs to exist before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / TEMPORARY

    def path(self, sha256: str) -> Path:
        """Where a content lies, or would lie."""
        assert _NAME.fullmatch(sha256), "it becomes a path"
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    async def put(self, file: Path, sha256: str) -> None:
        """See `Blobs.put`. `file` stays; its own bytes are on the disk already."""
        await asyncio.to_thread(self._put, file, sha256)

    def _put(self, file: Path, sha256: str) -> None:
        path = self.path(sha256)
        make_folder(path.parent)
        # A content that lost bytes after it was put, by a fault of the disk, is mended by this.
        if not _is_whole(path, file.stat().st_size):
            path.unlink(missing_ok=True)
            with suppress(FileExistsError):
                os.link(file, path)
        os.utime(path)
        # Always all of them: another upload may have made them, and not come so far yet.
        for folder in (path.parent, path.parent.parent, self.folder):
            _sync_folder(folder)

    async def read(self, sha256: str, start: int, stop: int) -> bytes:
        """See `Blobs.read`. Opens it each time: a client that reads slowly holds no open file."""
        return await asyncio.to_thread(self._read, sha256, start, stop)

    def _read(self, sha256: str, start: int, stop: int) -> bytes:
        with open(self.path(sha256), "rb") as file:
            file.seek(start)
            return file.read(stop - start)

    async def delete(self, sha256: str, untouched_s: float, is_certain: Callable[[], Awaitable[bool]]) -> int | None:
        """See `Blobs.delete`. Who dies in between leaves it where `list` brings it back from."""
        gone = self.temporary / f"{sha256}.gone"
        try:
            size = await asyncio.to_thread(self._move_away, sha256, untouched_s, gone)
        except FileNotFoundError:
            return None
        certain = False
        try:
            certain = await is_certain()
        finally:
            await asyncio.to_thread(gone.unlink if certain else lambda: self._bring_back(gone))
        return size if certain else None

    def _move_away(self, sha256: str, untouched_s: float, gone: Path) -> int:
        make_folder(self.temporary)
        path = self.path(sha256)
        found = path.stat()
        if found.st_mtime > time.time() - untouched_s:
            raise FileNotFoundError(f"{sha256} was put again since it was listed")
        path.replace(gone)
        return found.st_size

    def _bring_back(self, gone: Path) -> None:
        path = self.path(gone.stem)
        make_folder(path.parent)
        with suppress(FileExistsError, FileNotFoundError):
            os.link(gone, path)
        gone.unlink(missing_ok=True)
        _sync_folder(path.parent)

    async def list(self, untouched_s: float) -> AsyncIterator[list[str]]:
        """See `Blobs.list`. What a deletion that died has moved away is back first."""
        names = await asyncio.to_thread(self._begin_list, untouched_s)
        while some := await asyncio.to_thread(lambda: list(islice(names, _LISTED_AT_ONCE))):
            yield some

    def _begin_list(self, untouched_s: float) -> Iterator[str]:
        for gone in self.temporary.glob("*.gone"):
            if _NAME.fullmatch(gone.stem):
                self._bring_back(gone)
        return self._names(time.time() - untouched_s)

    def _names(self, before: float) -> Iterator[str]:
        for path in self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            with suppress(FileNotFoundError):
                if _NAME.fullmatch(path.name) and path.stat().st_mtime <= before:
                    yield path.name

    async def claim(self, log_id: UUID) -> bool:
        """See `Blobs.claim`."""
        return await asyncio.to_thread(self._claim, log_id)

    def _claim(self, log_id: UUID) -> bool:
        mark = self.folder / OWNER
        if not mark.exists():
            making = self.folder / f".{OWNER}.{uuid4()}"
            make_folder(self.folder)
            with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{log_id}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(making, mark)
            making.unlink()
            _sync_folder(self.folder)
        return mark.read_text().strip() == str(log_id)

    def is_whole(self, sha256: str) -> bool:
        """Whether a content is there and is what its name says. Reads all of it."""
        try:
            with open(self.path(sha256), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def remove_temporary(self, untouched_s: float) -> int:
        """Remove files of uploads that came to no end and were not written to for so long; how many."""
        removed = 0
        for path in self.temporary.glob("*.upload"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - untouched_s:
                    path.unlink()
                    removed += 1
        return removed


def make_folder(folder: Path) -> None:
    """Make a folder that is its owner's alone, and those above it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(0o700)


def _is_whole(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no such thing
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
