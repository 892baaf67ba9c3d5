"""The protocol of one connection without I/O: every phase, every refusal, every deadline."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.buckets import Bucket
from tests.support.wsclient import new_id
from ws import frames
from ws.codes import CloseCode
from ws.limits import Limits
from ws.session import Close, Effect, Open, Phase, Recover, Renew, Run, Send, Session

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRES = NOW + timedelta(minutes=15)


def text(kind: str, ref: str | None = None, **data: Any) -> str:
    """A client frame."""
    return json.dumps({"type": kind, "data": data} | ({"ref": ref} if ref is not None else {}))


def fresh(**limits: Any) -> Session:
    """A session whose client has said nothing yet, at second 0."""
    return Session(Limits(**limits), 0.0)


def opened(**limits: Any) -> Session:
    """A session whose person is known."""
    session = fresh(**limits)
    session.receive(text("connect", token="t"), 0.0)
    session.opened(EXPIRES, Bucket(1_000.0, 1_000.0, 0.0))
    return session


def only(effects: Sequence[Effect]) -> Effect:
    """The one effect."""
    assert len(effects) == 1, effects
    return effects[0]


def sent(effect: Effect) -> dict[str, Any]:
    """The frame that is sent."""
    assert isinstance(effect, Send)
    frame: dict[str, Any] = json.loads(effect.frame)
    return frame


def test_connect_asks_to_authenticate_and_carries_its_ref() -> None:
    """The first frame opens; who it is, is not the session's to know."""
    session = fresh()
    effect = only(session.receive(text("connect", "r1", token="t", client="test/1"), 1.0))
    assert isinstance(effect, Open)
    assert (effect.connect.token, effect.ref) == ("t", "r1")


@pytest.mark.parametrize(
    "first",
    [
        text("ping"),
        text("message", channel_id=str(new_id()), message_id=str(new_id()), content="x"),
        text("message", content=5),
        text("no_such_type"),
    ],
    ids=["ping", "message", "a message that cannot be read", "unknown"],
)
def test_another_first_frame_closes_with_4002(first: str) -> None:
    """Nothing is done for somebody who is not known, however the frame looks."""
    session = fresh()
    effect = only(session.receive(first, 1.0))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.UNAUTHENTICATED
    assert session.phase is Phase.CLOSED
    assert session.receive(text("connect", token="t"), 1.0) == ()


def test_no_connect_in_time_closes_with_4002() -> None:
    """Ten seconds, not before."""
    session = fresh()
    assert session.tick(9.9, NOW) == ()
    effect = only(session.tick(10.0, NOW))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.UNAUTHENTICATED


def test_time_that_authentication_takes_is_not_the_clients() -> None:
    """Once `connect` has come the deadline is off."""
    session = fresh()
    session.receive(text("connect", token="t"), 9.0)
    assert session.tick(60.0, NOW) == ()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"last_event_id": 5}, "epoch"),
        ({"epoch": "e"}, "epoch"),
        ({"last_event_id": -1, "epoch": "e"}, "last_event_id"),
        ({"last_event_id": 2**53, "epoch": "e"}, "last_event_id"),
        ({"max_backlog": -1, "last_event_id": 5, "epoch": "e"}, "max_backlog"),
    ],
)
def test_a_position_that_means_nothing_is_a_bad_frame_and_leaves_the_door_open(
    data: dict[str, Any], field: str
) -> None:
    """The client may mend its `connect` on the same connection."""
    session = fresh()
    frame = sent(only(session.receive(text("connect", "r", token="t", **data), 1.0)))
    assert (frame["type"], frame["ref"]) == ("error", "r")
    assert (frame["data"]["code"], frame["data"]["field"]) == ("bad_frame", field)
    assert isinstance(only(session.receive(text("connect", token="t"), 2.0)), Open)


def test_a_mended_connect_must_still_come_in_time() -> None:
    """A refused `connect` does not stop the clock."""
    session = fresh()
    session.receive(text("connect", token="t", last_event_id=5), 1.0)
    effect = only(session.tick(10.0, NOW))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.UNAUTHENTICATED


@pytest.mark.parametrize("strange", ["", "nonsense", "5", '"text"', "[]", "null", "[" * 100_000, '{"type":"ping"'])
@pytest.mark.parametrize("make", [fresh, opened])
def test_text_that_is_no_json_object_closes_with_1003(strange: str, make: Any) -> None:
    """Also before `connect`."""
    effect = only(make().receive(strange, 1.0))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.UNSUPPORTED


def test_a_binary_frame_closes_with_1003() -> None:
    """Frames are text."""
    effect = only(opened().receive_binary())
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.UNSUPPORTED


def test_a_command_is_run_with_its_ref() -> None:
    """Frame and ref come out as they went in."""
    channel = new_id()
    effect = only(opened().receive(text("join_channel", "r7", channel_id=str(channel)), 1.0))
    assert effect == Run(frames.JoinChannel(channel_id=channel), "r7")


def test_signals_go_out_like_commands() -> None:
    """Presence and typing need a person, and are not the session's to know."""
    channel = new_id()
    effects = opened().receive(text("typing", channel_id=str(channel)), 1.0)
    assert only(effects) == Run(frames.Typing(channel_id=channel), None)
    effects = opened().receive(text("status_update", status="busy"), 1.0)
    assert only(effects) == Run(frames.StatusUpdate(status="busy"), None)


def test_a_ping_is_answered_with_its_ref() -> None:
    """`pong` carries nothing else."""
    assert sent(only(opened().receive('{"type":"ping","ref":"r"}', 1.0))) == {"type": "pong", "ref": "r"}


@pytest.mark.parametrize(
    ("frame", "code", "ref"),
    [
        ('{"type":"ping","ref":5}', "bad_frame", None),
        (json.dumps({"type": "ping", "ref": "r" * 65}), "bad_frame", None),
        ('{"ref":"r"}', "bad_frame", "r"),
        ('{"type":7,"ref":"r"}', "bad_frame", "r"),
        ('{"type":"ping","ref":"r","extra":1}', "bad_frame", "r"),
        ('{"type":"ping","ref":"r","data":[]}', "bad_frame", "r"),
        ('{"type":"ping","ref":"r","data":null}', "bad_frame", "r"),
        ('{"type":"dance","ref":"r"}', "unknown_type", "r"),
    ],
)
def test_a_frame_of_another_shape_is_refused_with_its_ref_where_it_has_one(
    frame: str, code: str, ref: str | None
) -> None:
    """One error, and the connection goes on (rule 6)."""
    session = opened()
    answer = sent(only(session.receive(frame, 1.0)))
    assert (answer["type"], answer["data"]["code"], answer.get("ref")) == ("error", code, ref)
    assert session.phase is Phase.OPEN


def test_a_ref_of_64_characters_is_taken() -> None:
    """The limit itself is inside."""
    ref = "ü" * 64
    assert sent(only(opened().receive(text("ping", ref), 1.0)))["ref"] == ref


def test_the_hundredth_bad_frame_in_a_minute_closes_with_4010() -> None:
    """The last one still gets its error."""
    session = opened()
    for number in range(99):
        assert len(session.receive('{"type":"dance"}', number * 0.5)) == 1
    error, close = session.receive('{"type":"dance"}', 50.0)
    assert sent(error)["data"]["code"] == "unknown_type"
    assert isinstance(close, Close)
    assert close.code is CloseCode.BAD_FRAMES


def test_bad_frames_are_forgotten_after_a_minute() -> None:
    """A client that errs now and then stays."""
    session = opened()
    for number in range(1_000):
        assert len(session.receive('{"type":"dance"}', number * 0.61)) == 1


def test_a_refused_value_is_no_bad_frame() -> None:
    """A person may type what is not acceptable as often as they like."""
    session = opened()
    for _ in range(500):
        answer = sent(only(session.receive(text("message", content="x"), 1.0)))
        assert answer["data"]["code"] == "invalid"


def test_after_resync_a_connect_with_a_position_recovers() -> None:
    """On the same connection, as often as it takes."""
    session = opened()
    for _ in range(3):
        session.resync(10.0)
        effect = only(session.receive(text("connect", "r", last_event_id=7, epoch="e"), 11.0))
        assert isinstance(effect, Recover)
        assert (effect.connect.last_event_id, effect.connect.epoch, effect.ref) == (7, "e", "r")
        session.recovering()
        assert session.tick(1_000.0, NOW) == ()


def test_after_resync_nobody_waits_longer_than_a_minute() -> None:
    """Then it is over, without blame: 1000."""
    session = opened()
    session.resync(10.0)
    assert session.tick(69.0, NOW) == ()
    effect = only(session.tick(70.0, NOW))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.NORMAL


def test_a_position_is_refused_where_the_log_is_followed_already() -> None:
    """A second way into the same stream would deliver twice."""
    answer = sent(only(opened().receive(text("connect", "r", last_event_id=7, epoch="e"), 1.0)))
    assert answer["data"]["code"] == "bad_frame"


def test_a_connect_with_only_a_token_renews() -> None:
    """On an open connection, and while a resync is waited for."""
    session = opened()
    assert only(session.receive(text("connect", "r", token="t2"), 1.0)) == Renew("t2", "r")
    session.resync(1.0)
    assert only(session.receive(text("connect", token="t3"), 2.0)) == Renew("t3", None)
    assert session.phase is Phase.RESYNC


def test_an_expired_token_closes_with_4003_after_the_grace() -> None:
    """Thirty seconds to renew; a renewal begins a new life."""
    session = opened()
    assert session.tick(1.0, EXPIRES + timedelta(seconds=30)) == ()
    session.renewed(EXPIRES + timedelta(minutes=15))
    late = EXPIRES + timedelta(seconds=31)
    assert session.tick(1.0, late) == ()
    effect = only(session.tick(1.0, late + timedelta(minutes=15)))
    assert isinstance(effect, Close)
    assert effect.code is CloseCode.TOKEN_EXPIRED


def test_what_is_over_stays_over() -> None:
    """Neither frames nor time do anything after a close."""
    session = opened()
    session.receive("[]", 1.0)
    session.opened(EXPIRES, Bucket(1_000.0, 1_000.0, 0.0))
    session.resync(1.0)
    session.recovering()
    assert session.phase is Phase.CLOSED
    assert session.receive(text("ping"), 2.0) == ()
    assert session.receive_binary() == ()
    assert session.tick(1_000.0, EXPIRES + timedelta(days=1)) == ()


def test_too_many_frames_are_refused_with_a_delay_and_then_taken_again() -> None:
    """The burst is answered, the next one is not, and after the delay one is."""
    session = opened(frames_per_s=10.0, frames_burst=3.0)
    assert [sent(only(session.receive(text("ping"), 1.0)))["type"] for _ in range(3)] == ["pong"] * 3
    refused = sent(only(session.receive(text("ping", "r9"), 1.0)))
    assert (refused["type"], refused["ref"], refused["data"]["code"]) == ("error", "r9", "rate_limited")
    assert refused["data"]["retry_after_ms"] == 100
    assert sent(only(session.receive(text("ping"), 1.3)))["type"] == "pong"


def test_who_goes_on_sending_too_much_is_closed_with_4101_and_a_delay() -> None:
    """The delay is what it takes to make up for what came too much."""
    session = opened(frames_per_s=10.0, frames_burst=1.0, frames_over=5.0)
    effects = [only(session.receive(text("ping"), 1.0)) for _ in range(6)]
    assert all(isinstance(effect, Send) for effect in effects[:-1])
    closed = effects[-1]
    assert isinstance(closed, Close)
    assert closed.code == CloseCode.TOO_MANY
    assert json.loads(closed.reason) == {"code": "rate_limited", "retry_after_ms": 500}


def test_the_frames_of_a_person_count_together() -> None:
    """A second connection does not double what somebody may ask for."""
    shared = Bucket(10.0, 4.0, 0.0)
    sessions = [fresh(), fresh()]
    for session in sessions:
        session.receive(text("connect", token="t"), 0.0)
        session.opened(EXPIRES, shared)
    answers = [sent(only(session.receive(text("ping"), 0.0)))["type"] for _ in range(3) for session in sessions]
    assert answers == ["pong"] * 4 + ["error"] * 2
