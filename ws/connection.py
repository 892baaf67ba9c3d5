"""One socket with its I/O: who it is, its way through the protocol, its follower of the log and its commands."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import psycopg
import structlog

from domain.errors import RateLimited, TokenExpired, Unauthenticated, Unavailable
from domain.principal import Principal
from ws import frames, session
from ws.codes import CloseCode, reason
from ws.commands import Commands
from ws.follower import COME_BACK, Follower, Services
from ws.limits import Limits
from ws.outbox import Outbox
from ws.registry import Registry
from ws.wire import Encoded

logger = structlog.get_logger()

_OVERLOADED_PAUSE_S = 0.005
"""One that sends on though too much of it waits is read so much slower, so that the others are not."""


class SocketSink:
    """A socket as a follower sees it (`ws.ports.Sink`)."""

    def __init__(self, outbox: Outbox, limits: Limits, close: Callable[[CloseCode, str], None]) -> None:
        self._outbox = outbox
        self._limits = limits
        self.push = outbox.push
        self.drained = outbox.drained
        self.close = close

    @property
    def is_open(self) -> bool:
        return self._outbox.is_open

    @property
    def has_room(self) -> bool:
        return self._outbox.has_room

    def push_signals(self, signals: Sequence[Encoded]) -> None:
        for frame in signals:
            self._outbox.send(frame)

    def push_backlog(self, frames: Sequence[Encoded]) -> None:
        """In batches, each bounded in frames and bytes; one large frame travels alone."""
        limits = self._limits
        waiting: list[Encoded] = []
        size = 0
        for frame in frames:
            if waiting and (
                len(waiting) == limits.batch_max_frames or size + len(frame.payload) > limits.batch_max_bytes
            ):
                self._write_batch(waiting)
                waiting, size = [], 0
            waiting.append(frame)
            size += len(frame.payload) + 1
        if waiting:
            self._write_batch(waiting)

    def _write_batch(self, waiting: list[Encoded]) -> None:
        if len(waiting) == 1:
            self._outbox.send(waiting[0])
        else:
            self._outbox.write(frames.batch([frame.payload for frame in waiting]))


class Connection:
    """A client at the other end. All methods run in the event loop's thread."""

    kind = "socket"

    def __init__(
        self, services: Services, registry: Registry, outbox: Outbox, bearer: str | None, ticket: str | None
    ) -> None:
        self._services = services
        self._registry = registry
        self._outbox = outbox
        self._bearer = bearer
        self._ticket = ticket
        self._session = session.Session(services.limits, time.monotonic())
        self.session_id = uuid.uuid4()
        self._follower: Follower | None = None
        self._commands: Commands | None = None
        self.user_id: UUID | None = None

    # What comes from the client

    async def receive(self, text: str) -> None:
        """A text frame."""
        self._services.metrics.frames_received += 1
        try:
            for effect in self._session.receive(text, time.monotonic()):
                try:
                    await self._do(effect)
                except (psycopg.OperationalError, OSError) as error:
                    self._fail("ws.database_failed", error)
        except Exception as error:
            logger.exception("ws.frame_failed", session_id=str(self.session_id))
            self._fail("ws.frame_failed", error)

    async def receive_binary(self) -> None:
        """A binary frame."""
        for effect in self._session.receive_binary():
            await self._do(effect)

    async def _do(self, effect: session.Effect) -> None:
        match effect:
            case session.Send(frame):
                self._write(frame)
            case session.Close(code, reason):
                self.close(code, reason)
            case session.Open(connect, ref):
                await self._open(connect, ref)
            case session.Recover(connect, ref):
                await self._recover_anew(connect, ref)
            case session.Renew(token, ref):
                await self._renew(token, ref)
            case session.Run(frames.Typing() | frames.StatusUpdate()):
                await self._signal(effect)
            case session.Run():
                assert self._commands is not None, "the session lets no command pass before `connect`"
                if not self._commands.enqueue(effect):
                    await asyncio.sleep(_OVERLOADED_PAUSE_S)
        # One that floods us without reading our answers is not read either.
        if self._outbox.is_full and not await self._outbox.drained(self._services.limits.no_progress_s):
            self.close(CloseCode.TOO_SLOW, "no progress")

    async def _signal(self, run: session.Run) -> None:
        """Presence and typing: not answered, unless refused."""
        if self._follower is None:
            return  # after `resync_required` it follows nothing
        if isinstance(run.frame, frames.StatusUpdate):
            self._services.signals.set_status(self._follower, run.frame.status)
        elif isinstance(run.frame, frames.Typing):
            refusal = await self._services.signals.typing(self._follower, run.frame.channel_id, run.frame.parent_id)
            if refusal is not None:
                self._write(frames.error(refusal, run.ref))

    def _write(self, frame: bytes) -> None:
        self._outbox.write(frame)

    # Who it is

    async def _authenticate(self, token: str | None) -> Principal:
        auth = self._services.auth
        if token is None and self._bearer is None and self._ticket is not None:
            return await auth.redeem_ticket(self._ticket)
        token = token if token is not None else self._bearer
        if token is None:
            raise Unauthenticated
        return await auth.authenticate(token)

    async def _principal(self, token: str | None) -> Principal | None:
        """The person, or None when the connection was closed because there is none."""
        try:
            return await self._authenticate(token)
        except TokenExpired:
            self.close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        except Unauthenticated:
            self.close(CloseCode.UNAUTHENTICATED, "authentication failed")
        except (psycopg.OperationalError, OSError, Unavailable) as error:
            self._fail("ws.authentication_failed", error)
        return None

    def _fail(self, what: str, error: BaseException) -> None:
        """What is needed to serve this client cannot be reached: it comes back, here or elsewhere."""
        logger.warning(what, session_id=str(self.session_id), error=f"{type(error).__name__}: {error}".strip())
        self.close(CloseCode.OVERLOADED, COME_BACK)

    async def _open(self, connect: frames.Connect, ref: str | None) -> None:
        principal = await self._principal(connect.token)
        if principal is None:
            return
        try:
            user = self._registry.identify(self, principal.user_id)
        except RateLimited as refusal:
            self.close(CloseCode.TOO_MANY, reason(refusal.code, refusal.retry_after_ms or 1_000))
            return
        log_id = str(self.session_id)
        self.user_id = principal.user_id
        self._commands = Commands(self._services, principal.user_id, log_id, write=self._write, close=self.close)
        self._session.opened(principal.expires_at, user.frames)
        if connect.last_event_id is not None:
            self._send_connected(self._services.log.position, ref)
            await self._recover(connect, ref)
            return
        self._follower = self._new_follower(connect.channel_id)
        await self._follower.start(lambda position: self._send_connected(position, ref))

    def _new_follower(self, channel_id: UUID | None) -> Follower:
        assert self.user_id is not None, "known by now"
        sink = SocketSink(self._outbox, self._services.limits, self.close)
        return Follower(self._services, sink, self.user_id, channel_id, str(self.session_id))

    async def _same_principal(self, token: str) -> Principal | None:
        principal = await self._principal(token)
        if principal is not None and principal.user_id != self.user_id:
            self.close(CloseCode.UNAUTHENTICATED, "the token is another person's")
            return None
        return principal

    async def _renew(self, token: str, ref: str | None) -> None:
        principal = await self._same_principal(token)
        if principal is None:
            return
        self._session.renewed(principal.expires_at)
        follower = self._follower
        position = follower.position if follower is not None else self._services.log.position
        self._send_connected(position, ref)

    async def _recover_anew(self, connect: frames.Connect, ref: str | None) -> None:
        """`connect` with a position after `resync_required`."""
        if connect.token is not None:
            principal = await self._same_principal(connect.token)
            if principal is None:
                return
            self._session.renewed(principal.expires_at)
        self._session.recovering()
        self._send_connected(self._services.log.position, ref)
        await self._recover(connect, ref)

    async def _recover(self, connect: frames.Connect, ref: str | None) -> None:
        assert connect.last_event_id is not None and connect.epoch is not None, "checked by the session"
        if (delay_ms := self._services.admission.delay_ms) > 0:
            self._write(frames.control(frames.Waiting(retry_after_ms=delay_ms), ref))
        follower = self._new_follower(connect.channel_id)
        reason = await follower.recover(
            connect.last_event_id,
            connect.epoch,
            max_backlog=connect.max_backlog,
            resumed=lambda count, through: self._write(
                frames.control(frames.Resumed(count=count, through=through), ref)
            ),
        )
        if reason is None:
            self._follower = follower
            return
        self._session.resync(time.monotonic())
        self._write(frames.control(frames.ResyncRequired(reason=reason), ref))

    def _send_connected(self, head: int, ref: str | None) -> None:
        assert self.user_id is not None, "known by now"
        frame = frames.connected(
            ref,
            user_id=self.user_id,
            session_id=self.session_id,
            epoch=self._services.log.epoch,
            head_id=head,
            limits=self._services.limits,
        )
        self._write(frame)

    # Time, and the end

    def tick(self, now: float, wall_clock: datetime) -> None:
        """Deadlines; called about once a second."""
        for effect in self._session.tick(now, wall_clock):
            assert isinstance(effect, session.Close)
            self.close(effect.code, effect.reason)
        if self._commands is not None and self._commands.waiting:
            self._commands.expire(now)

    def heartbeat(self) -> None:
        """Move a quiet client's cursor."""
        follower = self._follower
        if follower is None or self._session.phase is not session.Phase.OPEN or self._outbox.is_full:
            return
        if follower.is_live or follower.is_catching_up:
            self._write(frames.heartbeat(follower.position))

    def ping(self) -> None:
        """Ask for a sign of life; end it where two of these got no answer."""
        if not self._outbox.ping():
            self.close(CloseCode.TOO_SLOW, "no answer to pings")

    def close(self, code: CloseCode, reason: str = "") -> None:
        """End it from our side."""
        if self._session.phase is not session.Phase.CLOSED or self._outbox.is_open:
            self._services.metrics.closes[code] += 1
            logger.debug("ws.closed", session_id=str(self.session_id), code=int(code))
        self._session.phase = session.Phase.CLOSED
        self._outbox.close(code, reason)

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet."""
        return self._outbox.unsent_bytes

    @property
    def commands_waiting(self) -> int:
        """How many of its commands wait or are under way."""
        return self._commands.waiting if self._commands is not None else 0

    async def gone(self) -> None:
        """The client has gone: stop following, but finish what it asked for."""
        self._session.phase = session.Phase.CLOSED
        if self._follower is not None:
            await self._follower.stop()
        if self._commands is not None:
            await self._commands.finish()
