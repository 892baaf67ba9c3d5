"""README and docs are true: the demo runs, files that are named exist."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.servers import server

ROOT = Path(__file__).parents[2]


async def test_the_demo_in_the_readme_runs(database: str) -> None:
    """The ten lines do what the text says against a real server."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    async with server("--database-url", database) as process:
        program = code[1].replace("127.0.0.1:8000", process.url.removeprefix("http://"))
        arguments = [sys.executable, "-c", program]
        done = await asyncio.to_thread(
            subprocess.run, arguments, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    posted, connected, message, resumed = done.stdout.splitlines()
    assert posted == "[201, 200]"
    assert json.loads(connected)["type"] == "connected"
    assert json.loads(message)["data"]["content"] == "while you were away"
    assert (json.loads(resumed)["type"], json.loads(resumed)["data"]["count"]) == ("resumed", 1)


def test_every_file_that_the_readme_names_exists() -> None:
    """The map from idea to file leads somewhere."""
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"`((?:domain|projections|sermo|api|ws|tests)/[\w/.]*)`", text) + re.findall(
        r"\]\((docs/[^)]+)\)", text
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_test_that_a_page_names_exists() -> None:
    """A page that says which test compares it with the code is compared with the code."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {(page.name, test) for page in pages for test in re.findall(r"tests/[\w/]+\.py", page.read_text())}
    assert named
    assert [pair for pair in sorted(named) if not (ROOT / pair[1]).exists()] == []
