"""Who is connected to this node, live or not: sockets and event streams, each person's within limits."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.buckets import Bucket
from domain.errors import RateLimited
from ws.codes import CloseCode
from ws.limits import Limits
from ws.wheel import Wheel

_FORGET_INTERVAL_S = 60.0
_DEADLINES_INTERVAL_S = 1.0
_RESOLUTION_S = 0.25
"""How often it is looked who is due: a fraction of the connections each time, so that nothing comes in bursts."""


class Member(Protocol):
    """A connection as the node's ticker and its metrics see it."""

    @property
    def kind(self) -> str:
        """socket or stream."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """What the client has not taken yet."""
        ...

    @property
    def commands_waiting(self) -> int:
        """How many of its commands wait or are under way."""
        ...

    def tick(self, now: float, wall_clock: datetime, /) -> None:
        """Deadlines; called about once a second."""
        ...

    def heartbeat(self) -> None:
        """Move a quiet client's cursor."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life, and end it where there was none."""
        ...

    def close(self, code: CloseCode, reason: str, /) -> None:
        """End it from our side."""
        ...


class User:
    """What one person's connections share."""

    __slots__ = ("connections", "connects", "frames")

    def __init__(self, limits: Limits, now: float) -> None:
        self.connections = 0
        self.connects = Bucket(limits.user_connects_per_s, limits.user_connections, now)
        self.frames = Bucket(limits.user_frames_per_s, limits.user_frames_burst, now)


class Registry:
    """The connections of one node. People are remembered until their buckets are full again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members: dict[Member, UUID | None] = {}
        self._users: dict[UUID, User] = {}
        self._forgot_at = now = time.monotonic()
        self.resolution_s = min(_RESOLUTION_S, limits.heartbeat_interval_s, limits.ping_interval_s)
        self._deadlines: Wheel[Member] = Wheel(_DEADLINES_INTERVAL_S, self.resolution_s, now)
        self._heartbeats: Wheel[Member] = Wheel(limits.heartbeat_interval_s, self.resolution_s, now)
        self._pings: Wheel[Member] = Wheel(limits.ping_interval_s, self.resolution_s, now)
        self.refused = 0
        """Connections that were one too many of a person's."""

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._members))

    @property
    def users(self) -> int:
        """How many people are remembered."""
        return len(self._users)

    @property
    def is_full(self) -> bool:
        """Whether the node takes nobody more."""
        return len(self._members) >= self._limits.connections_max

    def add(self, member: Member) -> None:
        """Somebody has come; who it is may not be known yet."""
        self._members[member] = None
        for wheel in (self._deadlines, self._heartbeats, self._pings):
            wheel.add(member)

    def identify(self, member: Member, user_id: UUID) -> User:
        """It is this person's. Raises `RateLimited` where they have too many connections, or come too often."""
        now = time.monotonic()
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = User(self._limits, now)
        wait_s = user.connects.take(now)
        if wait_s > 0 or user.connections >= self._limits.user_connections:
            self.refused += 1
            raise RateLimited(retry_after_ms=max(1_000, int(wait_s * 1_000)))
        user.connections += 1
        self._members[member] = user_id
        return user

    def close_user(self, user_id: UUID, code: CloseCode, reason: str) -> None:
        """End all connections of a person."""
        for member in self:
            if self._members.get(member) == user_id:
                member.close(code, reason)

    def discard(self, member: Member) -> None:
        """It has gone."""
        for wheel in (self._deadlines, self._heartbeats, self._pings):
            wheel.discard(member)
        user_id = self._members.pop(member, None)
        if user_id is not None:
            self._users[user_id].connections -= 1

    def turn(self, now: float, wall_clock: datetime) -> None:
        """Give those their turn that are due; called every `resolution_s`."""
        for member in self._deadlines.due(now):
            member.tick(now, wall_clock)
        for member in self._heartbeats.due(now):
            member.heartbeat()
        for member in self._pings.due(now):
            member.ping()
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop the people of whom there is nothing to remember, once a minute."""
        if now - self._forgot_at < _FORGET_INTERVAL_S:
            return
        self._forgot_at = now
        for user_id, user in tuple(self._users.items()):
            if user.connections == 0 and user.connects.is_full(now) and user.frames.is_full(now):
                del self._users[user_id]
