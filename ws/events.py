"""`GET /v1/events`: the same feeds, rights, order and resume without a socket, as a page of JSON or as an event stream.

A stream is for clients that only listen, as a browser's EventSource: each message's id is EPOCH:POSITION, and whoever comes
back names the last one. It ends, and the client comes back by itself, when its token would have ended.
"""

import asyncio
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import structlog
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.errors import Invalid, Overloaded, RateLimited, ResyncRequired, Unauthenticated
from domain.principal import Principal
from ws import frames, recovery
from ws.codes import CloseCode
from ws.follower import Follower, Services, check_position, encode, intervals_after
from ws.registry import Registry
from ws.wire import Encoded, to_line

logger = structlog.get_logger()

POSITION_MAX = 2**53 - 1
EPOCH_PATTERN = "[A-Za-z0-9-]{1,40}"
MIN_POSITION_WAIT_S = 2.0
CHUNK_BYTES = 65_536
"""Given to the server at once; it takes the next when the client has taken most of it."""
CLOSING_S = 1.0
"""For a client to take what waits when its stream ends; then the connection is broken off. Less than a server's grace."""
RETRY_MS = 1_000
"""How long an EventSource waits before it comes back."""
FULL_DELAY_MS = 5_000
"""Who finds the node full comes back after that."""
RESYNC_EPOCH = "resync"
"""In the id of `resync_required`, so that it says by itself, on any node, that its bearer was told. Epochs are hexadecimal."""
TOLD_MAX = 10_000
"""Refused positions that are remembered: who is no EventSource comes back with the one that was refused."""

_LAST_EVENT_ID = re.compile(rf"({EPOCH_PATTERN}):([0-9]{{1,16}})")

_After = Annotated[
    int | None, QueryParameter(ge=0, le=POSITION_MAX, description="What comes after this position; with `epoch`.")
]
_MinPosition = Annotated[
    int | None, QueryParameter(ge=0, le=POSITION_MAX, description="Wait up to 2 s until the log has this position.")
]
_Epoch = Annotated[
    str | None, QueryParameter(pattern=f"^{EPOCH_PATTERN}$", description="The epoch that `after` is a position of.")
]
_Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]
_LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="EPOCH:POSITION, of a stream; wins over `after`.")
]


class EventsPage(msgspec.Struct, frozen=True):
    """What happened in my feeds after a position."""

    frames: list[dict[str, Any]]
    """Event frames as on the socket, in order."""
    position: int
    """Ask for what comes after it next; it moves on also over what is not mine."""
    epoch: str


class Stream(Response[bytes]):
    """An answer that goes on."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(b"")
        self._app = app

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]  # any ASGI application will do
        """The stream itself."""
        return self._app


class Events:
    """The events of one node for those who ask over HTTP."""

    def __init__(self, services: Services, registry: Registry) -> None:
        self._services = services
        self._registry = registry
        self._told: OrderedDict[tuple[UUID, str, int], None] = OrderedDict()

    def route(self, **opt: Any) -> HTTPRouteHandler:
        """The handler; `opt` is the application's."""

        @get(
            "/events",
            tags=["events"],
            opt=opt,
            responses={200: ResponseSpec(EventsPage, description="A page, or with text/event-stream a stream.")},
        )
        async def get_events(
            request: Request[Principal, Any, Any],
            after: _After = None,
            epoch: _Epoch = None,
            limit: _Limit = 50,
            min_position: _MinPosition = None,
            last_event_id: _LastEventId = None,
        ) -> Response[bytes]:
            """The events of my feeds after a position of an epoch. With `Accept: text/event-stream` they go on live; there
            `Last-Event-ID` (EPOCH:POSITION) resumes, and without any position the stream begins now.
            """
            is_fresh = not min_position or await self._services.log.wait_beyond(min_position - 1, MIN_POSITION_WAIT_S)
            headers = {} if is_fresh else {"Sermo-Stale": "true"}
            if "text/event-stream" in request.headers.get("accept", ""):
                return await self._stream(request.user, _position(last_event_id, after, epoch), headers)
            if after is None or epoch is None:
                raise Invalid("after and epoch are wanted.", field="after" if after is None else "epoch")
            page = await self._page(request.user.user_id, after, epoch, limit)
            return Response(page, media_type="application/json", headers=headers)

        return get_events

    async def _page(self, user_id: UUID, after: int, epoch: str, limit: int) -> bytes:
        services = self._services
        if reason := await check_position(services, after, epoch):
            raise ResyncRequired.because(reason)
        async with services.admission.turn(user_id):
            intervals, position = await intervals_after(services, user_id, after)
            stretches = recovery.stretches(user_id, intervals, after, position)
            events, deleted, is_all = await services.reader.read(stretches, limit, services.limits.outbox_max_bytes)
        if not is_all:
            position = events[-1].position
        found = await encode(services, user_id, events, deleted)
        rest = msgspec.json.encode({"position": position, "epoch": epoch})
        return b'{"frames":[' + b",".join(frame.payload for frame in found) + b"]," + rest[1:]

    async def _stream(
        self, principal: Principal, position: tuple[str, int] | None, headers: Mapping[str, str]
    ) -> Response[bytes]:
        if position is not None and (position[0] == RESYNC_EPOCH or (principal.user_id, *position) in self._told):
            return Response(b"", status_code=204)
        if self._registry.is_full:
            raise Overloaded(retry_after_ms=FULL_DELAY_MS)
        stream = EventStream(self, self._services, principal, position, headers)
        self._registry.add(stream)
        try:
            self._registry.identify(stream, principal.user_id)
            # Whoever was deactivated since the token was looked at is not among those that were closed then.
            if not self._services.auth.is_active(principal.user_id):
                raise Unauthenticated
        except (RateLimited, Unauthenticated):
            self._registry.discard(stream)
            raise
        return Stream(stream)

    def gone(self, stream: "EventStream") -> None:
        """This one has ended."""
        self._registry.discard(stream)

    def tell(self, user_id: UUID, position: tuple[str, int]) -> None:
        """This person was told that there is no way on from there."""
        self._told[(user_id, *position)] = None
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)


def _position(last_event_id: str | None, after: int | None, epoch: str | None) -> tuple[str, int] | None:
    """Where a stream begins; None for now."""
    if last_event_id:
        found = _LAST_EVENT_ID.fullmatch(last_event_id)
        if found is None or int(found[2]) > POSITION_MAX:
            raise Invalid("Last-Event-ID is EPOCH:POSITION.", field="Last-Event-ID")
        return found[1], int(found[2])
    if (after is None) != (epoch is None):
        raise Invalid("after and epoch go together.", field="after" if after is None else "epoch")
    return (epoch, after) if epoch is not None and after is not None else None


class EventStream:
    """One client that listens: an ASGI application for one request, and the sink of its follower (`ws.ports.Sink`)."""

    def __init__(
        self,
        events: Events,
        services: Services,
        principal: Principal,
        position: tuple[str, int] | None,
        headers: Mapping[str, str],
    ) -> None:
        self._events = events
        self._services = services
        self._expires_at = principal.expires_at
        self._position = position
        self._headers = headers
        self._session_id = uuid.uuid4()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._has_work = asyncio.Event()
        self._taken = asyncio.Event()
        self._break_off: Callable[[], object] | None = None
        """Once it is served."""
        self._follower = Follower(services, self, principal.user_id, None, str(self._session_id))
        self.user_id = principal.user_id
        self.is_open = True

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the client goes or the stream ends."""
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        writer = asyncio.create_task(self._run(send))
        self._break_off = _abort_of(receive) or writer.cancel
        if not self.is_open:
            self._end()
        try:
            await asyncio.wait((gone, writer), return_when=asyncio.FIRST_COMPLETED)
            writer.cancel()
            await asyncio.wait((writer,))
            if not writer.cancelled() and (error := writer.exception()) is not None:
                logger.warning("events.stream_failed", session_id=str(self._session_id), error=repr(error))
        finally:
            gone.cancel()
            writer.cancel()
            self.is_open = False
            self._events.gone(self)
            await asyncio.shield(self._follower.stop())

    async def _run(self, send: Send) -> None:
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            # Nothing comes after it, so that breaking it off hits no other request.
            "connection": "close",
            **self._headers,
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        self._write(b"retry: %d\n\n" % RETRY_MS)
        await self._begin()
        while True:
            await self._has_work.wait()
            while self._waiting:
                await send({"type": "http.response.body", "body": self._take(), "more_body": True})
            if not self.is_open:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            self._has_work.clear()

    async def _begin(self) -> None:
        if self._position is None:
            await self._follower.start(self._tell_connected)
            return
        self._tell_connected(None)
        if (delay_ms := self._services.admission.delay_ms) > 0:
            self._write_frame(frames.control(frames.Waiting(retry_after_ms=delay_ms)), None)
        epoch, after = self._position
        reason = await self._follower.recover(after, epoch, max_backlog=None, resumed=self._tell_resumed)
        if reason is not None:
            self._events.tell(self.user_id, self._position)
            self._write(to_line(frames.control(frames.ResyncRequired(reason=reason)), RESYNC_EPOCH, after))
            self._end()

    def _tell_connected(self, position: int | None) -> None:
        """With an id only where the stream begins now: who is resuming does not have what lies before the head."""
        frame = frames.connected(
            None,
            user_id=self.user_id,
            session_id=self._session_id,
            epoch=self._services.log.epoch,
            head_id=self._services.log.position,
            limits=self._services.limits,
        )
        self._write_frame(frame, position)

    def _tell_resumed(self, count: int, through: int) -> None:
        self._write_frame(frames.control(frames.Resumed(count=count, through=through)), through)

    def _take(self) -> bytes:
        """The next chunk."""
        size, number = 0, 0
        for line in self._waiting:
            if number and size + len(line) > CHUNK_BYTES:
                break
            size, number = size + len(line), number + 1
        chunk = b"".join(self._waiting[:number])
        del self._waiting[:number]
        self._waiting_bytes -= size
        self._taken.set()
        return chunk

    def _write(self, line: bytes) -> None:
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        self._has_work.set()

    def _write_frame(self, frame: bytes, position: int | None) -> None:
        self._write(to_line(frame, self._services.log.epoch, position))

    # As a sink

    @property
    def is_full(self) -> bool:
        """Whether the client is behind."""
        limits = self._services.limits
        return self._waiting_bytes > limits.outbox_max_bytes or len(self._waiting) >= limits.outbox_max_frames

    def push(self, frame: Encoded, at_once: bool = False) -> bool:
        """See `ws.ports.Sink`."""
        if self.is_full:
            return False
        self._write(frame.line(self._services.log.epoch))
        return True

    @property
    def has_room(self) -> bool:
        """See `ws.ports.Sink`."""
        return self._waiting_bytes * 2 <= self._services.limits.outbox_max_bytes

    def push_signals(self, signals: Sequence[Encoded]) -> None:
        """Messages without an id."""
        for frame in signals:
            self._write(frame.line(self._services.log.epoch))

    def push_backlog(self, frames: Sequence[Encoded]) -> None:
        """One message an event, each with its id, so that a stream that breaks loses nothing of a page."""
        for frame in frames:
            self._write(frame.line(self._services.log.epoch))

    async def drained(self, no_progress_s: float) -> bool:
        """See `ws.ports.Sink`."""
        while self.is_open and self._waiting_bytes > CHUNK_BYTES:
            self._taken.clear()
            try:
                async with asyncio.timeout(no_progress_s):
                    await self._taken.wait()
            except TimeoutError:
                return False
        return True

    def close(self, code: CloseCode, reason: str = "") -> None:
        """End the stream; an EventSource comes back by itself."""
        if self.is_open:
            self._services.metrics.closes[code] += 1
            logger.debug("events.closed", session_id=str(self._session_id), code=int(code), reason=reason)
            self._end()

    def _end(self) -> None:
        """Write what waits and no more. A server waits for a client that does not read, so that has an end too."""
        self.is_open = False
        self._has_work.set()
        self._taken.set()
        if self._break_off is not None:
            asyncio.get_running_loop().call_later(CLOSING_S, self._break_off)

    # As a connection of the node

    kind = "stream"
    commands_waiting = 0

    @property
    def unsent_bytes(self) -> int:
        """What the server has not taken yet."""
        return self._waiting_bytes

    def tick(self, _now: float, wall_clock: datetime) -> None:
        """End it when its token does: who comes back shows a new one."""
        if wall_clock >= self._expires_at:
            self.close(CloseCode.TOKEN_EXPIRED, "the token has expired")

    def ping(self) -> None:
        """Heartbeats do: a stream that is not taken is ended by the server."""

    def heartbeat(self) -> None:
        """Move a quiet client's cursor, and find out whether it is there."""
        follower = self._follower
        if not self.is_full and (follower.is_live or follower.is_catching_up):
            self._write_frame(frames.heartbeat(follower.position), follower.position)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort_of(receive: Receive) -> Callable[[], None] | None:
    """What breaks the connection off and drops what is unsent, on uvicorn; ASGI has no word for it."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    return getattr(transport, "abort", None)
