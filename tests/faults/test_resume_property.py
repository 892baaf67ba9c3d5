"""The promise of resuming, as a property over real servers: whatever happens, each client gets exactly what is its own."""

import asyncio
import json
import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.ids import WORKSPACE_FEED
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from domain.message import MessageDeleted
from sermo import log
from tests.support.equality import rebuild, view_rows
from tests.support.people import Person, register
from tests.support.servers import server
from tests.support.wait import await_until
from tests.support.wsclient import Client, check_stream, new_id
from ws.event_frames import Badge, event_frame

STEPS = 120
PEOPLE = 4


def visible(events: list[Recorded], user_id: UUID, after: int) -> list[int]:
    """What the log says that a person may see after a position, event by event, straight from the rules."""
    mine: set[UUID] = set()
    seen = []
    for recorded in events:
        event = recorded.event
        if isinstance(event, MemberJoined) and event.user_id == user_id:
            mine.add(event.channel_id)
        follows = recorded.feed_id in mine or recorded.feed_id in (WORKSPACE_FEED, user_id)
        if follows and recorded.position > after:
            seen.append(recorded.position)
        if isinstance(event, MemberLeft | MemberRemoved) and event.user_id == user_id:
            mine.discard(event.channel_id)
        if isinstance(event, ChannelDeleted):
            mine.discard(event.channel_id)
    return seen


def check_contents(frames: list[dict[str, Any]], events: list[Recorded]) -> None:
    """Each frame is what the event alone says, but for redaction (of what is deleted) and the counts of a marker."""
    deleted = {recorded.stream_id for recorded in events if isinstance(recorded.event, MessageDeleted)}
    for frame in frames:
        recorded = events[frame["id"] - 1]
        redacted = frame["data"].get("redacted", False)
        assert not redacted or recorded.stream_id in deleted, frame
        badge = None
        if frame["type"] == "unread_count_updated":
            data = frame["data"]
            badge = Badge(**{name: data[name] for name in Badge.__struct_fields__ if name in data})
            assert badge.as_of >= frame["id"]
        made = event_frame(recorded, redacted=redacted, badge=badge)
        assert made is not None
        assert frame == json.loads(made)


class Actor:
    """One person who acts at random on a connection that is cut at random, and comes back on either server."""

    def __init__(self, person: Person, urls: list[str], random_: random.Random) -> None:
        self.person = person
        self.urls = urls
        self.random = random_
        self.client: Client = person.client(random_.choice(urls))
        self.began = 0
        self.messages: list[str] = []
        self.resumes = 0

    async def start(self) -> None:
        """Connect for the first time: everything after `head_id` is this client's."""
        connected = await self.client.open()
        self.began = connected["data"]["head_id"]

    async def come_back(self) -> None:
        """Resume on a server chosen by chance, however often the connection is lost on the way."""
        while True:
            await self.client.gone()
            try:
                await self.client.open(url=self.random.choice(self.urls))
            except (AssertionError, ConnectionClosed, OSError):
                continue
            self.resumes += 1
            return

    async def act(self, channels: list[str], others: list[Person]) -> None:
        """Do something, if one may; an answer that the cut took away is nobody's loss."""
        channel = self.random.choice(channels)
        choice = self.random.random()
        try:
            if choice < 0.45:
                await self._post(channel)
            elif choice < 0.54 and self.messages:
                await self.client.ask("edit_message", message_id=self.random.choice(self.messages), content="edited")
            elif choice < 0.59 and self.messages:
                await self.client.ask("delete_message", message_id=self.random.choice(self.messages))
            elif choice < 0.64 and self.messages:
                kind = self.random.choice(["add_reaction", "add_reaction", "remove_reaction"])
                await self.client.ask(kind, message_id=self.random.choice(self.messages), emoji="👍")
            elif choice < 0.69:
                await self.client.ask("join_channel", channel_id=channel)
            elif choice < 0.74:
                await self.client.ask("leave_channel", channel_id=channel)
            elif choice < 0.94:
                await self._govern(channel, self.random.choice([each for each in others if each is not self.person]))
            else:
                await self._mark(channel)
        except (ConnectionClosed, ConnectionError, OSError):
            await self.come_back()

    async def _post(self, channel: str) -> None:
        message_id = str(new_id())
        parent = self.random.choice(self.messages) if self.messages and self.random.random() < 0.3 else None
        data: dict[str, Any] = {"message_id": message_id, "also_to_channel": self.random.random() < 0.3}
        if parent is not None:
            data["parent_id"] = parent
        answer = await self.client.post(channel, "x" * self.random.randrange(1, 3_000), **data)
        if answer["type"] == "message_sent":
            self.messages.append(message_id)

    async def _govern(self, channel: str, other: Person) -> None:
        """Remove somebody, or add who is not there: the only way into a private channel, and one out of it."""
        member = f"/v1/channels/{channel}/members/{other.user_id}"
        if (await self.person.call("DELETE", member)).status_code == 404:
            role = self.random.choice(["member", "member", "admin", "owner"])
            await self.person.call("PUT", member, json={"role": role})

    async def _mark(self, channel: str) -> None:
        heads = [f["seq"] for f in self.client.events if f["feed"] == f"channel:{channel}"]
        if heads:
            await self.client.ask("mark_read", channel_id=channel, seq=self.random.choice(heads))

    async def disturb(self, stop: asyncio.Event) -> None:
        """Cut the connection now and then, in the midst of whatever goes over it."""
        while not stop.is_set():
            before = len(self.client.events)
            goal = before + self.random.randrange(3, 40)
            try:
                async with asyncio.timeout(1.0):
                    while len(self.client.events) < goal and not stop.is_set():
                        await asyncio.sleep(0.001)
            except TimeoutError:
                pass
            if not stop.is_set():
                self.client.cut()


async def _life(actor: Actor, channels: list[str], others: list[Person]) -> None:
    stop = asyncio.Event()
    disturber = asyncio.create_task(actor.disturb(stop))
    try:
        for _ in range(STEPS):
            if actor.client.close_code is not None:
                await actor.come_back()
            await actor.act(channels, others)
    finally:
        stop.set()
        await disturber


@pytest.mark.parametrize("seed", [1, 2, None], ids=["1", "2", "random"])
async def test_every_client_gets_what_the_log_says_it_may_see_once_and_in_order(
    database: str, seed: int | None
) -> None:
    """Random lives over two servers, cut anywhere and resumed on either; and every view equals the one rebuilt from nothing."""
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  shown when the test fails
    random_ = random.Random(seed)
    async with server("--database-url", database) as one, server("--database-url", database) as two:
        urls = [one.url, two.url]
        people = [await register(one.url, f"p{number}") for number in range(PEOPLE)]
        public = [await people[0].make_channel() for _ in range(2)]
        private = [await person.make_channel("private") for person in people[:3]]
        for owner, channel in zip(people, private, strict=False):
            await owner.call("PUT", f"/v1/channels/{channel}/members/{people[-1].user_id}", json={"role": "owner"})
        channels = public + private
        actors = [Actor(person, urls, random.Random(random_.random())) for person in people]
        for actor in actors:
            await actor.start()
        await asyncio.gather(*(_life(actor, channels, people) for actor in actors))
        for actor in actors:
            if actor.client.close_code is not None:
                await actor.come_back()
        async with await log.connect(database) as connection:
            events = await log.read(connection, 0, 1_000_000)
        moves = Counter(type(r.event) for r in events if r.feed_id is not None and str(r.feed_id) in private)
        assert moves[MemberJoined] + moves[MemberRemoved] > 2 * len(private), f"seed {seed}: {moves}"
        for actor in actors:
            expected = visible(events, UUID(actor.person.user_id), actor.began)

            def has_all(actor: Actor = actor, expected: list[int] = expected) -> bool:
                return not expected or (actor.client.last_id or 0) >= expected[-1]

            await await_until(has_all, timeout_s=20, what=f"seed {seed}: the last event of {actor.person.user_id}")
            got = [frame["id"] for frame in actor.client.events]
            assert got == expected, f"seed {seed}"
            check_stream(actor.client.events, actor.person.user_id)
            check_contents(actor.client.events, events)
            assert actor.resumes > 0, f"seed {seed}: nobody was cut"
            await actor.client.close()
        head = events[-1].position
        answer = await people[0].call("GET", "/v1/me/channels", params={"min_position": head})
        assert "Sermo-Stale" not in answer.headers
    before = view_rows(database)
    await rebuild(database)
    assert view_rows(database) == before, f"seed {seed}: rebuilt differs from live"
