"""`migrate`, `tail`, `doctor`, `projections` and `users`: on a database of their own."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uuid_utils.compat

from tests.cli.running import ok, sermo, told


def create_user(database: str, username: str, *options: str) -> str:
    """Somebody new; what was said."""
    arguments = ("users", "create", username, "--password-stdin", *options, "--database-url", database)
    return ok(*arguments, text="correct horse\n")


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """What a query answers."""
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def run(database: str, *statements: str) -> None:
    """Change the database behind Sermo's back."""
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_migrate_refuses_a_newer_database(database: str) -> None:
    """An old program on a new schema would do harm."""
    run(database, "insert into sermo_migrations (number, name) values (9999, 'from_the_future')")

    assert "run a newer Sermo" in told("migrate", "--database-url", database)


def test_tail_shows_types_that_it_does_not_know(database: str) -> None:
    """What the library or a newer Sermo wrote is shown by its name, and nothing breaks."""
    with psycopg.connect(database, autocommit=True) as connection:
        columns: list[list[object]] = [[uuid.uuid4()], [1], ["poll.opened.1"], [b"{}"]]
        connection.execute("select sermo_insert(%s::uuid[], %s::bigint[], %s::text[], %s::bytea[])", columns)

    assert "poll.opened.1" in ok("tail", "--database-url", database)


def test_user_create_makes_an_admin_who_can_log_in(database: str) -> None:
    """The password comes on standard input; it is kept as a hash and not in the log."""
    said = create_user(database, "ann", "--admin", "--display-name", "Ann B.")

    registered = json.loads(rows(database, "select convert_from(state, 'UTF8') from stored_events limit 1")[0][0])
    assert said == f"created ann {registered['user_id']}\n"
    assert (registered["is_admin"], registered["display_name"]) == (True, "Ann B.")
    assert "correct horse" not in ok("tail", "--database-url", database)
    assert rows(database, "select password_hash like '$argon2id$%' from credentials") == [(True,)]


@pytest.mark.parametrize(
    ("username", "password", "sentence"),
    [("ann", "correct horse", "name_taken"), ("a b", "correct horse", "invalid"), ("ben", "short", "invalid")],
)
def test_user_create_tells_why_not(database: str, username: str, password: str, sentence: str) -> None:
    """A sentence with the code, and exit code 1."""
    create_user(database, "ann")

    arguments = ("users", "create", username, "--password-stdin", "--database-url", database)
    assert sentence in told(*arguments, text=f"{password}\n")


def test_doctor_finds_planted_faults(database: str) -> None:
    """Exit code 1, and the line of each check that fails names a place; the other checks are content."""
    create_user(database, "ann")
    create_user(database, "ben")
    assert "WRONG" not in ok("doctor", "--database-url", database)
    run(
        database,
        "alter table stored_events disable trigger user",
        "update stored_events set originator_version = 5 where notification_id = 4",
        "update stored_events set feed_seq = 7 where notification_id = 3",
        "update stored_events set recorded_at = recorded_at - interval '1 day' where notification_id in (3, 4)",
        "update notification_tracking set notification_id = 99 where application_name = 'core'",
        "alter table stored_events enable trigger user",
    )

    done = sermo("doctor", "--database-url", database)

    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert (done.returncode, done.stderr) == (1, "")
    assert all("for instance" in line for line in wrong)
    for check in ("versions of a stream", "seqs of a feed", "recorded times", "checkpoints"):
        assert any(check in line for line in wrong), done.stdout
    assert len(wrong) == 4


FORGOTTEN = "command_id = null"
A_CALL_OF_ITS_OWN = "recorded_at = recorded_at + interval '1 us'"


@pytest.mark.parametrize(
    ("topic", "damage"),
    [
        ("message.posted.1", FORGOTTEN),
        ("user.registered.1", FORGOTTEN),
        ("poll.opened.1", FORGOTTEN),  # the first row of its append call
        ("name.claimed.1", A_CALL_OF_ITS_OWN),  # behind the registration it has no id, and needs none
    ],
)
def test_doctor_finds_a_command_without_its_id(database: str, tmp_path: Path, topic: str, damage: str) -> None:
    """Where an event always begins a command, or its append call begins with it; what stands behind others is no fault."""
    line = {"channel": "c", "thread": "t", "author": "ann", "sent_at": 1_600_000_000, "content": "hello"}
    file = tmp_path / "chat.ndjson"
    file.write_text("".join(json.dumps({"id": number, **line}) + "\n" for number in range(20)))
    ok("import", file, "--database-url", database)
    with psycopg.connect(database, autocommit=True) as connection:
        columns: list[list[object]] = [[uuid.uuid4()], [1], ["poll.opened.1"], [b"{}"]]
        connection.execute("select sermo_insert(%s::uuid[], %s::bigint[], %s::text[], %s::bytea[])", columns)
    assert "WRONG" not in ok("doctor", "--database-url", database)
    ((place,),) = rows(database, f"select max(notification_id) from stored_events where topic = '{topic}'")
    run(
        database,
        "alter table stored_events disable trigger user",
        f"update stored_events set {damage} where notification_id = {place}",
        "alter table stored_events enable trigger user",
    )

    done = sermo("doctor", "--database-url", database)

    assert done.returncode == 1
    assert f"WRONG every command begins with its id: 1 places, for instance {place}\n" in done.stdout


def test_doctor_finds_a_membership_that_the_log_does_not_know(database: str) -> None:
    """The views are compared with the log where rights depend on them."""
    create_user(database, "ann")
    with psycopg.connect(database, autocommit=True) as connection:
        required = connection.execute(
            "select column_name, data_type from information_schema.columns where table_schema = 'memberships_v2'"
            " and table_name = 'memberships' and is_nullable = 'NO' and column_default is null order by ordinal_position"
        ).fetchall()
        values = {"uuid": str(uuid_utils.compat.uuid7()), "bigint": 1, "text": "member", "integer": 1}
        made = [values.get(kind, "2026-01-01T00:00:00Z") for _, kind in required]
        columns = ", ".join(name for name, _ in required)
        places = ", ".join(["%s"] * len(made))
        connection.execute(f"insert into memberships_v2.memberships ({columns}) values ({places})".encode(), made)

    assert "WRONG follow intervals" in sermo("doctor", "--database-url", database).stdout


@pytest.mark.parametrize("name", ["people", "all"])
def test_projections_rebuild_brings_back_what_was_lost(database: str, tmp_path: Path, name: str) -> None:
    """The view is made from the log, not from what it held."""
    line = {"id": 1, "channel": "c", "thread": "t", "author": "ann", "sent_at": 1_600_000_000, "content": "hello"}
    file = tmp_path / "chat.ndjson"
    file.write_text(json.dumps(line) + "\n")
    ok("import", file, "--database-url", database)  # ends when the views are there
    before = rows(database, "select * from people_v2.people")
    run(database, "delete from people_v2.people")

    assert "serves the new generation" in ok("projections", "rebuild", name, "--database-url", database)
    assert rows(database, "select * from people_v2.people") == before != []


def test_import_takes_another_name_where_one_is_taken(database: str, tmp_path: Path) -> None:
    """Whoever has the name keeps it, also in another spelling; the import says what it took instead."""
    create_user(database, "Ann")
    line = {"id": 1, "channel": "c", "thread": "t", "author": "ann", "sent_at": 1_600_000_000, "content": "hello"}
    file = tmp_path / "chat.ndjson"
    file.write_text(json.dumps(line) + "\n")

    said = ok("import", file, "--database-url", database)

    assert "the name ann was taken: imported as ann-2" in said
    assert rows(database, "select username from people_v2.people order by 1") == [("Ann",), ("ann-2",)]


def test_attachments_are_collected_and_doctor_tells_which_files_are_lost(database: str, data_dir: Path) -> None:
    """A content without an attachment is deleted; one that an attachment needs is missed; another log's are left alone."""
    create_user(database, "ann")
    folder = data_dir / "attachments"
    content = b"a file"
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / sha256[:2] / sha256[2:4] / sha256
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    os.utime(path, (0, 0))
    where = ("--database-url", database, "--data-dir", data_dir)
    assert "deleted 1 files with 6 bytes" in ok("attachments", "collect", "--older-than", "0", *where)
    assert not path.exists()
    ids = {"channel_id": str(uuid.uuid4()), "by": str(uuid.uuid4())}
    facts = {"name": "x", "media_type": "text/plain", "size": 6, "sha256": sha256, "at": "2026-01-02T03:04:05Z"}
    state = json.dumps({**ids, **facts}).encode()
    row: list[list[object]] = [[uuid.uuid4()], [1], ["attachment.uploaded.1"], [state]]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("select sermo_insert(%s::uuid[], %s::bigint[], %s::text[], %s::bytea[])", row)
    found = sermo("doctor", *where)
    assert found.returncode == 1
    assert f"WRONG files of attachments are whole in {folder}: 1 places, for instance {sha256}" in found.stdout
    (folder / "log").write_text(f"{uuid.uuid4()}\n")
    assert "another log" in told("attachments", "collect", *where)
