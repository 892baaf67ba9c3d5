"""Read marks of a client that scrolls: few events, the right marker, and an answer for each (architecture section 5)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from sermo import log
from tests.support.people import Person, register
from tests.support.wait import await_until
from tests.support.wsclient import Client
from tests.ws.conftest import StartNode
from ws.limits import Limits

SHORT, LONG = Limits(mark_hold_s=0.4), Limits(mark_hold_s=60)
"""Within the first a test waits for the end of the time, within the second it sees what comes before."""


async def opened(person: Person, stack: AsyncExitStack, url: str | None = None, **data: Any) -> Client:
    """A connected client, closed at the end of the stack."""
    client = person.client(url)
    await client.open(**data)
    stack.push_async_callback(client.close)
    return client


@asynccontextmanager
async def scrolling(node_with: StartNode, limits: Limits, posts: int = 10) -> AsyncIterator[tuple[Any, ...]]:
    """The stack, the node's address, somebody, a channel of theirs, a connection, and the seqs of some messages."""
    async with node_with(limits) as (url, _), AsyncExitStack() as stack:
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        client = await opened(ann, stack)
        sent = [await client.post(channel, f"{n}") for n in range(posts)]
        yield stack, ann, channel, client, [answer["data"]["seq"] for answer in sent]


async def marks_in(database: str) -> list[tuple[str, int]]:
    """The marks that stand in the log: the event's name, and its seq."""
    async with await log.connect(database) as connection:
        cursor = await connection.execute(
            "select topic, (convert_from(state, 'UTF8')::jsonb->>'seq')::int8 from stored_events"
            " where topic like 'reading.marked%' order by notification_id"
        )
        return [(topic.split(".")[1], seq) for topic, seq in await cursor.fetchall()]


async def has_marks(database: str, count: int) -> None:
    """Wait until so many marks stand in the log."""

    async def are_there() -> bool:
        return len(await marks_in(database)) >= count

    await await_until(are_there)


async def read_seq(person: Person, channel: str, position: int) -> int:
    """The channel's marker as REST shows it."""
    answer = await person.call("GET", f"/v1/me/channels?min_position={position}")
    return next(int(c["read_seq"]) for c in answer.json()["channels"] if c["channel_id"] == channel)


async def test_of_a_thousand_scroll_marks_a_few_are_appended(node_with: StartNode, database: str) -> None:
    """The first at once, then one for each time of waiting; all are answered, and the last one's place is the marker."""
    async with scrolling(node_with, SHORT, posts=200) as (_, ann, channel, client, seqs):
        began = time.monotonic()
        asked = []
        for place in range(1_000):
            asked.append(asyncio.create_task(client.ask("mark_read", channel_id=channel, seq=seqs[place // 5])))
            if place % 50 == 0:
                await asyncio.sleep(0.02)
        answers = await asyncio.gather(*asked)
        took = time.monotonic() - began
        assert {answer["type"] for answer in answers} == {"done"}
        marks = await marks_in(database)
        assert marks[0] == ("marked_read", seqs[0]), "the first at once"
        assert marks[-1] == ("marked_read", seqs[-1])
        assert 2 <= len(marks) <= 2 + took / SHORT.mark_hold_s
        assert await read_seq(ann, channel, answers[-1]["data"]["id"]) == seqs[-1]


async def test_the_farthest_mark_is_appended_and_answers_those_that_it_replaced(
    node_with: StartNode, database: str
) -> None:
    """In whatever order they come; one beyond the head is refused alone."""
    async with scrolling(node_with, SHORT) as (_, _, channel, client, seqs):
        first = await client.ask("mark_read", channel_id=channel, seq=seqs[0])
        wanted = [seqs[5], seqs[8], 2**40, seqs[3]]
        answers = await asyncio.gather(*(client.ask("mark_read", channel_id=channel, seq=seq) for seq in wanted))
        assert [answer["type"] for answer in answers] == ["done", "done", "error", "done"]
        assert answers[2]["data"]["code"] == "invalid"
        assert len({answer["data"]["id"] for answer in answers if answer["type"] == "done"}) == 1
        assert answers[0]["data"]["id"] > first["data"]["id"]
        assert await marks_in(database) == [("marked_read", seqs[0]), ("marked_read", seqs[8])]


async def test_what_is_wrong_in_itself_is_refused_at_once(node_with: StartNode) -> None:
    """It does not wait for others, nor do they answer it."""
    async with scrolling(node_with, LONG) as (_, _, channel, client, seqs):
        await client.ask("mark_read", channel_id=channel, seq=seqs[0])
        for data in (
            {"channel_id": channel, "seq": -1},
            {"seq": 1},
            {"channel_id": channel, "parent_id": channel, "seq": 1},
        ):
            assert (await client.ask("mark_read", **data))["data"]["code"] == "invalid"


async def test_channels_and_threads_wait_apart(node_with: StartNode, database: str) -> None:
    """Each target's first mark is appended at once; a mark that moves nothing begins no time of waiting."""
    async with scrolling(node_with, LONG) as (_, _, channel, client, seqs):
        root = (await client.post(channel, "root"))["data"]
        reply = (await client.post(channel, "reply", parent_id=root["message_id"]))["data"]
        assert (await client.ask("mark_read", channel_id=channel, seq=0))["data"]["seq"] is None
        assert (await client.ask("mark_read", channel_id=channel, seq=seqs[0]))["data"]["seq"] is not None
        assert (await client.ask("mark_read", parent_id=root["message_id"], seq=reply["seq"]))["data"][
            "seq"
        ] is not None
        assert await marks_in(database) == [("marked_read", seqs[0]), ("marked_read", reply["seq"])]


async def waits(client: Client, **data: Any) -> asyncio.Task[dict[str, Any]]:
    """A mark that has come to the server and is not answered yet."""
    task = asyncio.create_task(client.ask("mark_read", **data))
    await asyncio.sleep(0)
    assert (await client.ask("ping"))["type"] == "pong", "what was sent before it was read before it"
    assert not task.done()
    return task


async def test_a_mark_that_waits_is_appended_when_the_connection_ends(node_with: StartNode, database: str) -> None:
    """Cut off or closed: what the person has read is not forgotten."""
    async with scrolling(node_with, LONG) as (_, _, channel, client, seqs):
        await client.ask("mark_read", channel_id=channel, seq=seqs[0])
        task = await waits(client, channel_id=channel, seq=seqs[4])
        client.cut()
        await client.gone()
        await asyncio.gather(task, return_exceptions=True)
        await has_marks(database, 2)
    assert (await marks_in(database))[-1] == ("marked_read", seqs[4])


async def test_a_mark_that_waits_is_appended_when_the_node_ends(node_with: StartNode, database: str) -> None:
    """In order: the sockets end, then what they have asked for is appended, then the node."""
    async with scrolling(node_with, LONG) as (_, _, channel, client, seqs):
        await client.ask("mark_read", channel_id=channel, seq=seqs[0])
        task = await waits(client, channel_id=channel, seq=seqs[4])
        client.close = client.gone  # type: ignore[method-assign]  the node ends first
    await asyncio.gather(task, return_exceptions=True)
    assert (await marks_in(database))[-1] == ("marked_read", seqs[4])


async def test_a_mark_that_waits_is_appended_before_one_leaves(node_with: StartNode, database: str) -> None:
    """After it there would be no marker to move."""
    async with scrolling(node_with, LONG) as (stack, ann, channel, client, _):
        ben = await register(ann.url, "ben")
        other = await opened(ben, stack)
        await other.ask("join_channel", channel_id=channel)
        await client.post(channel, "hello")
        head = (await client.post(channel, "hello"))["data"]["seq"]
        await other.ask("mark_read", channel_id=channel, seq=head - 1)
        task = await waits(other, channel_id=channel, seq=head)
        assert (await other.ask("leave_channel", channel_id=channel))["type"] == "channel_left"
        assert (await task)["data"]["seq"] is not None
    assert (await marks_in(database))[-1] == ("marked_read", head)


async def test_a_mark_unread_of_another_device_wins_over_a_mark_that_waits(node_with: StartNode, database: str) -> None:
    """The mark is answered at once, without an event; the next one counts again."""
    async with scrolling(node_with, LONG) as (_, ann, channel, client, seqs):
        await client.ask("mark_read", channel_id=channel, seq=seqs[5])
        task = await waits(client, channel_id=channel, seq=seqs[8])
        unread = await ann.call("POST", f"/v1/channels/{channel}/unread", json={"seq": seqs[2]})
        position = unread.json()["position"]
        assert (await task)["data"] == {"id": position, "seq": None}
        again = await waits(client, channel_id=channel, seq=seqs[6])
        assert await read_seq(ann, channel, position) == seqs[1]
        await client.close()
        await has_marks(database, 3)
        await asyncio.gather(again, return_exceptions=True)
    assert await marks_in(database) == [
        ("marked_read", seqs[5]),
        ("marked_unread", seqs[2]),
        ("marked_read", seqs[6]),
    ]


async def test_a_mark_unread_of_the_same_connection_keeps_the_order(node_with: StartNode, database: str) -> None:
    """What waited before it has lost, what comes after it counts; where it is refused, what waited is appended."""
    async with scrolling(node_with, SHORT) as (_, _, channel, client, seqs):
        await client.ask("mark_read", channel_id=channel, seq=seqs[5])
        asked = [
            client.ask("mark_read", channel_id=channel, seq=seqs[7]),
            client.ask("mark_unread", channel_id=channel, seq=seqs[2]),
            client.ask("mark_read", channel_id=channel, seq=seqs[3]),
            client.ask("mark_read", channel_id=channel, seq=seqs[4]),
        ]
        lost, unread, first, last = await asyncio.gather(*asked)
        assert lost["data"] == {"id": unread["data"]["id"], "seq": None}
        assert unread["data"]["id"] < first["data"]["id"] < last["data"]["id"]
        asked = [
            client.ask("mark_read", channel_id=channel, seq=seqs[8]),
            client.ask("mark_unread", channel_id=channel, seq=2**40),
        ]
        kept, refused = await asyncio.gather(*asked)
        assert (refused["type"], kept["data"]["seq"] is not None) == ("error", True)
    names = ["marked_read", "marked_unread", "marked_read", "marked_read", "marked_read"]
    assert await marks_in(database) == list(zip(names, [seqs[n] for n in (5, 2, 3, 4, 8)], strict=True))


async def test_a_mark_unread_that_the_node_has_not_heard_of_wins_too(node_with: StartNode, database: str) -> None:
    """A connection that is bound to a channel does not follow its person's feed, and its node does not read it: then the
    decision itself finds the mark_unread.
    """
    async with node_with(Limits()) as (owner, one), node_with(SHORT) as (url, other), AsyncExitStack() as stack:
        ann = await register(owner, "ann")
        channel = await ann.make_channel()
        assert one.views.is_owner and not other.views.is_owner
        bound = await opened(ann, stack, url, channel_id=channel)
        seqs = [(await bound.post(channel, f"{n}"))["data"]["seq"] for n in range(5)]
        await bound.ask("mark_read", channel_id=channel, seq=seqs[2])
        task = await waits(bound, channel_id=channel, seq=seqs[4])
        unread = await ann.call("POST", f"/v1/channels/{channel}/unread", json={"seq": seqs[1]})
        answer = await task
        assert (answer["type"], answer["data"]["seq"]) == ("done", None)
        assert answer["data"]["id"] >= unread.json()["position"]
    assert await marks_in(database) == [("marked_read", seqs[2]), ("marked_unread", seqs[1])]


async def test_marks_that_wait_are_bounded_and_leave_nothing_behind(node_with: StartNode) -> None:
    """They count as commands that wait; when the connection has gone nothing of it is kept."""
    limits = Limits(mark_hold_s=60, commands_waiting_max=20)
    async with node_with(limits) as (url, node), AsyncExitStack() as stack:
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        client = await opened(ann, stack)
        seq = (await client.post(channel, "hello"))["data"]["seq"]
        await client.ask("mark_read", channel_id=channel, seq=1)
        asked = [asyncio.create_task(client.ask("mark_read", channel_id=channel, seq=seq)) for _ in range(30)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result()["data"]["code"] for task in done} == {"overloaded"}
        (connection,) = node.registry
        await await_until(lambda: connection.commands_waiting == 20)
        await client.close()
        await asyncio.gather(*asked, return_exceptions=True)
        await await_until(lambda: connection.commands_waiting == 0)


@pytest.mark.parametrize("seed", range(3))
async def test_marks_in_a_row_end_where_each_alone_would_have_ended(node_with: StartNode, seed: int) -> None:
    """As read and as unread, of a channel and a thread, as fast as they can be sent: waiting changes no marker."""
    rng = random.Random(seed)
    async with scrolling(node_with, Limits(mark_hold_s=0.02)) as (_, ann, channel, client, seqs):
        root = (await client.post(channel, "root"))["data"]
        last = (await client.post(channel, "reply", parent_id=root["message_id"]))["data"]["seq"]
        targets = {"channel_id": channel, "parent_id": root["message_id"]}
        markers = {"channel_id": seqs[0] - 1, "parent_id": last - 1}
        await client.ask("mark_unread", channel_id=channel, seq=seqs[0])
        await client.ask("mark_unread", parent_id=root["message_id"], seq=last)
        asked = []
        for _ in range(150):
            name, seq = rng.choice(list(targets)), rng.randint(1, last)
            kind = "mark_unread" if rng.random() < 0.1 else "mark_read"
            markers[name] = max(markers[name], seq) if kind == "mark_read" else seq - 1
            asked.append(asyncio.create_task(client.ask(kind, **{name: targets[name], "seq": seq})))
            if rng.random() < 0.2:
                await asyncio.sleep(rng.choice([0, 0.01, 0.03]))
        answers = await asyncio.gather(*asked)
        assert {answer["type"] for answer in answers} == {"done"}
        position = max(answer["data"]["id"] for answer in answers)
        assert await read_seq(ann, channel, position) == markers["channel_id"]
        (thread,) = (await ann.call("GET", f"/v1/me/threads?min_position={position}")).json()["threads"]
        assert thread["read_seq"] == markers["parent_id"]
