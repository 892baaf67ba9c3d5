"""Where a client has got to: saved after it was handled, kept over restarts."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sermo_client import Cursor, FileCursors, MemoryCursors, NewMessage, SqliteCursors, State
from sermo_client.testing import FakeServer, Person

from tests.clients.python.conftest import MakeClient
from tests.support.wait import await_until


@pytest.mark.parametrize("kind", ["memory", "file", "sqlite"])
def test_a_store_gives_back_the_last_cursor_of_each_account(kind: str, tmp_path: Path) -> None:
    """Also to another object on the same file."""
    memory = MemoryCursors()

    def opened() -> Any:
        path = tmp_path / "below" / "cursors"
        path.parent.mkdir(exist_ok=True)
        return {"memory": lambda: memory, "file": lambda: FileCursors(path), "sqlite": lambda: SqliteCursors(path)}[
            kind
        ]()

    assert opened().load("amy") is None
    for position in (5, 7, 6):
        opened().save("amy", Cursor("e", position))
    opened().save("bob", Cursor("other", 2**53 - 1))
    assert (Cursor("e", 6), Cursor("other", 2**53 - 1)) == (opened().load("amy"), opened().load("bob"))


SAVER = """
import sys
from sermo_client import Cursor, FileCursors
store, position = FileCursors(sys.argv[1]), 0
while True:
    position += 1
    store.save("amy", Cursor("e" * 30, position))
"""


def test_a_file_is_whole_whenever_the_process_is_killed(tmp_path: Path) -> None:
    """It holds the last cursor, or the one before."""
    path = tmp_path / "cursors"
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)])
        deadline = time.monotonic() + 10
        before = FileCursors(path).load("amy")
        while FileCursors(path).load("amy") == before and time.monotonic() < deadline:
            os.sched_yield()
        process.kill()
        process.wait()
        cursor = FileCursors(path).load("amy")
        assert cursor is not None and cursor.epoch == "e" * 30


async def test_a_client_goes_on_after_what_was_handled(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient, tmp_path: Path
) -> None:
    """What came while it was away comes first, and nothing comes again."""
    seen: list[str] = []
    for texts in (["one", "two"], ["three", "four"], []):
        one = client(amy, cursors=FileCursors(tmp_path / "cursors"))

        @one.on(NewMessage)
        async def take(event: NewMessage) -> None:
            seen.append(event.data.content)

        await one.connect()
        expected = fake.messages(lounge) + texts[:1]
        for text in texts[:1]:
            fake.say(bob, lounge, text)
        await await_until(lambda expected=expected: expected == seen)
        await one.close()
        for text in texts[1:]:
            fake.say(bob, lounge, text)
    assert seen == ["one", "two", "three", "four"]


async def test_what_a_handler_did_not_manage_comes_again_after_a_restart(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """The cursor is saved after the handler has succeeded: at least once for it."""
    cursors = MemoryCursors()
    one = client(amy, cursors=cursors)

    @one.on(NewMessage)
    async def stumble(event: NewMessage) -> None:
        if event.data.content == "bad":
            raise ValueError("stumbled")

    await one.connect()
    for text in ("good", "bad", "more"):
        fake.say(bob, lounge, text)
    with pytest.raises(ValueError, match="stumbled"):
        await one.run()
    assert (one.state, one.reason.what if one.reason else None) == (State.CLOSED, "failed")
    await one.close()

    other = client(amy, cursors=cursors)
    seen: list[str] = []

    @other.on(NewMessage)
    async def take(event: NewMessage) -> None:
        seen.append(event.data.content)

    await other.connect()
    await await_until(lambda: len(seen) == 2)
    assert seen == ["bad", "more"]


class Slow(MemoryCursors):
    """A store whose first call takes its time."""

    calls = 0

    def save(self, account: str, cursor: Cursor) -> None:
        self.calls += 1
        time.sleep(0.2 if self.calls == 1 else 0.0)
        super().save(account, cursor)


async def test_a_client_that_closes_while_a_cursor_is_saved_saves_the_last_one_last(
    fake: FakeServer, amy: Person, bob: Person, lounge: UUID, client: MakeClient
) -> None:
    """The thread that saves cannot be cancelled, and is waited for."""
    cursors = Slow()
    one = client(amy, cursors=cursors)
    await one.connect()
    post = fake.say(bob, lounge, "hello")
    await one.wait_for(NewMessage, timeout_s=10)
    await one.close()
    await asyncio.get_running_loop().shutdown_default_executor()  # every thread has ended
    assert cursors.cursors["amy"].position == post.position
