"""What a person follows, against a walk that knows only the rule: an interval goes from the join to the end, ends included."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.channel import ChannelDeleted
from domain.channel_state import ChannelKind, Role
from domain.decider import Event, Recorded
from domain.ids import WORKSPACE_FEED
from domain.membership import MemberJoined, MemberLeft, MemberRemoved, RoleChanged
from domain.message import MessageDeleted
from domain.reading import MarkedRead
from domain.user import StatusTextSet
from sermo.recent import Recent
from ws.hub import Hub
from ws.recovery import fold, following_after, stretches
from ws.wire import Encoded

AT = datetime(2026, 1, 2, tzinfo=UTC)
PEOPLE = [UUID(int=n) for n in (1, 2, 3)]
ME = PEOPLE[0]
CHANNELS = [UUID(int=n) for n in (11, 12, 13)]

Step = tuple[str, UUID, UUID]


def _event(kind: str, channel: UUID, person: UUID) -> tuple[UUID | None, Event]:
    common = {"channel_id": channel, "user_id": person, "at": AT}
    match kind:
        case "join":
            joined = MemberJoined(**common, role=Role.MEMBER, kind=ChannelKind.PUBLIC, name="c", topic="")  # type: ignore[arg-type]
            return channel, joined
        case "leave":
            return channel, MemberLeft(**common)  # type: ignore[arg-type]
        case "remove":
            return channel, MemberRemoved(**common, by=PEOPLE[2])  # type: ignore[arg-type]
        case "role":
            return channel, RoleChanged(**common, role=Role.ADMIN, by=PEOPLE[2])  # type: ignore[arg-type]
        case "delete_channel":
            return channel, ChannelDeleted(channel_id=channel, by=person, at=AT)
        case "mark":
            return person, MarkedRead(**common, seq=1)  # type: ignore[arg-type]
        case "profile":
            return WORKSPACE_FEED, StatusTextSet(user_id=person, status_text="x", at=AT)
        case "silent":
            return None, StatusTextSet(user_id=person, status_text="x", at=AT)
    return channel, MessageDeleted(channel_id=channel, by=person, at=AT)


def _possible(steps: Sequence[Step]) -> list[Recorded]:
    """A log of those steps that a domain would accept: nobody joins twice, or leaves where they are not."""
    members: set[tuple[UUID, UUID]] = set()
    deleted: set[UUID] = set()
    found: list[Recorded] = []
    for kind, channel, person in steps:
        inside = (channel, person) in members
        if channel in deleted or (kind == "join" and inside) or (kind in ("leave", "remove", "role") and not inside):
            continue
        if kind == "join":
            members.add((channel, person))
        elif kind in ("leave", "remove"):
            members.discard((channel, person))
        elif kind == "delete_channel":
            deleted.add(channel)
        feed_id, event = _event(kind, channel, person)
        position = len(found) + 1
        found.append(Recorded(position, UUID(int=100 + position), 1, event, feed_id, position if feed_id else None, AT))
    return found


KINDS = ["join", "join", "leave", "remove", "role", "mark", "profile", "silent", "message", "message", "delete_channel"]
logs = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(CHANNELS), st.sampled_from(PEOPLE)), max_size=60).map(
    _possible
)


def _walk(log: Sequence[Recorded]) -> tuple[list[int], list[set[UUID]]]:
    """What one person sees, and what is followed after each event, straight from the rule."""
    mine: set[UUID] = set()
    seen: list[int] = []
    after = [set(mine)]
    for recorded in log:
        event = recorded.event
        if isinstance(event, MemberJoined) and event.user_id == ME:
            mine.add(event.channel_id)
        if recorded.feed_id in (*mine, WORKSPACE_FEED, ME):
            seen.append(recorded.position)
        if isinstance(event, MemberLeft | MemberRemoved) and event.user_id == ME:
            mine.discard(event.channel_id)
        if isinstance(event, ChannelDeleted):
            mine.discard(event.channel_id)
        after.append(set(mine))
    return seen, after


@given(log=logs, data=st.data())
def test_the_stretches_after_a_position_hold_exactly_what_was_to_be_seen(
    log: list[Recorded], data: st.DataObject
) -> None:
    """Wherever it is cut: nothing missing, nothing strange, nothing twice."""
    after = data.draw(st.integers(0, len(log)))
    through = data.draw(st.integers(after, len(log)))
    seen, _ = _walk(log)
    intervals = fold(ME, [], log[:through])
    read = [
        recorded.position
        for stretch in stretches(ME, intervals, after, through)
        for recorded in log
        if recorded.feed_id == stretch.feed_id and stretch.first <= recorded.position <= stretch.last
    ]
    assert sorted(read) == [position for position in seen if after < position <= through]


@given(log=logs, data=st.data())
def test_folding_in_two_steps_is_folding_at_once(log: list[Recorded], data: st.DataObject) -> None:
    """The view knows the first part, the socket folds the rest: no seam."""
    cut = data.draw(st.integers(0, len(log)))
    once = fold(ME, [], log)
    twice = fold(ME, fold(ME, [], log[:cut]), log[cut:])
    assert set(once) == set(twice)
    assert len(once) == len(twice)


@given(log=logs)
def test_what_is_followed_after_each_event_is_what_the_walk_says(log: list[Recorded]) -> None:
    """Also in the middle of a log that is known to its end."""
    intervals = fold(ME, [], log)
    _, after = _walk(log)
    for position, channels in enumerate(after):
        assert following_after(intervals, position) == channels


class Listening:
    """A connection that is live whenever it can be, and notes what it got."""

    def __init__(self, hub: Hub, channel_id: UUID | None) -> None:
        self._hub = hub
        self.user_id = ME
        self.channel_id = channel_id
        self.positions: list[int] = []
        self.is_over = False

    def push(self, frame: Encoded, at_once: bool = False, /) -> bool:
        """See `ws.hub.Live`."""
        assert frame.position is not None
        self.positions.append(frame.position)
        return True

    def fall_behind(self, after: int, channels: set[UUID]) -> None:
        """It reads the one event, a marker, and is live again."""
        self.positions.append(after + 1)
        self._hub.join(self, channels)

    def lose_access(self) -> None:
        """See `ws.hub.Live`."""
        self.is_over = True


@given(log=logs, data=st.data())
def test_live_from_memory_and_from_the_log_are_the_same(log: list[Recorded], data: st.DataObject) -> None:
    """From any position on, in batches of any size: what the hub delivers, and what the stretches name."""
    after = data.draw(st.integers(0, len(log)))
    size = data.draw(st.integers(1, 10))
    seen, _ = _walk(log)
    intervals = fold(ME, [], log)
    hub = Hub()
    listening = Listening(hub, None)
    hub.join(listening, following_after(intervals, after))
    recent = Recent()
    recent.extend(log[after:])
    for start in range(after, len(log), size):
        hub.publish(log[start : start + size])
    assert listening.positions == [position for position in seen if position > after]
    found = recent.of((s.feed_id, s.first, s.last) for s in stretches(ME, intervals, after, len(log)))
    assert found is not None
    assert [recorded.position for recorded in found] == listening.positions
    known = recent.memberships(ME, after) if after < len(log) else ()
    assert set(fold(ME, fold(ME, [], log[:after]), known)) == set(intervals)


@given(log=logs, data=st.data())
def test_bound_to_a_channel_it_is_the_same_for_that_channel_until_it_is_lost(
    log: list[Recorded], data: st.DataObject
) -> None:
    """Nothing else comes, and the end of the membership ends it."""
    after = data.draw(st.integers(0, len(log)))
    channel = data.draw(st.sampled_from(CHANNELS))
    intervals = [i for i in fold(ME, [], log) if i.channel_id == channel and i.joined <= after]
    current = [i for i in intervals if i.ended is None or i.ended > after]
    if not current:
        return
    hub = Hub()
    listening = Listening(hub, channel)
    hub.join(listening, {channel})
    for recorded in log[after:]:
        hub.publish([recorded])
    named = stretches(ME, current, after, len(log), channel_id=channel)
    wanted = [r.position for r in log for s in named if r.feed_id == s.feed_id and s.first <= r.position <= s.last]
    assert listening.positions == wanted
    assert listening.is_over == (current[0].ended is not None)
