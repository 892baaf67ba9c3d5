"""The other commands: what they print, what they refuse, which database they use."""

from pathlib import Path

import psycopg

from tests.cli.test_import import LINES, sermo, write


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
