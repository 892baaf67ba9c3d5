"""Registering, logging in, and the tokens that follow (RFC 6750 bearer tokens)."""

import msgspec
from litestar import Response, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody

from api.freshness import written
from api.people import User
from api.requests import EVENTS_COOKIE, ApiRequest, Body, client_address
from api.services import Session
from api.texts import DisplayName, Password, Username
from domain.ids import fold_name


class Register(Body, frozen=True):
    username: Username
    password: Password
    display_name: DisplayName | None = None
    """The user name, where it is left out."""


class Login(Body, frozen=True):
    username: str
    password: str


class RefreshToken(Body, frozen=True):
    refresh_token: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is now."""

    user: User
    access_token: str
    refresh_token: str
    """Works once, and for 30 s more with the same answer."""
    expires_in: int
    """Seconds that the access token is good for."""
    position: int


class Empty(msgspec.Struct, frozen=True):
    """Nothing to say."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    ticket: str
    """Good for one socket, within 30 s."""


def _tokens(session: Session) -> Tokens:
    user = session.user
    return Tokens(
        user=User(
            user_id=user.user_id,
            username=user.username,
            display_name=user.display_name,
            status_text=user.status_text,
            is_admin=user.is_admin,
        ),
        access_token=session.access_token,
        refresh_token=session.refresh_token,
        expires_in=session.expires_in,
        position=session.position,
    )


@post("/auth/register", tags=["auth"], security=[{}])
async def register(request: ApiRequest, data: JSONBody[Register]) -> Response[Tokens]:
    """Make a person with a user name that nobody has."""
    display_name = data.username if data.display_name is None else data.display_name
    session = await request.services.auth.register(data.username, data.password, display_name)
    return written(_tokens(session), session.position, status=201)


@post("/auth/login", tags=["auth"], status_code=200, security=[{}])
async def login(request: ApiRequest, data: JSONBody[Login]) -> Tokens:
    """Tokens for a user name and its password."""
    limits, guess = request.services.limits, (client_address(request), fold_name(data.username))
    limits.take("failed_logins", guess)  # before it is known, so that many at once are counted too
    session = await request.services.auth.login(data.username, data.password)
    limits.forget("failed_logins", guess)
    return _tokens(session)


@post("/auth/refresh", tags=["auth"], status_code=200, security=[{}])
async def refresh(request: ApiRequest, data: JSONBody[RefreshToken]) -> Tokens:
    """New tokens for a refresh token. Using it again after 30 s ends every token that came of the same login."""
    return _tokens(await request.services.auth.refresh(data.refresh_token))


@post("/auth/logout", tags=["auth"], status_code=200, security=[{}])
async def logout(request: ApiRequest, data: JSONBody[RefreshToken]) -> Empty:
    """End the login that the refresh token came of. Access tokens stay good until they expire."""
    await request.services.auth.logout(data.refresh_token)
    return Empty()


@post("/ws-ticket", tags=["auth"], status_code=200)
async def create_ticket(request: ApiRequest) -> Ticket:
    """A ticket for opening a socket from a browser, which cannot send headers there."""
    return Ticket(ticket=await request.services.auth.create_ticket(request.user))


@post("/events-session", tags=["auth"], status_code=200)
async def create_events_session(request: ApiRequest) -> Response[Empty]:
    """A cookie for a browser's EventSource, which sends no header. It ends with the login that the token came of."""
    session = await request.services.auth.create_events_session(request.user)
    cookie = Cookie(
        key=EVENTS_COOKIE,
        value=session,
        path="/v1/events",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Response(Empty(), cookies=[cookie])
