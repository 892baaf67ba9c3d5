"""The ticker's turns: each member once an interval, and never many more at once than came at once."""

from hypothesis import given
from hypothesis import strategies as st

from ws.wheel import Wheel


@given(
    arrivals=st.lists(st.integers(0, 400), max_size=50),
    steps=st.lists(st.integers(1, 9), min_size=200, max_size=200),
)
def test_each_member_has_a_turn_once_an_interval(arrivals: list[int], steps: list[int]) -> None:
    """However irregularly it is asked, who is due; the first turn is an interval after the arrival, to the resolution."""
    interval, resolution = 20.0, 0.25
    wheel: Wheel[int] = Wheel(interval, resolution, 0.0)
    turns: dict[int, list[float]] = {}
    arrived: dict[int, float] = {}
    now = 0.0
    waiting = sorted(arrivals)
    for step in steps:
        while waiting and waiting[0] <= now:
            waiting.pop(0)
            member = len(arrived)
            arrived[member] = now
            turns[member] = []
            wheel.add(member)
        now += step / 10
        for member in wheel.due(now):
            turns[member].append(now)
    slack = 1.2  # the longest step, and the resolution
    for member, at in arrived.items():
        last = at
        for turn in turns[member]:
            assert abs(turn - last - interval) <= slack, (member, at, turns[member])
            last = turn
        assert now - last <= interval + slack


def test_a_late_call_gives_everybody_one_turn() -> None:
    """Not one for each that was missed."""
    wheel: Wheel[str] = Wheel(1.0, 0.1, 0.0)
    wheel.add("a")
    wheel.add("b")
    assert sorted(wheel.due(60.0)) == ["a", "b"]
    assert wheel.due(60.05) == []


def test_who_has_gone_has_no_turn() -> None:
    """Twice is as good as once."""
    wheel: Wheel[str] = Wheel(1.0, 1.0, 0.0)
    wheel.add("a")
    wheel.discard("a")
    wheel.discard("a")
    assert wheel.due(5.0) == []
