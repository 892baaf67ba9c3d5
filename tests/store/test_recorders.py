"""The library's own test cases, run on our recorders; and what ours add."""

from collections.abc import Iterator
from typing import Any
from unittest import TestCase
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, ProgrammingError, StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.tests import persistence as library
from psycopg.conninfo import conninfo_to_dict

from sermo.recorder import SermoApplicationRecorder, SermoTrackingRecorder


def make_datastore(dsn: str, **options: Any) -> PostgresDatastore:
    """The library's datastore on this database."""
    found = conninfo_to_dict(dsn)
    return PostgresDatastore(
        dbname=str(found["dbname"]),
        host=str(found["host"]),
        port=str(found.get("port", 5432)),
        user=str(found["user"]),
        password=str(found.get("password", "")),
        **{"pool_size": 2, "max_overflow": 14, **options},
    )


@pytest.fixture
def datastore(database: str) -> Iterator[PostgresDatastore]:
    """A datastore that is closed after the test."""
    with make_datastore(database) as store:
        yield store


class OnOurTables(TestCase):
    """Gives the library's test cases, which are `unittest` classes, a fresh database."""

    datastore: PostgresDatastore

    @pytest.fixture(autouse=True)
    def _fresh_datastore(self, datastore: PostgresDatastore) -> None:
        self.datastore = datastore


class TestApplicationRecorder(OnOurTables, library.ApplicationRecorderTestCase[SermoApplicationRecorder]):
    """`ApplicationRecorderTestCase`."""

    def create_recorder(self) -> SermoApplicationRecorder:
        """Our recorder, created as the library's tests do it: with `create_table`, which must be harmless."""
        recorder = SermoApplicationRecorder(self.datastore)
        recorder.create_table()
        return recorder

    def test_insert_subscribe(self) -> None:
        """The library's optional case: subscriptions are woken."""
        self.optional_test_insert_subscribe()


class TestNonInterleaving(OnOurTables, library.NonInterleavingNotificationIDsBaseCase):
    """`NonInterleavingNotificationIDsBaseCase`."""

    def create_recorder(self) -> SermoApplicationRecorder:
        """Our recorder."""
        return SermoApplicationRecorder(self.datastore)


class TestTrackingRecorder(OnOurTables, library.TrackingRecorderTestCase):
    """`TrackingRecorderTestCase`."""

    def create_recorder(self) -> SermoTrackingRecorder:
        """Our recorder."""
        recorder = SermoTrackingRecorder(self.datastore)
        recorder.create_table()
        return recorder


def stored(version: int, originator_id: Any = None) -> StoredEvent:
    """A row of some foreign application."""
    return StoredEvent(originator_id or uuid4(), version, "elsewhere:Happened", b"{}")


def test_create_table_of_our_recorders_changes_no_schema(database: str, datastore: PostgresDatastore) -> None:
    """The schema comes from the migrations alone."""
    query = (
        "select count(*) from pg_class union all select count(*) from pg_proc union all select count(*) from pg_type"
    )
    with psycopg.connect(database) as connection:
        before = connection.execute(query).fetchall()
        SermoApplicationRecorder(datastore).create_table()
        SermoTrackingRecorder(datastore).create_table()
        assert before == connection.execute(query).fetchall()


def test_a_library_write_that_conflicts_stores_nothing_and_burns_no_position(datastore: PostgresDatastore) -> None:
    """`insert_events` is all or nothing, and positions stay dense."""
    recorder = SermoApplicationRecorder(datastore)
    taken = stored(1)
    assert recorder.insert_events([taken]) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored(1), stored(1), stored(1, taken.originator_id)])
    assert recorder.insert_events([stored(1), stored(2)]) == [2, 3]


def test_a_library_write_waits_for_the_append_lock_no_longer_than_its_lock_timeout(database: str) -> None:
    """POSTGRES_LOCK_TIMEOUT holds for lock K, as it does for the library's table lock."""
    with make_datastore(database, lock_timeout=1) as store, psycopg.connect(database) as writer:
        recorder = SermoApplicationRecorder(store)
        writer.execute("select sermo_lock_log()")
        with pytest.raises(OperationalError):
            recorder.insert_events([stored(1)])
        writer.rollback()
        assert recorder.insert_events([stored(1)]) == [1]


def test_the_recorder_refuses_another_table_and_what_it_would_have_to_drop(datastore: PostgresDatastore) -> None:
    """A tracking record that is passed along is refused, not lost (a defect of the library's function mode)."""
    with pytest.raises(ProgrammingError):
        SermoApplicationRecorder(datastore, events_table_name="other_events")
    with pytest.raises(ProgrammingError):
        SermoApplicationRecorder(datastore).insert_events([stored(1)], tracking=Tracking("x", 1))


def test_of_two_runners_that_advance_one_checkpoint_only_one_gets_through(datastore: PostgresDatastore) -> None:
    """Compare-and-set, from the first mark on."""
    recorder = SermoTrackingRecorder(datastore)
    with datastore.transaction(commit=True) as cursor:
        recorder.advance(cursor, "timeline", None, 10)
    with pytest.raises(IntegrityError), datastore.transaction(commit=True) as cursor:
        recorder.advance(cursor, "timeline", None, 11)
    with datastore.transaction(commit=True) as first:
        recorder.advance(first, "timeline", 10, 20)
    with pytest.raises(IntegrityError), datastore.transaction(commit=True) as second:
        recorder.advance(second, "timeline", 10, 15)
    assert recorder.max_tracking_id("timeline") == 20
