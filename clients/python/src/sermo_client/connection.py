"""The connection as a state machine without any I/O: what happened comes in, what to do comes out as effects.

    idle -> connecting -> (syncing ->) live -> reconnecting -> (syncing ->) live ... -> closed

It keeps the promises of the stream: `id` rises, `seq` rises by one in each feed as long as it is followed, and what comes
twice is passed over. It knows no clock: who drives it says when something was.
"""

import random
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from sermo_client import control
from sermo_client.backoff import Advice, Backoff, advice
from sermo_client.control import Control
from sermo_client.cursors import Cursor
from sermo_client.errors import ProtocolViolation
from sermo_client.frames import ChannelDeleted, Event, MemberJoined, MemberLeft

STEADY_S = 5.0
"""Who was live for so long begins anew with the shortest delays."""


class State(StrEnum):
    """Where the connection is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class Reason(msgspec.Struct, frozen=True):
    """Why the connection is where it is: of `reconnecting` and `closed`."""

    what: str
    """`closed` (by the application), `lost`, `server` (see `code`), `token` (none works), `attempts`, `violation`, `failed`."""
    code: int | None = None
    """The close code."""
    detail: str = ""

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.what, self.code, self.detail) if part)


class Dial(msgspec.Struct, frozen=True):
    """Open a connection after this delay; `fresh_token`: with another token than the last."""

    delay_s: float
    fresh_token: bool = False


class Send(msgspec.Struct, frozen=True):
    """Send a frame."""

    kind: str
    data: dict[str, Any]


class Deliver(msgspec.Struct, frozen=True):
    """For the application: an event, a signal, or an error that no call waits for."""

    frame: Event | Control


class Answer(msgspec.Struct, frozen=True):
    """The answer to the frame that has this `ref`."""

    ref: str
    frame: Control


class Reached(msgspec.Struct, frozen=True):
    """Everything up to this position has been delivered, though nothing came there."""

    position: int


class LoadSnapshot(msgspec.Struct, frozen=True):
    """Load a snapshot, and tell its position with `resynced`."""

    reason: str


class End(msgspec.Struct, frozen=True):
    """It is over."""

    reason: Reason


Effect: TypeAlias = Send | Deliver | Answer | Reached | LoadSnapshot
Next: TypeAlias = Dial | End


class Connection:
    """One connection at a time, over as many as it takes."""

    def __init__(
        self,
        *,
        cursor: Cursor | None = None,
        channel_id: UUID | None = None,
        max_backlog: int | None = None,
        client: str | None = None,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.state = State.IDLE
        self.reason: Reason | None = None
        self.session: control.ConnectedData | None = None
        """What the server said when the connection was opened; None without one."""
        self.cursor = cursor
        """What has been received; None before the first `connected`."""
        self.missed = 0
        """Events that the last resume has brought."""
        self._channel_id = channel_id
        self._max_backlog = max_backlog
        self._client = client
        self._backoff = backoff or Backoff()
        self._chance = chance
        self.user_id: UUID | None = None
        """Who is connected, once that was said."""
        self._seqs: dict[str, int] = {}
        self._failures = 0
        self._rung = 0
        self._live_since: float | None = None
        self._has_tried_fresh_token = False

    # What the application wants

    def connect(self) -> Dial | None:
        """Begin; None where it has begun. What is closed stays closed."""
        if self.state is not State.IDLE:
            return None
        self.state = State.CONNECTING
        return Dial(0.0)

    def close(self) -> End:
        """End it for good."""
        return self._end(self.reason if self.state is State.CLOSED and self.reason else Reason("closed"))

    # What happened

    def opened(self, token: str | None) -> Send:
        """The socket is open. `token`: where the handshake had none."""
        data = {"token": token, "channel_id": self._channel_id, "client": self._client, **self._position()}
        if self.cursor is not None:
            data["max_backlog"] = self._max_backlog
        return _frame(data)

    def renewing(self, token: str) -> Send:
        """A new token for the living connection."""
        return _frame({"token": token})

    def resynced(self, cursor: Cursor) -> Send:
        """A snapshot was loaded: go on from there, on this connection."""
        self.cursor = cursor
        self._seqs.clear()
        return _frame(self._position())

    def receive(self, frame: Event | Control, now: float) -> list[Effect]:
        """A frame came. Raises `ProtocolViolation`."""
        if self.state is State.CLOSED:
            return []
        match frame:
            case Event():
                return [Deliver(frame)] if self._is_next(frame) else []
            case control.Connected():
                return self._connected(frame, now)
            case control.Resumed(data=data):
                self._has_come_live(now)
                self.missed = data.count
                return [*self._reached(data.through), *_answers(frame)]
            case control.ResyncRequired(data=data):
                self.state = State.SYNCING
                return [LoadSnapshot(data.reason)]
            case control.Heartbeat(id=position):
                return self._reached(position)
            case control.Waiting():
                return []
            case control.Signal():
                return [Deliver(frame)]
        return _answers(frame) or [Deliver(frame)]

    def ended(self, code: int | None, detail: str, now: float) -> Next:
        """The connection has ended, or could not be opened (no code)."""
        was_steady = self._live_since is not None and now - self._live_since >= STEADY_S
        self.session, self._live_since = None, None
        if self.state is State.CLOSED:
            return End(self.reason or Reason("closed"))
        reason = Reason("lost" if code is None else "server", code, detail)
        wanted = advice(code)
        if wanted is Advice.STOP or (wanted is Advice.NEW_TOKEN and self._has_tried_fresh_token):
            return self._end(reason)
        if self._backoff.attempts_max is not None and self._failures >= self._backoff.attempts_max:
            return self._end(Reason("attempts", code, detail))
        rung = 0 if was_steady else self._rung
        self._failures, self._rung = self._failures + 1, rung + 1
        self._has_tried_fresh_token = wanted is Advice.NEW_TOKEN
        if self.state is not State.CONNECTING:
            self.state = State.RECONNECTING
        self.reason = reason
        return Dial(self._backoff.after(code, detail, rung, self._chance()), self._has_tried_fresh_token)

    def token_refused(self, detail: str, code: int | None = None) -> End:
        """There is no token that works."""
        return self._end(Reason("token", code, detail))

    def violated(self, detail: str) -> End:
        """The server has broken a promise."""
        return self._end(Reason("violation", None, detail))

    def failed(self, detail: str) -> End:
        """The application's own code has failed."""
        return self._end(Reason("failed", None, detail))

    # Inside

    def _position(self) -> dict[str, Any]:
        if self.cursor is None:
            return {}
        return {"last_event_id": self.cursor.position, "epoch": self.cursor.epoch}

    def _connected(self, frame: control.Connected, now: float) -> list[Effect]:
        if self.user_id not in (None, frame.data.user_id):
            raise ProtocolViolation(f"connected as {frame.data.user_id}, before as {self.user_id}")
        is_renewal = self.state is State.LIVE
        self.session, self.user_id = frame.data, frame.data.user_id
        if is_renewal:
            return _answers(frame)
        if self.cursor is not None:
            self.state, self.reason = State.SYNCING, None
            return _answers(frame)
        self.cursor = Cursor(frame.data.epoch, frame.data.head_id)
        self.missed = 0
        self._has_come_live(now)
        return [Reached(frame.data.head_id), *_answers(frame)]

    def _has_come_live(self, now: float) -> None:
        self.state, self.reason = State.LIVE, None
        self._live_since = now
        self._failures = 0
        self._has_tried_fresh_token = False

    def _reached(self, position: int) -> list[Effect]:
        if self.cursor is None or position <= self.cursor.position:
            return []
        self.cursor = Cursor(self.cursor.epoch, position)
        return [Reached(position)]

    def _is_next(self, event: Event) -> bool:
        """Whether the event is new. Raises `ProtocolViolation` where something is missing."""
        assert self.cursor is not None, "no event before `connected`"
        last = self._seqs.get(event.feed)
        is_mine = isinstance(event, MemberJoined | MemberLeft) and event.data.user_id == self.user_id
        begins = last is None or (is_mine and isinstance(event, MemberJoined))
        if event.id <= self.cursor.position:
            if last is None or event.seq <= last:
                return False  # twice
            raise ProtocolViolation(f"id {event.id} after {self.cursor.position}: {event}")
        if not begins and last is not None and event.seq != last + 1:
            raise ProtocolViolation(f"seq {event.seq} after {last} in {event.feed}: {event}")
        self._seqs[event.feed] = event.seq
        if isinstance(event, ChannelDeleted) or (is_mine and isinstance(event, MemberLeft)):
            self._seqs.pop(event.feed, None)
        self.cursor = Cursor(self.cursor.epoch, event.id)
        return True

    def _end(self, reason: Reason) -> End:
        self.state, self.reason, self.session = State.CLOSED, reason, None
        return End(reason)


def _frame(data: dict[str, Any]) -> Send:
    return Send("connect", {name: value for name, value in data.items() if value is not None})


def _answers(frame: Control) -> list[Effect]:
    return [Answer(frame.ref, frame)] if frame.ref is not None else []
