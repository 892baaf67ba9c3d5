"""One person blocks another: no new direct channel has both by the doing of either, they do not write to each other in the one of
the two, and who is blocked does not bring the other into a channel. What was said stays. One small stream a pair, on the
blocker's own feed: who is blocked learns of it only by being refused, and not which of the two it was.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.decider import Command, Event, Loaded, Needs, NewEvent, State
from domain.errors import Forbidden, Invalid
from domain.ids import block_id
from domain.user import active_user, existing_user


class UserBlocked(Event, frozen=True, kw_only=True):
    user_id: UUID
    blocked_id: UUID
    at: datetime


class UserUnblocked(Event, frozen=True, kw_only=True):
    user_id: UUID
    blocked_id: UUID
    at: datetime


BlockEvent = UserBlocked | UserUnblocked


class BlockState(State, frozen=True, kw_only=True):
    is_blocked: bool


def evolve(_state: BlockState | None, event: BlockEvent) -> BlockState:
    """The state after one more event of the stream."""
    return BlockState(is_blocked=isinstance(event, UserBlocked))


def block_ids(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """The streams that say whether one of the two blocks the other."""
    return block_id(one, other), block_id(other, one)


def blocks(known: Loaded, blocker: UUID, blocked: UUID) -> bool:
    """Whether the one blocks the other."""
    state = known.get(block_id(blocker, blocked), BlockState)
    return state is not None and state.is_blocked


def check_no_block(known: Loaded, one: UUID, other: UUID) -> None:
    """Raise `Forbidden` where one of the two blocks the other; it does not say who whom."""
    if blocks(known, one, other) or blocks(known, other, one):
        raise refused_by_block()


def refused_by_block() -> Forbidden:
    """The refusal between two people."""
    return Forbidden("You may not do this with this person.")


class SetBlock(Command, frozen=True, kw_only=True):
    """Block a person, or block them no more."""

    user_id: UUID
    blocked_id: UUID
    is_blocked: bool
    at: datetime

    def check(self) -> None:
        if self.user_id == self.blocked_id:
            raise Invalid("Nobody blocks themselves.", field="user_id")

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.user_id, self.blocked_id, block_id(self.user_id, self.blocked_id)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        active_user(known, self.user_id)
        existing_user(known, self.blocked_id)
        if blocks(known, self.user_id, self.blocked_id) == self.is_blocked:
            return ()
        kind = UserBlocked if self.is_blocked else UserUnblocked
        event = kind(user_id=self.user_id, blocked_id=self.blocked_id, at=self.at)
        return (NewEvent(block_id(self.user_id, self.blocked_id), event, self.user_id),)
