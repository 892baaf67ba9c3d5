"""People: registered, with a profile; server admins; deactivated and reactivated. Their user names are held by name claims
(`domain/name_claim.py`), also while they are deactivated.

A server keeps an active admin. As with a channel's owners (`domain/membership.py`), a command that takes one away names a
witness: another admin, on whose stream the decision relies.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded, State
from domain.errors import Conflict, Forbidden, LastAdmin, NameTaken, NotFound, Unauthenticated
from domain.ids import WORKSPACE_FEED, fold_name, user_name_id
from domain.mentions import EVERYBODY
from domain.name_claim import NameClaimed, NameState
from domain.text import STATUS_TEXT_MAX_CHARACTERS, check_display_name, check_text, check_username


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


class UserDeactivated(Event, frozen=True, kw_only=True):
    user_id: UUID
    at: datetime
    by: UUID | None = None
    """None for the server's operator, at the command line."""


class UserReactivated(Event, frozen=True, kw_only=True):
    user_id: UUID
    at: datetime
    by: UUID | None = None


class AdminSet(Event, frozen=True, kw_only=True):
    """The person became a server admin, or is one no more."""

    user_id: UUID
    is_admin: bool
    at: datetime
    by: UUID | None = None


UserEvent = UserRegistered | ProfileChanged | StatusTextSet | UserDeactivated | UserReactivated | AdminSet


class UserState(State, frozen=True, kw_only=True):
    user_id: UUID
    username: str
    display_name: str
    is_admin: bool
    status_text: str = ""
    is_active: bool = True


def evolve(state: UserState | None, event: UserEvent) -> UserState:
    """The state after one more event of the stream."""
    if isinstance(event, UserRegistered):
        return UserState(
            user_id=event.user_id, username=event.username, display_name=event.display_name, is_admin=event.is_admin
        )
    assert state is not None, "a user's first event is its registration"
    match event:
        case ProfileChanged():
            return replace(state, display_name=event.display_name)
        case StatusTextSet():
            return replace(state, status_text=event.status_text)
        case AdminSet():
            return replace(state, is_admin=event.is_admin)
        case UserDeactivated() | UserReactivated():
            return replace(state, is_active=isinstance(event, UserReactivated))


def active_user(known: Loaded, user_id: UUID) -> UserState:
    """The person who acts. Raises `Unauthenticated` where there is none, or the person is deactivated."""
    user = known.get(user_id, UserState)
    if user is None or not user.is_active:
        raise Unauthenticated
    return user


def existing_user(known: Loaded, user_id: UUID, field: str = "user_id") -> UserState:
    """The person to whom something is done, deactivated or not. Raises `NotFound`."""
    user = known.get(user_id, UserState)
    if user is None:
        raise NotFound(f"There is no person {user_id}.", field=field)
    return user


def reachable_user(known: Loaded, user_id: UUID, field: str) -> UserState:
    """The person to whom something is done. Raises `NotFound`, or `Forbidden` where the person is deactivated."""
    user = existing_user(known, user_id, field)
    if not user.is_active:
        raise Forbidden("This person is deactivated.")
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
        check_display_name(self.display_name)

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.user_id, user_name_id(self.username)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        claim_id = user_name_id(self.username)
        claim = known.get(claim_id, NameState)
        if fold_name(self.username) == EVERYBODY or (claim is not None and claim.holder_id is not None):
            # Here, not in `check`: an import then gives such a person another name.
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
            check_display_name(self.display_name)
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


class _OfAPerson(Command, frozen=True, kw_only=True):
    """Something that a server admin does to a person, or the operator at the command line (`by` is None)."""

    user_id: UUID
    by: UUID | None
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        return Needs(tuple(dict.fromkeys((self.user_id, *(() if self.by is None else (self.by,))))))

    def _person(self, known: Loaded, *, may_oneself: bool = False) -> UserState:
        is_admin = self.by is None or active_user(known, self.by).is_admin
        if not is_admin and not (may_oneself and self.by == self.user_id):
            raise Forbidden("This is for server admins.")
        return existing_user(known, self.user_id)


class _KeepsAnAdmin(_OfAPerson, frozen=True, kw_only=True):
    witness_id: UUID | None = None
    """Another active server admin, where one goes."""

    def needs(self, known: Loaded) -> Needs:
        relied = (*super().needs(known).relied, *(() if self.witness_id is None else (self.witness_id,)))
        return Needs(tuple(dict.fromkeys(relied)))

    def _check_admin_stays(self, known: Loaded, going: UserState) -> None:
        if not going.is_admin or not going.is_active:
            return
        for user_id in (self.by, self.witness_id):
            witness = known.get(user_id, UserState) if user_id is not None and user_id != self.user_id else None
            if witness is not None and witness.is_admin and witness.is_active:
                return
        raise LastAdmin


class DeactivateUser(_KeepsAnAdmin, frozen=True, kw_only=True):
    """Shut a person out; what they have said stays, and so do their name and memberships."""

    is_own_wish: bool = False
    """The person asks, and has shown the password: a token alone ends no account."""

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        user = self._person(known, may_oneself=self.is_own_wish)
        if not user.is_active:
            return ()
        self._check_admin_stays(known, user)
        return (NewEvent(self.user_id, UserDeactivated(user_id=self.user_id, at=self.at, by=self.by), WORKSPACE_FEED),)


class ReactivateUser(_OfAPerson, frozen=True, kw_only=True):
    """Let a person in again, who logs in with the password as ever."""

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        if self._person(known).is_active:
            return ()
        return (NewEvent(self.user_id, UserReactivated(user_id=self.user_id, at=self.at, by=self.by), WORKSPACE_FEED),)


class SetAdmin(_KeepsAnAdmin, frozen=True, kw_only=True):
    """Make a person a server admin, or one no more."""

    is_admin: bool

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        user = self._person(known)
        if user.is_admin == self.is_admin:
            return ()
        self._check_admin_stays(known, user)
        changed = AdminSet(user_id=self.user_id, is_admin=self.is_admin, at=self.at, by=self.by)
        return (NewEvent(self.user_id, changed, WORKSPACE_FEED),)
