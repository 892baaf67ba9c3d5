"""Columns of a batch as binary arrays: psycopg's own way visits every value in Python, three times as long.

A list that is marked with one of these kinds is sent in PostgreSQL's binary array format (`array_recv`): dimensions, whether
there are nulls, the element type, the length, and each element with its size, -1 for null.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_header = struct.Struct(">iiIii").pack
_sized_int4 = struct.Struct(">ii").pack
_sized_int8 = struct.Struct(">iq").pack
_size = struct.Struct(">i").pack


class Uuids(list[UUID | None]):
    """`uuid[]`"""


class Texts(list[str]):
    """`text[]`"""


class Blobs(list[bytes | None]):
    """`bytea[]`"""


class Int4s(list[int]):
    """`int4[]`"""


class Int8s(list[int]):
    """`int8[]`"""


class Chars(list[int]):
    """`"char"[]`, each as the byte that it is"""


class Bools(list[bool]):
    """`bool[]`"""


class Moments(list[datetime | None]):
    """`timestamptz[]`"""


def _uuid(value: UUID | None) -> bytes:
    return b"\0\0\0\x10" + value.int.to_bytes(16, "big") if value is not None else _NULL


def _text(value: str) -> bytes:
    data = value.encode()
    if b"\0" in data:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return _size(len(data)) + data


def _blob(value: bytes | None) -> bytes:
    return _size(len(value)) + value if value is not None else _NULL


def _int4(value: int) -> bytes:
    return _sized_int4(4, value)


def _int8(value: int) -> bytes:
    return _sized_int8(8, value)


_CHARS = tuple(b"\0\0\0\x01" + bytes((value,)) for value in range(256))


def _bool(value: bool) -> bytes:
    return b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0"


def _moment(value: datetime | None) -> bytes:
    return _sized_int8(8, (value - _EPOCH) // _MICROSECOND) if value is not None else _NULL


def _register(kind: type[list[Any]], array_oid: int, element_oid: int, pack: Callable[[Any], bytes]) -> None:
    class Packed(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: Sequence[Any]) -> Buffer:
            return b"".join((_header(1, 1, element_oid, len(obj), 1), *map(pack, obj)))

    psycopg.adapters.register_dumper(kind, Packed)


_register(Uuids, 2951, 2950, _uuid)
_register(Texts, 1009, 25, _text)
_register(Blobs, 1001, 17, _blob)
_register(Int4s, 1007, 23, _int4)
_register(Int8s, 1016, 20, _int8)
_register(Chars, 1002, 18, _CHARS.__getitem__)
_register(Bools, 1000, 16, _bool)
_register(Moments, 1185, 1184, _moment)
