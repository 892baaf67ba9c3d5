"""`sermo serve`: says when it is ready, ends cleanly, and is found by the other commands."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from sermo.cli import main
from sermo.embedded import running_dsn
from tests.cli.running import environment_for, ok, sermo, told


@contextmanager
def serving(*options: object, errors: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server for the time of the block, and its URL."""
    with (
        errors.open("w") as stream,
        subprocess.Popen(
            [sys.executable, "-m", "sermo", "serve", "--port", "0", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=environment_for(**environment),
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready http://127.0.0.1:"), f"{line!r}: {errors.read_text()}"
            yield process, line.removeprefix("ready ").rstrip("\n")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def end(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal; the exit code and what else came on standard output."""
    process.send_signal(number)
    assert process.stdout is not None
    return process.wait(30), process.stdout.read()


def get(url: str) -> int:
    """The status of a GET."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return int(answer.status)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_serve_says_ready_alone_and_ends_with_0(database: str, tmp_path: Path, number: int) -> None:
    """One line on standard output, at once; logs go to standard error as JSON; a signal ends it well."""
    errors = tmp_path / "errors"
    with serving("--database-url", database, "--data-dir", tmp_path / "d", errors=errors) as (process, url):
        assert get(f"{url}/health/live") == 200
        assert get(f"{url}/health/ready") == 200
        assert end(process, number) == (0, "")

    logged = [json.loads(line)["event"] for line in errors.read_text().splitlines()]
    assert "server.stopping" in logged
    assert not (tmp_path / "d" / "server.json").exists()


def test_serve_tells_that_the_port_is_in_use(database: str, tmp_path: Path) -> None:
    """The message names the port, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = told("serve", "--port", port, "--database-url", database, "--data-dir", tmp_path)

    assert f"port {port}" in said
    assert "in use" in said


def test_commands_use_the_database_of_a_running_server(database: str, tmp_path: Path) -> None:
    """With the server's data dir and nothing else."""
    here = tmp_path / "d"
    with serving("--database-url", database, "--data-dir", here, errors=tmp_path / "errors"):
        assert (here / "server.json").stat().st_mode & 0o077 == 0
        ok("user", "create", "ann", "--password-stdin", "--data-dir", here, text="correct horse\n")
        ok("projections", "rebuild", "timeline", "--data-dir", here)

        assert "UserRegistered" in ok("tail", SERMO_DATA_DIR=str(here))
    assert "UserRegistered" in ok("tail", "--database-url", database)


def test_commands_use_the_embedded_database(data_dir: Path, tmp_path: Path) -> None:
    """Of a running server, while it runs; and the same one when it does not."""
    with serving("--data-dir", data_dir, errors=tmp_path / "errors") as (process, url):
        ok("user", "create", "ann", "--password-stdin", "--data-dir", data_dir, text="correct horse\n")
        assert ok("tail", "--data-dir", data_dir).count("\n") == 2
        ok("projections", "rebuild", "all", "--data-dir", data_dir)
        assert get(f"{url}/health/ready") == 200
        second = told("serve", "--port", "0", "--data-dir", data_dir)
        assert "already" in second or "running" in second
        assert end(process, signal.SIGTERM) == (0, "")

    assert ok("tail", "--data-dir", data_dir).count("\n") == 2
    assert "WRONG" not in ok("doctor", "--data-dir", data_dir)


def test_a_stale_server_json_is_passed_over(database: str, tmp_path: Path) -> None:
    """A killed server leaves one behind: its process is gone, so the commands don't follow it."""
    from sermo import runfile

    here = tmp_path / "d"
    with serving("--database-url", database, "--data-dir", here, errors=tmp_path / "errors") as (process, _):
        assert runfile.database_url(here) == database
        process.kill()
        process.wait()

    assert (here / "server.json").exists()
    assert runfile.database_url(here) is None


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SERMO_LOG_LEVEL": "loud"}, "SERMO_LOG_LEVEL must be"),
        ({"SERMO_ACCESS_TOKEN_TTL_S": "soon"}, "SERMO_ACCESS_TOKEN_TTL_S must be"),
        ({"SERMO_ACCESS_TOKEN_TTL_S": "\N{SUPERSCRIPT TWO}"}, "SERMO_ACCESS_TOKEN_TTL_S must be"),
        ({"SERMO_ALLOW_UNSAFE_POSTGRES": "yes"}, "SERMO_ALLOW_UNSAFE_POSTGRES must be 0 or 1"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:secret@h:port/x"}, "DATABASE_URL"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(environment: dict[str, str], sentence: str) -> None:
    """Which one it is, without the password that may be in it; on standard error, with exit code 1."""
    done = CliRunner().invoke(main, ["doctor"], env={"DATABASE_URL": None, **environment})

    assert done.exit_code == 1
    assert done.stdout == ""
    assert sentence in " ".join(done.stderr.split())
    assert "secret" not in done.output


def test_serve_tells_of_wrong_settings_without_a_traceback(tmp_path: Path) -> None:
    """The same as a process."""
    said = told("serve", "--port", "0", "--data-dir", tmp_path, DATABASE_URL="nonsense")

    assert "DATABASE_URL" in said


def test_wrong_options_are_told_with_usage(tmp_path: Path) -> None:
    """Click's own account, with exit code 2."""
    assert "70000" in told("serve", "--port", "70000", code=2)
    assert "does not exist" in told("import", tmp_path / "none.ndjson", code=2)


def test_the_version_is_told() -> None:
    """Of the installed package."""
    assert sermo("--version").stdout.endswith(f"version {version('sermo')}\n")


def test_embedded_server_builds_what_an_upgrade_has_not_built_before_it_is_ready(data_dir: Path) -> None:
    """Views of another version are made anew from the log, once; what was written is there at the first request."""
    errors = data_dir.with_name("errors")
    with serving("--data-dir", data_dir, errors=errors) as (process, url):
        answer = httpx.post(
            f"{url}/v1/auth/register", json={"username": "ada", "password": "correct horse"}, trust_env=False
        )
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        dsn = running_dsn(data_dir)
        assert dsn is not None
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop schema people_v2, search_english_v2 cascade")
            connection.execute("update projections.core_group set schemas = '{people_v1}'")
        assert end(process, signal.SIGTERM) == (0, "")
    for is_built in (False, True):
        with serving("--data-dir", data_dir, errors=errors) as (_, url):
            assert get(f"{url}/health/ready") == 200
            found = httpx.get(f"{url}/v1/users", headers=bearer, trust_env=False).json()
            assert [user["username"] for user in found["users"]] == ["ada"]
        groups = {
            line["group"]
            for line in map(json.loads, errors.read_text().splitlines())
            if line["event"] == "views.building"
        }
        assert groups == (set() if is_built else {"core", "search"})
