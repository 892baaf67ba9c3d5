"""The one list of refusals."""

import pytest

from domain.errors import Refusal, codes


def kinds() -> list[type[Refusal]]:
    """The first level: how a refusal is to be treated."""
    return Refusal.__subclasses__()


def leaves(kind: type[Refusal]) -> list[type[Refusal]]:
    """The kind itself and all under it."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_code_belongs_to_one_kind_and_every_refusal_has_a_sentence(kind: type[Refusal]) -> None:
    """A code never changes its kind, so that clients may act on it."""
    for leaf in leaves(kind):
        assert leaf.code == leaf.code.lower()
        assert leaf.code.replace("_", "").isalpha()
        assert leaf.text.endswith(".")
        assert str(leaf()) == leaf.text
        assert str(leaf("Another sentence.", field="name")) == "Another sentence."
        assert codes()[leaf.code] is kind
