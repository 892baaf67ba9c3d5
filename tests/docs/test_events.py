"""docs/events.md is the catalogue. `python -m tests.docs.test_events` prints the rows as the code has them, without feeds."""

import re
from pathlib import Path

import msgspec

from domain.catalog import EVENTS
from tests.fixtures.server import Server
from ws.codes import CloseCode
from ws.frames import _BODIES, CLIENT_FRAMES

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
    assert with_feed == set(_BODIES)


def test_the_protocol_page_names_every_frame_and_close_code() -> None:
    """Of both directions."""
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    missing = [name for name in CLIENT_FRAMES if f"| `{name}`" not in text]
    missing += [str(int(code)) for code in CloseCode if f"| {int(code)} |" not in text]
    source = (ROOT / "ws" / "frames.py").read_text(encoding="utf-8").partition("_BODIES")[2]
    missing += [name for name in re.findall(r'\("([a-z_]+)", ', source) if f"| `{name}` |" not in text]
    assert missing == []


async def test_the_protocol_page_names_every_call(server: Server) -> None:
    """Every path and method of the OpenAPI document, and no other."""
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    paths = (await server.http.get("/openapi.json")).json()["paths"]
    built = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    assert built == set(re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", text, re.MULTILINE))


if __name__ == "__main__":
    print("\n".join(f"| `{name}` | ... | ... | `{_fields(kind)}` |" for name, kind in EVENTS.items()))  # noqa: T201
