"""Token buckets: so much at once, and so much a second in the long run."""


class Bucket:
    """Holds up to `burst` tokens and gains `per_s` of them a second. Time is an argument, in monotonic seconds."""

    __slots__ = ("_at", "_tokens", "burst", "per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self.per_s = per_s
        self.burst = burst
        self._tokens = burst
        self._at = now

    def level(self, now: float) -> float:
        """What is there; below zero when more was taken."""
        return min(self.burst, self._tokens + (now - self._at) * self.per_s)

    def take(self, now: float) -> float:
        """Take one token, also where there is none; the seconds until there would have been, 0 where there was."""
        self._tokens = self.level(now) - 1
        self._at = now
        return 0.0 if self._tokens >= 0 else -self._tokens / self.per_s

    def is_full(self, now: float) -> bool:
        """Whether it remembers nothing any more."""
        return self.level(now) >= self.burst
