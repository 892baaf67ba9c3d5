"""What nodes tell each other about presence and typing, as bytes: one batch, made when the bus can take it.

Many words travel in one batch, which fits a NOTIFY. What another version of Sermo says and this one cannot read is
counted and passed over: signals are never worth an error.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ws.presence import Status, Word

BATCH_MAX_BYTES = 5_900
"""Of an encoded batch: with base64 a NOTIFY stays below its 8,000 bytes."""
WORDS_MAX = 280
"""Words in one batch, of 17 bytes each: they leave room for some typing."""
_OVERHEAD_BYTES = 100
"""At most what a batch has besides words and typing."""
_WORD_BYTES = 17
_TYPED_BYTES = 48
_VERSION = 1
_NOBODY = bytes(16)

Typed = tuple[UUID, UUID, UUID | None]
"""Somebody types: the person, the channel, and the root of the thread."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one node tells the others at once."""

    node_id: UUID
    turn: int = 0
    words: Sequence[Word] = ()
    typed: Sequence[Typed] = ()
    asks: bool = False
    """The node knows nothing yet, or may have missed something: everybody says everything again."""
    leaves: bool = False
    """The node stops."""


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    version: int
    node_id: bytes
    turn: int
    people: bytes
    statuses: bytes
    typed: bytes
    asks: bool
    leaves: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


class Unreadable(ValueError):
    """A batch is not of the shape that this version knows."""


def typed_room(words: int) -> int:
    """How many typing signals fit beside so many words."""
    return (BATCH_MAX_BYTES - _OVERHEAD_BYTES - words * _WORD_BYTES) // _TYPED_BYTES


def pack(batch: Batch) -> bytes:
    """The bytes of a batch: at most `BATCH_MAX_BYTES` where `WORDS_MAX` and `typed_room` are kept."""
    typed = b"".join(u.bytes + c.bytes + (p.bytes if p is not None else _NOBODY) for u, c, p in batch.typed)
    return _encode(
        _Packed(
            version=_VERSION,
            node_id=batch.node_id.bytes,
            turn=batch.turn,
            people=b"".join([user_id.bytes for user_id, _ in batch.words]),
            statuses=bytes([status for _, status in batch.words]),
            typed=typed,
            asks=batch.asks,
            leaves=batch.leaves,
        )
    )


def unpack(data: bytes) -> Batch:
    """Read a batch. Raises `Unreadable`."""
    try:
        packed = _decode(data)
        if packed.version != _VERSION or len(packed.people) != 16 * len(packed.statuses) or len(packed.typed) % 48:
            raise Unreadable("another version, or cut off")
        people = (UUID(bytes=part) for part in _split(packed.people))
        parts = [UUID(bytes=part) if part != _NOBODY else None for part in _split(packed.typed)]
        return Batch(
            node_id=UUID(bytes=packed.node_id),
            turn=packed.turn,
            words=list(zip(people, map(Status, packed.statuses), strict=True)),
            typed=[(u, c, p) for u, c, p in zip(*[iter(parts)] * 3, strict=True) if u is not None and c is not None],
            asks=packed.asks,
            leaves=packed.leaves,
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(str(error)) from error


def _split(data: bytes) -> list[bytes]:
    return [data[start : start + 16] for start in range(0, len(data), 16)]
