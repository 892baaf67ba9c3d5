"""A replica that took in events, over any cuts and resumes, equals one that is loaded afresh."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sermo_client import Backoff, MemoryCursors, Replica, SermoClient, ServerRefusal
from sermo_client.testing import FakeServer, Person

from tests.support.wait import await_until

EMOJI = ("👍", "🎉", ":party:")
DEADLINE_S = 20.0

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 2), st.integers(0, 1)),
        st.tuples(st.just("reply"), st.integers(0, 2), st.integers(0, 9), st.booleans()),
        st.tuples(st.sampled_from(("edit", "delete")), st.integers(0, 2), st.integers(0, 9)),
        st.tuples(st.just("react"), st.integers(0, 2), st.integers(0, 9), st.sampled_from(EMOJI), st.booleans()),
        st.tuples(st.just("mark"), st.integers(0, 2), st.integers(0, 1), st.integers(1, 20), st.booleans()),
        st.tuples(st.sampled_from(("join", "leave")), st.integers(0, 2), st.integers(0, 1)),
        st.tuples(st.just("cut")),
        st.tuples(st.just("restart")),
        st.tuples(st.just("settle")),
        st.tuples(st.just("resync")),
    ),
    max_size=40,
)


class Following:
    """A client whose events a replica takes in; both may be started anew, as after a crash."""

    def __init__(self, server: FakeServer, person: Person) -> None:
        self.server = server
        self.person = person
        self.cursors = MemoryCursors()
        self.client: SermoClient | None = None
        self.replica: Replica | None = None
        self._taking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """A new process: the replica's content is kept with the cursor, as a program would that keeps it in a database."""
        client = self.client = SermoClient(
            self.server.url,
            token=self.person.token,
            account="me",
            start="snapshot",
            cursors=self.cursors,
            backoff=Backoff(base_s=0.002),
            trust_env=False,
        )
        replica = Replica(client.rest)
        if self.replica is not None:
            replica.rooms, replica.position = self.replica.rooms, self.replica.position
        self.replica = replica
        self._taking = asyncio.create_task(self._take(client, replica))
        await client.start()

    async def _take(self, client: SermoClient, replica: Replica) -> None:
        async for item in client.events():
            await replica.take(item)

    async def stop(self) -> None:
        """End the process in good order."""
        assert self.client is not None and self._taking is not None
        await self.client.close()
        await self._taking

    async def settle(self) -> None:
        """Wait until everything has come."""
        self.server.person("somebody new")
        head = self.server.world.head
        await await_until(lambda: self.replica is not None and self.replica.position >= head, DEADLINE_S)


async def act(server: FakeServer, people: list[Person], channels: list[Any], action: tuple[Any, ...]) -> None:
    """What somebody does; what is refused is not done."""
    world = server.world
    posts = list(world.posts)
    me = people[action[1]].user_id
    with suppress(ServerRefusal, IndexError):
        match action:
            case ("say", who, where):
                server.say(people[who], channels[where], f"message {world.head}")
            case ("reply", who, which, is_shown):
                root = posts[which]
                where = world.posts[root].channel_id
                server.say(people[who], where, "a reply", parent_id=str(root), also_to_channel=is_shown)
            case ("edit", _, which):
                world.edit(me, posts[which], f"edited {world.head}")
            case ("delete", _, which):
                world.delete(me, posts[which])
            case ("react", _, which, emoji, is_there):
                world.react(me, posts[which], emoji, is_there=is_there)
            case ("mark", _, where, seq, is_forward):
                world.mark(me, channels[where], seq, is_forward=is_forward)
            case ("join", _, where):
                world.join(me, channels[where])
            case ("leave", _, where):
                world.leave(me, channels[where])
    server.tell()


async def check(actions: list[tuple[Any, ...]], seed: int | None) -> None:
    """Let it happen, and compare."""
    async with FakeServer() as server:
        people = [server.person(name) for name in ("ann", "ben", "cid")]
        channels = [server.channel("one", *people), server.channel("two", people[1], people[0])]
        following = Following(server, people[0])
        await following.start()
        server.faults.chance = random.Random(seed) if seed is not None else None
        for action in actions:
            match action[0]:
                case "cut":
                    server.reset()
                case "restart":
                    await following.stop()
                    await following.start()
                case "settle":
                    await following.settle()
                case "resync":
                    server.world.epoch += "x"
                    server.reset()
                case _:
                    await act(server, people, channels, action)
            await asyncio.sleep(0)
        await following.settle()
        server.faults.chance = None
        assert following.replica is not None and following.client is not None
        fresh = Replica(following.client.rest)
        await fresh.load()
        assert fresh.state() == following.replica.state()
        await following.stop()


@settings(max_examples=15, deadline=None)
@given(actions=ACTIONS, seed=st.none() | st.integers(0, 2**32))
def test_after_any_events_cuts_and_resumes_a_replica_equals_a_fresh_snapshot(
    actions: list[tuple[Any, ...]], seed: int | None
) -> None:
    """With frames that come twice, in halves, or not at all until the next connection."""
    asyncio.run(check(actions, seed))
