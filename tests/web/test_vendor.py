"""The page's libraries are what tools/vendor.py has fetched, and nobody's edit."""

import hashlib
import json
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "web" / "vendor"


def test_the_vendored_files_are_those_of_the_manifest() -> None:
    """Every file has its SHA-256 there, and each library its licence."""
    manifest = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    files = {path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.is_file()}
    files.pop("manifest.json")
    assert {name: entry["sha256"] for name, entry in manifest.items()} == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }
    modules = {entry["package"] for name, entry in manifest.items() if name.endswith(".js")}
    licences = {entry["package"] for name, entry in manifest.items() if name.startswith("licences/")}
    assert modules <= licences
