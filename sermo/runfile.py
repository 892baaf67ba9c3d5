"""Which database a running server uses, for the commands that name its data dir.

An embedded server is found by PostgreSQL's own files. A server on another database leaves `server.json` in its data dir,
readable by its owner only, since the address may hold a password.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

FILE = "server.json"


class _Running(msgspec.Struct):
    pid: int
    database_url: str


@contextlib.contextmanager
def announced(data_dir: Path, database_url: str) -> Iterator[None]:
    """Say so for the time of the block."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / FILE
    making = data_dir / f".{FILE}.{os.getpid()}"
    with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(msgspec.json.encode(_Running(os.getpid(), database_url)))
    making.replace(file)
    try:
        yield
    finally:
        if _read(data_dir) == _Running(os.getpid(), database_url):
            file.unlink(missing_ok=True)


def database_url(data_dir: Path) -> str | None:
    """The database of the server that runs with this data dir, if it uses one that is not embedded."""
    running = _read(data_dir)
    if running is None:
        return None
    try:
        os.kill(running.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return running.database_url


def _read(data_dir: Path) -> _Running | None:
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=_Running)
    except (OSError, msgspec.DecodeError):
        return None
