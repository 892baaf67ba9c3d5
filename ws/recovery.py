"""What a person follows at each position, and which stretches of the log that makes. Pure.

A follow interval is [join, leave, removal or deletion], ends included. An unbroken connection delivers exactly: the
workspace's feed, the person's own feed, and of each channel what lies inside an interval. Resume reads the same.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.ids import WORKSPACE_FEED
from domain.membership import MemberJoined, MemberLeft, MemberRemoved

MEMBERSHIP_TOPICS = ("membership.joined.1", "membership.left.1", "membership.removed.1", "channel.deleted.1")
"""The events that change what anybody follows."""


class Interval(msgspec.Struct, frozen=True):
    channel_id: UUID
    joined: int
    ended: int | None
    """The position of its end; None while it lasts."""


class Stretch(msgspec.Struct, frozen=True):
    """A part of one feed, ends included."""

    feed_id: UUID
    first: int
    last: int


def fold(user_id: UUID, intervals: Iterable[Interval], events: Iterable[Recorded]) -> list[Interval]:
    """The intervals after more events of the log, which come in order and after those that made `intervals`."""
    ended = [interval for interval in intervals if interval.ended is not None]
    open_ones = {interval.channel_id: interval for interval in intervals if interval.ended is None}
    for recorded in events:
        event = recorded.event
        if isinstance(event, MemberJoined) and event.user_id == user_id:
            open_ones[event.channel_id] = Interval(event.channel_id, recorded.position, None)
        elif isinstance(event, ChannelDeleted) or (
            isinstance(event, MemberLeft | MemberRemoved) and event.user_id == user_id
        ):
            last = open_ones.pop(event.channel_id, None)
            if last is not None:
                ended.append(Interval(last.channel_id, last.joined, recorded.position))
    return [*ended, *open_ones.values()]


def following_after(intervals: Iterable[Interval], position: int) -> set[UUID]:
    """The channels that are followed once the event at `position` has been delivered."""
    return {i.channel_id for i in intervals if i.joined <= position and (i.ended is None or i.ended > position)}


def stretches(
    user_id: UUID, intervals: Iterable[Interval], after: int, through: int, *, channel_id: UUID | None = None
) -> list[Stretch]:
    """What to read of the log for everything after one position, through another. `channel_id`: that feed alone."""
    found = [] if channel_id else [Stretch(feed, after + 1, through) for feed in (WORKSPACE_FEED, user_id)]
    for interval in intervals:
        if channel_id not in (None, interval.channel_id):
            continue
        first = max(interval.joined, after + 1)
        last = through if interval.ended is None else min(interval.ended, through)
        if first <= last:
            found.append(Stretch(interval.channel_id, first, last))
    return found


class Following:
    """The channels of one person while events go by."""

    def __init__(self, user_id: UUID, channels: set[UUID]) -> None:
        self.user_id = user_id
        self.channels = channels

    def before(self, recorded: Recorded) -> None:
        """Take the effect that an event has before it is delivered: joining comes first."""
        event = recorded.event
        if isinstance(event, MemberJoined) and event.user_id == self.user_id:
            self.channels.add(event.channel_id)

    def after(self, recorded: Recorded) -> None:
        """Take the effect that an event has after it was delivered: the end is still seen."""
        event = recorded.event
        if isinstance(event, ChannelDeleted) or (
            isinstance(event, MemberLeft | MemberRemoved) and event.user_id == self.user_id
        ):
            self.channels.discard(event.channel_id)
