"""Messages that wait for the server's word, kept over restarts.

A message gets its id when it is given to the outbox, so that sending it again is never a second message. Of each channel
one is on its way at a time, so that they arrive in order; another channel's does not wait for it.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec

from sermo_client.control import MessageSentData
from sermo_client.cursors import open_database
from sermo_client.errors import Closed, SermoError


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the `message` frame holds."""

    message_id: UUID
    channel_id: UUID
    content: str
    parent_id: UUID | None = None
    also_to_channel: bool | None = None
    attachment_ids: tuple[UUID, ...] | None = None

    def data(self) -> dict[str, Any]:
        """The frame's data."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class OutboxStore(Protocol):
    """Keeps messages in the order in which they were added. Called from worker threads, one call at a time."""

    def add(self, account: str, message: Message) -> None:
        """Keep it durably; what is there already stays as it is."""
        ...

    def remove(self, account: str, message_id: UUID) -> None:
        """The server has decided about it."""
        ...

    def load(self, account: str) -> list[Message]:
        """All that wait, oldest first."""
        ...


class MemoryOutbox:
    """Forgotten with the process."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, UUID], Message] = {}

    def add(self, account: str, message: Message) -> None:
        """Keep it."""
        self._messages.setdefault((account, message.message_id), message)

    def remove(self, account: str, message_id: UUID) -> None:
        """Forget it."""
        self._messages.pop((account, message_id), None)

    def load(self, account: str) -> list[Message]:
        """All that wait."""
        return [message for (of, _), message in self._messages.items() if of == account]


class SqliteOutbox:
    """A table in a SQLite file. One process at a time sends from it."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        with closing(self._open()) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS sermo_outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL,"
                " message_id TEXT NOT NULL, message TEXT NOT NULL, UNIQUE (account, message_id))"
            )

    def add(self, account: str, message: Message) -> None:
        """Write the row, durably."""
        row = (account, str(message.message_id), msgspec.json.encode(message).decode())
        with closing(self._open()) as db, db:
            db.execute("INSERT OR IGNORE INTO sermo_outbox (account, message_id, message) VALUES (?, ?, ?)", row)

    def remove(self, account: str, message_id: UUID) -> None:
        """Delete the row."""
        with closing(self._open()) as db, db:
            db.execute("DELETE FROM sermo_outbox WHERE account = ? AND message_id = ?", (account, str(message_id)))

    def load(self, account: str) -> list[Message]:
        """The rows in order."""
        with closing(self._open()) as db:
            rows = db.execute("SELECT message FROM sermo_outbox WHERE account = ? ORDER BY n", (account,)).fetchall()
        return [msgspec.json.decode(row[0], type=Message) for row in rows]

    def _open(self) -> sqlite3.Connection:
        return open_database(self._path)


class Fate(StrEnum):
    """What has become of a message."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    FAILED = "failed"


class Sending:
    """The handle of one message. `await` it for the server's word: where it stands, or the refusal as an exception."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.fate = Fate.PENDING
        self.accepted: MessageSentData | None = None
        """Where it stands in the log, once it does."""
        self.error: SermoError | None = None
        """Why it failed."""
        self._decided = asyncio.Event()

    @property
    def message_id(self) -> UUID:
        """The message's id, from the beginning."""
        return self.message.message_id

    @property
    def position(self) -> int | None:
        """The position of the event, once it is accepted."""
        return self.accepted.id if self.accepted is not None else None

    async def wait(self, timeout_s: float | None = None) -> MessageSentData:
        """Wait for the server's word. Raises `TimeoutError` while it is pending, the refusal where it failed."""
        async with asyncio.timeout(timeout_s):
            await self._decided.wait()
        if self.error is not None:
            raise self.error
        assert self.accepted is not None
        return self.accepted

    def __await__(self) -> Any:
        return self.wait().__await__()

    def accept(self, answer: MessageSentData) -> None:
        """It is in the log."""
        self.fate, self.accepted = Fate.ACCEPTED, answer
        self._decided.set()

    def fail(self, error: SermoError) -> None:
        """It will never be."""
        self.fate, self.error = Fate.FAILED, error
        self._decided.set()

    def abandon(self, reason: object) -> None:
        """The client has closed before the server's word; the store still has the message."""
        if self.fate is Fate.PENDING:
            self.error = Closed(reason)
            self._decided.set()


class Outbox:
    """The handles of all that waits: for each channel a queue, whose head is on its way or will be next."""

    def __init__(self) -> None:
        self._queues: dict[UUID, dict[UUID, Sending]] = {}
        self._all: dict[UUID, Sending] = {}

    def find(self, message_id: UUID) -> Sending | None:
        """The handle of a message that waits."""
        return self._all.get(message_id)

    def add(self, message: Message) -> Sending:
        """Queue a message; the handle of one that is there already."""
        sending = self._all.setdefault(message.message_id, Sending(message))
        self._queues.setdefault(message.channel_id, {})[message.message_id] = sending
        return sending

    def head(self, channel_id: UUID) -> Sending | None:
        """The channel's next."""
        return next(iter(self._queues.get(channel_id, {}).values()), None)

    def remove(self, sending: Sending) -> None:
        """Decided: its channel's next may go."""
        del self._all[sending.message_id]
        queue = self._queues[sending.message.channel_id]
        del queue[sending.message_id]
        if not queue:
            del self._queues[sending.message.channel_id]

    def __iter__(self) -> Iterator[Sending]:
        return iter(self._all.values())
