"""These tests run on the event loop that `sermo serve` uses: its transports differ from those of the standard library."""

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """See above."""
    return {"uvloop": uvloop.new_event_loop}
