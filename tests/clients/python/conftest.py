"""A fake server with two people in a channel, and clients that are closed at the end."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from sermo_client import Backoff, SermoClient
from sermo_client.testing import FakeServer, Person

MakeClient = Callable[..., SermoClient]


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    """A fake server."""
    async with FakeServer() as server:
        yield server


@pytest.fixture
def amy(fake: FakeServer) -> Person:
    """Somebody."""
    return fake.person("amy")


@pytest.fixture
def bob(fake: FakeServer) -> Person:
    """Somebody else."""
    return fake.person("bob")


@pytest.fixture
def lounge(fake: FakeServer, amy: Person, bob: Person) -> UUID:
    """A channel of both."""
    return fake.channel("lounge", amy, bob)


@pytest.fixture
async def client(fake: FakeServer) -> AsyncIterator[MakeClient]:
    """Makes clients with short delays; they are closed in the end."""
    async with AsyncExitStack() as stack:

        def make(person: Person, **options: Any) -> SermoClient:
            options = {"token": person.token, "account": person.username, "backoff": Backoff(base_s=0.01), **options}
            made = SermoClient(fake.url, trust_env=False, **options)
            stack.push_async_callback(made.close)
            return made

        yield make
