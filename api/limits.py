"""How much one person, or one client address, may ask of a node over HTTP; beyond it `rate_limited` with `Retry-After`.

Generous: no honest client meets these. They stop one that runs wild from taking the node from the others, and somebody who
guesses passwords. Each node counts for itself and forgets at a restart. What is remembered is bounded; under a flood of
addresses the longest quiet are forgotten first.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

import msgspec

from domain.buckets import Bucket
from domain.errors import RateLimited

REMEMBERED_MAX = 10_000
"""Keys of each limit: some 2 MB."""


class Rate(msgspec.Struct, frozen=True):
    """So much a second in the long run, and so much at once."""

    per_s: float
    burst: float


RATES = {
    "reads": Rate(500, 2_000),
    "writes": Rate(200, 1_000),
    "anonymous": Rate(20, 1_000),
    "failed_logins": Rate(20 / 60, 20),
}
"""reads and writes of a person; calls without a token of a client address; failed logins to one name from one address."""


class RateLimits:
    """The buckets of one node."""

    def __init__(self, rates: dict[str, Rate] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = RATES | (rates or {})
        self._clock = clock
        self._buckets: dict[str, OrderedDict[Hashable, Bucket]] = {name: OrderedDict() for name in self._rates}
        self.refused: Counter[str] = Counter(dict.fromkeys(self._rates, 0))
        """By limit."""

    def take(self, name: str, key: Hashable) -> None:
        """Count one. Raises `RateLimited` where there are too many; who is refused owes nothing for having asked."""
        now, rate, buckets = self._clock(), self._rates[name], self._buckets[name]
        bucket = buckets.get(key)
        if bucket is None:
            bucket = buckets[key] = Bucket(rate.per_s, rate.burst, now)
            if len(buckets) > REMEMBERED_MAX:
                buckets.popitem(last=False)
        else:
            buckets.move_to_end(key)
        lacking = 1 - bucket.level(now)
        if lacking > 0:
            self.refused[name] += 1
            raise RateLimited(retry_after_ms=math.ceil(lacking / rate.per_s * 1_000))
        bucket.take(now)

    def forget(self, name: str, key: Hashable) -> None:
        """What was counted for this key was no harm."""
        self._buckets[name].pop(key, None)
