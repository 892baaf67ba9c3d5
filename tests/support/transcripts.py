"""Transcripts of the socket (clients/conformance/README.md): reading them, their names, and running them on any driver."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.support.asyncapi import check_frame
from ws.frames import ANSWERS

FOLDER = Path(__file__).parents[2] / "clients" / "conformance"
PASSED_OVER = {"heartbeat", "waiting", "typing", "user_status"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Transcript:
    """One file."""

    name: str
    title: str
    runs: tuple[str, ...]
    given: Json
    steps: tuple[Json, ...]


def load(path: Path) -> Transcript:
    """Read a file."""
    head, *steps = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Transcript(path.stem, head["title"], tuple(head["runs"]), head["given"], tuple(steps))


def transcripts(where: str | None = None) -> list[Transcript]:
    """All that run there."""
    found = [load(path) for path in sorted((FOLDER / "transcripts").glob("*.jsonl"))]
    return [one for one in found if where is None or where in one.runs]


_NAME = re.compile(r"\$([a-z]\w*(?:\.[a-z]+)?)")
_KINDS: dict[str, Any] = {
    "<uuid>": lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", v),
    "<time>": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", v),
    "<integer>": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "<text>": lambda v: isinstance(v, str) and v,
    "<any>": lambda _: True,
}


def known_name(value: Any) -> str | None:
    """The name, where the value is a text that is nothing but one."""
    found = _NAME.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


class Names:
    """What the names of one run stand for."""

    def __init__(self, values: Json) -> None:
        self.values = dict(values)

    def fill(self, value: Any) -> Any:
        """The value with every name replaced. Raises `KeyError` for an unknown one."""
        match value:
            case str() if found := _NAME.fullmatch(value):
                return self.values[found[1]]
            case str():
                return _NAME.sub(lambda found: str(self.values[found[1]]), value)
            case dict():
                return {key: self.fill(part) for key, part in value.items()}
            case list():
                return [self.fill(part) for part in value]
        return value

    def differs(self, expected: Any, actual: Any, place: str = "") -> str | None:
        """Where `actual` is not like `expected`; None where it is, and then unknown names have got their values."""
        before = dict(self.values)
        found = self._differs(expected, actual, place)
        if found is not None:
            self.values = before
        return found

    def _differs(self, expected: Any, actual: Any, place: str) -> str | None:
        match expected:
            case dict() if isinstance(actual, dict):
                for key, part in expected.items():
                    if (part == "<absent>") is (key in actual):
                        return f"{place}.{key} is {'' if key in actual else 'not '}there"
                    found = self._differs(part, actual[key], f"{place}.{key}") if key in actual else None
                    if found is not None:
                        return found
                return None
            case list() if isinstance(actual, list) and len(expected) == len(actual):
                pairs = zip(expected, actual, strict=True)
                found_ones = (self._differs(e, a, f"{place}[{n}]") for n, (e, a) in enumerate(pairs))
                return next((found for found in found_ones if found is not None), None)
            case str() if expected in _KINDS:
                return None if _KINDS[expected](actual) else f"{place} is {actual!r}, not {expected}"
            case str() if (name := _NAME.fullmatch(expected)) and name[1] not in self.values:
                self.values[name[1]] = actual
                return None
            case str():
                expected = self.fill(expected)
        same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
        return None if same else f"{place} is {actual!r}, not {expected!r}"


class Closed(Exception):
    """The server has closed the connection."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Driver(Protocol):
    """What runs a transcript's steps. Connections go by their names."""

    async def open(self, on: str, authorization: str | None, ticket: str | None) -> None:
        """Open a connection."""
        ...

    async def send(self, on: str, message: str | bytes) -> None:
        """Send a text or a binary message."""
        ...

    async def receive(self, on: str) -> Json:
        """The next frame, perhaps a batch. Raises `Closed`."""
        ...

    async def close(self, on: str) -> None:
        """Close a connection."""
        ...

    async def tick(self, seconds: float) -> None:
        """Let time pass."""
        ...

    async def call(self, person: str, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        """A call of REST: status and answer."""
        ...


@dataclass
class _Connection:
    waiting: list[Json] = field(default_factory=list)
    """Of a batch that was opened."""
    last_id: int = 0
    sent: dict[Any, str] = field(default_factory=dict)
    """ref -> type of the frames sent."""


class Run:
    """One run of a transcript."""

    def __init__(self, transcript: Transcript, names: Names, driver: Driver) -> None:
        self._transcript = transcript
        self._names = names
        self._driver = driver
        self._connections: dict[str, _Connection] = {}

    async def run(self) -> None:
        """Every step. Fails with the line's number."""
        for number, step in enumerate(self._transcript.steps, 2):
            try:
                await self._step(step, step.get("on", "a"))
            except (AssertionError, Closed, TimeoutError, KeyError) as error:
                raise AssertionError(f"{self._transcript.name}.jsonl, line {number}: {error!r}\n{step}") from error

    async def _step(self, step: Json, on: str) -> None:
        match step:
            case {"open": how}:
                self._connections[on] = _Connection()
                how = self._names.fill(how)
                await self._driver.open(on, how.get("authorization"), how.get("ticket"))
            case {"send": frame}:
                for _ in range(step.get("times", 1)):
                    await self._send(on, self._names.fill(frame), step.get("fill", 0))
            case {"send_text": text}:
                await self._driver.send(on, text)
            case {"send_binary": text}:
                await self._driver.send(on, text.encode())
            case {"expect": frame}:
                for _ in range(step.get("times", 1)):
                    received = await self._next(on, [frame])
                    found = self._names.differs(frame, received, "frame")
                    assert found is None, f"{found}: {received}"
            case {"expect_all": frames}:
                await self._expect_all(on, frames)
            case {"expect_close": code}:
                closed = await self._end(on)
                assert code == closed, f"closed with {closed}"
            case {"close": True}:
                await self._driver.close(on)
            case {"tick": seconds}:
                await self._driver.tick(seconds)
            case {"call": call}:
                person, method, path, *body = self._names.fill(call)
                status, answer = await self._driver.call(person, method, path, body[0] if body else None)
                assert step["status"] == status, answer
                found = self._names.differs(step.get("answer", {}), answer, "answer")
                assert found is None, found
            case _:
                raise AssertionError("there is no such step")

    async def _send(self, on: str, frame: Json, fill: int) -> None:
        self._connections[on].sent[frame.get("ref")] = frame.get("type", "")
        await self._driver.send(on, json.dumps(frame).ljust(fill))

    async def _expect_all(self, on: str, frames: Sequence[Json]) -> None:
        left = list(frames)
        while left:
            received = await self._next(on, left)
            why = [self._names.differs(frame, received, "frame") for frame in left]
            assert None in why, f"like none of those expected ({why}): {received}"
            del left[why.index(None)]

    async def _end(self, on: str) -> int:
        try:
            frame = await self._next(on, [])
        except Closed as closed:
            return closed.code
        raise AssertionError(f"instead of a close: {frame}")

    async def _next(self, on: str, expected: Sequence[Json]) -> Json:
        """The next frame that is not passed over; checked as every frame is."""
        connection = self._connections[on]
        wanted = {frame["type"] for frame in expected}
        while True:
            if not connection.waiting:
                frame = await self._driver.receive(on)
                check_frame(frame)
                connection.waiting = frame["data"]["frames"] if frame["type"] == "batch" else [frame]
            frame = connection.waiting.pop(0)
            if "feed" in frame:
                assert frame["id"] > connection.last_id, f"after {connection.last_id}: {frame}"
                connection.last_id = frame["id"]
            if "ref" in frame:
                sent = connection.sent[frame["ref"]]
                assert frame["type"] in (*ANSWERS.get(sent, ()), "error"), f"no answer to {sent}: {frame}"
            if frame["type"] in wanted or frame["type"] not in PASSED_OVER:
                return frame
