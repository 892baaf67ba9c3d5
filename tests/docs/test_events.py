"""docs/events.md is the catalogue. `python -m tests.docs.test_events` prints the rows as the code has them, without feeds."""

import re
from pathlib import Path

import msgspec

from domain.catalog import EVENTS
from ws.event_frames import _DATA

ROOT = Path(__file__).parents[2]


def _fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(
        f"{field.name}?" if field.default is not msgspec.NODEFAULT else field.name
        for field in msgspec.structs.fields(kind)
    )


def _rows() -> dict[str, list[str]]:
    text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([a-z_.0-9]+\.\d+)` \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def test_the_page_lists_every_persisted_name_with_its_fields() -> None:
    """In the catalogue's order; a field with a default has a question mark."""
    assert {name: f"`{_fields(kind)}`" for name, kind in EVENTS.items()} == {n: row[2] for n, row in _rows().items()}
    assert list(EVENTS) == list(_rows())


def test_only_events_without_a_feed_have_no_frame() -> None:
    """Whoever must hear of an event hears of it in a frame."""
    with_feed = {EVENTS[name] for name, row in _rows().items() if row[1] != "none"}
    assert with_feed == set(_DATA)


if __name__ == "__main__":
    print("\n".join(f"| `{name}` | ... | ... | `{_fields(kind)}` |" for name, kind in EVENTS.items()))  # noqa: T201
