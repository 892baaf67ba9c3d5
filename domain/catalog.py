"""The on-disk contract: persisted event names, their structs, and how stored bytes become an event.

A name is `thing.happened.N` and is never reused. A field may be added with a default; any other change is a new N with an
upcaster from the old struct. `tests/domain/golden.json` holds one stored example of every name that was ever written.
Stored state is JSON (UTF-8), so that an operator can read the log in psql.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from domain import (
    attachment,
    block,
    channel,
    invitation,
    membership,
    message,
    name_claim,
    reaction,
    reading,
    report,
    user,
)
from domain.decider import Event, State, Unknown

EVENTS: dict[str, type[Event]] = {
    "user.registered.1": user.UserRegistered,
    "user.profile_changed.1": user.ProfileChanged,
    "user.status_text_set.1": user.StatusTextSet,
    "user.deactivated.1": user.UserDeactivated,
    "user.reactivated.1": user.UserReactivated,
    "user.admin_set.1": user.AdminSet,
    "user.blocked.1": block.UserBlocked,
    "user.unblocked.1": block.UserUnblocked,
    "report.filed.1": report.ReportFiled,
    "report.resolved.1": report.ReportResolved,
    "name.claimed.1": name_claim.NameClaimed,
    "name.released.1": name_claim.NameReleased,
    "channel.created.1": channel.ChannelCreated,
    "channel.renamed.1": channel.ChannelRenamed,
    "channel.topic_changed.1": channel.TopicChanged,
    "channel.archived.1": channel.ChannelArchived,
    "channel.unarchived.1": channel.ChannelUnarchived,
    "channel.deleted.1": channel.ChannelDeleted,
    "membership.joined.1": membership.MemberJoined,
    "membership.left.1": membership.MemberLeft,
    "membership.removed.1": membership.MemberRemoved,
    "membership.role_changed.1": membership.RoleChanged,
    "invitation.created.1": invitation.InvitationCreated,
    "invitation.used.1": invitation.InvitationUsed,
    "invitation.revoked.1": invitation.InvitationRevoked,
    "message.posted.1": message.MessagePosted,
    "message.edited.1": message.MessageEdited,
    "message.deleted.1": message.MessageDeleted,
    "message.pinned.1": message.MessagePinned,
    "message.unpinned.1": message.MessageUnpinned,
    "reaction.added.1": reaction.ReactionAdded,
    "reaction.removed.1": reaction.ReactionRemoved,
    "reading.marked_read.1": reading.MarkedRead,
    "reading.marked_unread.1": reading.MarkedUnread,
    "reading.thread_followed.1": reading.ThreadFollowed,
    "reading.thread_unfollowed.1": reading.ThreadUnfollowed,
    "reading.level_set.1": reading.LevelSet,
    "attachment.uploaded.1": attachment.AttachmentUploaded,
    "attachment.attached.1": attachment.AttachmentAttached,
    "attachment.collected.1": attachment.AttachmentCollected,
}

UPCASTERS: dict[str, Callable[[Any], Event]] = {}
"""Old name -> function from the old struct (which stays in EVENTS) to the current event."""

_NAMES = {kind: name for name, kind in EVENTS.items()}


def _reader(name: str, kind: type[Event]) -> Callable[[bytes], Event]:
    decode, upcast = msgspec.json.Decoder(kind).decode, UPCASTERS.get(name)
    return decode if upcast is None else lambda state: upcast(decode(state))


_READERS = {name: _reader(name, kind) for name, kind in EVENTS.items()}
_encode = msgspec.json.Encoder().encode

_EVOLVE: dict[type[Event], Callable[[Any, Any], State]] = {
    **dict.fromkeys(
        (
            user.UserRegistered,
            user.ProfileChanged,
            user.StatusTextSet,
            user.UserDeactivated,
            user.UserReactivated,
            user.AdminSet,
        ),
        user.evolve,
    ),
    **dict.fromkeys((block.UserBlocked, block.UserUnblocked), block.evolve),
    **dict.fromkeys((report.ReportFiled, report.ReportResolved), report.evolve),
    **dict.fromkeys((name_claim.NameClaimed, name_claim.NameReleased), name_claim.evolve),
    **dict.fromkeys(
        (
            channel.ChannelCreated,
            channel.ChannelRenamed,
            channel.TopicChanged,
            channel.ChannelArchived,
            channel.ChannelUnarchived,
            channel.ChannelDeleted,
        ),
        channel.evolve,
    ),
    **dict.fromkeys(
        (membership.MemberJoined, membership.MemberLeft, membership.MemberRemoved, membership.RoleChanged),
        membership.evolve,
    ),
    **dict.fromkeys(
        (invitation.InvitationCreated, invitation.InvitationUsed, invitation.InvitationRevoked), invitation.evolve
    ),
    **dict.fromkeys(
        (
            message.MessagePosted,
            message.MessageEdited,
            message.MessageDeleted,
            message.MessagePinned,
            message.MessageUnpinned,
        ),
        message.evolve,
    ),
    **dict.fromkeys(
        (
            reading.MarkedRead,
            reading.MarkedUnread,
            reading.ThreadFollowed,
            reading.ThreadUnfollowed,
            reading.LevelSet,
        ),
        reading.evolve,
    ),
    **dict.fromkeys((reaction.ReactionAdded, reaction.ReactionRemoved), reaction.evolve),
    **dict.fromkeys(
        (attachment.AttachmentUploaded, attachment.AttachmentAttached, attachment.AttachmentCollected),
        attachment.evolve,
    ),
}


def encode(event: Event) -> tuple[str, bytes]:
    """The persisted name and the stored state of an event."""
    return _NAMES[type(event)], _encode(event)


def decode(topic: str, state: bytes) -> Event | Unknown:
    """The event of a stored row; `Unknown` for a name outside the catalogue. Raises `msgspec.DecodeError` for damaged state."""
    read = _READERS.get(topic)
    return Unknown(topic) if read is None else read(state)


def evolve(state: State | None, event: Event | Unknown) -> State | None:
    """The state of a stream after one more event; one of unknown type changes nothing that we know of."""
    if isinstance(event, Unknown):
        return state
    return _EVOLVE[type(event)](state, event)
