"""What comes: typed, in order, once; to loops, handlers and waits; and what a broken promise does."""

import asyncio
from uuid import UUID

import pytest
from sermo_client import (
    Closed,
    MessageUpdated,
    NewMessage,
    ProtocolViolation,
    Resynced,
    SermoClient,
    State,
    UserUpdated,
    control,
    frames,
)
from sermo_client.testing import FakeServer, Person

from tests.clients.python.conftest import MakeClient
from tests.support.wait import await_until
from ws.event_frames import EVENT_FRAMES
from ws.frames import CONTROL_FRAMES


async def collect(client: SermoClient, count: int) -> list[str]:
    """The contents of the next messages."""
    found: list[str] = []
    async with asyncio.timeout(10):
        async for event in client.events(NewMessage):
            found.append(event.data.content)
            if len(found) == count:
                break
    return found


def test_every_frame_of_the_server_has_a_type() -> None:
    """By the names that the server has for them."""
    assert control.TYPES.keys() == (EVENT_FRAMES.keys() | CONTROL_FRAMES.keys()) - {"batch"}


def test_what_is_not_understood_passes() -> None:
    """A known type of another shape, an unknown one, with and without a position."""
    event = '{"type":"%s","id":7,"feed":"me","seq":1,"at":"2026-01-02T03:04:05.000006Z","data":%s}'
    texts = [event % ("level_updated", '{"level":{"a":1}}'), event % ("danced", "[1]"), '{"type":"weather"}']
    first, second, third = (control.decode(text)[0] for text in texts)
    assert isinstance(first, frames.UnknownEvent) and (first.kind, first.data) == ("level_updated", {"level": {"a": 1}})
    assert isinstance(second, frames.UnknownEvent) and second.id == 7
    assert isinstance(third, control.UnknownFrame) and third.kind == "weather"


def test_a_batch_is_opened() -> None:
    """Its frames come one by one."""
    one = '{"type":"heartbeat","id":%d}'
    found = control.decode(f'{{"type":"batch","data":{{"frames":[{one % 1},{one % 2}]}}}}')
    assert found == [control.Heartbeat(id=1), control.Heartbeat(id=2)]


async def test_over_cuts_doubles_and_delays_each_event_comes_once_and_in_order(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """A loop sees nothing of it."""
    one = client(amy)
    await one.connect()
    collecting = asyncio.create_task(collect(one, 60))
    fake.faults.duplicates = 20
    for number in range(60):
        fake.say(bob, lounge, str(number))
        if number % 13 == 5:
            fake.faults.drop_after = 3
        if number % 20 == 7:
            fake.reset()
        fake.faults.delay_s = 0.001
        await asyncio.sleep(0)
    assert await collecting == [str(number) for number in range(60)]


async def test_a_hole_ends_the_client_and_is_raised(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """To the loop, and to who runs it."""
    one = client(amy)
    await one.connect()
    fake.say(bob, lounge, "before")
    await one.wait_for(NewMessage, timeout_s=10)
    fake.faults.holes = 1
    fake.say(bob, lounge, "left out")
    fake.say(bob, lounge, "after")
    with pytest.raises(ProtocolViolation):
        await collect(one, 9)
    with pytest.raises(ProtocolViolation):
        await one.run()
    assert one.state is State.CLOSED


async def test_a_wait_sees_what_is_not_handled_yet_and_then_what_comes(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """Alone it goes through the events one after the other, as a script does."""
    one = client(amy)
    await one.connect()
    for text in ("a", "b", "c"):
        fake.say(bob, lounge, text)
    found = [(await one.wait_for(NewMessage, timeout_s=10)).data.content for _ in range(3)]
    assert found == ["a", "b", "c"]
    with pytest.raises(TimeoutError):
        await one.wait_for(NewMessage, timeout_s=0.01)
    waiting = asyncio.create_task(one.wait_for(NewMessage, lambda event: event.data.content == "e", 10))
    for text in ("d", "e"):
        fake.say(bob, lounge, text)
    assert (await waiting).data.content == "e"


async def test_a_handler_may_send_and_wait_for_what_comes_next(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """Although the next one is handled only after it."""
    one = client(amy)
    talk: list[str] = []

    @one.on(NewMessage)
    async def ask(event: NewMessage) -> None:
        if event.data.content == "hi":
            await (await one.send(lounge, "who are you?")).wait(10)
            answer = await one.wait_for(NewMessage, lambda item: item.data.author_id == bob.user_id, 10)
            talk.append(answer.data.content)

    await one.connect()
    fake.say(bob, lounge, "hi")
    await await_until(lambda: fake.messages(lounge)[-1] == "who are you?")
    fake.say(bob, lounge, "bob")
    await await_until(lambda: talk == ["bob"])


async def test_events_of_a_loop_may_be_of_several_types(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """The rest passes it, and is handled all the same."""
    one = client(amy)
    await one.connect()
    post = fake.say(bob, lounge, "hello")
    message_id = next(iter(fake.world.posts))
    fake.world.edit(bob.user_id, message_id, "mended")
    fake.person("cid")
    fake.tell()
    found = []
    async for event in one.events(MessageUpdated, UserUpdated):
        found.append(type(event))
        if len(found) == 2:
            break
    assert found == [MessageUpdated, UserUpdated]
    await await_until(lambda: one.cursor is not None and one.cursor.position > post.position)


async def test_a_slow_application_stops_the_reading_and_loses_nothing(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """Commands of the handler are answered meanwhile."""
    one = client(amy, buffer=5)
    seen: list[str] = []
    going = asyncio.Event()

    @one.on(NewMessage)
    async def take(event: NewMessage) -> None:
        await going.wait()
        await one.ping()
        seen.append(event.data.content)

    await one.connect()
    numbers = [str(number) for number in range(200)]
    for number in numbers:
        fake.say(bob, lounge, number)
    await one.ping()
    going.set()
    await await_until(lambda: seen == numbers)


async def test_a_resync_gives_the_snapshot_and_what_comes_after_it(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """Of another epoch, say: the application begins anew."""
    one = client(amy)
    await one.connect()
    fake.say(bob, lounge, "before")
    await one.wait_for(NewMessage, timeout_s=10)
    fake.world.epoch = "another"
    fake.reset()
    resynced = await one.wait_for(Resynced, timeout_s=10)
    assert (resynced.reason, [lounge]) == ("epoch", [channel.channel_id for channel in resynced.snapshot.channels])
    fake.say(bob, lounge, "after")
    assert (await one.wait_for(NewMessage, timeout_s=10)).data.content == "after"
    assert one.cursor is not None and one.cursor.epoch == "another"


async def test_concurrent_connects_open_one_connection(fake: FakeServer, amy: Person, client: MakeClient) -> None:
    """And each waits until it is live."""
    one = client(amy)
    await asyncio.gather(*(one.connect() for _ in range(10)))
    assert (len(fake.conversations), one.state) == (1, State.LIVE)


async def test_the_states_are_told_with_their_reasons(fake: FakeServer, amy: Person, client: MakeClient) -> None:
    """In order, each change once."""
    one = client(amy)
    told: list[str] = []
    one.on_state(lambda state, reason: told.append(f"{state}: {reason}" if reason else str(state)))
    await one.connect()
    fake.close_all(4102, retry_after_ms=1)
    await await_until(lambda: told[-1] == "live" and len(told) > 4)
    await one.close()
    assert told == [
        "connecting",
        "live",
        'reconnecting: server 4102 {"code":"test","retry_after_ms":1}',
        "syncing",
        "live",
        "closed: closed",
    ]


async def test_a_server_that_does_not_answer_is_given_up_after_the_connect_time_out() -> None:
    """It takes the connection and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    one = SermoClient(url, token="t", account="amy", connect_timeout_s=0.05, trust_env=False)
    try:
        await one.start()
        await await_until(lambda: len(held) >= 2)
        assert one.state is State.CONNECTING and one.reason is not None and one.reason.what == "lost"
    finally:
        await one.close()
        server.close()
        for writer in held:
            writer.close()


async def test_a_closed_client_says_so_to_all_who_wait(fake: FakeServer, amy: Person, client: MakeClient) -> None:
    """Commands, waits and loops; with a code that asks to stay away."""
    one = client(amy)
    await one.connect()
    waits = [asyncio.create_task(one.wait_for(NewMessage)), asyncio.create_task(collect(one, 1))]
    await asyncio.sleep(0)
    fake.close_all(4010)
    for waiting in (*waits, asyncio.create_task(one.ping()), asyncio.create_task(one.run())):
        with pytest.raises(Closed, match="4010"):
            await waiting


async def test_a_loop_ends_when_the_client_is_closed(fake: FakeServer, amy: Person, client: MakeClient) -> None:
    """Without an error, since it was wished."""
    one = client(amy)
    await one.connect()
    collecting = asyncio.create_task(collect(one, 1))
    await asyncio.sleep(0.01)
    await one.close()
    assert await collecting == []
