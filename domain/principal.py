"""Who is asking: the one thing that `api` and `ws` know of a person before anything is decided."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """A person who has shown a valid token or ticket."""

    user_id: UUID
    expires_at: datetime
    """When the access token ends; a connection asks for a new one then."""
    family_id: UUID | None = None
    """The login that the token came of."""


class Auth(Protocol):
    """Tells who is asking. Safe to call from any task of the event loop."""

    async def authenticate(self, token: str) -> Principal:
        """The bearer of an access token. Raises `Unauthenticated`, also for who was deactivated, or `TokenExpired`. Cost: no I/O
        but for a new signing key.
        """
        ...

    def is_active(self, user_id: UUID) -> bool:
        """Whether the person has not been deactivated, as far as this node has followed the log."""
        ...

    async def create_events_session(self, principal: Principal) -> str:
        """What a browser's event stream shows instead of a token, as long as the login lasts. Raises `Unauthenticated`."""
        ...

    async def redeem_events_session(self, session: str) -> Principal:
        """The owner of an events session. Raises `Unauthenticated`, also when the login was ended. Cost: one statement."""
        ...

    async def redeem_ticket(self, ticket: str) -> Principal:
        """The owner of a ticket, which is used up by this. Raises `Unauthenticated`. Cost: one statement."""
        ...
