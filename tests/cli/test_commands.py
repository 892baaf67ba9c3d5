"""The other commands: what they print, what they refuse, which database they use."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_import import LINES, sermo, write
from tests.support.people import register
from tests.support.servers import server


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command with nothing said of a database."""
    return subprocess.run(
        [sys.executable, "-m", "sermo", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        input=stdin,
        env={"PATH": "/usr/bin:/bin", "SERMO_ALLOW_UNSAFE_POSTGRES": "1"},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_says_ready_and_stops_cleanly(database: str, number: signal.Signals) -> None:
    """`ready URL` alone on its line, exit code 0 on either signal."""
    async with server("--database-url", database) as process:
        assert process.url.startswith("http://127.0.0.1:")
        assert await process.stop(number) == 0


def test_a_port_in_use_is_told_in_a_sentence(database: str) -> None:
    """No traceback for what an operator can mend."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = sermo(database, "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_told_in_a_sentence() -> None:
    """Nothing listens there."""
    done = sermo("postgresql://nobody@127.0.0.1:1/none", "serve", "--port", "0")
    assert done.returncode == 1
    assert "database cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_applies_once(empty_database: str) -> None:
    """The second time there is nothing to do."""
    assert "applied 0001_log" in sermo(empty_database, "migrate").stdout
    assert sermo(empty_database, "migrate").stdout == "nothing to do\n"


def test_doctor_finds_a_planted_fault(database: str, tmp_path: Path) -> None:
    """A hole in the positions is told, with exit code 1."""
    assert sermo(database, "import", str(write(tmp_path / "chat.ndjson", LINES))).returncode == 0
    assert sermo(database, "doctor").returncode == 0
    with psycopg.connect(database) as connection:
        connection.execute("alter table stored_events disable trigger user")
        connection.execute("delete from stored_events where notification_id = 3")
    done = sermo(database, "doctor")
    assert done.returncode == 1
    assert "WRONG positions are dense from 1" in done.stdout


def test_tail_prints_what_lies_after_a_position(database: str, tmp_path: Path) -> None:
    """One line an event, beginning behind the position that was given."""
    sermo(database, "import", str(write(tmp_path / "chat.ndjson", LINES)))
    everything = sermo(database, "tail").stdout.splitlines()
    some = sermo(database, "tail", "--after", "5").stdout.splitlines()
    assert [line.split()[0] for line in everything[:3]] == ["1", "2", "3"]
    assert some == everything[5:]
    assert any("MessagePosted" in line for line in everything)


def test_projections_are_shown_and_rebuilt_by_name(database: str, tmp_path: Path) -> None:
    """Status tells each view; an unknown name is refused with the names there are."""
    sermo(database, "import", str(write(tmp_path / "chat.ndjson", LINES)))
    status = sermo(database, "projections", "status").stdout
    for view in ("people", "channels", "memberships", "timeline", "threads", "unread"):
        assert view in status
        assert sermo(database, "projections", "rebuild", view).returncode == 0
    unknown = sermo(database, "projections", "rebuild", "nonsense")
    assert unknown.returncode == 1
    assert "timeline" in unknown.stderr


async def test_commands_use_the_database_of_the_server_that_runs_with_their_data_dir(
    database: str, tmp_path: Path
) -> None:
    """Embedded or given: whoever names the data dir sees the same log."""
    for options in (
        ("--data-dir", str(tmp_path / "a")),
        ("--data-dir", str(tmp_path / "b"), "--database-url", database),
    ):
        async with server(*options) as process:
            ann = await register(process.url, "ann")
            done = await asyncio.to_thread(run, "tail", *options[:2])
            assert ann.user_id in done.stdout, done.stderr
            made = await asyncio.to_thread(
                run, "user", "create", "root-user", "--admin", "--password-stdin", *options[:2], stdin="long enough\n"
            )
            assert made.returncode == 0, made.stderr
            again = await asyncio.to_thread(
                run, "user", "create", "Root-User", "--password-stdin", *options[:2], stdin="long enough\n"
            )
            assert again.returncode == 1
            assert "name_taken" in again.stderr


def test_a_wrong_setting_is_told_in_a_sentence() -> None:
    """The variable is named."""
    done = subprocess.run(
        [sys.executable, "-m", "sermo", "migrate"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "SERMO_LOG_LEVEL": "loud"},
    )
    assert done.returncode == 1
    assert "SERMO_LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr
