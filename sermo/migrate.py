"""Migrations: numbered SQL files for what cannot be rebuilt, applied once each, in order, under a lock.

Each file is one transaction together with its row in `sermo_migrations`, so a killed migration leaves nothing half done.
Several nodes may start at once: the others wait for the lock and find the work done. A database that knows migrations
which this program does not is newer than the program, and is refused.
"""

from importlib.resources import files

import psycopg

OLDEST_SERVER = 150000
"""PostgreSQL 15, as `server_version_num`."""

_LOCK = 6016520


class MigrationError(RuntimeError):
    """The database cannot be brought to this program's schema; the text says why and what to do."""


def migrations() -> list[tuple[int, str, str]]:
    """Number, name and SQL text of every migration, in order."""
    found = []
    for file in files("sermo").joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(dsn: str) -> list[str]:
    """Bring the database to this program's schema; the names of the migrations that were applied.

    Raises `MigrationError` for a server that is too old, settings that lose data, or a database that is too new.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise MigrationError(f"PostgreSQL 15 or newer is needed; this server is {connection.info.server_version}.")
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        try:
            return _apply(connection)
        finally:
            connection.execute("select pg_advisory_unlock(%s)", [_LOCK])


def _apply(connection: psycopg.Connection) -> list[str]:
    connection.execute(
        "create table if not exists sermo_migrations ("
        " number int primary key, name text not null, applied_at timestamptz not null default clock_timestamp())"
    )
    done = {row[0] for row in connection.execute("select number from sermo_migrations")}
    known = migrations()
    if newer := done - {number for number, _, _ in known}:
        raise MigrationError(
            f"The database has migration {max(newer)}, which this program does not know: run a newer Sermo."
        )
    applied = []
    for number, name, text in known:
        if number not in done:
            with connection.transaction():
                connection.execute(text.encode())
                connection.execute("insert into sermo_migrations (number, name) values (%s, %s)", [number, name])
            applied.append(f"{number:04}_{name}")
    return applied
