"""What may go wrong on the way, on demand."""

import random
from collections import deque

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """An `error` in place of an answer; the command is not carried out."""

    code: str
    retry_after_ms: int | None = None


class Faults:
    """Of one fake server. Set what should happen; each counts down as it does."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """Every frame is sent so much later."""
        self.duplicates = 0
        """So many event frames are sent twice."""
        self.holes = 0
        """So many event frames are left out: what a client must never pass over."""
        self.lost_answers = 0
        """So many commands are carried out, and then the connection breaks in place of an answer."""
        self.drop_after: int | None = None
        """After so many more frames the connection breaks, in the midst of the next one."""
        self.swallowed = 0
        """So many commands are carried out and never answered."""
        self.chance: random.Random | None = None
        """With one, each frame may break the connection (one in ten) or come twice (one in ten)."""
        self._refusals: deque[Refusal] = deque()

    def refuse(self, code: str, *, retry_after_ms: int | None = None, times: int = 1) -> None:
        """Answer the next commands with this error."""
        self._refusals.extend([Refusal(code, retry_after_ms)] * times)

    def refusal(self) -> Refusal | None:
        """Of the next command."""
        return self._refusals.popleft() if self._refusals else None

    def breaks(self) -> bool:
        """Whether the connection breaks now."""
        if self.drop_after is not None:
            if self.drop_after == 0:
                self.drop_after = None
                return True
            self.drop_after -= 1
        return self.chance is not None and self.chance.random() < 0.1

    def is_doubled(self) -> bool:
        """Whether this event comes twice."""
        if self.duplicates > 0:
            self.duplicates -= 1
            return True
        return self.chance is not None and self.chance.random() < 0.1

    def take(self, name: str) -> bool:
        """Whether the fault of this name happens once more."""
        left: int = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return left > 0
