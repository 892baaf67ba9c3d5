"""What the program hands to the HTTP side: the only way from `api` to the log, the views and the accounts.

`sermo/app.py` builds one `Services`; handlers reach it as `request.services`. Nothing here is global.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from prometheus_client import Histogram
from psycopg_pool import AsyncConnectionPool

from api.blobs import Blobs, Uploads
from api.limits import RateLimits
from domain.decider import Command, Execute
from domain.principal import Auth, Principal
from domain.user import UserState
from projections.runner import GroupRunner
from projections.search import Search


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody gets who has just shown who they are."""

    user: UserState
    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds that the access token is good for."""
    position: int
    """Of the registration, or a position at which the user was so."""


class Accounts(Auth, Protocol):
    """Tells who is asking, and gives out the tokens that say it."""

    async def register(self, username: str, password: str, display_name: str) -> Session:
        """A new person. Raises `Invalid`, `NameTaken`, `Overloaded` or `Unavailable`."""
        ...

    async def login(self, username: str, password: str) -> Session:
        """Raises `InvalidCredentials` after the same time for a wrong name as for a wrong password; `Overloaded`."""
        ...

    async def refresh(self, refresh_token: str) -> Session:
        """New tokens for a refresh token, which works once. Raises `Unauthenticated` or `TokenExpired`."""
        ...

    async def logout(self, refresh_token: str) -> None:
        """End the session that the token belongs to. An unknown token ends nothing, and is no error."""
        ...

    async def check_password(self, user_id: UUID, password: str) -> None:
        """Raises `InvalidCredentials` for a wrong one; `Overloaded`."""
        ...

    async def end_logins(self, user_id: UUID, begun_before: datetime | None = None) -> None:
        """End all logins of a person, or those begun before: no refresh token, ticket or events session works any more."""
        ...

    async def create_ticket(self, principal: Principal) -> str:
        """A ticket for one socket, good once and for 30 s."""
        ...


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this node should get traffic, and why not."""

    ready: bool
    database: bool
    """The database answered within the last seconds."""
    views_lag_s: float
    """How far the views are behind the log."""
    position: int
    """How far this node has followed the log."""
    parked: int
    """Events that the views could not apply, with those that wait behind them in their feeds; 1,000 stands for more.

    They do not make the node unready: the other feeds go on, every node has the same views, and reads of what is held say
    `Sermo-Stale`. Somebody has to look: docs/operations.md.
    """
    search_lag_events: int
    """Events between the log and the search, which may be behind without making the node unready."""


class SearchService:
    """The search's view, who makes it, and what is counted of searches."""

    def __init__(self, view: Search, runner: GroupRunner) -> None:
        self.view = view
        self.runner = runner
        self.outcomes: Counter[str] = Counter()
        """Searches by outcome: found, nothing, or failed."""
        self.seconds = Histogram(
            "sermo_search_seconds",
            "Of a search, from its first statement to its last.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Constructor arguments of the HTTP side."""

    execute: Execute
    pool: AsyncConnectionPool[Any]
    """Connections for reading views."""
    views: GroupRunner
    """How far the views are, and what they hold back."""
    search: SearchService
    mark_bounds: Callable[[UUID, UUID], Awaitable[tuple[int, int]]]
    """The last seq of a channel's feed, and the seq of a person's last join."""
    message_channel: Callable[[UUID], Awaitable[UUID | None]]
    """The channel of a message, from the log; None where there is no such message."""
    epoch: Callable[[], str]
    auth: Accounts
    judge: Callable[[Command, UUID | None], Awaitable[None]]
    """Raises the refusal that a command would get now, under its id if it has one; what was done is not refused."""
    limits: RateLimits
    uploads: Uploads
    blobs: Blobs
    """The content of attachments."""
    ready: Callable[[], Awaitable[Readiness]]
    metrics: Callable[[], bytes]
    """What the node counts, in Prometheus' text format."""
    numbers: Callable[[], list[tuple[str, dict[str, str], float]]]
    """Chosen ones of them: metric, labels, value."""
