"""What a person does over the socket: one method for each frame that a client sends."""

from typing import Any
from uuid import UUID

from sermo_client import control
from sermo_client.errors import Closed
from sermo_client.ids import new_id
from sermo_client.link import Link
from sermo_client.models import Id
from sermo_client.outbox import Message, Sending
from sermo_client.sending import Sender
from sermo_client.tokens import FixedToken, Tokens

TIMEOUT_S = 30.0


def _id(value: Id) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


class Commands:
    """Commands wait for a living connection, are sent again where their answer was lost, and raise `ServerRefusal` with its
    `code`, or `Unreachable` after 30 s.
    """

    tokens: Tokens | None
    _sender: Sender | None

    def __init__(self, link: Link) -> None:
        self._link = link

    async def start(self) -> None:
        """Begin to connect."""
        raise NotImplementedError

    # Messages, by the outbox

    async def send(
        self,
        channel_id: Id,
        content: str,
        *,
        parent_id: Id | None = None,
        also_to_channel: bool | None = None,
        attachment_ids: list[Id] | None = None,
        message_id: Id | None = None,
    ) -> Sending:
        """Post a message. When this returns it is in the outbox and will be sent, once, after those that were sent to this
        channel before; `await` the handle for the server's word.
        """
        await self.start()
        if self._sender is None:
            raise Closed("closed")
        message = Message(
            message_id=_id(message_id) if message_id is not None else new_id(),
            channel_id=_id(channel_id),
            content=content,
            parent_id=_id(parent_id) if parent_id is not None else None,
            also_to_channel=also_to_channel,
            attachment_ids=tuple(_id(one) for one in attachment_ids) if attachment_ids is not None else None,
        )
        return await self._sender.send(message)

    def unsent(self) -> list[Sending]:
        """The handles of all that the server has not decided about, of earlier runs too."""
        return self._sender.unsent() if self._sender is not None else []

    # Commands

    async def edit(self, message_id: Id, content: str) -> control.DoneData:
        """Change one's own message."""
        return await self._done("edit_message", message_id=message_id, content=content)

    async def delete(self, message_id: Id) -> control.DoneData:
        """Delete a message."""
        return await self._done("delete_message", message_id=message_id)

    async def react(self, message_id: Id, emoji: str) -> control.DoneData:
        """Put an emoji on a message."""
        return await self._done("add_reaction", message_id=message_id, emoji=emoji)

    async def unreact(self, message_id: Id, emoji: str) -> control.DoneData:
        """Take back one's own emoji."""
        return await self._done("remove_reaction", message_id=message_id, emoji=emoji)

    async def mark_read(
        self, seq: int, *, channel_id: Id | None = None, parent_id: Id | None = None
    ) -> control.DoneData:
        """Everything up to `seq` of a channel or a thread is read."""
        return await self._done("mark_read", seq=seq, channel_id=channel_id, parent_id=parent_id)

    async def mark_unread(
        self, seq: int, *, channel_id: Id | None = None, parent_id: Id | None = None
    ) -> control.DoneData:
        """This message and what follows is unread again."""
        return await self._done("mark_unread", seq=seq, channel_id=channel_id, parent_id=parent_id)

    async def join(self, channel_id: Id) -> control.ChannelJoinedData:
        """Join a public channel."""
        answer = await self.request("join_channel", {"channel_id": channel_id})
        assert isinstance(answer, control.ChannelJoined), answer
        return answer.data

    async def leave(self, channel_id: Id) -> control.ChannelLeftData:
        """Leave a channel. Not repeated where the answer was lost, since a second time is refused."""
        answer = await self.request("leave_channel", {"channel_id": channel_id}, is_repeatable=False)
        assert isinstance(answer, control.ChannelLeft), answer
        return answer.data

    async def ping(self) -> None:
        """Wait for the server's answer."""
        await self.request("ping", {})

    async def request(
        self, kind: str, data: dict[str, Any], *, timeout_s: float | None = TIMEOUT_S, is_repeatable: bool = True
    ) -> control.Control:
        """Send a frame of any type, also one that this version does not know, and wait for its answer."""
        await self.start()
        return await self._link.ask(kind, data, timeout_s=timeout_s, is_repeatable=is_repeatable)

    # Without an answer

    async def typing(self, channel_id: Id, parent_id: Id | None = None) -> None:
        """The person types; every 4 s while that goes on. Nothing while the connection is not live. A refusal comes as an `Error`
        among the events.
        """
        await self._link.tell("typing", _given(channel_id=channel_id, parent_id=parent_id))

    async def set_status(self, status: str) -> None:
        """Be online, away, busy or offline, on this connection and those that follow it."""
        self._link.status = status
        await self._link.tell("status_update", {"status": status})

    async def renew_token(self, token: str) -> None:
        """Give the connection another token, before the old one runs out."""
        if isinstance(self.tokens, FixedToken):
            self.tokens.token = token
        await self._link.renew(token)

    async def _done(self, kind: str, **data: Any) -> control.DoneData:
        answer = await self.request(kind, _given(**data))
        assert isinstance(answer, control.Done), answer
        return answer.data


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
