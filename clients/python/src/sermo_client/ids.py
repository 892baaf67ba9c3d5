"""Ids as clients make them: UUIDs of version 7 (RFC 9562), which sort by time."""

import hashlib
import secrets
import time
from datetime import datetime
from uuid import UUID


def new_id() -> UUID:
    """A new one."""
    return _version_7(time.time_ns() // 1_000_000, secrets.randbits(80))


def derived_id(at: datetime, *parts: object) -> UUID:
    """The same one for the same parts: what is done again in answer to the same event has the same id."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return _version_7(int(at.timestamp() * 1_000), int.from_bytes(digest[:10]))


def _version_7(milliseconds: int, bits: int) -> UUID:
    number = (milliseconds & (2**48 - 1)) << 80 | bits
    number = number & ~(0xF << 76) | 7 << 76  # the version
    return UUID(int=number & ~(3 << 62) | 2 << 62)  # and the variant
