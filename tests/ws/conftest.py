"""A node in the test's own event loop with limits of the test's choice, and raw sockets that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest

from sermo.node import Node, running_node
from sermo.serve import bind, serving
from sermo.settings import Settings
from ws.limits import Limits

StartNode = Callable[[Limits], AbstractAsyncContextManager[tuple[str, Node]]]


@pytest.fixture
def node_with(database: str) -> StartNode:
    """Start a node with these limits; its URL and the node."""

    @asynccontextmanager
    async def start(limits: Limits) -> AsyncIterator[tuple[str, Node]]:
        settings = Settings(database_url=database, allow_unsafe_postgres=True)
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(running_node(database, settings, limits))
            url = await stack.enter_async_context(serving(node, bind("127.0.0.1", 0)))
            yield url, node

    return start


async def eventually_closed(writer: asyncio.StreamWriter) -> None:
    """Close a raw socket, whatever became of it."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return
