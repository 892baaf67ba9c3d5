"""Tokens are renewed before they run out, on the living connection, and replaced when the server refuses them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sermo_client import Closed, Pair, SermoClient, State
from sermo_client.testing import FakeServer, Person

from tests.clients.python.conftest import MakeClient
from tests.fixtures.server import Server, running_server
from tests.support.wait import await_until


@pytest.fixture
async def short_lived(database: str) -> AsyncIterator[Server]:
    """A server whose tokens are good for two seconds."""
    started: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
    stopping = asyncio.Event()

    async def run() -> None:
        async with running_server(database, access_token_ttl_s=2) as server:
            started.set_result(server)
            await stopping.wait()

    task = asyncio.create_task(run())
    yield await started
    stopping.set()
    await task


async def test_a_connection_outlives_its_tokens(short_lived: Server) -> None:
    """By the refresh token alone, without a break; each pair is told."""
    person = await short_lived.register("ann")
    pairs: list[Pair] = []
    states: list[State] = []

    async def keep(pair: Pair) -> None:
        pairs.append(pair)

    client = SermoClient(
        short_lived.url, token=person.access_token, refresh_token=person.refresh_token, on_tokens=keep, trust_env=False
    )
    client.on_state(lambda state, _: states.append(state))
    async with client:
        await await_until(lambda: len(pairs) >= 2, 20)
        await client.ping()
        assert states == [State.CONNECTING, State.LIVE]
    assert len({pair.access_token for pair in pairs}) == len(pairs)


async def test_a_token_that_the_server_refuses_is_asked_for_anew(
    fake: FakeServer, amy: Person, client: MakeClient
) -> None:
    """Of the application's function, once; then the connection is live."""
    given = iter(("old", amy.token))

    async def token() -> str:
        return next(given)

    one = client(amy, token=token)
    await one.connect(10)
    assert one.user_id == amy.user_id


async def test_without_another_token_the_client_is_closed_and_says_so(
    fake: FakeServer, amy: Person, client: MakeClient
) -> None:
    """With the server's code."""
    one = client(amy, token="none")
    with pytest.raises(Closed, match="token 4002"):
        await one.connect(10)


async def test_a_refresh_token_that_is_dead_closes_the_client(
    fake: FakeServer, client: MakeClient, amy: Person
) -> None:
    """Also where the account is to be asked for."""
    one = client(amy, token=None, refresh_token="dead", account=None)
    with pytest.raises(Closed, match="token"):
        await one.send(UUID(int=1), "never")
    assert one.state is State.CLOSED
