"""One reader of the log: the way from its last event to live, for a socket and for an event stream alike.

Behind, it reads: from the tail's memory where that reaches back far enough, else from the log itself. It goes live when it
has read everything that the node's tail has handed on, in one step without a pause, so at the seam nothing is missing and
nothing comes twice. A slow client and a resuming one take the same way (docs/decisions/0004).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from uuid import UUID

import psycopg
import structlog

from domain.decider import Execute, Recorded
from domain.principal import Auth
from ws import recovery
from ws.admission import Admission
from ws.codes import CloseCode
from ws.event_frames import Badge, is_marker
from ws.frames import ResyncReason
from ws.hub import Hub, Make, to_frame
from ws.limits import Limits
from ws.marks import HeldMarks
from ws.metrics import SocketMetrics
from ws.ports import Log, Reader, Sink
from ws.recovery import Interval, Stretch
from ws.signals import Signals
from ws.wire import Encoded

logger = structlog.get_logger()

_LOG_WAIT_S = 5.0
COME_BACK = '{"code":"unavailable","retry_after_ms":1000}'


class Services:
    """What every connection of a node shares."""

    def __init__(
        self,
        *,
        execute: Execute,
        log: Log,
        reader: Reader,
        auth: Auth,
        hub: Hub,
        signals: Signals,
        limits: Limits,
    ) -> None:
        self.execute = execute
        self.log = log
        self.reader = reader
        self.auth = auth
        self.hub = hub
        self.signals = signals
        self.limits = limits
        self.admission = Admission(limits.catch_ups)
        self.held_marks = HeldMarks()
        self.metrics = SocketMetrics()
        self.message_channels: OrderedDict[UUID, UUID] = OrderedDict()
        """Of some messages, in which channel they are."""


class Follower:
    """Follows the feeds of one person, or of one channel that the person is in. All methods run in the loop's thread."""

    # Fan-out looks at each one of thousands for every event: what it needs lies in one place.
    __slots__ = (
        "_intervals",
        "_known",
        "_log_id",
        "_services",
        "_sink",
        "_task",
        "channel_id",
        "is_live",
        "push",
        "sent_position",
        "user_id",
    )

    def __init__(self, services: Services, sink: Sink, user_id: UUID, channel_id: UUID | None, log_id: str) -> None:
        self._services = services
        self._sink = sink
        self._log_id = log_id
        self._task: asyncio.Task[None] | None = None
        self.user_id = user_id
        self.channel_id = channel_id
        self._intervals: list[Interval] = []
        self._known = 0
        """The position at which `_intervals` are true."""
        self.sent_position = 0
        """While behind: everything of this client's up to here was written. Live: see `position`."""
        self.is_live = False
        self.push = sink.push
        """For the hub: a live event's frame; False when the client is too far behind to take it."""

    @property
    def position(self) -> int:
        """Everything of this client's up to here was written."""
        return self._services.log.position if self.is_live else self.sent_position

    @property
    def is_catching_up(self) -> bool:
        """Whether it follows, but is behind."""
        return self._task is not None and not self.is_live

    async def start(self, tell: Callable[[int], None]) -> None:
        """Follow from now on. `tell` gets the position from which on everything will be delivered, just before that."""
        self._services.signals.arrive(self)
        await self._learn(self._services.log.position)
        tell(self._known)
        self.sent_position = self._known
        self._go_live()

    async def recover(
        self, after: int, epoch: str, *, max_backlog: int | None, resumed: Callable[[int, int], None]
    ) -> ResyncReason | None:
        """Follow from a position on; the reason why that cannot be, as in `resync_required`.

        `resumed` is called with the number of events and the position through which the backlog is complete.
        """
        self._services.signals.arrive(self)
        try:
            reason = await self._recover(after, epoch, max_backlog, resumed)
        finally:
            if self._task is None:
                self._services.signals.depart(self)
        if reason is not None:
            self._services.metrics.resumes[reason] += 1
        return reason

    async def _recover(
        self, after: int, epoch: str, max_backlog: int | None, resumed: Callable[[int, int], None]
    ) -> ResyncReason | None:
        if reason := await check_position(self._services, after, epoch):
            return reason
        await self._learn(after)
        if max_backlog is not None:
            stretches = self._stretches(after)
            if await self._services.reader.count(stretches, max_backlog + 1) > max_backlog:
                return "backlog"
        self.sent_position = after
        self._task = asyncio.create_task(self._catch_up(resumed))
        return None

    async def _learn(self, after: int) -> None:
        """Learn what is followed, from a position on."""
        async with self._services.admission.turn(self.user_id):
            self._intervals, self._known = await intervals_after(self._services, self.user_id, after)

    async def _bring_forward(self) -> None:
        """Bring what is followed to where the tail is now; without a pause where memory reaches back so far."""
        services = self._services
        intervals = [i for i in self._intervals if i.ended is None or i.ended > self.sent_position]
        if services.log.recent_memberships(self.user_id, self._known) is not None:
            self._intervals, self._known = await forward(services, self.user_id, intervals, self._known)
            return
        async with services.admission.turn(self.user_id):
            self._intervals, self._known = await forward(services, self.user_id, intervals, self._known)

    def _stretches(self, after: int) -> list[Stretch]:
        return recovery.stretches(self.user_id, self._intervals, after, self._known, channel_id=self.channel_id)

    @property
    def takes_signals(self) -> bool:
        """Whether signals need not be shed here."""
        return self.is_live and self._sink.has_room

    def signal(self, signals: Sequence[Encoded]) -> None:
        """Write signals."""
        self._sink.push_signals(signals)

    def fall_behind(self, after: int, channels: set[UUID]) -> None:
        """The hub's word that this client cannot take more now, or has to fetch what goes with an event."""
        self.is_live = False
        self.sent_position = self._known = after
        self._intervals = [Interval(channel_id, 0, None) for channel_id in channels]
        self._task = asyncio.create_task(self._catch_up(None))

    def lose_access(self) -> None:
        """The person is not in the channel, to which this is bound."""
        self._sink.close(CloseCode.ACCESS_DENIED, "there is no access to this channel")

    async def stop(self) -> None:
        """Follow no more."""
        self._services.hub.leave(self)
        self._services.signals.depart(self)
        self.is_live = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    def fail(self, what: str, error: BaseException) -> None:
        """What is needed to serve this client cannot be reached: it comes back, here or elsewhere."""
        logger.warning(what, session_id=self._log_id, error=f"{type(error).__name__}: {error}".strip())
        self._sink.close(CloseCode.OVERLOADED, COME_BACK)

    def _go_live(self) -> None:
        """From here on without a pause since it was seen that nothing is newer than what was sent."""
        channels = recovery.following_after(self._intervals, self.sent_position)
        self._intervals = []
        if not self._sink.is_open:
            return
        if self.channel_id is not None and self.channel_id not in channels:
            self.lose_access()
            return
        self.is_live = True
        self._services.hub.join(self, channels)
        if self.channel_id is None:
            self._services.signals.live(self, channels)

    async def _catch_up(self, resumed: Callable[[int, int], None] | None) -> None:
        log = self._services.log
        try:
            count = 0
            while self._sink.is_open:
                if not await self._drained():
                    return
                if self.sent_position >= log.position:
                    if resumed is not None:
                        self._services.metrics.resumes["resumed"] += 1
                        self._services.metrics.backlogs.observe(count)
                        resumed(count, self.sent_position)
                    self._go_live()
                    return
                await self._bring_forward()
                events = log.recent_of(self._stretches(self.sent_position), self.sent_position)
                count += await (self._send_from_log() if events is None else self._send_recent(events))
        except (psycopg.OperationalError, OSError) as error:
            self.fail("ws.catch_up_failed", error)
        except Exception as error:
            logger.exception("ws.catch_up_broken", session_id=self._log_id)
            self.fail("ws.catch_up_failed", error)

    async def _drained(self) -> bool:
        if await self._sink.drained(self._services.limits.no_progress_s):
            return True
        self._sink.close(CloseCode.TOO_SLOW, "no progress")
        return False

    async def _send_recent(self, events: Sequence[Recorded]) -> int:
        """Send these, which are all of the client's through what is known, page by page."""
        log, limit, through = self._services.log, self._services.limits.catch_up_page, self._known
        for begin in range(0, len(events), limit):
            page = events[begin : begin + limit]
            is_sent = await self._send(page, log.recently_deleted, self._services.hub.encode)
            self.sent_position = page[-1].position
            if not is_sent or (begin + limit < len(events) and not await self._drained()):
                return begin + len(page)
        self.sent_position = through
        return len(events)

    async def _send_from_log(self) -> int:
        """Send everything from `sent_position` through what is known, page by page, from the log."""
        through = self._known
        count, page = 0, self._read_page(self.sent_position)
        try:
            while self._sink.is_open:
                events, deleted, is_last = await page
                if not is_last:
                    # Read while this one is encoded and the client takes it: the most that is held is two pages.
                    page = self._read_page(events[-1].position)
                is_sent = await self._send(events, deleted, to_frame)
                count += len(events)
                self.sent_position = through if is_last else events[-1].position
                if is_last or not is_sent or not await self._drained():
                    break
        finally:
            page.cancel()
            await asyncio.gather(page, return_exceptions=True)
        return count

    def _read_page(self, after: int) -> asyncio.Task[tuple[list[Recorded], set[UUID], bool]]:
        stretches, limits = self._stretches(after), self._services.limits

        async def read() -> tuple[list[Recorded], set[UUID], bool]:
            async with self._services.admission.turn(self.user_id):
                return await self._services.reader.read(stretches, limits.catch_up_page, limits.catch_up_bytes)

        return asyncio.create_task(read())

    async def _send(self, events: Sequence[Recorded], deleted: Container[UUID], make: Make) -> bool:
        """Send a page in parts, each when most of the one before is taken; False when the client takes nothing."""
        frames = await encode(self._services, self.user_id, events, deleted, make)
        begin = size = 0
        for end, frame in enumerate(frames):
            if size > self._services.limits.catch_up_bytes:
                self._sink.push_backlog(frames[begin:end])
                if not await self._drained():
                    return False
                begin, size = end, 0
            size += len(frame.payload)
        self._sink.push_backlog(frames[begin:])
        return True


async def check_position(services: Services, after: int, epoch: str) -> ResyncReason | None:
    """Why the log cannot be followed from there, as in `resync_required`; else this node's tail is there when it returns."""
    log = services.log
    if epoch != log.epoch:
        return "epoch"
    if after > log.position:
        if after > await services.reader.head():
            return "ahead"
        await _wait_for_log(log, after)
    return None


async def intervals_after(services: Services, user_id: UUID, after: int) -> tuple[list[Interval], int]:
    """The intervals that are not over at `after`, and the position at which this is true, where the tail is now."""
    log, reader = services.log, services.reader
    intervals, position = await reader.intervals(user_id, after)
    if position > log.position:
        await _wait_for_log(log, position)
    return await forward(services, user_id, intervals, position)


async def forward(
    services: Services, user_id: UUID, intervals: list[Interval], position: int
) -> tuple[list[Interval], int]:
    """Intervals that were true at a position, brought to where the tail is now; and where that is."""
    log, reader = services.log, services.reader
    while (newer := log.recent_memberships(user_id, position)) is None:
        through = log.position
        intervals = recovery.fold(user_id, intervals, await reader.membership_events(position, through))
        position = through
    return recovery.fold(user_id, intervals, newer), max(position, log.position)


async def _wait_for_log(log: Log, position: int) -> None:
    """Until this node's tail is there. Going on before would deliver twice what it hands on later."""
    if not await log.wait_beyond(position - 1, _LOG_WAIT_S):
        raise TimeoutError(f"this node has not read position {position} yet")


async def encode(
    services: Services, user_id: UUID, events: Sequence[Recorded], deleted: Container[UUID], make: Make = to_frame
) -> Sequence[Encoded]:
    """The frames of a person's events, with what does not come from the event alone: redaction, and counts of markers.

    `make` makes the others: those of recent events are kept by the hub.
    """
    # The position of the last marker of each channel.
    marked = {recorded.event.channel_id: recorded.position for recorded in events if is_marker(recorded.event)}
    badges: dict[UUID, Badge] = {}
    if marked:
        badges = await services.reader.badges(user_id, list(marked), max(marked.values()))
    made = []
    for recorded in events:
        event = recorded.event
        if is_marker(event):
            frame = to_frame(recorded, badge=badges.get(event.channel_id))
        elif recorded.stream_id in deleted:
            frame = to_frame(recorded, redacted=True)
        else:
            frame = make(recorded)
        if frame is not None:
            made.append(frame)
    return made
