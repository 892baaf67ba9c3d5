"""Builders: the chat that most tests begin with, made through the one port to the log."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

from domain.channel import ChangeChannel, CreateChannel
from domain.channel_state import ChannelKind
from domain.decider import Execute, Outcome
from domain.membership import JoinChannel
from domain.message import PostMessage
from domain.user import RegisterUser

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def new_id() -> UUID:
    """A fresh id, version 7, as clients make it."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def key_id(key: str | None) -> UUID | None:
    """The command id of a test's key."""
    return uuid.uuid5(uuid.NAMESPACE_OID, key) if key is not None else None


async def register(execute: Execute, username: str, *, is_admin: bool = False) -> UUID:
    """A person."""
    user_id = new_id()
    command = RegisterUser(user_id=user_id, username=username, display_name=username, at=AT, is_admin=is_admin)
    await execute(command)
    return user_id


@dataclass
class Chat:
    """A public channel with its owner: five events."""

    execute: Execute
    owner_id: UUID
    channel_id: UUID

    @staticmethod
    async def begin(execute: Execute, name: str = "general") -> "Chat":
        """Register the owner and make the channel."""
        owner_id = await register(execute, f"owner-of-{name}")
        channel_id = new_id()
        await execute(
            CreateChannel(
                channel_id=channel_id, kind=ChannelKind.PUBLIC, name=name, topic="", created_by=owner_id, at=AT
            )
        )
        return Chat(execute, owner_id, channel_id)

    async def post(self, content: str, *, by: UUID | None = None, execute: Execute | None = None) -> UUID:
        """A message of a member; its id."""
        message_id = new_id()
        await (execute or self.execute)(self.message(content, by=by, message_id=message_id))
        return message_id

    def message(self, content: str, *, by: UUID | None = None, message_id: UUID | None = None) -> PostMessage:
        """The command to post."""
        return PostMessage(
            message_id=message_id or new_id(),
            channel_id=self.channel_id,
            author_id=by or self.owner_id,
            content=content,
            at=AT,
        )

    async def add_member(self, username: str) -> UUID:
        """A new person who has joined; the id."""
        user_id = await register(self.execute, username)
        await self.execute(JoinChannel(channel_id=self.channel_id, user_id=user_id, at=AT))
        return user_id

    async def rename(self, name: str, *, key: str | None = None) -> Outcome:
        """Three events in one command."""
        command = ChangeChannel(channel_id=self.channel_id, by=self.owner_id, at=AT, name=name)
        return await self.execute(command, command_id=key_id(key), command_hash=b"h" if key else None)
