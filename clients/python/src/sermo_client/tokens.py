"""Where access tokens come from. Each kind answers two questions: which token now, and which one instead of this."""

import asyncio
import base64
import binascii
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

RENEW_AT = 0.8
"""A token is renewed when so much of its life is over."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """What a login or a refresh answers."""

    access_token: str
    refresh_token: str
    expires_in: float


class Tokens(Protocol):
    """A source of access tokens of one person."""

    async def current(self) -> str:
        """The token to use now. Raises `Unauthenticated` or `Unreachable`."""
        ...

    async def instead_of(self, token: str) -> str | None:
        """Another one, since this was refused or runs out; None where there is no way to get one."""
        ...

    def renew_in_s(self) -> float | None:
        """When the token should be renewed; None where that is not known."""
        ...


class FixedToken:
    """One token, until the application sets another."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def current(self) -> str:
        """The token."""
        return self.token

    async def instead_of(self, token: str) -> str | None:
        """Another one where the application has set it meanwhile."""
        return self.token if self.token != token else None

    def renew_in_s(self) -> float | None:
        """Not known."""
        return None


class CallbackToken:
    """The application's function is asked whenever a token is needed."""

    def __init__(self, callback: Callable[[], Awaitable[str]]) -> None:
        self._callback = callback
        self._token: str | None = None
        self._renewing = asyncio.Lock()

    async def current(self) -> str:
        """The last one that the function gave."""
        async with self._renewing:
            if self._token is None:
                self._token = await self._callback()
            return self._token

    async def instead_of(self, token: str) -> str | None:
        """Ask the function again, unless that was done meanwhile."""
        async with self._renewing:
            if self._token in (None, token):
                self._token = await self._callback()
            return self._token if self._token != token else None

    def renew_in_s(self) -> float | None:
        """As far as the token says it."""
        return _seconds_left(self._token)


class RefreshedToken:
    """A pair from a login, which is refreshed by itself. `on_pair` is told of every new pair before its use, to keep it."""

    def __init__(
        self,
        refresh: Callable[[str], Awaitable[Pair]],
        refresh_token: str,
        access_token: str | None = None,
        *,
        on_pair: Callable[[Pair], Awaitable[None]] | None = None,
    ) -> None:
        self._refresh = refresh
        self._refresh_token = refresh_token
        self._token = access_token
        self._on_pair = on_pair
        self._renewing = asyncio.Lock()

    async def current(self) -> str:
        """The access token; the first one is fetched."""
        return self._token if self._token is not None else await self._renew(None)

    async def instead_of(self, token: str) -> str | None:
        """Refresh, once for all who ask."""
        return await self._renew(token)

    def renew_in_s(self) -> float | None:
        """As far as the token says it."""
        return _seconds_left(self._token)

    async def _renew(self, old: str | None) -> str:
        async with self._renewing:
            if self._token is None or self._token == old:
                pair = await self._refresh(self._refresh_token)
                self._refresh_token = pair.refresh_token
                if self._on_pair is not None:
                    await self._on_pair(pair)
                self._token = pair.access_token
            return self._token


class _Claims(msgspec.Struct):
    sub: str | None = None
    iat: float | None = None
    exp: float | None = None


def claims(token: str) -> _Claims:
    """What a token says of itself, unverified: of one that says nothing, nothing."""
    try:
        payload = token.split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (IndexError, ValueError, binascii.Error, msgspec.DecodeError):
        return _Claims()


def _seconds_left(token: str | None) -> float | None:
    said = claims(token or "")
    if said.exp is None:
        return None
    life = said.exp - said.iat if said.iat is not None else 60.0
    return max(0.0, said.exp - life * (1 - RENEW_AT) - time.time())
