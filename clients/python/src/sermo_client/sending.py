"""Empties the outbox: of each channel one message at a time, of all channels at once, whenever the connection is live."""

import asyncio
import random
from collections.abc import Callable
from uuid import UUID

from sermo_client.backoff import Backoff
from sermo_client.control import MessageSent
from sermo_client.errors import Closed, Conflict, Later, ServerRefusal
from sermo_client.link import Link
from sermo_client.outbox import Message, Outbox, OutboxStore, Sending
from sermo_client.stream import SendFailed
from sermo_client.threads import in_thread

CHANNELS_AT_ONCE = 16
BACKOFF = Backoff()


class Sender:
    """The outbox of one account."""

    def __init__(
        self,
        link: Link,
        store: OutboxStore,
        account: str,
        on_refusal: Callable[[SendFailed], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._link = link
        self._store = store
        self._account = account
        self._on_refusal = on_refusal
        self._on_error = on_error
        self._outbox = Outbox()
        self._storing = asyncio.Lock()
        self._room = asyncio.Semaphore(CHANNELS_AT_ONCE)
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    async def load(self) -> None:
        """What an earlier run has left."""
        async with self._storing:
            messages = await in_thread(self._store.load, self._account)
        for message in messages:
            self._queue(message)

    async def send(self, message: Message) -> Sending:
        """Keep a message, then send it as soon as may be. The same again gets the handle that it has."""
        waiting = self._outbox.find(message.message_id)
        if waiting is not None and waiting.message != message:
            raise Conflict("message_id_taken", "another message with this id is waiting", field="message_id")
        async with self._storing:
            await in_thread(self._store.add, self._account, message)
            return self._queue(message)

    def unsent(self) -> list[Sending]:
        """All that wait, those of each channel in order."""
        return list(self._outbox)

    async def close(self, reason: object) -> None:
        """Stop sending; what waits stays in the store."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sending in self._outbox:
            sending.abandon(reason)

    def _queue(self, message: Message) -> Sending:
        sending = self._outbox.add(message)
        channel_id = message.channel_id
        if channel_id not in self._tasks:
            task = self._tasks[channel_id] = asyncio.create_task(self._empty(channel_id))
            task.add_done_callback(lambda task: self._has_emptied(channel_id, task))
        return sending

    def _has_emptied(self, channel_id: UUID, task: asyncio.Task[None]) -> None:
        self._tasks.pop(channel_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)  # the store's: what it holds must not wait unnoticed

    async def _empty(self, channel_id: UUID) -> None:
        """One after the other, until nothing of this channel waits."""
        while (sending := self._outbox.head(channel_id)) is not None:
            async with self._room:
                try:
                    await self._decide(sending)
                except Closed:
                    return  # it waits for another run

    async def _decide(self, sending: Sending) -> None:
        """Send it until the server has decided. Of what it says the store is told first."""
        rung = 0
        while True:
            try:
                answer = await self._link.ask("message", sending.message.data(), timeout_s=None)
            except Later as later:
                named_s = (later.retry_after_ms or 0) / 1_000
                await asyncio.sleep(named_s + BACKOFF.delay_s(rung, random.random()))  # noqa: S311  no secret
                rung += 1
            except ServerRefusal as refusal:
                await self._forget(sending)
                sending.fail(refusal)
                self._on_refusal(SendFailed(sending.message, refusal))
                return
            else:
                assert isinstance(answer, MessageSent), answer
                await self._forget(sending)
                sending.accept(answer.data)
                return

    async def _forget(self, sending: Sending) -> None:
        async with self._storing:
            await in_thread(self._store.remove, self._account, sending.message_id)
        self._outbox.remove(sending)
