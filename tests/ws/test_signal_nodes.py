"""Presence and typing as people see them: real sockets, real processes, several nodes on one database."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from tests.support.node_process import node_process
from tests.support.people import Person, register
from tests.support.servers import ServerProcess
from tests.support.wait import await_until
from tests.support.wsclient import Client
from tests.ws.conftest import StartNode
from tests.ws.test_events import streaming
from ws.limits import Limits

QUICK = Limits(presence_grace_s=1.0)


def statuses(client: Client) -> dict[str, str]:
    """What the client shows of each person, from the frames in their order."""
    frames = [frame["data"] for frame in client.signals if frame["type"] == "user_status"]
    return {data["user_id"]: data["status"] for data in frames}


def typings(client: Client) -> list[dict[str, Any]]:
    """The typing frames that came."""
    return [frame["data"] for frame in client.signals if frame["type"] == "typing"]


async def wait_shows(client: Client, person: Person, status: str) -> None:
    """Wait until the client shows this status of the person."""
    await await_until(
        lambda: statuses(client).get(person.user_id) == status, 20, what=f"the client shows {status} of the person"
    )


async def opened(stack: AsyncExitStack, person: Person, url: str | None = None, **data: Any) -> Client:
    """A connected client, closed in the end."""
    client = person.client(url)
    stack.push_async_callback(client.close)
    await client.open(**data)
    return client


async def add(owner: Person, channel: str, *people: Person) -> None:
    """Put people into a channel."""
    for person in people:
        answer = await owner.call("PUT", f"/v1/channels/{channel}/members/{person.user_id}", json={"role": "member"})
        assert answer.status_code == 200, answer.text


def events(dsn: str) -> int:
    """How many events the log has."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from stored_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Clients and processes of a test, ended in order."""
    async with AsyncExitStack() as stack:
        yield stack


async def started(stack: AsyncExitStack, dsn: str, limits: Limits) -> ServerProcess:
    """A node in a process of its own, stopped in the end."""
    process = node_process(dsn, limits)
    await process.start()
    stack.push_async_callback(process.stop)
    return process


async def test_a_status_is_seen_on_another_node_by_those_who_share_a_channel(
    database: str, stack: AsyncExitStack
) -> None:
    """All four, over several devices; others hear nothing; offline comes a grace after the last; the log has none of it."""
    here, there = await started(stack, database, QUICK), await started(stack, database, QUICK)
    ann, ben, eve = [await register(here.url, name) for name in ("ann", "ben", "eve")]
    shared = await ann.make_channel("private")
    await add(ann, shared, ben)
    await eve.make_channel("private")
    before = events(database)
    b, e = await opened(stack, ben, there.url), await opened(stack, eve, there.url)
    desk = await opened(stack, ann)
    await wait_shows(b, ann, "online")
    await wait_shows(desk, ben, "online")
    for status in ("away", "busy", "offline", "online"):
        await desk.send("status_update", {"status": status})
        await wait_shows(b, ann, status)
    phone = await opened(stack, ann, there.url)
    await phone.send("status_update", {"status": "busy"})
    await wait_shows(b, ann, "busy")
    await wait_shows(desk, ann, "busy")
    await phone.close()
    await wait_shows(b, ann, "online")
    await desk.close()
    await wait_shows(b, ann, "offline")
    assert statuses(e) == {}
    assert events(database) == before


async def test_who_comes_to_a_node_that_has_just_started_is_told_of_those_elsewhere(
    database: str, stack: AsyncExitStack
) -> None:
    """It asks the others, and need not wait until they repeat themselves."""
    limits = Limits(presence_repeat_s=600.0, presence_lease_s=1_500.0)
    here = await started(stack, database, limits)
    ann, ben = await register(here.url, "ann"), await register(here.url, "ben")
    await add(ann, await ann.make_channel(), ben)
    a = await opened(stack, ann)
    await a.send("status_update", {"status": "away"})
    there = await started(stack, database, limits)
    b = await opened(stack, ben, there.url)
    await wait_shows(b, ann, "away")


async def test_the_people_of_a_node_that_stops_are_offline_after_the_grace(
    database: str, stack: AsyncExitStack
) -> None:
    """Long before their lease ends; who comes to another node in time does not even flicker."""
    limits = Limits(presence_grace_s=5.0, presence_repeat_s=600.0, presence_lease_s=1_500.0)
    here, there = node_process(database, limits), await started(stack, database, limits)
    await here.start()
    ann, ben, cid = [await register(here.url, name) for name in ("ann", "ben", "cid")]
    await add(ann, await ann.make_channel(), ben, cid)
    a, c = await opened(stack, ann), await opened(stack, cid)
    b = await opened(stack, ben, there.url)
    for person in (ann, cid):
        await wait_shows(b, person, "online")
    stay = await opened(stack, cid, there.url)
    await here.stop()
    await wait_shows(b, ann, "offline")
    assert [f["data"]["status"] for f in b.signals if f["data"]["user_id"] == cid.user_id] == ["online"]
    assert (await a.wait_closed(), await c.wait_closed()) == (1001, 1001)
    await stay.close()


async def test_a_node_that_is_killed_takes_its_presences_along(database: str, stack: AsyncExitStack) -> None:
    """`kill -9`: when it has not repeated them for a lease, they are over (50 s in production, 3 here)."""
    limits = Limits(presence_repeat_s=1.0, presence_lease_s=3.0)
    here, there = node_process(database, limits), await started(stack, database, limits)
    await here.start()
    ann, ben = await register(here.url, "ann"), await register(here.url, "ben")
    await add(ann, await ann.make_channel(), ben)
    await opened(stack, ann)
    b = await opened(stack, ben, there.url)
    await wait_shows(b, ann, "online")
    await here.kill()
    await wait_shows(b, ann, "offline")


async def test_typing_reaches_the_channel_on_every_node_once_in_a_while(database: str, stack: AsyncExitStack) -> None:
    """The other devices of the person too; nobody outside, and the log has none of it."""
    here, there = await started(stack, database, Limits()), await started(stack, database, Limits())
    ann, ben, eve = [await register(here.url, name) for name in ("ann", "ben", "eve")]
    shared, elsewhere = await ann.make_channel("private"), await eve.make_channel()
    await add(ann, shared, ben)
    desk, phone = await opened(stack, ann), await opened(stack, ann, there.url)
    b, e = await opened(stack, ben, there.url), await opened(stack, eve, there.url)
    before = events(database)
    began = time.monotonic()
    root = (await desk.post(shared, "a root"))["data"]["message_id"]

    async def type_until_seen() -> bool:
        # A signal may be dropped when the machine has no time, so it is sent as clients do: again and again.
        for _ in range(10):
            await desk.send("typing", {"channel_id": shared, "parent_id": root})
        await desk.ask("ping")
        return bool(typings(b) and typings(phone))

    await await_until(type_until_seen, 20, what="typing is seen on the other node")
    for client in (b, phone):
        seen = typings(client)
        assert seen[0] == {"user_id": ann.user_id, "channel_id": shared, "parent_id": root}
        assert len(seen) <= 1 + (time.monotonic() - began) / Limits().typing_interval_s
    assert (typings(desk), typings(e)) == ([], [])
    for channel, code in ((elsewhere, "not_a_member"), (shared, "not_found")):
        refused = await (b if channel is elsewhere else e).ask("typing", channel_id=channel)
        assert (refused["type"], refused["data"]["code"]) == ("error", code)
    assert events(database) == before + 1


async def test_who_is_removed_from_the_last_shared_channel_hears_nothing_more(
    node_with: StartNode, stack: AsyncExitStack
) -> None:
    """Neither a status nor typing; what a third person does still comes."""
    url, _ = await stack.enter_async_context(node_with(Limits()))
    ann, ben, cid = [await register(url, name) for name in ("ann", "ben", "cid")]
    with_ben, without = await ann.make_channel("private"), await ann.make_channel("private")
    theirs = await cid.make_channel("private")
    await add(ann, with_ben, ben)
    await add(ann, without, cid)
    await add(cid, theirs, ben)
    a, b, c = await opened(stack, ann), await opened(stack, ben), await opened(stack, cid)
    await wait_shows(b, ann, "online")
    await wait_shows(b, cid, "online")
    removed = await ann.call("DELETE", f"/v1/channels/{with_ben}/members/{ben.user_id}")
    assert removed.status_code == 200
    await a.send("status_update", {"status": "busy"})
    await a.send("typing", {"channel_id": with_ben})
    await wait_shows(c, ann, "busy")
    await c.send("status_update", {"status": "away"})
    await wait_shows(b, cid, "away")
    assert statuses(b)[ann.user_id] == "online", "what was last told"
    assert typings(b) == []


async def test_who_joins_is_told_of_those_inside_and_they_of_the_one_who_joins(
    node_with: StartNode, stack: AsyncExitStack
) -> None:
    """From the join on they share a channel."""
    url, _ = await stack.enter_async_context(node_with(Limits()))
    ann, ben = await register(url, "ann"), await register(url, "ben")
    channel = await ann.make_channel()
    a, b = await opened(stack, ann), await opened(stack, ben)
    await a.send("status_update", {"status": "busy"})
    assert (await b.ask("join_channel", channel_id=channel))["type"] == "channel_joined"
    await wait_shows(b, ann, "busy")
    await wait_shows(a, ben, "online")


async def test_who_is_cut_and_resumes_within_the_grace_has_not_been_away(
    node_with: StartNode, stack: AsyncExitStack
) -> None:
    """The others are told nothing; those present follow `resumed`, and are not told twice of anybody."""
    url, node = await stack.enter_async_context(node_with(Limits(presence_grace_s=600.0)))
    ann, ben = await register(url, "ann"), await register(url, "ben")
    channel = await ann.make_channel()
    await add(ann, channel, ben)
    a, b = await opened(stack, ann), await opened(stack, ben)
    await b.send("status_update", {"status": "busy"})
    await wait_shows(a, ben, "busy")
    await wait_shows(b, ann, "online")
    b.cut()
    await b.gone()
    await a.post(channel, "missed")
    await b.open()
    await wait_shows(b, ann, "online")
    assert len(b.signals) == 1
    await b.send("status_update", {"status": "away"})
    await wait_shows(a, ben, "away")
    told = [frame["data"]["status"] for frame in a.signals]
    assert told in (["online", "busy", "away"], ["busy", "away"])
    assert node.signals.present == 2


async def test_an_event_stream_carries_signals_without_an_id_and_counts_as_presence(
    node_with: StartNode, stack: AsyncExitStack
) -> None:
    """Whoever follows is there; what is never resumed moves no cursor."""
    url, _ = await stack.enter_async_context(node_with(Limits(presence_grace_s=1.0)))
    ann, ben = await register(url, "ann"), await register(url, "ben")
    channel = await ann.make_channel()
    await add(ann, channel, ben)
    a = await opened(stack, ann)
    async with streaming(url, token=ben.token) as stream:
        await wait_shows(a, ben, "online")
        await stream.wait(type="user_status", data={"user_id": ann.user_id, "status": "online"})
        last_id = stream.last_id
        await a.send("status_update", {"status": "away"})
        await stream.wait(type="user_status", data={"user_id": ann.user_id, "status": "away"})
        assert stream.last_id == last_id
    await wait_shows(a, ben, "offline")


async def test_a_bound_connection_is_told_of_its_channel_alone(node_with: StartNode, stack: AsyncExitStack) -> None:
    """Whatever else the person is in."""
    url, _ = await stack.enter_async_context(node_with(Limits()))
    ann, ben, cid = [await register(url, name) for name in ("ann", "ben", "cid")]
    bound_to, other = await ann.make_channel(), await ann.make_channel()
    await add(ann, bound_to, ben)
    await add(ann, other, cid)
    await opened(stack, cid)
    everything = await opened(stack, ann)
    bound = await opened(stack, ann, channel_id=bound_to)
    await wait_shows(everything, cid, "online")
    await opened(stack, ben)
    await wait_shows(bound, ben, "online")
    assert statuses(bound) == {ben.user_id: "online"}
