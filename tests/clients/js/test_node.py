"""The JavaScript client's own tests, under Node."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.js.node import FOLDER, node, run_node

FILES = sorted((FOLDER / "tests").glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=[path.name for path in FILES])
async def test_the_clients_own_tests_pass(file: Path) -> None:
    """One file of `node --test` each."""
    output = await run_node("--test", "--test-reporter=tap", str(file), timeout_s=200)
    assert "# fail 0" in output
    assert "# tests 0" not in output


def test_the_lock_names_no_registry() -> None:
    """So that any mirror serves it."""
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text()


def test_the_package_has_its_declarations_when_it_is_published(tmp_path: Path) -> None:
    """`npm run types` makes a `.d.ts` for each module."""
    node()
    compiler = FOLDER / "node_modules" / ".bin" / "tsc"
    command = [str(compiler), "-p", "tsconfig.types.json", "--outDir", str(tmp_path)]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=120)
    modules = {path.relative_to(FOLDER / "src").with_suffix("") for path in (FOLDER / "src").rglob("*.js")}
    declared = {path.relative_to(tmp_path).with_suffix("").with_suffix("") for path in tmp_path.rglob("*.d.ts")}
    assert modules <= declared
