"""Saves the cursor of what was handled: the last one, as often as the store can, and at the end."""

import asyncio

from sermo_client.cursors import Cursor, CursorStore
from sermo_client.threads import in_thread


class Saver:
    """Of one account."""

    def __init__(self, store: CursorStore) -> None:
        self.cursor: Cursor | None = None
        """What has been handled."""
        self._store = store
        self._account = ""
        self._saved: Cursor | None = None
        self._saving = asyncio.Lock()
        self._moved = asyncio.Event()

    async def load(self, account: str) -> Cursor | None:
        """Where the account has got to."""
        self._account = account
        self.cursor = self._saved = await in_thread(self._store.load, account)
        return self.cursor

    def handled(self, cursor: Cursor) -> None:
        """Everything up to here was handled."""
        self.cursor = cursor
        self._moved.set()

    async def run(self) -> None:
        """Save what moves, for ever."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self.flush()

    async def flush(self) -> None:
        """Save it now."""
        async with self._saving:
            cursor = self.cursor
            if cursor is not None and cursor != self._saved:
                await in_thread(self._store.save, self._account, cursor)
                self._saved = cursor
