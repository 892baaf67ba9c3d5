"""What a view is, and how a batch of events becomes rows: folded in memory, written set by set, in one transaction."""

from collections.abc import Sequence
from typing import Any, Protocol

from psycopg import AsyncConnection

from domain.decider import Damaged, Recorded

Write = tuple[str, Sequence[Any]]
"""A statement and its parameters (`%b`)."""

GROUP = "core"
"""The checkpoint of the group of views that answer together."""


class View(Protocol):
    """One view. Its tables live in a schema of their own, so that a rebuild is a second schema and a switch is a rename."""

    name: str
    version: int

    def tables(self, schema: str) -> str:
        """The DDL of its tables in this schema."""
        ...

    def fold(self, schema: str, batch: Sequence[Recorded]) -> list[Write]:
        """The writes of a batch, in order; a pure function of the events."""
        ...


def schema_of(view: View) -> str:
    """The schema of the generation that serves. Old and new code read different versions side by side."""
    return f"{view.name}_v{view.version}"


class Fenced(Exception):
    """Somebody else moved the checkpoint: this owner is one no longer."""


class Hole(Exception):
    """The batch does not follow on the checkpoint."""


async def apply_batch(
    connection: AsyncConnection[Any],
    views: Sequence[tuple[View, str]],
    checkpoint: str,
    batch: Sequence[Recorded],
    expected: int,
) -> None:
    """Apply the events after `expected` to these views in their schemas, and move the checkpoint over all of them.

    One transaction (a savepoint inside one). Raises `Fenced`, `Hole`, or whatever a fold or a statement raises; then
    nothing was written.
    """
    if not batch or any(recorded.position != place for place, recorded in enumerate(batch, expected + 1)):
        raise Hole(f"the batch after {expected} is not dense: it begins at {batch[0].position if batch else 'nothing'}")
    for recorded in batch:
        if isinstance(recorded.event, Damaged):
            raise ValueError(f"position {recorded.position} is damaged: {recorded.event.error}")
    writes = [write for view, schema in views for write in view.fold(schema, batch)]
    # No pipeline: with megabytes of parameters psycopg's stood still, both sides waiting (3.3.9, batches of 5,000).
    async with connection.transaction():
        moved = await connection.execute(
            "update notification_tracking set notification_id = %b where application_name = %b and notification_id = %b",
            [batch[-1].position, checkpoint, expected],
        )
        if moved.rowcount != 1:
            raise Fenced(f"the checkpoint {checkpoint} is not at {expected} any more")
        for statement, parameters in writes:
            await connection.execute(statement, parameters)


async def prepare_writer(connection: AsyncConnection[Any]) -> None:
    """Set a connection up for `apply_batch`."""
    # Rows and checkpoint commit together, so a crash can only take both back: the log is the truth, and waiting for the
    # disk here would only slow down those who wait for the log.
    await connection.execute("set synchronous_commit = off")
    # Every write finds its rows by key. A plan that was made while a table was empty would scan it for ever.
    for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        await connection.execute(f"set {setting} = off")


async def lock_checkpoint(connection: AsyncConnection[Any]) -> int:
    """The group's checkpoint, which stands until the transaction ends."""
    cursor = await connection.execute(
        "select notification_id from notification_tracking where application_name = %s for update", [GROUP]
    )
    row = await cursor.fetchone()
    assert row is not None, "the group has a checkpoint"
    return int(row[0])


async def ensure_checkpoint(connection: AsyncConnection[Any], name: str) -> int:
    """The checkpoint, made at 0 where there is none."""
    await connection.execute(
        "insert into notification_tracking (application_name, notification_id) values (%s, 0) on conflict do nothing",
        [name],
    )
    cursor = await connection.execute(
        "select notification_id from notification_tracking where application_name = %s", [name]
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


POSITION = f"(select notification_id from notification_tracking where application_name = '{GROUP}')"
"""In a query: the position at which it is true. A statement sees one snapshot, so rows and checkpoint agree."""


def may_see(channel: str, person: str) -> str:
    """In a query: whether the person may read the channel (docs/access.md). Channels' and memberships' primary keys serve."""
    return (
        f"exists (select from channels_v1.channels seen where seen.channel_id = {channel} and seen.deleted_at is null"
        f" and (seen.kind = 'public' or exists (select from memberships_v1.memberships mine"
        f" where mine.channel_id = {channel} and mine.user_id = {person} and mine.left_position is null)))"
    )
