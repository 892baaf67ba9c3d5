"""The JavaScript store on a real server: after any history, with its connection cut again and again, it is as a new one."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

import pytest

from tests.clients.js.node import FOLDER, node
from tests.fixtures.server import Person, Server

_WORDS = ("hello", "hi @ann", "all of @channel", "@ben", "plain")
_ACTIONS = 90


class _Driver:
    """`clients/js/tests/driver.js`: does what it is told, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, step: str, argument: Any = None) -> None:
        """Let it do a step. Fails with what it says where that fails."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({step: argument}).encode() + b"\n")
        answer = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 60))
        assert answer == {"ok": step}, answer.get("why", answer)


class _Town:
    """Three people in two channels, who do this and that."""

    def __init__(self, people: list[Person], channels: list[str], chance: random.Random) -> None:
        self._people, self.channels, self._chance = people, channels, chance
        self._said: list[tuple[Person, dict[str, Any]]] = []

    async def something(self) -> None:
        """One action. What is refused changes nothing."""
        chance = self._chance
        me, channel = chance.choice(self._people), chance.choice(self.channels)
        if not self._said or chance.random() < 0.25:
            return await self._say(me, channel)
        author, message = chance.choice(self._said)
        path, root = f"/messages/{message['message_id']}", message["parent_id"] or message["message_id"]
        target = chance.choice((f"/channels/{message['channel_id']}", f"/threads/{root}"))
        match chance.choice(
            ("reply", "reply", "edit", "delete", "react", "unreact", "read", "unread", "follow", "level", "leave")
        ):
            case "reply":
                await self._say(me, message["channel_id"], parent_id=root, also_to_channel=chance.random() < 0.5)
            case "edit":
                await author.patch(path, {"content": chance.choice(_WORDS)})
            case "delete":
                if message["parent_id"] is not None or chance.random() < 0.3:
                    await author.delete(path)
            case "react":
                await me.put(f"{path}/reactions/{chance.choice('ab')}")
            case "unreact":
                await me.delete(f"{path}/reactions/{chance.choice('ab')}")
            case "read":
                await me.put(f"{target}/read", {"seq": message["seq"]})
            case "unread":
                await me.post(f"{target}/unread", {"seq": message["seq"]})
            case "follow":
                await chance.choice((me.put, me.delete))(f"/threads/{root}/follow")
            case "level":
                await me.put(f"/channels/{channel}/level", {"level": chance.choice(("all", "mentions", "muted"))})
            case "leave":
                await me.post(f"/channels/{channel}/{chance.choice(('leave', 'join', 'join'))}")
        return None

    def root(self) -> str | None:
        """Of some message."""
        return self._chance.choice(self._said)[1]["message_id"] if self._said else None

    async def _say(self, me: Person, channel: str, **more: Any) -> None:
        with suppress(AssertionError):  # who is not in the channel
            self._said.append((me, await me.say(channel, self._chance.choice(_WORDS), **more)))


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_store_is_as_a_new_one_after_any_history_and_cuts(
    server: Server, ann: Person, ben: Person, seed: int
) -> None:
    """Ann's store is cut again and again while all three act; then it says what a fresh snapshot says."""
    program, chance = node(), random.Random(seed)
    cat = await server.register("cat")
    channels = [await ben.make_channel(name) for name in ("one", "two")]
    for channel in channels:
        for person in (ann, cat):
            await person.post(f"/channels/{channel}/join")
    town = _Town([ann, ben, cat], channels, chance)
    for _ in range(30):
        await town.something()
    process = await asyncio.create_subprocess_exec(
        program,
        "tests/driver.js",
        server.url,
        ann.access_token,
        cwd=FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        driver = _Driver(process)
        for number in range(_ACTIONS):
            await town.something()
            match chance.randrange(12):
                case 0:
                    await driver.tell("cut")
                case 1:
                    await driver.tell("open", chance.choice(channels))
                case 2 if (root := town.root()) is not None:
                    with suppress(AssertionError):  # a reply is no root
                        await driver.tell("thread", root)
            if number % 45 == 44:
                await _check(driver, ann, channels)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _check(driver: _Driver, ann: Person, channels: list[str]) -> None:
    for channel in channels:
        await ann.post(f"/channels/{channel}/join")
    last = await ann.say(channels[0], "this is the last event")
    await driver.tell("check", {"position": last["position"], "channels": channels})
