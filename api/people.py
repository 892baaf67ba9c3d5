"""People: oneself, and others."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.freshness import MinPosition, Position, done, reading
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.rendering import Time, to_time_or_none
from api.requests import ApiRequest, Body, now
from api.texts import DisplayName, StatusText
from domain.errors import Forbidden, NotFound
from domain.user import ChangeProfile, DeactivateUser, ReactivateUser
from projections import people


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as everyone sees them."""

    user_id: UUID
    username: str
    display_name: str
    status_text: str = ""
    is_admin: bool = False
    """Of the whole server."""
    deactivated_at: Time | None = None
    """Since when the person is shut out."""


class ChangedUser(User, frozen=True, kw_only=True):
    """A person after a change."""

    position: int


class Users(msgspec.Struct, frozen=True, kw_only=True):
    """A page of people, by user name."""

    users: list[User]
    next_cursor: str | None


class Profile(Body, frozen=True):
    """What to change; the rest stays."""

    display_name: DisplayName | UnsetType = UNSET
    status_text: StatusText | UnsetType = UNSET


class Farewell(Body, frozen=True):
    password: str
    """Mine, again: a token alone does not end an account."""


def to_user(row: people.UserRow) -> User:
    """A row of the view as everyone may see it."""
    return User(
        user_id=row.user_id,
        username=row.username,
        display_name=row.display_name,
        status_text=row.status_text,
        is_admin=row.is_admin,
        deactivated_at=to_time_or_none(row.deactivated_at),
    )


@get("/me", tags=["people"])
async def get_me(request: ApiRequest, min_position: MinPosition = 0) -> Response[User]:
    """Who I am."""
    return await _user(request, request.me, min_position)


@patch("/me", tags=["people"])
async def change_me(request: ApiRequest, data: JSONBody[Profile]) -> Response[ChangedUser]:
    """Change my profile."""
    command = ChangeProfile(
        user_id=request.me,
        at=now(),
        display_name=None if data.display_name is UNSET else data.display_name,
        status_text=None if data.status_text is UNSET else data.status_text,
    )
    outcome = await request.execute(command)
    async with reading(request, outcome.position) as view:
        row = await people.user(view.connection, request.me)
    if row is None:
        raise NotFound
    user = msgspec.structs.asdict(to_user(row))
    return view.answer(ChangedUser(**user, position=outcome.position), position=outcome.position)


@get("/users/{user_id:str}", tags=["people"])
async def get_user(request: ApiRequest, user_id: FromPath[UUID], min_position: MinPosition = 0) -> Response[User]:
    """One person."""
    return await _user(request, user_id, min_position)


async def _user(request: ApiRequest, user_id: UUID, min_position: int) -> Response[User]:
    async with reading(request, min_position) as view:
        row = await people.user(view.connection, user_id)
    if row is None:
        raise NotFound(f"There is no person {user_id}.", field="user_id")
    return view.answer(to_user(row))


@get("/users", tags=["people"])
async def find_users(
    request: ApiRequest,
    text: Annotated[str, QueryParameter(name="query", max_length=100, description="The beginning of a name.")] = "",
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    deactivated: Annotated[
        bool, QueryParameter(description="Those too who are deactivated. For server admins.")
    ] = False,
    min_position: MinPosition = 0,
) -> Response[Users]:
    """People whose user name or display name begins so; all without it."""
    after = from_cursor(cursor, people.UsersAfter)
    async with reading(request, min_position) as view:
        if deactivated:
            me = await people.user(view.connection, request.me)
            if me is None or not me.is_admin:
                raise Forbidden("This is for server admins.")
        rows, further = await people.users(view.connection, text, after=after, limit=limit, deactivated=deactivated)
    return view.answer(Users(users=[to_user(row) for row in rows], next_cursor=to_cursor(further)))


@post("/me/deactivate", tags=["people"], status_code=200)
async def deactivate_me(request: ApiRequest, data: JSONBody[Farewell]) -> Response[Position]:
    """End my account: every token of mine is refused from now on, and only a server admin can let me in again."""
    auth = request.services.auth
    await auth.check_password(request.me, data.password)
    # Not under an `Idempotency-Key`: its fingerprint is made of the body and stands in the log, and a password does not. Whoever
    # asks again has no token any more.
    farewell = DeactivateUser(user_id=request.me, by=request.me, at=now(), is_own_wish=True)
    outcome = await request.services.execute(farewell)
    await auth.end_logins(request.me)
    return done(outcome.position)


@post("/users/{user_id:str}/deactivate", tags=["people"], status_code=200)
async def deactivate_user(request: ApiRequest, user_id: FromPath[UUID]) -> Response[Position]:
    """Shut a person out: every token of theirs is refused from now on. For server admins."""
    outcome = await request.execute(DeactivateUser(user_id=user_id, by=request.me, at=now()))
    # A repeat, after the person was let in again, ends none of the new ones.
    shut_out_at = outcome.events[0].recorded_at if outcome.events else None
    await request.services.auth.end_logins(user_id, shut_out_at)
    return done(outcome.position)


@post("/users/{user_id:str}/reactivate", tags=["people"], status_code=200)
async def reactivate_user(request: ApiRequest, user_id: FromPath[UUID]) -> Response[Position]:
    """Let a person log in again. For server admins."""
    outcome = await request.execute(ReactivateUser(user_id=user_id, by=request.me, at=now()))
    if outcome.events and not outcome.repeated:
        # Where the deactivation was cut short before it had ended them.
        await request.services.auth.end_logins(user_id)
    return done(outcome.position)
