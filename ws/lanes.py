"""In which lane a command waits: that of its channel, or while nobody knows the channel of its message, one of its own."""

from uuid import UUID

from ws import frames, session
from ws.follower import Services

_AboutMessage = frames.EditMessage | frames.DeleteMessage | frames.AddReaction | frames.RemoveReaction
"""They name a message, not its channel."""
MESSAGE_CHANNELS_MAX = 10_000
"""Of so many messages a node remembers the channel, which never changes: about 2 MB."""


class LaneFinder:
    """Finds the lanes of the commands of one connection."""

    def __init__(self, services: Services, user_id: UUID) -> None:
        self._services = services
        self._user_id = user_id
        self._message_lanes: dict[UUID, tuple[UUID, int]] = {}
        """Of a message: the lane of its commands, and how many of them wait or are under way."""

    def known(self, frame: frames.ClientFrame) -> UUID | None:
        """The channel that the command is about; None where only a message is named, whose channel is not known here."""
        if isinstance(frame, _AboutMessage):
            known = self._services.message_channels.get(frame.message_id)
            if known is None and frame.message_id not in self._message_lanes:
                return None
            # that of its posting, while that is under way
            return self._message_lane(frame.message_id, known or frame.message_id)
        match frame:
            case frames.Message(channel_id, message_id):
                return self._message_lane(message_id, channel_id)
            case frames.MarkRead(_, None, UUID() as parent_id) | frames.MarkUnread(_, None, UUID() as parent_id):
                return self._services.message_channels.get(parent_id)
            case frames.MarkRead() | frames.MarkUnread():
                return frame.channel_id or self._user_id
            case frames.JoinChannel() | frames.LeaveChannel():
                return frame.channel_id
        raise AssertionError(f"{type(frame).__name__} is no command")

    async def find(self, run: session.Run) -> UUID:
        """Like `known`, looked up in the log where need be. Of a message that nobody knows, its id."""
        lane_id = self.known(run.frame)
        if lane_id is not None:
            return lane_id
        if isinstance(run.frame, _AboutMessage):
            message_id = run.frame.message_id
            return self._message_lane(message_id, await self.channel_of(message_id) or message_id)
        match run.frame:
            case frames.MarkRead(_, None, UUID() as parent_id) | frames.MarkUnread(_, None, UUID() as parent_id):
                return await self.channel_of(parent_id) or parent_id
        raise AssertionError(f"{type(run.frame).__name__} names its channel")

    async def channel_of(self, message_id: UUID) -> UUID | None:
        """The channel of a message, remembered by the node or looked up in the log."""
        known = self._services.message_channels
        channel_id = known.get(message_id)
        if channel_id is None:
            channel_id = await self._services.reader.message_channel(message_id)
            if channel_id is not None:
                if len(known) >= MESSAGE_CHANNELS_MAX:
                    known.popitem(last=False)
                known[message_id] = channel_id
        return channel_id

    def _message_lane(self, message_id: UUID, otherwise: UUID) -> UUID:
        lane_id, waiting = self._message_lanes.get(message_id, (otherwise, 0))
        self._message_lanes[message_id] = (lane_id, waiting + 1)
        return lane_id

    def done(self, frame: frames.ClientFrame) -> None:
        """A command that was given a lane is over."""
        if isinstance(frame, frames.Message | _AboutMessage):
            lane_id, waiting = self._message_lanes.pop(frame.message_id)
            if waiting > 1:
                self._message_lanes[frame.message_id] = (lane_id, waiting - 1)
