"""docs/settings.md is sermo/settings.py in prose."""

import re
from pathlib import Path

from sermo.settings import ENVIRONMENT

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_lists_every_setting() -> None:
    """Each environment variable that is read, with its effect, and no other."""
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == ENVIRONMENT
