"""A small application on a real server whose outboxes the test holds: every socket hands its own over, and echoes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from sermo.http import Config, HttpLimits, HttpProtocol
from sermo.serve import bind
from tests.support.asgi import uvicorn_serving
from ws.limits import Limits
from ws.outbox import Outbox
from ws.transport import Flusher, SermoWebSocketProtocol, outbox_for


class OutboxServer:
    """The server: where it is, and the outboxes of its sockets in the order in which they came."""

    def __init__(self, limits: Limits) -> None:
        self.url = ""
        self.outboxes: asyncio.Queue[Outbox] = asyncio.Queue()
        self.open = 0
        """Sockets that the application still serves."""
        self.most_waiting = 0
        """The most messages that lay before the application at once."""
        self.closes: Counter[int] = Counter()
        """What the protocol ended by itself, by code."""
        self._limits = limits
        self._flusher = Flusher()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept", "headers": []})
        outbox = outbox_for(scope, send, self._limits, self._flusher, self.closes)
        self.outboxes.put_nowait(outbox)
        self.open += 1
        try:
            await outbox.serve(self._echo(receive, send, outbox))
        finally:
            self.open -= 1

    async def _echo(self, receive: Any, send: Any, outbox: Outbox) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is not None:
                outbox.write(text.encode())
            else:
                await send({"type": "websocket.send", "bytes": message["bytes"]})


@asynccontextmanager
async def outbox_server(
    limits: Limits | None = None, *, plain: bool = False, compression: bool = False, http: HttpLimits | None = None
) -> AsyncIterator[OutboxServer]:
    """A running one; `plain` on uvicorn as it comes, else with our protocols."""
    limits = limits or Limits()
    app = OutboxServer(limits)
    common: dict[str, Any] = {"loop": "none", "lifespan": "off", "log_config": None, "access_log": False}
    common["ws_max_size"] = limits.frame_max_bytes
    if plain:
        config = uvicorn.Config(app, ws="websockets-sansio", ws_per_message_deflate=compression, **common)
    else:
        config = Config(
            app,
            http or HttpLimits(),
            http=HttpProtocol,
            ws=SermoWebSocketProtocol,
            ws_ping_interval=None,
            ws_per_message_deflate=compression,
            **common,
        )
    async with uvicorn_serving(config, bind("127.0.0.1", 0)) as app.url:
        yield app
