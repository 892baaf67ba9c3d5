"""Who is deactivated, as this node knows it from the log: so that a token dies with its owner, wherever it is shown.

Complete before the node serves and after the log's history changed; in between the tail keeps it. An access token carries
its time and cannot be called back, so one from before the last deactivation stays dead when its owner is reactivated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from domain.decider import Recorded
from domain.user import UserDeactivated, UserReactivated

Read = Callable[[], Awaitable[Sequence[Recorded]]]
"""All deactivations and reactivations of the log, in order."""


class Deactivated:
    """The people whose tokens are refused. `gone` is called for each at the moment that the tail says so."""

    def __init__(self, read: Read, gone: Callable[[UUID], None] = lambda _: None) -> None:
        self._read = read
        self._gone = gone
        self._now: set[UUID] = set()
        self._since: dict[UUID, datetime] = {}
        self._known: dict[UUID, int] = {}
        """The position of the last event of each person that counts."""
        self._is_complete = False
        self._resets = 0
        self._reading = asyncio.Lock()

    def __contains__(self, user_id: UUID) -> bool:
        return user_id in self._now

    def refuses(self, user_id: UUID, issued_at: float) -> bool:
        """Whether a token of this person, made at this time (in seconds since 1970), is refused."""
        since = self._since.get(user_id)
        return since is not None and (user_id in self._now or issued_at <= since.timestamp())

    async def complete(self) -> None:
        """Wait until nobody is missing. Raises `psycopg.Error` where the log cannot be read. No I/O but at the start and after a
        reset.
        """
        while not self._is_complete:
            async with self._reading:
                resets = self._resets
                if not self._is_complete:
                    events = await self._read()
                    if resets == self._resets:
                        self.publish(events)
                        self._is_complete = True

    def publish(self, events: Sequence[Recorded]) -> None:
        """The tail's listener. An event that comes twice, or later than one after it, changes nothing more."""
        for recorded in events:
            event = recorded.event
            if not isinstance(event, UserDeactivated | UserReactivated):
                continue
            user_id, at = event.user_id, recorded.recorded_at
            if isinstance(event, UserDeactivated):
                self._since[user_id] = max(at, self._since.get(user_id, at))
            if recorded.position <= self._known.get(user_id, 0):
                continue
            self._known[user_id] = recorded.position
            if isinstance(event, UserDeactivated):
                self._now.add(user_id)
                self._gone(user_id)
            else:
                self._now.discard(user_id)

    def reset(self) -> None:
        """The log's history changed: what was known of it is void."""
        self._now, self._since, self._known = set(), {}, {}
        self._is_complete = False
        self._resets += 1
