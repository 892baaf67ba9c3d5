"""Presence: what a herd costs the node, in the time of its event loop.

Measured: 2,000 people in 20 channels of 100 who all connect at once, then are all cut and resume within the grace. One
`ws.signals.Signals` with the limits of production, in this process, without sockets: a connection takes a frame as an
outbox does, by keeping its bytes. The time is that of all calls; the longest tick is how long other work waits for it
at most. A second node hears what this one says. There is no baseline.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from benchmarks.support import Figure, Plan, new_id
from domain.decider import Recorded
from ws.limits import Limits
from ws.signals import Signals
from ws.wire import Encoded

NAME = "presence"
PEOPLE = 2_000
CHANNELS = 20


class _Connection:
    channel_id = None
    takes_signals = True

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.waiting: list[bytes] = []

    def signal(self, signals: Sequence[Encoded]) -> None:
        self.waiting += [signal.wire for signal in signals]


class _Views:
    """The log and the views, as far as signals read them."""

    position = 0
    epoch = "e"

    def __init__(self, channels: dict[UUID, UUID]) -> None:
        self._channels = channels

    def recent(self, _after: int) -> Sequence[Recorded]:
        return ()

    async def channels_of(self, user_ids: Sequence[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
        return [(user_id, self._channels[user_id]) for user_id in user_ids], 0


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.spent_s = 0.0
        self.longest_s = 0.0

    def measure(self, call: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        result = call(*arguments)
        took_s = time.perf_counter() - began
        self.spent_s += took_s
        self.longest_s = max(self.longest_s, took_s)
        return result


def _herd(people: int) -> dict[str, float]:
    rooms = [new_id() for _ in range(CHANNELS)]
    channels = {new_id(): rooms[number % CHANNELS] for number in range(people)}
    views, clock, limits = _Views(channels), _Clock(), Limits()
    signals, other = (
        Signals(new_id(), log=views, reader=views, limits=limits, clock=lambda: clock.now)  # type: ignore[arg-type]
        for _ in range(2)
    )
    found: dict[str, float] = {}

    def settle() -> None:
        """Tick until everybody has everything."""
        quiet = 0
        while quiet < 3:
            asyncio.run(signals.read_channels())  # a task of its own; its query is not ours to measure here
            clock.now += limits.signal_interval_s
            clock.measure(signals.tick)
            batch = clock.measure(signals.say)
            if batch is not None:
                other.hear(batch)
            quiet = quiet + 1 if batch is None and not signals.owing and not signals.waiting else 0

    connections = [_Connection(user_id) for user_id in channels]
    for connection in connections:
        clock.measure(signals.arrive, connection)
    settle()
    found["come"], found["come_took"] = clock.spent_s, clock.now
    found["frames"] = sum(len(connection.waiting) for connection in connections)
    assert found["frames"] == people * (people / CHANNELS - 1), "each has those who share the channel, once"
    # Cut, and back at once.
    clock.spent_s = 0.0
    began = clock.now
    for connection in connections:
        clock.measure(signals.depart, connection)
    connections = [_Connection(user_id) for user_id in channels]
    for connection in connections:
        clock.measure(signals.arrive, connection)
    settle()
    found["resume"], found["resume_took"], found["longest"] = clock.spent_s, clock.now - began, clock.longest_s
    assert clock.now - began < limits.presence_grace_s
    assert sum(len(connection.waiting) for connection in connections) == found["frames"]
    # Ten quiet minutes.
    while signals.say() is not None:
        clock.now += limits.signal_interval_s
    notifications = 0
    for _ in range(600):
        clock.now += 1.0
        signals.tick()
        while signals.say() is not None:
            notifications += 1
    found["notifications"] = notifications / 600
    return found


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    people = plan.size(PEOPLE, 200)
    _herd(people)
    runs = [_herd(people) for _ in range(plan.runs)]
    for number, found in enumerate(runs):
        plan.tell(f"run {number + 1}: {1e3 * found['come']:.0f} ms to come, {1e3 * found['resume']:.0f} ms to resume")

    def figure(name: str, unit: str, key: str, factor: float = 1.0) -> Figure:
        return Figure(name=name, unit=unit, values=[factor * found[key] for found in runs])

    return [
        figure(f"Presence of {people:,} who come at once, processor time", "ms", "come", 1e3),
        figure("... until each was told of all", "s", "come_took"),
        figure(f"Presence of {people:,} cut and resumed, processor time", "ms", "resume", 1e3),
        figure("Longest tick of these", "ms", "longest", 1e3),
        figure("NOTIFYs while nothing changes", "/minute", "notifications", 60.0),
    ]
