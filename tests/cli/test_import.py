"""Import: a community's chat as it was, once, however often and however interrupted."""

import asyncio
import gzip
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.equality import rebuild, view_rows
from tests.support.views import newer, program
from tests.support.wait import wait_until

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "zulip-2021q4.ndjson.gz"

LINES: list[dict[str, Any]] = [
    {
        "id": 1,
        "channel": "general",
        "thread": "hello",
        "author": "Ann Lee",
        "sent_at": 1_600_000_000,
        "content": "root",
    },
    {"id": 2, "channel": "general", "thread": "hello", "author": "ben", "sent_at": 1_600_000_001, "content": "reply"},
    {
        "id": 3,
        "channel": "général",
        "thread": "hello",
        "author": "ben",
        "sent_at": 1_600_000_002.5,
        "content": "other root",
    },
    {
        "id": "x4",
        "channel": "general",
        "thread": "two",
        "author": "ben",
        "sent_at": "2020-09-13T12:26:43Z",
        "content": "y" * 65_536,
    },
]


def sermo(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a database."""
    return subprocess.run(
        [sys.executable, "-m", "sermo", *arguments, "--database-url", dsn],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "SERMO_ALLOW_UNSAFE_POSTGRES": "1"},
    )


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """An NDJSON file, compressed where its name says so."""
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize("name", ["chat.ndjson", "chat.ndjson.gz"])
def test_people_channels_threads_and_times_are_as_in_the_file(database: str, tmp_path: Path, name: str) -> None:
    """The first message of a (channel, thread) is the root, the rest are replies; times are the original ones."""
    done = sermo(database, "import", str(write(tmp_path / name, LINES)))
    assert done.returncode == 0, done.stderr
    assert "imported 4 messages, 2 people, 2 channels" in done.stdout
    found = rows(
        database,
        "select c.name, p.display_name, t.content, extract(epoch from t.created_at)::float8, t.parent_id is null"
        " from timeline_v2.messages t join channels_v2.channels c using (channel_id)"
        " join people_v2.people p on p.user_id = t.author_id order by t.position",
    )
    assert found == [
        ("general", "Ann Lee", "root", 1_600_000_000.0, True),
        ("general", "ben", "reply", 1_600_000_001.0, False),
        ("général", "ben", "other root", 1_600_000_002.5, True),
        ("general", "ben", "y" * 65_536, 1_600_000_003.0, True),
    ]
    assert rows(database, "select username from people_v2.people order by 1") == [("Ann-Lee",), ("ben",)]


def test_an_author_called_like_the_mention_of_everybody_gets_another_name(database: str, tmp_path: Path) -> None:
    """Nobody is called `channel`; the import goes on and says what it did."""
    told = sermo(database, "import", str(write(tmp_path / "town.ndjson", [LINES[0] | {"author": "Channel"}])))
    assert told.returncode == 0, told.stderr
    assert rows(database, "select username, display_name from people_v2.people") == [("Channel-2", "Channel")]


def test_a_second_import_adds_nothing(database: str, tmp_path: Path) -> None:
    """Ids come from the source's, so what is there is there."""
    file = str(write(tmp_path / "chat.ndjson", LINES))
    assert sermo(database, "import", file).returncode == 0
    before = rows(database, "select count(*) from stored_events")
    again = sermo(database, "import", file)
    assert "imported 0 messages, 0 people, 0 channels" in again.stdout, again.stderr
    assert "4 messages were there already" in again.stdout
    assert rows(database, "select count(*) from stored_events") == before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": 9, "channel": "c"}', "not a message"),
        ("nonsense", "not a message"),
        (json.dumps({**LINES[0], "content": " "}), "content_empty"),
        (json.dumps({**LINES[0], "content": "x" * 65_537}), "content_too_long"),
        (json.dumps({**LINES[0], "content": "a\0b"}), "invalid"),
        (json.dumps({**LINES[0], "sent_at": 1e300}), "not a message"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(database: str, tmp_path: Path, line: str, told: str) -> None:
    """The file is checked whole before the first event."""
    file = write(tmp_path / "chat.ndjson", LINES)
    with file.open("a") as stream:
        stream.write(line + "\n")
    done = sermo(database, "import", str(file))
    assert done.returncode == 1
    assert "line 5" in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(database, "select count(*) from stored_events") == [(0,)]


def test_a_damaged_archive_is_told(database: str, tmp_path: Path) -> None:
    """A cut .gz is no message lost in silence."""
    file = write(tmp_path / "chat.ndjson.gz", LINES)
    file.write_bytes(file.read_bytes()[:-20])
    done = sermo(database, "import", str(file))
    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_import_ends_although_another_program_has_replaced_the_views(database: str, tmp_path: Path) -> None:
    """Everything is in the log; that it does not show yet is said."""
    first, all_of_it = (write(tmp_path / name, lines) for name, lines in (("1.ndjson", LINES[:1]), ("4.ndjson", LINES)))
    assert (await asyncio.to_thread(sermo, database, "import", str(first))).returncode == 0
    with program(newer("timeline")):
        await rebuild(database, "timeline")
    result = await asyncio.to_thread(sermo, database, "import", str(all_of_it))
    assert result.returncode == 0, result.stderr
    assert "imported 3 messages" in result.stdout
    assert "nobody makes this program's views" in result.stdout


def test_a_killed_import_goes_on_where_it_stopped(database: str, tmp_path: Path) -> None:
    """`kill -9` half-way, then again: exactly the file's messages, each once, in order."""
    lines = [
        {
            "id": n,
            "channel": f"c{n % 3}",
            "thread": f"t{n % 50}",
            "author": f"u{n % 20}",
            "sent_at": n,
            "content": f"m{n}",
        }
        for n in range(1, 12_001)
    ]
    file = str(write(tmp_path / "chat.ndjson", lines))
    environment = {"PATH": "/usr/bin:/bin", "SERMO_ALLOW_UNSAFE_POSTGRES": "1"}
    command = [sys.executable, "-m", "sermo", "import", file, "--database-url", database]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    posted = "select count(*) from stored_events where topic = 'message.posted.1'"

    def half_way() -> bool:
        return (
            bool(rows(database, "select to_regclass('stored_events') is not null")[0][0])
            and rows(database, posted)[0][0] > 500
        )

    wait_until(half_way, timeout_s=60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert rows(database, posted)[0][0] < len(lines), "it was killed before its end"
    done = sermo(database, "import", file)
    assert done.returncode == 0, done.stderr
    contents = rows(database, "select content from timeline_v2.messages order by position")
    assert contents == [(line["content"],) for line in lines]
    doctor = sermo(database, "doctor")
    assert doctor.returncode == 0, doctor.stdout


@pytest.mark.skipif(not CORPUS.exists(), reason=f"the shared corpus is not at {CORPUS}")
def test_the_shared_corpus_is_imported_whole_and_every_view_can_be_rebuilt(database: str) -> None:
    """Counts per channel and thread equal the file's; all is read; doctor is content; rebuilt equals live."""
    done = sermo(database, "import", str(CORPUS))
    assert done.returncode == 0, done.stderr
    with gzip.open(CORPUS, "rt") as stream:
        messages = [json.loads(line) for line in stream]
    per_channel = dict(
        rows(
            database,
            "select c.name, count(*) from timeline_v2.messages t join channels_v2.channels c using (channel_id) group by 1",
        )
    )
    assert per_channel == Counter(message["channel"] for message in messages)
    per_thread = rows(database, "select coalesce(parent_id, message_id), count(*) from timeline_v2.messages group by 1")
    assert sorted(count for _, count in per_thread) == sorted(
        Counter((m["channel"], m["thread"]) for m in messages).values()
    )
    replies = rows(database, "select sum(reply_count) from timeline_v2.messages")
    assert replies == [(len(messages) - len(per_thread),)]
    unread = rows(
        database,
        "select count(*) from unread_v3.markers k join timeline_v2.messages t using (channel_id)"
        " where t.seq > k.read_seq and t.author_id <> k.user_id",
    )
    assert unread == [(0,)]
    doctor = sermo(database, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    before = view_rows(database)
    asyncio.run(rebuild(database))
    assert view_rows(database) == before
    again = sermo(database, "import", str(CORPUS))
    assert f"{len(messages)} messages were there already" in again.stdout
