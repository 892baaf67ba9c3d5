"""The client against a real server behind a network that fails: everything once, in order, and a replica that is right."""

import asyncio
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict
from sermo_client import Backoff, Replica, SermoClient, State

from tests.fixtures.proxy import Proxy, running_proxy
from tests.fixtures.server import Person, Server
from tests.support.wait import await_until

DEADLINE_S = 30.0


def url_of(proxy: Proxy) -> str:
    """The proxy's address for HTTP."""
    return f"http://127.0.0.1:{conninfo_to_dict(proxy.dsn)['port']}"


async def test_over_cuts_in_the_network_all_is_sent_once_and_the_replica_is_that_of_a_fresh_snapshot(
    server: Server, ann: Person, ben: Person
) -> None:
    """Messages, edits, deletions, reactions, pins, marks, joins and leaves of two people, while the connection breaks."""
    one, two = [UUID(await ann.make_channel(name)) for name in ("one", "two")]
    for channel_id in (one, two):
        await ann.add(str(channel_id), ben)
    target = server.url.removeprefix("http://").split(":")
    async with running_proxy(f"host={target[0]} port={target[1]}") as proxy:
        client = SermoClient(
            url_of(proxy),
            refresh_token=ann.refresh_token,
            start="snapshot",
            backoff=Backoff(base_s=0.05),
            trust_env=False,
        )
        replica = Replica(client.rest)
        replica_task = asyncio.create_task(_follow(client, replica))
        await client.connect(DEADLINE_S)
        sendings = []
        for number in range(12):
            sendings.append(await client.send(one, f"ann {number}"))
            said = await ben.say(str(two), f"ben {number}")
            await ben.put(f"/messages/{said['message_id']}/reactions/%F0%9F%91%8D")
            match number % 6:
                case 0:
                    proxy.cut()
                case 1:
                    await ben.patch(f"/messages/{said['message_id']}", {"content": "mended"})
                case 2:
                    await ben.delete(f"/messages/{said['message_id']}")
                case 3:
                    await ann.put(f"/messages/{said['message_id']}/pin")
                    await ann.put(f"/channels/{two}/read", {"seq": said["seq"]})
                    proxy.cut()
                case 4:
                    await ben.post(f"/channels/{one}/leave")
                case 5:
                    await ben.post(f"/channels/{one}/join")
                    await ann.post(f"/channels/{two}/unread", {"seq": said["seq"]})
        places = [(await sending.wait(DEADLINE_S)).seq for sending in sendings]
        assert places == sorted(places)
        last = await ben.say(str(two), "the last")
        await await_until(lambda: replica.position >= last["position"], DEADLINE_S)
        assert client.state is State.LIVE
        fresh = Replica(client.rest)
        await fresh.load(await client.rest.snapshot(min_position=last["position"]))
        assert replica.state() == fresh.state()
        shown = sorted(replica.rooms[one].timeline.values(), key=lambda message: message.seq)
        assert [message.content for message in shown] == [f"ann {number}" for number in range(12)]
        await client.close()
        await replica_task


async def _follow(client: SermoClient, replica: Replica) -> None:
    async for item in client.events():
        await replica.take(item)


async def test_a_server_that_lets_nobody_in_is_waited_for(server: Server, ann: Person) -> None:
    """The client says that it is reconnecting, and comes back by itself."""
    channel_id = await ann.make_channel()
    target = server.url.removeprefix("http://").split(":")
    async with running_proxy(f"host={target[0]} port={target[1]}") as proxy:
        client = SermoClient(url_of(proxy), token=ann.access_token, backoff=Backoff(base_s=0.05), trust_env=False)
        async with client:
            proxy.refusing = True
            proxy.cut()
            await await_until(lambda: client.state is State.RECONNECTING)
            sending = await client.send(channel_id, "meanwhile")
            proxy.refusing = False
            client.hurry()
            await sending.wait(DEADLINE_S)
            assert client.state is State.LIVE
