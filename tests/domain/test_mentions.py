"""Whom a message mentions, case by case: as a reader of CommonMark sees it. And whatever stands there, it is found out soon."""

import time

import pytest

from domain.mentions import MENTIONS_MAX, mentioned_names

PLAIN = [
    ("no names", ""),
    ("@ada", "ada"),
    ("(@ada) @bob, @ada", "ada bob"),
    ("hi,@ada! @bob? @eve: @kim; @lee's", "ada bob eve kim lee"),
    ("thanks @ada. and @bob- or @eve...", "ada bob eve"),
    ("well...@ada", "ada"),
    ("@a.b-c_d", "a.b-c_d"),
    ("@... @- @", ""),
    ("@@ada", ""),
    ("> @ada\n- @bob\n    @eve", "ada bob eve"),
    ("\u201c@ada\u201d", "ada"),
    ("@ada/@bob and either/@eve", "ada bob"),
    ("@" + "x" * 40, "x" * 40),
    ("@" + "x" * 41, ""),
]
EMPHASIS = [
    ("_@ada_ **@bob** *@eve* ~~@kim~~ __@lee__", "ada bob eve kim lee"),
    ("_@ada is away_", "ada"),
    ("@ada_", "ada_"),
    ("my_@example.org", ""),
]
UNICODE = [
    ("@ADA @ada @Ada", "ada"),
    ("@STRASSE @straße", "strasse"),
    ("@Łukasz @日本", "łukasz 日本"),
    ("@e\u0301va", "\xe9va"),
    ("@x\u0301", ""),
    ("@\uff43hannel @CHANNEL", "channel"),
    ("@channels", "channels"),
]
ADDRESSES = [
    ("mail ada@example.org or ada.b+c@example.org", ""),
    ("@ada@example.org", ""),
    ("<mailto:x@ada> mailto:@ada", ""),
    ("https://example.org/@ada", ""),
    ("http://x.org/?u=@ada&v=1 @eve", "eve"),
    ("https://ada@example.org/ ftp://@ada", ""),
    ("medium.com/@ada", ""),
    ("www.x.org/?@ada", ""),
    ("[here](https://x.org/@ada) <https://x.org/@bob>@eve", "eve"),
]
SPANS = [
    ("`@ada` @eve", "eve"),
    ("``@ada ` @bob`` @eve", "eve"),
    ("`` ` @ada ``", ""),
    ("`@ada", "ada"),
    ("``@ada`", "ada"),
    ("`@ada\n@bob` @eve", "eve"),
    ("`@ada\n\n@bob`", "ada bob"),
    ("`@ada\n \t\r\n@bob`", "ada bob"),
    ("\\`@ada`", "ada"),
    ("\\\\`@ada`", ""),
    ("\\``@ada`", ""),
    ("`@ada\\` @eve", "eve"),
    ("`@channel`", ""),
    ("x`y`@ada", "ada"),
]
FENCES = [
    ("```\n@ada\n```\n@eve", "eve"),
    ("~~~\n@ada\n~~~\n@eve", "eve"),
    ("```\r\n@ada\r\n```\r\n@eve", "eve"),
    ("```\n@ada never closed", ""),
    ("``` py @ada\n@bob", ""),
    ("~~~ py `x` ~~~\n@ada", ""),
    ("``` a`b\n@ada", "ada"),
    ("```@ada```\n@eve", "eve"),
    ("````\n@ada\n```\n@bob\n````\n@eve", "eve"),
    ("```\n@ada\n~~~\n@bob\n`````` \t\n@eve", "eve"),
    ("```\n@ada\n``` not the end\n@bob", ""),
    ("   ```\n@ada\n   ```\n@eve", "eve"),
    ("    ```\n@ada", "ada"),
    ("```\n@ada\n    ```\n@bob", ""),
    ("``\n@ada\n``", ""),
    ("a `\n```\n@ada\n```\n` @eve", "eve"),
    ("`@ada` and ```\n@bob\n``` @eve", "bob"),
]


@pytest.mark.parametrize(("content", "names"), PLAIN + EMPHASIS + UNICODE + ADDRESSES + SPANS + FENCES, ids=ascii)
def test_names_are_those_that_a_reader_sees_as_mentioned(content: str, names: str) -> None:
    """Folded, each once, in order; not in code, not in addresses."""
    assert mentioned_names(content) == tuple(names.split())


def test_a_message_mentions_so_many_at_most() -> None:
    """The first ones; the same name in another spelling is no other."""
    many = " ".join(f"@n{number} @N{number}" for number in range(MENTIONS_MAX + 10))
    assert mentioned_names(many) == tuple(f"n{number}" for number in range(MENTIONS_MAX))


def hostile(size: int) -> list[str]:
    """Texts that look as if each place in them could begin something."""
    runs = " ".join("`" * number for number in range(1, int((2 * size) ** 0.5)))
    parts = [
        "`",
        "@",
        "` ",
        "@a ",
        "\\",
        "~",
        "```\n",
        "a",
        "a.",
        "http:/",
        "_",
        "_@",
        "@a/",
        "@a/@",
        "\n",
        "\u0301",
        "`\n\n",
    ]
    parts += ["`a``", "www.", "\\`", "@.", "a://"]
    return [runs + "@a", *(part * (size // len(part)) + "@a" for part in parts), "```" + "x" * size + "`@a"]


def _took(content: str) -> float:
    """The shorter of two, in time of this thread: a busy machine counts for little."""
    times = []
    for _ in range(2):
        mentioned_names.cache_clear()
        begun = time.thread_time()
        mentioned_names(content)
        times.append(time.thread_time() - begun)
    return min(times)


def test_hostile_content_costs_in_proportion_to_its_length() -> None:
    """Sixteen times the length, from the limit of a post to that of an import, takes sixteen times as long, not 256 times."""
    slow = {}
    for short, long in zip(hostile(4_096), hostile(65_536), strict=True):
        least, most = _took(short), _took(long)
        if most > 0.05 and most > 64 * least:
            slow[short[:20]] = (least, most)
    assert not slow
