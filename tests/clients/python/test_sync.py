"""The client for programs without asyncio, in a thread of its own."""

import asyncio
from uuid import UUID

import pytest
from sermo_client import Closed, Fate, NewMessage, ServerRefusal, State, SyncClient
from sermo_client.testing import FakeServer, Person


async def test_a_script_sends_waits_and_listens(fake: FakeServer, amy: Person, bob: Person, lounge: UUID) -> None:
    """With plain calls."""

    def script() -> list[str]:
        with SyncClient(fake.url, token=amy.token, trust_env=False) as client:
            assert client.state is State.LIVE
            sending = client.send(lounge, "hello")
            assert sending.wait(10).id == sending.position
            assert sending.fate is Fate.ACCEPTED
            assert client.do(lambda one: one.rest.me()).user_id == amy.user_id
            assert client.wait_for(NewMessage, timeout_s=10).data.content == "hello"
            with pytest.raises(ServerRefusal, match="not_found"):
                client.do(lambda one: one.delete(lounge))
            for text in ("a", "b"):
                client.send(lounge, text)
            found = []
            for event in client.events(NewMessage):
                found.append(event.data.content)
                if len(found) == 2:
                    break
        client.close()
        return found

    assert await asyncio.to_thread(script) == ["a", "b"]


async def test_a_server_that_wants_no_one_is_told_at_once(fake: FakeServer) -> None:
    """By the exception of the first call."""

    def script() -> None:
        with pytest.raises(Closed, match="4002"), SyncClient(fake.url, token="none", account="x", trust_env=False):
            pass

    await asyncio.to_thread(script)
