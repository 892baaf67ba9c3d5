"""Which live connections follow which feed. Each event of the log is encoded once and its bytes are written to all of them.

Everything here runs in the tail's call, without a pause: membership changes take effect exactly at their event, and a
connection that is put in at `position` gets everything after it. Who is behind leaves the hub and reads the log.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from domain.channel import ChannelDeleted
from domain.decider import Recorded, Skipped
from domain.ids import WORKSPACE_FEED
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from ws.event_frames import Badge, event_frame, is_marker
from ws.recovery import Following
from ws.wire import Encoded

KEPT_FRAMES = 8_192
"""How many recent frames stay encoded: a herd that comes back asks for the same ones."""
KEPT_BYTES = 16 * 1_024 * 1_024
"""Of their payloads at most: twice what so many usual frames have."""

Make = Callable[[Recorded], Encoded | None]


def to_frame(recorded: Recorded, *, redacted: bool = False, badge: Badge | None = None) -> Encoded | None:
    """The frame of an event; None for one that nobody hears of."""
    payload = event_frame(recorded, redacted=redacted, badge=badge)
    return None if payload is None else Encoded(recorded.position, payload)


class Live(Protocol):
    """A connection as the hub sees it."""

    user_id: UUID
    channel_id: UUID | None
    """It is bound to this channel, and follows nothing else."""

    def push(self, frame: Encoded, at_once: bool, /) -> bool:
        """See `ws.ports.Sink`."""
        ...

    def fall_behind(self, after: int, channels: set[UUID]) -> None:
        """Go on from the log: everything up to `after` was written, when these channels were followed."""
        ...

    def lose_access(self) -> None:
        """The channel that it is bound to is lost: it has left the hub."""
        ...


class _User:
    __slots__ = ("connections", "following")

    def __init__(self, following: Following) -> None:
        self.following = following
        self.connections: set[Live] = set()


class Hub:
    """The live connections of this node."""

    def __init__(self) -> None:
        self._everyone: set[Live] = set()
        self._bound: set[Live] = set()
        self._users: dict[UUID, _User] = {}
        self._followers: dict[UUID, set[Live]] = {}
        self._kept: OrderedDict[int, Encoded] = OrderedDict()
        self._kept_bytes = 0
        self.deliveries = 0
        self.fallen_behind: Counter[str] = Counter()
        """Live connections that went back to reading the log, by why: `full`, the outbox, or `query`, what a frame takes."""

    @property
    def connections(self) -> int:
        """How many are live."""
        return len(self._everyone) + len(self._bound)

    def feeds(self, most: int) -> list[UUID] | None:
        """The feeds that somebody here follows, but for the workspace's; None where there are more than `most`."""
        if len(self._followers) + len(self._users) > most:
            return None
        return [*self._followers, *self._users]

    def encode(self, recorded: Recorded) -> Encoded | None:
        """The frame of a recent event, encoded once however many ask. Not for what a deletion has emptied."""
        kept = self._kept.get(recorded.position)
        if kept is None:
            kept = to_frame(recorded)
            if kept is not None:
                self._kept[recorded.position] = kept
                self._kept_bytes += len(kept.payload)
                while len(self._kept) > KEPT_FRAMES or self._kept_bytes > KEPT_BYTES:
                    _, oldest = self._kept.popitem(last=False)
                    self._kept_bytes -= len(oldest.payload)
        return kept

    def forget(self) -> None:
        """The log's history changed: positions mean something else."""
        self._kept.clear()
        self._kept_bytes = 0

    def join(self, connection: Live, channels: set[UUID]) -> None:
        """Deliver everything from now on. The caller has delivered all before, with these channels followed now."""
        if connection.channel_id is not None:
            self._bound.add(connection)
            self._followers.setdefault(connection.channel_id, set()).add(connection)
            return
        user = self._users.get(connection.user_id)
        if user is None:
            user = self._users[connection.user_id] = _User(Following(connection.user_id, set(channels)))
        user.connections.add(connection)
        self._everyone.add(connection)
        for channel_id in user.following.channels:
            self._followers.setdefault(channel_id, set()).add(connection)

    def leave(self, connection: Live) -> None:
        """Deliver nothing more. Does nothing for one that is not live."""
        if connection in self._bound:
            self._bound.discard(connection)
            assert connection.channel_id is not None, "bound"
            self._unfollow(connection.channel_id, (connection,))
        if connection not in self._everyone:
            return
        self._everyone.discard(connection)
        user = self._users[connection.user_id]
        user.connections.discard(connection)
        for channel_id in user.following.channels:
            self._unfollow(channel_id, (connection,))
        if not user.connections:
            del self._users[connection.user_id]

    def publish(self, events: Sequence[Recorded]) -> None:
        """The tail's listener."""
        if not self._followers and not self._users:
            return
        is_alone = len(events) == 1
        for recorded in events:
            self._publish(recorded, is_alone)

    def _publish(self, recorded: Recorded, is_alone: bool) -> None:
        event = recorded.event
        if isinstance(event, MemberJoined):
            self._take_in(recorded, event)
        if is_marker(event):
            # Its frame carries counts, which take a query: these connections fetch them on the way of the log.
            self._fall_behind(recorded, tuple(self._own(recorded.feed_id)), "query")
        elif targets := self._targets(recorded):
            if isinstance(event, Skipped):
                # Somebody came to follow this after the tail had asked for it.
                self._fall_behind(recorded, tuple(targets), "query")
            else:
                self._deliver(recorded, targets, is_alone)
        if isinstance(event, MemberLeft | MemberRemoved | ChannelDeleted):
            self._let_go(recorded)

    def _own(self, user_id: UUID | None) -> Collection[Live]:
        user = self._users.get(user_id) if user_id is not None else None
        return user.connections if user is not None else ()

    def _targets(self, recorded: Recorded) -> Collection[Live]:
        feed_id = recorded.feed_id
        if feed_id is None:
            return ()
        if feed_id == WORKSPACE_FEED:
            return self._everyone
        return self._followers.get(feed_id) or self._own(feed_id)

    def _deliver(self, recorded: Recorded, targets: Collection[Live], is_alone: bool) -> None:
        frame = self.encode(recorded)
        if frame is None:
            return
        behind = [connection for connection in targets if not connection.push(frame, is_alone)]
        self.deliveries += len(targets) - len(behind)
        self._fall_behind(recorded, behind, "full")

    def _fall_behind(self, recorded: Recorded, connections: Iterable[Live], why: str) -> None:
        for connection in connections:
            self.fallen_behind[why] += 1
            if connection.channel_id is not None:
                channels = {connection.channel_id}
            else:
                channels = set(self._users[connection.user_id].following.channels)
            event = recorded.event
            if isinstance(event, MemberJoined) and event.user_id == connection.user_id:
                channels.discard(event.channel_id)  # not yet, before this event
            self.leave(connection)
            connection.fall_behind(recorded.position - 1, channels)

    def _take_in(self, recorded: Recorded, event: MemberJoined) -> None:
        user = self._users.get(event.user_id)
        if user is not None:
            user.following.before(recorded)
            self._followers.setdefault(event.channel_id, set()).update(user.connections)

    def _let_go(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, ChannelDeleted):
            self._lose(event.channel_id, None)
            self._followers.pop(event.channel_id, None)
            for user in self._users.values():
                user.following.after(recorded)
        elif isinstance(event, MemberLeft | MemberRemoved):
            self._lose(event.channel_id, event.user_id)
            if event.user_id in self._users:
                user = self._users[event.user_id]
                user.following.after(recorded)
                self._unfollow(event.channel_id, user.connections)

    def _lose(self, channel_id: UUID, user_id: UUID | None) -> None:
        """End the connections that are bound to a channel: of one person, or of all."""
        if not self._bound:
            return
        for connection in tuple(self._followers.get(channel_id, ())):
            if connection.channel_id is not None and user_id in (None, connection.user_id):
                self.leave(connection)
                connection.lose_access()

    def _unfollow(self, channel_id: UUID, connections: Iterable[Live]) -> None:
        followers = self._followers.get(channel_id)
        if followers is not None:
            followers.difference_update(connections)
            if not followers:
                del self._followers[channel_id]
