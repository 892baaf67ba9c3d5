"""A client of the socket for tests: records every event frame, checks the stream's promises, and can be cut anywhere."""

import asyncio
import contextlib
import json
from typing import Any
from uuid import UUID

import uuid_utils.compat
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

DEADLINE_S = 20.0


def new_id() -> UUID:
    """An id as a client makes it."""
    return uuid_utils.compat.uuid7()


class Client:
    """One connection at a time; what was received lives on over reconnects."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.replace("http", "ws", 1) + "/ws"
        self.token = token
        self.events: list[dict[str, Any]] = []
        self.control: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self.last_id: int | None = None
        self.epoch: str | None = None
        self.user_id = ""
        self.close_code: int | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._refs = 0
        self._is_resuming = False

    async def open(self, *, url: str | None = None, fresh: bool = False, **data: Any) -> dict[str, Any]:
        """Connect, resuming from the last event id unless `fresh`; returns `connected` (or what came instead)."""
        if url is not None:
            self.url = url.replace("http", "ws", 1) + "/ws"
        self._socket = await connect(
            self.url, subprotocols=["sermo.v1.json"], max_size=None, ping_interval=None, open_timeout=DEADLINE_S
        )
        self.close_code = None
        self.control.clear()
        self.signals.clear()
        self._reader = asyncio.create_task(self._read(self._socket))
        if not fresh and self.last_id is not None:
            data = {"last_event_id": self.last_id, "epoch": self.epoch} | data
        self._is_resuming = "last_event_id" in data
        await self.send("connect", {"token": self.token} | data)
        connected = await self.wait_control("connected")
        self.epoch, self.user_id = connected["data"]["epoch"], connected["data"]["user_id"]
        if self.last_id is None or fresh:
            self.last_id = connected["data"]["head_id"]
        return connected

    async def send(self, kind: str, data: dict[str, Any] | None = None, ref: str | None = None) -> None:
        """Send a frame."""
        assert self._socket is not None
        frame: dict[str, Any] = {"type": kind}
        if ref is not None:
            frame["ref"] = ref
        if data is not None:
            frame["data"] = {name: str(v) if isinstance(v, UUID) else v for name, v in data.items()}
        await self._socket.send(json.dumps(frame))

    async def ask(self, kind: str, **data: Any) -> dict[str, Any]:
        """Send a frame and wait for its answer. Raises `ConnectionClosed` when the connection ends first."""
        self._refs += 1
        ref = f"r{self._refs}"
        future = self._answers[ref] = asyncio.get_running_loop().create_future()
        await self.send(kind, data, ref)
        async with asyncio.timeout(DEADLINE_S):
            return await future

    async def post(self, channel_id: Any, content: str, **data: Any) -> dict[str, Any]:
        """Post a message; the answer."""
        message_id = data.pop("message_id", None) or new_id()
        return await self.ask("message", channel_id=channel_id, message_id=message_id, content=content, **data)

    async def wait_control(self, kind: str) -> dict[str, Any]:
        """Wait for a control frame of this connection."""
        return await self.wait_for(lambda: next((f for f in self.control if f["type"] == kind), None), kind)

    async def wait_event(self, **wanted: Any) -> dict[str, Any]:
        """Wait for an event frame whose envelope or data has these values."""

        def find() -> dict[str, Any] | None:
            for frame in self.events:
                if all(frame.get(k, frame["data"].get(k)) == v for k, v in wanted.items()):
                    return frame
            return None

        return await self.wait_for(find, str(wanted))

    async def wait_through(self, position: int) -> None:
        """Wait until everything up to a position has come (an event with it, or a heartbeat past it)."""
        await self.wait_for(lambda: (self.last_id or 0) >= position or None, f"position {position}")

    async def wait_for(self, find: Any, what: str) -> Any:
        """Wait until `find` returns something, or the connection ends."""
        async with asyncio.timeout(DEADLINE_S):
            while (found := find()) is None:
                if self.close_code is not None:
                    raise AssertionError(f"closed with {self.close_code} while waiting for {what}")
                self._changed.clear()
                await self._changed.wait()
        return found

    async def wait_closed(self) -> int:
        """Wait for the end; its close code."""
        async with asyncio.timeout(DEADLINE_S):
            while self.close_code is None:
                self._changed.clear()
                await self._changed.wait()
        return self.close_code

    def cut(self) -> None:
        """Cut the TCP connection, wherever it is: in the midst of a frame, perhaps."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        """End this connection."""
        if self._socket is not None:
            with contextlib.suppress(Exception):
                await self._socket.close()
        if self._reader is not None:
            await asyncio.wait((self._reader,))
            self._reader = None

    async def gone(self) -> None:
        """Wait until a cut connection's reader has ended."""
        if self._reader is not None:
            await asyncio.wait((self._reader,))
            self._reader = None

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                frames = frame["data"]["frames"] if frame["type"] == "batch" else (frame,)
                for one in frames:
                    self._take(one)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.close_code = socket.close_code or 1006
            self._changed.set()
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ConnectionError("closed"))
                    future.exception()
            self._answers.clear()

    def _take(self, frame: dict[str, Any]) -> None:
        if "ref" in frame and frame["ref"] in self._answers:
            future = self._answers.pop(frame["ref"])
            if not future.done():
                future.set_result(frame)
            return
        if "id" in frame and "feed" in frame:
            if self.last_id is not None:
                assert frame["id"] > self.last_id, f"{frame} came after {self.last_id}"
            self.events.append(frame)
            self.last_id = frame["id"]
            return
        if frame["type"] in ("user_status", "typing"):
            kinds = {one["type"] for one in self.control}
            assert ("resumed" if self._is_resuming else "connected") in kinds, "signals are for who is live"
            self.signals.append(frame)
            return
        if frame["type"] == "heartbeat":
            self.last_id = max(self.last_id or 0, frame["id"])
        self.control.append(frame)


def check_stream(events: list[dict[str, Any]], user_id: str) -> None:
    """Rule 2: strictly rising ids; within a feed `seq` rises by one while it is followed, anew from each join."""
    last_id = 0
    last_seq: dict[str, int] = {}
    for frame in events:
        assert frame["id"] > last_id, frame
        last_id = frame["id"]
        feed, seq = frame["feed"], frame["seq"]
        joins = frame["type"] == "member_joined" and frame["data"]["user_id"] == user_id
        if feed in last_seq and not joins:
            assert seq == last_seq[feed] + 1, f"a hole in {feed}: {last_seq[feed]} -> {seq}"
        last_seq[feed] = seq
