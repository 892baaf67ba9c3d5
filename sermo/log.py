"""The log in SQL: connections, the append call, and reads. The only file that knows the columns of `stored_events`.

Invariants (architecture: promises R1, R4, R6), each with its test in tests/store/:
  L1  positions become visible in order: n+1 never before n           (the append lock is held to the commit)
  L2  positions are dense: refusals and conflicts burn no number      (numbers are assigned after judging)
  L3  the seqs of a feed are 1, 2, 3 ... in position order            (assigned under the same lock)
  L4  what is returned as appended is durable                         (one autocommit statement, synchronous_commit on)
"""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncConnection

from domain import catalog
from domain.decider import Damaged, Event, NewEvent, Recorded, Skipped, State, Unknown
from domain.ids import membership_id
from domain.user import UserState
from projections.columns import Blobs, Chars, Int4s, Int8s, Texts, Uuids

NOTIFY_CHANNEL = "stored_events"
"""Also the library's channel name, so that its subscriptions are woken by our appends."""

CONNECTION_ERRORS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    OSError,
)
"""Another connection may do better: this one is lost, or leads to a server that was demoted in a fail-over."""

_SETTINGS = (
    "-c lock_timeout=5s -c statement_timeout=15s -c idle_in_transaction_session_timeout=10s"
    " -c synchronous_commit=on -c timezone=UTC -c jit=off"
)


def connection_arguments() -> dict[str, Any]:
    """How every connection is made: it cannot wait for ever for locks, statements or an idle transaction."""
    return {
        "autocommit": True,
        "options": _SETTINGS,
        "connect_timeout": 5,
        # A network that has gone says nothing. Where no answer has a deadline of its own, TCP gives up.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": "sermo",
        "prepare_threshold": 0,
    }


async def connect(dsn: str) -> AsyncConnection[Any]:
    """A connection for a part that keeps one."""
    return await AsyncConnection.connect(dsn, **connection_arguments())


@contextmanager
def answer_within(connection: AsyncConnection[Any], timeout_s: float) -> Iterator[None]:
    """Break the connection when what is asked in the block is not answered in time: a hung network says nothing.

    psycopg's own cancellation waits for the server, which is just what does not answer; so the socket is shut down,
    and the query ends with `psycopg.OperationalError`.
    """

    def shut_down() -> None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(timeout_s, shut_down)
    try:
        yield
    finally:
        timer.cancel()


class Kind(StrEnum):
    """What the append function says of a command."""

    APPENDED = "appended"
    REPEATED = "repeated"
    KEY_REUSED = "key_reused"
    EXISTS = "exists"
    CONFLICT = "conflict"


_KINDS = {kind.value: kind for kind in Kind}


class Attempt(msgspec.Struct, frozen=True):
    """A decided command, ready to be appended."""

    command_id: UUID
    command_hash: bytes | None
    relied: Mapping[UUID, int]
    """Every stream that the decision relied on, with the version seen; 0 = absent."""
    events: tuple[NewEvent, ...]
    creates: UUID | None = None
    """The stream that this command begins: when it has events, the answer is `exists`."""
    encoded: tuple[tuple[str, bytes], ...] = ()
    places: tuple[int, ...] = ()
    """Of each event, where its stream stands in `relied`."""
    modes: bytes = b""
    """Of each relied stream: `r` only read, `w` written, `c` begun."""
    written: frozenset[UUID] = frozenset()
    size_bytes: int = 0

    @staticmethod
    def of(
        command_id: UUID,
        command_hash: bytes | None,
        relied: Mapping[UUID, int],
        events: Sequence[NewEvent],
        creates: UUID | None,
    ) -> "Attempt":
        """Encode the events once, however often the attempt is sent."""
        encoded = tuple(catalog.encode(new.event) for new in events)
        place_of = {stream_id: place for place, stream_id in enumerate(relied)}
        places = tuple(place_of[new.stream_id] for new in events)
        modes = bytearray(b"r" * len(relied))
        for place in places:
            modes[place] = _WRITTEN
        if creates is not None:
            modes[place_of[creates]] = _BEGUN
        return Attempt(
            command_id,
            command_hash,
            relied,
            tuple(events),
            creates,
            encoded,
            places,
            bytes(modes),
            frozenset(new.stream_id for new in events),
            sum(len(state) for _, state in encoded),
        )


_WRITTEN, _BEGUN = b"wc"


class Result(msgspec.Struct, frozen=True):
    """What became of one attempt of a batch."""

    kind: Kind
    events: tuple[Recorded, ...] = ()
    """Appended or original rows; of `exists` and `key_reused` only the first; of `conflict` none."""
    moved: UUID | None = None
    """Of `conflict`: a stream that had moved."""


_APPEND = (
    "select command, outcome, stream_id, stream_version, event_position, feed, seq, recorded, topic, state"
    ' from sermo_append(%b::uuid[], %b::bytea[], %b::int4[], %b::uuid[], %b::int8[], %b::"char"[],'
    " %b::int4[], %b::text[], %b::bytea[], %b::uuid[])"
)


def append_parameters(batch: Sequence[Attempt]) -> tuple[list[Any], ...]:
    """The arrays of `sermo_append`, in its order."""
    command_ids, command_hashes = Uuids(), Blobs()
    stream_commands, stream_ids, stream_versions, stream_modes = Int4s(), Uuids(), Int8s(), Chars()
    event_streams, event_topics, event_states, event_feeds = Int4s(), Texts(), Blobs(), Uuids()
    for number, attempt in enumerate(batch, 1):
        command_ids.append(attempt.command_id)
        command_hashes.append(attempt.command_hash)
        first = len(stream_ids) + 1
        stream_commands += [number] * len(attempt.relied)
        stream_ids += attempt.relied
        stream_versions += attempt.relied.values()
        stream_modes += attempt.modes
        for new, place, (topic, state) in zip(attempt.events, attempt.places, attempt.encoded, strict=True):
            event_streams.append(first + place)
            event_topics.append(topic)
            event_states.append(state)
            event_feeds.append(new.feed_id)
    return (
        command_ids,
        command_hashes,
        stream_commands,
        stream_ids,
        stream_versions,
        stream_modes,
        event_streams,
        event_topics,
        event_states,
        event_feeds,
    )


async def append(connection: AsyncConnection[Any], batch: Sequence[Attempt]) -> list[Result]:
    """Append a batch of independent attempts; one result each, in order. When it returns, what was appended is durable.

    Raises `psycopg.Error`: then whether it was done is not known, and the same attempts may be sent again.
    """
    cursor = await connection.execute(_APPEND, append_parameters(batch), prepare=True, binary=True)
    return _results(batch, await cursor.fetchall())


def _results(batch: Sequence[Attempt], rows: Iterable[tuple[Any, ...]]) -> list[Result]:
    outcomes: list[Kind | None] = [None] * len(batch)
    events: list[list[Recorded]] = [[] for _ in batch]
    moved: list[UUID | None] = [None] * len(batch)
    for number, outcome, stream_id, version, position, feed, seq, recorded, topic, state in rows:
        index = number - 1
        kind = outcomes[index] = _KINDS[outcome]
        if kind is Kind.CONFLICT:
            moved[index] = stream_id
            continue
        event = batch[index].events[len(events[index])].event if kind is Kind.APPENDED else _decode(topic, bytes(state))
        events[index].append(Recorded(position, stream_id, version, event, feed, seq, recorded))
    results = []
    for kind_or_none, found, stream_id in zip(outcomes, events, moved, strict=True):
        assert kind_or_none is not None, "the append function answers every command"
        results.append(Result(kind_or_none, tuple(found), stream_id))
    return results


_COLUMNS = "notification_id, originator_id, originator_version, topic, state, feed_id, feed_seq, recorded_at"


def to_recorded(row: tuple[int, UUID, int, str, bytes | None, UUID | None, int | None, datetime]) -> Recorded:
    """A row of `_COLUMNS` as an event."""
    position, stream_id, version, topic, state, feed_id, seq, recorded_at = row
    event = Skipped(topic) if state is None else _decode(topic, state)
    return Recorded(position, stream_id, version, event, feed_id, seq, recorded_at)


def _decode(topic: str, state: bytes) -> Event | Unknown:
    """One row that a disk or a hand has damaged must not stop those who read the rest."""
    try:
        return catalog.decode(topic, state)
    except msgspec.DecodeError as error:
        return Damaged(topic, str(error))


async def read(connection: AsyncConnection[Any], after: int, limit: int) -> list[Recorded]:
    """The events after a position, at most `limit`, in order: one range scan of the position index."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from stored_events where notification_id > %b order by notification_id limit %b",
        [after, limit],
        binary=True,
    )
    return [to_recorded(row) for row in await cursor.fetchall()]


_BULK = [topic for topic in catalog.EVENTS if topic.startswith(("message.", "reading."))]
"""What most of the log is, and what nobody needs but those who follow the feed."""


async def read_partly(
    connection: AsyncConnection[Any], after: int, limit: int, feeds: Sequence[UUID]
) -> list[Recorded]:
    """Like `read`, but of messages and markers only those of these feeds whole; the others are `Skipped`."""
    cursor = await connection.execute(
        "select notification_id, originator_id, originator_version, topic,"
        " case when feed_id = any(%b) or not topic = any(%b) then state end, feed_id, feed_seq, recorded_at"
        " from stored_events where notification_id > %b order by notification_id limit %b",
        [Uuids(feeds), Texts(_BULK), after, limit],
        binary=True,
    )
    return [to_recorded(row) for row in await cursor.fetchall()]


class FeedRange(msgspec.Struct, frozen=True):
    """A stretch of one feed: positions `first` to `last`, ends included."""

    feed_id: UUID
    first: int
    last: int


_WITH_CONTENT = ["message.posted.1", "message.edited.1"]
_IN_RANGE = (
    "feed_id is not null and (feed_id, notification_id) >= (r.feed, r.first)"
    " and (feed_id, notification_id) <= (r.feed, r.last)"
)
"""A range that only the feed's index gives, in its order. With `feed_id = r.feed` the planner believes that a feed's next
events are near, and takes the position index: a feed with nothing in the range is then looked for in all of the log."""


def _columns_of(ranges: Sequence[FeedRange]) -> tuple[Uuids, Int8s, Int8s]:
    return Uuids(r.feed_id for r in ranges), Int8s(r.first for r in ranges), Int8s(r.last for r in ranges)


async def read_feeds(
    connection: AsyncConnection[Any], ranges: Sequence[FeedRange], limit: int, max_bytes: int
) -> tuple[list[Recorded], set[UUID], bool]:
    """The first events of these stretches, merged by position, the messages in them that are deleted by now, and whether
    that is all: at most `limit` events, whose states have at most `max_bytes`, but for one that is larger alone.

    First the positions, from one index scan a stretch, each stopped at `limit`, without the table: who follows 50 feeds
    makes 25,000 of them for a page of 500. Then the rows; of a stream only its last event is looked at.
    """
    cursor = await connection.execute(
        "with page as (select p.notification_id from unnest(%b::uuid[], %b::int8[], %b::int8[]) as r(feed, first, last)"
        f" cross join lateral (select notification_id from stored_events where {_IN_RANGE}"
        "  order by feed_id, notification_id limit %b) as p order by 1 limit %b)"
        # Not `exists`: the planner may make a hash of it, and read all of the log for that.
        ", sized as (select e.*, sum(octet_length(e.state)) over (order by e.notification_id) - octet_length(e.state)"
        f" as bytes_before from page cross join lateral (select {_COLUMNS} from stored_events s"
        "   where s.notification_id = page.notification_id limit 1) as e)"
        f" select {_COLUMNS}, (select count(*) from page), case when e.topic = any(%b) then ("
        # Nothing follows a deletion in its stream, so the last row tells, however many edits there were.
        "  select later.topic = 'message.deleted.1' from stored_events later where later.originator_id = e.originator_id"
        "  and later.originator_version > 1 order by later.originator_version desc limit 1) end"
        " from sized e where e.bytes_before < %b order by 1",
        [*_columns_of(ranges), limit, limit, Texts(_WITH_CONTENT), max_bytes],
        binary=True,
    )
    rows = await cursor.fetchall()
    found = rows[0][-2] if rows else 0
    is_all = found < limit and found == len(rows)
    return [to_recorded(row[:-2]) for row in rows], {row[1] for row in rows if row[-1]}, is_all


async def read_streams(connection: AsyncConnection[Any], ids: Sequence[UUID]) -> tuple[int, list[Recorded]]:
    """All events of these streams, each in version order, and the head of the log, from one snapshot."""
    cursor = await connection.execute(
        # The head stands in every row and in one row of its own, so that absent streams still tell it.
        f"with head as (select coalesce(max(notification_id), 0) as head from stored_events)"
        f" select head, e.* from head left join (select {_COLUMNS} from stored_events"
        f" where originator_id = any(%b)) as e on true order by e.originator_id, e.originator_version",
        [list(ids)],
        binary=True,
    )
    rows = await cursor.fetchall()
    return rows[0][0], [to_recorded(row[1:]) for row in rows if row[1] is not None]


async def log_id(connection: AsyncConnection[Any]) -> UUID | None:
    """What tells this log from another, also after a restore: the stream of its first event. None while it is empty."""
    cursor = await connection.execute("select originator_id from stored_events where notification_id = 1")
    row = await cursor.fetchone()
    return row[0] if row is not None else None


async def head(connection: AsyncConnection[Any]) -> int:
    """The last position of the log; 0 when it is empty."""
    cursor = await connection.execute("select coalesce(max(notification_id), 0) from stored_events")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def mark_bounds(connection: AsyncConnection[Any], channel_id: UUID, user_id: UUID) -> tuple[int, int]:
    """The last seq of a channel's feed, and the seq of the person's last join; 0 where there is none.

    One step of the feed's index, and the few rows of the membership's stream.
    """
    cursor = await connection.execute(
        "select coalesce((select feed_seq from stored_events where feed_id = %b order by notification_id desc limit 1), 0),"
        " coalesce((select feed_seq from stored_events where originator_id = %b and topic = 'membership.joined.1'"
        " order by originator_version desc limit 1), 0)",
        [channel_id, membership_id(channel_id, user_id)],
        binary=True,
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def check_settings(connection: AsyncConnection[Any], *, allow_unsafe: bool = False) -> None:
    """Raise `psycopg.OperationalError` where the server may lose what it acknowledged."""
    for setting in ("fsync", "full_page_writes"):
        cursor = await connection.execute("select current_setting(%s)", [setting])
        row = await cursor.fetchone()
        assert row is not None
        if row[0] != "on" and not allow_unsafe:
            raise psycopg.OperationalError(
                f"PostgreSQL runs with {setting}={row[0]}, so a crash would lose acknowledged messages."
                f" Turn it on, or set SERMO_ALLOW_UNSAFE_POSTGRES=1 for a test."
            )


async def read_command(
    connection: AsyncConnection[Any], *, command_id: UUID | None = None, first: int | None = None
) -> tuple[bytes | None, tuple[Recorded, ...]] | None:
    """The hash and the rows that a command wrote, by its id or by the position of its first row: two look-ups by index."""
    known = "command_id = %b" if command_id is not None else "notification_id = %b"
    cursor = await connection.execute(
        f"select k.command_hash, e.* from (select notification_id as first, command_hash from stored_events"
        f" where {known}) as k cross join lateral (select {_COLUMNS} from stored_events"
        f" where notification_id >= k.first and notification_id < coalesce((select n.notification_id"
        f" from stored_events n where n.notification_id > k.first and n.command_id is not null"
        f" order by n.notification_id limit 1), 9223372036854775807) order by notification_id) as e",
        [command_id if command_id is not None else first],
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    return rows[0][0], tuple(to_recorded(row[1:]) for row in rows)


async def read_topics(
    connection: AsyncConnection[Any], after: int, through: int, topics: Sequence[str]
) -> list[Recorded]:
    """The events of these types in a part of the log, in order: a range scan of the position index, filtered."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from stored_events where notification_id > %b and notification_id <= %b"
        f" and topic = any(%b::text[]) order by notification_id",
        [after, through, list(topics)],
        binary=True,
    )
    return [to_recorded(row) for row in await cursor.fetchall()]


async def count_feeds(connection: AsyncConnection[Any], ranges: Sequence[FeedRange], limit: int) -> int:
    """How many events these stretches have, counted up to `limit`: index-only."""
    cursor = await connection.execute(
        "select count(*) from (select from unnest(%b::uuid[], %b::int8[], %b::int8[]) as r(feed, first, last)"
        f" cross join lateral (select from stored_events where {_IN_RANGE}"
        " order by feed_id, notification_id limit %b) as e limit %b) as counted",
        [*_columns_of(ranges), limit, limit],
        binary=True,
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def message_channel(connection: AsyncConnection[Any], message_id: UUID) -> UUID | None:
    """The channel of a message, from the feed of its first event."""
    cursor = await connection.execute(
        "select feed_id from stored_events where originator_id = %b and originator_version = 1",
        [message_id],
        binary=True,
    )
    row = await cursor.fetchone()
    return row[0] if row is not None else None


async def deactivations(connection: AsyncConnection[Any]) -> list[Recorded]:
    """All deactivations and reactivations of people, in order: a range of the index of standing."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from stored_events where topic in ('user.deactivated.1', 'user.reactivated.1')"
        " order by notification_id",
        binary=True,
    )
    return [to_recorded(row) for row in await cursor.fetchall()]


async def admins(connection: AsyncConnection[Any]) -> list[UUID]:
    """The active server admins: who was ever made one, by the index of standing, as their streams have them now."""
    # The state is looked at for what all of them have, so that a million registrations are not decoded.
    cursor = await connection.execute(
        "select distinct originator_id from stored_events where topic in ('user.registered.1', 'user.admin_set.1')"
        " and position('\"is_admin\":true'::bytea in state) > 0",
        binary=True,
    )
    _, events = await read_streams(connection, [row[0] for row in await cursor.fetchall()])
    states: dict[UUID, State | None] = {}
    for recorded in events:
        states[recorded.stream_id] = catalog.evolve(states.get(recorded.stream_id), recorded.event)
    return [
        stream_id
        for stream_id, state in states.items()
        if isinstance(state, UserState) and state.is_admin and state.is_active
    ]


async def existing_streams(connection: AsyncConnection[Any], stream_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these streams that have events: one descent of the primary key a stream."""
    cursor = await connection.execute(
        "select originator_id from stored_events where originator_id = any(%b) and originator_version = 1",
        [list(stream_ids)],
        binary=True,
    )
    return {row[0] for row in await cursor.fetchall()}


async def first_seqs(connection: AsyncConnection[Any], stream_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The seq of each stream's first event."""
    cursor = await connection.execute(
        "select originator_id, feed_seq from stored_events where originator_id = any(%b) and originator_version = 1",
        [list(stream_ids)],
        binary=True,
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}
