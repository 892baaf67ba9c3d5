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
from domain.message import MessageDeleted, MessageEdited, MessagePosted

KEPT_EVENTS = 8_192
"""So many at least, twice as many at most; about 1 kB each."""
KEPT_CHARACTERS = 8 * 1_024 * 1_024
"""Of messages' contents at most, in the events that are here: 1 kB for each. Fewer events are kept where they are longer."""

_position = attrgetter("position")
_DELETION = "message.deleted.1"


_LONG = (MessagePosted, MessageEdited)


def _weight(recorded: Recorded) -> int:
    event = recorded.event
    return len(event.content) if isinstance(event, _LONG) else 0


class Recent:
    """The newest part of the log, dense."""

    def __init__(self) -> None:
        self._events: list[Recorded] = []
        self._characters = 0
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
        self._characters += sum(map(_weight, events))
        if len(self._events) > 2 * KEPT_EVENTS or self._characters > KEPT_CHARACTERS:
            # Down to half of what may be, so that it is seldom done.
            kept, characters = self._newest()
            self.clear()
            self._events, self._characters, events = kept, characters, kept
        for recorded in events:
            self._index(recorded)

    def _newest(self) -> tuple[list[Recorded], int]:
        characters = count = 0
        for recorded in reversed(self._events[-KEPT_EVENTS:]):
            if characters + _weight(recorded) > KEPT_CHARACTERS // 2:
                break
            characters += _weight(recorded)
            count += 1
        return self._events[len(self._events) - count :], characters

    def clear(self) -> None:
        """Forget all."""
        self._events, self._characters = [], 0
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
        elif isinstance(event, MessageDeleted) or (isinstance(event, Skipped) and event.topic == _DELETION):
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
