"""The outbox: what is sent is kept until the server has decided, and arrives once and in order."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sermo_client import (
    Closed,
    Conflict,
    Fate,
    Malformed,
    MemoryOutbox,
    Message,
    SendFailed,
    SermoClient,
    SqliteOutbox,
    State,
    new_id,
)
from sermo_client.testing import FakeServer, Person

from tests.clients.python.conftest import MakeClient
from tests.support.wait import await_until

NUMBERS = [str(number) for number in range(20)]


async def settled(client: SermoClient) -> None:
    """Wait until nothing waits."""
    await await_until(lambda: client.unsent() == [])


async def test_what_is_sent_while_offline_arrives_once_and_in_order(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """The handles say where each has come to stand."""
    one = client(amy)
    await one.connect()
    await fake.stop()
    sendings = [await one.send(lounge, number) for number in NUMBERS]
    assert {Fate.PENDING} == {sending.fate for sending in sendings}
    assert sendings == one.unsent()
    await fake.start()
    places = [(await sending.wait(10)).seq for sending in sendings]
    assert (NUMBERS, sorted(places)) == (fake.messages(lounge), places)
    assert {Fate.ACCEPTED} == {sending.fate for sending in sendings}
    assert one.unsent() == []


async def test_it_is_never_waited_for_a_server_to_send(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """Not even the first time: `start` does not wait."""
    await fake.stop()
    one = client(amy)
    sending = await one.send(lounge, "early")
    await fake.start()
    await sending.wait(10)
    assert fake.messages(lounge) == ["early"]


async def test_over_connections_that_break_at_any_time_each_arrives_once(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """Also where the command was carried out and its answer lost."""
    one = client(amy)
    await one.connect()
    fake.faults.lost_answers = 5
    sendings = [await one.send(lounge, number) for number in NUMBERS]
    fake.faults.drop_after = 7
    await asyncio.gather(*(sending.wait(20) for sending in sendings))
    assert fake.messages(lounge) == NUMBERS


async def test_a_refusal_fails_one_message_and_blocks_no_other(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """Neither in its channel nor elsewhere; it is told among the events too."""
    secret = fake.channel("secret", bob)
    one = client(amy)
    await one.connect()
    refused, empty, said = [await one.send(where, text) for where, text in ((secret, "a"), (lounge, ""), (lounge, "b"))]
    await said.wait(10)
    for sending, code in ((refused, "not_a_member"), (empty, "content_empty")):
        with pytest.raises(Exception, match=code):
            await sending.wait(10)
        assert Fate.FAILED is sending.fate
    failed = await one.wait_for(SendFailed, lambda item: item.message == refused.message, 10)
    assert failed.error is refused.error
    assert fake.messages(lounge) == ["b"]


async def test_what_may_be_tried_later_keeps_its_turn(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """Overloaded twice, with a delay: the next of the channel waits behind it."""
    one = client(amy)
    await one.connect()
    fake.faults.refuse("overloaded", retry_after_ms=20, times=2)
    sendings = [await one.send(lounge, number) for number in NUMBERS[:3]]
    await asyncio.gather(*(sending.wait(10) for sending in sendings))
    assert NUMBERS[:3] == fake.messages(lounge)


async def test_what_has_no_answer_is_sent_again_on_the_same_connection(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """After a while: the server has only lost the answer."""
    one = client(amy, answer_timeout_s=0.05)
    await one.connect()
    fake.faults.swallowed = 2
    await (await one.send(lounge, "once")).wait(10)
    sent = [data["message_id"] for kind, data in fake.commands if kind == "message"]
    assert (len(sent), len(set(sent)), fake.messages(lounge)) == (3, 1, ["once"])
    assert len(fake.conversations) == 1


async def test_the_same_message_again_is_the_same(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """While it waits it has one handle, later the first answer; with another content it is refused."""
    one = client(amy)
    message_id = new_id()
    await fake.stop()
    sending = await one.send(lounge, "once", message_id=message_id)
    assert sending is await one.send(lounge, "once", message_id=message_id)
    with pytest.raises(Conflict):
        await one.send(lounge, "twice", message_id=message_id)
    await fake.start()
    assert await sending.wait(10) == await (await one.send(lounge, "once", message_id=message_id)).wait(10)
    assert fake.messages(lounge) == ["once"]


async def test_a_client_that_closes_leaves_what_waits_in_the_store(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient, tmp_path: Path
) -> None:
    """Whose handle says so; the next client sends it."""
    store = SqliteOutbox(tmp_path / "outbox.db")
    one = client(amy, outbox=store)
    await one.connect()
    await fake.stop()
    sending = await one.send(lounge, "later")
    await one.close()
    with pytest.raises(Closed):
        await sending.wait(1)
    await fake.start()
    other = client(amy, outbox=store)
    await other.connect()
    await settled(other)
    assert fake.messages(lounge) == ["later"]


WRITER = """
import asyncio, sys
from uuid import UUID
from sermo_client import SermoClient, SqliteOutbox

async def main(url, token, path, channel_id):
    client = SermoClient(url, token=token, account="amy", outbox=SqliteOutbox(path), trust_env=False)
    for number in range(20):
        await client.send(channel_id, str(number))
        print(number, flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("is_online", [False, True])
async def test_what_send_has_returned_for_outlives_a_kill(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient, tmp_path: Path, is_online: bool
) -> None:
    """`kill -9` in the midst of sending: the next process sends the rest, nothing twice."""
    path = tmp_path / "outbox.db"
    if not is_online:
        await fake.stop()
    arguments = (fake.url, amy.token, str(path), str(lounge))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(12):
        last = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    last = int(((await process.stdout.read()).split() or [last])[-1])
    if not is_online:
        await fake.start()
    after = client(amy, outbox=SqliteOutbox(path))
    await after.connect()
    await settled(after)
    arrived = fake.messages(lounge)
    assert [str(number) for number in range(len(arrived))] == arrived
    assert len(arrived) in (last + 1, last + 2)  # the one that was being written, perhaps


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_store_keeps_messages_in_order_by_account(kind: str, tmp_path: Path) -> None:
    """Adding twice and removing what is not there change nothing."""

    def opened() -> Any:
        return SqliteOutbox(tmp_path / "outbox.db") if kind == "sqlite" else memory

    memory = MemoryOutbox()
    channel_id = new_id()
    messages = [Message(message_id=new_id(), channel_id=channel_id, content=text) for text in ("a", "ü\n", "c")]
    for message in (*messages, messages[0]):
        opened().add("amy", message)
    opened().add("bob", messages[1])
    assert messages == opened().load("amy")
    opened().remove("amy", messages[1].message_id)
    opened().remove("amy", new_id())
    assert [messages[0], messages[2]] == opened().load("amy")
    assert [messages[1]] == opened().load("bob")


async def test_what_no_frame_can_hold_fails_alone(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """It is not sent at all: the server would end the connection, again and again."""
    one = client(amy)
    await one.connect()
    huge = await one.send(lounge, "x" * 70_000)
    said = await one.send(lounge, "small")
    await said.wait(10)
    with pytest.raises(Malformed, match="too_large"):
        await huge.wait(10)
    assert (fake.messages(lounge), one.state) == (["small"], State.LIVE)


class Full(MemoryOutbox):
    """A store on a disk that is full."""

    def remove(self, account: str, message_id: UUID) -> None:
        raise OSError("no space left")


async def test_a_store_that_fails_ends_the_client_with_its_error(
    fake: FakeServer, amy: Person, lounge: UUID, client: MakeClient
) -> None:
    """Rather than to go on as if all were well."""
    one = client(amy, outbox=Full())
    await one.connect()
    await one.send(lounge, "hello")
    with pytest.raises(OSError, match="no space left"):
        await one.run()
    assert (State.CLOSED, fake.messages(lounge)) == (one.state, ["hello"])
