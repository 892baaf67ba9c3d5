"""`FakeServer`: Sermo's protocol over a real loopback socket, in memory, with faults on demand. For tests of bots and programs.

async with FakeServer() as server:
    ann, bot = server.person("ann"), server.person("bot")
    channel_id = server.channel("general", ann, bot)
    ...                                     # start the bot with server.url and bot.token
    server.say(ann, channel_id, "hello")
    server.faults.drop_after = 3            # and so on: see `Faults`
"""

from typing import Any
from uuid import UUID

import msgspec

from sermo_client.ids import new_id
from sermo_client.testing.conversation import Conversation
from sermo_client.testing.faults import Faults
from sermo_client.testing.rest import answer
from sermo_client.testing.wire import Call, Socket, WireServer
from sermo_client.testing.world import Json, Person, Post, World


class FakeServer:
    """A server for the time of a block, or between `start` and `stop`; what it knows outlives a stop."""

    def __init__(self) -> None:
        self.world = World()
        self.faults = Faults()
        self.conversations: list[Conversation] = []
        """The connections that are open."""
        self.commands: list[tuple[str, Json]] = []
        """Every frame that has come, with its data."""
        self._wire = WireServer(self._answer, self._talk)

    @property
    def url(self) -> str:
        """What a client takes."""
        return self._wire.url

    async def start(self) -> None:
        """Listen."""
        await self._wire.start()

    async def stop(self) -> None:
        """Break every connection, and take no new one until `start`."""
        await self._wire.stop()

    async def __aenter__(self) -> "FakeServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # People, and what they do

    def person(self, username: str) -> Person:
        """A new person."""
        person = self.world.person(username)
        self.tell()
        return person

    def channel(self, name: str, *members: Person, kind: str = "public") -> UUID:
        """A new channel; the first member owns it."""
        channel_id = self.world.channel(name, *members, kind=kind)
        self.tell()
        return channel_id

    def say(self, person: Person, channel_id: UUID, content: str, **more: Any) -> Post:
        """A message of this person's."""
        message = {"message_id": str(new_id()), "channel_id": str(channel_id), "content": content, **more}
        post, _ = self.world.post(person.user_id, message)
        self.tell()
        return post

    def messages(self, channel_id: UUID) -> list[str]:
        """What has been said there, in order."""
        posts = (post for post in self.world.posts.values() if post.channel_id == channel_id)
        return [post.content for post in sorted(posts, key=lambda post: post.seq)]

    def tell(self) -> None:
        """Send everybody what is new; after a change to `world`."""
        for conversation in self.conversations:
            conversation.wake()

    # Faults of whole connections

    def reset(self) -> None:
        """Break every connection now; new ones are let in."""
        for conversation in list(self.conversations):
            conversation.socket.reset()

    def close_all(self, code: int, *, retry_after_ms: int | None = None) -> None:
        """Close every connection with this code."""
        reason = {"code": "test", "retry_after_ms": retry_after_ms} if retry_after_ms is not None else None
        text = msgspec.json.encode(reason).decode() if reason is not None else ""
        for conversation in list(self.conversations):
            conversation.socket.begin_close(code, text)

    # Inside

    async def _answer(self, call: Call) -> tuple[int, Any]:
        return answer(self.world, call)

    async def _talk(self, socket: Socket) -> None:
        conversation = Conversation(self.world, self.faults, socket, self.commands, self.tell)
        self.conversations.append(conversation)
        try:
            await conversation.run()
        finally:
            self.conversations.remove(conversation)
