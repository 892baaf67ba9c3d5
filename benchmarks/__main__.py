"""`python -m benchmarks [NAME...] [--runs 5] [--quick]`: measure, print the table, and write it down.

Results go to benchmarks/results/latest.json; of the benchmarks that were not asked for, the earlier results stay. The block
between two marker comments of docs/performance.md is made from that file. A quick run only prints.
"""

import argparse
import contextlib
import os
import platform
import re
import shlex
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from benchmarks import (
    append,
    catchup,
    fanout,
    gateway,
    herd,
    importing,
    latency,
    memory,
    nodes,
    presence,
    replay,
    scale,
    scrolling,
    search,
    sends,
    steady,
)
from benchmarks.support import ROOT, Figure, Plan
from sermo.embedded import find_programs

BENCHMARKS = {
    module.NAME: module
    for module in (
        append,
        sends,
        latency,
        nodes,
        steady,
        fanout,
        replay,
        herd,
        memory,
        gateway,
        presence,
        catchup,
        scale,
        search,
        importing,
        scrolling,
    )
}
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin (made by `make bench`) -->", "<!-- figures: end -->"
FINE = ("x", "ms", "s", "KiB", "% of a core")
"""Units whose values are small."""
PACKAGES = ("eventsourcing", "litestar", "uvicorn", "uvloop", "websockets", "psycopg", "msgspec", "picows")


class Measured(msgspec.Struct, kw_only=True):
    """One benchmark's results, with all that they depend on."""

    date: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    runs: int
    figures: list[Figure]


def _machine() -> dict[str, str]:
    model, memory = platform.processor() or platform.machine(), "unknown"
    with contextlib.suppress(OSError):
        if found := re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()):
            model = found[1].strip()
    with contextlib.suppress(ValueError, OSError):
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    return {"cpu": model, "cores": str(os.cpu_count()), "memory": memory, "system": platform.platform()}


def _versions() -> dict[str, str]:
    postgres = subprocess.run([find_programs() / "postgres", "--version"], capture_output=True, text=True, check=True)
    found = {"python": platform.python_version(), "postgres": postgres.stdout.strip().rpartition(" ")[2]}
    return found | {name: metadata.version(name) for name in PACKAGES}


def _number(value: float, unit: str) -> str:
    return f"{value:.2f}" if unit in FINE else f"{value:,.0f}"


def table(figures: list[Figure]) -> str:
    """Markdown, one figure a line."""
    lines = ["| Figure | Median | Lowest to highest | Wanted | |", "|---|---:|---:|---:|---|"]
    for figure in figures:
        unit = figure.unit
        name = f"baseline: {figure.name}" if figure.is_baseline else figure.name
        spread = f"{_number(min(figure.values), unit)} to {_number(max(figure.values), unit)}"
        wanted = ""
        if figure.target is not None:
            number = f"{figure.target:g}" if unit in FINE else f"{figure.target:,.0f}"
            wanted = f"{'<=' if figure.at_most else '>='} {number}"
        verdict = {None: "", True: "met", False: "**missed**"}[figure.holds]
        lines.append(f"| {name} | {_number(figure.median, unit)} {unit} | {spread} | {wanted} | {verdict} |")
    return "\n".join(lines)


def _block(results: dict[str, Measured]) -> str:
    groups: dict[str, list[Figure]] = {}
    for name in BENCHMARKS:
        if name in results:
            one = results[name]
            machine = ", ".join(f"{key} {value}" for key, value in one.machine.items())
            versions = ", ".join(f"{key} {value}" for key, value in one.versions.items())
            about = f"`{one.command}` on {one.date[:10]}, {one.runs} runs after warm-up. {machine}. {versions}."
            groups.setdefault(about, []).extend(one.figures)
    return "\n\n".join(f"{about}\n\n{table(figures)}" for about, figures in groups.items())


def _write(results: dict[str, Measured]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    text = DOCUMENT.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{DOCUMENT} lacks the marker comments")
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{_block(results)}\n\n{END}{after}")


def main() -> int:
    """Run what was asked for; 1 where a benchmark could not be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; without any, all")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each figure (default: 5)")
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is written down")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if options.runs < 1:
        parser.error("--runs must be 1 or more")
    results: dict[str, Measured] = {}
    if RESULTS.exists():
        results = msgspec.json.decode(RESULTS.read_bytes(), type=dict[str, Measured])
    failed, figures = [], []
    machine, versions = _machine(), _versions()
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    for name in [name for name in BENCHMARKS if not options.names or name in options.names]:
        began = time.monotonic()

        def tell(line: str, name: str = name) -> None:
            print(f"{name}: {line}", file=sys.stderr, flush=True)

        tell("starts")
        try:
            found = BENCHMARKS[name].run(Plan(options.runs, options.quick, tell))
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        tell(f"took {time.monotonic() - began:.0f} s")
        figures += found
        if found:
            results[name] = Measured(
                date=datetime.now(UTC).isoformat(timespec="seconds"),
                command=command,
                machine=machine,
                versions=versions,
                runs=options.runs,
                figures=found,
            )
        if not options.quick:
            _write(results)
    print(table(figures))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
