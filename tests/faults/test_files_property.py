"""Files under random uploads, posts, deletions and collections on two nodes, one of which is killed: nothing needed is lost,
nothing else stays.
"""

import asyncio
import hashlib
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx

from sermo.collector import CannotCollect, Report
from sermo.node import Node
from tests.fixtures.server import Person, new_id, running_server
from tests.support.http import http_client
from tests.support.servers import ServerProcess
from tests.support.wait import await_until

NOW = timedelta(0)
CONTENTS = [bytes([number]) * size for number, size in enumerate((1, 5_000, 300_000, 7, 8, 9))]
"""So few that uploads, deletions and collections meet on the same one all the time."""
ROUNDS = 12
AGAIN = (httpx.TransportError, ConnectionError)


class Worker:
    """A member who uploads and posts, now and then deletes, and looks whether what stands is there."""

    def __init__(self, seed: int, person: Person, channel_id: str) -> None:
        self.rng = random.Random(seed)
        self.person = person
        self.channel_id = channel_id
        self.living: dict[str, tuple[str, bytes, int]] = {}
        """Of each message: its attachment, the content, and the position of the post."""
        self.collected_before_the_post = 0
        self.rounds = 0

    async def run(self) -> None:
        """Round by round."""
        for _ in range(ROUNDS):
            await self._upload_and_post()
            if self.living and self.rng.random() < 0.8:
                message_id = self.rng.choice(list(self.living))
                del self.living[message_id]
                answer = await self._until_answered(partial(self.person.delete, f"/messages/{message_id}"))
                assert answer.status_code == 200, answer.text
            if self.living:
                await self.look(self.rng.choice(list(self.living)))
            self.rounds += 1

    async def _upload_and_post(self) -> None:
        attachment_id, message_id = new_id(), new_id()
        content = self.rng.choice(CONTENTS)
        answer = await self._until_answered(
            lambda: self.person.upload(self.channel_id, content, attachment_id=attachment_id)
        )
        assert answer.status_code in (200, 201), answer.text
        if self.rng.random() < 0.2:
            return
        body = {"message_id": message_id, "content": "", "attachment_ids": [attachment_id]}
        answer = await self._until_answered(lambda: self.person.post(f"/channels/{self.channel_id}/messages", body))
        if answer.status_code == 404:
            self.collected_before_the_post += 1
            return
        assert answer.status_code in (200, 201), answer.text
        self.living[message_id] = (attachment_id, content, answer.json()["position"])

    async def look(self, message_id: str) -> None:
        """The attachment of a message that stands has its exact bytes."""
        attachment_id, content, position = self.living[message_id]
        answer = await self._until_answered(
            lambda: self.person.get(f"/attachments/{attachment_id}", min_position=position)
        )
        assert (answer.status_code, answer.content == content) == (200, True), answer.text[:200]

    async def _until_answered(self, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The same request, with the same ids, until somebody answers."""
        async with asyncio.timeout(60):
            while True:
                with suppress(*AGAIN):
                    answer = await ask()
                    if answer.status_code != 503 or answer.json()["detail"].startswith("The content"):
                        return answer
                await asyncio.sleep(0.02)  # between tries; what is waited for is the answer


async def _collect_all_the_time(node: Node, report: Report) -> None:
    while True:
        with suppress(CannotCollect):
            found = await node.collector.collect(NOW, untouched_s=0)
            report.collected += found.collected
            report.contents += found.contents
        await asyncio.sleep(0.01)


def _files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "attachments").rglob("*") if path.is_file() and path.name != "log"}


def _grow_old(folder: Path) -> None:
    """An hour passes for uploads that came to no end."""
    for path in (folder / "attachments" / "tmp").glob("*.upload"):
        os.utime(path, (0, 0))


async def test_every_file_of_a_message_that_stands_is_there_and_no_other(database: str, tmp_path: Path) -> None:
    """For members, with its exact bytes, whatever was collected meanwhile and whoever was killed; for nobody else."""
    killed = ServerProcess("--database-url", database, "--data-dir", str(tmp_path), log=tmp_path / "server.log")
    await killed.start()
    try:
        async with running_server(database, data_dir=tmp_path) as server:
            ann, eve = await server.register("ann"), await server.register("eve")
            channel_id = await ann.make_channel("secret", "private")
            workers = [Worker(seed, ann, channel_id) for seed in range(2)]
            async with http_client() as http:
                http.base_url = httpx.URL(killed.url)
                there = Person(http, ann.user_id, ann.username, ann.access_token, ann.refresh_token)
                workers += [Worker(seed, there, channel_id) for seed in range(2, 4)]
                report = Report()
                collecting = asyncio.create_task(_collect_all_the_time(server.node, report))
                async with asyncio.TaskGroup() as group:
                    for worker in workers:
                        group.create_task(worker.run())
                    await await_until(
                        lambda: sum(worker.rounds for worker in workers[2:]) >= 6, 60, what="work goes on"
                    )
                    await killed.kill()
                    http.base_url = httpx.URL(await killed.start())
                for worker in workers:
                    for message_id in worker.living:
                        await worker.look(message_id)
            collecting.cancel()
            await asyncio.wait((collecting,))
            needed = {hashlib.sha256(c).hexdigest() for worker in workers for _, c, _ in worker.living.values()}
            _grow_old(tmp_path)
            last = await server.node.collector.collect(NOW, untouched_s=0)
            assert report.collected + last.collected > 0, "something was deleted or left"
            assert _files(tmp_path) - {"server.log"} == needed
            for worker in workers:
                for attachment_id, _, _ in worker.living.values():
                    assert (await eve.get(f"/attachments/{attachment_id}")).status_code == 404
    finally:
        await killed.stop()
