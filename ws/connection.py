"""One connection with its I/O: who it is, the way from its last event to live, and its commands in order.

Behind, a connection reads: from the tail's memory where that reaches back far enough, else from the log itself. It goes
live when it has read everything that the node's tail has handed on, in one step without a pause, so at the seam nothing is
missing and nothing comes twice. A slow client and a resuming one take the same way.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import structlog

from domain.decider import Execute, Outcome, Recorded
from domain.errors import (
    ChannelAccessDenied,
    Forbidden,
    Missing,
    NotAMember,
    Overloaded,
    Refusal,
    TokenExpired,
    Unauthenticated,
    Unavailable,
)
from domain.membership import JoinChannel, LeaveChannel, MemberJoined
from domain.message import DeleteMessage, EditMessage, MessageDeleted, MessageEdited, MessagePosted, PostMessage
from domain.principal import Auth, Principal
from domain.reading import MarkedRead, MarkRead
from domain.text import CONTENT_MAX_CHARACTERS
from domain.times import to_rfc3339
from ws import frames, recovery, session
from ws.codes import CloseCode
from ws.hub import Hub
from ws.limits import Limits
from ws.ports import Log, Reader
from ws.recovery import Following, Interval
from ws.transport import Outbox
from ws.wire import Encoded, to_wire

logger = structlog.get_logger()

_LOG_WAIT_S = 5.0
_OVERLOADED_PAUSE_S = 0.005
"""One that sends on though too much of it waits is read so much slower, so that the others are not."""
_COME_BACK = '{"code":"unavailable","retry_after_ms":1000}'


class Services:
    """What every connection of a node shares."""

    def __init__(self, *, execute: Execute, log: Log, reader: Reader, auth: Auth, hub: Hub, limits: Limits) -> None:
        self.execute = execute
        self.log = log
        self.reader = reader
        self.auth = auth
        self.hub = hub
        self.limits = limits


class Connection:
    """A client at the other end. All methods run in the event loop's thread."""

    def __init__(self, services: Services, outbox: Outbox, bearer: str | None, ticket: str | None) -> None:
        self._services = services
        self._outbox = outbox
        self._bearer = bearer
        self._ticket = ticket
        self._session = session.Session(services.limits, time.monotonic())
        self._session_id = uuid.uuid4()
        self._catching_up: asyncio.Task[None] | None = None
        self._lanes: dict[UUID, deque[session.Run]] = {}
        self._lane_tasks: set[asyncio.Task[None]] = set()
        self._message_lanes: dict[UUID, tuple[UUID, int]] = {}
        """Of a message: the lane of its commands, and how many of them wait or are under way."""
        self._commands_waiting = 0
        self.user_id = UUID(int=0)
        self.sent_position = 0
        """While behind: everything of this client's up to here was written. Live: see the tail."""
        self.is_live = False

    # What comes from the client

    async def receive(self, text: str) -> None:
        """A text frame."""
        for effect in self._session.receive(text, time.monotonic()):
            try:
                await self._do(effect)
            except (psycopg.OperationalError, OSError) as error:
                self._fail("ws.database_failed", error)
            except Exception as error:
                logger.exception("ws.frame_failed", session_id=str(self._session_id))
                self._fail("ws.frame_failed", error)

    async def receive_binary(self) -> None:
        """A binary frame."""
        for effect in self._session.receive_binary():
            await self._do(effect)

    async def _do(self, effect: session.Effect) -> None:
        match effect:
            case session.Send(frame):
                self._outbox.write(to_wire(frame))
            case session.Close(code, reason):
                self.close(code, reason)
            case session.Open(connect, ref):
                await self._open(connect, ref)
            case session.Recover(connect, ref):
                await self._recover_anew(connect, ref)
            case session.Renew(token, ref):
                await self._renew(token, ref)
            case session.Run():
                if not self._enqueue(effect):
                    await asyncio.sleep(_OVERLOADED_PAUSE_S)
        # One that floods us without reading our answers is not read either.
        if self._outbox.is_full and not await self._outbox.drained(self._services.limits.no_progress_s):
            self.close(CloseCode.TOO_SLOW, "no progress")

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
        logger.warning(what, session_id=str(self._session_id), error=f"{type(error).__name__}: {error}".strip())
        self.close(CloseCode.OVERLOADED, _COME_BACK)

    async def _open(self, connect: frames.Connect, ref: str | None) -> None:
        principal = await self._principal(connect.token)
        if principal is None:
            return
        self.user_id = principal.user_id
        self._session.opened(principal.expires_at)
        if connect.last_event_id is not None:
            self._send_connected(self._services.log.position, ref)
            await self._recover(connect, ref)
            return
        intervals, position = await self._intervals(self._services.log.position)
        self._send_connected(position, ref)
        self.sent_position = position
        self._go_live(recovery.following_after(intervals, position))

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
        self._send_connected(self.sent_position if self._is_catching_up else self._services.log.position, ref)

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

    def _send_connected(self, head: int, ref: str | None) -> None:
        limits = self._services.limits
        frame = frames.control(
            "connected",
            ref,
            user_id=self.user_id,
            session_id=self._session_id,
            epoch=self._services.log.epoch,
            head_id=head,
            heartbeat_interval_s=limits.heartbeat_interval_s,
            limits={
                "frame_max_bytes": limits.frame_max_bytes,
                "content_max_characters": CONTENT_MAX_CHARACTERS,
                "commands_waiting_max": limits.commands_waiting_max,
            },
        )
        self._outbox.write(to_wire(frame))

    # From its last event to live

    async def _recover(self, connect: frames.Connect, ref: str | None) -> None:
        log, after = self._services.log, connect.last_event_id
        assert after is not None, "checked by the session"
        if connect.epoch != log.epoch:
            self._require_resync("epoch", ref)
            return
        if after > log.position:
            if after > await self._services.reader.head():
                self._require_resync("ahead", ref)
                return
            await self._wait_for_log(after)
        intervals, through = await self._intervals(after)
        if connect.max_backlog is not None:
            stretches = recovery.stretches(self.user_id, intervals, after, through)
            if await self._services.reader.count(stretches, connect.max_backlog + 1) > connect.max_backlog:
                self._require_resync("backlog", ref)
                return
        self.sent_position = after
        self._catching_up = asyncio.create_task(
            self._catch_up(recovery.following_after(intervals, after), is_resume=True, ref=ref)
        )

    def _require_resync(self, reason: str, ref: str | None) -> None:
        self._session.resync(time.monotonic())
        self._outbox.write(to_wire(frames.control("resync_required", ref, reason=reason)))

    async def _intervals(self, after: int) -> tuple[list[Interval], int]:
        """The intervals that are not over at `after`, and the position at which this is true, where the tail is now."""
        log, reader = self._services.log, self._services.reader
        intervals, position = await reader.intervals(self.user_id, after)
        if position > log.position:
            await self._wait_for_log(position)
        while (newer := log.recent(position)) is None:
            through = log.position
            intervals = recovery.fold(self.user_id, intervals, await reader.membership_events(position, through))
            position = through
        return recovery.fold(self.user_id, intervals, newer), max(position, log.position)

    async def _wait_for_log(self, position: int) -> None:
        """Until this node's tail is there. Going on before would deliver twice what it hands on later."""
        if not await self._services.log.wait_beyond(position - 1, _LOG_WAIT_S):
            raise TimeoutError(f"this node has not read position {position} yet")

    @property
    def _is_catching_up(self) -> bool:
        return self._catching_up is not None and not self.is_live

    def fall_behind(self, after: int, channels: set[UUID]) -> None:
        """The hub's word that this client cannot take more now, or has to fetch what goes with an event."""
        self.is_live = False
        self.sent_position = after
        self._catching_up = asyncio.create_task(self._catch_up(channels))

    def _go_live(self, channels: set[UUID]) -> None:
        if self._outbox.is_open:
            self.is_live = True
            self._services.hub.join(self, channels)

    async def _catch_up(self, channels: set[UUID], *, is_resume: bool = False, ref: str | None = None) -> None:
        try:
            count = 0
            following = Following(self.user_id, channels)
            while self._outbox.is_open:
                if not await self._outbox.drained(self._services.limits.no_progress_s):
                    self.close(CloseCode.TOO_SLOW, "no progress")
                    return
                events = self._services.log.recent(self.sent_position)
                if events is None:
                    following, read = await self._read_log()
                    count += read
                elif events:
                    count += await self._send_recent(following, events)
                else:
                    # Nothing is newer than what was sent: from here on without a pause.
                    if is_resume:
                        resumed = frames.control("resumed", ref, count=count, through=self.sent_position)
                        self._outbox.write(to_wire(resumed))
                    self._go_live(following.channels)
                    return
        except (psycopg.OperationalError, OSError) as error:
            self._fail("ws.catch_up_failed", error)
        except Exception as error:
            logger.exception("ws.catch_up_broken", session_id=str(self._session_id))
            self._fail("ws.catch_up_failed", error)

    async def _send_recent(self, following: Following, events: Sequence[Recorded]) -> int:
        page = events[: self._services.limits.catch_up_page]
        deleted = {recorded.stream_id for recorded in events if isinstance(recorded.event, MessageDeleted)}
        chosen = following.select(page)
        await self._send_events(chosen, deleted)
        self.sent_position = page[-1].position
        return len(chosen)

    async def _read_log(self) -> tuple[Following, int]:
        """Send everything from `sent_position` through where the tail is now, page by page, from the log."""
        reader, limit = self._services.reader, self._services.limits.catch_up_page
        intervals, through = await self._intervals(self.sent_position)
        count = 0
        while self._outbox.is_open:
            stretches = recovery.stretches(self.user_id, intervals, self.sent_position, through)
            page = await reader.read(stretches, limit)
            ids = [r.stream_id for r in page if isinstance(r.event, MessagePosted | MessageEdited)]
            await self._send_events(page, await reader.deleted(ids) if ids else set())
            count += len(page)
            if len(page) < limit:
                break
            self.sent_position = page[-1].position
            if not await self._outbox.drained(self._services.limits.no_progress_s):
                self.close(CloseCode.TOO_SLOW, "no progress")
        self.sent_position = through
        return Following(self.user_id, recovery.following_after(intervals, through)), count

    async def _send_events(self, events: Sequence[Recorded], deleted: set[UUID]) -> None:
        badges = await self._badges(events)
        made: list[bytes] = []
        for recorded in events:
            event = recorded.event
            badge = badges.get(event.channel_id) if isinstance(event, MarkedRead) and event.parent_id is None else None
            redacted = recorded.stream_id in deleted
            frame = frames.event_frame(recorded, redacted=redacted, badge=badge)
            if frame is not None:
                made.append(frame)
        self._write_batches(made)

    async def _badges(self, events: Sequence[Recorded]) -> dict[UUID, frames.Badge]:
        markers = [recorded for recorded in events if frames.is_marker(recorded.event)]
        channel_ids = {r.event.channel_id for r in markers if isinstance(r.event, MarkedRead)}
        if not channel_ids:
            return {}
        return await self._services.reader.badges(self.user_id, list(channel_ids), markers[-1].position)

    def _write_batches(self, made: Sequence[bytes]) -> None:
        limits = self._services.limits
        waiting: list[bytes] = []
        size = 0
        for frame in made:
            if waiting and (len(waiting) == limits.batch_max_frames or size + len(frame) > limits.batch_max_bytes):
                self._write_batch(waiting)
                waiting, size = [], 0
            waiting.append(frame)
            size += len(frame) + 1
        if waiting:
            self._write_batch(waiting)

    def _write_batch(self, waiting: list[bytes]) -> None:
        self._outbox.write(to_wire(waiting[0] if len(waiting) == 1 else frames.batch(waiting)))

    def push(self, frame: Encoded) -> bool:
        """A live event's frame, from the hub."""
        if self._outbox.is_full:
            return False
        self._outbox.write(frame.wire)
        return True

    # Commands

    def _enqueue(self, run: session.Run) -> bool:
        """Of one connection and channel one command is under way; the next ones wait in order. False: too many wait."""
        if self._commands_waiting >= self._services.limits.commands_waiting_max:
            refusal = Overloaded(retry_after_ms=1_000)
            self._outbox.write(to_wire(frames.error(refusal, run.ref)))
            return False
        lane_id = self._lane(run.frame)
        self._commands_waiting += 1
        lane = self._lanes.get(lane_id)
        if lane is not None:
            lane.append(run)
            return True
        self._lanes[lane_id] = deque((run,))
        task = asyncio.create_task(self._work(lane_id))
        self._lane_tasks.add(task)
        task.add_done_callback(self._lane_tasks.discard)
        return True

    def _lane(self, frame: frames.ClientFrame) -> UUID:
        match frame:
            case frames.Message(channel_id, message_id):
                return self._message_lane(message_id, channel_id)
            case frames.EditMessage(message_id) | frames.DeleteMessage(message_id):
                # Behind its own posting, and what came after that, while any of it is under way.
                return self._message_lane(message_id, message_id)
            case frames.MarkRead():
                return frame.channel_id or frame.parent_id or self.user_id
            case frames.JoinChannel() | frames.LeaveChannel():
                return frame.channel_id
        raise AssertionError(f"{type(frame).__name__} is no command")

    def _message_lane(self, message_id: UUID, otherwise: UUID) -> UUID:
        lane_id, waiting = self._message_lanes.get(message_id, (otherwise, 0))
        self._message_lanes[message_id] = (lane_id, waiting + 1)
        return lane_id

    def _leave_message_lane(self, frame: frames.ClientFrame) -> None:
        if isinstance(frame, frames.Message | frames.EditMessage | frames.DeleteMessage):
            lane_id, waiting = self._message_lanes.pop(frame.message_id)
            if waiting > 1:
                self._message_lanes[frame.message_id] = (lane_id, waiting - 1)

    async def _work(self, lane_id: UUID) -> None:
        lane = self._lanes[lane_id]
        while lane:
            run = lane[0]
            try:
                answer = await self._answer(run)
            except Refusal as refusal:
                answer = self._refused(run, refusal)
            except (psycopg.OperationalError, OSError):
                answer = frames.error(Unavailable(retry_after_ms=1_000), run.ref)
            except Exception:
                logger.exception("ws.command_failed", session_id=str(self._session_id), frame=type(run.frame).__name__)
                self.close(CloseCode.OVERLOADED, _COME_BACK)
                return
            finally:
                lane.popleft()
                self._commands_waiting -= 1
                self._leave_message_lane(run.frame)
            self._outbox.write(to_wire(answer))
        del self._lanes[lane_id]

    def _refused(self, run: session.Run, refusal: Refusal) -> bytes:
        if not isinstance(run.frame, frames.JoinChannel):
            return frames.error(refusal, run.ref)
        if isinstance(refusal, Missing | Forbidden | NotAMember):
            refusal = ChannelAccessDenied()
        channel_id = run.frame.channel_id
        return frames.control(
            "channel_join_error", run.ref, channel_id=channel_id, code=refusal.code, message=str(refusal)
        )

    async def _answer(self, run: session.Run) -> bytes:
        """Carry out and answer. Raises the refusal."""
        frame, ref, at = run.frame, run.ref, datetime.now(UTC)
        execute: Callable[..., Awaitable[Outcome]] = self._services.execute
        match frame:
            case frames.Message():
                post = PostMessage(
                    message_id=frame.message_id,
                    channel_id=frame.channel_id,
                    author_id=self.user_id,
                    content=frame.content,
                    at=at,
                    parent_id=frame.parent_id,
                    also_to_channel=frame.also_to_channel,
                )
                return _message_sent(await execute(post), ref)
            case frames.EditMessage(message_id, content):
                edit = EditMessage(message_id=message_id, content=content, by=self.user_id, at=at)
                return _done(await execute(edit), ref)
            case frames.DeleteMessage(message_id):
                return _done(await execute(DeleteMessage(message_id=message_id, by=self.user_id, at=at)), ref)
            case frames.JoinChannel(channel_id):
                return await self._joined(frame, await execute(self._join(channel_id, at)), ref)
            case frames.LeaveChannel(channel_id):
                outcome = await execute(LeaveChannel(channel_id=channel_id, user_id=self.user_id, at=at))
                return frames.control(
                    "channel_left", ref, channel_id=channel_id, id=outcome.position, seq=_seq(outcome)
                )
            case frames.MarkRead():
                return _done(await execute(await self._mark(frame, at)), ref)
        raise AssertionError(f"{type(frame).__name__} is no command")

    def _join(self, channel_id: UUID, at: datetime) -> JoinChannel:
        return JoinChannel(channel_id=channel_id, user_id=self.user_id, at=at)

    async def _joined(self, frame: frames.JoinChannel, outcome: Outcome, ref: str | None) -> bytes:
        joined = outcome.events[0].event if outcome.events else None
        if isinstance(joined, MemberJoined):
            role: str | None = joined.role
        else:
            role = await self._services.reader.role(frame.channel_id, self.user_id, outcome.position)
        return frames.control(
            "channel_joined", ref, channel_id=frame.channel_id, role=role, id=outcome.position, seq=_seq(outcome)
        )

    async def _mark(self, frame: frames.MarkRead, at: datetime) -> MarkRead:
        reader = self._services.reader
        channel_id = frame.channel_id
        if channel_id is None and frame.parent_id is not None:
            channel_id = await reader.thread_channel(frame.parent_id)
        head_seq = await reader.feed_head(channel_id) if channel_id is not None else 0
        return MarkRead(
            user_id=self.user_id,
            seq=frame.seq,
            head_seq=head_seq,
            at=at,
            channel_id=frame.channel_id,
            parent_id=frame.parent_id,
        )

    # Time, and the end

    def tick(self, now: float, wall_clock: datetime) -> None:
        """Deadlines; called about once a second."""
        for effect in self._session.tick(now, wall_clock):
            assert isinstance(effect, session.Close)
            self.close(effect.code, effect.reason)

    def heartbeat(self) -> None:
        """Move a quiet client's cursor."""
        if self._session.phase is not session.Phase.OPEN or self._outbox.is_full:
            return
        if self.is_live:
            self._outbox.write(to_wire(frames.heartbeat(self._services.log.position)))
        elif self._is_catching_up:
            self._outbox.write(to_wire(frames.heartbeat(self.sent_position)))

    def close(self, code: CloseCode, reason: str = "") -> None:
        """End it from our side."""
        self._session.phase = session.Phase.CLOSED
        self._outbox.close(code, reason)

    async def gone(self) -> None:
        """The client has gone: stop following, but finish what it asked for."""
        self._session.phase = session.Phase.CLOSED
        self._services.hub.leave(self)
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.wait((self._catching_up,))
        if self._lane_tasks:
            await asyncio.wait(self._lane_tasks)


def _seq(outcome: Outcome) -> int | None:
    return outcome.events[-1].seq if outcome.events else None


def _done(outcome: Outcome, ref: str | None) -> bytes:
    return frames.control("done", ref, id=outcome.position, seq=_seq(outcome))


def _message_sent(outcome: Outcome, ref: str | None) -> bytes:
    recorded = outcome.events[0]
    posted = recorded.event
    assert isinstance(posted, MessagePosted), "what a message id begins is its posting"
    return frames.control(
        "message_sent",
        ref,
        message_id=recorded.stream_id,
        channel_id=posted.channel_id,
        id=recorded.position,
        seq=recorded.seq,
        created_at=to_rfc3339(posted.created_at),
    )
