"""All calls of REST: `SermoRest`. Here are those about messages, files, what is read, and search."""

from collections.abc import AsyncIterable
from typing import Any
from urllib.parse import quote

from sermo_client import models
from sermo_client.channel_calls import ChannelCalls, _given, _key
from sermo_client.ids import new_id
from sermo_client.models import Id


class SermoRest(ChannelCalls):
    """Every call of one person; `call` makes those that have no method yet."""

    # Messages

    async def post(
        self,
        channel_id: Id,
        content: str,
        *,
        parent_id: Id | None = None,
        also_to_channel: bool | None = None,
        attachment_ids: list[Id] | None = None,
        message_id: Id | None = None,
    ) -> models.Message:
        """Post a message. The same `message_id` again is the same message."""
        body = _given(
            message_id=message_id or new_id(),
            content=content,
            parent_id=parent_id,
            also_to_channel=also_to_channel,
            attachment_ids=attachment_ids,
        )
        return await self.call("POST", f"/channels/{channel_id}/messages", models.Message, body=body)

    async def messages(
        self,
        channel_id: Id,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int | None = None,
        min_position: int | None = None,
    ) -> models.Page:
        """A page of the channel, by seq; the newest where none is named."""
        params = _given(before=before, after=after, around=around, limit=limit, min_position=min_position)
        return await self.call("GET", f"/channels/{channel_id}/messages", models.Page, params=params)

    async def replies(
        self, message_id: Id, *, before: int | None = None, after: int | None = None, limit: int | None = None
    ) -> models.Page:
        """A page of a thread."""
        params = _given(before=before, after=after, limit=limit)
        return await self.call("GET", f"/messages/{message_id}/replies", models.Page, params=params)

    async def message(self, message_id: Id, *, min_position: int | None = None) -> models.Message:
        """One message."""
        return await self.call("GET", f"/messages/{message_id}", models.Message, params={"min_position": min_position})

    async def history(self, message_id: Id) -> list[models.Version]:
        """What it said, oldest first."""
        return await self._all(f"/messages/{message_id}/history", "versions", models.Version)

    async def edit_message(self, message_id: Id, content: str) -> models.Message:
        """Change its content."""
        return await self.call("PATCH", f"/messages/{message_id}", models.Message, body={"content": content})

    async def delete_message(self, message_id: Id) -> int:
        """Delete it; the position."""
        return await self._done("DELETE", f"/messages/{message_id}")

    async def report_message(self, message_id: Id, reason: str) -> None:
        """Tell the server's admins of it."""
        await self.call(
            "POST", f"/messages/{message_id}/report", dict[str, Any], body={"reason": reason}, headers=_key()
        )

    async def pin(self, message_id: Id) -> int:
        """Pin it; the position."""
        return await self._done("PUT", f"/messages/{message_id}/pin")

    async def unpin(self, message_id: Id) -> int:
        """Take the pin back; the position."""
        return await self._done("DELETE", f"/messages/{message_id}/pin")

    async def pins(self, channel_id: Id) -> list[models.Message]:
        """What is pinned, newest pin first."""
        return await self._all(f"/channels/{channel_id}/pins", "messages", models.Message)

    async def react(self, message_id: Id, emoji: str) -> int:
        """Put an emoji on it; the position."""
        return await self._done("PUT", f"/messages/{message_id}/reactions/{quote(emoji, safe='')}")

    async def unreact(self, message_id: Id, emoji: str) -> int:
        """Take an emoji back; the position."""
        return await self._done("DELETE", f"/messages/{message_id}/reactions/{quote(emoji, safe='')}")

    async def who_reacted(self, message_id: Id, emoji: str) -> list[models.WhoReacted]:
        """Who has put this emoji on it."""
        path = f"/messages/{message_id}/reactions"
        return await self._all(path, "reactions", models.WhoReacted, emoji=emoji)

    # Files

    async def upload(
        self,
        channel_id: Id,
        name: str,
        content: bytes | AsyncIterable[bytes],
        media_type: str = "application/octet-stream",
        *,
        attachment_id: Id | None = None,
    ) -> models.Uploaded:
        """Upload a file for a message of this channel."""
        return await self.call(
            "POST",
            f"/channels/{channel_id}/attachments",
            models.Uploaded,
            content=content,
            params={"name": name, "attachment_id": attachment_id or new_id()},
            headers={"Content-Type": media_type},
        )

    async def download(self, attachment_id: Id) -> bytes:
        """A file's content."""
        return (await self.request("GET", f"/attachments/{attachment_id}")).content

    # What is read

    async def snapshot(self, *, min_position: int | None = None) -> models.Snapshot:
        """My channels, and the position from which a connection goes on."""
        return await self.call("GET", "/me/channels", models.Snapshot, params={"min_position": min_position})

    async def unread(self) -> models.Unread:
        """How much is unread in all."""
        return await self.call("GET", "/me/unread", models.Unread)

    async def threads(self, *, unread: bool | None = None) -> list[models.Thread]:
        """The threads that I follow."""
        return await self._all("/me/threads", "threads", models.Thread, unread=unread)

    async def mark_read(self, channel_id: Id, seq: int) -> int:
        """Everything up to `seq` is read; the position."""
        return await self._done("PUT", f"/channels/{channel_id}/read", body={"seq": seq})

    async def mark_unread(self, channel_id: Id, seq: int) -> int:
        """This message and what follows is unread again; the position."""
        return await self._done("POST", f"/channels/{channel_id}/unread", body={"seq": seq}, headers=_key())

    async def mark_thread_read(self, message_id: Id, seq: int) -> int:
        """The same for a thread."""
        return await self._done("PUT", f"/threads/{message_id}/read", body={"seq": seq})

    async def mark_thread_unread(self, message_id: Id, seq: int) -> int:
        """The same for a thread."""
        return await self._done("POST", f"/threads/{message_id}/unread", body={"seq": seq}, headers=_key())

    async def follow_thread(self, message_id: Id) -> int:
        """Follow a thread; the position."""
        return await self._done("PUT", f"/threads/{message_id}/follow")

    async def unfollow_thread(self, message_id: Id) -> int:
        """Follow it no more; the position."""
        return await self._done("DELETE", f"/threads/{message_id}/follow")

    async def set_level(self, channel_id: Id, level: str) -> int:
        """Be told of all, mentions, or nothing (muted); the position."""
        return await self._done("PUT", f"/channels/{channel_id}/level", body={"level": level})

    async def search(
        self,
        q: str,
        *,
        channel_id: Id | None = None,
        author_id: Id | None = None,
        has: str | None = None,
        sort: str | None = None,
        limit: int = 50,
    ) -> list[models.Result]:
        """Messages that match, the first `limit` (at most 100)."""
        params = _given(q=q, channel_id=channel_id, author_id=author_id, has=has, sort=sort, limit=limit)
        answer = await self.call("GET", "/search", dict[str, Any], params=params)
        return models.convert(answer["results"], models.Result)
