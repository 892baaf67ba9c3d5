"""Whom a message mentions: the `@names` that its readers see as such.

Read as a reader of CommonMark would: what stands in code spans and fenced code blocks mentions nobody, nor does an address
of the web or of mail. Blocks within quotes and lists are not told apart, and indented lines are text, as chats have it.
Cost: linear in the length, whatever stands there.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from domain.ids import fold_name
from domain.text import USERNAME_MAX_CHARACTERS

MENTIONS_MAX = 50
"""Names looked up for one message; a longer list mentions the first 50."""
EVERYBODY = "channel"

_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}(?=[^`]*+$)|~{3,})")
"""What opens a fenced block (CommonMark 4.5): an info string after backticks has none of its own."""
_TICKS = re.compile("`+")
_ADDRESS = re.compile(r"(?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]{1,31}://|www\.|mailto:)[^\s<>]*", re.IGNORECASE)
"""As far as a reader would make a link of it (GFM 6.9)."""
_MENTION = re.compile(r"(?<![^\W_])(?<![@/])@(?P<names>[\w.-]++(?:/@[\w.-]++)*+)(?!@)")
"""`@ada`, also `@ada/@ben`. Not after a letter or digit (`ada@example.org`) nor a slash (`example.org/@ada`), nor before another
`@` (`@ada@example.org`)."""


@lru_cache(maxsize=32)
def mentioned_names(content: str) -> tuple[str, ...]:
    """The names after `@`, folded, each once, in order."""
    if "@" not in content:
        return ()
    # Decomposed letters are letters with marks, and marks are none of a name's characters.
    text = unicodedata.normalize("NFC", content.replace("\r\n", "\n").replace("\r", "\n"))
    seen: set[str] = set()
    found: dict[str, None] = {}
    for paragraph in _paragraphs(text):
        if "@" not in paragraph:
            continue
        for name in _names(_ADDRESS.sub(" ", _without_spans(paragraph))):
            if name in seen:
                continue
            seen.add(name)
            found[fold_name(name)] = None
            if len(found) == MENTIONS_MAX:
                return tuple(found)
    return tuple(found)


def _paragraphs(text: str) -> Iterator[str]:
    """The text without fenced blocks, cut where no code span goes on: at blank lines and fences."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            mark = line.strip(" \t")
            if len(mark) >= len(fence) and not mark.strip(fence[0]) and not line.startswith(("    ", "\t")):
                fence = ""
            continue
        opened = _FENCE.match(line)
        if opened is None and line.strip(" \t"):
            lines.append(line)
            continue
        fence = opened["fence"] if opened is not None else ""
        yield "\n".join(lines)
        lines = []
    yield "\n".join(lines)


def _without_spans(text: str) -> str:
    """The text without code spans (CommonMark 6.1): from a run of backticks to the next one that is as long.

    A run without such another is text. A backslash takes the first backtick from a run that would open a span, but not
    from one that closes it.
    """
    runs = [match.span() for match in _TICKS.finditer(text)]
    later: dict[int, list[int]] = {}
    """Of each length: the runs, the next one last."""
    for number in range(len(runs) - 1, -1, -1):
        begin, end = runs[number]
        later.setdefault(end - begin, []).append(number)
    parts: list[str] = []
    done = number = 0
    while number < len(runs):
        begin, end = runs[number]
        begin += _is_escaped(text, begin)
        same = later.get(end - begin, [])
        while same and same[-1] <= number:
            same.pop()
        if begin == end or not same:
            number += 1
            continue
        parts.append(text[done:begin])
        done, number = runs[same[-1]][1], same[-1] + 1
    return " ".join((*parts, text[done:]))


def _is_escaped(text: str, at: int) -> bool:
    """Whether an odd number of backslashes stands before it."""
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _names(text: str) -> Iterator[str]:
    for match in _MENTION.finditer(text):
        end = match.end()
        if end < len(text) and unicodedata.category(text[end]).startswith("M"):
            continue  # of another word, with a mark that does not compose
        begin = match.start()
        while begin and text[begin - 1] == "_":
            begin -= 1
        is_emphasised = begin < match.start()
        if is_emphasised and begin and (text[begin - 1].isalnum() or text[begin - 1] in "@/"):
            continue  # my_@example.org
        for name in match["names"].split("/@"):
            # The end of a sentence, or of an emphasis, is no part of the name.
            name = name.rstrip("._-" if is_emphasised else ".-")
            if 0 < len(name) <= USERNAME_MAX_CHARACTERS:
                yield name
