"""docs/codes.md is domain/errors.py and ws/codes.py in prose."""

import re
from pathlib import Path

from domain.errors import Refusal, codes
from ws.codes import ADVICE, MEANING, CloseCode

PAGE = (Path(__file__).parents[2] / "docs" / "codes.md").read_text(encoding="utf-8")


def _rows(pattern: str) -> list[list[str]]:
    """The rows of all tables whose first cell is like that."""
    lines = re.findall(rf"^\| {pattern} \|.*$", PAGE, re.MULTILINE)
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_every_refusal_is_listed_once_with_its_kind_and_meaning() -> None:
    """And no code that is not there."""
    rows = _rows("`[a-z_]+`")
    assert len(rows) == len(codes())
    assert {code: kind.__name__ for code, kind in codes().items()} == {code: kind for code, kind, _ in rows}
    assert all(meaning.endswith(".") for _, _, meaning in rows)


def test_every_kind_of_refusal_says_what_to_do() -> None:
    """So that no code is without advice."""
    assert [kind.__name__ for kind in Refusal.__subclasses__()] == [kind for kind, _ in _rows("[A-Z][a-z]+")]


def test_every_close_code_is_listed_with_what_to_do() -> None:
    """As the program knows it, in order."""
    assert [[str(int(code)), MEANING[code], ADVICE[code]] for code in CloseCode] == _rows(r"\d{4}")
