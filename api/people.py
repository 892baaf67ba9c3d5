"""People: oneself, and others."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, patch
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.freshness import MinPosition, reading
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.requests import ApiRequest, Body, now
from domain.errors import NotFound
from domain.user import ChangeProfile
from projections import people


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person, as everyone sees them."""

    user_id: UUID
    username: str
    display_name: str
    status_text: str = ""
    is_admin: bool = False
    """Of the whole server."""


class ChangedUser(User, frozen=True, kw_only=True):
    """A person after a change."""

    position: int


class Users(msgspec.Struct, frozen=True, kw_only=True):
    """A page of people, by user name."""

    users: list[User]
    next_cursor: str | None


class Profile(Body, frozen=True):
    """What to change; the rest stays."""

    display_name: str | UnsetType = UNSET
    status_text: str | UnsetType = UNSET


def to_user(row: people.UserRow) -> User:
    """A row of the view as everyone may see it."""
    return User(
        user_id=row.user_id,
        username=row.username,
        display_name=row.display_name,
        status_text=row.status_text,
        is_admin=row.is_admin,
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
    min_position: MinPosition = 0,
) -> Response[Users]:
    """People whose user name or display name begins so; all without it."""
    after = from_cursor(cursor, people.UsersAfter)
    async with reading(request, min_position) as view:
        rows, further = await people.users(view.connection, text, after=after, limit=limit)
    next_cursor = to_cursor(further) if further is not None else None
    return view.answer(Users(users=[to_user(row) for row in rows], next_cursor=next_cursor))
