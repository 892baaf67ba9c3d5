"""`GET /v1/events`: the same feeds, rights, order and resume as the socket, as pages and as an event stream."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sermo.serve import GRACEFUL_SHUTDOWN_S
from tests.support.http import http_client
from tests.support.people import Person, register
from tests.support.servers import ServerProcess, server
from tests.support.wait import await_until
from tests.support.wsclient import Client, check_stream
from tests.ws.conftest import StartNode
from ws.codes import CloseCode
from ws.limits import Limits


class Stream:
    """What came over an event stream."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.last_id: str | None = None
        self.retry_ms: int | None = None
        self.is_over = False
        self._changed = asyncio.Event()

    async def read(self, answer: httpx.Response) -> None:
        """Read until it ends (WHATWG HTML section 9.2.6)."""
        try:
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                match name:
                    case "id":
                        self.last_id = value
                    case "retry":
                        self.retry_ms = int(value)
                    case "data":
                        self.frames.append(json.loads(value))
                    case "":
                        self._changed.set()
                    case _:
                        raise AssertionError(f"a line of no kind that was promised: {line!r}")
        finally:
            self.is_over = True
            self._changed.set()

    async def wait(self, **wanted: Any) -> dict[str, Any]:
        """Wait for a frame with these values."""
        async with asyncio.timeout(20):
            while True:
                for frame in self.frames:
                    if all(frame.get(key) == value for key, value in wanted.items()):
                        return frame
                assert not self.is_over, f"the stream ended before {wanted}: {self.frames}"
                self._changed.clear()
                await self._changed.wait()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The event frames."""
        return [frame for frame in self.frames if "feed" in frame]


@asynccontextmanager
async def streaming(
    url: str, *, token: str | None = None, cookie: str | None = None, last_id: str | None = None, query: str = ""
) -> AsyncIterator[Stream]:
    """An open event stream."""
    headers = {"Accept": "text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if cookie is not None:
        headers["Cookie"] = cookie
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    stream = Stream()
    async with (
        http_client(url) as http,
        http.stream("GET", f"/v1/events{query}", headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        reader = asyncio.create_task(stream.read(answer))
        try:
            yield stream
        finally:
            reader.cancel()
            await asyncio.wait((reader,))


async def _history(ann: Person, ben: Person) -> tuple[Client, str, dict[str, Any]]:
    """A socket of Ben's that has seen it all from position 0, a channel of both, and the last answer."""
    channel = await ann.make_channel()
    a, b = ann.client(), ben.client()
    await a.open()
    await b.open()
    await b.ask("join_channel", channel_id=channel)
    first = await a.post(channel, "one")
    await a.post(channel, "two")
    await b.ask("mark_read", channel_id=channel, seq=first["data"]["seq"])
    await a.ask("delete_message", message_id=first["data"]["message_id"])
    last = await a.post(channel, "three")
    await b.close()
    await a.close()
    whole = ben.client()
    whole.last_id, whole.epoch = 0, b.epoch
    await whole.open()
    await whole.wait_control("resumed")
    return whole, channel, last


def _without_counts(frames: list[dict[str, Any]], through: int) -> list[dict[str, Any]]:
    """The frames up to a position, without the counts of markers, which are of the time of sending."""
    counted = ("unread_count", "unread_capped", "mention_count", "as_of")
    return [
        frame | {"data": {name: value for name, value in frame["data"].items() if name not in counted}}
        for frame in frames
        if frame["id"] <= through
    ]


async def test_pages_hold_what_the_socket_resumes_with(ann: Person, ben: Person) -> None:
    """Page by page from 0 until nothing comes: the same frames, and the position goes on over what is not mine."""
    socket, _, last = await _history(ann, ben)
    private = await ann.make_channel("private")
    hidden = await ann.call("POST", f"/v1/channels/{private}/archive")
    found: list[dict[str, Any]] = []
    position = 0
    while True:
        query = {"after": position, "epoch": socket.epoch, "limit": 2, "min_position": hidden.json()["position"]}
        answer = await ben.call("GET", "/v1/events", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["epoch"] == socket.epoch
        found += page["frames"]
        if not page["frames"]:
            break
        position = page["position"]
    assert page["position"] >= hidden.json()["position"]
    through = last["data"]["id"]
    assert _without_counts(found, through) == _without_counts(socket.events, through)
    check_stream(found, ben.user_id)
    await socket.close()


async def test_a_stream_is_live_and_resumes_after_its_last_id(process: ServerProcess, ann: Person, ben: Person) -> None:
    """It begins now; cut and resumed by `Last-Event-ID` it goes on without a hole; the id wins over `after`."""
    socket, channel, _ = await _history(ann, ben)
    await socket.close()
    a = ann.client()
    await a.open()
    seen: list[dict[str, Any]] = []
    async with streaming(process.url, token=ben.token) as stream:
        connected = await stream.wait(type="connected")
        assert stream.last_id == f"{connected['data']['epoch']}:{connected['data']['head_id']}"
        live = await a.post(channel, "live")
        frame = await stream.wait(id=live["data"]["id"])
        assert frame["data"]["content"] == "live"
        assert stream.last_id == f"{connected['data']['epoch']}:{live['data']['id']}"
        assert stream.retry_ms is not None
        seen += stream.events
        last_id = stream.last_id
    missed = [await a.post(channel, f"missed {number}") for number in range(3)]
    async with streaming(process.url, token=ben.token, last_id=last_id, query="?after=0&epoch=another") as stream:
        resumed = await stream.wait(type="resumed")
        assert resumed["data"] == {"count": 3, "through": missed[-1]["data"]["id"]}
        assert stream.last_id == f"{connected['data']['epoch']}:{resumed['data']['through']}"
        after = await a.post(channel, "after")
        await stream.wait(id=after["data"]["id"])
        seen += stream.events
    assert [f["data"]["content"] for f in seen] == ["live", "missed 0", "missed 1", "missed 2", "after"]
    check_stream(seen, ben.user_id)
    query = f"?after={missed[0]['data']['id']}&epoch={connected['data']['epoch']}"
    async with streaming(process.url, token=ben.token, query=query) as stream:
        await stream.wait(id=after["data"]["id"])
        assert [f["data"]["content"] for f in stream.events] == ["missed 1", "missed 2", "after"]
    await a.close()


async def test_a_position_that_cannot_be_resumed_from_ends_the_stream_and_then_stops_it(
    process: ServerProcess, ann: Person
) -> None:
    """`resync_required` and the end; its id and the refused one get 204, which stops a client. As JSON it is a problem."""
    a = ann.client()
    connected = await a.open()
    await a.close()
    epoch, head = connected["data"]["epoch"], connected["data"]["head_id"]
    for bad_epoch, after, reason in (("another", head, "epoch"), (epoch, head + 1_000, "ahead")):
        async with streaming(process.url, token=ann.token, last_id=f"{bad_epoch}:{after}") as stream:
            frame = await stream.wait(type="resync_required")
            assert frame["data"] == {"reason": reason}
            await await_until(lambda: stream.is_over, what="the stream ends")
        assert stream.last_id == f"resync:{after}"
        for last_id in (stream.last_id, f"{bad_epoch}:{after}"):
            again = await _ask_again(ann, last_id)
            assert (again.status_code, again.content) == (204, b"")
        problem = await ann.call("GET", "/v1/events", params={"after": after, "epoch": bad_epoch})
        assert (problem.status_code, problem.json()["code"], problem.json()["reason"]) == (
            409,
            "resync_required",
            reason,
        )


async def test_the_id_of_resync_required_gets_204_from_a_node_that_knows_nothing_of_it(
    shared_database: str, process: ServerProcess, ann: Person
) -> None:
    """An EventSource that was told is stopped on whichever node it comes back to."""
    async with streaming(process.url, token=ann.token, last_id="another:1") as stream:
        await stream.wait(type="resync_required")
        await await_until(lambda: stream.is_over, what="the stream ends")
    assert stream.last_id is not None
    async with server("--database-url", shared_database) as other:
        answer = await _ask_again(ann.at(other.url), stream.last_id)
        assert (answer.status_code, answer.content) == (204, b"")


async def _ask_again(person: Person, last_id: str) -> httpx.Response:
    """What a stream with this id is answered, to its end."""
    headers = {**person.headers, "Accept": "text/event-stream", "Last-Event-ID": last_id}
    return await person.call("GET", "/v1/events", headers=headers)


async def test_a_cookie_opens_the_stream_until_its_login_ends(process: ServerProcess, ann: Person) -> None:
    """The cookie is HttpOnly and SameSite=Strict, opens nothing else, is no access token, and goes with the logout."""
    async with http_client(process.url) as http:
        body = {"username": "eve", "password": "correct horse"}
        tokens = (await http.post("/v1/auth/register", json=body)).json()
        made = await http.post("/v1/events-session", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        assert made.status_code == 200, made.text
        (header,) = made.headers.get_list("set-cookie")
        cookie, *attributes = [part.strip() for part in header.split(";")]
        assert {"httponly", "samesite=strict", "path=/v1/events"} <= {part.lower() for part in attributes}
        async with streaming(process.url, cookie=cookie) as stream:
            connected = await stream.wait(type="connected")
            assert connected["data"]["user_id"] == tokens["user"]["user_id"]
        elsewhere = await http.get("/v1/me", headers={"Cookie": cookie})
        assert elsewhere.status_code == 401
        as_token = await http.get("/v1/me", headers={"Authorization": f"Bearer {cookie.partition('=')[2]}"})
        assert (as_token.status_code, as_token.json()["code"]) == (401, "unauthenticated")
        await http.post("/v1/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        over = await http.get("/v1/events", headers={"Cookie": cookie, "Accept": "text/event-stream"})
        assert (over.status_code, over.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("query", "headers", "status", "field"),
    [
        ("", {}, 422, "after"),
        ("?after=1", {}, 422, "epoch"),
        ("?epoch=a", {}, 422, "after"),
        ("?after=-1&epoch=a", {}, 422, "after"),
        ("?after=9007199254740992&epoch=a", {}, 422, "after"),
        ("?after=1&epoch=a%20b", {}, 422, "epoch"),
        ("?after=1&epoch=" + 41 * "a", {}, 422, "epoch"),
        ("?after=1&epoch=a&limit=101", {}, 422, "limit"),
        ("?after=1&epoch=a&unknown=1", {}, 422, "unknown"),
        ("", {"Accept": "text/event-stream", "Last-Event-ID": "nonsense"}, 422, "Last-Event-ID"),
        ("?after=1", {"Accept": "text/event-stream"}, 422, "epoch"),
        ("?after=1&epoch=a", {"Authorization": ""}, 401, None),
        ("", {"Accept": "text/event-stream", "Authorization": "Bearer nonsense"}, 401, None),
    ],
)
async def test_what_makes_no_sense_is_a_problem_and_no_stream(
    ann: Person, query: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    """Also where a stream was asked for, so that an EventSource stops."""
    answer = await ann.call("GET", f"/v1/events{query}", headers={**ann.headers, **headers})
    assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text


async def test_a_quiet_stream_has_heartbeats_with_ids_and_ends_with_the_node(node_with: StartNode) -> None:
    """The cursor moves on; when the node goes away the stream ends cleanly, so that an EventSource comes back."""
    async with node_with(Limits(heartbeat_interval_s=0.2)) as (url, node):
        ann = await register(url, "ann")
        async with streaming(url, token=ann.token) as stream:
            beat = await stream.wait(type="heartbeat")
            assert stream.last_id == f"{node.tail.epoch}:{beat['id']}"
            node.sockets.close_all("the test says so")
            await await_until(lambda: stream.is_over, what="the stream ends")
        await await_until(lambda: node.sockets.connections == 0, what="the node forgets it")
        assert node.hub.connections == 0


async def test_a_stream_that_is_not_read_delays_nobody_and_loses_nothing(node_with: StartNode) -> None:
    """Its lines wait within bounds; then it reads the log at its own position."""
    async with node_with(Limits(outbox_max_bytes=20_000, no_progress_s=300.0)) as (url, node):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        a = ann.client()
        connected = await a.open()
        reader, writer = await asyncio.open_connection(*_address(url), limit=2**20)
        request = (
            f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {ann.token}\r\n"
        )
        writer.write(
            f"{request}Last-Event-ID: {connected['data']['epoch']}:{connected['data']['head_id']}\r\n\r\n".encode()
        )
        assert b" 200 " in await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        sent = [(await a.post(channel, 4_000 * "x"))["data"]["id"] for _ in range(1_500)]
        await await_until(lambda: a.last_id == sent[-1], what="the sender has all of its own")
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        got: list[int] = []
        async with asyncio.timeout(30):
            while len(got) < len(sent):
                line = await reader.readline()
                if line.startswith(b'data: {"type":"new_message"'):
                    got.append(json.loads(line[6:])["id"])
        assert got == sent
        writer.close()
        await a.close()
        await await_until(lambda: node.sockets.connections == 0, what="both are gone")


async def test_a_stream_that_is_not_read_does_not_hold_up_the_end_of_the_node(database: str, tmp_path: Path) -> None:
    """It has a second to take what waits, then it is broken off; the log has no error of it."""
    log = tmp_path / "log"
    async with server("--database-url", database, log=log) as process:
        ann = await register(process.url, "ann")
        async with _not_read(process.url, ann, await _much(ann)):
            await _until_stuck(process.url)
            began = time.monotonic()
            assert await process.stop() == 0
            assert time.monotonic() - began < GRACEFUL_SHUTDOWN_S * 0.8
    lines = log.read_text()
    assert "server.stopping" in lines
    assert "Traceback" not in lines
    assert "error" not in lines.lower()


@pytest.mark.parametrize("plain", [False, True], ids=["our-server", "any-uvicorn"])
async def test_a_stream_that_makes_no_progress_is_broken_off(
    node_with: StartNode, caplog: pytest.LogCaptureFixture, plain: bool
) -> None:
    """Soon, and not when the client reads again; nothing is an error of ours."""
    async with node_with(Limits(no_progress_s=0.3), plain=plain) as (url, node):
        ann = await register(url, "ann")
        last_id = await _much(ann)
        await await_until(lambda: node.sockets.connections == 0, what="the sender has gone")
        async with _not_read(url, ann, last_id):
            closes = node.sockets.metrics.closes
            await await_until(lambda: closes[CloseCode.TOO_SLOW] == 1, 20, what="it is closed")
            await await_until(lambda: node.sockets.connections == 0, 20, what="the node forgets it")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _much(person: Person) -> str:
    """Post more than the kernel holds for a client; the id of a stream that gets it all."""
    channel = await person.make_channel()
    client = person.client()
    connected = await client.open()
    await asyncio.gather(*(client.post(channel, 4_000 * "x") for _ in range(800)))
    await client.close()
    return f"{connected['data']['epoch']}:{connected['data']['head_id']}"


async def _until_stuck(url: str) -> None:
    """Until the node has something for its clients that nobody takes."""
    size, since = 0.0, 0.0

    async def is_stuck() -> bool:
        nonlocal size, since
        answer = await http.get("/metrics")
        (line,) = (line for line in answer.text.splitlines() if line.startswith("sermo_outbox_bytes "))
        last, size = size, float(line.partition(" ")[2])
        if size == 0 or size != last:
            since = time.monotonic()
        return time.monotonic() - since > 0.3

    async with http_client(url) as http:
        await await_until(is_stuck, 20, what="nothing is taken any more")


@asynccontextmanager
async def _not_read(url: str, person: Person, last_id: str) -> AsyncIterator[None]:
    """A stream of a client that reads the first line, and has little room for more."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    with own:
        await loop.sock_connect(own, _address(url))
        head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_id}\r\n"
        await loop.sock_sendall(own, f"{head}Authorization: Bearer {person.token}\r\n\r\n".encode())
        async with asyncio.timeout(20):
            assert b" 200 " in await loop.sock_recv(own, 100)
        yield


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


async def test_one_connection_too_many_is_refused_with_a_delay(node_with: StartNode) -> None:
    """Streams and sockets of a person count together: 429 for the stream, 4101 for the socket."""
    async with node_with(Limits(user_connections=2)) as (url, node):
        ann = await register(url, "ann")
        a = ann.client()
        await a.open()
        async with streaming(url, token=ann.token) as stream:
            await stream.wait(type="connected")
            third = await ann.call("GET", "/v1/events", headers={**ann.headers, "Accept": "text/event-stream"})
            assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
            assert int(third.headers["Retry-After"]) >= 1
            b = ann.client()
            with pytest.raises(AssertionError, match="4101"):
                await b.open()
            assert node.sockets.connections == 2
        assert (await a.ask("ping"))["type"] == "pong"
        await a.close()
