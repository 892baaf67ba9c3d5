"""Read marks of one connection: a client that scrolls marks all the time, and the log gets few of them.

The first mark of a channel or a thread is carried out at once. Those that come within `Limits.mark_hold_s` of it wait; then
the farthest of them is carried out, and its answer answers all. A mark_unread of the same target, from any device and any
node, wins over the marks that waited when it came: they are answered without an event. None waits on when the connection
ends.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard
from uuid import UUID

from domain.decider import Outcome, Recorded
from domain.reading import MarkedUnread
from ws import frames, session

ANSWER_WITHIN_S = 5.0
"""From a command's frame to its answer, give or take a tick of the node. As long as a command alone may take."""


class Asked:
    """A command that is not done yet; of a mark, with those that it has replaced."""

    __slots__ = ("deadline", "is_answered", "others", "run", "seen_version")

    def __init__(self, run: session.Run) -> None:
        self.run = run
        self.deadline = time.monotonic() + ANSWER_WITHIN_S
        self.is_answered = False
        """Its time was over before it was done."""
        self.others: list[Asked] = []
        """Of a mark: those that it has replaced. Of a mark_unread: the marks that waited when it came."""
        self.seen_version: int | None = None
        """Of a mark that has waited: the version of the reading stream when it came."""


def target_of(frame: frames.MarkRead | frames.MarkUnread) -> UUID | None:
    """The channel or the thread; None where the frame does not name one of them."""
    if frame.channel_id is not None and frame.parent_id is not None:
        return None
    return frame.channel_id or frame.parent_id


def may_wait(frame: frames.ClientFrame) -> TypeGuard[frames.MarkRead]:
    """Whether it is a mark that could be carried out as it stands: what is wrong in itself is refused at once."""
    return isinstance(frame, frames.MarkRead) and target_of(frame) is not None and frame.seq >= 0


def farthest_first(asked: Asked) -> list[Asked]:
    """A mark and those that it has replaced, in the order in which they are tried."""

    def seq(one: Asked) -> int:
        assert isinstance(one.run.frame, frames.MarkRead), "a mark"
        return one.run.frame.seq

    return sorted((asked, *asked.others), key=seq, reverse=True)


class _Window:
    """What follows on one mark."""

    __slots__ = ("before", "begun_at", "first", "held", "lane_id", "timer", "unread", "version")

    def __init__(self, lane_id: UUID, first: Asked) -> None:
        self.lane_id = lane_id
        self.begun_at = time.monotonic()
        self.first: Asked | None = first
        """Under way."""
        self.held: list[Asked] = []
        self.version: int | None = None
        """Of the reading stream, when the held ones came."""
        self.unread: Recorded | None = None
        """A mark_unread that came while the first was under way: which of them was earlier is not known yet."""
        self.before: list[Asked] = []
        """Held when it came."""
        self.timer: asyncio.TimerHandle | None = None


class Marks:
    """The marks of one connection. `put` carries one out in its lane; `drop` answers those that lost at a position."""

    def __init__(
        self, hold_s: float, put: Callable[[UUID, Asked], None], drop: Callable[[Sequence[Asked], int], None]
    ) -> None:
        self._hold_s = hold_s
        self._put = put
        self._drop = drop
        self._windows: dict[UUID, _Window] = {}

    def hold(self, target: UUID, lane_id: UUID, asked: Asked) -> bool:
        """Whether this mark waits; else it is the first, and the caller puts it into its lane."""
        window = self._windows.get(target)
        if window is None:
            self._windows[target] = _Window(lane_id, asked)
            return False
        window.held.append(asked)
        return True

    def waiting(self) -> Iterator[Sequence[Asked]]:
        """What waits, each part in the order in which it came."""
        for window in self._windows.values():
            yield window.before
            yield window.held

    def ended(self, target: UUID, asked: Asked, outcome: Outcome | None) -> None:
        """A mark was carried out, or refused. What has come since waits on if it wrote; else there is no reason to."""
        window = self._windows.get(target)
        if window is None or window.first is not asked:
            return
        window.first = None
        if outcome is not None and outcome.events:
            window.version = outcome.events[-1].version
        if window.unread is not None:
            self._judge(window, window.unread, outcome)
        if window.version is None:
            self._over(target, window)
            return
        left_s = max(0.0, window.begun_at + self._hold_s - time.monotonic())
        window.timer = asyncio.get_running_loop().call_later(left_s, self._over, target, window)

    def _judge(self, window: _Window, unread: Recorded, outcome: Outcome | None) -> None:
        before, window.before, window.unread = window.before, [], None
        if outcome is not None and unread.position <= outcome.position:
            window.held[:0] = before
            return
        self._drop(before, unread.position)
        if window.version is not None:
            window.version = unread.version

    def unread(self, target: UUID, recorded: Recorded) -> None:
        """A mark_unread stands in the log."""
        window = self._windows.get(target)
        if window is None:
            return
        if window.first is not None:
            window.before += window.held
            window.held, window.unread = [], recorded
            return
        if window.version is not None and recorded.version <= window.version:
            return  # the first was later, as what has come after it
        held, window.held = window.held, []
        window.version = recorded.version
        self._drop(held, recorded.position)

    def take(self, target: UUID) -> list[Asked]:
        """What waits, for a mark_unread of this connection that has come after it; later marks begin anew."""
        window = self._windows.pop(target, None)
        if window is None:
            return []
        if window.timer is not None:
            window.timer.cancel()
        return [*window.before, *window.held]

    def flush(self, lane_id: UUID | None = None) -> None:
        """Carry out now what waits: in one lane, or in all."""
        for target, window in tuple(self._windows.items()):
            if lane_id is not None and window.lane_id != lane_id:
                continue
            if window.unread is not None:
                self._judge(window, window.unread, None)
            if window.first is None or window.held:
                self._over(target, window)

    def _over(self, target: UUID, window: _Window) -> None:
        """The time of waiting is over."""
        if self._windows.get(target) is not window:
            return
        del self._windows[target]
        if window.timer is not None:
            window.timer.cancel()
        if not window.held:
            return
        asked, *asked.others = farthest_first(_group(window.held))
        asked.seen_version = window.version
        asked.deadline = min(one.deadline for one in window.held)
        self._windows[target] = _Window(window.lane_id, asked)
        self._put(window.lane_id, asked)


def _group(held: Sequence[Asked]) -> Asked:
    last = held[-1]
    last.others = list(held[:-1])
    return last


class HeldMarks:
    """The connections of a node whose marks a mark_unread may meet."""

    def __init__(self) -> None:
        self._of: dict[UUID, set[Marks]] = {}

    def add(self, user_id: UUID, marks: Marks) -> None:
        """A connection has come."""
        self._of.setdefault(user_id, set()).add(marks)

    def discard(self, user_id: UUID, marks: Marks) -> None:
        """It has gone."""
        self._of[user_id].discard(marks)
        if not self._of[user_id]:
            del self._of[user_id]

    def publish(self, events: Sequence[Recorded]) -> None:
        """The tail's listener."""
        for recorded in events:
            event = recorded.event
            if isinstance(event, MarkedUnread):
                for marks in tuple(self._of.get(event.user_id, ())):
                    marks.unread(event.parent_id or event.channel_id, recorded)
