"""Bots answer what fits, once, and go on whatever happens."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from sermo_client import Bot, Context, Cursor, MemoryCursors, State, UserUpdated
from sermo_client.testing import FakeServer, Person

from tests.support.wait import await_until

EXAMPLE = Path(__file__).parents[3] / "clients" / "python" / "examples" / "echo_bot.py"


def bot_of(fake: FakeServer, person: Person, **options: object) -> Bot:
    """A bot with that person's token."""
    return Bot(fake.url, token=person.token, account="bot", trust_env=False, **options)


@asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[None]:
    """The bot at work."""
    task = asyncio.create_task(bot.serve())
    await await_until(lambda: bot.client is not None and bot.client.state is State.LIVE)
    yield
    await bot.stop()
    await task


async def test_commands_and_patterns_are_answered_by_the_first_that_fits(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID
) -> None:
    """Its own messages it passes over."""
    bot = bot_of(fake, bob)

    @bot.command("add")
    async def add(context: Context) -> None:
        await context.reply(str(sum(int(word) for word in context.args)))

    @bot.on_message(r"(\d+) degrees")
    async def warm(context: Context) -> None:
        await context.reply(f"{context.match[1]} is warm, !add 1 1")
        await context.react("☀️")

    async with running(bot):
        for text in ("!add 1 2 3", "!adder 1", "it is 30 degrees", "nothing"):
            fake.say(amy, lounge, text)
        await await_until(lambda: len(fake.messages(lounge)) == 6)
        await await_until(lambda: any(post.reactions for post in fake.world.posts.values()))
    assert fake.messages(lounge)[4:] == ["6", "30 is warm, !add 1 1"]


async def test_a_question_in_a_thread_is_answered_there(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID
) -> None:
    """And one in the channel in the channel."""
    bot = bot_of(fake, bob)

    @bot.command("where")
    async def where(context: Context) -> None:
        await context.reply("here")

    async with running(bot):
        fake.say(amy, lounge, "root")
        root = next(iter(fake.world.posts))
        fake.say(amy, lounge, "!where", parent_id=str(root))
        await await_until(lambda: len(fake.world.posts) == 3)
    assert [post.parent_id for post in fake.world.posts.values()] == [None, root, root]


async def test_an_answer_that_fails_does_not_end_the_bot(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID
) -> None:
    """Its failure goes where the bot wants it."""
    bot = bot_of(fake, bob)
    failed: list[str] = []

    @bot.command("divide")
    async def divide(context: Context) -> None:
        await context.reply(str(1 // int(context.text)))

    async def note(context: Context, error: Exception) -> None:
        failed.append(f"{context.text}: {type(error).__name__}")

    bot.on_error = note
    async with running(bot):
        for number in ("0", "1"):
            fake.say(amy, lounge, f"!divide {number}")
        await await_until(lambda: len(fake.messages(lounge)) == 3)
    assert failed == ["0: ZeroDivisionError"]


async def test_a_message_that_comes_again_is_not_answered_twice(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID
) -> None:
    """As after a crash between the answer and the cursor: the answer has the same id."""
    fake.say(amy, lounge, "!hello")
    before = Cursor(fake.world.epoch, fake.world.head - 1)
    for _ in range(2):
        bot = bot_of(fake, bob, cursors=MemoryCursors({"bot": before}))
        places: list[int] = []

        @bot.command("hello")
        async def hello(context: Context, places: list[int] = places) -> None:
            places.append((await (await context.reply("hello")).wait(10)).id)

        async with running(bot):
            await await_until(lambda places=places: places == [before.position + 2])
    assert fake.messages(lounge) == ["!hello", "hello"]


async def test_a_bot_may_stop_itself(fake: FakeServer, amy: Person, bob: Person, lounge: UUID) -> None:
    """In an answer; and it waits for a server that is not there yet."""
    await fake.stop()
    bot = bot_of(fake, bob)

    @bot.command("stop")
    async def stop(context: Context) -> None:
        await (await context.reply("bye")).wait(10)
        await bot.stop()

    serving = asyncio.create_task(bot.serve())
    await await_until(lambda: bot.client is not None and bot.client.reason is not None)
    await fake.start()
    await await_until(lambda: any(one.is_following for one in fake.conversations))
    fake.say(amy, lounge, "!stop")
    async with asyncio.timeout(10):
        await serving
    assert fake.messages(lounge) == ["!stop", "bye"]


async def test_other_things_that_come_have_handlers(fake: FakeServer, bob: Person) -> None:
    """By their type."""
    bot = bot_of(fake, bob)
    names: list[str | None] = []

    @bot.on(UserUpdated)
    async def take(event: UserUpdated) -> None:
        names.append(event.data.username)

    async with running(bot):
        fake.person("cid")
        await await_until(lambda: names == ["cid"])


async def test_the_example_runs(fake: FakeServer, amy: Person, bob: Person, lounge: UUID, tmp_path: Path) -> None:
    """As a process, also after a kill."""
    environment = {
        **os.environ,
        "SERMO_URL": fake.url,
        "SERMO_USERNAME": "bob",
        "SERMO_PASSWORD": "any",
        "ECHO_BOT_STORE": str(tmp_path / "echo_bot.db"),
    }
    for number in range(2):
        process = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE), env=environment)
        try:
            await await_until(lambda: any(one.is_following for one in fake.conversations), 20)
            fake.say(amy, lounge, f"!echo hello {number}")
            await await_until(lambda number=number: fake.messages(lounge)[-1] == f"hello {number}")
        finally:
            process.kill()
            await process.wait()
        await await_until(lambda: not fake.conversations)
    assert fake.messages(lounge) == ["!echo hello 0", "hello 0", "!echo hello 1", "hello 1"]
