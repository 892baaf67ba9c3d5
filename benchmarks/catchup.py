"""Catch-up of the core group: events a second from an empty group to the head of a log of 300,000 events.

Measured: `projections.runner.GroupRunner` as a node runs it, over a log of 400 people, 40 channels with 100 members each,
and posts, replies, edits, deletions and read markers, made through `sermo_append`. Each run drops the group's tables and
begins at position 0; the time is from the runner's start until its checkpoint is at the head.

Baseline: the `eventsourcing` library's `ProjectionRunner` on a copy of the same database, with a `Projection` that does the
same views' writes (`View.fold` of one event) and the tracking in one transaction an event, as the library does. Its views
stand near the end of the log, and each run continues over the next events. It gets two advantages: rows with feed and seq,
which the library's events lack, are looked up in memory, and its commits do not wait for the disk, like ours.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import clear_topic_cache
from psycopg import AsyncConnection

from benchmarks.filling import AT, Writer
from benchmarks.support import (
    Figure,
    Plan,
    checkpoint,
    create_database,
    library_environment,
    new_id,
    postgres,
    ratios,
    run_loop,
)
from domain.decider import NewEvent, Recorded
from domain.ids import reading_id
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.reading import MarkedRead
from projections.group import CORE, VIEWS
from projections.projection import Group, schema_of
from projections.runner import GroupRunner
from sermo import log
from sermo.migrate import migrate

NAME = "catchup"
PEOPLE, CHANNELS, MEMBERS = 400, 40, 100
_WORDS = ("the log holds every event", "once", "and in order", "so", "views", "can be built from it", "again")


def _content(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(5, 60)))


async def _fill(dsn: str, events: int) -> None:
    chance = random.Random(1)
    async with await log.connect(dsn) as connection:
        made = Writer(connection)
        members = await _people_and_channels(made, chance)
        channel_ids = list(members)
        messages: dict[UUID, list[tuple[UUID, UUID]]] = {channel_id: [] for channel_id in channel_ids}
        posted_of = dict.fromkeys(channel_ids, MEMBERS)
        while made.size < events:
            channel_id = chance.choice(channel_ids)
            person, at = chance.choice(members[channel_id]), AT + timedelta(seconds=made.size)
            old, dice = messages[channel_id], chance.random()
            if dice < 0.90 or not old:
                root = chance.choice(old[-50:])[0] if old and dice < 0.25 else None
                message_id, mentions = new_id(), (chance.choice(members[channel_id]),) if dice < 0.05 else ()
                posted = MessagePosted(
                    channel_id=channel_id,
                    author_id=person,
                    content=_content(chance),
                    created_at=at,
                    parent_id=root,
                    mentions=mentions,
                )
                await made.add([NewEvent(message_id, posted, channel_id)])
                posted_of[channel_id] += 1
                if root is None:
                    old.append((message_id, person))
            elif dice < 0.95:
                read = MarkedRead(user_id=person, channel_id=channel_id, seq=posted_of[channel_id], at=at)
                await made.add([NewEvent(reading_id(person, channel_id), read, person)])
            elif dice < 0.98:
                message_id, author = chance.choice(old)
                edited = MessageEdited(channel_id=channel_id, content=_content(chance), by=author, at=at)
                await made.add([NewEvent(message_id, edited, channel_id)])
            else:
                message_id, author = old.pop(chance.randrange(len(old)))
                deleted = MessageDeleted(channel_id=channel_id, by=author, at=at)
                await made.add([NewEvent(message_id, deleted, channel_id)])
        await made.flush()


async def _people_and_channels(made: Writer, chance: random.Random) -> dict[UUID, list[UUID]]:
    people = await made.people(PEOPLE)
    members: dict[UUID, list[UUID]] = {}
    for number in range(CHANNELS):
        chosen = chance.sample(people, MEMBERS)
        members[await made.channel(f"c{number}", chosen)] = chosen
    return members


async def build_views(dsn: str, through: int, group: Group = CORE, *, deadline_s: float = 600) -> float:
    """Seconds that the group's runner takes from where it is through this position."""
    reached = asyncio.Event()
    async with await log.connect(dsn) as reading:

        async def connect() -> AsyncConnection[Any]:
            return await log.connect(dsn)

        async def read(after: int, limit: int) -> Sequence[Recorded]:
            return await log.read(reading, after, min(limit, through - after)) if after < through else ()

        async def wait(after: int) -> None:
            if after >= through:
                reached.set()
            await asyncio.sleep(0.05)

        runner = GroupRunner(connect, read, wait, group=group)
        began = time.perf_counter()
        task = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(deadline_s):
                await reached.wait()
            seconds = time.perf_counter() - began
        finally:
            task.cancel()
            await asyncio.wait((task,))
        if runner.parked:
            raise RuntimeError(f"{runner.parked} events could not be applied")
        return seconds


def _drop_views(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for view in VIEWS:
            connection.execute(f"drop schema if exists {schema_of(view)} cascade")
        connection.execute("drop schema if exists projections cascade")
        connection.execute("delete from notification_tracking where application_name = %s", [CORE.name])


# The library's way


class Stored(Application[UUID]):
    """A stock application on our log."""

    name = "stored"


class ViewRows(PostgresTrackingRecorder):
    """The library's kind of view: rows and tracking in one transaction."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs | {"tracking_table_name": "notification_tracking"})

    def create_table(self) -> None:
        """Do nothing: the tables are there."""

    def write(self, recorded: Recorded, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            for view in VIEWS:
                for statement, parameters in view.fold(schema_of(view), [recorded]):
                    cursor.execute(statement, parameters, prepare=True)
            self._insert_tracking(cursor, tracking)


class ViewsProjection(Projection[ViewRows]):
    """One event at a time."""

    name = "views"
    rows: ClassVar[dict[int, Recorded]] = {}
    last: ClassVar[int] = 0
    ended: ClassVar[float] = 0.0

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        if tracking.notification_id <= self.last:  # the subscription runs on until it is stopped
            self.view.write(self.rows[tracking.notification_id], tracking)
            if tracking.notification_id == self.last:
                ViewsProjection.ended = time.perf_counter()


def _project(dsn: str, start: int, through: int) -> float:
    """Seconds that the library's runner takes over the events after `start`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "insert into notification_tracking values ('stored', %s) on conflict (application_name)"
            " do update set notification_id = excluded.notification_id",
            [start],
        )
    clear_topic_cache()
    environment = library_environment(dsn) | {
        "MAPPER_TOPIC": "sermo.mapper:SermoMapper",
        "APPLICATION_RECORDER_TOPIC": "sermo.recorder:SermoApplicationRecorder",
        "CREATE_TABLE": "n",
    }
    ViewsProjection.last = through
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Stored, projection_class=ViewsProjection, view_class=ViewRows, env=environment
    ) as runner:
        runner.wait(through, timeout=300)
    return ViewsProjection.ended - began


async def _rows(dsn: str, after: int, limit: int) -> dict[int, Recorded]:
    async with await log.connect(dsn) as connection:
        return {recorded.position: recorded for recorded in await log.read(connection, after, limit)}


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    ours: list[float] = []
    theirs: list[float] = []
    events, stretch = plan.size(300_000, 10_000), plan.size(3_000, 200)
    with postgres() as server:
        dsn = create_database(server, "ours")
        migrate(dsn)
        plan.tell(f"making a log of {events:,} events")
        run_loop(_fill(dsn, events))
        checkpoint(dsn)
        theirs_dsn = create_database(server, "theirs", template="ours")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("alter database theirs set synchronous_commit = off")
        start = events - stretch * (plan.runs + 1)
        run_loop(build_views(theirs_dsn, start))
        checkpoint(theirs_dsn)
        ViewsProjection.rows = run_loop(_rows(theirs_dsn, start, stretch * (plan.runs + 1)))
        run_loop(build_views(dsn, events))
        _project(theirs_dsn, start, start + stretch)
        for number in range(plan.runs):
            _drop_views(dsn)
            checkpoint(dsn)
            ours.append(events / run_loop(build_views(dsn, events)))
            start += stretch
            theirs.append(stretch / _project(theirs_dsn, start, start + stretch))
            plan.tell(f"run {number + 1}: {ours[-1]:,.0f} events/s, library {theirs[-1]:,.0f}")
    return [
        Figure(name=f"Catch-up of the core group, {events:,} events", unit="events/s", values=ours, target=20_000),
        Figure(name="Library's `ProjectionRunner`, same views", unit="events/s", values=theirs, is_baseline=True),
        Figure(name="Catch-up / library's runner", unit="x", values=ratios(ours, theirs), target=15),
    ]
