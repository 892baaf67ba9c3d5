"""Token buckets, against the definition: never more in any stretch of time than the burst and what has come since."""

from hypothesis import given
from hypothesis import strategies as st

from domain.buckets import Bucket

PER_S, BURST = 10.0, 5.0


@given(st.lists(st.floats(0, 2), max_size=60))
def test_no_stretch_of_time_gets_more_than_burst_and_rate_allow(gaps: list[float]) -> None:
    """For every stretch: what was granted in it is at most the burst and what came in its time."""
    bucket, now, granted = Bucket(PER_S, BURST, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        if bucket.take(now) == 0:
            granted.append(now)
    for first, begin in enumerate(granted):
        for last in range(first, len(granted)):
            assert last - first + 1 <= BURST + PER_S * (granted[last] - begin) + 1e-6


def test_what_was_taken_too_much_is_owed() -> None:
    """Asking on while there is nothing makes the wait longer, and it is over when it was said to be."""
    bucket = Bucket(PER_S, 1.0, 0.0)
    assert bucket.take(0.0) == 0
    assert bucket.take(0.0) == 0.1
    assert bucket.take(0.0) == 0.2
    assert bucket.level(0.2) == 0
    assert bucket.take(0.3) == 0
    assert not bucket.is_full(0.3)
    assert bucket.is_full(0.4)
