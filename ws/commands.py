"""The commands of one connection, in order: of one channel at most one is under way, its successors wait.

Who asks too much is told `overloaded`. What is not done in time is answered `unavailable`: what waits then is not begun any
more, what is under way is done or not. Nothing else that was accepted is dropped, also when the client goes away.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog

from domain.decider import Command, Outcome
from domain.errors import ChannelAccessDenied, Forbidden, Invalid, Missing, NotAMember, Overloaded, Refusal, Unavailable
from domain.membership import JoinChannel, LeaveChannel, MemberJoined
from domain.message import DeleteMessage, EditMessage, MessagePosted, PostMessage
from domain.reaction import AddReaction, RemoveReaction, check_emoji
from domain.reading import MarkRead, MarkUnread
from domain.times import to_json
from ws import frames, session
from ws.codes import CloseCode
from ws.follower import COME_BACK, Services
from ws.lanes import LaneFinder
from ws.marks import Asked, Marks, farthest_first, may_wait, target_of

T = TypeVar("T")
logger = structlog.get_logger()


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
        self._arrived: deque[Asked] = deque()
        """Not in a lane yet, since the lane of the first is being looked up."""
        self._lanes: dict[UUID, deque[Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lane_of = LaneFinder(services, user_id)
        self.user_id = user_id
        self.waiting = 0
        self._marks = Marks(services.limits.mark_hold_s, self._put_at_once, self._lost)
        services.held_marks.add(user_id, self._marks)

    async def finish(self) -> None:
        """Wait until all that was asked for is done; no mark waits any longer."""
        self._marks.flush()
        while self._tasks:
            await asyncio.wait(self._tasks)
            self._marks.flush()
        self._services.held_marks.discard(self.user_id, self._marks)

    def enqueue(self, run: session.Run) -> bool:
        """Of one connection and channel one command is under way; the next ones wait in order. False: too many wait."""
        if self.waiting >= self._services.limits.commands_waiting_max:
            self._services.metrics.refused_commands += 1
            refusal = Overloaded(retry_after_ms=1_000)
            self._write(frames.error(refusal, run.ref))
            return False
        self.waiting += 1
        asked = Asked(run)
        lane_id = self._lane_of.known(run.frame) if not self._arrived else None
        if lane_id is not None:
            self._put(lane_id, asked)
            return True
        self._arrived.append(asked)
        if len(self._arrived) == 1:
            self._begin(self._sort())
        return True

    def expire(self, now: float) -> None:
        """Answer what is past its time. Called about once a second; costs what waits for too long."""
        for queue in (self._arrived, *self._lanes.values(), *self._marks.waiting()):
            for asked in itertools.takewhile(lambda each: each.deadline <= now, queue):
                for one in (asked, *asked.others):
                    self._tell(one, self._refused(one.run, Unavailable(retry_after_ms=1_000)))
                    one.is_answered = True

    def _tell(self, asked: Asked, answer: bytes) -> None:
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

    async def _try(self, asked: Asked, step: Callable[[session.Run], Awaitable[T]]) -> T | Refusal | None:
        """What the step finds, or why it is refused; None where its time is over, and its client has been told."""
        if asked.is_answered:
            return None
        try:
            return await step(asked.run)
        except Refusal as refusal:
            return refusal
        except (psycopg.OperationalError, OSError):
            return Unavailable(retry_after_ms=1_000)

    def _settle(self, asked: Asked, answer: bytes | Refusal | None) -> None:
        """It is done."""
        self.waiting -= 1
        if answer is not None:
            self._tell(asked, self._refused(asked.run, answer) if isinstance(answer, Refusal) else answer)

    # Lanes

    def _put(self, lane_id: UUID, asked: Asked) -> None:
        """Into its lane; a mark may wait for later ones first."""
        frame = asked.run.frame
        if may_wait(frame) and (target := target_of(frame)) is not None:
            if self._marks.hold(target, lane_id, asked):
                return
        elif isinstance(frame, frames.MarkUnread) and (target := target_of(frame)) is not None:
            asked.others = self._marks.take(target)
        elif isinstance(frame, frames.LeaveChannel):
            self._marks.flush(lane_id)
        self._put_at_once(lane_id, asked)

    def _put_at_once(self, lane_id: UUID, asked: Asked) -> None:
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
            lane_id = await self._try(asked, self._lane_of.find)
            self._arrived.popleft()
            if isinstance(lane_id, UUID):
                self._put(lane_id, asked)
            else:
                self._settle(asked, lane_id)

    async def _work(self, lane_id: UUID) -> None:
        lane = self._lanes[lane_id]
        while lane:
            asked = lane[0]
            if may_wait(asked.run.frame):
                await self._mark_read(asked, asked.run.frame)
            elif isinstance(asked.run.frame, frames.MarkUnread):
                await self._mark_unread(lane_id, asked)
            else:
                answer = await self._try(asked, self._answer)
                self._lane_of.done(asked.run.frame)
                self._settle(asked, answer)
            lane.popleft()
        del self._lanes[lane_id]

    async def _mark_read(self, asked: Asked, frame: frames.MarkRead) -> None:
        """Carry out the farthest: it answers all. One beyond the head is refused alone, and the next is tried."""
        marks, outcome = farthest_first(asked), None
        while marks and outcome is None:
            found = await self._try(marks[0], lambda run: self._mark(run, asked.seen_version))
            if isinstance(found, Outcome):
                outcome = found
            elif isinstance(found, Refusal) and not isinstance(found, Invalid):
                while marks:
                    self._settle(marks.pop(), found)
            else:
                self._settle(marks.pop(0), found)
        if outcome is not None:
            for one in marks:
                self._settle(one, _done(outcome, one.run.ref))
        target = target_of(frame)
        assert target is not None, "it may wait"
        self._marks.ended(target, asked, outcome)

    async def _mark_unread(self, lane_id: UUID, asked: Asked) -> None:
        """The marks that waited when it came lose; where it is refused, they do not."""
        found = await self._try(asked, self._mark)
        if isinstance(found, Outcome):
            self._settle(asked, _done(found, asked.run.ref))
            self._lost(asked.others, found.position)
            return
        self._settle(asked, found)
        for one in asked.others:
            self._put(lane_id, one)

    def _lost(self, marks: Sequence[Asked], position: int) -> None:
        """A mark_unread at that position came in between."""
        for one in marks:
            self._settle(one, frames.control(frames.Done(id=position, seq=None), one.run.ref))

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
            case frames.MarkRead():
                return _done(await self._mark(run), ref)
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

    async def _mark(self, run: session.Run, seen_version: int | None = None) -> Outcome:
        frame, services = run.frame, self._services
        assert isinstance(frame, frames.MarkRead | frames.MarkUnread), "a mark"
        channel_id = frame.channel_id
        if channel_id is None and frame.parent_id is not None:
            channel_id = await self._lane_of.channel_of(frame.parent_id)
        bounds = (0, 0) if channel_id is None else await services.reader.mark_bounds(channel_id, self.user_id)
        is_read = isinstance(frame, frames.MarkRead)
        kind: Callable[..., Command] = partial(MarkRead, seen_version=seen_version) if is_read else MarkUnread
        command = kind(
            user_id=self.user_id,
            seq=frame.seq,
            head_seq=bounds[0],
            joined_seq=bounds[1],
            at=datetime.now(UTC),
            channel_id=frame.channel_id,
            parent_id=frame.parent_id,
        )
        return await services.execute(command)


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
