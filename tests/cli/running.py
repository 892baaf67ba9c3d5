"""Running a command as a person does: a process with its output."""

import os
import subprocess
import sys

UNSAFE = {"SERMO_ALLOW_UNSAFE_POSTGRES": "1"}
"""The tests' PostgreSQL has no fsync."""


def sermo(*arguments: object, text: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sermo", *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment_for(**environment),
    )


def environment_for(**more: str) -> dict[str, str]:
    """The environment of a command: ours, without what would lead it to another database."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("SERMO_") and k != "DATABASE_URL"}
    return {**ours, **UNSAFE, "COLUMNS": "200", **more}


def ok(*arguments: object, text: str | None = None, **environment: str) -> str:
    """One command that must succeed; its standard output."""
    done = sermo(*arguments, text=text, **environment)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def told(*arguments: object, text: str | None = None, code: int = 1, **environment: str) -> str:
    """One command that must fail with a sentence; what it says."""
    done = sermo(*arguments, text=text, **environment)
    assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stderr.strip() not in ("", "error:"), "it says nothing"
    return " ".join(done.stderr.split())
