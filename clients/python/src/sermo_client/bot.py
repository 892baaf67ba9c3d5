"""Bots: functions that answer messages.

bot = Bot("http://127.0.0.1:8000", username="echo", password="...")

@bot.command("echo")
async def echo(context: Context) -> None:
    await context.reply(context.text)

bot.run()
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from sermo_client.client import SermoClient
from sermo_client.control import DoneData
from sermo_client.errors import Closed
from sermo_client.frames import NewMessage, NewReply
from sermo_client.ids import derived_id
from sermo_client.outbox import Sending

logger = logging.getLogger(__name__)


class Context:
    """A message that a bot answers."""

    def __init__(self, client: SermoClient, event: NewMessage | NewReply, match: re.Match[str], text: str) -> None:
        self.client = client
        self.event = event
        self.match = match
        """What the pattern has found."""
        self.text = text
        """Of a command: what follows its name; else the whole content."""
        self._answers = 0

    @property
    def args(self) -> list[str]:
        """The words of `text`."""
        return self.text.split()

    @property
    def channel_id(self) -> UUID:
        """Where it was said."""
        return self.event.channel_id

    @property
    def author_id(self) -> UUID:
        """Who said it."""
        return self.event.data.author_id

    async def reply(self, content: str, *, in_thread: bool | None = None) -> Sending:
        """Answer in the channel, or in the thread where it was said there (or `in_thread`). The n-th answer to a message has the
        same id whenever it is made: a message that comes again after a crash is not answered twice.
        """
        self._answers += 1
        message_id = self.event.data.message_id
        is_reply = isinstance(self.event, NewReply)
        return await self.client.send(
            self.channel_id,
            content,
            parent_id=message_id if (is_reply if in_thread is None else in_thread) else None,
            message_id=derived_id(self.event.data.created_at, message_id, self._answers),
        )

    async def react(self, emoji: str) -> DoneData:
        """Put an emoji on it."""
        return await self.client.react(self.event.data.message_id, emoji)


Answer: TypeAlias = Callable[[Context], Awaitable[Any]]
A = TypeVar("A", bound=Answer)


class Bot:
    """Messages of others go to the first command or pattern that fits, one after the other. `options` are those of `SermoClient`.

    What an answer raises is logged, and the bot goes on; set `on_error` to do something else.
    """

    def __init__(self, url: str, *, prefix: str = "!", **options: Any) -> None:
        self.prefix = prefix
        self.client: SermoClient | None = None
        """While the bot runs."""
        self.on_error: Callable[[Context, Exception], Awaitable[None]] = _log
        self._url = url
        self._options = options
        self._answers: list[tuple[re.Pattern[str], Answer, bool]] = []
        self._handlers: list[tuple[tuple[type[Any], ...], Callable[[Any], Awaitable[None]]]] = []

    def command(self, name: str) -> Callable[[A], A]:
        """Decorates the answer to `!name`, whatever follows."""
        return self._register(rf"{re.escape(self.prefix)}{re.escape(name)}(?:\s+(?P<text>.*))?", is_command=True)

    def on_message(self, pattern: str = ".*") -> Callable[[A], A]:
        """Decorates the answer to messages in which this regular expression is found."""
        return self._register(pattern, is_command=False)

    def on(self, *kinds: type[Any]) -> Callable[[Any], Any]:
        """Decorates a handler for other things that come, as `SermoClient.on` does."""

        def register(handler: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
            self._handlers.append((kinds, handler))
            return handler

        return register

    def run(self) -> None:
        """Run until the process is interrupted."""
        with suppress(KeyboardInterrupt):
            asyncio.run(self.serve())

    async def serve(self) -> None:
        """Run until cancelled or `stop`. Raises `Closed` when the server does not want it back."""
        try:
            await self.start()
            if self.client is not None:
                await self.client.run()
        except Closed:
            if self.client is not None:  # not by `stop`
                raise
        finally:
            await self.stop()

    async def start(self) -> None:
        """Connect, wait until the connection is live, and answer from then on."""
        client = self.client = SermoClient(self._url, **self._options)
        for kinds, handler in self._handlers:
            client.on(*kinds)(handler)
        client.on(NewMessage, NewReply)(self._answer)
        await client.connect()

    async def stop(self) -> None:
        """End it in good order."""
        client, self.client = self.client, None
        if client is not None:
            await client.close()

    def _register(self, pattern: str, *, is_command: bool) -> Callable[[A], A]:
        compiled = re.compile(pattern, re.DOTALL)

        def register(answer: A) -> A:
            self._answers.append((compiled, answer, is_command))
            return answer

        return register

    async def _answer(self, event: NewMessage | NewReply) -> None:
        client = self.client
        if client is None or event.data.author_id == client.user_id:
            return
        content = event.data.content
        for pattern, answer, is_command in self._answers:
            match = pattern.fullmatch(content) if is_command else pattern.search(content)
            if match is not None and not event.data.redacted:
                text = (match["text"] or "") if is_command else content
                await self._guard(Context(client, event, match, text), answer)
                return

    async def _guard(self, context: Context, answer: Answer) -> None:
        try:
            await answer(context)
        except Closed:
            raise
        except Exception as error:  # the bot's own: one message must not end it
            await self.on_error(context, error)


async def _log(context: Context, error: Exception) -> None:
    logger.error("no answer to message %s", context.event.data.message_id, exc_info=error)
