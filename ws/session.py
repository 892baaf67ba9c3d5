"""One connection's protocol, without I/O: texts and ticks in, effects out, so that every interleaving is a unit test.

It knows the phases (`connect` first, then open, perhaps waiting for a new `connect` after `resync_required`), which frames
are allowed in each, how many bad ones are too many, and when time is up. It knows no sockets, no log, no tokens.
"""

import enum
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.buckets import Bucket
from domain.errors import BadFrame, RateLimited, Refusal, UnknownType
from ws import frames
from ws.codes import CloseCode, reason
from ws.frames import ClientFrame, Connect, NotAnObject
from ws.limits import Limits

_MINUTE_S = 60.0


class Phase(enum.Enum):
    NEW = enum.auto()
    """Waiting for the first `connect`."""
    OPEN = enum.auto()
    RESYNC = enum.auto()
    """`resync_required` was sent: waiting for a `connect` that names a position again."""
    CLOSED = enum.auto()


class Send(msgspec.Struct, frozen=True):
    """Send this frame."""

    frame: bytes


class Close(msgspec.Struct, frozen=True):
    """End the connection."""

    code: CloseCode
    reason: str = ""


class Open(msgspec.Struct, frozen=True):
    """Authenticate, then follow the log as `connect` says."""

    connect: Connect
    ref: str | None


class Recover(msgspec.Struct, frozen=True):
    """Follow the log from another position: the person is known."""

    connect: Connect
    ref: str | None


class Renew(msgspec.Struct, frozen=True):
    """Authenticate again, on a connection that goes on."""

    token: str
    ref: str | None


class Run(msgspec.Struct, frozen=True):
    """Carry out a command."""

    frame: ClientFrame
    ref: str | None


Effect = Send | Close | Open | Recover | Renew | Run


class Session:
    """The state machine. `now` is monotonic seconds; token expiry is wall-clock time."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._deadline: float | None = now + limits.connect_timeout_s
        self._bad_frames: deque[float] = deque()
        self._expires_at: datetime | None = None
        self._frames = Bucket(limits.frames_per_s, limits.frames_burst, now)
        self._user_frames: Bucket | None = None
        self.phase = Phase.NEW

    def receive(self, text: str, now: float) -> Sequence[Effect]:
        """A text frame has come."""
        if self.phase is Phase.CLOSED:
            return ()
        try:
            parsed = frames.parse(text)
        except NotAnObject:
            return self._close(CloseCode.UNSUPPORTED, "frames are JSON objects")
        if (wait_s := self._take(now)) > 0:
            return self._refuse_too_many(parsed.ref, wait_s, now)
        if self.phase is Phase.NEW and parsed.kind != "connect":
            return self._close(CloseCode.UNAUTHENTICATED, "the first frame is connect")
        if parsed.frame is None:
            assert parsed.refusal is not None
            return self._refuse(parsed.refusal, parsed.ref, now)
        if isinstance(parsed.frame, Connect):
            return self._connect(parsed.frame, parsed.ref, now)
        if isinstance(parsed.frame, frames.Ping):
            return (Send(frames.control(frames.Pong(), parsed.ref)),)
        return (Run(parsed.frame, parsed.ref),)

    def receive_binary(self) -> Sequence[Effect]:
        """A binary frame has come."""
        if self.phase is Phase.CLOSED:
            return ()
        return self._close(CloseCode.UNSUPPORTED, "frames are text")

    def opened(self, expires_at: datetime, user_frames: Bucket) -> None:
        """The person is known; commands are taken from now on. `user_frames` is shared by the person's connections."""
        if self.phase is Phase.CLOSED:
            return
        self._user_frames = user_frames
        self._expires_at = expires_at
        self._deadline = None
        self.phase = Phase.OPEN

    def renewed(self, expires_at: datetime) -> None:
        """A new token was good."""
        self._expires_at = expires_at

    def resync(self, now: float) -> None:
        """`resync_required` was sent."""
        if self.phase is Phase.CLOSED:
            return
        self._deadline = now + self._limits.resync_timeout_s
        self.phase = Phase.RESYNC

    def recovering(self) -> None:
        """A `connect` after `resync_required` was accepted."""
        if self.phase is Phase.CLOSED:
            return
        self._deadline = None
        self.phase = Phase.OPEN

    def tick(self, now: float, wall_clock: datetime) -> Sequence[Effect]:
        """Time has passed."""
        if self.phase is Phase.CLOSED:
            return ()
        if self._deadline is not None and now >= self._deadline:
            if self.phase is Phase.RESYNC:
                return self._close(CloseCode.NORMAL, "no connect after resync_required")
            return self._close(CloseCode.UNAUTHENTICATED, "no connect in time")
        if self._expires_at is not None:
            grace_s = self._limits.expiry_grace_s
            if (wall_clock - self._expires_at).total_seconds() > grace_s:
                return self._close(CloseCode.TOKEN_EXPIRED, "the token has expired")
        return ()

    def _take(self, now: float) -> float:
        """Count a frame; the seconds by which it came too early."""
        wait_s = self._frames.take(now)
        return max(wait_s, self._user_frames.take(now)) if self._user_frames is not None else wait_s

    def _refuse_too_many(self, ref: str | None, wait_s: float, now: float) -> Sequence[Effect]:
        retry_after_ms = max(1, int(wait_s * 1_000))
        buckets = (self._frames, self._user_frames)
        if min(bucket.level(now) for bucket in buckets if bucket is not None) <= -self._limits.frames_over:
            return self._close(CloseCode.TOO_MANY, reason(RateLimited.code, retry_after_ms))
        return (Send(frames.error(RateLimited(retry_after_ms=retry_after_ms), ref)),)

    def _connect(self, connect: Connect, ref: str | None, now: float) -> Sequence[Effect]:
        if (connect.last_event_id is None) != (connect.epoch is None):
            return self._refuse(BadFrame("last_event_id and epoch go together.", field="epoch"), ref, now)
        if connect.last_event_id is not None and not 0 <= connect.last_event_id < 2**53:
            return self._refuse(BadFrame("last_event_id is 0 to 2^53 - 1.", field="last_event_id"), ref, now)
        if connect.max_backlog is not None and connect.max_backlog < 0:
            return self._refuse(BadFrame("max_backlog is 0 or more.", field="max_backlog"), ref, now)
        if self.phase is Phase.NEW:
            self._deadline = None  # what takes time now is ours
            return (Open(connect, ref),)
        if connect.last_event_id is not None:
            if self.phase is Phase.RESYNC:
                return (Recover(connect, ref),)
            return self._refuse(BadFrame("This connection follows the log already."), ref, now)
        if connect.token is not None:
            return (Renew(connect.token, ref),)
        return self._refuse(BadFrame("connect needs a token to renew, or a position to resume from."), ref, now)

    def _refuse(self, refusal: Refusal, ref: str | None, now: float) -> Sequence[Effect]:
        answer = Send(frames.error(refusal, ref))
        if not isinstance(refusal, BadFrame | UnknownType):
            return (answer,)
        self._bad_frames.append(now)
        while self._bad_frames[0] <= now - _MINUTE_S:
            self._bad_frames.popleft()
        if len(self._bad_frames) >= self._limits.bad_frames_per_minute:
            return (answer, *self._close(CloseCode.BAD_FRAMES, "too many bad frames"))
        return (answer,)

    def _close(self, code: CloseCode, reason: str) -> Sequence[Effect]:
        self.phase = Phase.CLOSED
        return (Close(code, reason),)
