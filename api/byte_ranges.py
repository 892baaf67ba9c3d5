"""What a conditional request and one for a part mean (RFC 9110, sections 13.1.2 and 14)."""

import re

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")
_ETAG = re.compile(r'(?:W/)?("[^"]*")')


class Unsatisfiable(ValueError):
    """The representation has no such part."""


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes from, and up to but not with, that are asked for; None for all: also where the header is no single range of
    bytes, which a server may ignore. Raises `Unsatisfiable`.
    """
    found = _RANGE.fullmatch(header) if header is not None else None
    if found is None or found[0].strip() == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise Unsatisfiable
    return start, stop


def names_etag(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` names this: compared weakly, `*` is everything."""
    return header is not None and (header.strip() == "*" or etag in _ETAG.findall(header))
