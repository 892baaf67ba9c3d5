"""Migrations: once each, by one process at a time, whole or not at all, and never backwards."""

import multiprocessing
import os
import signal
from multiprocessing.queues import Queue

import psycopg
import pytest

from sermo.migrate import MigrationError, migrate, migrations
from tests.support.wait import wait_until

NAMES = [f"{number:04}_{name}" for number, name, _ in migrations()]


def _migrate(dsn: str, results: "Queue[list[str]]") -> None:
    results.put(migrate(dsn))


def test_several_processes_that_start_at_once_migrate_once(empty_database: str) -> None:
    """One does the work, the others wait and find it done."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_migrate, args=(empty_database, results)) for _ in range(4)]
    for process in processes:
        process.start()
    applied = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(10)
    assert sorted(applied) == [[], [], [], NAMES]
    assert migrate(empty_database) == []


def test_a_database_of_a_newer_program_is_refused(database: str) -> None:
    """Running on would write what the newer schema does not expect."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("insert into sermo_migrations (number, name) values (9999, 'from the future')")
    with pytest.raises(MigrationError, match="9999"):
        migrate(database)


def test_a_killed_migration_leaves_nothing_half_done(empty_database: str) -> None:
    """Killed while it waits for a lock in its second statement or later: no table of that file, and the next run works."""
    context = multiprocessing.get_context("spawn")
    with psycopg.connect(empty_database) as holder, psycopg.connect(empty_database, autocommit=True) as other:
        # the last statement of the last file cannot go on while another transaction has made the same table
        holder.execute("create table notification_tracking (x int)")
        process = context.Process(target=migrate, args=(empty_database,))
        process.start()
        wait_until(lambda: _waits(other), 30, what="the migration waits for the table's name")
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and pid <> %s",
            [holder.info.backend_pid],
        )
        holder.rollback()
        row = other.execute(
            "select to_regclass('stored_events') is null, to_regclass('credentials') is null"
        ).fetchone()
        assert row is not None
        # the first file was finished before, the second is gone with its transaction
        assert tuple(row) == (False, True)
    assert migrate(empty_database) == NAMES[1:]


def _waits(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchone()
    return row is not None and row[0] > 0
