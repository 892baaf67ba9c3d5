"""When a client comes back: full jitter within bounds, and what a close code's range asks for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sermo_client.backoff import Advice, Backoff, advice, named_delay_s

from ws.codes import CloseCode

RUNGS = st.integers(0, 10_000)
CHANCES = st.floats(0, 1)


@given(rung=RUNGS, chance=CHANCES)
def test_a_delay_is_between_nothing_and_a_bound_that_doubles_up_to_20_s(rung: int, chance: float) -> None:
    """Half a second at first."""
    bound = min(20.0, 0.5 * 2 ** min(rung, 60))
    assert 0 <= Backoff().delay_s(rung, chance) <= bound
    assert bound == Backoff().delay_s(rung, 1.0)


@given(code=st.none() | st.integers(1000, 4999), rung=RUNGS, chance=CHANCES, named=st.integers(0, 300_000))
def test_no_one_comes_back_before_the_delay_that_the_server_names(
    code: int | None, rung: int, chance: float, named: int
) -> None:
    """Where its range says that there is one, and never later than that and the longest back-off."""
    reason = json.dumps({"code": "too_many", "retry_after_ms": named})
    delay_s = Backoff().after(code, reason, rung, chance)
    least_s = named / 1_000 if advice(code) is Advice.AFTER_DELAY else 0.0
    assert least_s <= delay_s <= least_s + 20.0


@given(reason=st.text(max_size=123))
def test_a_reason_that_names_no_delay_names_none(reason: str) -> None:
    """Whatever stands in it."""
    assert 0 <= named_delay_s(reason) <= 300


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_of_the_server_is_obeyed(code: CloseCode) -> None:
    """By its range alone, as docs/codes.md says."""
    expected = {
        CloseCode.GOING_AWAY: Advice.AFTER_DELAY,
        CloseCode.UNAUTHENTICATED: Advice.NEW_TOKEN,
        CloseCode.TOKEN_EXPIRED: Advice.NEW_TOKEN,
        CloseCode.TOO_MANY: Advice.AFTER_DELAY,
        CloseCode.OVERLOADED: Advice.AFTER_DELAY,
        CloseCode.TOO_SLOW: Advice.AT_ONCE,
    }
    assert expected.get(code, Advice.STOP) is advice(int(code))


def test_codes_of_later_versions_are_obeyed_by_their_range() -> None:
    """And what is no code of ours is backed off from."""
    assert [advice(code) for code in (4055, 4155, 4255)] == [Advice.STOP, Advice.AFTER_DELAY, Advice.AT_ONCE]
    assert [advice(code) for code in (None, 1006, 1011, 4300)] == [Advice.BACK_OFF] * 4


def test_who_is_told_to_come_at_once_does_so_once_and_then_backs_off() -> None:
    """So a server that closes at once again and again is not hammered."""
    delays = [Backoff().after(4201, "", rung, 1.0) for rung in range(4)]
    assert delays == [0.0, 0.5, 1.0, 2.0]
