"""A herd: everybody is cut at once and comes back at once, behind; each gets exactly what it missed, whoever else asks."""

import asyncio
from contextlib import AsyncExitStack

from tests.support.people import Person, register
from tests.support.wait import await_until
from tests.support.wsclient import Client, check_stream
from tests.ws.conftest import StartNode, node_with
from ws.limits import Limits

__all__ = ["node_with"]

PEOPLE, DEVICES, CHANNELS, MISSED = 8, 12, 4, 40


async def _settle(node_with: StartNode, limits: Limits, *, elsewhere: bool) -> None:
    async with AsyncExitStack() as stack:
        url, node = await stack.enter_async_context(node_with(limits))
        people = [await register(url, f"p{number}") for number in range(PEOPLE)]
        channels = [await people[0].make_channel() for _ in range(CHANNELS)]
        for person in people[1:]:
            for channel in channels:
                assert (await person.call("POST", f"/v1/channels/{channel}/join")).status_code == 200
        clients = [person.client() for person in people for _ in range(DEVICES)]
        await asyncio.gather(*(client.open() for client in clients))
        for client in clients:
            client.cut()
        await asyncio.gather(*(client.gone() for client in clients))
        sender = people[0].client()
        await sender.open()
        sent = [await sender.post(channels[n % CHANNELS], f"missed {n}") for n in range(MISSED)]
        await sender.close()
        await await_until(lambda: node.sockets.connections == 0, what="the node has let all go")
        if elsewhere:
            url, node = await stack.enter_async_context(node_with(limits))
        before = node.sockets.metrics.resumes["resumed"]
        await asyncio.gather(*(client.open(url=url) for client in clients))
        resumed = await asyncio.gather(*(client.wait_control("resumed") for client in clients))
        assert {frame["data"]["count"] for frame in resumed} == {MISSED}
        for client in clients:
            assert [frame["id"] for frame in client.events] == [answer["data"]["id"] for answer in sent]
            check_stream(client.events, client.user_id)
        assert node.sockets.metrics.resumes["resumed"] - before == len(clients)
        assert node.sockets.admission.waiting == 0
        waited = [client for client in clients if any(frame["type"] == "waiting" for frame in client.control)]
        assert all(f["data"]["retry_after_ms"] > 0 for c in waited for f in c.control if f["type"] == "waiting")
        assert waited, "so many at once are admitted in turns, and told"
        await _all_hear(people[0], channels[0], clients)
        await asyncio.gather(*(client.close() for client in clients))


async def _all_hear(person: Person, channel: str, clients: list[Client]) -> None:
    """They are live."""
    client = person.client()
    await client.open()
    last = await client.post(channel, "all are back")
    await asyncio.gather(*(other.wait_event(id=last["data"]["id"]) for other in clients))
    await client.close()


async def test_a_herd_is_served_from_memory_in_turns(node_with: StartNode) -> None:
    """The events are recent: only the memberships are read, one at a time."""
    await _settle(node_with, Limits(catch_ups=1), elsewhere=False)


async def test_a_herd_is_served_from_the_log_in_turns(node_with: StartNode) -> None:
    """A node that started since remembers nothing: each reads the events, in pages."""
    await _settle(node_with, Limits(catch_ups=2, catch_up_page=15), elsewhere=True)
