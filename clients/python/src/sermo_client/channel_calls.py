"""The calls of REST about accounts, people and channels: one method each, named by what it does."""

import uuid
from typing import Any
from uuid import UUID

from sermo_client import models
from sermo_client.ids import new_id
from sermo_client.models import Id
from sermo_client.rest import Rest


def _key() -> dict[str, str]:
    """An idempotency key: what is tried again is done once."""
    return {"Idempotency-Key": str(uuid.uuid4())}


class ChannelCalls(Rest):
    """Accounts, people, channels, members, invitations."""

    # Accounts

    async def register(self, username: str, password: str, display_name: str | None = None) -> models.Login:
        """A new account, logged in."""
        body = _given(username=username, password=password, display_name=display_name)
        return await self._auth("register", body, models.Login)

    async def login(self, username: str, password: str) -> models.Login:
        """Tokens for a password."""
        return await self._auth("login", {"username": username, "password": password}, models.Login)

    async def refresh(self, refresh_token: str) -> models.Login:
        """New tokens for a refresh token, which then ends."""
        return await self._auth("refresh", {"refresh_token": refresh_token}, models.Login)

    async def logout(self, refresh_token: str) -> None:
        """End the login."""
        await self._auth("logout", {"refresh_token": refresh_token}, models.Done)

    async def ws_ticket(self) -> str:
        """A ticket for one socket, good for 30 s."""
        return (await self.call("POST", "/ws-ticket", _Ticket)).ticket

    async def _auth(self, what: str, body: dict[str, Any], answer: type[models.T]) -> models.T:
        return await self.call(
            "POST", f"/auth/{what}", answer, body=body, is_repeatable=what == "refresh", needs_token=False
        )

    # People

    async def me(self) -> models.User:
        """Who I am."""
        return await self.call("GET", "/me", models.User)

    async def change_me(self, display_name: str | None = None, status_text: str | None = None) -> models.User:
        """Change my profile."""
        body = _given(display_name=display_name, status_text=status_text)
        return await self.call("PATCH", "/me", models.User, body=body)

    async def deactivate_me(self, password: str) -> int:
        """The end of my account's use, and of every token of mine; the position."""
        body = {"password": password}
        return (await self.call("POST", "/me/deactivate", models.Done, body=body, is_repeatable=False)).position

    async def user(self, user_id: Id) -> models.User:
        """Somebody."""
        return await self.call("GET", f"/users/{user_id}", models.User)

    async def users(self, query: str | None = None) -> list[models.User]:
        """The directory; `query` is the beginning of a name."""
        return await self._all("/users", "users", models.User, query=query)

    async def block(self, user_id: Id) -> int:
        """Block somebody; the position."""
        return await self._done("PUT", f"/users/{user_id}/block")

    async def unblock(self, user_id: Id) -> int:
        """Block somebody no more; the position."""
        return await self._done("DELETE", f"/users/{user_id}/block")

    async def blocks(self) -> list[models.Block]:
        """Whom I block."""
        return await self._all("/me/blocks", "blocks", models.Block)

    # Channels

    async def make_channel(
        self, name: str, kind: str = "public", topic: str | None = None, *, channel_id: Id | None = None
    ) -> models.Channel:
        """A new channel of mine."""
        body = _given(kind=kind, name=name, topic=topic, channel_id=channel_id or new_id())
        return await self.call("POST", "/channels", models.Channel, body=body)

    async def make_direct(self, *user_ids: Id) -> models.Channel:
        """The direct channel with these people."""
        return await self.call("POST", "/directs", models.Channel, body={"user_ids": user_ids}, headers=_key())

    async def channels(self, query: str | None = None) -> list[models.Channel]:
        """The public ones and mine."""
        return await self._all("/channels", "channels", models.Channel, query=query)

    async def channel(self, channel_id: Id, *, min_position: int | None = None) -> models.Channel:
        """One channel."""
        params = {"min_position": min_position}
        return await self.call("GET", f"/channels/{channel_id}", models.Channel, params=params)

    async def change_channel(self, channel_id: Id, name: str | None = None, topic: str | None = None) -> models.Channel:
        """Rename it, or set its topic."""
        body = _given(name=name, topic=topic)
        return await self.call("PATCH", f"/channels/{channel_id}", models.Channel, body=body)

    async def delete_channel(self, channel_id: Id) -> int:
        """Delete it; the position."""
        return await self._done("DELETE", f"/channels/{channel_id}")

    async def archive_channel(self, channel_id: Id) -> int:
        """Close it to changes; the position."""
        return await self._done("POST", f"/channels/{channel_id}/archive", headers=_key())

    async def unarchive_channel(self, channel_id: Id) -> int:
        """Open it again; the position."""
        return await self._done("POST", f"/channels/{channel_id}/unarchive", headers=_key())

    async def join_channel(self, channel_id: Id) -> int:
        """Join a public channel; the position."""
        return await self._done("POST", f"/channels/{channel_id}/join", headers=_key())

    async def leave_channel(self, channel_id: Id) -> int:
        """Leave it; the position."""
        return await self._done("POST", f"/channels/{channel_id}/leave", headers=_key())

    async def members(self, channel_id: Id, *, min_position: int | None = None) -> list[models.Member]:
        """Who is in it."""
        return await self._all(f"/channels/{channel_id}/members", "members", models.Member, min_position=min_position)

    async def set_member(self, channel_id: Id, user_id: Id, role: str = "member") -> int:
        """Add a person, or change the role; the position."""
        return await self._done("PUT", f"/channels/{channel_id}/members/{user_id}", body={"role": role})

    async def remove_member(self, channel_id: Id, user_id: Id) -> int:
        """Remove a person; the position."""
        return await self._done("DELETE", f"/channels/{channel_id}/members/{user_id}")

    # Invitations

    async def invite(
        self, channel_id: Id, *, expires_in_s: int | None = None, max_uses: int | None = None
    ) -> models.Invitation:
        """A code that lets people join."""
        body = _given(expires_in_s=expires_in_s, max_uses=max_uses)
        path = f"/channels/{channel_id}/invitations"
        return await self.call("POST", path, models.Invitation, body=body, headers=_key())

    async def invitations(self, channel_id: Id) -> list[models.Invitation]:
        """Those that may still be used."""
        return await self._all(f"/channels/{channel_id}/invitations", "invitations", models.Invitation)

    async def revoke_invitation(self, channel_id: Id, invitation_id: Id) -> int:
        """End one; the position."""
        return await self._done("DELETE", f"/channels/{channel_id}/invitations/{invitation_id}")

    async def invitation(self, code: str, *, min_position: int | None = None) -> models.InvitationPreview:
        """What a code leads to."""
        params = {"min_position": min_position}
        return await self.call("GET", f"/invitations/{code}", models.InvitationPreview, params=params)

    async def accept_invitation(self, code: str) -> models.Joined:
        """Join by a code."""
        return await self.call("POST", f"/invitations/{code}/join", models.Joined, headers=_key())

    # For all of them

    async def _done(self, method: str, path: str, **options: Any) -> int:
        return (await self.call(method, path, models.Done, **options)).position

    async def _all(self, path: str, name: str, kind: type[models.T], **params: Any) -> list[models.T]:
        """Every page of a list."""
        found: list[models.T] = []
        cursor: str | None = None
        while True:
            answer = await self.call("GET", path, dict[str, Any], params={**params, "cursor": cursor, "limit": 100})
            found += models.convert(answer[name], kind)
            cursor = answer.get("next_cursor")
            if cursor is None:
                return found


class _Ticket(models.Model, frozen=True, kw_only=True):
    ticket: str


def _given(**values: Any) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value for name, value in values.items() if value is not None
    }
