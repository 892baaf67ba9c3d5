"""What should not come, comes: each time the stated code or close, and the server serves on."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.people import Person, register
from tests.support.servers import ServerProcess, server
from tests.support.wsclient import Client, new_id

CHANNEL = "channel_id"


class Town:
    """Two people and the channels that the bad frames aim at, on a running server."""

    def __init__(self, url: str, ann: Person, ben: Person) -> None:
        self.url = url
        self.ann = ann
        self.ben = ben
        self.mine = self.theirs = self.private = self.archived = ""
        self.message = ""

    async def settle(self) -> "Town":
        """Make the channels."""
        self.mine = await self.ann.make_channel()
        self.archived = await self.ann.make_channel()
        await self.ann.call("POST", f"/v1/channels/{self.archived}/archive")
        self.theirs, self.private = await self.ben.make_channel(), await self.ben.make_channel("private")
        joined = await self.ben.call("POST", f"/v1/channels/{self.mine}/join")
        assert joined.status_code == 200, joined.text
        said = await self.ben.call(
            "POST", f"/v1/channels/{self.mine}/messages", json={"message_id": str(new_id()), "content": "of ben"}
        )
        self.message = said.json()["message_id"]
        return self

    async def still_serves(self) -> None:
        """A new connection posts, and hears itself."""
        client = self.ann.client()
        await client.open(fresh=True)
        answer = await client.post(self.mine, "still here")
        await client.wait_event(id=answer["data"]["id"])
        await client.close()


@pytest.fixture
async def town(process: ServerProcess) -> Town:
    """The people and channels."""
    return await Town(process.url, await register(process.url, "ann"), await register(process.url, "ben")).settle()


@asynccontextmanager
async def connected(town: Town) -> AsyncIterator[ClientConnection]:
    """A connection of Ann's that may send anything."""
    url = town.url.replace("http", "ws", 1) + "/ws"
    socket = await connect(url, max_size=None, ping_interval=None)
    try:
        await socket.send(json.dumps({"type": "connect", "data": {"token": town.ann.token}}))
        assert json.loads(await socket.recv())["type"] == "connected"
        yield socket
    finally:
        with suppress(AttributeError):  # websockets breaks off a transport that is closed already
            await socket.close()


async def closed(socket: ClientConnection) -> int | None:
    """The code with which the server ends it."""
    async with asyncio.timeout(20):
        await socket.wait_closed()
    return socket.close_code


async def test_each_unacceptable_command_is_refused_with_its_code_and_leaves_the_connection_open(town: Town) -> None:
    """One connection, one bad frame after the other (rule 6)."""
    client = town.ann.client()
    await client.open()

    def message(**changes: Any) -> dict[str, Any]:
        return {"channel_id": town.mine, "message_id": str(new_id()), "content": "x", **changes}

    cases: list[tuple[str, dict[str, Any], str]] = [
        ("message", message(content="x" * 4_097), "content_too_long"),
        ("message", message(content=""), "content_empty"),
        ("message", message(content=" \n\t"), "content_empty"),
        ("message", message(content="a\0b"), "invalid"),
        ("message", message(content=5), "invalid"),
        ("message", message(content=None), "invalid"),
        ("message", message(bold=True), "invalid"),
        ("message", message(message_id=str(uuid4())), "invalid_id"),
        ("message", message(message_id="no uuid"), "invalid_id"),
        ("message", message(channel_id=str(new_id())), "not_found"),
        ("message", message(channel_id=town.private), "not_found"),
        ("message", message(channel_id=town.theirs), "not_a_member"),
        ("message", message(channel_id=town.archived), "archived"),
        ("message", message(parent_id=str(new_id())), "not_found"),
        ("message", message(message_id=town.message), "message_id_taken"),
        ("message", {}, "invalid"),
        ("edit_message", {"message_id": town.message, "content": "not mine"}, "forbidden"),
        ("edit_message", {"message_id": str(new_id()), "content": "x"}, "not_found"),
        ("edit_message", {"message_id": town.message, "content": "x" * 4_097}, "content_too_long"),
        ("delete_message", {"message_id": str(new_id())}, "not_found"),
        ("delete_message", {"message_id": town.mine}, "not_found"),
        ("add_reaction", {"message_id": town.message, "emoji": ""}, "invalid"),
        ("add_reaction", {"message_id": town.message, "emoji": "a b"}, "invalid"),
        ("add_reaction", {"message_id": town.message}, "invalid"),
        ("add_reaction", {"message_id": "no uuid", "emoji": "x"}, "invalid_id"),
        ("add_reaction", {"message_id": str(new_id()), "emoji": "x"}, "not_found"),
        ("remove_reaction", {"message_id": town.mine, "emoji": "x"}, "not_found"),
        ("leave_channel", {"channel_id": town.theirs}, "not_a_member"),
        ("leave_channel", {"channel_id": town.private}, "not_found"),
        ("leave_channel", {"channel_id": town.mine}, "last_owner"),
        ("mark_read", {"channel_id": town.mine, "seq": -1}, "invalid"),
        ("mark_read", {"channel_id": town.mine, "seq": 10**30}, "invalid"),
        ("mark_read", {"channel_id": town.mine, "seq": 2**63}, "invalid"),
        ("mark_read", {"channel_id": town.theirs, "seq": 1}, "not_a_member"),
        ("mark_read", {"channel_id": town.private, "seq": 1}, "not_found"),
        ("mark_read", {"parent_id": str(new_id()), "seq": 1}, "not_found"),
        ("dance", {}, "unknown_type"),
    ]
    for kind, data, code in cases:
        answer = await client.ask(kind, **data)
        assert (answer["type"], answer["data"]["code"]) == ("error", code), (kind, data, answer)
        assert answer["data"]["message"]
    assert (await client.ask("ping"))["type"] == "pong"
    assert client.events == [], "nothing of it happened"
    await client.close()
    await town.still_serves()


async def test_a_message_of_the_longest_allowed_length_passes_however_it_is_escaped(town: Town) -> None:
    """4,096 characters outside the BMP, each as two \\u escapes: it fits into a frame."""
    client = town.ann.client()
    await client.open()
    answer = await client.post(town.mine, "\U0001f600" * 4_096)
    frame = await client.wait_event(id=answer["data"]["id"])
    assert frame["data"]["content"] == "\U0001f600" * 4_096
    await client.close()


def _forged(town: Town, **header: Any) -> str:
    """Ann's token with the same claims and another key."""
    claims = jwt.decode(town.ann.token, options={"verify_signature": False})
    known = jwt.get_unverified_header(town.ann.token)
    return jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": known.get("kid")} | header)


async def test_forged_tokens_are_4002(town: Town) -> None:
    """Another key, no algorithm, another's signature, cut, empty, huge, no text."""
    claims = jwt.decode(town.ann.token, options={"verify_signature": False})
    head, body, signature = town.ann.token.split(".")
    tokens: list[Any] = [
        _forged(town),
        _forged(town, kid="no such key"),
        _forged(town, kid="a\0b"),
        jwt.encode(claims, None, algorithm="none"),
        f"{head}.{town.ben.token.split('.')[1]}.{signature}",
        f"{head}.{body}",
        f"{head}.{body}.",
        "",
        "x" * 60_000,
        "a\0b",
        "ü",
    ]
    for token in tokens:
        client = Client(town.url, token)
        with pytest.raises(AssertionError, match="4002"):
            await client.open()
        await client.close()
    await town.still_serves()


async def test_an_expired_token_is_4003(database: str) -> None:
    """Good once, and told apart from one that never was."""
    async with server("--database-url", database, environment={"SERMO_ACCESS_TOKEN_TTL_S": "1"}) as process:
        person = await register(process.url)
        client = person.client()
        codes = []
        async with asyncio.timeout(20):
            while not codes:
                with suppress(AssertionError):
                    await client.open()
                if client.close_code is not None:
                    codes.append(client.close_code)
                await client.close()
        assert codes == [4003]


DEEP = '{"a":' * 5_000 + "1" + "}" * 5_000


@pytest.mark.parametrize(
    "frame",
    [
        f'{{"type":"ping","ref":"r","data":{DEEP}}}',
        f'{{"type":"ping","ref":"r","data":{{"x":{"[" * 1_500 + "]" * 1_500}}}}}',
        f'{{"type":"ping","ref":"r","more":{DEEP}}}',
        f" {DEEP}",
    ],
    ids=["data", "a field of data", "a field that there is not", "all of it"],
)
async def test_what_is_nested_too_deeply_is_an_error_that_leaves_the_connection_open(town: Town, frame: str) -> None:
    """It is JSON, and an object, but nothing that anybody means."""
    client = town.ann.client()
    await client.open()
    assert client._socket is not None
    await client._socket.send(frame)
    error = await client.wait_control("error")
    assert error["data"]["code"] in ("bad_frame", "invalid")
    assert (await client.ask("ping"))["type"] == "pong"
    await client.close()


@pytest.mark.parametrize("frame", [b"binary", b"", "[]", "5", "", "null", "no json", "[" * 60_000, '{"type":'])
async def test_what_is_no_object_is_1003(town: Town, frame: str | bytes) -> None:
    """As text or binary."""
    async with connected(town) as socket:
        await socket.send(frame)
        assert await closed(socket) == 1003
    await town.still_serves()


async def test_a_frame_a_little_too_big_is_1009_and_one_that_just_fits_is_answered(town: Town) -> None:
    """64 KiB is the limit, and inside."""
    async with connected(town) as socket:
        fits = json.dumps({"type": "ping", "ref": "r"})
        await socket.send(fits + " " * (65_536 - len(fits)))
        assert json.loads(await socket.recv()) == {"type": "pong", "ref": "r"}
        await socket.send(fits + " " * (65_537 - len(fits)))
        async with asyncio.timeout(3):  # it is told at once
            assert await closed(socket) == 1009
    await town.still_serves()


async def test_the_same_in_fragments_is_1009(town: Town) -> None:
    """The limit is the message's, not the fragment's."""
    async with connected(town) as socket:
        with suppress(Exception):
            await socket.send([" " * 30_000 for _ in range(5)])
        assert await closed(socket) == 1009
    await town.still_serves()


async def test_a_frame_of_100_mb_is_1009_and_the_client_sees_it(town: Town) -> None:
    """Though it is in the midst of sending when the server has seen enough."""
    async with connected(town) as socket:
        with suppress(Exception):
            await socket.send("x" * 100_000_000)
        assert await closed(socket) == 1009
    await town.still_serves()


async def test_text_that_is_no_utf8_is_1007(town: Town) -> None:
    """As RFC 6455 says."""
    async with connected(town) as socket:
        await socket.send(b"\xff\xfe", text=True)
        assert await closed(socket) == 1007
    await town.still_serves()


async def test_ten_thousand_bad_frames_get_errors_and_then_4010(town: Town) -> None:
    """The hundredth in a minute is the last."""
    async with connected(town) as socket:
        with suppress(Exception):
            for _ in range(10_000):
                await socket.send('{"type":"dance"}')
        errors = []
        with suppress(Exception):
            while True:
                errors.append(json.loads(await socket.recv()))
        assert await closed(socket) == 4010
        assert len(errors) == 100
        assert {frame["data"]["code"] for frame in errors} == {"unknown_type"}
    await town.still_serves()


async def test_bytes_that_are_no_websocket_harm_nobody(town: Town) -> None:
    """Rubbish before, during and after the handshake, and reserved bits."""
    host, port = town.url.removeprefix("http://").split(":")
    key = base64.b64encode(os.urandom(16)).decode()
    handshake = (
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    for rubbish in (
        os.urandom(1_000),
        handshake[:50],
        handshake + os.urandom(1_000),
        handshake + b"\xf1\x80\0\0\0\0",
        handshake + b"\x81\x05hello",
        handshake + b"\x89\xfe\xff\xff",
    ):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(rubbish)
        with suppress(OSError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    await town.still_serves()
