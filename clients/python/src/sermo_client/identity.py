"""Who a client is: where its tokens come from, how they are kept fresh, and whose cursor and outbox it has."""

import asyncio
from collections.abc import Awaitable, Callable

from sermo_client.calls import SermoRest
from sermo_client.errors import SermoError, Unreachable
from sermo_client.link import Link
from sermo_client.tokens import CallbackToken, FixedToken, Pair, RefreshedToken, Tokens, claims

RETRY_S = 1.0
OFTEN_S = 0.5
"""A token is renewed no more often."""


class Identity:
    """Of one client; the first kind of token that is given is taken."""

    def __init__(
        self,
        rest: SermoRest,
        *,
        tokens: Tokens | None,
        token: str | Callable[[], Awaitable[str]] | None,
        refresh_token: str | None,
        on_tokens: Callable[[Pair], Awaitable[None]] | None,
        username: str | None,
        password: str | None,
        account: str | None,
    ) -> None:
        self._rest = rest
        self._account = account
        self._password = (username or "", password or "")
        if tokens is None and refresh_token is not None:
            access_token = token if isinstance(token, str) else None
            tokens = RefreshedToken(self._refresh, refresh_token, access_token, on_pair=on_tokens)
        elif tokens is None and isinstance(token, str):
            tokens = FixedToken(token)
        elif tokens is None and callable(token):
            tokens = CallbackToken(token)
        elif tokens is None and username is not None:
            tokens = CallbackToken(self._login)
            self._account = account or f"{username}@{rest.url}"
        self.tokens = rest.tokens = tokens

    async def find_account(self) -> str:
        """Whose the cursor and the outbox are. The token says it, or the server: as long as that cannot be reached, nobody
        knows. Raises `Unauthenticated`.
        """
        while self._account is None and self.tokens is not None:
            try:
                self._account = claims(await self.tokens.current()).sub or str((await self._rest.me()).user_id)
            except Unreachable:
                await asyncio.sleep(RETRY_S)
        return self._account or "nobody"

    async def keep_fresh(self, link: Link) -> None:
        """Renew the token before it runs out, on the living connection too."""
        await link.wait_live()
        while self.tokens is not None and (delay_s := self.tokens.renew_in_s()) is not None:
            await asyncio.sleep(max(delay_s, OFTEN_S))
            try:
                renewed = await self.tokens.instead_of(await self.tokens.current())
                if renewed is not None:
                    await link.renew(renewed)
            except SermoError:
                await asyncio.sleep(RETRY_S)  # the connection's own end will tell

    async def _refresh(self, refresh_token: str) -> Pair:
        found = await self._rest.refresh(refresh_token)
        return Pair(access_token=found.access_token, refresh_token=found.refresh_token, expires_in=found.expires_in)

    async def _login(self) -> str:
        return (await self._rest.login(*self._password)).access_token
