"""`kill -9`, under load, of the server and of PostgreSQL: what was acknowledged is there, in order, once."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from domain.message import MessagePosted
from sermo import log
from sermo.embedded import embedded_dsn
from tests.support.people import Person, register
from tests.support.servers import ServerProcess
from tests.support.wait import await_until
from tests.support.wsclient import Client, check_stream, new_id

BEFORE_KILL = 60
AFTER_KILL = 30


class Sender:
    """Sends without a pause; resends with the same id until it is acknowledged."""

    def __init__(self, person: Person, channel: str) -> None:
        self.client: Client = person.client()
        self.channel = channel
        self.acknowledged: list[tuple[str, int]] = []
        self.url = person.url

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop."""
        while not stop.is_set():
            await self._send_until_acknowledged(str(new_id()), stop)

    async def _send_until_acknowledged(self, message_id: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                if self.client.close_code is not None:
                    await self.client.gone()
                    await self.client.open(url=self.url)
                answer = await self.client.post(self.channel, f"message {message_id}", message_id=message_id)
            except (ConnectionClosed, ConnectionError, OSError, AssertionError, TimeoutError):
                await asyncio.sleep(0.02)  # between tries; what is waited for is the acknowledgement
                continue
            if answer["type"] == "message_sent":
                self.acknowledged.append((message_id, answer["data"]["id"]))
                return
            assert answer["data"]["code"] in ("unavailable", "overloaded"), answer


async def _load(process: ServerProcess, senders: int) -> list[Sender]:
    people = [await register(process.url, f"k{number}") for number in range(senders)]
    channel = await people[0].make_channel()
    made = []
    for person in people:
        sender = Sender(person, channel)
        await sender.client.open()
        await sender.client.ask("join_channel", channel_id=channel)
        made.append(sender)
    return made


def _total(senders: list[Sender]) -> int:
    return sum(len(sender.acknowledged) for sender in senders)


@contextlib.asynccontextmanager
async def _running(senders: list[Sender]) -> Any:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(sender.run(stop)) for sender in senders]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def _check(senders: list[Sender], data_dir: Path) -> None:
    """Every acknowledged message is in the log, at the position that was told, once; every client got everything."""
    with embedded_dsn(data_dir) as dsn:
        async with await log.connect(dsn) as connection:
            events = await log.read(connection, 0, 1_000_000)
    positions = [recorded.position for recorded in events]
    assert positions == list(range(1, len(events) + 1)), "positions are dense"
    posted = {str(r.stream_id): r.position for r in events if isinstance(r.event, MessagePosted)}
    assert len(posted) == sum(isinstance(r.event, MessagePosted) for r in events), "no message twice"
    for sender in senders:
        assert sender.acknowledged
        for message_id, position in sender.acknowledged:
            assert posted.get(message_id) == position, f"{message_id} was acknowledged at {position}"


async def _wait_for_all(senders: list[Sender]) -> None:
    last = max(position for sender in senders for _, position in sender.acknowledged)
    for sender in senders:
        client = sender.client
        if client.close_code is not None:
            await client.gone()
            await client.open(url=sender.url)
        await client.wait_through(last)
        check_stream(client.events, client.user_id)
        got = {frame["data"]["message_id"] for frame in client.events if frame["type"] == "new_message"}
        acknowledged = {message_id for other in senders for message_id, _ in other.acknowledged}
        assert acknowledged <= got, "a client missed an acknowledged message"


async def test_every_acknowledged_message_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    """The server is killed under load and started again: nothing acknowledged is lost or doubled, clients resume."""
    data_dir = tmp_path / "data"
    process = ServerProcess("--data-dir", str(data_dir), log=tmp_path / "server.log")
    await process.start()
    try:
        senders = await _load(process, 4)
        async with _running(senders):
            await await_until(lambda: _total(senders) > BEFORE_KILL, timeout_s=30)
            await process.kill()
            killed_at = _total(senders)
            url = await process.start()
            for sender in senders:
                sender.url = url
            await await_until(lambda: _total(senders) > killed_at + AFTER_KILL, timeout_s=60)
        await _wait_for_all(senders)
        for sender in senders:
            await sender.client.close()
    finally:
        await process.stop()
    await _check(senders, data_dir)


async def test_every_acknowledged_message_survives_kill_9_of_postgres(tmp_path: Path) -> None:
    """PostgreSQL is killed under load: the server starts it again by itself, sends are repeated, nothing is lost."""
    data_dir = tmp_path / "data"
    process = ServerProcess("--data-dir", str(data_dir), log=tmp_path / "server.log")
    await process.start()
    try:
        senders = await _load(process, 4)
        async with _running(senders):
            await await_until(lambda: _total(senders) > BEFORE_KILL, timeout_s=30)
            os.kill(_postmaster(data_dir), signal.SIGKILL)
            killed_at = _total(senders)
            await await_until(lambda: _total(senders) > killed_at + AFTER_KILL, timeout_s=60)
        await _wait_for_all(senders)
        for sender in senders:
            await sender.client.close()
    finally:
        await process.stop()
    await _check(senders, data_dir)


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "pg" / "data" / "postmaster.pid").read_text().split("\n")[0])
