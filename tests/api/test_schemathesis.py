"""The API judged by its own document: what fits the schema is taken, what does not is refused, and every answer is as told.

Bounded, with a fixed seed. `SERMO_SCHEMATHESIS_EXAMPLES=300` makes so many requests of each call, from another seed each time.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.fixtures.server import Person, Server, new_id

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("SERMO_SCHEMATHESIS_EXAMPLES", "0"))


async def _things(ann: Person, ben: Person) -> dict[str, list[str]]:
    """Ids that lead somewhere, by the name of their parameter."""
    channels = [await ann.make_channel(f"c{n}", "private" if n % 2 else "public") for n in range(6)]
    direct = (await ann.post("/directs", {"user_ids": [str(ben.user_id)]})).json()["channel_id"]
    theirs = await ben.make_channel("theirs")
    messages = []
    for channel_id in (*channels, direct):
        root = (await ann.say(channel_id, "root"))["message_id"]
        messages += [root, (await ann.say(channel_id, "reply", parent_id=root))["message_id"]]
    for channel_id in channels[:4]:
        await ann.add(channel_id, ben)
    return {
        "channel_id": [*channels, direct, theirs],
        "message_id": messages,
        "user_id": [str(ann.user_id), str(ben.user_id), new_id()],
    }


def _configuration(things: dict[str, list[str]]) -> str:
    """The configuration of the tests, with the ids: most requests name something that is there."""
    text = (ROOT / "tests/api/schemathesis.toml").read_text(encoding="utf-8")
    for name, ids in things.items():
        text += f"\n[dictionaries.{name}]\nvalues = {ids}\n"
        text += f'\n[parameters."path.{name}"]\ndictionary = "{name}"\nprobability = 0.8\n'
    return text


@pytest.mark.timeout(1_200)
async def test_the_api_is_as_its_document_says(server: Server, ann: Person, ben: Person, tmp_path: Path) -> None:
    """Every call, every check; no call and no check is left out."""
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(_configuration(await _things(ann, ben)), encoding="utf-8")
    options = ["--seed", "1", "--max-examples", "3"] if not EXAMPLES else ["--max-examples", str(EXAMPLES)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        f"--config-file={configuration}",
        "run",
        f"{server.url}/openapi.json",
        f"--header=Authorization: Bearer {ann.access_token}",
        *options,
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT), "SERMO_SCHEMATHESIS_ME": str(ann.user_id)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-20_000:]
