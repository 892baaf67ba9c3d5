"""Fan-out: frames a second that 500 and 1,000 sockets receive, one event a frame, with messages of 300 bytes.

Measured: a real `sermo serve` on one core, and the sockets of 20 members of one channel in a process on the other core,
which parses frame headers and counts. A frame is the event as it is, some 415 bytes of envelope and the content. Counted is
what was received between two moments of the receiving process; a batch counts as no frame, and fails the run.

The server writes what a socket gets in one moment in one system call: the frames of events that were appended together. So
how many events come together decides how much a frame costs, and with 1,000 sockets two loads are measured:
  eight at a time   eight members keep one unacknowledged message each, so the server always has the next ones (500: this)
  one at a time     one member alone does: an event's frames are written before the next event exists, one write a frame;
                    the server's core waits while PostgreSQL commits

Baseline: a bare picows server on the same core, which sends frames of the same size to the same number of sockets, round
after round, with the same receivers on the other core. The receiving process asks for the rounds, two on their way, so that
the loop is closed: a server that is faster than its receivers does not fill memory. A round is one frame a socket, with
picows's own `send` (one system call a frame); or, for eight at a time, eight frames a socket in one write of ready bytes, which
is more than our server does when its eight do not come together.

Each ratio comes twice: of the frames a second, and of the frames in a second of CPU time that the server's process took. The
second leaves out who waited: for commits, for the receivers (of eight in a write they are the slower side), for a core.
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
    cpu_seconds,
    create_channels,
    create_database,
    join,
    postgres,
    raise_descriptors,
    ratios,
    register,
    run_loop,
    sermo_process,
)
from benchmarks.wire import WireClient, masked, open_client

NAME = "fanout"
FEW, MANY = 500, 1_000
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
    """Asks the bare server for rounds of so many frames a socket; the next when one has come."""

    bunch = 0

    def on_frame(self, data: bytes, at: int, size: int) -> None:
        if self.bunch:
            self.ask()

    def begin(self, bunch: int) -> None:
        """Go on with rounds of so many; two are on their way, so that the server need not wait for the next."""
        is_first, self.bunch = not self.bunch, bunch
        if is_first and bunch:
            self.ask()
            self.ask()

    def ask(self) -> None:
        """For a round."""
        self.write(masked(str(self.bunch).encode()))


class Count(msgspec.Struct, frozen=True):
    at: float
    frames: int
    batches: int
    size: int


async def _receive(url: str, count: str, tokens: list[str]) -> None:
    """The receiving process: opens its sockets, then answers each line with what it has received.

    Of the bare server it also asks for the rounds, so that the next ones come when it has looked at the last ones: a line
    has the number of frames a socket and round, 0 for none.
    """
    for number in range(int(count)):
        await open_client(url, Receiver, tokens[number % len(tokens)] if tokens else None)
    trigger = None
    if not tokens:
        trigger = await open_client(url, Trigger, None)
        trigger.first.set_result(b"")
    while line := await asyncio.to_thread(sys.stdin.readline):
        if trigger is not None and line.strip().isdecimal():
            trigger.begin(int(line))
        found = Count(time.monotonic(), Receiver.frames, Receiver.batches, Receiver.size)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()


async def _bare_server() -> None:
    """The baseline: what a client sends makes a round to all others, and ends with a frame to itself."""
    payload = _EVENT + b"x" * (FRAME_BYTES - len(_EVENT))
    wire = b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload
    sockets: list[WSTransport] = []

    class Listener(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            sockets.append(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            sockets.remove(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != WSMsgType.TEXT:
                return
            bunch = int(frame.get_payload_as_ascii_text())
            ready = wire * bunch
            for socket in sockets:
                if socket is transport:
                    continue
                if bunch == 1:
                    socket.send(WSMsgType.TEXT, payload)
                else:
                    socket.underlying_transport.write(ready)
            transport.send(WSMsgType.TEXT, b"done")

    def make(_request: WSUpgradeRequest) -> WSListener:
        return Listener()

    server = await ws_create_server(make, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


class Rate(msgspec.Struct, frozen=True):
    """Of a stretch."""

    frames_per_s: float
    frame_bytes: int
    busy: float
    """The part of the time in which the server's process had a core."""


class _Side:
    """One server with its receivers."""

    def __init__(self, receivers: Child, process_id: int) -> None:
        self._receivers = receivers
        self._process_id = process_id

    async def rate(self, seconds: float) -> Rate:
        """While the senders are at it."""
        await asyncio.sleep(1.0)
        before, spent = msgspec.convert(await self._receivers.ask("count"), Count), cpu_seconds(self._process_id)
        await asyncio.sleep(seconds)
        after, spent = msgspec.convert(await self._receivers.ask("count"), Count), cpu_seconds(self._process_id) - spent
        if after.batches:
            raise RuntimeError(f"{after.batches} frames were batches: the receivers fell behind")
        took = after.at - before.at
        return Rate((after.frames - before.frames) / took, after.size, spent / took)


async def _ours(senders: list[Sender], side: _Side, seconds: float) -> Rate:
    for sender in senders:
        sender.is_sending = True
        sender.send()
    try:
        return await side.rate(seconds)
    finally:
        for sender in senders:
            sender.is_sending = False
        await asyncio.sleep(1.0)


async def _bare(bunch: int, receivers: Child, side: _Side, seconds: float) -> Rate:
    await receivers.ask(str(bunch))
    try:
        return await side.rate(seconds)
    finally:
        await receivers.ask("0")
        await asyncio.sleep(1.0)


class _Loud(Sender):
    """A sender with the content of this benchmark."""

    def send(self) -> None:
        self.send_content(CONTENT)


async def _measure(dsn: str, plan: Plan, sockets: int) -> dict[str, list[Rate]]:
    found: dict[str, list[Rate]] = {}
    seconds = plan.size(3, 1)
    me = "benchmarks.fanout"
    async with sermo_process(dsn, core=0) as server, child("-m", me, "serve", core=0) as bare_server:
        url, bare_url = server.url, (await bare_server.line()).removeprefix("ready ")
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
            side, bare_side = _Side(receivers, server.process_id), _Side(bare_receivers, bare_server.process_id)
            senders = [await open_client(url, _Loud, person.token) for person in people[:SENDERS]]
            for sender in senders:
                sender.channel_id = channel_id
            for run in range(-1, plan.runs):
                took = seconds if run >= 0 else 1
                # What is compared is measured side by side: the machine's mood changes within seconds.
                rates = {}
                if sockets > FEW:
                    rates["bare, eight"] = await _bare(SENDERS, bare_receivers, bare_side, took)
                rates["ours"] = await _ours(list(senders), side, took)
                rates["bare"] = await _bare(1, bare_receivers, bare_side, took)
                if sockets > FEW:
                    rates["ours, one"] = await _ours(list(senders[:1]), side, took)
                if run < 0:
                    continue
                told = ", ".join(f"{name} {rate.frames_per_s:,.0f} ({rate.busy:.0%})" for name, rate in rates.items())
                plan.tell(f"run {run + 1}, {sockets} sockets, {rates['ours'].frame_bytes} bytes: {told}")
                for name, rate in rates.items():
                    found.setdefault(name, []).append(rate)
    return found


def _few(found: dict[str, list[Rate]]) -> list[Figure]:
    ours, bare = ([rate.frames_per_s for rate in found[name]] for name in ("ours", "bare"))
    return [
        Figure(name="Fan-out to 500 sockets", unit="frames/s", values=ours, target=50_000),
        Figure(name="Bare picows broadcast", unit="frames/s", values=bare, is_baseline=True),
        Figure(name="Fan-out / bare broadcast", unit="x", values=ratios(ours, bare)),
    ]


def _many(found: dict[str, list[Rate]]) -> list[Figure]:
    figures = []
    for what, ours, bare in (("one event at a time", "ours, one", "bare"), ("eight at a time", "ours", "bare, eight")):
        name, wanted = f"Fan-out to 1,000 sockets, {what}", 0.5 if bare == "bare" else None
        our_rates, bare_rates = found[ours], found[bare]
        rates = [[rate.frames_per_s for rate in rates] for rates in (our_rates, bare_rates)]
        costs = [[rate.frames_per_s / rate.busy for rate in rates] for rates in (our_rates, bare_rates)]
        figures += [
            Figure(name=name, unit="frames/s", values=rates[0]),
            Figure(name=f"Bare picows broadcast, {what}", unit="frames/s", values=rates[1], is_baseline=True),
            Figure(name=f"{name} / bare", unit="x", values=ratios(*rates), target=wanted),
            Figure(name=f"{name} / bare, in a second of CPU", unit="x", values=ratios(*costs)),
        ]
    return figures


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    raise_descriptors()
    with postgres() as server:
        few = run_loop(_measure(create_database(server, "few"), plan, plan.size(FEW, 50)))
        many = run_loop(_measure(create_database(server, "many"), plan, plan.size(MANY, FEW + 10)))
    return _few(few) + _many(many)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        run_loop(_bare_server())
    else:
        run_loop(_receive(sys.argv[2], sys.argv[3], sys.argv[4:]))
    os._exit(0)
