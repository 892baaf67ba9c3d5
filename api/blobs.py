"""The ports to the content of attachments. Content is kept once, under its SHA-256; the program has it in files.

What has the content's bytes and who may have them are two things: nothing here knows people, but for how many uploads each has.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from uuid import UUID


class Blobs(Protocol):
    """Contents by their SHA-256 in hexadecimal. Safe to call from any task of the event loop, and on any node."""

    async def claim(self, log_id: UUID) -> bool:
        """Whether the contents are of this log, as they are where no log has claimed them before. Whoever puts or deletes
        asks this first: the contents of another log would pass for such as nobody needs.
        """
        ...

    async def put(self, file: Path, sha256: str) -> None:
        """Keep what this finished file holds, durably once this returns. It is there already: it counts as put now."""
        ...

    async def read(self, sha256: str, start: int, stop: int) -> bytes:
        """These bytes of a content. Raises `FileNotFoundError`, also for one that was deleted since it was read before."""
        ...

    async def delete(self, sha256: str, untouched_s: float, is_certain: Callable[[], Awaitable[bool]]) -> int | None:
        """Delete a content that nobody put within the last seconds, unless asked once it is out of reach `is_certain` says no;
        the bytes, None where it stays.
        """
        ...

    def list(self, untouched_s: float) -> AsyncIterator[list[str]]:
        """All contents that nobody put within the last seconds, some at a time."""
        ...


class Received(Protocol):
    """A file that has come whole."""

    size: int

    @property
    def sha256(self) -> str:
        """Of its content, in hexadecimal."""
        ...

    def kept(self) -> AbstractAsyncContextManager[None]:
        """Its content lies durably in its place, and no collection takes it away as long as the block lasts.

        Raises `Unavailable` at the end where that cannot be made sure.
        """
        ...


class Uploads(Protocol):
    """Takes files from clients."""

    def check_announced(self, size: int | None) -> None:
        """Raise `TooLarge` for a body that says so before it comes."""
        ...

    def check_media_type(self, media_type: str) -> None:
        """Raise `Invalid` for a type that this server does not take."""
        ...

    def receiving(self, user_id: UUID, stream: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Received]:
        """Read a body to its end, into a file that is gone after the block. Raises `TooLarge`, `Overloaded` or `Invalid`."""
        ...
