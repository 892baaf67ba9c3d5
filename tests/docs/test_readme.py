"""README and docs are true: the demo runs, settings and files that are named exist."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

from sermo.settings import ENVIRONMENT
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
    posted, message, resumed = done.stdout.splitlines()
    assert posted == "[201, 200]"
    assert json.loads(message)["data"]["content"] == "while you were away"
    assert json.loads(resumed)["type"] == "resumed"


def test_every_file_that_the_readme_names_exists() -> None:
    """The map from idea to file leads somewhere."""
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"`((?:domain|projections|sermo|api|ws|tests)/[\w/.]*)`", text) + re.findall(
        r"\]\((docs/[^)]+)\)", text
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_settings_page_lists_every_setting() -> None:
    """Each environment variable that is read, with its effect, and no other."""
    text = (ROOT / "docs" / "settings.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert listed == ENVIRONMENT
