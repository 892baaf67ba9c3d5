"""Recorders of the `eventsourcing` library on our tables: its applications read our log and write to it as one more writer.

Appends go through `sermo_insert`, so they take the append lock, get dense positions, and wake our tails as well as the
library's subscriptions. The tables come from the migrations: run the library with `CREATE_TABLE=n`; asked to create
tables all the same, these classes do nothing. Reading (`select_events`, `select_notifications`, `max_notification_id`,
`subscribe`) is the library's own code.
"""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import IntegrityError, ProgrammingError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore, PostgresTrackingRecorder
from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

EVENTS_TABLE = "stored_events"
"""What the library calls the table of an application with `name = "stored"`."""


class SermoApplicationRecorder(PostgresApplicationRecorder):
    """The library's application recorder on Sermo's log."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = EVENTS_TABLE) -> None:
        if events_table_name != EVENTS_TABLE:
            raise ProgrammingError(
                f"Sermo's log is the table {EVENTS_TABLE}, not {events_table_name}: the application needs name = 'stored'."
            )
        super().__init__(datastore, events_table_name=events_table_name)
        self._insert_statement = SQL(
            "select position from {}.sermo_insert(%b::uuid[], %b::int8[], %b::text[], %b::bytea[]) as position"
        ).format(Identifier(datastore.schema))

    def create_table(self) -> None:
        """Do nothing: the migrations make the tables."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all of these events or none; their positions, in order.

        Raises `IntegrityError` for a taken version. Not sent again when the connection breaks (the library's own recorder
        does that): a second try would find the first one's rows and report a conflict that there never was.
        """
        if refused := sorted(name for name, value in kwargs.items() if value is not None):
            raise ProgrammingError(f"this recorder takes events only, not {', '.join(refused)}")
        if not stored_events:
            return None
        parameters = (
            [event.originator_id for event in stored_events],
            [event.originator_version for event in stored_events],
            [event.topic for event in stored_events],
            [event.state for event in stored_events],
        )
        with self.datastore.get_connection() as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute(SQL("set local lock_timeout = {}").format(f"{self.datastore.lock_timeout}s"))
            cursor.execute(self._insert_statement, parameters, prepare=True)
            return [row["position"] for row in cursor.fetchall()]


class SermoTrackingRecorder(PostgresTrackingRecorder):
    """The library's tracking recorder, with compare-and-set: of two runners of one projection only one advances."""

    def create_table(self) -> None:
        """Do nothing: the migrations make the table."""

    def advance(self, cursor: Cursor[DictRow], application_name: str, expected: int | None, new: int) -> None:
        """Move the checkpoint from `expected` (None = there is none yet) to `new`, in the cursor's transaction.

        Raises `IntegrityError` when it stands elsewhere: another runner was faster, and this transaction must roll back.
        """
        table = (Identifier(self.datastore.schema), Identifier(self.tracking_table_name))
        if expected is None:
            statement = SQL(
                "insert into {}.{} (application_name, notification_id) values (%(name)s, %(new)s)"
                " on conflict (application_name) do nothing returning notification_id"
            ).format(*table)
        else:
            statement = SQL(
                "update {}.{} set notification_id = %(new)s"
                " where application_name = %(name)s and notification_id = %(expected)s returning notification_id"
            ).format(*table)
        cursor.execute(statement, {"name": application_name, "expected": expected, "new": new}, prepare=True)
        if cursor.fetchone() is None:
            raise IntegrityError(f"the checkpoint of {application_name} is not at {expected}")
