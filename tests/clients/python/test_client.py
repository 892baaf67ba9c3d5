"""The client against a real server: what it sends arrives, what happens is told, and it comes back by itself."""

from sermo_client import NewMessage, SermoClient, State

from tests.fixtures.server import PASSWORD, Person, Server


def client_of(server: Server, person: Person, **options: object) -> SermoClient:
    """A client with that person's password."""
    return SermoClient(server.url, username=person.username, password=PASSWORD, trust_env=False, **options)  # type: ignore[arg-type]


async def test_two_clients_talk(server: Server, ann: Person, ben: Person) -> None:
    """What one sends the other gets as a typed event, and the sender the server's word."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    async with client_of(server, ann) as one, client_of(server, ben) as other:
        assert State.LIVE is one.state
        sending = await one.send(channel_id, "hello")
        accepted = await sending.wait(10)
        event = await other.wait_for(NewMessage, timeout_s=10)
        assert ("hello", accepted.id, accepted.seq) == (event.data.content, event.id, event.seq)
