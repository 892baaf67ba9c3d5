"""The client for programs without asyncio: the same things, which wait.

with SyncClient("http://127.0.0.1:8000", username="ann", password="...") as client:
    client.send(channel_id, "hello").wait(10)
    for event in client.events(NewMessage):
        print(event.data.content)
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from sermo_client.client import SermoClient
from sermo_client.connection import Reason, State
from sermo_client.control import MessageSentData
from sermo_client.models import Id
from sermo_client.outbox import Fate, Sending
from sermo_client.stream import Item

T = TypeVar("T", bound=Item)
R = TypeVar("R")


class SyncSending:
    """The handle of one message."""

    def __init__(self, client: "SyncClient", sending: Sending) -> None:
        self._client = client
        self._sending = sending
        self.message_id = sending.message_id

    @property
    def fate(self) -> Fate:
        """What has become of it."""
        return self._sending.fate

    @property
    def position(self) -> int | None:
        """The position of the event, once it is accepted."""
        return self._sending.position

    def wait(self, timeout_s: float | None = None) -> MessageSentData:
        """Wait for the server's word. Raises as `Sending.wait` does."""
        return self._client.do(lambda _: self._sending.wait(timeout_s))


class SyncClient:
    """A `SermoClient` in a thread of its own, to be called from any other thread. `options` are those of `SermoClient`."""

    def __init__(self, url: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sermo-client", daemon=True)
        self._thread.start()
        self._client = self._wait(_make(url, options))

    def __enter__(self) -> "SyncClient":
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> State:
        """Where the connection is."""
        return self._client.state

    @property
    def reason(self) -> Reason | None:
        """Why it is reconnecting or closed."""
        return self._client.reason

    def connect(self, timeout_s: float | None = None) -> None:
        """Connect and wait until the connection is live."""
        self.do(lambda client: client.connect(timeout_s))

    def close(self) -> None:
        """End the connection and the thread."""
        if self._loop.is_closed():
            return
        self.do(lambda client: client.close())
        self._wait(_finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def send(self, channel_id: Id, content: str, **options: Any) -> SyncSending:
        """Post a message, by the outbox."""
        return SyncSending(self, self.do(lambda client: client.send(channel_id, content, **options)))

    def events(self, *kinds: type[Any]) -> Iterator[Any]:
        """What comes, one after the other; an item is handled when the next one is asked for."""
        events = self._client.events(*kinds)
        try:
            while (item := self._wait(_next(events))) is not None:
                yield item
        finally:
            if not self._loop.is_closed():
                self._wait(_leave(events))

    def wait_for(
        self, kind: type[T], predicate: Callable[[T], bool] | None = None, timeout_s: float | None = None
    ) -> T:
        """The first item of this type for which the predicate holds."""
        return self.do(lambda client: client.wait_for(kind, predicate, timeout_s))

    def do(self, call: Callable[[SermoClient], Awaitable[R]]) -> R:
        """Anything else that the client can: `do(lambda client: client.rest.me())`."""
        return self._wait(_awaited(call, self._client))

    def _wait(self, doing: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result()


async def _make(url: str, options: dict[str, Any]) -> SermoClient:
    return SermoClient(url, **options)


async def _awaited(call: Callable[[SermoClient], Awaitable[R]], client: SermoClient) -> R:
    return await call(client)


async def _next(events: Any) -> Any:
    return await anext(events, None)


async def _leave(events: Any) -> None:
    await events.aclose()


async def _finish() -> None:
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()
