"""Drives the state machine of `connection.py` over a real WebSocket: dials, waits, sends, and gives out what comes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from sermo_client import connection, control
from sermo_client.answers import Answers
from sermo_client.connection import Connection, Deliver, Dial, Effect, End, LoadSnapshot, Next, Reached, Send, State
from sermo_client.control import Control
from sermo_client.cursors import Cursor
from sermo_client.errors import Closed, ProtocolViolation, SermoError, ServerRefusal, Unauthenticated, Unreachable
from sermo_client.frames import Event
from sermo_client.models import Snapshot
from sermo_client.stream import Resynced, Stream
from sermo_client.tokens import Tokens

SUBPROTOCOL = Subprotocol("sermo.v1.json")
FRAME_MAX_BYTES = 16 * 2**20
PING_INTERVAL_S = 20.0


class Link:
    """The connection of one client, for as long as it runs."""

    def __init__(
        self,
        url: str,
        machine: Connection,
        stream: Stream,
        *,
        tokens: Tokens | None,
        ticket: str | None = None,
        token_in_header: bool = False,
        load_snapshot: Callable[[], Awaitable[Snapshot]],
        begins_with_snapshot: bool = False,
        on_state: Callable[[], None],
        connect_timeout_s: float = 5.0,
        answer_timeout_s: float = 30.0,
        trust_env: bool = True,
    ) -> None:
        self.machine = machine
        self.status: str | None = None
        """The presence that the application has set: each connection is told of it."""
        self._url = url.replace("http", "ws", 1).rstrip("/") + "/ws"
        self._stream = stream
        self._tokens = tokens
        self._ticket = ticket
        self._token_in_header = token_in_header
        self._load_snapshot = load_snapshot
        self._begins_with_snapshot = begins_with_snapshot
        self._on_state = on_state
        self._connect_timeout_s = connect_timeout_s
        self._trust_env = trust_env
        self._told: tuple[State, object] = (State.IDLE, None)
        self._token: str | None = None
        self._socket: ClientConnection | None = None
        self._answers = Answers(answer_timeout_s)
        self._ready = asyncio.Event()
        """Live or closed."""
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Connect and come back, until it is over; the machine says why."""
        plan: Next | None = self.machine.connect()
        self._ready.clear()
        while isinstance(plan, Dial):
            self._tell_state()
            await self._pause(plan.delay_s)
            plan = await self._once(plan) if self.machine.state is not State.CLOSED else None
        self._tell_state()

    def hurry(self) -> None:
        """Do not wait for the delay to pass: the network is back, say."""
        self._hurry.set()

    async def close(self) -> None:
        """End the connection in good order."""
        self.machine.close()
        self.hurry()
        if self._socket is not None:
            await self._socket.close(1000)
        self._tell_state()

    def abort(self) -> None:
        """The machine is closed: break the connection at once."""
        self.hurry()
        if self._socket is not None:
            self._socket.transport.abort()
        self._tell_state()

    # Frames of the application

    async def ask(
        self, kind: str, data: dict[str, Any], *, timeout_s: float | None, is_repeatable: bool = True
    ) -> Control:
        """Send a frame as soon as the connection is live, and wait for its answer; again on the next connection where there was
        none. Raises `ServerRefusal`, `Unreachable` (at the time-out, or what may not be repeated), `Closed`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self.wait_live()
                    try:
                        return await self._exchange(kind, data)
                    except Unreachable:
                        if not is_repeatable:
                            raise
                        await asyncio.sleep(0.01)  # until the reader has noticed too
        except TimeoutError as error:
            raise Unreachable(f"{kind}: no answer within {timeout_s:g} s") from error

    async def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Send a frame that has no answer; nothing where the connection is not live."""
        if self.machine.state is State.LIVE:
            await self._send(kind, data)

    async def renew(self, token: str) -> None:
        """Give the living connection another token."""
        self._token = token
        if self.machine.state is State.LIVE:
            await self._exchange("connect", self.machine.renewing(token).data)

    @property
    def _frame_max_bytes(self) -> int:
        session = self.machine.session
        return session.limits.frame_max_bytes if session is not None else control.Limits().frame_max_bytes

    async def wait_live(self) -> None:
        """Wait until the connection is live. Raises `Closed`."""
        while self.machine.state is not State.LIVE:
            if self.machine.state is State.CLOSED:
                raise Closed(self.machine.reason)
            await self._ready.wait()

    async def _exchange(self, kind: str, data: dict[str, Any]) -> Control:
        ref = self._answers.expect()
        self._stream.stirred.set()
        try:
            await self._send(kind, data, ref)
            return await self._answers.wait(ref)
        finally:
            self._answers.forget(ref)

    async def _send(self, kind: str, data: dict[str, Any], ref: str | None = None) -> None:
        frame: dict[str, Any] = {"type": kind}
        if ref is not None:
            frame["ref"] = ref
        if data:
            frame["data"] = data
        if self._socket is None:
            raise Unreachable("there is no connection")
        try:
            text = msgspec.json.encode(frame)
        except UnicodeEncodeError as error:
            raise ServerRefusal.of("invalid", f"{kind}: a text that is none: {error}") from error
        if len(text) > self._frame_max_bytes:  # the server would end the connection, and again whenever it is sent
            raise ServerRefusal.of("too_large", f"{kind}: a frame has at most {self._frame_max_bytes} bytes")
        try:
            await self._socket.send(text.decode())
        except ConnectionClosed as error:
            raise Unreachable(f"the connection has ended: {error}") from error

    # One connection

    async def _once(self, plan: Dial) -> Next:
        """From the token to the end; what comes after."""
        now = asyncio.get_running_loop().time
        try:
            token = await self._find_token(fresh=plan.fresh_token)
            if isinstance(token, End):
                return token
            if self._begins_with_snapshot and self.machine.cursor is None:
                await self._resync("start")
            return await self._talk(token)
        except Unauthenticated as error:
            return self.machine.token_refused(str(error))
        except ProtocolViolation as error:
            return self.machine.violated(str(error))
        except (SermoError, OSError, WebSocketException, TimeoutError) as error:
            return self.machine.ended(None, str(error) or type(error).__name__, now())
        finally:
            if self._socket is not None:
                self._socket.transport.abort()
                self._socket = None
            self._answers.lose()
            self._tell_state()

    async def _find_token(self, *, fresh: bool) -> str | End | None:
        if self._tokens is None:
            return None if self._ticket is not None else self._no_token()
        token = await self._tokens.current()
        if fresh and token == self._token:
            token = await self._tokens.instead_of(token) or ""
        self._token = token
        return token or self._no_token()

    def _no_token(self) -> End:
        reason = self.machine.reason
        return self.machine.token_refused("there is no other token", reason.code if reason is not None else None)

    async def _talk(self, token: str | None) -> Next:
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(self._connect_timeout_s) as limit:
            socket = self._socket = await self._dial(token)
            if self.machine.state is State.CLOSED:
                return self.machine.close()
            opened = self.machine.opened(None if self._token_in_header else token)
            await self._send(opened.kind, opened.data)
            try:
                while True:
                    text = await socket.recv()
                    for frame in control.decode(text):
                        await self._take(frame, now())
                    if self.machine.session is not None:
                        limit.reschedule(None)
                    await self._wait_for_room()
            except ConnectionClosed:
                return self.machine.ended(socket.close_code, socket.close_reason or "", now())
            except msgspec.DecodeError as error:
                raise ProtocolViolation(f"not a frame: {error}") from error

    async def _dial(self, token: str | None) -> ClientConnection:
        url, headers = self._url, {}
        if self._ticket is not None:
            url, self._ticket = f"{url}?ticket={self._ticket}", None
        elif self._token_in_header and token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await connect(
            url,
            additional_headers=headers,
            subprotocols=[SUBPROTOCOL],
            max_size=FRAME_MAX_BYTES,
            compression=None,
            open_timeout=None,
            close_timeout=5,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_INTERVAL_S,
            proxy=True if self._trust_env else None,
        )

    async def _take(self, frame: Event | Control, now: float) -> None:
        if isinstance(frame, control.Error) and self.machine.session is None:
            raise ProtocolViolation(f"`connect` was refused: {frame.data.code} {frame.data.message}")
        was_live = self.machine.state is State.LIVE
        for effect in self.machine.receive(frame, now):
            await self._perform(effect)
        if self.status is not None and self.machine.state is State.LIVE and not was_live:
            await self._send("status_update", {"status": self.status})
        self._tell_state()

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case Send(kind, data):
                await self._send(kind, data)
            case Deliver(frame):
                is_event = isinstance(frame, Event)
                self._stream.put(frame, self.machine.cursor if is_event else None)
            case Reached():
                self._stream.put(None, self.machine.cursor)
            case LoadSnapshot(reason):
                await self._perform(await self._resync(reason))
            case connection.Answer(ref, answer):
                self._answers.settle(ref, answer)

    async def _resync(self, reason: str) -> Send:
        self._tell_state()
        snapshot = await self._load_snapshot()
        cursor = Cursor(snapshot.epoch, snapshot.position)
        self._stream.put(Resynced(reason, snapshot), cursor)
        return self.machine.resynced(cursor)

    async def _wait_for_room(self) -> None:
        """Leave what comes to the kernel while the application is behind, unless it waits for an answer."""
        while self._stream.is_full and not self._answers:
            self._stream.stirred.clear()
            await self._stream.stirred.wait()

    async def _pause(self, delay_s: float) -> None:
        self._hurry.clear()
        if delay_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._hurry.wait()

    def _tell_state(self) -> None:
        machine = self.machine
        if machine.state in (State.LIVE, State.CLOSED):
            self._ready.set()
        else:
            self._ready.clear()
        if self._told != (machine.state, machine.reason):
            self._told = (machine.state, machine.reason)
            self._on_state()
