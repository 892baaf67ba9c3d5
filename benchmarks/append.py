"""The append function: events a second through `sermo_append`, and how near it comes to a bare INSERT of the same rows.

Measured: `sermo.log.append`, called in a closed loop on one connection with batches of 64 posts of 200 bytes each. Every
post relies on three streams that it only reads (its author, its channel, the membership) and on its own new one; the log
has all its indexes and holds tens of thousands of events before the first run. Every call is one durable transaction.

Baseline: `insert into ... select from unnest(...)` of rows with the same columns and sizes, 64 at a time, into a table made
`like stored_events including all`: all indexes, positions and seqs given by the caller, nothing looked up or judged. The two
alternate, on the same connection settings; each run is one measurement of each, and the ratio is taken run by run.
"""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from benchmarks.support import Figure, Plan, checkpoint, new_id, postgres, ratios, run_loop
from domain.channel import CreateChannel
from domain.channel_state import ChannelKind
from domain.decider import Loaded, NewEvent, State
from domain.ids import membership_id
from domain.message import MessagePosted
from domain.user import RegisterUser, UserState
from sermo import log
from sermo.log import Attempt, Kind
from sermo.migrate import migrate

NAME = "append"
BATCH = 64
CONTENT = "x" * 200
_COLUMNS = (
    "originator_id, originator_version, topic, state, notification_id, feed_id, feed_seq, command_id, command_hash,"
    " recorded_at"
)
_BARE = (
    f"insert into bare_events ({_COLUMNS}) select * from unnest(%b::uuid[], %b::int8[], %b::text[], %b::bytea[],"
    " %b::int8[], %b::uuid[], %b::int8[], %b::uuid[], %b::bytea[], %b::timestamptz[])"
)


class Rooms:
    """64 people, each with a channel."""

    def __init__(self) -> None:
        self.authors: list[UUID] = []
        self.channels: list[UUID] = []

    @staticmethod
    async def make(connection: AsyncConnection[Any]) -> "Rooms":
        """Register and create them."""
        rooms, at, empty = Rooms(), datetime.now(UTC), Loaded(dict[UUID, State | None]())
        for number in range(BATCH):
            author, channel = new_id(), new_id()
            rooms.authors.append(author)
            rooms.channels.append(channel)
            person = RegisterUser(user_id=author, username=f"p{number}", display_name="P", at=at)
            await _append_all(connection, person.decide(empty))
            place = CreateChannel(
                channel_id=channel, kind=ChannelKind.PRIVATE, name="c", topic="", created_by=author, at=at
            )
            await _append_all(connection, place.decide(Loaded({author: _someone(author)})))
        return rooms

    def batch(self) -> list[Attempt]:
        """A post in each channel."""
        at = datetime.now(UTC)
        attempts = []
        for author, channel in zip(self.authors, self.channels, strict=True):
            message = new_id()
            posted = MessagePosted(channel_id=channel, author_id=author, content=CONTENT, created_at=at)
            relied = {author: 1, channel: 1, membership_id(channel, author): 1, message: 0}
            attempts.append(Attempt.of(uuid.uuid4(), None, relied, [NewEvent(message, posted, channel)], message))
        return attempts


def _someone(user_id: UUID) -> State:
    return UserState(user_id=user_id, username="p", display_name="P", is_admin=False)


async def _append_all(connection: AsyncConnection[Any], events: Any) -> None:
    relied = {new.stream_id: 0 for new in events}
    (result,) = await log.append(connection, [Attempt.of(uuid.uuid4(), None, relied, events, None)])
    assert result.kind is Kind.APPENDED


async def append_batches(connection: AsyncConnection[Any], rooms: Rooms, batches: int) -> float:
    """Events a second over so many calls."""
    ready = [rooms.batch() for _ in range(batches)]
    began = time.perf_counter()
    for batch in ready:
        results = await log.append(connection, batch)
        assert results[-1].kind is Kind.APPENDED
    return batches * BATCH / (time.perf_counter() - began)


async def _bare(connection: AsyncConnection[Any], rooms: Rooms, batches: int, start: int) -> float:
    at = datetime.now(UTC)
    ready = []
    for number in range(batches):
        first = start + number * BATCH
        attempts = rooms.batch()
        ready.append(
            (
                [attempt.events[0].stream_id for attempt in attempts],
                [1] * BATCH,
                [attempt.encoded[0][0] for attempt in attempts],
                [attempt.encoded[0][1] for attempt in attempts],
                list(range(first, first + BATCH)),
                [attempt.events[0].feed_id for attempt in attempts],
                [first // BATCH] * BATCH,
                [attempt.command_id for attempt in attempts],
                [None] * BATCH,
                [at] * BATCH,
            )
        )
    began = time.perf_counter()
    for parameters in ready:
        await connection.execute(_BARE, parameters, prepare=True, binary=True)
    return batches * BATCH / (time.perf_counter() - began)


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    ours: list[float] = []
    bare: list[float] = []
    batches, warm_up = plan.size(600, 20), plan.size(600, 10)
    async with await log.connect(dsn) as connection:
        await connection.execute("create table bare_events (like stored_events including all)")
        rooms = await Rooms.make(connection)
        await append_batches(connection, rooms, warm_up)
        await _bare(connection, rooms, warm_up, 1)
        await asyncio.to_thread(checkpoint, dsn)
        for run in range(plan.runs):
            ours.append(await append_batches(connection, rooms, batches))
            bare.append(await _bare(connection, rooms, batches, 1 + (warm_up + run * batches) * BATCH))
            plan.tell(f"run {run + 1}: {ours[-1]:,.0f} events/s, bare {bare[-1]:,.0f}")
    return [
        Figure(name="Append function, batches of 64", unit="events/s", values=ours, target=12_000),
        Figure(name="Bare `unnest` INSERT of the same rows", unit="events/s", values=bare, is_baseline=True),
        Figure(name="Append function / bare INSERT", unit="x", values=ratios(ours, bare), target=0.4),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        migrate(dsn)
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result
