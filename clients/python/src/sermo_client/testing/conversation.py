"""One connection to a fake server: what it says to each frame, and the events that it follows."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from sermo_client.errors import ServerRefusal
from sermo_client.ids import new_id
from sermo_client.testing.faults import Faults
from sermo_client.testing.wire import Socket, SocketClosed
from sermo_client.testing.world import Entry, Json, Person, World

LIMITS = {"frame_max_bytes": 65_536, "content_max_characters": 4_096, "commands_waiting_max": 100}


class Conversation:
    """Of one socket."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        socket: Socket,
        commands: list[tuple[str, Json]],
        changed: Callable[[], None],
    ) -> None:
        self.socket = socket
        self._world = world
        self._faults = faults
        self._commands = commands
        self._changed = changed
        self._person: Person | None = None
        self._position: int | None = None
        """Everything up to here was sent; None while nothing is followed."""
        self._news = asyncio.Event()
        self._sending = asyncio.Lock()

    @property
    def is_following(self) -> bool:
        """Whether events go to it."""
        return self._position is not None

    def wake(self) -> None:
        """Something is new."""
        self._news.set()

    async def run(self) -> None:
        """Until the connection ends."""
        following = asyncio.create_task(self._follow())
        try:
            while True:
                frame = msgspec.json.decode(await self.socket.receive())
                await self._take(frame["type"], frame.get("ref"), frame.get("data") or {})
        except SocketClosed:
            pass
        finally:
            following.cancel()
            await asyncio.wait([following])

    # Frames of the client

    async def _take(self, kind: str, ref: str | None, data: Json) -> None:
        self._commands.append((kind, data))
        if kind == "connect":
            return await self._connect(ref, data)
        refused = self._faults.refusal()
        if refused is not None:
            return await self._say("error", ref, {"code": refused.code, "retry_after_ms": refused.retry_after_ms})
        try:
            said = self._carry_out(kind, data)
        except ServerRefusal as refusal:
            said = ("error", {"code": refusal.code, "message": refusal.message, "field": refusal.field})
        if self._faults.take("lost_answers"):
            self.socket.reset()
        elif said is not None and not self._faults.take("swallowed"):
            await self._say(said[0], ref, said[1])
        self._changed()
        return None

    def _carry_out(self, kind: str, data: Json) -> tuple[str, Json] | None:
        world, me = self._world, self._me.user_id
        match kind:
            case "message":
                post, _ = world.post(me, data)
                answer = {"id": post.position, "seq": post.seq, "created_at": post.created_at}
                return "message_sent", {"message_id": data["message_id"], "channel_id": data["channel_id"], **answer}
            case "edit_message":
                return self._done(world.edit(me, UUID(data["message_id"]), data["content"]))
            case "delete_message":
                return self._done(world.delete(me, UUID(data["message_id"])))
            case "add_reaction" | "remove_reaction":
                is_there = kind == "add_reaction"
                return self._done(world.react(me, UUID(data["message_id"]), data["emoji"], is_there=is_there))
            case "mark_read" | "mark_unread" if "channel_id" in data:
                is_forward = kind == "mark_read"
                return self._done(world.mark(me, UUID(data["channel_id"]), data["seq"], is_forward=is_forward))
            case "join_channel":
                entry = world.join(me, UUID(data["channel_id"]))
                return "channel_joined", {**data, "role": "member", **self._place(entry)}
            case "leave_channel":
                return "channel_left", {**data, **self._place(world.leave(me, UUID(data["channel_id"])))}
            case "ping":
                return "pong", {}
            case "typing" | "status_update":
                return None
        raise ServerRefusal("unknown_type")

    def _done(self, entry: Entry | None) -> tuple[str, Json]:
        return "done", self._place(entry)

    def _place(self, entry: Entry | None) -> Json:
        frame = entry.frame if entry is not None else {"id": self._world.head, "seq": None}
        return {"id": frame["id"], "seq": frame["seq"]}

    async def _connect(self, ref: str | None, data: Json) -> None:
        world = self._world
        token = data.get("token") or self.socket.call.token
        person = next((one for one in world.people.values() if one.token == token), None)
        if person is None and (token is not None or self._person is None):
            return await self.socket.close(4002)
        self._person = person or self._person
        me = self._me.user_id
        async with self._sending:
            head = world.head
            said = {"user_id": me, "session_id": new_id(), "epoch": world.epoch, "head_id": head, "limits": LIMITS}
            await self._say("connected", ref, said)
            if "last_event_id" not in data:
                self._position = head if self._position is None else self._position
        self._news.set()
        if "last_event_id" not in data:
            return None
        since, max_backlog = data["last_event_id"], data.get("max_backlog")
        missed = [entry for entry in world.log[since:] if world.is_followed(entry, me)]
        reason = "epoch" if data["epoch"] != world.epoch else "ahead" if since > world.head else None
        if reason is None and max_backlog is not None and len(missed) > max_backlog:
            reason = "backlog"
        if reason is not None:
            return await self._say("resync_required", ref, {"reason": reason})
        async with self._sending:
            through = world.head
            for entry in missed:
                await self._send_event(entry)
            await self._say("resumed", ref, {"count": len(missed), "through": through})
            self._position = through
        self._news.set()
        return None

    @property
    def _me(self) -> Person:
        assert self._person is not None, "a first frame that is not `connect`"
        return self._person

    # Frames for the client

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            async with self._sending:
                while self._position is not None and self._position < self._world.head:
                    entry = self._world.log[self._position]
                    self._position += 1
                    if self._world.is_followed(entry, self._me.user_id):
                        await self._send_event(entry)

    async def _send_event(self, entry: Entry) -> None:
        if self._faults.take("holes"):
            return
        await self._send(entry.frame)
        if self._faults.is_doubled():
            await self._send(entry.frame)

    async def _say(self, kind: str, ref: str | None, data: Json) -> None:
        frame: dict[str, Any] = {"type": kind, "data": data}
        await self._send(frame if ref is None else {**frame, "ref": ref})

    async def _send(self, frame: Json) -> None:
        text = msgspec.json.encode(frame).decode()
        if self._faults.delay_s:
            await asyncio.sleep(self._faults.delay_s)
        if self._faults.breaks():
            self.socket.send_half(text)
            self.socket.reset()
            return
        await self.socket.send(text)
