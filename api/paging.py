"""Opaque cursors, and the limits that every list has.

A cursor is where the last page ended, as base64url of JSON. It is no secret and gives no right: what it may show is asked
anew for each page. A forged one is refused or begins somewhere else in the same list.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, TypeVar

import msgspec
from litestar.params import QueryParameter

from api.freshness import INTEGER_MAX
from domain.errors import Invalid

LIMIT_DEFAULT = 50
LIMIT_MAX = 100
CURSOR_MAX_CHARACTERS = 1_024

T = TypeVar("T", bound=msgspec.Struct)

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", description="`next_cursor` of the page before; without it the first page."),
]


def to_cursor(place: msgspec.Struct | None) -> str | None:
    """The cursor of the place where the next page begins; None where this one is the last."""
    if place is None:
        return None
    return urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def from_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """The place of a cursor; None for the beginning. Raises `Invalid`."""
    if cursor is None:
        return None
    try:
        if len(cursor) > CURSOR_MAX_CHARACTERS:
            raise ValueError
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        place = msgspec.json.decode(text, type=kind, strict=True)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise Invalid("The cursor is none that a page gave.", field="cursor") from None
    numbers = [part for part in msgspec.structs.astuple(place) if isinstance(part, int)]
    if b"\\u0000" in text or not all(0 <= number <= INTEGER_MAX for number in numbers):
        raise Invalid("The cursor is none that a page gave.", field="cursor")
    return place
