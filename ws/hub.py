"""Which live connections follow which feed. Each event of the log is encoded once and its bytes are written to all of them.

Everything here runs in the tail's call, without a pause: membership changes take effect exactly at their event, and a
connection that is put in at `position` gets everything after it. Who is behind leaves the hub and reads the log.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.ids import WORKSPACE_FEED
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from ws.frames import event_frame, is_marker
from ws.recovery import Following
from ws.wire import Encoded


class Live(Protocol):
    """A connection as the hub sees it."""

    user_id: UUID

    def push(self, frame: Encoded) -> bool:
        """Write an event's frame; False when the client is too far behind to take it."""
        ...

    def fall_behind(self, after: int, channels: set[UUID]) -> None:
        """Go on from the log: everything up to `after` was written, when these channels were followed."""
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
        self._users: dict[UUID, _User] = {}
        self._followers: dict[UUID, set[Live]] = {}
        self.deliveries = 0

    @property
    def connections(self) -> int:
        """How many are live."""
        return len(self._everyone)

    def join(self, connection: Live, channels: set[UUID]) -> None:
        """Deliver everything from now on. The caller has delivered all before, with these channels followed now."""
        user = self._users.get(connection.user_id)
        if user is None:
            user = self._users[connection.user_id] = _User(Following(connection.user_id, set(channels)))
        user.connections.add(connection)
        self._everyone.add(connection)
        for channel_id in user.following.channels:
            self._followers.setdefault(channel_id, set()).add(connection)

    def leave(self, connection: Live) -> None:
        """Deliver nothing more. Does nothing for one that is not live."""
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
        if not self._everyone:
            return
        for recorded in events:
            self._publish(recorded)

    def _publish(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, MemberJoined):
            self._take_in(recorded, event)
        if is_marker(event):
            # Its frame carries counts, which take a query: these connections fetch them on the way of the log.
            self._fall_behind(recorded, tuple(self._own(recorded.feed_id)))
        elif targets := self._targets(recorded):
            self._deliver(recorded, targets)
        if isinstance(event, MemberLeft | MemberRemoved | ChannelDeleted):
            self._let_go(recorded)

    def _own(self, user_id: UUID | None) -> Iterable[Live]:
        user = self._users.get(user_id) if user_id is not None else None
        return user.connections if user is not None else ()

    def _targets(self, recorded: Recorded) -> Iterable[Live]:
        feed_id = recorded.feed_id
        if feed_id is None:
            return ()
        if feed_id == WORKSPACE_FEED:
            return self._everyone
        return self._followers.get(feed_id) or self._own(feed_id)

    def _deliver(self, recorded: Recorded, targets: Iterable[Live]) -> None:
        frame = event_frame(recorded)
        if frame is None:
            return
        encoded = Encoded(recorded.position, frame)
        behind = []
        for connection in targets:
            if connection.push(encoded):
                self.deliveries += 1
            else:
                behind.append(connection)
        self._fall_behind(recorded, behind)

    def _fall_behind(self, recorded: Recorded, connections: Iterable[Live]) -> None:
        for connection in connections:
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
            self._followers.pop(event.channel_id, None)
            for user in self._users.values():
                user.following.after(recorded)
        elif isinstance(event, MemberLeft | MemberRemoved) and event.user_id in self._users:
            user = self._users[event.user_id]
            user.following.after(recorded)
            self._unfollow(event.channel_id, user.connections)

    def _unfollow(self, channel_id: UUID, connections: Iterable[Live]) -> None:
        followers = self._followers.get(channel_id)
        if followers is not None:
            followers.difference_update(connections)
            if not followers:
                del self._followers[channel_id]
