"""Fan-out: frames a second that 500 sockets receive, one event a frame, with messages of 300 bytes.

Measured: a real `sermo serve` on one core, and 500 sockets of 20 members of one channel in a process on the other core,
which parses frame headers and counts. Eight members keep one unacknowledged message of 300 bytes each, so the server always
has the next one. A frame is the event as it is, some 415 bytes of envelope and the content. Counted is what was received
between two moments of the receiving process; a batch counts as no frame, and fails the run.

Baseline: a bare picows server on the same core, which sends a frame of the same size to each of the same number of sockets,
round after round, with the same receivers on the other core; a socket acknowledges each round so that the loop is closed.
"""

import asyncio
import os
import sys
import time

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.sends import Sender
from benchmarks.support import (
    Child,
    Figure,
    Plan,
    child,
    create_channels,
    join,
    postgres,
    ratios,
    register,
    run_loop,
    sermo_serve,
)
from benchmarks.wire import WireClient, masked, open_client

NAME = "fanout"
SOCKETS = 500
PEOPLE = 20
SENDERS = 8
CONTENT = "x" * 300
FRAME_BYTES = 715
_EVENT = b'{"type":"new_message"'
_BATCH = b'{"type":"batch"'


class Receiver(WireClient):
    """Counts."""

    frames = 0
    batches = 0
    size = 0

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if data.startswith(_EVENT, at):
            Receiver.frames += 1
            Receiver.size = size
        elif data.startswith(_BATCH, at):
            Receiver.batches += 1


class Trigger(WireClient):
    """Asks the bare server for rounds; the next when one has come."""

    is_running = False

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if self.is_running:
            self.write(masked(b"go"))


class Count(msgspec.Struct, frozen=True):
    at: float
    frames: int
    batches: int
    size: int


async def _receive(url: str, count: str, tokens: list[str]) -> None:
    """The receiving process: opens its sockets, then answers each line with what it has received."""
    for number in range(int(count)):
        await open_client(url, Receiver, tokens[number % len(tokens)] if tokens else None)
    while await asyncio.to_thread(sys.stdin.readline):
        found = Count(time.monotonic(), Receiver.frames, Receiver.batches, Receiver.size)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()


async def _bare_server() -> None:
    """The baseline: what a client sends makes a round to all others, and ends with a frame to itself."""
    payload = _EVENT + b"x" * (FRAME_BYTES - len(_EVENT))
    sockets: list[WSTransport] = []

    class Listener(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            sockets.append(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            sockets.remove(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.TEXT:
                for socket in sockets:
                    if socket is not transport:
                        socket.send(WSMsgType.TEXT, payload)
                transport.send(WSMsgType.TEXT, b"done")

    def make(_request: WSUpgradeRequest) -> WSListener:
        return Listener()

    server = await ws_create_server(make, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def _rate(receivers: Child, seconds: float) -> tuple[float, Count]:
    """Frames a second while the senders are at it."""
    await asyncio.sleep(1.0)
    before = msgspec.convert(await receivers.ask("count"), Count)
    await asyncio.sleep(seconds)
    after = msgspec.convert(await receivers.ask("count"), Count)
    if after.batches:
        raise RuntimeError(f"{after.batches} frames were batches: the receivers fell behind")
    return (after.frames - before.frames) / (after.at - before.at), after


async def _ours(senders: list[Sender], receivers: Child, seconds: float) -> tuple[float, Count]:
    for sender in senders:
        sender.is_sending = True
        sender.send()
    try:
        return await _rate(receivers, seconds)
    finally:
        for sender in senders:
            sender.is_sending = False
        await asyncio.sleep(1.0)


async def _bare(trigger: Trigger, receivers: Child, seconds: float) -> float:
    trigger.is_running = True
    trigger.write(masked(b"go"))
    try:
        return (await _rate(receivers, seconds))[0]
    finally:
        trigger.is_running = False
        await asyncio.sleep(1.0)


class _Loud(Sender):
    """A sender with the content of this benchmark."""

    def send(self) -> None:
        self.send_content(CONTENT)


async def _measure(dsn: str, plan: Plan) -> list[Figure]:
    ours: list[float] = []
    bare: list[float] = []
    seconds, sockets = plan.size(5, 1), plan.size(SOCKETS, 50)
    me = "benchmarks.fanout"
    async with sermo_serve(dsn, core=0) as url, child("-m", me, "serve", core=0) as bare_server:
        bare_url = (await bare_server.line()).removeprefix("ready ")
        people = await register(url, PEOPLE)
        (channel_id,) = await create_channels(url, people[:1])
        await join(url, people[1:], channel_id)
        tokens = [person.token for person in people]
        async with (
            child("-m", me, "receive", url, str(sockets), *tokens, core=1) as receivers,
            child("-m", me, "receive", bare_url, str(sockets), core=1) as bare_receivers,
        ):
            await receivers.ask("count")
            await bare_receivers.ask("count")
            senders: list[Sender] = []
            for person in people[:SENDERS]:
                sender = await open_client(url, _Loud, person.token)
                assert isinstance(sender, Sender)
                sender.channel_id = channel_id
                senders.append(sender)
            trigger = await open_client(bare_url, Trigger, None)
            assert isinstance(trigger, Trigger)
            await _ours(senders, receivers, 1)
            await _bare(trigger, bare_receivers, 1)
            for run in range(plan.runs):
                rate, count = await _ours(senders, receivers, seconds)
                ours.append(rate)
                bare.append(await _bare(trigger, bare_receivers, seconds))
                plan.tell(f"run {run + 1}: {rate:,.0f} frames/s of {count.size} bytes, bare {bare[-1]:,.0f}")
    return [
        Figure(name="Fan-out to 500 sockets", unit="frames/s", values=ours, target=50_000),
        Figure(name="Bare picows broadcast", unit="frames/s", values=bare, is_baseline=True),
        Figure(name="Fan-out / bare broadcast", unit="x", values=ratios(ours, bare)),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    with postgres() as dsn:
        result: list[Figure] = run_loop(_measure(dsn, plan))
        return result


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        run_loop(_bare_server())
    else:
        run_loop(_receive(sys.argv[2], sys.argv[3], sys.argv[4:]))
    os._exit(0)
