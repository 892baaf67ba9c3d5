"""Where a client has got to, kept over restarts. A store is three lines to write: see `CursorStore`.

Saved after what it stands for was handled, never before; a crash in between lets that come again (at least once for the
handler, exactly once for who looks at `id`).
"""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Protocol

import msgspec


class Cursor(msgspec.Struct, frozen=True):
    """A position, which means nothing without its epoch."""

    epoch: str
    position: int


class CursorStore(Protocol):
    """Keeps a cursor for each account. Called from worker threads, one call at a time."""

    def load(self, account: str) -> Cursor | None:
        """The cursor that was saved last."""
        ...

    def save(self, account: str, cursor: Cursor) -> None:
        """Save it so that a crash leaves this one or the one before, whole."""
        ...


class MemoryCursors:
    """Forgotten with the process."""

    def __init__(self, cursors: dict[str, Cursor] | None = None) -> None:
        self.cursors = dict(cursors or {})

    def load(self, account: str) -> Cursor | None:
        """The cursor."""
        return self.cursors.get(account)

    def save(self, account: str, cursor: Cursor) -> None:
        """Keep it."""
        self.cursors[account] = cursor


class FileCursors:
    """A small JSON file, replaced as a whole. For one process at a time."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self, account: str) -> Cursor | None:
        """The cursor."""
        return self._read().get(account)

    def save(self, account: str, cursor: Cursor) -> None:
        """Replace the file, durably."""
        content = msgspec.json.encode({**self._read(), account: cursor})
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=folder, prefix=self._path.name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(folder)

    def _read(self) -> dict[str, Cursor]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Cursor])
        except FileNotFoundError:
            return {}


def _sync_folder(folder: Path) -> None:
    """So that the new name outlives a power cut too."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class SqliteCursors:
    """A table in a SQLite file, which may hold other things, such as the outbox."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        with closing(self._open()) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS sermo_cursors"
                " (account TEXT PRIMARY KEY, epoch TEXT NOT NULL, position INTEGER NOT NULL)"
            )

    def load(self, account: str) -> Cursor | None:
        """The cursor."""
        with closing(self._open()) as db:
            row = db.execute("SELECT epoch, position FROM sermo_cursors WHERE account = ?", (account,)).fetchone()
        return Cursor(row[0], row[1]) if row is not None else None

    def save(self, account: str, cursor: Cursor) -> None:
        """Write the row, durably."""
        with closing(self._open()) as db, db:
            db.execute(
                "INSERT INTO sermo_cursors VALUES (?, ?, ?) ON CONFLICT (account)"
                " DO UPDATE SET epoch = excluded.epoch, position = excluded.position",
                (account, cursor.epoch, cursor.position),
            )

    def _open(self) -> sqlite3.Connection:
        return open_database(self._path)


def open_database(path: str) -> sqlite3.Connection:
    """A connection whose commits are on the disk."""
    db = sqlite3.connect(path, timeout=30)
    db.execute("PRAGMA synchronous = FULL")
    return db
