"""What a server logs: structured lines with the ids of connections and commands; no content, no tokens."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.http import http_client
from tests.support.people import Person
from tests.support.rawsocket import address
from tests.support.servers import ServerProcess
from tests.support.wsclient import DEADLINE_S, Client, new_id


class Logged:
    """A server, and what may not be in its log."""

    def __init__(self, process: ServerProcess, path: Path) -> None:
        self.process = process
        self.url = process.url
        self._path = path
        self._secrets: dict[str, str] = {}

    def marker(self, name: str) -> str:
        """A word that is nowhere else."""
        word = self._secrets[name] = f"hidden{secrets.token_hex(6)}"
        return word

    def keep(self, name: str, secret: str) -> str:
        """What the server has made, and only its owner may know."""
        self._secrets[name] = secret
        return secret

    async def lines(self) -> list[dict[str, Any]]:
        """Stop the server; all that it has logged, of which each line is JSON and none tells a secret."""
        assert await self.process.stop() == 0
        text = self._path.read_text(encoding="utf-8")
        assert [name for name, secret in self._secrets.items() if secret.lower() in text.lower()] == []
        lines = [json.loads(line) for line in text.splitlines()]
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
        return lines


@asynccontextmanager
async def logged(database: str, folder: Path, level: str) -> AsyncIterator[Logged]:
    """A server that logs into a file."""
    path = folder / "server.log"
    options = ("--database-url", database, "--data-dir", str(folder / "data"))
    process = ServerProcess(*options, environment={"SERMO_LOG_LEVEL": level}, log=path)
    await process.start()
    try:
        yield Logged(process, path)
    finally:
        await process.stop()


async def someone(server: Logged, who: str) -> Person:
    """A person, all of whose words are markers; logged in, refreshed, and with a wrong password besides."""
    name, password = server.marker(f"{who}'s user name"), server.marker(f"{who}'s password")
    account = {"username": name, "password": password}
    body = {**account, "display_name": server.marker(f"{who}'s display name")}
    async with http_client(server.url) as http:
        made = await http.post("/v1/auth/register", json=body)
        assert made.status_code == 201, made.text
        assert (await http.post("/v1/auth/register", json=body)).json()["code"] == "name_taken"
        wrong = {"username": name, "password": server.marker(f"{who}'s wrong password")}
        assert (await http.post("/v1/auth/login", json=wrong)).status_code == 401
        entered = (await http.post("/v1/auth/login", json=account)).json()
        refreshed = (await http.post("/v1/auth/refresh", json={"refresh_token": entered["refresh_token"]})).json()
    for what, tokens in (("registration", made.json()), ("login", entered), ("refresh", refreshed)):
        server.keep(f"access token of {who}'s {what}", tokens["access_token"])
        server.keep(f"refresh token of {who}'s {what}", tokens["refresh_token"])
    return Person(server.url, refreshed)


async def talk_over_rest(server: Logged, ann: Person, ben: Person) -> str:
    """Content in every place where it may be, also of what is refused; the channel."""
    me = await ann.call("PATCH", "/v1/me", json={"status_text": server.marker("status text")})
    assert me.status_code == 200, me.text
    channel = {"kind": "private", "name": server.marker("channel name"), "topic": server.marker("topic")}
    key = {"Idempotency-Key": server.marker("idempotency key")}
    made = await ann.call("POST", "/v1/channels", json=channel, headers=ann.headers | key)
    assert made.status_code == 201, made.text
    path = f"/v1/channels/{made.json()['channel_id']}"

    body = {"message_id": str(new_id()), "content": server.marker("content")}
    assert (await ann.call("POST", f"{path}/messages", json=body)).status_code == 201
    edit = {"content": server.marker("edit")}
    assert (await ann.call("PATCH", f"/v1/messages/{body['message_id']}", json=edit)).status_code == 200
    taken = await ann.call("POST", f"{path}/messages", json=body | {"content": server.marker("taken content")})
    assert taken.json()["code"] == "message_id_taken"
    alien = {"message_id": str(new_id()), "content": server.marker("refused content")}
    assert (await ben.call("POST", f"{path}/messages", json=alien)).status_code == 404

    for place in ("users", "channels"):
        found = await ann.call("GET", f"/v1/{place}", params={"query": server.marker(f"query of {place}")})
        assert found.status_code == 200, found.text
    for params in ({"query": "x" * 5_000 + server.marker("long query")}, {server.marker("parameter"): "x"}):
        assert (await ann.call("GET", "/v1/users", params=params)).status_code == 422
    assert (await ann.call("GET", f"/v1/{server.marker('path')}")).status_code == 404
    field = {server.marker("field"): server.marker("value of a field")}
    assert (await ann.call("POST", "/v1/channels", json=channel | field)).status_code == 422
    assert (await ann.call("POST", "/v1/channels", content=server.marker("no JSON"))).status_code == 400
    wrong = {"Authorization": f"Bearer {server.marker('wrong token')}"}
    assert (await ann.call("GET", "/v1/me", headers=wrong)).status_code == 401
    return str(made.json()["channel_id"])


async def talk_over_sockets(server: Logged, ann: Client, channel_id: str) -> None:
    """What the session takes, refuses, and ends for."""
    message_id = (await ann.post(channel_id, server.marker("content of a frame")))["data"]["message_id"]
    edited = await ann.ask("edit_message", message_id=message_id, content=server.marker("edit in a frame"))
    assert edited["type"] == "done", edited
    taken = await ann.post(channel_id, server.marker("taken content of a frame"), message_id=message_id)
    assert taken["data"]["code"] == "message_id_taken"
    unknown = {server.marker("field of a frame"): server.marker("value in a frame")}
    assert (await ann.ask("ping", **unknown))["data"]["code"] == "invalid"
    assert (await ann.ask(server.marker("type of a frame")))["data"]["code"] == "unknown_type"
    await ann.send("ping", ref=server.marker("ref"))

    at = ann.url
    by_header = {"Authorization": f"Bearer {ann.token}"}
    assert await closed(at, server.marker("binary").encode(), headers=by_header) == 1003
    assert await closed(at, f"[{server.marker('no frame')}", headers=by_header) == 1003
    token = {"type": "connect", "data": {"token": server.marker("wrong token of a frame")}}
    assert await closed(at, json.dumps(token)) == 4002
    assert await closed(f"{at}?ticket={server.marker('wrong ticket')}", '{"type": "connect"}') == 4002
    assert await closed(f"{at}?{server.marker('query')}=x", json.dumps({"type": server.marker("first frame")})) == 4002


async def closed(url: str, frame: str | bytes, headers: dict[str, str] | None = None) -> int | None:
    """The code with which a socket ends after this one frame."""
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        await socket.send(frame)
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionClosed):
                async for _ in socket:
                    pass
    return socket.close_code


async def events_come(server: Logged, ann: Person, ticket: str) -> None:
    """A ticket opens a socket, and a cookie a stream."""
    socket_url = server.url.replace("http", "ws", 1)
    async with connect(f"{socket_url}/ws?ticket={ticket}", proxy=None) as socket:
        await socket.send('{"type": "connect"}')
        assert json.loads(await socket.recv())["type"] == "connected"
    session = await ann.call("POST", "/v1/events-session")
    cookie = session.headers["set-cookie"].partition(";")[0]
    server.keep("cookie", cookie.partition("=")[2])
    place = {"after": "0", "epoch": server.marker("epoch")}
    headers = {"Accept": "text/event-stream", "Cookie": cookie}
    async with (
        http_client(server.url) as http,
        http.stream("GET", "/v1/events", params=place, headers=headers) as stream,
    ):
        assert "resync_required" in "".join([line async for line in stream.aiter_lines()])
    assert (await ann.call("GET", "/v1/events", params=place)).json()["code"] == "resync_required"


async def test_logs_name_connections_and_commands_and_hold_no_content_and_no_tokens(
    database: str, tmp_path: Path
) -> None:
    """At the level that says most, over REST, sockets and event streams, for what is done and for what is refused."""
    async with logged(database, tmp_path, "debug") as server:
        ann, ben = await someone(server, "ann"), await someone(server, "ben")
        channel_id = await talk_over_rest(server, ann, ben)
        client = ann.client()
        session_id = (await client.open())["data"]["session_id"]
        await talk_over_sockets(server, client, channel_id)
        ticket = server.keep("ticket", (await ann.call("POST", "/v1/ws-ticket")).json()["ticket"])
        await events_come(server, ann, ticket)
        await client.close()
        lines = await server.lines()

    commands = [line for line in lines if line["event"] == "command"]
    assert all(line["command_id"] for line in commands)
    by_socket = [(each["command"], each["outcome"]) for each in commands if each.get("session_id") == session_id]
    assert by_socket == [("PostMessage", "done"), ("EditMessage", "done"), ("PostMessage", "message_id_taken")]
    by_rest = {(each["command"], each["outcome"]) for each in commands if "session_id" not in each}
    assert {("CreateChannel", "done"), *by_socket} <= by_rest


async def test_a_command_that_fails_by_a_fault_is_found_by_its_id_at_the_usual_level(
    database: str, tmp_path: Path
) -> None:
    """One line with the command's id and the socket's; tracebacks are JSON too."""
    async with logged(database, tmp_path, "info") as server:
        ann = await someone(server, "ann")
        channel_id = await ann.make_channel()
        client = ann.client()
        session_id = (await client.open())["data"]["session_id"]
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await connection.execute("alter table stored_events add constraint fault check (false) not valid")
        with pytest.raises(ConnectionError):
            await client.post(channel_id, server.marker("content of a frame"))
        assert await client.wait_closed() == 4102
        await client.gone()
        body = {"message_id": str(new_id()), "content": server.marker("content")}
        answer = await ann.call("POST", f"/v1/channels/{channel_id}/messages", json=body)
        assert answer.status_code == 500, answer.text
        lines = await server.lines()

    failed = [line for line in lines if line["event"] == "command.failed"]
    assert [(each["command"], each["error"], each["level"]) for each in failed] == [
        ("PostMessage", "CheckViolation", "error")
    ] * 2
    assert [each.get("session_id") for each in failed] == [session_id, None]
    assert len({each["command_id"] for each in failed}) == 2
    refused = [line for line in lines if line["event"] == "appender.call_refused"]
    assert len(refused) == 2
    assert all("violates check constraint" in line["error"] for line in refused)
    assert "Failing row" not in str(lines), "it quotes the row"
    assert {"ws.command_failed", "api.failed"} <= {line["event"] for line in lines if "Traceback" in str(line)}


NO_REQUESTS = {
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n": b"400",
    b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n": b"200",
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n": b"400",
}
"""TLS, an upgrade that nobody knows, half a handshake; and the status that answers each."""


async def test_nobody_fills_the_log_with_requests_that_are_none(database: str, tmp_path: Path) -> None:
    """They are answered, and no line is logged for each of them."""
    times = 20
    async with logged(database, tmp_path, "info") as server:
        for request, status in [*NO_REQUESTS.items()] * times:
            reader, writer = await asyncio.open_connection(*address(server.url))
            writer.write(request)
            async with asyncio.timeout(DEADLINE_S):
                assert (await reader.readline()).split()[1] == status
            writer.close()
            await writer.wait_closed()
        assert len(await server.lines()) < times


def test_lines_of_libraries_are_json_too() -> None:
    """Warnings and worse, with their tracebacks; below that they may tell what they carry."""
    code = (
        "import logging; from sermo.telemetry import configure_logs; configure_logs('debug')\n"
        "library = logging.getLogger('some.library')\n"
        "library.info('hidden'); library.warning('told %s', 'so')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: library.exception('failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    warned, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (warned["event"], warned["level"], warned["logger"]) == ("told so", "warning", "some.library")
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")
    assert warned["timestamp"] <= failed["timestamp"]
