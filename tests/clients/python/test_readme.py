"""What the README of the client shows runs as it stands there."""

import asyncio
import re
import sys
from pathlib import Path

from sermo_client import State
from sermo_client.testing import FakeServer, Person

from tests.fixtures.server import Server

README = (Path(__file__).parents[3] / "clients" / "python" / "README.md").read_text(encoding="utf-8")
QUICK_START, BOT, SCRIPT, TEST = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def run(code: str, folder: Path) -> str:
    """Run it as a program; what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


def placed(code: str, server: Server) -> str:
    """With the server's address."""
    return code.replace("http://127.0.0.1:8000", server.url)


async def test_the_quick_start_and_the_script_run(server: Server, tmp_path: Path) -> None:
    """Against a real server with such a person."""
    await server.register("ann")
    assert await run(placed(QUICK_START, server), tmp_path) == "stands at 2\nhello\n"
    assert await run(placed(SCRIPT, server), tmp_path) == "the nightly build is done\n"


async def test_the_bot_is_a_program(tmp_path: Path) -> None:
    """It is read to its end."""
    await run(BOT.replace("__main__", "not now"), tmp_path)


async def test_the_test_of_a_bot_passes(tmp_path: Path) -> None:
    """Whatever the faults."""
    namespace: dict[str, object] = {}
    exec(compile(TEST, "README.md", "exec"), namespace)
    await namespace["test_my_bot"]()  # type: ignore[operator]


def test_the_table_has_every_state() -> None:
    """In their order."""
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == [str(state) for state in State]


async def test_the_faults_that_are_named_are_there(fake: FakeServer, amy: Person) -> None:
    """On the server or its faults."""
    paragraph = re.search(r"`FakeServer` speaks.*?\n\n", README, re.DOTALL)
    assert paragraph is not None
    names = {name for name in re.findall(r"`(\w+)(?:\(.*?\))?`", paragraph[0]) if name != "FakeServer"}
    assert len(names) >= 11
    assert all(hasattr(fake, name) or hasattr(fake.faults, name) for name in names)
