"""Excerpts of what a search found, with the matches marked.

PostgreSQL's `ts_headline` knows what a match is, but it reads all of the text that it is given: 2 ms for a long one, and a page
has 50. So it gets little: a short text as it is; of a longer one the part around what looks like the first match, then, where
that was none, a few words around each of what looks like further ones ("sub" is no match in "fiber.subset"), and only where no
such place has any, as of "better" for "good" in some language, all of it. In a part each word is a match by itself: of two
words that are wanted it may have one.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from psycopg import AsyncConnection

_START, _STOP = "\x02", "\x03"
"""Around a match: no text keeps them, so nothing has to be escaped."""
_OPTIONS = f'StartSel="{_START}", StopSel="{_STOP}", MaxWords=35, MinWords=15'
_PART = 400
"""Characters of a longer text, of which the words that may be shown are about the half."""
_SNIPPET, _SNIPPETS = 100, 8
_WHOLE_MAX = 8_192


class Segment(msgspec.Struct, frozen=True):
    """A part of an excerpt."""

    text: str
    is_match: bool


class _Places:
    """What looks like a match in a text: at the beginning of a word, else anywhere."""

    def __init__(self, lexemes: Sequence[str]) -> None:
        self._stems = [_stem(lexeme) for lexeme in lexemes]

    def _starts(self, text: str, limit: int) -> list[int]:
        low = text.lower()  # of nearly every text as long as it
        starts = islice((start for stem in self._stems for start in _finds(low, stem) if _at_word(low, start)), limit)
        return sorted(starts) or sorted(islice((start for stem in self._stems for start in _finds(low, stem)), limit))

    def first(self, text: str) -> str:
        """The part around the first; else the beginning."""
        return _cut(text, (self._starts(text, 1) or [0])[0], _PART)

    def several(self, text: str) -> str:
        """The words around each of the first few."""
        return " … ".join(_cut(text, start, _SNIPPET) for start in self._starts(text, _SNIPPETS))


def _finds(text: str, stem: str) -> Iterator[int]:
    start = text.find(stem)
    while start >= 0:
        yield start
        start = text.find(stem, start + 1)


def _at_word(text: str, start: int) -> bool:
    return start == 0 or not text[start - 1].isalnum()


def _stem(quoted: str) -> str:
    """How a word may begin in a text: mostly as its lexeme does, but for an i, which may be a y."""
    lexeme = quoted[1:-1].replace("''", "'")
    return lexeme.removesuffix("i") or lexeme


def _cut(text: str, start: int, size: int) -> str:
    """So many characters, a fourth of them before the start, without the words that the cut went through."""
    begin = max(start - size // 4, 0)
    part = text[begin : begin + size]
    if begin > 0:
        part = re.sub(r"^\S+\s", "", part)
    return re.sub(r"\s\S+$", "", part) if begin + size < len(text) else part


async def excerpts(
    connection: AsyncConnection[Any], language: str, query: str, texts: Sequence[str]
) -> list[list[Segment]]:
    """One of each of the texts. `query`: a tsquery, not empty, of this text search configuration, in its form as a text."""
    lexemes = sorted(set(re.findall(r"'(?:[^']|'')+'", query)))
    any_word, places = " | ".join(lexemes), _Places(lexemes)
    clean = [text.replace(_START, "").replace(_STOP, "") for text in texts]
    found: dict[int, str] = {}

    async def headline(parts: dict[int, str], query: str) -> None:
        if parts:
            statement = f"select ts_headline('{language}', part, %b::text::tsquery, '{_OPTIONS}') from unnest(%b::text[]) as part"
            cursor = await connection.execute(statement, [query, list(parts.values())], binary=True)
            found.update(zip(parts, [row[0] for row in await cursor.fetchall()], strict=True))

    def left() -> list[int]:
        return [place for place in range(len(texts)) if _START not in found.get(place, "")]

    is_long = {place for place, text in enumerate(clean) if len(text) > _PART}
    await headline({place: text for place, text in enumerate(clean) if place not in is_long}, query)
    await headline({place: places.first(clean[place]) for place in is_long}, any_word)
    await headline({place: places.several(clean[place]) for place in left() if place in is_long}, any_word)
    await headline({place: clean[place][:_WHOLE_MAX] for place in left() if place in is_long}, query)
    return [_segments(found[place]) for place in range(len(texts))]


def _segments(headline: str) -> list[Segment]:
    segments = []
    for part in headline.split(_START):
        matched, stop, rest = part.partition(_STOP)
        if not stop:
            matched, rest = "", part
        segments += [Segment(text, is_match) for text, is_match in ((matched, True), (rest, False)) if text]
    return segments
