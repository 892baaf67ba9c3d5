"""Which attachments nobody needs any more: no message took them in time, or their message or channel was deleted."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.attachment import AttachmentCollected, AttachmentState
from domain.channel_state import ChannelState
from domain.decider import Command, Loaded, Needs, NewEvent
from domain.message import MessageState


class CollectAttachment(Command, frozen=True, kw_only=True):
    """Give an attachment up, if nobody needs it. The server's own command: no person asks for it."""

    attachment_id: UUID
    uploaded_before: datetime
    """What waits for a message since then is given up."""
    at: datetime

    def needs(self, known: Loaded) -> Needs:
        attachment = known.get(self.attachment_id, AttachmentState)
        if attachment is None:
            return Needs((self.attachment_id,))
        # A deletion is for ever, so these need not stand still.
        message = () if attachment.message_id is None else (attachment.message_id,)
        return Needs((self.attachment_id,), (attachment.channel_id, *message))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        attachment = known.get(self.attachment_id, AttachmentState)
        if attachment is None or attachment.is_collected or self._is_needed(known, attachment):
            return ()
        return (NewEvent(self.attachment_id, AttachmentCollected(at=self.at)),)

    def _is_needed(self, known: Loaded, attachment: AttachmentState) -> bool:
        channel = known.get(attachment.channel_id, ChannelState)
        if channel is not None and channel.is_deleted:
            return False
        if attachment.message_id is None:
            return attachment.uploaded_at >= self.uploaded_before
        message = known.get(attachment.message_id, MessageState)
        return message is None or not message.is_deleted
