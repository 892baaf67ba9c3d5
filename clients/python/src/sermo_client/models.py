"""What REST answers, as far as programs need it. Unknown fields are passed over; fields that later servers may leave out
have a default.
"""

from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from sermo_client.frames import Attachment

T = TypeVar("T")


def convert(values: Any, kind: type[T]) -> list[T]:
    """A list of answers."""
    return [msgspec.convert(value, kind) for value in values]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""


class Done(Model, frozen=True, kw_only=True):
    position: int = 0


class User(Model, frozen=True, kw_only=True):
    user_id: UUID
    username: str
    display_name: str = ""
    status_text: str = ""
    is_admin: bool = False
    deactivated_at: datetime | None = None


class Login(Model, frozen=True, kw_only=True):
    user: User
    access_token: str
    refresh_token: str
    expires_in: float


class Channel(Model, frozen=True, kw_only=True):
    channel_id: UUID
    kind: str
    name: str
    topic: str = ""
    created_by: UUID
    created_at: datetime
    member_count: int = 0
    archived_at: datetime | None = None
    position: int | None = None
    """Of a write's answer."""


class Reaction(Model, frozen=True, kw_only=True):
    emoji: str
    count: int
    user_ids: tuple[UUID, ...] = ()


class Message(Model, frozen=True, kw_only=True):
    message_id: UUID
    channel_id: UUID
    seq: int
    author_id: UUID
    content: str
    created_at: datetime
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    parent_id: UUID | None = None
    also_to_channel: bool = False
    mentions: tuple[UUID, ...] = ()
    mentions_channel: bool = False
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    reply_count: int = 0
    last_reply_at: datetime | None = None
    pinned: bool = False
    position: int | None = None
    """Of a write's answer."""


class Page(Model, frozen=True, kw_only=True):
    messages: tuple[Message, ...]
    has_more_before: bool = False
    has_more_after: bool = False
    position: int = 0


class Member(Model, frozen=True, kw_only=True):
    user_id: UUID
    role: str
    joined_at: datetime


class MyChannel(Channel, frozen=True, kw_only=True):
    role: str
    level: str = "all"
    unread_count: int = 0
    unread_capped: bool = False
    mention_count: int = 0
    mention_capped: bool = False
    read_seq: int = 0
    head_seq: int = 0
    last_message: Message | None = None


class Snapshot(Model, frozen=True, kw_only=True):
    """All my channels at one position: a connection goes on from there."""

    channels: tuple[MyChannel, ...]
    position: int
    epoch: str


class Unread(Model, frozen=True, kw_only=True):
    unread_count: int
    mention_count: int
    position: int = 0


class Thread(Model, frozen=True, kw_only=True):
    message: Message
    unread_count: int = 0
    unread_capped: bool = False
    mention_count: int = 0
    read_seq: int = 0


class Version(Model, frozen=True, kw_only=True):
    content: str
    at: datetime
    by: UUID


class Uploaded(Model, frozen=True, kw_only=True):
    attachment_id: UUID
    channel_id: UUID
    name: str
    media_type: str
    size: int
    sha256: str


class Invitation(Model, frozen=True, kw_only=True):
    invitation_id: UUID
    code: str
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    max_uses: int | None = None
    uses: int = 0
    position: int | None = None
    """Of a write's answer."""


class InvitationPreview(Model, frozen=True, kw_only=True):
    channel_id: UUID
    kind: str
    name: str
    topic: str = ""
    member_count: int = 0
    expires_at: datetime


class Joined(Model, frozen=True, kw_only=True):
    channel_id: UUID
    position: int


class Block(Model, frozen=True, kw_only=True):
    user_id: UUID
    blocked_at: datetime


class WhoReacted(Model, frozen=True, kw_only=True):
    user_id: UUID
    reacted_at: datetime


class Highlight(Model, frozen=True, kw_only=True):
    text: str
    is_match: bool


class Result(Model, frozen=True, kw_only=True):
    message: Message
    highlights: tuple[Highlight, ...] = ()


Id: TypeAlias = UUID | str
"""An id, as it is or as text."""
