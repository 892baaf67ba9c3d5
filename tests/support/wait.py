"""Waiting for a condition with a deadline: what tests do in place of fixed sleeps.

A predicate's first true answer is returned. At the deadline the failure names the condition and its last answer.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

__all__ = ["await_until", "wait_until"]

T = TypeVar("T")
POLL_S = 0.005


def wait_until(predicate: Callable[[], T], timeout_s: float = 10, *, what: str | None = None) -> T:
    """Call `predicate` until its answer is true and return that answer; blocks the thread."""
    deadline = time.monotonic() + timeout_s
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(_failure(predicate, what, timeout_s, answer))
        time.sleep(POLL_S)
    return answer


async def await_until(
    predicate: Callable[[], T | Awaitable[T]], timeout_s: float = 10, *, what: str | None = None
) -> T:
    """Call `predicate`, awaiting what it returns if need be, until its answer is true; other tasks run meanwhile."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = predicate()
        answer: T = await found if inspect.isawaitable(found) else found
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(_failure(predicate, what, timeout_s, answer))
        await asyncio.sleep(POLL_S)


def _failure(predicate: Callable[[], object], what: str | None, timeout_s: float, answer: object) -> str:
    return f"not true within {timeout_s:g} s: {what or _source(predicate)} (last answer: {answer!r})"


def _source(predicate: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(predicate).split())
    except (OSError, TypeError):
        return repr(predicate)
