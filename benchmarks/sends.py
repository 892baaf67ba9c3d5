"""Durable sends over WebSocket: messages a second that `message_sent` has acknowledged, and the time of a single one.

Measured: a real `sermo serve` with its views running, and 64 connections of 64 people, each with its own channel and one
unacknowledged message of 200 bytes at any time (closed loop): the next one goes out when `message_sent` comes. Every
acknowledged message is in a committed transaction, fsync on. After it, one connection alone sends a message at a time: the
p50 from the write of the frame to the acknowledgement. The load generator is one process (this one), which parses frame
headers only; server, load generator and PostgreSQL share the machine's cores.

Baseline: the stock loop of the `eventsourcing` library in this process, on the same PostgreSQL in a database of its own with
the library's own tables: one new aggregate with one event of 200 bytes, `Application.save`, again. The two alternate; the
server is up but idle while the library runs.
"""

import asyncio
import time
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.utils import clear_topic_cache

from benchmarks.support import (
    Figure,
    Person,
    Plan,
    create_channels,
    create_database,
    library_environment,
    new_id,
    postgres,
    quantile,
    ratios,
    register,
    run_loop,
    sermo_serve,
)
from benchmarks.wire import WireClient, masked, open_client

NAME = "sends"
CONNECTIONS = 64
CONTENT = "x" * 200
_SENT = b'{"type":"message_sent"'
_ERROR = b'{"type":"error"'


class Message(Aggregate):
    """What the library's application saves."""

    @event("Posted")
    def __init__(self, content: str) -> None:
        self.content = content


class Messages(Application[UUID]):
    """A stock application."""


class Sender(WireClient):
    """A connection with one unacknowledged message."""

    channel_id = ""
    acknowledged = 0
    is_sending = False

    def send(self) -> None:
        """The next message."""
        self.send_content(CONTENT)

    def send_content(self, content: str) -> None:
        """Post this."""
        payload = (
            f'{{"type":"message","ref":"1","data":{{"channel_id":"{self.channel_id}","message_id":"{new_id()}",'
            f'"content":"{content}"}}}}'
        )
        self.write(masked(payload.encode()))

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if data.startswith(_SENT, at):
            self.acknowledged += 1
            self.on_sent()
        elif data.startswith(_ERROR, at):
            raise RuntimeError(f"the server refused a message: {data[at : at + size]!r}")

    def on_sent(self) -> None:
        """The message was acknowledged."""
        if self.is_sending:
            self.send()


class Timed(Sender):
    """Takes the time of each message."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.times: list[float] = []
        self._sent_at = 0.0

    def send(self) -> None:
        self._sent_at = time.perf_counter()
        super().send()

    def on_sent(self) -> None:
        self.times.append(time.perf_counter() - self._sent_at)
        super().on_sent()


async def _connect(url: str, people: list[Person], channels: list[str]) -> list[Sender]:
    senders: list[Sender] = []
    for person, channel_id in zip(people, channels, strict=True):
        sender = await open_client(url, Sender, person.token)
        assert isinstance(sender, Sender)
        sender.channel_id = channel_id
        senders.append(sender)
    return senders


async def _send_all(senders: list[Sender], seconds: float) -> float:
    """Messages a second over this time, of all of them."""
    for sender in senders:
        sender.is_sending = True
        sender.send()
    await asyncio.sleep(0.5)  # the loop is closed and full
    before, began = sum(sender.acknowledged for sender in senders), time.perf_counter()
    await asyncio.sleep(seconds)
    after, ended = sum(sender.acknowledged for sender in senders), time.perf_counter()
    for sender in senders:
        sender.is_sending = False
    if any(sender.is_lost for sender in senders):
        raise RuntimeError("the server closed a connection")
    await asyncio.sleep(0.5)
    return (after - before) / (ended - began)


async def _send_alone(url: str, person: Person, channel_id: str, seconds: float) -> float:
    """The p50 in milliseconds."""
    client = await open_client(url, Timed, person.token)
    assert isinstance(client, Timed)
    client.channel_id, client.is_sending = channel_id, True
    client.send()
    await asyncio.sleep(seconds)
    client.is_sending = False
    await asyncio.sleep(0.1)
    client.close()
    return quantile(client.times, 0.5) * 1e3


def _save_loop(application: Messages, seconds: float) -> float:
    """The library's saves a second."""
    count, began = 0, time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        application.save(Message(CONTENT))
        count += 1
    return count / (now - began)


async def _views_lag(dsn: str) -> int:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "select (select max(notification_id) from stored_events) - (select notification_id from notification_tracking"
            " where application_name = 'core')"
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


async def _measure(dsn: str, application: Messages, plan: Plan) -> list[Figure]:
    ours: list[float] = []
    theirs: list[float] = []
    alone: list[float] = []
    seconds, warm_up = plan.size(6, 1), plan.size(3, 1)
    async with sermo_serve(dsn) as url:
        people = await register(url, CONNECTIONS)
        channels = await create_channels(url, people)
        senders = await _connect(url, people, channels)
        await _send_all(senders, warm_up)
        await asyncio.to_thread(_save_loop, application, 1)
        for run in range(plan.runs):
            ours.append(await _send_all(senders, seconds))
            lag = await _views_lag(dsn)
            alone.append(await _send_alone(url, people[0], channels[0], plan.size(3, 1)))
            theirs.append(await asyncio.to_thread(_save_loop, application, plan.size(4, 1)))
            plan.tell(
                f"run {run + 1}: {ours[-1]:,.0f} messages/s (views {lag} behind), alone {alone[-1]:.2f} ms,"
                f" library {theirs[-1]:,.0f}/s"
            )
        for sender in senders:
            sender.close()
    return [
        Figure(name="Durable sends, 64 connections", unit="messages/s", values=ours, target=4_000),
        Figure(name="Library's `Application.save` loop", unit="saves/s", values=theirs, is_baseline=True),
        Figure(name="Sends / library's loop", unit="x", values=ratios(ours, theirs), target=5),
        Figure(name="A single connection's send, p50", unit="ms", values=alone, target=3, at_most=True),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        clear_topic_cache()
        own = create_database(dsn, "library")
        with Messages(env=library_environment(own)) as application:
            result: list[Figure] = run_loop(_measure(create_database(dsn, "sermo"), application, plan))
            return result
