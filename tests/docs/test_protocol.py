"""docs/protocol.md names every call and every frame with its fields. `python -m tests.docs.test_protocol` prints the rows."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.server import Server
from ws.event_frames import EVENT_FRAMES
from ws.frames import ANSWERS, CLIENT_FRAMES, CONTROL_FRAMES

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
TABLES: dict[str, Mapping[str, type[msgspec.Struct]]] = {
    "You send": CLIENT_FRAMES,
    "You get: answers and control": CONTROL_FRAMES,
    "You get: events": EVENT_FRAMES,
}


def _fields(kind: type[msgspec.Struct]) -> str:
    """The second cell of a row."""
    fields = msgspec.structs.fields(kind)
    names = ", ".join(field.name if field.required else f"{field.name}?" for field in fields)
    return f"`{names}`" if names else ""


def _rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading: type -> the other cells."""
    section = PAGE.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    found = re.findall(r"^\| `([a-z_]+)` \|(.*)\|$", section, re.MULTILINE)
    assert len(found) == len(dict(found)), "a row stands twice"
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_lists_every_frame_with_its_fields(heading: str) -> None:
    """In the order of the code; a field that may be missing has a question mark."""
    expected = [(name, _fields(kind)) for name, kind in TABLES[heading].items()]
    assert expected == [(name, cells[0]) for name, cells in _rows(heading).items()]


def test_the_page_says_which_frames_answer_a_frame() -> None:
    """As the program knows it."""
    for name, (_, text) in _rows("You send").items():
        said = [word for word in re.findall(r"`([a-z_]+)`", text) if word in CONTROL_FRAMES]
        assert list(ANSWERS[name]) == said, name


async def test_the_page_names_every_call(server: Server) -> None:
    """Every path and method of the OpenAPI document, and no other."""
    paths = (await server.http.get("/openapi.json")).json()["paths"]
    built = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert built == set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", PAGE, re.MULTILINE))


if __name__ == "__main__":
    for title, kinds in TABLES.items():
        print(title, *(f"| `{name}` | {_fields(kind)} | |" for name, kind in kinds.items()), sep="\n")  # noqa: T201
