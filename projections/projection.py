"""What a view is, and how a batch of events becomes rows: folded in memory, written set by set, in one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
from psycopg import AsyncConnection

from domain.decider import Damaged, Recorded

Write = tuple[str, Sequence[Any]]
"""A statement and its parameters (`%b`)."""


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


def schemas_of(views: Iterable[View]) -> list[str]:
    """The schemas of these views, sorted: how a group's table of sets names one."""
    return sorted(map(schema_of, views))


class Group(msgspec.Struct, frozen=True):
    """Views that answer together: they share one runner, one transaction a batch, and one checkpoint of the group's name."""

    name: str
    views: tuple[View, ...]
    owner_lock: int
    """Who holds this advisory lock applies the log to them."""

    @property
    def schemas(self) -> list[str]:
        """Of its views, sorted."""
        return schemas_of(self.views)

    @property
    def sets(self) -> str:
        """The table of the sets of schemas that its checkpoint moves or moved."""
        return _sets_of(self.name)

    @property
    def parked(self) -> str:
        """The table of events that it could not apply, and of those that wait behind them."""
        return f"projections.{self._prefix}parked_events"

    @property
    def held(self) -> str:
        """The table of the feeds that wait."""
        return f"projections.{self._prefix}held_feeds"

    @property
    def _prefix(self) -> str:
        return "" if self.name == "core" else f"{self.name}_"  # the core group was the only one


def _sets_of(group: str) -> str:
    return f"projections.{group}_group"


class Fenced(Exception):
    """Somebody else moved the checkpoint, or it moves other views now: this owner is one no longer."""


class Hole(Exception):
    """The batch does not follow on the checkpoint."""


async def apply_batch(
    connection: AsyncConnection[Any],
    views: Sequence[tuple[View, str]],
    checkpoint: Group | str,
    batch: Sequence[Recorded],
    expected: int,
) -> None:
    """Apply the events after `expected` to these views in their schemas, and move the checkpoint over all of them.

    A group's checkpoint moves for the views that it belongs to, all of them together, and for no others. One transaction
    (a savepoint inside one). Raises `Fenced`, `Hole`, or whatever a fold or a statement raises; then nothing
    was written.
    """
    if not batch or any(recorded.position != place for place, recorded in enumerate(batch, expected + 1)):
        raise Hole(f"the batch after {expected} is not dense: it begins at {batch[0].position if batch else 'nothing'}")
    for recorded in batch:
        if isinstance(recorded.event, Damaged):
            raise ValueError(f"position {recorded.position} is damaged: {recorded.event.error}")
    writes = [write for view, schema in views for write in view.fold(schema, batch)]
    # No pipeline: with megabytes of parameters psycopg's stood still, both sides waiting (3.3.9, batches of 5,000).
    async with connection.transaction():
        if isinstance(checkpoint, Group):
            move, name = f"{_MOVE} and exists (select from {checkpoint.sets} where {_GOES_ON})", checkpoint.name
            schemas = sorted(schema for _, schema in views)
            moved = await connection.execute(move, [batch[-1].position, name, expected, schemas])
        else:
            name = checkpoint
            moved = await connection.execute(_MOVE, [batch[-1].position, name, expected])
        if moved.rowcount != 1:
            raise Fenced(f"the checkpoint {name} is not at {expected} any more, or moves other views")
        for statement, parameters in writes:
            await connection.execute(statement, parameters)


_MOVE = "update notification_tracking set notification_id = %b where application_name = %b and notification_id = %b"
_GOES_ON = "schemas = %b and stopped_at is null"


async def prepare_writer(connection: AsyncConnection[Any]) -> None:
    """Set a connection up for `apply_batch`."""
    # Rows and checkpoint commit together, so a crash can only take both back: the log is the truth, and waiting for the
    # disk here would only slow down those who wait for the log.
    await connection.execute("set synchronous_commit = off")
    # The end of a very large channel is one statement, and the views must come past it.
    await connection.execute("set statement_timeout = 0")
    # Every write finds its rows by key. A plan that was made while a table was empty would scan it for ever.
    for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        await connection.execute(f"set {setting} = off")


async def lock_checkpoint(connection: AsyncConnection[Any], group: Group) -> int:
    """The group's checkpoint, which stands until the transaction ends. Raises `Fenced` when it was handed over meanwhile."""
    cursor = await connection.execute(
        "select notification_id from notification_tracking where application_name = %s for update", [group.name]
    )
    row = await cursor.fetchone()
    if row is None:
        raise Fenced(f"the checkpoint {group.name} was handed over")
    return int(row[0])


async def hand_over(connection: AsyncConnection[Any], group: Group) -> None:
    """Let the group's checkpoint move these views from now on, and no others, in the caller's transaction.

    The caller sees to it that they have all that the checkpoint says, while it stands. Whoever moved it before is fenced.
    """
    position = await lock_checkpoint(connection, group)
    await connection.execute(f"update {group.sets} set stopped_at = %s where stopped_at is null", [position])
    await connection.execute(
        f"insert into {group.sets} (schemas) values (%s) on conflict (schemas) do update set stopped_at = null",
        [group.schemas],
    )
    # A former owner may be waiting for the row with its next batch, and has looked at the sets before it waited. It must
    # not find the row that it waits for: a new one takes its place.
    await connection.execute("delete from notification_tracking where application_name = %s", [group.name])
    await connection.execute("insert into notification_tracking values (%s, %s)", [group.name, position])


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


def position_of(*schemas: str, group: str = "core") -> str:
    """In a query: the position at which it is true, for the schemas that it reads; null where they never had one together.

    A statement sees one snapshot, so rows and checkpoint agree. Where a newer version has taken a schema's place, its rows
    stand still, and so does this: the last set that had all of these schemas says where.
    """
    return (
        f"(select max(coalesce(g.stopped_at, at.notification_id)) from {_sets_of(group)} g, notification_tracking at"
        f" where at.application_name = '{group}' and g.schemas @> '{{{','.join(schemas)}}}')"
    )


def may_see(channel: str, person: str) -> str:
    """In a query: whether the person may read the channel (docs/access.md). Channels' and memberships' primary keys serve."""
    return (
        f"exists (select from channels_v2.channels seen where seen.channel_id = {channel} and seen.deleted_at is null"
        f" and (seen.kind = 'public' or exists (select from memberships_v2.memberships mine"
        f" where mine.channel_id = {channel} and mine.user_id = {person} and mine.left_position is null)))"
    )


def is_admin(person: str) -> str:
    """In a query: whether the person is an active server admin. The primary key of people serves."""
    return (
        f"exists (select from people_v2.people root where root.user_id = {person} and root.is_admin"
        " and root.deactivated_at is null)"
    )


def may_govern(channel: str, person: str) -> str:
    """In a query: whether the person governs the channel (docs/access.md): its admins and owners, and server admins.
    Primary keys of channels, memberships and people serve.
    """
    return (
        f"exists (select from channels_v2.channels ruled where ruled.channel_id = {channel} and ruled.deleted_at is null"
        f" and ({is_admin(person)} or exists (select from memberships_v2.memberships mine where mine.channel_id = {channel}"
        f" and mine.user_id = {person} and mine.left_position is null and mine.role in ('admin', 'owner'))))"
    )
