"""A stock application of the `eventsourcing` library on our log: it reads ours, we pass over its events, nobody is harmed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import ProgrammingError
from eventsourcing.utils import clear_topic_cache
from psycopg.conninfo import conninfo_to_dict

from domain.decider import Unknown
from domain.message import MessagePosted, MessageState
from domain.user import UserState
from sermo import log
from sermo.mapper import Envelope
from tests.support.builders import Chat
from tests.support.node import Node, running_node
from tests.support.wait import await_until


class Dog(Aggregate):
    """An aggregate of somebody else's program."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        """Learn."""
        self.tricks.append(trick)


class Dogs(Application[UUID]):
    """Their application."""

    name = "stored"


@pytest.fixture
def application(database: str) -> Iterator[Dogs]:
    """The stock application, set up as documented."""
    found = conninfo_to_dict(database)
    clear_topic_cache()
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(found["dbname"]),
        "POSTGRES_HOST": str(found["host"]),
        "POSTGRES_PORT": str(found.get("port", 5432)),
        "POSTGRES_USER": str(found["user"]),
        "POSTGRES_PASSWORD": "",
        "MAPPER_TOPIC": "sermo.mapper:SermoMapper",
        "APPLICATION_RECORDER_TOPIC": "sermo.recorder:SermoApplicationRecorder",
        "CREATE_TABLE": "n",
    }
    with Dogs(env=env) as dogs:
        yield dogs


@pytest.fixture
async def node(database: str) -> AsyncIterator[Node]:
    """A node of ours beside it."""
    async with running_node(database) as running:
        yield running


async def test_a_stock_application_reads_our_log(application: Dogs, node: Node) -> None:
    """Its notification log has our events in our order, its repository makes our states of our streams."""
    chat = await Chat.begin(node.execute)
    message_id = await chat.post("hello")
    notifications = await asyncio.to_thread(application.notification_log.select, 1, 10)
    assert [notification.id for notification in notifications] == [1, 2, 3, 4, 5, 6]
    posted = application.mapper.to_domain_event(notifications[-1])
    assert isinstance(posted, Envelope)
    assert isinstance(posted.event, MessagePosted)
    assert posted.event.content == "hello"
    message: Any = await asyncio.to_thread(application.repository.get, message_id)
    assert MessageState(channel_id=chat.channel_id, author_id=chat.owner_id, content="hello") == message
    user: Any = await asyncio.to_thread(application.repository.get, chat.owner_id)
    assert isinstance(user, UserState)


async def test_what_a_stock_application_writes_reaches_our_tail_as_unknown(application: Dogs, node: Node) -> None:
    """Passed over and counted; positions stay dense across both writers, and both go on."""
    chat = await Chat.begin(node.execute)
    dog = Dog("Fido")
    dog.add_trick("roll over")
    await asyncio.to_thread(application.save, dog)
    await chat.post("between")
    dog.add_trick("play dead")
    await asyncio.to_thread(application.save, dog)
    await chat.post("after")
    await node.wait_for(10)
    assert list(range(1, 11)) == node.positions
    unknown = [recorded for recorded in node.seen if isinstance(recorded.event, Unknown)]
    assert 3 == len(unknown) == node.tail.unknown_events
    assert {(dog.id, None, None)} == {(found.stream_id, found.feed_id, found.seq) for found in unknown}
    read: Dog = await asyncio.to_thread(application.repository.get, dog.id)
    assert read.tricks == ["roll over", "play dead"]
    async with node.pool.connection() as connection:
        assert node.seen == await log.read(connection, 0, 100)


async def test_a_command_is_repeated_whole_where_a_library_write_follows_it(application: Dogs, node: Node) -> None:
    """The rows of a command end where the next writer's begin, also when that writer is the library."""
    chat = await Chat.begin(node.execute)
    first = await chat.rename("elsewhere", key="k")
    await asyncio.to_thread(application.save, Dog("Fido"))
    again = await chat.rename("elsewhere", key="k")
    assert (first.events, False, True) == (again.events, first.repeated, again.repeated)


async def test_a_library_subscription_is_woken_by_our_appends(application: Dogs, node: Node) -> None:
    """NOTIFY goes to the channel that it listens on."""
    chat = await Chat.begin(node.execute)
    found: list[int] = []

    def follow() -> None:
        with application.recorder.subscribe(gt=5) as subscription:
            for notification in subscription:
                found.append(notification.id)
                if len(found) == 3:
                    return

    following = asyncio.create_task(asyncio.to_thread(follow))
    await await_until(lambda: _is_listened_to(node.dsn), what="the subscription listens")
    for text in ("one", "two", "three"):
        await chat.post(text)
    async with asyncio.timeout(5):
        await following
    assert found == [6, 7, 8]


def _is_listened_to(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where query ~* '^listen' and application_name <> 'sermo'"
            " and datname = current_database()"
        ).fetchone()
    assert row is not None
    return bool(row[0])


async def test_the_mapper_gives_names_of_a_newer_program_as_unknown_and_never_writes_them(application: Dogs) -> None:
    """What was not understood cannot be written back."""
    mapper = application.mapper
    posted = MessagePosted(
        channel_id=UUID(int=1), author_id=UUID(int=2), content="x", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    envelope: Any = Envelope(UUID(int=3), 1, posted)
    row = mapper.to_stored_event(envelope)
    assert row.topic == "message.posted.1"
    assert envelope == mapper.to_domain_event(row)
    newer: Any = Envelope(UUID(int=3), 2, Unknown("message.sung.7"))
    with pytest.raises(ProgrammingError):
        mapper.to_stored_event(newer)
