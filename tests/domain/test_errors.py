"""The one list of refusals, and docs/codes.md, which tells it to people."""

from pathlib import Path

import pytest

from domain import errors
from domain.errors import Refusal

CODES = Path(__file__).parents[2] / "docs" / "codes.md"


def kinds() -> list[type[Refusal]]:
    """The first level: how a refusal is to be treated."""
    return Refusal.__subclasses__()


def leaves(kind: type[Refusal]) -> list[type[Refusal]]:
    """The kind itself and all under it."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


def in_program() -> dict[str, str]:
    """Code -> kind."""
    return {leaf.code: kind.__name__ for kind in kinds() for leaf in leaves(kind) if leaf.__module__ == errors.__name__}


def in_document() -> dict[str, tuple[str, str]]:
    """Code -> kind and meaning."""
    rows: dict[str, tuple[str, str]] = {}
    for line in CODES.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            code = cells[0].strip("`")
            assert code not in rows, f"{code} stands twice"
            rows[code] = (cells[1], cells[2])
    return rows


def test_every_code_is_documented_with_its_kind_and_none_that_is_not_there() -> None:
    """docs/codes.md is domain/errors.py in prose."""
    assert {code: kind for code, (kind, _) in in_document().items()} == in_program()
    assert all(meaning for _, meaning in in_document().values())


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_code_belongs_to_one_kind_and_every_refusal_has_a_sentence(kind: type[Refusal]) -> None:
    """A code never changes its kind, so that clients may act on it."""
    for leaf in leaves(kind):
        assert leaf.code == leaf.code.lower()
        assert leaf.code.replace("_", "").isalpha()
        assert leaf.text.endswith(".")
        assert str(leaf()) == leaf.text
        assert str(leaf("Another sentence.", field="name")) == "Another sentence."
        assert in_program().get(leaf.code, kind.__name__) == kind.__name__
