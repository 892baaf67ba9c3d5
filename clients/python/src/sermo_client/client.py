"""`SermoClient`: one person's connection to Sermo, with everything that keeps it whole.

async with SermoClient("http://127.0.0.1:8000", username="ann", password="...") as client:
    await client.send(channel_id, "hello")
    async for event in client.events(NewMessage):
        ...
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar, overload
from uuid import UUID

from sermo_client import control, sending
from sermo_client.backoff import Backoff
from sermo_client.calls import SermoRest
from sermo_client.commands import Commands
from sermo_client.connection import Connection, Reason, State
from sermo_client.cursors import Cursor, CursorStore, MemoryCursors
from sermo_client.errors import Closed, ProtocolViolation, Unauthenticated
from sermo_client.identity import Identity
from sermo_client.link import Link
from sermo_client.outbox import MemoryOutbox, OutboxStore
from sermo_client.saving import Saver
from sermo_client.stream import Item, Stream
from sermo_client.tokens import Pair, Tokens

T = TypeVar("T", bound=Item)


class SermoClient(Commands):
    """One person's connection.

    Where the tokens come from, one of: `token` (a text, or an async function that is asked whenever one is needed),
    `refresh_token` (refreshed by itself; `on_tokens` is told of each new pair), `username` and `password`, `tokens` (your own
    kind), or a `ticket`.

    `cursors`: where it goes on after a restart. `outbox`: where unsent messages wait. `account`: whose they are there; if not
    given, the user's id or `username@url`. `start`: without a cursor, `live` begins now and `snapshot` loads one first
    (`Resynced`). `buffer`: events that wait for a slow application before reading pauses.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Callable[[], Awaitable[str]] | None = None,
        refresh_token: str | None = None,
        on_tokens: Callable[[Pair], Awaitable[None]] | None = None,
        username: str | None = None,
        password: str | None = None,
        tokens: Tokens | None = None,
        ticket: str | None = None,
        token_in_header: bool = False,
        cursors: CursorStore | None = None,
        outbox: OutboxStore | None = None,
        account: str | None = None,
        start: str = "live",
        channel_id: UUID | str | None = None,
        max_backlog: int | None = None,
        name: str | None = "sermo-client-python/0.1",
        backoff: Backoff | None = None,
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 30.0,
        buffer: int = 10_000,
        trust_env: bool = True,
    ) -> None:
        self.rest = SermoRest(url, trust_env=trust_env)
        self._identity = Identity(
            self.rest,
            tokens=tokens,
            token=token,
            refresh_token=refresh_token,
            on_tokens=on_tokens,
            username=username,
            password=password,
            account=account,
        )
        self.tokens = self._identity.tokens
        self._channel_id = UUID(str(channel_id)) if channel_id is not None else None
        self._outbox_store = outbox or MemoryOutbox()
        self._saver = Saver(cursors or MemoryCursors())
        self._stream = Stream(self._saver.handled, buffer)
        self._machine = Connection(channel_id=self._channel_id, max_backlog=max_backlog, client=name, backoff=backoff)
        link = Link(
            url,
            self._machine,
            self._stream,
            tokens=self.tokens,
            ticket=ticket,
            token_in_header=token_in_header,
            load_snapshot=self.rest.snapshot,
            begins_with_snapshot=start == "snapshot",
            on_state=self._on_link_state,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            trust_env=trust_env,
        )
        super().__init__(link)
        self._sender: sending.Sender | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._observers: list[Callable[[State, Reason | None], None]] = []
        self._failure: BaseException | None = None
        self._ended = asyncio.Event()

    # The connection

    @property
    def state(self) -> State:
        """Where the connection is."""
        return self._machine.state

    @property
    def reason(self) -> Reason | None:
        """Why it is reconnecting or closed."""
        return self._machine.reason

    @property
    def session(self) -> control.ConnectedData | None:
        """What the server said when the connection was opened; None without one."""
        return self._machine.session

    @property
    def user_id(self) -> UUID | None:
        """Who is connected; None before the first connection."""
        return self._machine.user_id

    @property
    def cursor(self) -> Cursor | None:
        """What has been handled."""
        return self._saver.cursor

    @property
    def missed(self) -> int:
        """How many events the last resume has brought."""
        return self._machine.missed

    def on_state(self, observer: Callable[[State, Reason | None], None]) -> None:
        """Call this function, which must not block, whenever the state changes."""
        self._observers.append(observer)

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect and wait until the connection is live. Called by several at once, it connects once. Raises `Closed`, and
        `TimeoutError` while it goes on trying.
        """
        await self.start()
        async with asyncio.timeout(timeout_s):
            await self._link.wait_live()

    async def start(self) -> None:
        """Begin to connect, and do not wait: what is sent meanwhile goes to the outbox."""
        if self.state is State.CLOSED:
            raise self._error() or Closed(self.reason)
        if self._connecting is None or (self._connecting.done() and not self._tasks):
            self._connecting = asyncio.create_task(self._start())
        await asyncio.shield(self._connecting)

    async def close(self) -> None:
        """End it in good order: what was handled is saved, what is unsent stays in the outbox."""
        if self.state is not State.CLOSED or self._tasks:
            await self._link.close()
        await self._stop()
        await self.rest.close()

    async def run(self) -> None:
        """Wait until the client is closed. Raises why, unless the application closed it."""
        if self.state is not State.CLOSED:
            await self.start()
        await self._ended.wait()
        if (error := self._error()) is not None:
            raise error

    async def __aenter__(self) -> "SermoClient":
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def hurry(self) -> None:
        """Come back now, not after the delay: the network is back, say."""
        self._link.hurry()

    # What comes

    @overload
    def events(self) -> AsyncIterator[Item]: ...
    @overload
    def events(self, *kinds: type[T]) -> AsyncIterator[T]: ...
    def events(self, *kinds: type[Any]) -> AsyncIterator[Any]:
        """What comes, in order: events, signals, `Resynced` and `SendFailed`; of these types alone, where some are named. An
        item is handled when the next one is asked for. Ends with `close`; raises why it has ended otherwise.
        """
        return self._stream.events(kinds or (object,))

    def on(self, *kinds: type[Any]) -> Callable[[Callable[[Any], Awaitable[None]]], Callable[[Any], Awaitable[None]]]:
        """Decorates a handler for items of these types. Handlers run one after the other, so a slow one delays the rest; what
        one raises closes the client, and the event comes again after a restart.
        """

        def register(handler: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
            self._stream.on(kinds or (object,), handler)
            return handler

        return register

    async def wait_for(
        self, kind: type[T], predicate: Callable[[T], bool] | None = None, timeout_s: float | None = None
    ) -> T:
        """The first item of this type for which the predicate holds, of what waits to be handled and what comes. Raises
        `TimeoutError` and `Closed`.
        """

        def matches(item: Item) -> bool:
            return isinstance(item, kind) and (predicate is None or predicate(item))

        found = await self._stream.wait_for(matches, timeout_s)
        assert isinstance(found, kind)
        return found

    # Inside

    async def _start(self) -> None:
        if self._tasks:
            return
        try:
            account = await self._identity.find_account()
        except Unauthenticated as error:
            raise Closed(self._machine.token_refused(str(error)).reason) from error
        if self._channel_id is not None:
            account = f"{account}/{self._channel_id}"
        self._machine.cursor = await self._saver.load(account)
        self._sender = sending.Sender(self._link, self._outbox_store, account, self._stream.put, self._fail)
        await self._sender.load()
        loops = [self._link.run(), self._stream.dispatch(), self._saver.run(), self._identity.keep_fresh(self._link)]
        self._tasks = [asyncio.create_task(self._guard(loop)) for loop in loops]

    async def _guard(self, loop: Coroutine[Any, Any, None]) -> None:
        """Run one of the loops. What the application, a store or we ourselves raise ends the client, and who waits is told."""
        try:
            await loop
        except Closed:
            pass  # told by the state
        except Exception as error:  # any: nothing may end unnoticed
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._machine.failed(repr(error))
        self._link.abort()

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        self._stream.end(self._error())
        self._stream.stop()
        if self._sender is not None:
            await self._sender.close(self.reason)
        mine = asyncio.current_task()
        for task in tasks:
            if task is not mine:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not mine), return_exceptions=True)
        await self._saver.flush()
        self._ended.set()

    def _error(self) -> BaseException | None:
        """Why it has ended, where that is no one's wish."""
        reason = self.reason
        if self._failure is not None:
            return self._failure
        if reason is None or reason.what == "closed":
            return None
        return ProtocolViolation(reason.detail) if reason.what == "violation" else Closed(reason)

    def _on_link_state(self) -> None:
        if self.state is State.CLOSED:
            self._stream.end(self._error())
            self._ended.set()
        for observer in self._observers:
            observer(self.state, self.reason)
