"""Names that only one may have: user names and public channels' names. One stream a folded name, without a feed.

A claim and the thing that it names are written by one command, so a race for a name has one winner.
"""

from datetime import datetime
from uuid import UUID

from domain.decider import Event, State


class NameClaimed(Event, frozen=True, kw_only=True):
    name: str
    holder_id: UUID
    at: datetime


class NameReleased(Event, frozen=True, kw_only=True):
    holder_id: UUID
    at: datetime


NameEvent = NameClaimed | NameReleased


class NameState(State, frozen=True, kw_only=True):
    holder_id: UUID | None
    """Who has the name; None when it is free again."""


def evolve(_state: NameState | None, event: NameEvent) -> NameState:
    """The state after one more event of the stream."""
    return NameState(holder_id=event.holder_id if isinstance(event, NameClaimed) else None)
