"""Runs a transcript of clients/conformance/ against the client: plays the server, as the README there says."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from sermo_client import Backoff, Closed, Cursor, MemoryCursors, Sending, SermoClient, ServerRefusal, State
from sermo_client.control import Error, UnknownFrame
from sermo_client.testing.wire import Call, Socket, SocketClosed, WireServer

from tests.clients.python.reported import check_like, check_values, said
from tests.support.made_up import MadeUp, new_id
from tests.support.transcripts import Json, Names, Transcript
from tests.support.wait import await_until

DEADLINE_S = 10.0
ENDS = {1000, 1003, 1009}
"""Closes, with those of the range 40xx, after which a client does not come back."""


def is_end(code: int) -> bool:
    """Whether the client is to stay away."""
    return code in ENDS or 4000 <= code < 4100


CALLS: dict[str, Callable[[SermoClient, Json], Awaitable[Any]]] = {
    "connect": lambda c, d: c.renew_token(d["token"]),
    "message": lambda c, d: c.send(**d),
    "edit_message": lambda c, d: c.edit(**d),
    "delete_message": lambda c, d: c.delete(**d),
    "add_reaction": lambda c, d: c.react(**d),
    "remove_reaction": lambda c, d: c.unreact(**d),
    "join_channel": lambda c, d: c.join(**d),
    "leave_channel": lambda c, d: c.leave(**d),
    "mark_read": lambda c, d: c.mark_read(**d),
    "mark_unread": lambda c, d: c.mark_unread(**d),
    "typing": lambda c, d: c.typing(**d),
    "status_update": lambda c, d: c.set_status(**d),
    "ping": lambda c, d: c.ping(),
}
"""The client's call for each type."""


class Side:
    """One connection of a transcript, from both ends."""

    def __init__(self) -> None:
        self.sockets: asyncio.Queue[Socket] = asyncio.Queue()
        self.socket: Socket | None = None
        self.client: SermoClient | None = None
        self.reported: list[Any] = []
        self.listening: asyncio.Task[None] | None = None
        self.calls: dict[str | None, asyncio.Task[Any]] = {}
        """The transcript's ref -> the call under way."""
        self.refs: dict[str | None, str | None] = {}
        """The transcript's ref -> the client's."""
        self.can_come_back = False
        self.ended_at = 0.0

    async def listen(self) -> None:
        """Take down what the client reports."""
        assert self.client is not None
        try:
            async for item in self.client.events():
                self.reported.append(item)
        except Closed:
            pass


class Runner:
    """One run of a transcript against as many clients as it has connections."""

    def __init__(self, transcript: Transcript) -> None:
        given = transcript.given
        values: Json = {}
        for person in given.get("people", ()):
            values |= {f"{person}.id": new_id(), f"{person}.token": f"token-of-{person}"}
        values |= {name: new_id() for kind in ("channels", "ids") for name in given.get(kind, ())}
        values |= {name: f"{kind}-{name}" for kind in ("tickets", "expired_tokens") for name in given.get(kind, ())}
        self.names = Names(values)
        self.people = {values[f"{person}.token"]: values[f"{person}.id"] for person in given.get("people", ())}
        self.people |= {values[old]: values[f"{person}.id"] for old, person in given.get("expired_tokens", {}).items()}
        self.made_up = MadeUp(self.names, given.get("channels", ()))
        self.steps = transcript.steps
        self.server = WireServer(self._answer, self._accept)
        self.sides: dict[str, Side] = {}
        self.at = 0
        self.opening: Side | None = None

    async def run(self) -> None:
        """Every step."""
        async with self.server:
            try:
                for number, step in enumerate(self.steps):
                    self.at = number
                    try:
                        async with asyncio.timeout(DEADLINE_S):
                            await self._step(step, step.get("on", "a"))
                    except Exception as error:
                        raise AssertionError(f"line {self.at + 2}: {error!r}\n{step}") from error
            finally:
                await self.server.stop()
                for side in self.sides.values():
                    await self._leave(side)

    async def _step(self, step: Json, on: str) -> None:
        side = self.sides.get(on)
        match step:
            case {"open": how}:
                await self._open(on, self.names.fill(how), step.get("not_before_ms", 0))
            case {"send": frame}:
                assert side is not None
                await self._send(side, self.names.fill(frame), is_again=step.get("again", False))
            case {"expect": frame}:
                await self._expect(on, [frame])
            case {"expect_all": frames}:
                await self._expect(on, frames)
            case {"expect_close": code}:
                assert side is not None
                await self._close(side, code, json.dumps(step["reason"]) if "reason" in step else "")
            case {"drop": True}:
                assert side is not None and side.socket is not None
                side.socket.drop()
                side.can_come_back, side.ended_at = True, time.monotonic()
            case {"close": True}:
                assert side is not None and side.client is not None and side.socket is not None
                closing = asyncio.create_task(side.client.close())
                with pytest.raises(SocketClosed) as closed:
                    await side.socket.receive()
                assert closed.value.code == 1000
                await closing
            case {"call": _}:
                self.made_up.answer(step.get("answer", {}))
            case {"tick": _}:
                pass
            case _:
                raise AssertionError("there is no such step")

    # Opening

    async def _open(self, on: str, how: Json, not_before_ms: int) -> None:
        side = self.sides.get(on)
        if side is None or not side.can_come_back:
            side = self.sides[on] = self.opening = Side()
            side.client = self._client(on, how)
            side.listening = asyncio.create_task(side.listen())
            side.calls["connect"] = asyncio.create_task(side.client.connect())
        self.opening = side
        side.socket = await side.sockets.get()
        assert time.monotonic() - side.ended_at >= not_before_ms / 1_000, "it came back too soon"
        assert side.socket.call.query.get("ticket") == how.get("ticket")
        assert side.socket.call.token == how.get("authorization")
        side.can_come_back = False

    def _client(self, on: str, how: Json) -> SermoClient:
        frames = (one["send"] for one in self.steps[self.at :] if "send" in one and one.get("on", "a") == on)
        data = self.names.fill(next(frames)).get("data", {})
        cursors = MemoryCursors()
        if "last_event_id" in data:
            cursors.save("me", Cursor(data["epoch"], data["last_event_id"]))
        return SermoClient(
            self.server.url,
            token=data.get("token") or how.get("authorization"),
            ticket=how.get("ticket"),
            token_in_header="authorization" in how,
            cursors=cursors,
            account="me" if "channel_id" not in data else None,
            channel_id=data.get("channel_id"),
            max_backlog=data.get("max_backlog"),
            name=data.get("client"),
            backoff=Backoff(base_s=0.02),
            trust_env=False,
        )

    async def _accept(self, socket: Socket) -> None:
        assert self.opening is not None
        self.opening.sockets.put_nowait(socket)
        await asyncio.Event().wait()

    async def _answer(self, call: Call) -> tuple[int, Any]:
        match call.method, call.path:
            case "GET", "/v1/me":
                return 200, {"user_id": self.people[call.token or ""], "username": "somebody"}
            case "GET", "/v1/me/channels":
                on = self.steps[self.at].get("on", "a")
                sends = (one["send"] for one in self.steps[self.at :] if "send" in one and one.get("on", "a") == on)
                data = next(sends)["data"]
                form = {"position": data["last_event_id"], "epoch": data["epoch"]}
                self.made_up.answer(form)
                return 200, {"channels": [], **self.names.fill(form)}
        return 404, {"code": "not_found"}

    # What the client sends

    async def _send(self, side: Side, frame: Json, *, is_again: bool) -> None:
        kind, data, ref = frame["type"], frame.get("data", {}), frame.get("ref")
        makes_call = not is_again and (kind != "connect" or data.keys() == {"token"}) and side.refs
        if makes_call:
            assert side.client is not None
            call = CALLS.get(kind)
            doing = call(side.client, data) if call is not None else side.client.request(kind, data)
            side.calls[ref] = asyncio.ensure_future(doing)
        assert side.socket is not None
        came = await self._came(side.socket, kind)
        assert (kind, said(data)) == (came["type"], said(came.get("data", {}), besides=data))
        side.refs[ref] = came.get("ref")

    async def _came(self, socket: Socket, kind: str) -> Json:
        while True:
            came: Json = json.loads(await socket.receive())
            if came["type"] != "ping" or kind == "ping":
                return came
            await socket.send(json.dumps({"type": "pong", "ref": came.get("ref")}))

    # What the server sends

    async def _expect(self, on: str, frames: list[Json]) -> None:
        side = self.sides[on]
        assert side.socket is not None and side.client is not None
        for frame, whole in zip(frames, self.made_up.complete_all(frames, on), strict=True):
            is_answer = "feed" not in whole and frame["type"] not in ("user_status", "typing", "heartbeat", "weather")
            ref = frame.get("ref")
            whole.pop("ref", None)
            if is_answer and (mine := side.refs.get(ref if ref != "<absent>" else None)) is not None:
                whole["ref"] = mine
            seen = len(side.reported)
            await side.socket.send(json.dumps(whole))
            await self._is_reported(side, whole, ref if ref != "<absent>" else None, seen)

    async def _is_reported(self, side: Side, whole: Json, ref: str | None, seen: int) -> None:
        client = side.client
        assert client is not None
        match whole["type"]:
            case "connected":
                await await_until(
                    lambda: client.session is not None and str(client.session.user_id) == whole["data"]["user_id"]
                )
            case "resumed":
                await await_until(lambda: client.state is State.LIVE)
                assert client.missed == whole["data"]["count"]
            case "resync_required":
                pass  # a snapshot is asked for, and `Resynced` comes
            case "heartbeat":
                await await_until(lambda: client.cursor is not None and client.cursor.position == whole["id"])
            case "weather":
                found = await self._next(side, seen)
                assert isinstance(found, UnknownFrame) and found.kind == "weather"
            case "error" | "channel_join_error" if ref in side.calls and not isinstance(
                await self._outcome(side, ref), type(None)
            ):
                refused = await self._outcome(side, ref)
                assert isinstance(refused, ServerRefusal)
                assert (whole["data"]["code"], whole["data"].get("field")) == (refused.code, refused.field)
            case "error":
                found = await self._next(side, seen)
                assert isinstance(found, Error) and found.data.code == whole["data"]["code"]
            case "pong":
                assert await self._outcome(side, ref) is None
            case _ if "feed" in whole or whole["type"] in ("user_status", "typing"):
                check_like(whole, await self._next(side, seen))
            case _:
                outcome = await self._outcome(side, ref)
                check_values(whole["data"], json.loads(msgspec.json.encode(outcome)))

    async def _next(self, side: Side, seen: int) -> Any:
        await await_until(lambda: len(side.reported) > seen, what="an event is reported")
        return side.reported[seen]

    async def _outcome(self, side: Side, ref: str | None) -> Any:
        """What the call has returned or raised."""
        try:
            outcome = await side.calls[ref]
            return await outcome if isinstance(outcome, Sending) else outcome
        except ServerRefusal as refusal:
            return refusal

    # Ends

    async def _close(self, side: Side, code: int, reason: str) -> None:
        client = side.client
        assert side.socket is not None and client is not None
        side.ended_at = time.monotonic()
        side.can_come_back = not is_end(code)
        await side.socket.close(code, reason)
        if is_end(code):
            await await_until(lambda: client.state is State.CLOSED)
            assert client.reason is not None and client.reason.code == code
            with pytest.raises(Closed):
                await client.run()

    async def _leave(self, side: Side) -> None:
        if side.client is not None:
            await side.client.close()
        for task in (side.listening, *side.calls.values()):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.exception()
