"""Node, where there is one; what its packages are is installed once, below the repository."""

import asyncio
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "clients" / "js"
_NO_NODE = 3


@functools.cache
def _why_not() -> str | None:
    done = subprocess.run(
        ["sh", str(REPOSITORY / "tools" / "js_setup.sh")], capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode == _NO_NODE:
        return "there is no node and npm on this machine (Debian: apt-get install nodejs npm)"
    return f"npm could not install its packages: {done.stderr[-300:]}" if done.returncode else None


def node() -> str:
    """The program. Skips the test where there is none, or where its packages cannot be installed."""
    reason = _why_not()
    if reason is not None:
        pytest.skip(reason)
    found = shutil.which("node")
    assert found is not None
    return found


async def run_node(*arguments: str, timeout_s: float, **environment: str) -> str:
    """Run it in the client's folder until it ends; what it printed. Fails where it fails."""
    process = await asyncio.create_subprocess_exec(
        node(),
        *arguments,
        cwd=FOLDER,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text[-6_000:]
    return text
