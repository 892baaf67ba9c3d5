"""People: registered, with a profile. Their user names are held by name claims (`domain/name_claim.py`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded, State
from domain.errors import Conflict, NameTaken, Unauthenticated
from domain.ids import WORKSPACE_FEED, user_name_id
from domain.name_claim import NameClaimed, NameState
from domain.text import (
    DISPLAY_NAME_MAX_CHARACTERS,
    STATUS_TEXT_MAX_CHARACTERS,
    check_text,
    check_username,
)


class UserRegistered(Event, frozen=True, kw_only=True):
    user_id: UUID
    username: str
    display_name: str
    registered_at: datetime
    is_admin: bool = False


class ProfileChanged(Event, frozen=True, kw_only=True):
    user_id: UUID
    display_name: str
    at: datetime


class StatusTextSet(Event, frozen=True, kw_only=True):
    user_id: UUID
    status_text: str
    at: datetime


UserEvent = UserRegistered | ProfileChanged | StatusTextSet


class UserState(State, frozen=True, kw_only=True):
    user_id: UUID
    username: str
    display_name: str
    is_admin: bool
    status_text: str = ""


def evolve(state: UserState | None, event: UserEvent) -> UserState:
    """The state after one more event of the stream."""
    if isinstance(event, UserRegistered):
        return UserState(
            user_id=event.user_id, username=event.username, display_name=event.display_name, is_admin=event.is_admin
        )
    assert state is not None, "a user's first event is its registration"
    if isinstance(event, ProfileChanged):
        return replace(state, display_name=event.display_name)
    return replace(state, status_text=event.status_text)


def active_user(known: Loaded, user_id: UUID) -> UserState:
    """The person who acts. Raises `Unauthenticated` where there is none."""
    user = known.get(user_id, UserState)
    if user is None:
        raise Unauthenticated
    return user


class RegisterUser(Command, frozen=True, kw_only=True):
    creates: ClassVar[str | None] = "user_id"

    user_id: UUID
    username: str
    display_name: str
    at: datetime
    is_admin: bool = False

    def check(self) -> None:
        check_username(self.username)
        check_text(self.display_name, "display_name", at_least=1, at_most=DISPLAY_NAME_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.user_id, user_name_id(self.username)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        claim_id = user_name_id(self.username)
        claim = known.get(claim_id, NameState)
        if claim is not None and claim.holder_id is not None:
            raise NameTaken(f"The user name {self.username} is taken.", field="username")
        registered = UserRegistered(
            user_id=self.user_id,
            username=self.username,
            display_name=self.display_name,
            registered_at=self.at,
            is_admin=self.is_admin,
        )
        claimed = NameClaimed(name=self.username, holder_id=self.user_id, at=self.at)
        return NewEvent(self.user_id, registered, WORKSPACE_FEED), NewEvent(claim_id, claimed)

    def repeats(self, first: Recorded, known: Loaded) -> None:
        if not isinstance(first.event, UserRegistered) or first.event.username != self.username:
            raise Conflict(f"The user id of {self.username} belongs to another person.", field="user_id")


class ChangeProfile(Command, frozen=True, kw_only=True):
    """Set what is given; None leaves as it is."""

    user_id: UUID
    at: datetime
    display_name: str | None = None
    status_text: str | None = None

    def check(self) -> None:
        if self.display_name is not None:
            check_text(self.display_name, "display_name", at_least=1, at_most=DISPLAY_NAME_MAX_CHARACTERS)
        if self.status_text is not None:
            check_text(self.status_text, "status_text", at_most=STATUS_TEXT_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.user_id,))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        user = active_user(known, self.user_id)
        events: list[Event] = []
        if self.display_name not in (None, user.display_name):
            events.append(ProfileChanged(user_id=self.user_id, display_name=self.display_name or "", at=self.at))
        if self.status_text not in (None, user.status_text):
            events.append(StatusTextSet(user_id=self.user_id, status_text=self.status_text or "", at=self.at))
        return [NewEvent(self.user_id, event, WORKSPACE_FEED) for event in events]
