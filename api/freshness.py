"""Reads at a position, and answers that tell one (architecture section 6, "read your writes").

A write answers with its position; a read with `min_position` waits until the views are there, at most 2 s, and says
`Sermo-Stale: true` when they were not. It says so too where the views lack what the position has: of a feed that is held
behind an event that could not be applied, and of views that stand still since those of another program have taken over.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from psycopg import AsyncConnection

from api.requests import ApiRequest
from domain.ids import WORKSPACE_FEED
from projections.runner import GroupRunner

WAIT_S = 2.0
INTEGER_MAX = 2**53 - 1
"""Positions and seqs on the wire are exact in a double."""

T = TypeVar("T")

MinPosition = Annotated[
    int,
    QueryParameter(
        name="min_position",
        ge=0,
        le=INTEGER_MAX,
        description="Wait up to 2 s until the answer is at least as new as this position.",
    ),
]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a write that has nothing else to say."""

    position: int


class Reading:
    """A read connection, and whether what it reads is as new as was asked for."""

    def __init__(self, connection: AsyncConnection[Any], runners: Sequence[GroupRunner], *, is_stale: bool) -> None:
        self.connection = connection
        self.is_stale = is_stale
        self._runners = runners

    @property
    def any_is_held(self) -> bool:
        """Whether it matters of which channels the answer is."""
        return any(runner.holds_any for runner in self._runners)

    def concerns(self, *channel_ids: UUID) -> None:
        """The answer is of these channels: it is stale where one of them is held. Asks no database."""
        self.is_stale = self.is_stale or any(any(map(runner.holds, channel_ids)) for runner in self._runners)

    def answer(self, content: T, *, position: int | None = None, status: int = 200) -> Response[T]:
        """200 with this content; `position` where it answers a write."""
        headers = {"Sermo-Stale": "true"} if self.is_stale else {}
        if position is not None:
            headers["Sermo-Position"] = str(position)
        return Response(content, status_code=status, headers=headers)


@asynccontextmanager
async def reading(request: ApiRequest, min_position: int, *further: GroupRunner) -> AsyncIterator[Reading]:
    """A connection to the views, once they have reached the position or the wait is over; and so for further groups."""
    runners = (request.services.views, *further)
    # The wait comes first: who waits holds no connection.
    deadline = time.monotonic() + WAIT_S
    is_stale = False
    for runner in runners:
        is_fresh = min_position <= 0 or await runner.wait_for(min_position, deadline - time.monotonic())
        is_held = runner.holds(WORKSPACE_FEED) or runner.holds(request.me)
        is_stale = is_stale or not is_fresh or not runner.serves or is_held
    # What is not found may be in what the views lack. That is said of everything alike: which channel something is in
    # that one may not see is nobody's to know.
    request.state.may_be_missing = is_stale or any(runner.holds_any for runner in runners)
    async with request.services.pool.connection() as connection:
        yield Reading(connection, runners, is_stale=is_stale)


def written(content: T, position: int, *, status: int = 200) -> Response[T]:
    """The answer of a write that needed no view."""
    return Response(content, status_code=status, headers={"Sermo-Position": str(position)})


def done(position: int) -> Response[Position]:
    """The answer of a write that has nothing to say but its position."""
    return written(Position(position=position), position)
