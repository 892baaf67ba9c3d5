"""The endpoint, and the one ticker that serves all connections of a node."""

import asyncio
import itertools
import random
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import structlog
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.handlers import WebsocketRouteHandler

from ws.codes import CloseCode
from ws.connection import Connection
from ws.follower import Services
from ws.frames import SUBPROTOCOL
from ws.registry import Registry
from ws.transport import EXTENSION, Flusher, Outbox

logger = structlog.get_logger()

FRAMES_IN_A_ROW = 8
"""So many frames that have come at once are handled before others have their turn."""
COME_BACK_SPREAD_MS = 1
"""For each connection that a node sends away: about a thousand come back in a second."""
COME_BACK_MAX_MS = 10_000

Socket = WebSocket[Any, Any, State]


class Endpoint:
    """The socket of one node: takes connections, ticks for them, and ends them."""

    def __init__(self, services: Services, registry: Registry) -> None:
        self._services = services
        self._connections = registry
        self.metrics = services.metrics
        self.admission = services.admission
        self._flusher = Flusher()

    @property
    def connections(self) -> int:
        """How many clients are connected, live or not."""
        return len(self._connections)

    def route(self) -> WebsocketRouteHandler:
        """The handler of `/ws`."""

        @websocket("/ws", opt={"exclude_from_auth": True})
        async def socket_route(socket: Socket) -> None:
            await self._serve(socket)

        return socket_route

    async def _serve(self, socket: Socket) -> None:
        await socket.receive()  # the handshake, which is always accepted
        offered = socket.scope.get("subprotocols") or ()
        await socket.send(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None,
                "headers": [],
            }
        )
        protocol: Any = (socket.scope.get("extensions") or {}).get(EXTENSION)
        if protocol is None:
            raise RuntimeError("Sermo's socket needs its own uvicorn protocol: start it with `sermo serve`")
        outbox = Outbox(protocol, self._services.limits.outbox_max_bytes, self._flusher)
        connection = Connection(self._services, self._connections, outbox, _bearer(socket), _ticket(socket))
        self._connections.add(connection)
        try:
            await self._read(socket, connection)
        finally:
            self._connections.discard(connection)
            await asyncio.shield(connection.gone())

    async def _read(self, socket: Socket, connection: Connection) -> None:
        for number in itertools.count(1):
            if number % FRAMES_IN_A_ROW == 0:
                await asyncio.sleep(0)
            message: Any = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is not None:
                await connection.receive(text)
            else:
                await connection.receive_binary()

    async def run(self) -> None:
        """Tick until cancelled: deadlines about once a second, heartbeats spread over their interval."""
        interval_s = self._services.limits.heartbeat_interval_s
        next_heartbeat = time.monotonic() + interval_s
        while True:
            await asyncio.sleep(min(1.0, interval_s))
            now, wall_clock = time.monotonic(), datetime.now(UTC)
            beat = now >= next_heartbeat
            if beat:
                next_heartbeat = now + interval_s
            for connection in self._connections:
                connection.tick(now, wall_clock)
                if beat:
                    connection.heartbeat()
            self._connections.forget(now)

    def close_all(self, reason: str) -> None:
        """The node goes away, or the log's history changed: everybody comes back and resumes, but not all at once."""
        logger.info("ws.close_all", reason=reason, connections=len(self._connections))
        spread_ms = min(COME_BACK_MAX_MS, len(self._connections) * COME_BACK_SPREAD_MS)
        for connection in self._connections:
            delay_ms = random.randint(0, spread_ms)  # noqa: S311  no secret
            connection.close(CloseCode.GOING_AWAY, f'{{"code":"going_away","retry_after_ms":{delay_ms}}}')


def _bearer(socket: Socket) -> str | None:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _ticket(socket: Socket) -> str | None:
    query = socket.scope["query_string"].decode("latin-1")
    return parse_qs(query).get("ticket", [None])[0]
