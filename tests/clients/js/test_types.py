"""The types of the JavaScript client are those of the server."""

from collections.abc import Callable

import pytest

from tools.js_types import FILES, FOLDER


@pytest.mark.parametrize(("name", "made"), FILES.items(), ids=list(FILES))
def test_the_types_are_made_from_the_servers_documents(name: str, made: Callable[[], str]) -> None:
    """Those that are committed are up to date; `python -m tools.js_types` makes them."""
    assert made() == (FOLDER / name).read_text(encoding="utf-8"), "run: .venv/bin/python -m tools.js_types"
