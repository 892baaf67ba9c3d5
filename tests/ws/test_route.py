"""The socket against a real server in this event loop: connecting, commands, resuming, slowness, time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from sermo.node import Node
from tests.support.metrics import number_of
from tests.support.people import Person, register
from tests.support.rawsocket import connect_frame, frames_of, message_ids, raw_socket
from tests.support.wait import await_until
from tests.support.wsclient import Client, check_stream, new_id
from tests.ws.conftest import StartNode
from ws.limits import Limits


@pytest.fixture
async def url(node_with: StartNode) -> AsyncIterator[str]:
    """A server with the limits of production."""
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stopping = asyncio.Event()

    async def run() -> None:  # its own task, since a task group must end in the task in which it began
        try:
            async with node_with(Limits()) as (address, _):
                started.set_result(address)
                await stopping.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    task = asyncio.create_task(run())
    try:
        yield await started
    finally:
        stopping.set()
        await task


@pytest.fixture
async def ann(url: str) -> Person:
    """Somebody."""
    return await register(url, "ann")


@pytest.fixture
async def ben(url: str) -> Person:
    """Somebody else."""
    return await register(url, "ben")


_CLIENTS: list[Client] = []


@pytest.fixture(autouse=True)
async def _end_of_clients() -> AsyncIterator[None]:
    """No test leaves a connection behind."""
    yield
    for client in _CLIENTS:
        await client.close()
    _CLIENTS.clear()


def client_of(person: Person, url: str | None = None) -> Client:
    """A client of this person, closed after the test."""
    client = person.client(url)
    _CLIENTS.append(client)
    return client


async def opened(person: Person, **data: Any) -> Client:
    """A connected client of this person."""
    client = client_of(person)
    await client.open(**data)
    return client


async def member(person: Person, channel: str) -> Client:
    """A connected client of a person who has joined."""
    client = await opened(person)
    answer = await client.ask("join_channel", channel_id=channel)
    assert answer["type"] == "channel_joined", answer
    return client


def ws_url(url: str, query: str = "") -> str:
    """The socket's address."""
    return url.replace("http", "ws", 1) + "/ws" + query


async def first_frame(url: str, connect_data: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Connect in some way; the first frame that comes."""
    async with connect(url, subprotocols=["sermo.v1.json"], **options) as ws:  # type: ignore[list-item]
        await ws.send(json.dumps({"type": "connect", "ref": "c", "data": connect_data}))
        frame: dict[str, Any] = json.loads(await ws.recv())
        assert ws.subprotocol == "sermo.v1.json"
        return frame


# Connecting


async def test_a_token_may_come_in_the_frame_the_header_or_as_a_ticket(url: str, ann: Person) -> None:
    """Three ways in, one answer: `connected`, first, with its ref."""
    ticket = (await ann.call("POST", "/v1/ws-ticket")).json()["ticket"]
    frames = [
        await first_frame(ws_url(url), {"token": ann.token}),
        await first_frame(ws_url(url), {}, additional_headers=ann.headers),
        await first_frame(ws_url(url, f"?ticket={ticket}"), {}),
    ]
    for frame in frames:
        assert (frame["type"], frame["ref"]) == ("connected", "c")
        data = frame["data"]
        assert set(data) == {"user_id", "session_id", "epoch", "head_id", "heartbeat_interval_s", "limits"}
        assert data["user_id"] == ann.user_id
        assert data["heartbeat_interval_s"] == 20
    assert len({frame["data"]["session_id"] for frame in frames}) == 3


async def test_a_ticket_works_once(url: str, ann: Person) -> None:
    """The second use is 4002."""
    ticket = (await ann.call("POST", "/v1/ws-ticket")).json()["ticket"]
    await first_frame(ws_url(url, f"?ticket={ticket}"), {})
    async with connect(ws_url(url, f"?ticket={ticket}")) as ws:
        await ws.send('{"type":"connect"}')
        await ws.wait_closed()
        assert ws.close_code == 4002


async def test_a_client_without_the_subprotocol_is_served_too(url: str, ann: Person) -> None:
    """The handshake is always accepted."""
    async with connect(ws_url(url)) as ws:
        assert ws.subprotocol is None
        await ws.send(json.dumps({"type": "connect", "data": {"token": ann.token}}))
        assert json.loads(await ws.recv())["type"] == "connected"


async def test_a_token_is_renewed_by_its_own_person_only(ann: Person, ben: Person) -> None:
    """`connect` with only a token answers `connected`; another's ends with 4002."""
    a = await opened(ann)
    renewed = await a.ask("connect", token=ann.token)
    assert renewed["type"] == "connected"
    await a.send("connect", {"token": ben.token})
    assert await a.wait_closed() == 4002


async def test_no_connect_in_time_is_4002_and_an_expired_token_4003(node_with: StartNode) -> None:
    """The deadlines are kept, whatever the client does not do."""
    limits = Limits(connect_timeout_s=0.2, heartbeat_interval_s=0.1, expiry_grace_s=-899.0)
    async with node_with(limits) as (url, _):
        ann = await register(url, "ann")
        async with connect(ws_url(url)) as silent:
            await silent.wait_closed()
            assert silent.close_code == 4002
        a = await opened(ann)
        assert await a.wait_closed() == 4003


# Commands


async def test_a_message_edit_and_deletion_are_answered_and_seen(ann: Person, ben: Person) -> None:
    """Answers carry id and seq of the event; the event frames are the same for everybody, the author too."""
    channel = await ann.make_channel()
    a, b = await opened(ann), await member(ben, channel)
    sent = (await a.post(channel, "first"))["data"]
    assert set(sent) == {"message_id", "channel_id", "id", "seq", "created_at"}
    edited = await a.ask("edit_message", message_id=sent["message_id"], content="second")
    again = await a.ask("edit_message", message_id=sent["message_id"], content="second")
    deleted = await a.ask("delete_message", message_id=sent["message_id"])
    assert [answer["type"] for answer in (edited, again, deleted)] == ["done"] * 3
    assert edited["data"]["seq"] == sent["seq"] + 1
    assert again["data"]["seq"] is None, "nothing changed"
    assert again["data"]["id"] >= edited["data"]["id"]
    for client in (a, b):
        await client.wait_event(id=deleted["data"]["id"])
        mine = [f for f in client.events if f["id"] >= sent["id"]]
        assert [f["type"] for f in mine] == ["new_message", "message_updated", "message_deleted"]
        assert mine[1]["data"]["by"] == ann.user_id
        assert mine[0]["data"]["created_at"] == sent["created_at"]
    assert a.events[-3:] == b.events[-3:]


async def test_a_reply_and_a_mention_are_told(ann: Person, ben: Person) -> None:
    """A reply is `new_reply`; a reply's parent that is a reply itself is replaced by its root."""
    channel = await ann.make_channel()
    a, b = await opened(ann), await member(ben, channel)
    username = (await ben.call("GET", "/v1/me")).json()["username"]
    root = (await a.post(channel, f"hello @{username}"))["data"]
    reply = (await b.post(channel, "hi", parent_id=root["message_id"]))["data"]
    second = (await a.post(channel, "ho", parent_id=reply["message_id"], also_to_channel=True))["data"]
    assert (await b.wait_event(id=root["id"]))["data"]["mentions"] == [ben.user_id]
    frame = await b.wait_event(id=second["id"])
    assert frame["type"] == "new_reply"
    assert (frame["data"]["parent_id"], frame["data"]["also_to_channel"]) == (root["message_id"], True)


async def test_a_resend_is_answered_alike_on_any_connection(ann: Person, ben: Person) -> None:
    """Rule 5: whoever got no answer asks again; what differs is refused, by whomever."""
    channel = await ann.make_channel()
    b = await member(ben, channel)
    a, other = await opened(ann), await opened(ann)
    message_id = new_id()
    first = await a.post(channel, "same", message_id=message_id)
    assert (await other.post(channel, "same", message_id=message_id))["data"] == first["data"]
    for answer in (
        await other.post(channel, "different", message_id=message_id),
        await b.post(channel, "same", message_id=message_id),
    ):
        assert (answer["type"], answer["data"]["code"]) == ("error", "message_id_taken")
    await a.ask("delete_message", message_id=message_id)
    assert (await other.post(channel, "same", message_id=message_id))["data"] == first["data"]
    await a.wait_event(type="message_deleted")
    assert sum(f["type"] == "new_message" for f in a.events) == 1


async def test_joining_and_leaving_are_answered_and_repeated_without_an_event(ann: Person, ben: Person) -> None:
    """Twice is as good as once; leaving what one is not in is refused."""
    channel = await ann.make_channel()
    b = await opened(ben)
    joined = await b.ask("join_channel", channel_id=channel)
    assert joined["data"]["role"] == "member"
    assert joined["data"]["channel_id"] == channel
    again = await b.ask("join_channel", channel_id=channel)
    assert (again["type"], again["data"]["role"], again["data"]["seq"]) == ("channel_joined", "member", None)
    left = await b.ask("leave_channel", channel_id=channel)
    assert (left["type"], left["data"]["channel_id"]) == ("channel_left", channel)
    assert left["data"]["seq"] == joined["data"]["seq"] + 1
    refused = await b.ask("leave_channel", channel_id=channel)
    assert (refused["type"], refused["data"]["code"]) == ("error", "not_a_member")


async def test_a_channel_that_one_may_not_join_is_a_join_error(ann: Person, ben: Person) -> None:
    """What is private and what is not there look the same; an archived one says so."""
    private, public = await ann.make_channel("private"), await ann.make_channel()
    await ann.call("POST", f"/v1/channels/{public}/archive")
    b = await opened(ben)
    codes = {}
    for channel in (private, str(new_id()), public):
        answer = await b.ask("join_channel", channel_id=channel)
        assert answer["type"] == "channel_join_error"
        assert answer["data"]["channel_id"] == channel
        codes[channel] = answer["data"]["code"]
    assert list(codes.values()) == ["channel_access_denied", "channel_access_denied", "archived"]


async def test_a_private_channel_is_heard_by_its_members_only(ann: Person, ben: Person) -> None:
    """Neither its making nor a word of it reaches others."""
    b = await opened(ben)
    private = await ann.make_channel("private")
    a = await opened(ann)
    await a.post(private, "secret")
    public = await ann.make_channel()
    await b.wait_event(type="channel_created", channel_id=public)
    assert not [f for f in b.events if f.get("channel_id") == private]


async def test_commands_on_one_message_keep_their_order(ann: Person) -> None:
    """Posted, edited, deleted in one breath; the next message's post comes after its channel's earlier ones."""
    channel = await ann.make_channel()
    a = await opened(ann)
    ids = [str(new_id()) for _ in range(20)]
    for number, message_id in enumerate(ids):
        await a.send("message", {"channel_id": channel, "message_id": message_id, "content": f"{number}"})
        await a.send("edit_message", {"message_id": message_id, "content": f"{number}, edited"})
        await a.send("delete_message", {"message_id": message_id})
    await a.wait_event(type="message_deleted", message_id=ids[-1])
    for message_id in ids:
        await a.wait_event(type="message_deleted", message_id=message_id)
        told = [f["type"] for f in a.events if f["data"].get("message_id") == message_id]
        assert told == ["new_message", "message_updated", "message_deleted"]
    posted = [f["data"]["message_id"] for f in a.events if f["type"] == "new_message"]
    assert posted == ids
    assert not [f for f in a.control if f["type"] == "error"]


async def test_what_is_sent_in_a_row_about_one_channel_is_done_in_that_row(ann: Person, ben: Person) -> None:
    """An edit and a mark name no channel, and still neither overtake what was sent before nor let the next one pass."""
    channel = await ann.make_channel()
    a, b = ann.client(), ben.client()
    await a.open()
    await b.open()
    await b.ask("join_channel", channel_id=channel)
    old = await b.post(channel, "old")
    messages = [b.ask("message", channel_id=channel, message_id=new_id(), content=f"number {n}") for n in range(10)]
    edit = b.ask("edit_message", message_id=old["data"]["message_id"], content="edited")
    mark = b.ask("mark_read", parent_id=old["data"]["message_id"], seq=old["data"]["seq"])
    answers = await asyncio.gather(*messages, edit, mark, b.ask("leave_channel", channel_id=channel))
    assert [answer["type"] for answer in answers] == ["message_sent"] * 10 + ["done"] * 2 + ["channel_left"]
    positions = [answer["data"]["id"] for answer in answers]
    assert positions == sorted(positions)
    await a.close()
    await b.close()


async def test_marks_go_forward_only_and_mentions_are_counted(ann: Person, ben: Person) -> None:
    """`unread_count_updated` on every connection of the reader, with the counts of the time of sending."""
    channel = await ann.make_channel()
    a, b, device = await opened(ann), await member(ben, channel), await opened(ben)
    username = (await ben.call("GET", "/v1/me")).json()["username"]
    first = (await a.post(channel, "one"))["data"]
    await a.post(channel, f"@{username} two")
    last = (await a.post(channel, "three"))["data"]
    done = await b.ask("mark_read", channel_id=channel, seq=first["seq"])
    for client in (b, device):
        frame = await client.wait_event(id=done["data"]["id"])
        assert (frame["type"], frame["feed"]) == ("unread_count_updated", "me")
        assert frame["data"]["read_seq"] == first["seq"]
        assert (frame["data"]["unread_count"], frame["data"]["mention_count"]) == (2, 1)
        assert frame["data"]["unread_capped"] is False
        assert frame["data"]["as_of"] >= frame["id"]
    back = await b.ask("mark_read", channel_id=channel, seq=first["seq"])
    assert (back["type"], back["data"]["seq"]) == ("done", None)
    beyond = await b.ask("mark_read", channel_id=channel, seq=last["seq"] + 1_000)
    assert (beyond["data"]["code"], beyond["data"]["field"]) == ("invalid", "seq")
    assert not [f for f in a.events if f["feed"] == "me"]


async def test_a_thread_is_marked_too(ann: Person) -> None:
    """`parent_id` names it; either one of the two is given."""
    channel = await ann.make_channel()
    a = await opened(ann)
    root = (await a.post(channel, "root"))["data"]
    reply = (await a.post(channel, "reply", parent_id=root["message_id"]))["data"]
    done = await a.ask("mark_read", parent_id=root["message_id"], seq=reply["seq"])
    frame = await a.wait_event(id=done["data"]["id"])
    assert (frame["type"], frame["feed"]) == ("thread_updated", "me")
    assert frame["data"] == {"parent_id": root["message_id"], "read_seq": reply["seq"]}
    both = await a.ask("mark_read", parent_id=root["message_id"], channel_id=channel, seq=1)
    neither = await a.ask("mark_read", seq=1)
    assert [answer["data"]["code"] for answer in (both, neither)] == ["invalid", "invalid"]


async def test_a_flood_of_waiting_commands_is_overloaded_with_a_delay(node_with: StartNode) -> None:
    """What is over the limit is refused at once; the rest is done; the connection stays."""
    async with node_with(Limits(commands_waiting_max=5)) as (url, node):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        a = await opened(ann)
        answers = await asyncio.gather(*(a.post(channel, f"{number}") for number in range(200)))
        refused = [answer["data"] for answer in answers if answer["type"] == "error"]
        assert refused
        assert all(data["code"] == "overloaded" and data["retry_after_ms"] > 0 for data in refused)
        assert number_of(node, "sermo_queue_refusals_total", queue="commands") == len(refused)
        assert (await a.post(channel, "still here"))["type"] == "message_sent"


# Resuming


async def test_a_resume_gives_what_was_missed_inside_the_intervals_only(ann: Person, ben: Person) -> None:
    """Left, and in again: the leave is seen, what was said between is not, the second join is."""
    channel = await ann.make_channel()
    a, b = await opened(ann), await member(ben, channel)
    await b.close()
    away = await opened(ben, fresh=True)
    said = (await a.post(channel, "seen"))["data"]["id"]
    left = (await away.ask("leave_channel", channel_id=channel))["data"]["id"]
    hidden = (await a.post(channel, "hidden"))["data"]["id"]
    joined = (await away.ask("join_channel", channel_id=channel))["data"]["id"]
    again = (await a.post(channel, "seen again"))["data"]["id"]
    before = len(b.events)
    await b.open()
    resumed = await b.wait_control("resumed")
    got = [f["id"] for f in b.events[before:]]
    assert got == [said, left, joined, again]
    assert hidden not in got
    assert resumed["data"] == {"count": 4, "through": again}
    check_stream(b.events, b.user_id)


async def test_a_resume_from_zero_equals_the_whole_life(ann: Person, ben: Person) -> None:
    """However old the position: the log is read from there, in pages, and live goes on behind it."""
    channel = await ann.make_channel()
    a, b = await opened(ann), await member(ben, channel)
    await asyncio.gather(*(a.post(channel, f"{number}") for number in range(700)))
    late = client_of(ben)
    late.last_id, late.epoch = 0, b.epoch
    await late.open()
    live = (await a.post(channel, "live"))["data"]["id"]
    await late.wait_event(id=live)
    assert next(i for i, f in enumerate(late.events) if f["id"] == b.events[0]["id"]) >= 0
    first = b.events[0]["id"]
    await b.wait_event(id=live)
    assert [f for f in late.events if f["id"] >= first] == b.events
    await late.wait_control("resumed")
    assert [c["type"] for c in late.control] == ["connected", "resumed"]
    check_stream(late.events, late.user_id)


async def test_the_same_from_the_log_itself_where_memory_does_not_reach(database: str, node_with: StartNode) -> None:
    """A node that has just started has nothing in memory: pages of three, in order, once."""
    async with node_with(Limits()) as (url, _):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        a = await opened(ann)
        sent = [(await a.post(channel, f"{number}"))["data"]["message_id"] for number in range(20)]
        await a.ask("edit_message", message_id=sent[0], content="edited, and deleted afterwards")
        last = await a.ask("delete_message", message_id=sent[0])
        await a.wait_event(id=last["data"]["id"])
    async with node_with(Limits(catch_up_page=3, batch_max_frames=2)) as (url, _):
        late = client_of(ann, url)
        late.last_id, late.epoch = a.events[0]["id"] - 1, a.epoch
        await late.open()
        resumed = await late.wait_control("resumed")
        assert resumed["data"]["count"] == len(a.events)
        assert [f["id"] for f in late.events] == [f["id"] for f in a.events]
        redacted = [f for f in late.events if f["data"].get("redacted")]
        assert [f["type"] for f in redacted] == ["new_message", "message_updated"]
        assert all(f["data"]["content"] == "" for f in redacted)
        unchanged = [(x, y) for x, y in zip(late.events, a.events, strict=True) if "redacted" not in x["data"]]
        assert all(x == y for x, y in unchanged)


async def test_a_resume_at_the_head_has_nothing_and_then_live(ann: Person) -> None:
    """`count` 0, `through` where it stood."""
    channel = await ann.make_channel()
    a = await opened(ann)
    sent = await a.post(channel, "x")
    await a.wait_event(id=sent["data"]["id"])
    await a.close()
    await a.open()
    assert (await a.wait_control("resumed"))["data"] == {"count": 0, "through": sent["data"]["id"]}
    more = await a.post(channel, "y")
    await a.wait_event(id=more["data"]["id"])
    assert len(a.events) == 2


async def test_no_event_comes_between_a_resync_and_the_next_connect(ann: Person) -> None:
    """Then everything after the position that it names; its answer is `connected`, with its ref."""
    channel = await ann.make_channel()
    mine = (await ann.call("GET", "/v1/me/channels")).json()
    a = await opened(ann, last_event_id=0, epoch="another")
    assert (await a.wait_control("resync_required"))["data"]["reason"] == "epoch"
    sent = [(await a.post(channel, f"{number}"))["data"]["id"] for number in range(5)]
    assert a.events == []
    a.last_id = mine["position"]
    connected = await a.ask("connect", last_event_id=mine["position"], epoch=mine["epoch"])
    assert connected["type"] == "connected"
    await a.wait_event(id=sent[-1])
    assert [f["id"] for f in a.events if f["type"] == "new_message"] == sent
    assert a.events[0]["id"] > mine["position"]


async def test_max_backlog_itself_is_taken(ann: Person) -> None:
    """Exactly as many as the client would take is no reason to load a snapshot."""
    channel = await ann.make_channel()
    a = await opened(ann)
    position, epoch = a.last_id, a.epoch
    for number in range(3):
        await a.post(channel, f"{number}")
    few = await opened(ann, last_event_id=position, epoch=epoch, max_backlog=2)
    assert (await few.wait_control("resync_required"))["data"]["reason"] == "backlog"
    enough = client_of(ann)
    enough.last_id, enough.epoch = position, epoch
    await enough.open(max_backlog=3)
    assert (await enough.wait_control("resumed"))["data"]["count"] == 3


async def test_a_resume_to_a_node_that_is_behind_waits_for_it(database: str, node_with: StartNode) -> None:
    """A position that another node has handed out is never `ahead`."""
    async with node_with(Limits()) as (first, _), node_with(Limits()) as (second, _):
        ann = await register(first, "ann")
        channel = await ann.make_channel()
        a = await opened(ann)
        for number in range(20):
            sent = (await a.post(channel, f"{number}"))["data"]["id"]
            await a.wait_event(id=sent)
            await a.close()
            first, second = second, first
            await a.open(url=first)
            await a.wait_control("resumed")
        assert len(a.events) == 20
        check_stream(a.events, a.user_id)


# Slowness and time


@asynccontextmanager
async def raw(url: str, person: Person) -> AsyncIterator[asyncio.StreamReader]:
    """A client by hand with a small receive window: connected, and reading nothing."""
    async with raw_socket(url, receive_bytes=4_096) as (reader, writer):
        writer.write(connect_frame(person.token))
        yield reader


async def flood(client: Client, channel: str, count: int = 100) -> list[int]:
    """Many big messages; their positions."""
    answers = await asyncio.gather(*(client.post(channel, "x" * 4_000) for _ in range(count)))
    return [answer["data"]["id"] for answer in answers]


async def test_a_reader_that_stops_delays_nobody_and_gets_everything_once_later(node_with: StartNode) -> None:
    """It falls back to the log; when it reads again, all is there, in order."""
    async with node_with(Limits(outbox_max_bytes=100_000, catch_up_page=50)) as (url, node):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        channel = await ann.make_channel()
        a, b = await opened(ann), await member(ben, channel)
        async with raw(url, ben) as reader:
            await await_until(lambda: node.hub.connections == 3, what="all three are live")
            sent = []
            while node.hub.connections == 3:  # until the reader's buffers are full
                sent += await flood(a, channel)
            sent += await flood(a, channel)
            await b.wait_event(id=sent[-1])
            assert await message_ids(reader, sent[-1], 30) == sent
            await await_until(lambda: node.hub.connections == 3, what="the slow one is live again")
        await a.close()
        await b.close()


async def test_a_reader_without_progress_is_closed_with_4201(node_with: StartNode) -> None:
    """So that it cannot hold memory for ever; it reads the code when it wakes up."""
    async with node_with(Limits(outbox_max_bytes=100_000, no_progress_s=0.3)) as (url, node):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        channel = await ann.make_channel()
        a = await opened(ann)
        await (await member(ben, channel)).close()
        async with raw(url, ben) as reader:
            await await_until(lambda: node.hub.connections == 2, what="both are live")
            while node.hub.connections == 2:
                await flood(a, channel)
            await await_until(lambda: node.sockets.connections == 1, what="the slow one is gone")
            codes = []
            async with asyncio.timeout(30):
                async for opcode, payload in frames_of(reader):
                    if opcode == 8:
                        codes.append(int.from_bytes(payload[:2]))
                        break
            assert codes == [4201]
        await a.close()


async def test_a_heartbeat_moves_a_quiet_cursor(node_with: StartNode) -> None:
    """What others say elsewhere is not this client's, yet its position goes on, and it can be resumed from."""
    async with node_with(Limits(heartbeat_interval_s=0.05)) as (url, _):
        ann, ben = await register(url, "ann"), await register(url, "ben")
        private = await ann.make_channel("private")
        a, b = await opened(ann), await opened(ben)
        sent = (await a.post(private, "not for ben"))["data"]["id"]
        await b.wait_through(sent)
        assert b.events == []
        await b.close()
        await b.open()
        assert (await b.wait_control("resumed"))["data"]["count"] == 0


async def test_heartbeats_never_run_ahead_of_what_was_sent(node_with: StartNode) -> None:
    """While a long backlog is on its way too: the client's check of rising ids would fail."""
    limits = Limits(heartbeat_interval_s=0.001, catch_up_page=5, outbox_max_bytes=10_000)
    async with node_with(limits) as (url, _):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        a = await opened(ann)
        start = a.last_id
        answers = await asyncio.gather(*(a.post(channel, "x" * 500) for _ in range(400)))
        last = max(answer["data"]["id"] for answer in answers)
        for _ in range(5):
            late = client_of(ann)
            late.last_id, late.epoch = start, a.epoch
            connected = await late.open()
            assert connected is late.control[0], "connected is the first frame"
            await late.wait_through(last)
            assert len(late.events) == 400
            await late.close()


async def test_a_node_without_database_sends_its_clients_away_for_a_moment(database: str, node_with: StartNode) -> None:
    """What cannot be read now is 4102 with a delay, never silence."""
    async with node_with(Limits()) as (url, node):
        ann = await register(url, "ann")
        a = await opened(ann)
        reads = node.pool
        await a.close()
        connections = [await reads.getconn() for _ in range(reads.max_size)]  # the pool is exhausted
        reads.timeout = 0.2
        try:
            client = client_of(ann)
            with pytest.raises(AssertionError, match="4102"):
                await client.open()
        finally:
            for connection in connections:
                await reads.putconn(connection)
        reads.timeout = 5.0
        assert (await client.open())["type"] == "connected"


async def test_a_node_that_ends_says_1001_with_a_delay(node_with: StartNode, database: str) -> None:
    """Spread over the clients, as the reason says."""
    node: Node
    async with node_with(Limits()) as (url, node):
        ann = await register(url, "ann")
        async with connect(ws_url(url)) as ws:
            await ws.send(json.dumps({"type": "connect", "data": {"token": ann.token}}))
            await ws.recv()
            node.sockets.close_all("a test")
            await ws.wait_closed()
            assert ws.close_code == 1001
            assert json.loads(ws.close_reason or "")["retry_after_ms"] >= 0
