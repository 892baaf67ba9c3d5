"""The transcripts of clients/conformance/, against the session without I/O and against a real server over real sockets."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from domain.buckets import Bucket
from tests.support.asyncapi import check_frame
from tests.support.http import http_client
from tests.support.made_up import FORMS, MadeUp
from tests.support.people import PASSWORD, Person, register
from tests.support.servers import ServerProcess, server
from tests.support.transcripts import Closed, Json, Names, Run, Transcript, transcripts
from tests.support.wait import await_until
from tests.support.wsclient import new_id
from ws import frames, session
from ws.codes import CloseCode
from ws.event_frames import EVENT_FRAMES
from ws.frames import CLIENT_FRAMES, CONTROL_FRAMES, SUBPROTOCOL, ResyncReason
from ws.limits import Limits

DEADLINE_S = 30.0
NEEDS_MORE = {"heartbeat", "waiting", "batch", "pong", "user_status", "typing"}
"""What comes by time, by load or from others, and what every transcript has."""


def by_name(runs: str) -> Any:
    """Parameters: the transcripts that run there."""
    return pytest.mark.parametrize("transcript", transcripts(runs), ids=lambda one: one.name)


# Against the session alone


class SessionDriver:
    """Sessions over an empty log that never moves: what a connection does with effects, but for commands."""

    EPOCH, HEAD = "epoch-of-the-session", 7
    BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __init__(self) -> None:
        self.people: dict[str, UUID] = {}
        """Good tokens, and whose they are."""
        self.expired: set[str] = set()
        self._now = 0.0
        self._sessions: dict[str, session.Session] = {}
        self._credentials: dict[str, str | None] = {}
        self._users: dict[str, UUID] = {}
        self._out: dict[str, deque[Json | CloseCode]] = {}

    def given(self, given: Json) -> Names:
        """The names of a transcript."""
        names: Json = {}
        for person in given.get("people", ()):
            user_id, token = new_id(), f"token of {person}"
            names |= {f"{person}.id": str(user_id), f"{person}.token": token}
            self.people[token] = user_id
        for name in given.get("ids", ()):
            names[name] = str(new_id())
        for name in given.get("expired_tokens", {}):
            names[name] = f"expired {name}"
            self.expired.add(names[name])
        return Names(names)

    async def open(self, on: str, authorization: str | None, ticket: str | None) -> None:
        assert ticket is None, "tickets need a server"
        self._sessions[on] = session.Session(Limits(), self._now)
        self._credentials[on] = authorization
        self._out[on] = deque()

    async def send(self, on: str, message: str | bytes) -> None:
        talk = self._sessions[on]
        if isinstance(message, str):
            self._take(on, talk.receive(message, self._now))
        else:
            self._take(on, talk.receive_binary())

    async def receive(self, on: str) -> Json:
        assert self._out[on], "nothing comes any more"
        found = self._out[on].popleft()
        if isinstance(found, CloseCode):
            raise Closed(found)
        return found

    async def close(self, on: str) -> None:
        del self._sessions[on]

    async def tick(self, seconds: float) -> None:
        self._now += seconds
        for on, talk in self._sessions.items():
            self._take(on, talk.tick(self._now, self.BEGAN + timedelta(seconds=self._now)))

    async def call(self, person: str, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        raise AssertionError("calls need a server")

    def _take(self, on: str, effects: Iterable[session.Effect]) -> None:
        for effect in effects:
            match effect:
                case session.Send(frame):
                    self._write(on, frame)
                case session.Close(code):
                    self._close(on, code)
                case session.Open(data, ref) | session.Recover(data, ref):
                    if self._is_known(on, data.token or self._credentials[on], is_new=isinstance(effect, session.Open)):
                        self._follow(on, data, ref)
                case session.Renew(token, ref):
                    if self._is_known(on, token, is_new=False):
                        self._connected(on, ref)
                case session.Run():
                    raise AssertionError("commands need a server")

    def _is_known(self, on: str, token: str | None, *, is_new: bool) -> bool:
        talk = self._sessions[on]
        if token is None and not is_new:
            talk.recovering()
            return True
        if token in self.expired:
            self._close(on, CloseCode.TOKEN_EXPIRED)
            return False
        user_id = self.people.get(token or "")
        if user_id is None or (not is_new and user_id != self._users[on]):
            self._close(on, CloseCode.UNAUTHENTICATED)
            return False
        expires_at = self.BEGAN + timedelta(seconds=self._now + 900)
        if is_new:
            self._users[on] = user_id
            talk.opened(expires_at, Bucket(1_000.0, 1_000.0, self._now))
        else:
            talk.renewed(expires_at)
        return True

    def _connected(self, on: str, ref: str | None) -> None:
        frame = frames.connected(
            ref, user_id=self._users[on], session_id=new_id(), epoch=self.EPOCH, head_id=self.HEAD, limits=Limits()
        )
        self._write(on, frame)

    def _follow(self, on: str, data: frames.Connect, ref: str | None) -> None:
        self._connected(on, ref)
        if data.last_event_id is None:
            return
        reason: ResyncReason | None = None
        if data.epoch != self.EPOCH:
            reason = "epoch"
        elif data.last_event_id > self.HEAD:
            reason = "ahead"
        if reason is None:
            self._write(on, frames.control(frames.Resumed(count=0, through=self.HEAD), ref))
            return
        self._sessions[on].resync(self._now)
        self._write(on, frames.control(frames.ResyncRequired(reason=reason), ref))

    def _write(self, on: str, frame: bytes) -> None:
        self._out[on].append(json.loads(frame))

    def _close(self, on: str, code: CloseCode) -> None:
        self._sessions[on].phase = session.Phase.CLOSED
        self._out[on].append(code)


@by_name("session")
async def test_the_session_alone_keeps_to_the_transcript(transcript: Transcript) -> None:
    """Every step, with no socket, no log and no clock."""
    driver = SessionDriver()
    await Run(transcript, driver.given(transcript.given), driver).run()


# Against a server


class ServerDriver:
    """Sockets to a server process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()
        self._sockets: dict[str, ClientConnection] = {}
        self.people: dict[str, Person] = {}

    async def __aenter__(self) -> "ServerDriver":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def given(self, given: Json, short_lived: "ShortLived") -> Names:
        """Make what a transcript needs; its names."""
        names: Json = {}
        for name in given.get("people", ()):
            person = self.people[name] = await register(self._url, name)
            names |= {f"{name}.id": person.user_id, f"{name}.token": person.token}
        for name, channel in given.get("channels", {}).items():
            owner, *others = (self.people[member] for member in channel["members"])
            names[name] = await owner.make_channel(channel["kind"])
            for other in others:
                path = f"/v1/channels/{names[name]}/members/{other.user_id}"
                answer = await owner.call("PUT", path, json={"role": "member"})
                assert answer.status_code == 200, answer.text
        for name in given.get("ids", ()):
            names[name] = str(new_id())
        for name, person_name in given.get("tickets", {}).items():
            answer = await self.people[person_name].call("POST", "/v1/ws-ticket")
            names[name] = answer.json()["ticket"]
        for name, person_name in given.get("expired_tokens", {}).items():
            names[name] = await short_lived.token(self.people[person_name])
        return Names(names)

    async def open(self, on: str, authorization: str | None, ticket: str | None) -> None:
        url = self._url.replace("http", "ws", 1) + "/ws" + (f"?ticket={ticket}" if ticket is not None else "")
        headers = {"Authorization": f"Bearer {authorization}"} if authorization is not None else {}
        socket = await connect(
            url,
            additional_headers=headers,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            max_size=None,
            ping_interval=None,
            open_timeout=DEADLINE_S,
            proxy=None,
        )
        assert socket.subprotocol == SUBPROTOCOL
        self._sockets[on] = socket
        self._stack.push_async_callback(socket.close)

    async def send(self, on: str, message: str | bytes) -> None:
        await self._sockets[on].send(message)

    async def receive(self, on: str) -> Json:
        socket = self._sockets[on]
        try:
            async with asyncio.timeout(DEADLINE_S):
                found: Json = json.loads(await socket.recv())
        except ConnectionClosed:
            raise Closed(socket.close_code or 1006) from None
        return found

    async def close(self, on: str) -> None:
        await self._sockets[on].close()

    async def tick(self, seconds: float) -> None:
        raise AssertionError("a server's clock cannot be set")

    async def call(self, person: str, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        answer = await self.people[person].call(method, path, json=body)
        return answer.status_code, answer.json()


class ShortLived:
    """A second server on the same log, whose tokens are good for a second."""

    def __init__(self, dsn: str, data_dir: str) -> None:
        self._arguments = ("--database-url", dsn, "--data-dir", data_dir)

    async def token(self, person: Person) -> str:
        """A token of that person's that has expired."""
        body = {"username": person.username, "password": PASSWORD}
        async with (
            server(*self._arguments, environment={"SERMO_ACCESS_TOKEN_TTL_S": "1"}) as process,
            http_client(process.url) as http,
        ):
            answer = await http.post("/v1/auth/login", json=body)
        token: str = answer.json()["access_token"]
        expires_at = jwt.decode(token, options={"verify_signature": False})["exp"]
        await await_until(lambda: time.time() > expires_at, DEADLINE_S, what="the token has expired")
        return token


@by_name("server")
async def test_a_server_keeps_to_the_transcript(
    process: ServerProcess, shared_database: str, tmp_path: Path, transcript: Transcript
) -> None:
    """Every step, over real sockets; and every frame is as documented."""
    short_lived = ShortLived(shared_database, str(tmp_path))
    async with ServerDriver(process.url) as driver:
        await Run(transcript, await driver.given(transcript.given, short_lived), driver).run()


# The transcripts themselves


def _said(transcript: Transcript) -> Iterator[tuple[str, str]]:
    for step in transcript.steps:
        if "send" in step:
            yield "client", step["send"].get("type", "")
        for frame in [step["expect"]] if "expect" in step else step.get("expect_all", ()):
            yield "server", frame["type"]
        if "expect_close" in step:
            yield "close", str(step["expect_close"])


def test_the_transcripts_speak_of_every_command_answer_and_close_that_a_client_can_bring_about() -> None:
    """What is added to the protocol gets a transcript."""
    said = {pair for transcript in transcripts() if transcript.runs != ("client",) for pair in _said(transcript)}
    assert {name for side, name in said if side == "client"} >= CLIENT_FRAMES.keys() - {"typing"}
    assert {name for side, name in said if side == "server"} >= CONTROL_FRAMES.keys() - NEEDS_MORE
    closes = {CloseCode.GOING_AWAY, CloseCode.TOO_MANY, CloseCode.OVERLOADED, CloseCode.TOO_SLOW}
    assert {code for side, code in said if side == "close"} == {str(int(code)) for code in set(CloseCode) - closes}


def test_every_transcript_says_what_it_is_about_and_where_it_runs() -> None:
    """A title each, no two the same."""
    titles = [transcript.title for transcript in transcripts()]
    assert len(titles) == len(set(titles)) > 0
    for transcript in transcripts():
        assert transcript.title.endswith(".")
        assert transcript.runs and {"session", "server", "client"}.issuperset(transcript.runs)


def test_there_is_a_whole_frame_of_every_type_and_each_is_as_documented() -> None:
    """Completed with made-up values, `frames.json` holds what a server sends."""
    made_up = MadeUp(Names({}))
    assert FORMS.keys() == (CONTROL_FRAMES.keys() | EVENT_FRAMES.keys()) - {"batch"}
    for kind in FORMS:
        check_frame(made_up.complete({"type": kind}, "a"))


@by_name("client")
def test_what_is_sent_to_a_client_is_as_documented(transcript: Transcript) -> None:
    """Completed, the frames that a transcript expects are frames of the server, but for those of another version."""
    names = Names({f"{one}.id": str(new_id()) for one in transcript.given.get("people", ())})
    names.values |= {name: str(new_id()) for kind in ("channels", "ids") for name in transcript.given.get(kind, ())}
    made_up = MadeUp(names, transcript.given.get("channels", ()))
    for step in transcript.steps:
        made_up.answer(step.get("answer", {}))
        frames = [step["expect"]] if "expect" in step else step.get("expect_all", [])
        for frame in made_up.complete_all(frames, step.get("on", "a")):
            if transcript.name != "unknown_event":
                check_frame(frame)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": True}),
        ({"a": "<absent>"}, {"a": None}),
        ({"a": "<integer>"}, {"a": "1"}),
        ({"a": "<text>"}, {}),
        ({"a": "<any>"}, {}),
        ({"a": "$new"}, {}),
        ({"a": ["$id", "$id"]}, {"a": [1, 2]}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": "$known"}, {"a": 6}),
        ({"a": {"b": 1}}, {"a": 1}),
    ],
)
def test_what_is_not_like_the_expected_is_found(expected: Json, actual: Json) -> None:
    """And gives no name a value."""
    names = Names({"known": 5})
    assert names.differs(expected, actual) is not None
    assert names.values == {"known": 5}


def test_a_name_takes_the_value_that_comes_and_then_keeps_it() -> None:
    """More fields than expected are passed over."""
    names = Names({"known": 5})
    assert names.differs({"a": "$new", "b": {"c": "$known"}}, {"a": 7, "b": {"c": 5, "d": 6}}) is None
    assert names.fill({"path": "/x/$new/y", "id": "$new"}) == {"path": "/x/7/y", "id": 7}
    assert names.differs({"a": "$new"}, {"a": 8}) is not None
