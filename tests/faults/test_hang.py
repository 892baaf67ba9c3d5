"""A database that hangs, which is worse than one that is gone: nobody hears of it. Whoever asks is told so in time."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.support.people import Person, register
from tests.support.servers import ServerProcess
from tests.support.wait import await_until
from tests.support.wsclient import Client, new_id
from ws.codes import CloseCode

DEADLINE_S = 5.0
"""Of a command and of a read."""
TICK_S = 1.0
"""How often a socket looks for what is over."""
SLACK_S = 4.0
"""For a machine that is busy with other things."""


def _postgres(data_dir: Path) -> list[int]:
    """The postmaster, then all its children. To be stopped in this order, so that it makes no new ones."""
    postmaster = int((data_dir / "pg" / "data" / "postmaster.pid").read_text().split("\n")[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


@asynccontextmanager
async def _stopped(data_dir: Path) -> AsyncIterator[None]:
    """PostgreSQL answers nothing for the time of the block, and keeps all connections open."""
    stopped = [_postgres(data_dir)[0]]
    os.kill(stopped[0], signal.SIGSTOP)
    try:
        for pid in _postgres(data_dir)[1:]:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


Answers = dict[str, tuple[Any, float]]
"""By what was asked: the answer, and the seconds since all of it was asked."""


async def _all(asked: dict[str, Awaitable[Any]]) -> Answers:
    started = time.monotonic()

    async def timed(answer: Awaitable[Any]) -> tuple[Any, float]:
        return await answer, time.monotonic() - started

    answers = await asyncio.gather(*map(timed, asked.values()))
    return dict(zip(asked, answers, strict=True))


class Asked:
    """Everything that is asked of the server while its database hangs, and afterwards."""

    def __init__(self, ann: Person, ben: Person, channel: str, message_id: str) -> None:
        self.ann, self.ben, self.channel, self.message_id = ann, ben, channel, message_id
        # Each command has a socket of its own, so that none waits for another; the last two have many in a row.
        self.sockets = {kind: ann.client() for kind in ("message", "edit", "mark", "thread", "row", "look-ups")}
        self.sockets |= {kind: ben.client() for kind in ("join", "resume")}

    async def warm(self) -> None:
        """Let the pool have all its connections, so that readers wait for answers and not for one of these."""
        answers = await asyncio.gather(*(self.ann.call("GET", "/v1/me/channels") for _ in range(12)))
        assert all(answer.is_success for answer in answers)

    def commands(self, other_channel: str, unknown: list[str]) -> dict[str, Awaitable[Any]]:
        """Over the sockets."""
        of, channel = self.sockets, self.channel
        row = [of["row"].post(channel, f"row {number}") for number in range(20)]
        row += [of["row"].ask("mark_read", channel_id=channel, seq=1)]
        look_ups = [of["look-ups"].ask("edit_message", message_id=each, content="x") for each in unknown]
        look_ups += [of["look-ups"].post(channel, "behind them")]
        return {
            "message": of["message"].post(channel, "hello"),
            "edit": of["edit"].ask("edit_message", message_id=self.message_id, content=f"edited {new_id()}"),
            "mark": of["mark"].ask("mark_read", channel_id=channel, seq=3),
            "thread": of["thread"].ask("mark_read", parent_id=self.message_id, seq=3),
            "join": of["join"].ask("join_channel", channel_id=other_channel),
            **{f"row {number}": answer for number, answer in enumerate(row)},
            **{f"look-up {number}": answer for number, answer in enumerate(look_ups)},
        }

    def requests(self) -> dict[str, Awaitable[httpx.Response]]:
        """Over REST: whether it is ready, reads, writes that read, and one that only writes."""
        call, channel = self.ann.call, f"/v1/channels/{self.channel}"
        return {
            "ready": call("GET", "/health/ready"),
            "page": call("GET", f"{channel}/messages"),
            "mine": call("GET", "/v1/me/channels"),
            "events": call("GET", "/v1/events", params={"after": 0, "epoch": self.sockets["join"].epoch}),
            "read": call("PUT", f"{channel}/read", json={"seq": 3}),
            "ticket": call("POST", "/v1/ws-ticket"),
            "post": call("POST", f"{channel}/messages", json={"message_id": str(new_id()), "content": "x"}),
        }

    async def is_ready(self) -> bool:
        """Whether the server says so."""
        return (await self.ann.call("GET", "/health/ready")).status_code == 200


async def _sent_away(client: Client) -> int:
    """Try to resume; the close code."""
    await client.open()
    return await client.wait_closed()


def _check_requests(answers: Answers) -> None:
    response, ready_s = answers.pop("ready")
    assert (response.status_code, response.json()["database"]) == (503, False)
    for name, (response, seconds) in answers.items():
        assert (response.status_code, response.json()["code"]) == (503, "unavailable"), f"{name}: {response.text}"
        assert ready_s + 0.5 < seconds < DEADLINE_S + SLACK_S, name


def _check_commands(answers: Answers) -> None:
    frame, seconds = answers.pop("resume")
    assert (frame, seconds < DEADLINE_S + SLACK_S) == (CloseCode.OVERLOADED, True)
    for name, (frame, seconds) in answers.items():
        assert frame["type"] == ("channel_join_error" if name == "join" else "error")
        assert frame["data"]["code"] == "unavailable", f"{name}: {frame}"
        assert seconds < DEADLINE_S + TICK_S + SLACK_S, name


async def test_everybody_is_answered_in_time_while_postgres_hangs_and_all_works_afterwards(tmp_path: Path) -> None:
    """`kill -STOP` of PostgreSQL: what was asked is `unavailable` at its deadline, also what waits behind others."""
    data_dir = tmp_path / "data"
    process = ServerProcess("--data-dir", str(data_dir), log=tmp_path / "server.log")
    await process.start()
    try:
        ann, ben = await register(process.url, "ann"), await register(process.url, "ben")
        channel, others = await ann.make_channel(), [await ann.make_channel() for _ in range(2)]
        sent = await ann.call(
            "POST", f"/v1/channels/{channel}/messages", json={"message_id": str(new_id()), "content": "before"}
        )
        asked = Asked(ann, ben, channel, sent.json()["message_id"])
        for client in asked.sockets.values():
            await client.open()
        resuming = asked.sockets["resume"]
        resuming.cut()
        await resuming.gone()

        await asked.warm()
        async with _stopped(data_dir):
            answers = await _all(asked.requests())
        _check_requests(answers)

        await await_until(asked.is_ready, timeout_s=30, what="the server is ready again")
        await asked.warm()
        unknown = [str(new_id()) for _ in range(4)]
        async with _stopped(data_dir):
            answers = await _all(asked.commands(others[0], unknown) | {"resume": _sent_away(resuming)})
        _check_commands(answers)

        await await_until(asked.is_ready, timeout_s=30, what="the server is ready again")
        for name, (frame, _) in (await _all(asked.commands(others[1], []))).items():
            assert frame["type"] in ("message_sent", "done", "channel_joined"), f"{name}: {frame}"
        for name, (response, _) in (await _all(asked.requests())).items():
            assert response.is_success, f"{name}: {response.text}"
        await resuming.open()
        await resuming.wait_control("resumed")
        for client in asked.sockets.values():
            await client.close()
    finally:
        await process.stop()
