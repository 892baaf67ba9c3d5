"""Ids as clients make them: UUIDs of version 7 (RFC 9562), which sort by time."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A new one."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds & (2**48 - 1)) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76  # the version
    return UUID(int=number & ~(3 << 62) | 2 << 62)  # and the variant
