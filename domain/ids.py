"""Ids: which version each kind of id has, and how derived ones are derived.

Ids that clients make are UUID version 7, ids that we derive are version 5, ids of imported things are version 8; so
nobody can sit on a stream that another kind will need. The derivation is part of the on-disk contract: never change it.
"""

import hashlib
import unicodedata
from functools import lru_cache
from uuid import UUID, uuid5

_ROOT = UUID("5e120000-0000-5000-8000-000000000000")
_MEMBERSHIP = uuid5(_ROOT, "membership")
_READING = uuid5(_ROOT, "reading")
_REACTION = uuid5(_ROOT, "reaction")
_DIRECT = uuid5(_ROOT, "direct")
_USER_NAME = uuid5(_ROOT, "user-name")
_CHANNEL_NAME = uuid5(_ROOT, "channel-name")
_COMMAND = uuid5(_ROOT, "command")
_INVITATION = uuid5(_ROOT, "invitation")
_BLOCK = uuid5(_ROOT, "block")
_REPORT = uuid5(_ROOT, "report")

WORKSPACE_FEED = uuid5(_ROOT, "workspace-feed")
"""The feed that everyone follows."""


def fold_name(name: str) -> str:
    """The form in which names are compared: NFKC, then case folding, then NFKC again (Unicode TR 15, caseless match)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


@lru_cache(maxsize=65_536)
def membership_id(channel_id: UUID, user_id: UUID) -> UUID:
    """The stream of one person's membership of one channel."""
    return UUID(bytes=_v5(_MEMBERSHIP.bytes + channel_id.bytes + user_id.bytes))


def reading_id(user_id: UUID, target_id: UUID) -> UUID:
    """The stream of one person's reading of a channel or of a thread (the root message's id)."""
    return UUID(bytes=_v5(_READING.bytes + user_id.bytes + target_id.bytes))


def reaction_id(message_id: UUID, user_id: UUID) -> UUID:
    """The stream of one person's reactions to one message."""
    return UUID(bytes=_v5(_REACTION.bytes + message_id.bytes + user_id.bytes))


def direct_id(member_ids: frozenset[UUID]) -> UUID:
    """The id of the direct channel of exactly these people, the same whoever asks."""
    return UUID(bytes=_v5(_DIRECT.bytes + b"".join(sorted(m.bytes for m in member_ids))))


def user_name_id(username: str) -> UUID:
    """The stream of the claim on a user name, the same for names that compare equal."""
    return UUID(bytes=_v5(_USER_NAME.bytes + fold_name(username).encode()))


def channel_name_id(name: str) -> UUID:
    """The stream of the claim on a public channel's name, the same for names that compare equal."""
    return UUID(bytes=_v5(_CHANNEL_NAME.bytes + fold_name(name).encode()))


def invitation_id(code: str) -> UUID:
    """The stream of an invitation, from the secret that its link carries."""
    return UUID(bytes=_v5(_INVITATION.bytes + code.encode(errors="surrogatepass")))


@lru_cache(maxsize=65_536)
def block_id(blocker: UUID, blocked: UUID) -> UUID:
    """The stream that says whether the one person blocks the other."""
    return UUID(bytes=_v5(_BLOCK.bytes + blocker.bytes + blocked.bytes))


def report_id(message_id: UUID, reporter: UUID) -> UUID:
    """The stream of one person's report of a message."""
    return UUID(bytes=_v5(_REPORT.bytes + message_id.bytes + reporter.bytes))


def command_id(user_id: UUID, key: str) -> UUID:
    """The command id of an `Idempotency-Key`: one person's keys never meet another's."""
    return UUID(bytes=_v5(_COMMAND.bytes + user_id.bytes + key.encode()))


def imported_id(kind: str, source: str) -> UUID:
    """The version 8 id of an imported thing, from its kind and its id at the source."""
    digest = bytearray(hashlib.sha256(f"sermo import\0{kind}\0{source}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))


def _v5(name: bytes) -> bytes:
    """RFC 9562 section 5.5 over bytes; the namespace is the first 16 of them. A third of `uuid5`'s time."""
    digest = bytearray(hashlib.sha1(name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)
