"""The commands of one connection, in order: of one channel at most one is under way, its successors wait.

Who asks too much is told `overloaded`. What is not done in time is answered `unavailable`: what waits then is not begun any
more, what is under way is done or not. Nothing else that was accepted is dropped, also when the client goes away.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog

from domain.decider import Outcome
from domain.errors import ChannelAccessDenied, Forbidden, Missing, NotAMember, Overloaded, Refusal, Unavailable
from domain.membership import JoinChannel, LeaveChannel, MemberJoined
from domain.message import DeleteMessage, EditMessage, MessagePosted, PostMessage
from domain.reaction import AddReaction, RemoveReaction, check_emoji
from domain.reading import MarkRead, MarkUnread
from domain.times import to_json
from ws import frames, session
from ws.codes import CloseCode
from ws.follower import COME_BACK, Services

T = TypeVar("T")
logger = structlog.get_logger()

ANSWER_WITHIN_S = 5.0
"""From a command's frame to its answer, give or take a tick of the node. As long as a command alone may take."""
_AboutMessage = frames.EditMessage | frames.DeleteMessage | frames.AddReaction | frames.RemoveReaction
"""They name a message, not its channel."""
MESSAGE_CHANNELS_MAX = 10_000
"""Of so many messages a node remembers the channel, which never changes: about 2 MB."""


class _Asked:
    """A command that is not done yet."""

    __slots__ = ("deadline", "is_answered", "run")

    def __init__(self, run: session.Run) -> None:
        self.run = run
        self.deadline = time.monotonic() + ANSWER_WITHIN_S
        self.is_answered = False
        """Its time was over before it was done."""


class Commands:
    """What one person asks for over one connection. `write` takes the answers, `close` ends the connection."""

    def __init__(
        self,
        services: Services,
        user_id: UUID,
        log_id: str,
        *,
        write: Callable[[bytes], None],
        close: Callable[[CloseCode, str], None],
    ) -> None:
        self._services = services
        self._write = write
        self._close = close
        self._log_id = log_id
        self._arrived: deque[_Asked] = deque()
        """Not in a lane yet, since the lane of the first is being looked up."""
        self._lanes: dict[UUID, deque[_Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._message_lanes: dict[UUID, tuple[UUID, int]] = {}
        """Of a message: the lane of its commands, and how many of them wait or are under way."""
        self.user_id = user_id
        self.waiting = 0

    async def finish(self) -> None:
        """Wait until all that was asked for is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def enqueue(self, run: session.Run) -> bool:
        """Of one connection and channel one command is under way; the next ones wait in order. False: too many wait."""
        if self.waiting >= self._services.limits.commands_waiting_max:
            self._services.metrics.refused_commands += 1
            refusal = Overloaded(retry_after_ms=1_000)
            self._write(frames.error(refusal, run.ref))
            return False
        self.waiting += 1
        asked = _Asked(run)
        lane_id = self._lane(run.frame) if not self._arrived else None
        if lane_id is not None:
            self._put(lane_id, asked)
            return True
        self._arrived.append(asked)
        if len(self._arrived) == 1:
            self._begin(self._sort())
        return True

    def expire(self, now: float) -> None:
        """Answer what is past its time. Called about once a second; costs what waits for too long."""
        for queue in (self._arrived, *self._lanes.values()):
            for asked in itertools.takewhile(lambda each: each.deadline <= now, queue):
                self._tell(asked, self._refused(asked.run, Unavailable(retry_after_ms=1_000)))
                asked.is_answered = True

    def _tell(self, asked: _Asked, answer: bytes) -> None:
        if not asked.is_answered:
            self._write(answer)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("ws.command_failed", session_id=self._log_id)
            self._close(CloseCode.OVERLOADED, COME_BACK)

    async def _try(self, asked: _Asked, step: Callable[[session.Run], Awaitable[T]]) -> T | None:
        """What the step finds; None where the command ends with it, as its client has been told."""
        if asked.is_answered:
            return None
        try:
            return await step(asked.run)
        except Refusal as refusal:
            self._tell(asked, self._refused(asked.run, refusal))
        except (psycopg.OperationalError, OSError):
            self._tell(asked, self._refused(asked.run, Unavailable(retry_after_ms=1_000)))
        return None

    # Lanes

    def _put(self, lane_id: UUID, asked: _Asked) -> None:
        lane = self._lanes.get(lane_id)
        if lane is not None:
            lane.append(asked)
            return
        self._lanes[lane_id] = deque((asked,))
        self._begin(self._work(lane_id))

    async def _sort(self) -> None:
        """Put what has arrived into its lanes, in its order, which the look-ups must not change."""
        while self._arrived:
            asked = self._arrived[0]
            lane_id = await self._try(asked, self._find_lane)
            self._arrived.popleft()
            if lane_id is not None:
                self._put(lane_id, asked)
            else:
                self.waiting -= 1

    async def _work(self, lane_id: UUID) -> None:
        lane = self._lanes[lane_id]
        while lane:
            asked = lane[0]
            answer = await self._try(asked, self._answer)
            lane.popleft()
            self.waiting -= 1
            self._leave_message_lane(asked.run.frame)
            if answer is not None:
                self._tell(asked, answer)
        del self._lanes[lane_id]

    def _lane(self, frame: frames.ClientFrame) -> UUID | None:
        """The channel that the command is about; None where only a message is named, whose channel is not known here."""
        if isinstance(frame, _AboutMessage):
            known = self._services.message_channels.get(frame.message_id)
            if known is None and frame.message_id not in self._message_lanes:
                return None
            # that of its posting, while that is under way
            return self._message_lane(frame.message_id, known or frame.message_id)
        match frame:
            case frames.Message(channel_id, message_id):
                return self._message_lane(message_id, channel_id)
            case frames.MarkRead(_, None, UUID() as parent_id) | frames.MarkUnread(_, None, UUID() as parent_id):
                return self._services.message_channels.get(parent_id)
            case frames.MarkRead() | frames.MarkUnread():
                return frame.channel_id or self.user_id
            case frames.JoinChannel() | frames.LeaveChannel():
                return frame.channel_id
        raise AssertionError(f"{type(frame).__name__} is no command")

    async def _find_lane(self, run: session.Run) -> UUID:
        """Like `_lane`, looked up in the log where need be. Of a message that nobody knows, its id."""
        lane_id = self._lane(run.frame)
        if lane_id is not None:
            return lane_id
        if isinstance(run.frame, _AboutMessage):
            message_id = run.frame.message_id
            return self._message_lane(message_id, await self._channel_of(message_id) or message_id)
        match run.frame:
            case frames.MarkRead(_, None, UUID() as parent_id) | frames.MarkUnread(_, None, UUID() as parent_id):
                return await self._channel_of(parent_id) or parent_id
        raise AssertionError(f"{type(run.frame).__name__} names its channel")

    async def _channel_of(self, message_id: UUID) -> UUID | None:
        known = self._services.message_channels
        channel_id = known.get(message_id)
        if channel_id is None:
            channel_id = await self._services.reader.message_channel(message_id)
            if channel_id is not None:
                if len(known) >= MESSAGE_CHANNELS_MAX:
                    known.popitem(last=False)
                known[message_id] = channel_id
        return channel_id

    def _message_lane(self, message_id: UUID, otherwise: UUID) -> UUID:
        lane_id, waiting = self._message_lanes.get(message_id, (otherwise, 0))
        self._message_lanes[message_id] = (lane_id, waiting + 1)
        return lane_id

    def _leave_message_lane(self, frame: frames.ClientFrame) -> None:
        if isinstance(frame, frames.Message | _AboutMessage):
            lane_id, waiting = self._message_lanes.pop(frame.message_id)
            if waiting > 1:
                self._message_lanes[frame.message_id] = (lane_id, waiting - 1)

    def _refused(self, run: session.Run, refusal: Refusal) -> bytes:
        if not isinstance(run.frame, frames.JoinChannel):
            return frames.error(refusal, run.ref)
        if isinstance(refusal, Missing | Forbidden | NotAMember):
            refusal = ChannelAccessDenied()
        channel_id = run.frame.channel_id
        answer = frames.ChannelJoinError(channel_id=channel_id, code=refusal.code, message=str(refusal))
        return frames.control(answer, run.ref)

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
                    also_to_channel=bool(frame.also_to_channel),
                    attachment_ids=frame.attachment_ids or (),
                )
                return _message_sent(await execute(post), ref)
            case frames.EditMessage(message_id, content):
                edit = EditMessage(message_id=message_id, content=content, by=self.user_id, at=at)
                return _done(await execute(edit), ref)
            case frames.DeleteMessage(message_id):
                return _done(await execute(DeleteMessage(message_id=message_id, by=self.user_id, at=at)), ref)
            case frames.AddReaction(message_id, emoji):
                return _done(await execute(await self._add_reaction(message_id, emoji, at)), ref)
            case frames.RemoveReaction(message_id, emoji):
                remove = RemoveReaction(message_id=message_id, user_id=self.user_id, emoji=emoji, at=at)
                return _done(await execute(remove), ref)
            case frames.JoinChannel(channel_id):
                return await self._joined(frame, await execute(self._join(channel_id, at)), ref)
            case frames.LeaveChannel(channel_id):
                outcome = await execute(LeaveChannel(channel_id=channel_id, user_id=self.user_id, at=at))
                left = frames.ChannelLeft(channel_id=channel_id, id=outcome.position, seq=_seq(outcome))
                return frames.control(left, ref)
            case frames.MarkRead() | frames.MarkUnread():
                return _done(await execute(await self._mark(frame, at)), ref)
        raise AssertionError(f"{type(frame).__name__} is no command")

    async def _add_reaction(self, message_id: UUID, emoji: str, at: datetime) -> AddReaction:
        check_emoji(emoji)
        on_message = await self._services.reader.emoji_on(message_id)
        return AddReaction(message_id=message_id, user_id=self.user_id, emoji=emoji, at=at, on_message=on_message)

    def _join(self, channel_id: UUID, at: datetime) -> JoinChannel:
        return JoinChannel(channel_id=channel_id, user_id=self.user_id, at=at)

    async def _joined(self, frame: frames.JoinChannel, outcome: Outcome, ref: str | None) -> bytes:
        joined = outcome.events[0].event if outcome.events else None
        if isinstance(joined, MemberJoined):
            role: str | None = joined.role
        else:
            role = await self._services.reader.role(frame.channel_id, self.user_id, outcome.position)
        answer = frames.ChannelJoined(channel_id=frame.channel_id, role=role, id=outcome.position, seq=_seq(outcome))
        return frames.control(answer, ref)

    async def _mark(self, frame: frames.MarkRead | frames.MarkUnread, at: datetime) -> MarkRead | MarkUnread:
        reader = self._services.reader
        channel_id = frame.channel_id
        if channel_id is None and frame.parent_id is not None:
            channel_id = await self._channel_of(frame.parent_id)
        head_seq, joined_seq = (0, 0) if channel_id is None else await reader.mark_bounds(channel_id, self.user_id)
        kind = MarkRead if isinstance(frame, frames.MarkRead) else MarkUnread
        return kind(
            user_id=self.user_id,
            seq=frame.seq,
            head_seq=head_seq,
            joined_seq=joined_seq,
            at=at,
            channel_id=frame.channel_id,
            parent_id=frame.parent_id,
        )


def _seq(outcome: Outcome) -> int | None:
    return outcome.events[-1].seq if outcome.events else None


def _done(outcome: Outcome, ref: str | None) -> bytes:
    return frames.control(frames.Done(id=outcome.position, seq=_seq(outcome)), ref)


def _message_sent(outcome: Outcome, ref: str | None) -> bytes:
    recorded = outcome.events[0]
    posted = recorded.event
    assert isinstance(posted, MessagePosted), "what a message id begins is its posting"
    assert recorded.seq is not None, "it is on its channel's feed"
    sent = frames.MessageSent(
        message_id=recorded.stream_id,
        channel_id=posted.channel_id,
        id=recorded.position,
        seq=recorded.seq,
        created_at=to_json(posted.created_at),
    )
    return frames.control(sent, ref)
