"""The endpoint, and the one ticker that serves all connections of a node."""

import asyncio
import itertools
import random
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import structlog
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.handlers import WebsocketRouteHandler

from domain.errors import Overloaded
from ws.codes import CloseCode, reason
from ws.connection import Connection
from ws.follower import Services
from ws.frames import SUBPROTOCOL
from ws.origin import is_allowed
from ws.registry import Registry
from ws.transport import Flusher, outbox_for

logger = structlog.get_logger()

FRAMES_IN_A_ROW = 8
"""So many frames that have come at once are handled before others have their turn."""
FULL_DELAY_MS = (2_000, 10_000)
"""Who finds the node full comes back after some delay in between."""
COME_BACK_SPREAD_MS = 1
"""For each connection that a node sends away: about a thousand come back in a second."""
COME_BACK_MAX_MS = 10_000

Socket = WebSocket[Any, Any, State]


class Endpoint:
    """The socket of one node: takes connections, ticks for them, and ends them."""

    def __init__(self, services: Services, registry: Registry, allowed_origins: Collection[str] = ()) -> None:
        self._services = services
        self._connections = registry
        self.metrics = services.metrics
        self.admission = services.admission
        self._allowed_origins = allowed_origins
        self._flusher = Flusher()
        self.limits = services.limits

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
        outbox = outbox_for(socket.scope, socket.send, self.limits, self._flusher, self.metrics.closes)
        refusal = self._refusal(socket)
        if refusal is not None:
            self.metrics.closes[refusal[0]] += 1
            outbox.close(*refusal)
            await outbox.serve(_ignore(socket))
            return
        connection = Connection(self._services, self._connections, outbox, _bearer(socket), _ticket(socket))
        # Of all that is logged in this connection's tasks, the commands in the log too.
        structlog.contextvars.bind_contextvars(session_id=str(connection.session_id))
        self._connections.add(connection)
        try:
            await outbox.serve(self._read(socket, connection))
        finally:
            self._connections.discard(connection)
            await asyncio.shield(connection.gone())

    def _refusal(self, socket: Socket) -> tuple[CloseCode, str] | None:
        """Why this client is sent away before anything of it is read."""
        origin, host = socket.headers.get("origin"), socket.headers.get("host")
        if not is_allowed(origin, host, self._allowed_origins):
            logger.info("ws.origin_refused", origin=(origin or "")[:200], host=(host or "")[:200])
            return CloseCode.UNAUTHENTICATED, "pages of this origin are not allowed"
        if self._connections.is_full:
            delay_ms = random.randint(*FULL_DELAY_MS)  # noqa: S311  no secret
            return CloseCode.OVERLOADED, reason(Overloaded.code, delay_ms)
        return None

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
        """Tick until cancelled: deadlines once a second, heartbeats and pings once their interval, each spread over it."""
        while True:
            await asyncio.sleep(self._connections.resolution_s)
            self._connections.turn(time.monotonic(), datetime.now(UTC))

    def close_all(self, reason: str) -> None:
        """The node goes away, or the log's history changed: everybody comes back and resumes, but not all at once."""
        logger.info("ws.close_all", reason=reason, connections=len(self._connections))
        spread_ms = min(COME_BACK_MAX_MS, len(self._connections) * COME_BACK_SPREAD_MS)
        for connection in self._connections:
            delay_ms = random.randint(0, spread_ms)  # noqa: S311  no secret
            connection.close(CloseCode.GOING_AWAY, f'{{"code":"going_away","retry_after_ms":{delay_ms}}}')


async def _ignore(socket: Socket) -> None:
    """Read nothing, until the client has gone."""
    while True:
        message: Any = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


def _bearer(socket: Socket) -> str | None:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _ticket(socket: Socket) -> str | None:
    query = socket.scope["query_string"].decode("latin-1")
    return parse_qs(query).get("ticket", [None])[0]
