"""The people and places of the domain tests, and short ways to write their commands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain.attachment import UploadAttachment
from domain.block import SetBlock
from domain.channel import ArchiveChannel, ChangeChannel, CreateChannel, CreateDirect, DeleteChannel
from domain.channel_state import ChannelKind, Role
from domain.collection import CollectAttachment
from domain.ids import invitation_id, report_id
from domain.invitation import DEFAULT_S, CreateInvitation, JoinByInvitation, RevokeInvitation
from domain.membership import JoinChannel, LeaveChannel, RemoveMember, SetMember
from domain.message import DeleteMessage, EditMessage, PinMessage, PostMessage
from domain.reaction import AddReaction, RemoveReaction
from domain.reading import FollowThread, Level, MarkRead, MarkUnread, SetLevel
from domain.report import FileReport, ResolveReport
from domain.user import DeactivateUser, ReactivateUser, RegisterUser, SetAdmin
from tests.support.builders import AT
from tests.support.spec import World


def v7(number: int) -> UUID:
    """A version 7 id that reads well in failures."""
    return UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number)


OWNER, ADMIN, MEMBER, GUEST, ROOT, OTHER = (v7(n) for n in range(1, 7))
"""Of the channel: its owner, an admin, a member. Outside of it: a guest, a server admin, one more person."""
NAMES = {OWNER: "olga", ADMIN: "ada", MEMBER: "mia", GUEST: "gus", ROOT: "root", OTHER: "otto"}
NOBODY = v7(99)
PUBLIC, PRIVATE = v7(0x100), v7(0x101)
ROOM = {PUBLIC: ChannelKind.PUBLIC, PRIVATE: ChannelKind.PRIVATE}


def register(user_id: UUID) -> RegisterUser:
    """The registration of one of the cast."""
    name = NAMES[user_id]
    return RegisterUser(user_id=user_id, username=name, display_name=name.title(), at=AT, is_admin=user_id == ROOT)


def block(by: UUID, user_id: UUID, *, blocked: bool = True) -> SetBlock:
    """Somebody blocks another, or no more."""
    return SetBlock(user_id=by, blocked_id=user_id, is_blocked=blocked, at=AT)


def deactivate(
    by: UUID | None, user_id: UUID, witness: UUID | None = None, *, is_own_wish: bool = False
) -> DeactivateUser:
    """Somebody is shut out."""
    return DeactivateUser(user_id=user_id, by=by, at=AT, witness_id=witness, is_own_wish=is_own_wish)


def reactivate(by: UUID | None, user_id: UUID) -> ReactivateUser:
    """Somebody is let in again."""
    return ReactivateUser(user_id=user_id, by=by, at=AT)


def set_admin(by: UUID | None, user_id: UUID, *, is_admin: bool = True, witness: UUID | None = None) -> SetAdmin:
    """Somebody becomes a server admin, or is one no more."""
    return SetAdmin(user_id=user_id, is_admin=is_admin, by=by, at=AT, witness_id=witness)


def create(channel_id: UUID, name: str = "town", by: UUID = OWNER) -> CreateChannel:
    """A channel."""
    return CreateChannel(channel_id=channel_id, kind=ROOM[channel_id], name=name, topic="", created_by=by, at=AT)


def direct(by: UUID, *others: UUID) -> CreateDirect:
    """A direct channel."""
    return CreateDirect(created_by=by, user_ids=frozenset(others), at=AT)


def join(user_id: UUID, channel_id: UUID = PUBLIC) -> JoinChannel:
    """Somebody joins."""
    return JoinChannel(channel_id=channel_id, user_id=user_id, at=AT)


def leave(user_id: UUID, channel_id: UUID = PUBLIC, witness: UUID | None = None) -> LeaveChannel:
    """Somebody leaves."""
    return LeaveChannel(channel_id=channel_id, user_id=user_id, at=AT, witness_id=witness)


def remove(by: UUID, user_id: UUID, channel_id: UUID = PUBLIC, witness: UUID | None = None) -> RemoveMember:
    """Somebody is removed."""
    return RemoveMember(channel_id=channel_id, user_id=user_id, by=by, at=AT, witness_id=witness)


def set_member(
    by: UUID, user_id: UUID, role: Role = Role.MEMBER, channel_id: UUID = PUBLIC, witness: UUID | None = None
) -> SetMember:
    """Somebody is added or gets a role."""
    return SetMember(channel_id=channel_id, user_id=user_id, role=role, by=by, at=AT, witness_id=witness)


def invite(
    by: UUID,
    code: str = "code",
    channel_id: UUID = PUBLIC,
    *,
    expires_in_s: int = DEFAULT_S,
    max_uses: int | None = None,
) -> CreateInvitation:
    """A link to the channel is made."""
    return CreateInvitation(
        channel_id=channel_id, code=code, by=by, at=AT, expires_in_s=expires_in_s, max_uses=max_uses
    )


def accept(user_id: UUID, code: str = "code", *, after_s: int = 0) -> JoinByInvitation:
    """Somebody joins by a link, so long after it was made."""
    return JoinByInvitation(code=code, user_id=user_id, at=AT + timedelta(seconds=after_s))


def revoke(by: UUID, code: str = "code", channel_id: UUID = PUBLIC) -> RevokeInvitation:
    """A link is ended."""
    return RevokeInvitation(channel_id=channel_id, invitation_id=invitation_id(code), by=by, at=AT)


def change(by: UUID, channel_id: UUID = PUBLIC, *, name: str | None = None, topic: str | None = None) -> ChangeChannel:
    """The channel is renamed or described."""
    return ChangeChannel(channel_id=channel_id, by=by, at=AT, name=name, topic=topic)


def archive(by: UUID, channel_id: UUID = PUBLIC, *, archived: bool = True) -> ArchiveChannel:
    """The channel is closed or opened."""
    return ArchiveChannel(channel_id=channel_id, by=by, at=AT, archived=archived)


def delete_channel(by: UUID, channel_id: UUID = PUBLIC) -> DeleteChannel:
    """The channel ends."""
    return DeleteChannel(channel_id=channel_id, by=by, at=AT)


def post(
    by: UUID,
    message: int,
    content: str = "hello",
    channel_id: UUID = PUBLIC,
    parent: int | None = None,
    *,
    also: bool = False,
    files: Sequence[int] = (),
) -> PostMessage:
    """A message; messages have small numbers."""
    return PostMessage(
        message_id=m(message),
        channel_id=channel_id,
        author_id=by,
        content=content,
        at=AT,
        parent_id=None if parent is None else m(parent),
        also_to_channel=also,
        attachment_ids=tuple(map(file_id, files)),
    )


def file_id(number: int) -> UUID:
    """The id of an attachment."""
    return v7(0x2000 + number)


def upload(by: UUID, number: int, channel_id: UUID = PUBLIC, name: str = "a.png") -> UploadAttachment:
    """A file."""
    return UploadAttachment(
        attachment_id=file_id(number),
        channel_id=channel_id,
        by=by,
        name=name,
        media_type="image/png",
        size=7,
        sha256=f"{number:064x}",
        at=AT,
    )


def collect(number: int, *, uploaded_before: datetime = AT + timedelta(seconds=1)) -> CollectAttachment:
    """A file is given up, if it is not needed."""
    return CollectAttachment(attachment_id=file_id(number), uploaded_before=uploaded_before, at=AT)


def m(number: int) -> UUID:
    """The id of a message."""
    return v7(0x1000 + number)


def report(by: UUID, message: int, reason: str = "rude") -> FileReport:
    """A message is reported to the admins."""
    return FileReport(message_id=m(message), by=by, reason=reason, at=AT)


def resolve(by: UUID, reporter: UUID, message: int) -> ResolveReport:
    """A report is closed."""
    return ResolveReport(report_id=report_id(m(message), reporter), by=by, note="seen", at=AT)


def edit(by: UUID, message: int, content: str = "changed") -> EditMessage:
    """A message is changed."""
    return EditMessage(message_id=m(message), content=content, by=by, at=AT)


def delete(by: UUID, message: int) -> DeleteMessage:
    """A message is deleted."""
    return DeleteMessage(message_id=m(message), by=by, at=AT)


def pin(by: UUID, message: int, *, pinned: bool = True) -> PinMessage:
    """A message is pinned, or no more."""
    return PinMessage(message_id=m(message), by=by, at=AT, pinned=pinned)


def react(by: UUID, message: int, emoji: str = "👍", *, on_message: frozenset[str] = frozenset()) -> AddReaction:
    """Somebody reacts to a message."""
    return AddReaction(message_id=m(message), user_id=by, emoji=emoji, at=AT, on_message=on_message)


def unreact(by: UUID, message: int, emoji: str = "👍") -> RemoveReaction:
    """Somebody takes a reaction back."""
    return RemoveReaction(message_id=m(message), user_id=by, emoji=emoji, at=AT)


def mark(by: UUID, seq: int, channel_id: UUID | None = PUBLIC, thread: int | None = None, head: int = 100) -> MarkRead:
    """Somebody has read that far."""
    return MarkRead(
        user_id=by,
        seq=seq,
        head_seq=head,
        at=AT,
        channel_id=None if thread is not None else channel_id,
        parent_id=None if thread is None else m(thread),
    )


def unmark(
    by: UUID, seq: int, channel_id: UUID | None = PUBLIC, thread: int | None = None, head: int = 100
) -> MarkUnread:
    """Somebody marks as unread from there on."""
    return MarkUnread(
        user_id=by,
        seq=seq,
        head_seq=head,
        at=AT,
        channel_id=None if thread is not None else channel_id,
        parent_id=None if thread is None else m(thread),
    )


def follow(by: UUID, thread: int, *, followed: bool = True, head: int = 100) -> FollowThread:
    """Somebody follows a thread, or no more."""
    return FollowThread(user_id=by, parent_id=m(thread), followed=followed, head_seq=head, at=AT)


def level(by: UUID, wanted: Level, channel_id: UUID = PUBLIC) -> SetLevel:
    """Somebody says what they want to be told."""
    return SetLevel(user_id=by, channel_id=channel_id, level=wanted, at=AT)


def town() -> World:
    """Everybody is registered; both channels have their owner, an admin and a member."""
    world = World().given(*(register(user_id) for user_id in NAMES))
    for channel_id in ROOM:
        world.given(
            create(channel_id),
            set_member(OWNER, ADMIN, Role.ADMIN, channel_id),
            set_member(OWNER, MEMBER, Role.MEMBER, channel_id),
        )
    return world
