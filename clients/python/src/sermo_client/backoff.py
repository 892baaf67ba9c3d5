"""When to come back, from how the connection ended. Pure: chance comes in as a number between 0 and 1.

The range of a close code alone says what to do: 40xx mend something first, 41xx (and 1001) come back after the delay in the
reason, 42xx come back at once; a connection that broke, or any other end, is tried again with full jitter.
"""

from enum import Enum

import msgspec

OVER = frozenset({1000})
MEND = frozenset({1003, 1007, 1008, 1009, 1010})
GOING_AWAY = 1001
TOKEN = frozenset({4002, 4003})
LONGEST_S = 300.0
"""A server that names a longer delay is not waited for so long at once."""


class Advice(Enum):
    """What an end asks for."""

    STOP = "stop"
    NEW_TOKEN = "new token"  # noqa: S105  no password
    AFTER_DELAY = "after the delay"
    AT_ONCE = "at once"
    BACK_OFF = "back off"


def advice(code: int | None) -> Advice:
    """What a close code asks for; None is a connection that broke or never was."""
    if code is None:
        return Advice.BACK_OFF
    if code in TOKEN:
        return Advice.NEW_TOKEN
    if code in OVER or code in MEND or 4000 <= code < 4100:
        return Advice.STOP
    if code == GOING_AWAY or 4100 <= code < 4200:
        return Advice.AFTER_DELAY
    if 4200 <= code < 4300:
        return Advice.AT_ONCE
    return Advice.BACK_OFF


class _Reason(msgspec.Struct):
    retry_after_ms: int = 0


def named_delay_s(reason: str) -> float:
    """The delay in a close frame's reason; 0 where it names none."""
    try:
        named = msgspec.json.decode(reason, type=_Reason).retry_after_ms / 1_000
    except msgspec.DecodeError:
        return 0.0
    return min(max(named, 0.0), LONGEST_S)


class Backoff(msgspec.Struct, frozen=True):
    """Full jitter: a delay between nothing and a bound that doubles."""

    base_s: float = 0.5
    cap_s: float = 20.0
    attempts_max: int | None = None
    """So many attempts without being live, then closed; None: for ever."""

    def delay_s(self, rung: int, chance: float) -> float:
        """The delay before the attempt after `rung` failed ones."""
        return chance * min(self.cap_s, self.base_s * 2.0 ** min(rung, 60))

    def after(self, code: int | None, reason: str, rung: int, chance: float) -> float:
        """The delay after this end, where one comes back at all."""
        match advice(code):
            case Advice.AT_ONCE | Advice.NEW_TOKEN:
                return 0.0 if rung == 0 else self.delay_s(rung - 1, chance)
            case Advice.AFTER_DELAY:
                return named_delay_s(reason) + self.delay_s(rung, chance)
            case _:
                return self.delay_s(rung, chance)
