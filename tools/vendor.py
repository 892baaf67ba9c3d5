"""Fetch the page's libraries into web/vendor, at the versions pinned here. Run by hand: `python tools/vendor.py`; needs npm.

`npm pack` gets each package from whatever registry npm is configured for; its SHA-512 must be the one that stands here. Out of it
come the ES modules, with their imports made relative (a browser without a bundler knows no bare names), and the licences, also
of what markdown-it's file has inside. The result is committed, so that serving the page needs neither Node nor a network.
`tests/web/test_vendor.py` checks that what is committed is what was fetched.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "web" / "vendor"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Package:
    """One package at one version."""

    name: str
    version: str
    sha512: str
    """Of the archive, in base64, as the registry's `integrity` says it."""
    module: str | None = None
    """The one file that is taken, beside the licence; none of a package that stands inside another's file."""
    target: str = ""
    """Its name in web/vendor."""


PACKAGES = [
    Package(
        "preact",
        "10.29.8",
        "ej2aVZ+vZ8WO7tvlQWRM9N63A0KzF9q4mWJfDUHgYaIofWY9hu74QdnQrjoPMmZi2/nZ5gN0bJCQF49xQqx09Q==",
        "dist/preact.module.js",
        "preact.js",
    ),
    Package(
        "preact",
        "10.29.8",
        "ej2aVZ+vZ8WO7tvlQWRM9N63A0KzF9q4mWJfDUHgYaIofWY9hu74QdnQrjoPMmZi2/nZ5gN0bJCQF49xQqx09Q==",
        "hooks/dist/hooks.module.js",
        "hooks.js",
    ),
    Package(
        "@preact/signals-core",
        "1.14.5",
        "vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==",
        "dist/signals-core.module.js",
        "signals-core.js",
    ),
    Package(
        "@preact/signals",
        "2.11.4",
        "Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==",
        "dist/signals.module.js",
        "signals.js",
    ),
    Package(
        "htm",
        "3.1.1",
        "983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        "dist/htm.module.js",
        "htm.js",
    ),
    Package(
        "markdown-it",
        "15.0.3",
        "+Az7Ojz3iRGu8KYMvJ6xVhvrxP3eE+vEtJX75Ow88XBpcQNV/0lGX5ZynIIBftREo4DC2jsveAMDaeltmm8QvQ==",
        "dist/browser/markdown-it.esm.min.mjs",
        "markdown-it.js",
    ),
    Package(
        "linkify-it",
        "6.1.0",
        "wJ/TwpSDTLepCrQoYWYIExIKg5Zchex2Nn5yk2mFnB+6PtdkHtyLx742md9csRjjOnGkKIS/RrbY7l8D6gT9Vw==",
    ),
    Package(
        "mdurl", "2.1.0", "1+HBaOx0zi/dQWht8rNv9MYf9qqpqL/kxI0hXImU6Y547zM6Sni8BQibt7ifgMcYtQg41ao3Ivd6cnSM86inpg=="
    ),
    Package(
        "uc.micro", "3.0.0", "U3PppEkleoTnIfi8BozMx3yju3qc/L6SwqWo2Sw+54PX+PX0q9I+r1Um5HCmqD7n9VDX5/v3vQH/AjA6deDdtw=="
    ),
    Package(
        "entities", "8.1.0", "kxL7msIffSuh9aaFAMD7rxAIuTRMAHMeBtgHW2yUdWw732ZNh4MehkF2gdjvtdmikkaIP9bFDDJOPlsvm7avrA=="
    ),
    Package(
        "punycode.js",
        "2.3.1",
        "uxFIHU0YlHYhDQtV4R9J6a52SLx28BCjT+4ieh7IGbgwVJWO+km431c4yRlREUAsAmt/uMjQUyQHNEPf0M39CA==",
    ),
]
IMPORTS = {
    "preact": "./preact.js",
    "preact/hooks": "./hooks.js",
    "@preact/signals-core": "./signals-core.js",
}
_IMPORT = re.compile(r"""(?P<before>\b(?:from|import)\s*)(?P<quote>["'])(?P<name>[^"'./][^"']*)(?P=quote)""")
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*\Z")
_LICENCE = re.compile(r"package/LICENSE([.-].*)?", re.IGNORECASE)


def to_relative(text: str) -> str:
    """The module without its source map, with imports that a browser can follow. Raises `KeyError` for one that is not here."""

    def replace(found: re.Match[str]) -> str:
        return f"{found['before']}{found['quote']}{IMPORTS[found['name']]}{found['quote']}"

    return _IMPORT.sub(replace, _SOURCE_MAP.sub("\n", text))


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive, which is the pinned one."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    found = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603  # constants only
    archive = folder / found.stdout.strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise SystemExit(f"{package.name}@{package.version} has another SHA-512 than the pinned one: {digest}")
    return archive


def unpack(package: Package, archive: Path, target: Path) -> list[Path]:
    """Write the package's module and its licence; which files that are."""
    written = []
    with tarfile.open(archive) as contents:
        for member in contents.getmembers():
            file = contents.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            text = file.read
            if member.name == f"package/{package.module}":
                path = target / package.target
                path.write_text(to_relative(text().decode()), encoding="utf-8")
                written.append(path)
            elif _LICENCE.fullmatch(member.name):
                path = target / "licences" / f"{package.name.replace('@', '').replace('/', '-')}.txt"
                path.write_bytes(text())
                written.append(path)
    if len(written) != 1 + (package.module is not None):
        raise SystemExit(f"{package.name}@{package.version} has no {package.module}, or no licence")
    return written


def main() -> None:
    """Make web/vendor anew."""
    with tempfile.TemporaryDirectory() as made:
        folder, target = Path(made), Path(made) / "vendor"
        (target / "licences").mkdir(parents=True)
        files: dict[str, dict[str, str]] = {}
        for package in PACKAGES:
            for path in unpack(package, fetch(package, folder), target):
                files[path.relative_to(target).as_posix()] = {
                    "package": f"{package.name}@{package.version}",
                    "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                }
        (target / MANIFEST).write_text(json.dumps(files, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(target, VENDOR)


if __name__ == "__main__":
    main()
