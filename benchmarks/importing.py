"""Import: messages a second of `sermo import`, for the shared corpus.

Measured: the command itself, on a fresh database for each run, over the 28,635 messages of ../shared/data/
zulip-2021q4.ndjson.gz; its own figure, messages / seconds from the first line read until the views have caught up. People,
channels, memberships and read markers are made in that time but not counted. There is no baseline.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.corpus import CORPUS
from benchmarks.support import ROOT, Figure, Plan, create_database, folder, postgres

NAME = "importing"

DEADLINE_S = 600


def _import(dsn: str, data_dir: Path) -> float:
    command = [sys.executable, "-m", "sermo", "import", str(CORPUS), "--database-url", dsn, "--data-dir", str(data_dir)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    found = re.search(r"imported (\d+) messages.* in ([\d.]+) s", done.stdout)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"the import failed: {done.stdout} {done.stderr[-2_000:]}")
    return int(found[1]) / float(found[2])


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    if not CORPUS.exists():
        plan.tell(f"skipped: there is no {CORPUS}")
        return []
    rates: list[float] = []
    runs = 1 if plan.quick else plan.runs
    with postgres() as dsn, folder() as data_dir:
        if not plan.quick:
            _import(create_database(dsn, "warm_up"), data_dir)
        for number in range(runs):
            rates.append(_import(create_database(dsn, f"import_{number}"), data_dir))
            plan.tell(f"run {number + 1}: {rates[-1]:,.0f} messages/s")
    return [Figure(name="Import of the shared corpus", unit="messages/s", values=rates, target=4_000)]
