"""RFC 6455 as Autobahn's fuzzing client holds it against servers: cases 1 to 7 and 10; with SERMO_AUTOBAHN_ALL=1 also 9, 12, 13.

The client runs on Python 2.7 only, so it is installed into a temporary folder of its own; SERMO_AUTOBAHN may name one
where it was installed before (`python2.7 -m pip install --user` with PYTHONUSERBASE). Where that cannot be, it is skipped.
"""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.outboxes import outbox_server
from ws.limits import Limits

PACKAGE = "autobahntestsuite==25.10.1"
INSTALL_DEADLINE_S = 240.0
RUN_DEADLINE_S = 240.0
ALL_DEADLINE_S = 1_800.0
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
LIMITS = Limits(frame_max_bytes=16 * 1_048_576, outbox_max_bytes=64 * 1_048_576, parts_per_s=10**9)
EVERYTHING = os.environ.get("SERMO_AUTOBAHN_ALL") == "1"


def _python27() -> str | None:
    """A Python 2.7 with pip: on the path, or pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [shutil.which("python2.7"), *(str(path) for path in sorted(root.glob("versions/2.7*/bin/python2.7")))]
    for path in found:
        if path is None:
            continue
        if subprocess.run([path, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0:
            return path
    return None


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the client is installed."""
    if given := os.environ.get("SERMO_AUTOBAHN"):
        assert (Path(given) / "bin" / "wstest").exists(), f"SERMO_AUTOBAHN: there is no bin/wstest in {given}"
        return Path(given)
    python = _python27()
    if python is None:
        pytest.skip("Autobahn's client needs Python 2.7 with pip: on the path, or as one of pyenv's versions")
    folder = tmp_path_factory.mktemp("autobahn")
    options = ["--user", "--no-compile", "--no-warn-script-location", "--disable-pip-version-check", "--quiet"]
    try:
        done = subprocess.run(
            [python, "-m", "pip", "install", *options, "--retries", "1", "--timeout", "15", PACKAGE],
            env={**os.environ, "PYTHONUSERBASE": str(folder)},
            check=False,
            capture_output=True,
            text=True,
            timeout=INSTALL_DEADLINE_S,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{PACKAGE} was not installed within {INSTALL_DEADLINE_S:g} s")
    if done.returncode:
        pytest.skip(f"{PACKAGE} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return folder


async def _bad_cases(base: Path, folder: Path, cases: list[str], deadline_s: float, *, compression: bool) -> list[str]:
    """Run the cases; those that failed, with what was wrong."""
    async with outbox_server(LIMITS, compression=compression) as server:
        spec = {
            "outdir": str(folder / "reports"),
            "servers": [{"agent": "sermo", "url": server.url.replace("http", "ws", 1)}],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        process = await asyncio.create_subprocess_exec(
            str(base / "bin" / "wstest"),
            "-m",
            "fuzzingclient",
            "-s",
            str(folder / "spec.json"),
            env={**os.environ, "PYTHONUSERBASE": str(base)},
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(deadline_s):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    report = folder / "reports" / "index.json"
    assert report.exists(), output.decode(errors="replace")[-2_000:]
    found = json.loads(report.read_text())["sermo"]
    assert len(found) > 10
    return [
        f"{case}: {result['behavior']}, close {result['behaviorClose']}"
        for case, result in found.items()
        if result["behavior"] not in GOOD or result["behaviorClose"] not in GOOD
    ]


async def test_the_server_speaks_websocket_as_the_rfc_says(base: Path, tmp_path: Path) -> None:
    """Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing: each case good, on our stack, as text and binary."""
    cases = [f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 10)]
    assert await _bad_cases(base, tmp_path, cases, RUN_DEADLINE_S, compression=False) == []


@pytest.mark.skipif(not EVERYTHING, reason="SERMO_AUTOBAHN_ALL=1 runs the long cases: 9, 12 and 13")
@pytest.mark.timeout(2_000)
async def test_the_server_takes_large_messages_and_compressed_ones(base: Path, tmp_path: Path) -> None:
    """Messages of megabytes in all kinds of pieces, and permessage-deflate in all kinds of windows."""
    assert await _bad_cases(base, tmp_path, ["9.*", "12.*", "13.*"], ALL_DEADLINE_S, compression=True) == []
