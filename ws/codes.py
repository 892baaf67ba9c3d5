"""Close codes, with what each means and what the client should do (docs/codes.md). The range alone says it: 40xx mend
something first, 41xx come back after the delay in the reason, 42xx come back at once.
"""

from enum import IntEnum


class CloseCode(IntEnum):
    NORMAL = 1000
    GOING_AWAY = 1001
    UNSUPPORTED = 1003
    TOO_BIG = 1009
    ACCESS_DENIED = 4001
    UNAUTHENTICATED = 4002
    TOKEN_EXPIRED = 4003
    BAD_FRAMES = 4010
    TOO_MANY = 4101
    OVERLOADED = 4102
    TOO_SLOW = 4201


MEANING = {
    CloseCode.NORMAL: "normal",
    CloseCode.GOING_AWAY: "the server goes away",
    CloseCode.UNSUPPORTED: "a frame that is not text, or not a JSON object",
    CloseCode.TOO_BIG: "a frame over 64 KiB",
    CloseCode.ACCESS_DENIED: "no access to the channel that the connection is bound to",
    CloseCode.UNAUTHENTICATED: "authentication failed or missing",
    CloseCode.TOKEN_EXPIRED: "the token has expired",
    CloseCode.BAD_FRAMES: "bad frames again and again",
    CloseCode.TOO_MANY: "too many connections or frames",
    CloseCode.OVERLOADED: "overloaded",
    CloseCode.TOO_SLOW: "no progress for 30 s",
}

ADVICE = {
    CloseCode.NORMAL: "nothing: it is over",
    CloseCode.GOING_AWAY: "come back after a moment (the reason names the delay) and resume",
    CloseCode.UNSUPPORTED: "mend the client: frames are text, each a JSON object",
    CloseCode.TOO_BIG: "mend the client: a frame has at most 64 KiB",
    CloseCode.ACCESS_DENIED: "do not retry",
    CloseCode.UNAUTHENTICATED: "get a new token first",
    CloseCode.TOKEN_EXPIRED: "refresh the token first",
    CloseCode.BAD_FRAMES: "stop: mend the client",
    CloseCode.TOO_MANY: "come back after the delay in the reason, with fewer connections or frames",
    CloseCode.OVERLOADED: "come back after the delay in the reason and resume",
    CloseCode.TOO_SLOW: "come back at once and resume",
}


def reason(code: str, retry_after_ms: int) -> str:
    """The reason of a close of the 41xx range."""
    return f'{{"code":"{code}","retry_after_ms":{retry_after_ms}}}'
