"""The state machine of a connection, without a socket: what it does about each thing that happens."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sermo_client import Backoff, Cursor, ProtocolViolation, State, control
from sermo_client.connection import Connection, Deliver, Dial, End, LoadSnapshot, Reached
from sermo_client.frames import (
    ByData,
    ChannelDeleted,
    JoinedData,
    LeftData,
    MemberJoined,
    MemberLeft,
    UnknownEvent,
)

ME, CHANNEL = uuid4(), uuid4()
AT = datetime(2026, 1, 2, tzinfo=UTC)
FEED = f"channel:{CHANNEL}"


def connected(user_id: UUID = ME, head_id: int = 100) -> control.Connected:
    """What a server says first."""
    data = control.ConnectedData(user_id=user_id, session_id=uuid4(), epoch="e", head_id=head_id)
    return control.Connected(data=data)


def event(position: int, seq: int, feed: str = FEED) -> UnknownEvent:
    """Something that happens."""
    return UnknownEvent(kind="something", id=position, feed=feed, seq=seq, at=AT)


def joined(position: int, seq: int, user_id: UUID = ME) -> MemberJoined:
    """Somebody joins."""
    return MemberJoined(
        id=position, feed=FEED, seq=seq, at=AT, channel_id=CHANNEL, data=JoinedData(user_id=user_id, role="member")
    )


def left(position: int, seq: int, user_id: UUID = ME) -> MemberLeft:
    """Somebody leaves."""
    return MemberLeft(id=position, feed=FEED, seq=seq, at=AT, channel_id=CHANNEL, data=LeftData(user_id=user_id))


def live(**options: object) -> Connection:
    """A machine that is live at position 100."""
    machine = Connection(chance=lambda: 1.0, **options)  # type: ignore[arg-type]
    assert Dial(0.0) == machine.connect()
    machine.opened("token")
    machine.receive(connected(), 0.0)
    assert State.LIVE is machine.state
    return machine


def test_it_goes_from_idle_to_live_and_starts_at_the_head() -> None:
    """Without a cursor."""
    machine = Connection()
    assert State.IDLE is machine.state
    machine.connect()
    assert State.CONNECTING is machine.state
    assert machine.opened("t").data == {"token": "t"}
    assert [Reached(100)] == machine.receive(connected(), 0.0)
    assert (State.LIVE, Cursor("e", 100)) == (machine.state, machine.cursor)


def test_with_a_cursor_it_syncs_until_the_backlog_is_complete() -> None:
    """And comes live with `resumed`."""
    machine = Connection(cursor=Cursor("e", 7), max_backlog=50)
    machine.connect()
    assert machine.opened("t").data == {"token": "t", "last_event_id": 7, "epoch": "e", "max_backlog": 50}
    machine.receive(connected(), 0.0)
    assert State.SYNCING is machine.state
    machine.receive(event(8, 1), 0.0)
    machine.receive(control.Resumed(data=control.ResumedData(count=1, through=10)), 0.0)
    assert (State.LIVE, 1, Cursor("e", 10)) == (machine.state, machine.missed, machine.cursor)


def test_concurrent_connects_are_one() -> None:
    """Also while it is reconnecting."""
    machine = live()
    assert machine.connect() is None
    machine.ended(None, "cut", 1.0)
    assert (machine.state, machine.connect()) == (State.RECONNECTING, None)


def test_a_connection_that_breaks_is_resumed_from_what_was_received() -> None:
    """With the reason told meanwhile."""
    machine = live()
    machine.receive(event(105, 1), 0.0)
    assert isinstance(machine.ended(1006, "", 1.0), Dial)
    assert machine.reason is not None and machine.reason.code == 1006
    assert machine.opened(None).data == {"last_event_id": 105, "epoch": "e"}


def test_resync_loads_a_snapshot_and_goes_on_from_it_on_the_same_connection() -> None:
    """What was known of the feeds is forgotten."""
    machine = live()
    machine.receive(event(101, 5), 0.0)
    machine.ended(None, "", 0.0)
    machine.opened("t")
    machine.receive(connected(), 0.0)
    wanted = control.ResyncRequired(data=control.ResyncData(reason="epoch"))
    assert [LoadSnapshot("epoch")] == machine.receive(wanted, 0.0)
    assert machine.resynced(Cursor("new", 40)).data == {"last_event_id": 40, "epoch": "new"}
    assert [Deliver(event(41, 9))] == machine.receive(event(41, 9), 0.0)


def test_what_comes_twice_is_passed_over() -> None:
    """In whatever order the copies come."""
    machine = live()
    for position, seq in ((101, 1), (102, 2)):
        assert machine.receive(event(position, seq), 0.0) != []
    assert [machine.receive(event(p, s), 0.0) for p, s in ((102, 2), (101, 1), (90, 0))] == [[], [], []]


@pytest.mark.parametrize(("position", "seq"), [(103, 3), (103, 1), (100, 2), (101, 2)])
def test_a_hole_or_a_step_back_is_a_violation(position: int, seq: int) -> None:
    """After event 101, seq 1 of the feed."""
    machine = live()
    machine.receive(event(101, 1), 0.0)
    with pytest.raises(ProtocolViolation):
        machine.receive(event(position, seq), 0.0)


@pytest.mark.parametrize(
    "end", [left(102, 2), ChannelDeleted(id=102, feed=FEED, seq=2, at=AT, channel_id=CHANNEL, data=ByData(by=ME))]
)
def test_after_the_end_of_a_feed_its_seq_begins_anew(end: MemberLeft | ChannelDeleted) -> None:
    """At one's own join."""
    machine = live()
    machine.receive(joined(101, 1), 0.0)
    machine.receive(end, 0.0)
    assert machine.receive(joined(120, 9), 0.0) != []
    with pytest.raises(ProtocolViolation):
        machine.receive(event(121, 11), 0.0)


def test_the_joins_and_leaves_of_others_are_counted_like_anything() -> None:
    """Only one's own end a feed."""
    machine = live()
    machine.receive(joined(101, 1), 0.0)
    machine.receive(left(102, 2, uuid4()), 0.0)
    with pytest.raises(ProtocolViolation):
        machine.receive(joined(103, 4, uuid4()), 0.0)


@settings(max_examples=50, deadline=None)
@given(
    splits=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20),
    steps=st.lists(st.tuples(st.sampled_from(("a", "b", "c")), st.integers(1, 3)), max_size=60),
)
def test_over_any_cuts_and_repetitions_each_event_is_delivered_once_and_in_order(
    splits: list[tuple[int, int]], steps: list[tuple[str, int]]
) -> None:
    """A connection may bring some again of what was before."""
    seqs: dict[str, int] = {}
    log, position = [], 100
    for feed, gap in steps:
        position, seqs[feed] = position + gap, seqs.get(feed, 0) + 1
        log.append(event(position, seqs[feed], feed))
    machine, delivered = live(), []
    rest = list(splits)
    at = 0
    while at < len(log):
        size, again = rest.pop() if rest else (len(log), 0)
        for one in log[max(0, at - again) : at + size]:
            delivered += [effect.frame for effect in machine.receive(one, 0.0) if isinstance(effect, Deliver)]
        at += size
        machine.ended(None, "", 0.0)
        machine.opened("t")
        machine.receive(connected(), 0.0)
    assert log == delivered


def test_a_token_that_is_refused_is_replaced_once() -> None:
    """Then it is over, with the code."""
    machine = live()
    assert Dial(0.0, fresh_token=True) == machine.ended(4003, "", 0.0)
    machine.opened("other")
    over = machine.ended(4003, "", 0.0)
    assert isinstance(over, End)
    assert (machine.state, over.reason.code) == (State.CLOSED, 4003)


@pytest.mark.parametrize("code", [1000, 1003, 1009, 4001, 4010])
def test_it_stays_away_where_something_is_to_be_mended(code: int) -> None:
    """And says why."""
    machine = live()
    assert isinstance(machine.ended(code, "", 9.0), End)
    assert machine.reason is not None and machine.reason.code == code


def test_the_delays_grow_until_a_connection_has_been_live_for_a_while() -> None:
    """A connection that is live for a moment only changes nothing."""
    machine = live()

    def again(at: float, lived: float) -> float:
        machine.opened("t")
        machine.receive(connected(), at)
        machine.receive(control.Resumed(data=control.ResumedData(count=0, through=100)), at)
        plan = machine.ended(None, "", at + lived)
        assert isinstance(plan, Dial)
        return plan.delay_s

    assert [again(10.0, lived=0.1) for _ in range(3)] == [0.5, 1.0, 2.0]
    assert again(20.0, lived=60.0) == 0.5


def test_attempts_may_be_limited() -> None:
    """So many without being live in between."""
    machine = Connection(backoff=Backoff(attempts_max=2), chance=lambda: 0.0)
    machine.connect()
    plans = [machine.ended(None, "refused", 0.0) for _ in range(3)]
    assert [Dial, Dial, End] == [type(plan) for plan in plans]
    assert machine.reason is not None and machine.reason.what == "attempts"
    assert machine.connect() is None  # what is closed stays closed


def test_another_person_on_the_connection_is_a_violation() -> None:
    """A token was mixed up; events would be too."""
    machine = live()
    machine.ended(None, "", 0.0)
    machine.opened("another's")
    with pytest.raises(ProtocolViolation):
        machine.receive(connected(uuid4()), 0.0)


def test_a_heartbeat_moves_the_position_and_never_back() -> None:
    """So a quiet client resumes from there."""
    machine = live()
    assert [Reached(150)] == machine.receive(control.Heartbeat(id=150), 0.0)
    assert machine.receive(control.Heartbeat(id=120), 0.0) == []
    assert Cursor("e", 150) == machine.cursor
