"""Gives each of many members a turn once an interval, counted from when it came, so that turns come no denser than members."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Slots that a hand goes round in `interval_s`; `resolution_s` is how often somebody asks who is due."""

    def __init__(self, interval_s: float, resolution_s: float, now: float) -> None:
        self._slots: list[set[T]] = [set() for _ in range(max(1, round(interval_s / resolution_s)))]
        self._slot_s = interval_s / len(self._slots)
        self._slot_of: dict[T, int] = {}
        self._hand = 0
        self._turned_at = now

    def add(self, member: T) -> None:
        """A member's first turn comes an interval from now."""
        slot = (self._hand - 1) % len(self._slots)
        self._slots[slot].add(member)
        self._slot_of[member] = slot

    def discard(self, member: T) -> None:
        """No more turns."""
        slot = self._slot_of.pop(member, None)
        if slot is not None:
            self._slots[slot].discard(member)

    def due(self, now: float) -> list[T]:
        """Whose turn has come since the last call; once each, however late the call."""
        passed = int((now - self._turned_at) / self._slot_s)
        self._turned_at += passed * self._slot_s
        found: list[T] = []
        for _ in range(min(passed, len(self._slots))):
            found.extend(self._slots[self._hand])
            self._hand = (self._hand + 1) % len(self._slots)
        return found
