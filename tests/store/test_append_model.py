"""The append function and a plain model of it agree on whatever two connections send, one after the other or at once."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from domain.channel import TopicChanged
from domain.decider import NewEvent
from sermo import log
from sermo.log import Attempt, Kind, Result
from tests.support.builders import AT
from tests.support.log_model import Answer, Dependent, LogModel, Row

STREAMS = [UUID(int=0x100 + n) for n in range(6)]
FEEDS = [UUID(int=0x200 + n) for n in range(3)]
COMMANDS = [UUID(int=0x300 + n) for n in range(12)]


@dataclass(frozen=True)
class Wish:
    """A command of a random batch; versions are filled in from the model when it is sent."""

    command: int
    hash: bytes | None
    relied: dict[int, str]
    """Stream -> seen as it is ("now"), as absent, or as something that it is not ("ahead")."""
    events: list[tuple[int, int | None]]
    creates: bool

    def attempt(self, model: LogModel) -> Attempt:
        """The attempt, with versions as seen."""
        relied = {}
        for place, seen in self.relied.items():
            now = model.version(STREAMS[place])
            relied[STREAMS[place]] = {"now": now, "absent": 0, "ahead": now + 1}[seen]
        events = [
            NewEvent(
                STREAMS[place],
                TopicChanged(channel_id=STREAMS[place], topic=f"{self.command} {n}", by=FEEDS[0], at=AT),
                None if feed is None else FEEDS[feed],
            )
            for n, (place, feed) in enumerate(self.events)
        ]
        creates = STREAMS[self.events[0][0]] if self.creates else None
        return Attempt.of(COMMANDS[self.command], self.hash, relied, events, creates)


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """One command over few streams, so that batches meet."""
    seen = st.sampled_from(["now", "now", "now", "now", "absent", "ahead"])
    relied = draw(st.dictionaries(st.integers(0, 5), seen, min_size=1, max_size=3))
    written = st.tuples(st.sampled_from(sorted(relied)), st.none() | st.integers(0, 2))
    return Wish(
        command=draw(st.integers(0, 11)),
        hash=draw(st.sampled_from([None, b"one", b"one", b"two"])),
        relied=relied,
        events=draw(st.lists(written, min_size=1, max_size=4)),
        creates=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def batches_of_wishes(draw: st.DrawFn) -> list[Wish]:
    """Mostly commands that may travel together, as the appender packs them; now and then others, which are refused."""
    batch = draw(st.lists(wishes(), min_size=1, max_size=5))
    if draw(st.integers(0, 9)) == 0:
        return batch
    packed: list[Wish] = []
    for wish in batch:
        written = {place for place, _ in wish.events}
        if not any(
            wish.command == other.command
            or written & other.relied.keys()
            or {place for place, _ in other.events} & wish.relied.keys()
            for other in packed
        ):
            packed.append(wish)
    return packed


batches = batches_of_wishes()
steps = st.lists(st.tuples(batches, st.none() | batches), min_size=1, max_size=8)


def told(result: Result | type[Dependent]) -> Any:
    """A result as the model would say it."""
    if not isinstance(result, Result):
        return result
    events = [(e.position, e.stream_id, e.version, e.event, e.feed_id, e.seq) for e in result.events]
    return result.kind, events, result.moved


def expected(answer: Answer) -> Any:
    """An answer of the model in the form of `told`."""
    events = [
        (r.position, r.stream_id, r.version, log.catalog.decode(r.topic, r.state), r.feed_id, r.seq)
        for r in answer.rows
    ]
    return answer.kind, events, answer.moved


async def send(connection: AsyncConnection[Any], batch: list[Attempt]) -> list[Any]:
    """What the function says; a whole batch that is refused says so."""
    try:
        return [told(result) for result in await log.append(connection, batch)]
    except psycopg.Error as error:
        if error.sqlstate != "SRM01":
            raise
        return [Dependent]


def model_says(model: LogModel, batch: list[Attempt]) -> list[Any]:
    """What the model says."""
    try:
        return [expected(answer) for answer in model.append(batch)]
    except Dependent:
        return [Dependent]


def agree(model: LogModel, sent: list[list[Attempt]], answers: list[list[Any]]) -> LogModel:
    """The model after these batches, in the order that explains the answers."""
    orders = [range(len(sent)), range(len(sent) - 1, -1, -1)]
    told_instead = []
    for order in orders:
        tried = model.copy()
        said = {index: model_says(tried, sent[index]) for index in order}
        if all(said[index] == answers[index] for index in order):
            return tried
        told_instead.append(said)
    raise AssertionError(f"no order explains {answers}; the model says {told_instead}")


async def rows_of(connection: AsyncConnection[Any]) -> list[Row]:
    """The table, in order."""
    cursor = await connection.execute(
        "select notification_id, originator_id, originator_version, topic, state, feed_id, feed_seq, command_id,"
        " command_hash from stored_events order by notification_id"
    )
    return [Row(*row) for row in await cursor.fetchall()]


def test_the_append_function_agrees_with_the_model_on_random_batches_from_two_connections(database: str) -> None:
    """Outcomes, positions, seqs and rows; batches that were sent at once are explained by one order of the two."""
    with asyncio.Runner() as runner:
        connections = [runner.run(log.connect(database)) for _ in range(2)]

        async def play(plan: list[tuple[list[Wish], list[Wish] | None]]) -> None:
            await connections[0].execute("set session_replication_role = replica")
            await connections[0].execute("truncate stored_events")
            await connections[0].execute("reset session_replication_role")
            model = LogModel()
            for number, (first, second) in enumerate(plan):
                both = [first] if second is None else [first, second]
                sent = [[wish.attempt(model) for wish in batch] for batch in both]
                answers = await asyncio.gather(
                    *(send(connections[(number + i) % 2], batch) for i, batch in enumerate(sent))
                )
                model = agree(model, sent, list(answers))
            assert model.rows == await rows_of(connections[0])
            assert list(range(1, len(model.rows) + 1)) == [row.position for row in model.rows]

        @settings(
            max_examples=80,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        )
        @given(steps)
        def holds(plan: list[tuple[list[Wish], list[Wish] | None]]) -> None:
            runner.run(play(plan))

        try:
            holds()
        finally:
            for connection in connections:
                runner.run(connection.close())


def test_the_model_itself_meets_every_outcome() -> None:
    """A model that never refused would agree with anything."""
    model = LogModel()
    wish = Wish(1, b"h", {0: "now"}, [(0, 0), (0, None)], creates=True)
    (first,) = model.append([wish.attempt(model)])
    (again,) = model.append([wish.attempt(model)])
    (reused,) = model.append([Wish(1, b"other", {0: "now"}, [(0, 0)], creates=False).attempt(model)])
    (exists,) = model.append([Wish(2, None, {0: "absent"}, [(0, 0)], creates=True).attempt(model)])
    (conflict,) = model.append([Wish(3, None, {1: "now", 0: "ahead"}, [(1, 0)], creates=False).attempt(model)])
    assert [answer.kind for answer in (first, again, reused, exists, conflict)] == [
        Kind.APPENDED,
        Kind.REPEATED,
        Kind.KEY_REUSED,
        Kind.EXISTS,
        Kind.CONFLICT,
    ]
    assert (first.rows, first.rows, first.rows[:1], first.rows[:1]) == (
        again.rows,
        again.rows,
        reused.rows,
        exists.rows,
    )
    assert STREAMS[0] == conflict.moved
