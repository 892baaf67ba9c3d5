"""A server process for a module with two people for each test, or a node in the test's own event loop with limits of the
test's choice.
"""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from sermo.http import HttpLimits
from sermo.node import Node, running_node
from sermo.serve import application, bind, serving
from sermo.settings import Settings
from tests.fixtures.postgres import fresh_database
from tests.support.asgi import uvicorn_serving
from tests.support.people import Person, register
from tests.support.servers import ServerProcess, server
from ws.limits import Limits

StartNode = Callable[..., AbstractAsyncContextManager[tuple[str, Node]]]


@asynccontextmanager
async def serving_plainly(node: Node, listener: socket.socket) -> AsyncIterator[str]:
    """The same application on an ASGI server that knows nothing of us: uvicorn as it comes."""
    config = uvicorn.Config(application(node), loop="none", ws="websockets-sansio", log_config=None, access_log=False)
    async with uvicorn_serving(config, listener) as url:
        try:
            yield url
        finally:
            node.sockets.close_all("the test ends")


@pytest.fixture(scope="module")
def shared_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """The conninfo of the database that the tests of a module share."""
    with fresh_database(postgres_server, template=template_database) as (_, dsn):
        yield dsn


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(shared_database: str) -> AsyncIterator[ServerProcess]:
    """The server that the tests of a module share: people and channels are new in each, so none sees another's."""
    async with server("--database-url", shared_database) as running:
        yield running


@pytest.fixture
async def ann(process: ServerProcess) -> Person:
    """The first person."""
    return await register(process.url, "ann")


@pytest.fixture
async def ben(process: ServerProcess) -> Person:
    """The second person."""
    return await register(process.url, "ben")


@pytest.fixture
def node_with(database: str) -> StartNode:
    """Start a node with these limits and settings; its URL and the node. `plain`: on uvicorn as it comes."""

    @asynccontextmanager
    async def start(
        limits: Limits, http: HttpLimits | None = None, *, plain: bool = False, **changes: Any
    ) -> AsyncIterator[tuple[str, Node]]:
        settings = Settings(database_url=database, allow_unsafe_postgres=True, **changes)
        listener = bind("127.0.0.1", 0)
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(running_node(database, settings, limits))
            server = serving_plainly(node, listener) if plain else serving(node, listener, http)
            yield await stack.enter_async_context(server), node

    return start
