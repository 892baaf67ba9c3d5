"""The last events of the log in memory, found by position, by feed and by whom they make a member: for all who are nearly there.

A herd that comes back asks for the same few thousand events, each connection for its own feeds of them: so they are
found by feed, not by looking at each.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from uuid import UUID

from domain.channel import ChannelDeleted
from domain.decider import Recorded, Skipped
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from domain.message import MessageDeleted

KEPT_EVENTS = 8_192
"""So many at least, twice as many at most; about 1 kB each."""

_position = attrgetter("position")


class Recent:
    """The newest part of the log, dense."""

    def __init__(self) -> None:
        self._events: list[Recorded] = []
        self._feeds: dict[UUID, list[Recorded]] = {}
        self._memberships: dict[UUID, list[Recorded]] = {}
        self._deletions: list[Recorded] = []
        """Of channels: they end the memberships of all."""
        self.deleted: set[UUID] = set()
        """The messages that a deletion among these events has emptied."""

    def __len__(self) -> int:
        return len(self._events)

    def extend(self, events: Sequence[Recorded]) -> None:
        """Take the next events of the log."""
        self._events += events
        if len(self._events) > 2 * KEPT_EVENTS:
            kept = self._events[-KEPT_EVENTS:]
            self.clear()
            self._events, events = kept, kept
        for recorded in events:
            self._index(recorded)

    def clear(self) -> None:
        """Forget all."""
        self._events = []
        self._feeds, self._memberships, self._deletions, self.deleted = {}, {}, [], set()

    def _index(self, recorded: Recorded) -> None:
        if recorded.feed_id is not None:
            feed = self._feeds.get(recorded.feed_id)
            if feed is None:
                feed = self._feeds[recorded.feed_id] = []
            feed.append(recorded)
        event = recorded.event
        if isinstance(event, MemberJoined | MemberLeft | MemberRemoved):
            self._memberships.setdefault(event.user_id, []).append(recorded)
        elif isinstance(event, ChannelDeleted):
            self._deletions.append(recorded)
        elif isinstance(event, MessageDeleted):
            self.deleted.add(recorded.stream_id)

    def reaches(self, after: int) -> bool:
        """Whether everything that comes after a position is here, where anything has come."""
        return bool(self._events) and self._events[0].position <= after + 1

    def after(self, after: int) -> Sequence[Recorded]:
        """All events after a position that it reaches."""
        return self._events[after + 1 - self._events[0].position :]

    def of(self, stretches: Iterable[tuple[UUID, int, int]]) -> Sequence[Recorded] | None:
        """The events of these stretches of feeds (feed, first, last), merged by position; None where one is `Skipped`.

        Cost: two steps of a binary search a stretch, and what is found.
        """
        found: list[Recorded] = []
        parts = 0
        for feed_id, first, last in stretches:
            feed = self._feeds.get(feed_id)
            if feed is None or feed[-1].position < first:
                continue
            begin = bisect_left(feed, first, key=_position)
            end = len(feed) if feed[-1].position <= last else bisect_right(feed, last, key=_position)
            if begin < end:
                found += feed[begin:end]
                parts += 1
        if parts > 1:
            found.sort(key=_position)
        return None if any(isinstance(recorded.event, Skipped) for recorded in found) else found

    def memberships(self, user_id: UUID, after: int) -> Sequence[Recorded]:
        """What changed in which channels a person is, after a position that it reaches: their own, and deleted channels."""
        own = self._memberships.get(user_id, [])
        found = own[bisect_right(own, after, key=_position) :]
        if self._deletions:
            found = [*found, *self._deletions[bisect_right(self._deletions, after, key=_position) :]]
            found.sort(key=_position)
        return found
