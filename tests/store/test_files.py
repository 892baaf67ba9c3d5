"""Contents in files: whole from the moment when they have their name, and never lost between an upload and a collection."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from domain.errors import Unavailable
from projections.group import CORE
from sermo import uploads
from sermo.collector import COLLECT_LOCK, CannotCollect, Collector, Report
from sermo.files import Files
from sermo.node import Node
from sermo.uploads import Received, lock_key
from tests.fixtures.server import Person, Server, running_server
from tests.support.wait import await_until

NOW = timedelta(0)
CONTENT = b"some bytes of a file"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def _made(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.urandom(4).hex()}.upload"
    path.write_bytes(content)
    return path


async def _all(files: Files, untouched_s: float = 0.0) -> list[str]:
    return [sha256 async for some in files.list(untouched_s) for sha256 in some]


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


async def test_a_content_is_put_once_read_listed_and_deleted(tmp_path: Path) -> None:
    """Putting it again changes nothing but that it counts as put now; parts are read; a deletion tells the bytes."""
    files = Files(tmp_path / "deep" / "folder")
    assert await _all(files) == []
    for _ in range(2):
        await files.put(_made(files.temporary), SHA256)
    path = files.path(SHA256)
    assert path == tmp_path / "deep" / "folder" / SHA256[:2] / SHA256[2:4] / SHA256
    assert await files.read(SHA256, 5, 10) == CONTENT[5:10]
    assert await _all(files) == [SHA256]
    assert await _all(files, 60.0) == [], "it was put just now"
    os.utime(path, (0, 0))
    assert await _all(files, 60.0) == [SHA256]
    await files.put(_made(files.temporary), SHA256)
    assert await _all(files, 60.0) == []
    assert await files.delete(SHA256, 60.0, _yes) is None, "put a moment ago"
    assert await files.delete(SHA256, 0.0, _yes) == len(CONTENT)
    assert await files.delete(SHA256, 0.0, _yes) is None
    with pytest.raises(FileNotFoundError):
        await files.read(SHA256, 0, 1)
    assert await _all(files) == []


async def test_a_deletion_that_is_not_certain_or_dies_leaves_the_content(tmp_path: Path) -> None:
    """It was out of reach for a moment, and is back at once, or at the next listing."""
    files = Files(tmp_path)
    await files.put(_made(files.temporary), SHA256)
    assert await files.delete(SHA256, 0.0, _no) is None
    assert await files.read(SHA256, 0, 99) == CONTENT

    async def die() -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await files.delete(SHA256, 0.0, die)
    assert await files.read(SHA256, 0, 99) == CONTENT
    files._move_away(SHA256, 0.0, files.temporary / f"{SHA256}.gone")  # and then it is killed
    assert await _all(files) == [SHA256]
    assert await files.read(SHA256, 0, 99) == CONTENT


async def test_an_upload_mends_a_content_that_lost_bytes(tmp_path: Path) -> None:
    """Whoever has the file is told of it by doctor; whoever uploads it again brings it back."""
    files = Files(tmp_path)
    await files.put(_made(files.temporary), SHA256)
    files.path(SHA256).write_bytes(b"some")
    assert not files.is_whole(SHA256)
    await files.put(_made(files.temporary), SHA256)
    assert files.is_whole(SHA256)


async def test_a_folder_is_of_one_log(tmp_path: Path) -> None:
    """The first that claims it, of several at once."""
    files = Files(tmp_path / "files")
    claims = await asyncio.gather(*(files.claim(UUID(int=number)) for number in range(8)))
    assert sum(claims) == 1
    assert [await files.claim(UUID(int=number)) for number in range(8)] == claims


def _contents(node: Node) -> list[Path]:
    """All files of a node's folder but the mark of its log."""
    return [path for path in node.files.folder.rglob("*") if path.is_file() and path.name != "log"]


async def test_a_collection_removes_what_nobody_needs_and_nothing_else(server: Server, ann: Person) -> None:
    """Files without a message, of deleted messages and channels; a content that another attachment shares stays."""
    channel_id, doomed_id = await ann.make_channel(), await ann.make_channel("doomed")
    kept, deleted, lost = [await ann.file(channel_id, content) for content in (b"kept", b"deleted", b"lost")]
    shared = await ann.file(channel_id, b"kept")
    doomed = await ann.file(doomed_id, b"doomed")
    await ann.say(channel_id, "keep", attachment_ids=[kept])
    message = await ann.say(channel_id, "delete", attachment_ids=[deleted, shared])
    await ann.say(doomed_id, "doomed", attachment_ids=[doomed])
    assert len(_contents(server.node)) == 4
    assert await server.node.collector.collect() == Report()
    await ann.delete(f"/messages/{message['message_id']}")
    await ann.delete(f"/channels/{doomed_id}")
    report = await server.node.collector.collect(untouched_s=0)
    assert report == Report(collected=3, contents=2, size=len(b"deleteddoomed"))
    assert (await ann.get(f"/attachments/{lost}")).content == b"lost", "it waits for a message yet"
    report = await server.node.collector.collect(NOW, untouched_s=0)
    assert report == Report(collected=1, contents=1, size=len(b"lost"))
    assert [path.read_bytes() for path in _contents(server.node)] == [b"kept"]
    assert (await ann.get(f"/attachments/{kept}")).content == b"kept"
    assert (await ann.get(f"/attachments/{lost}")).status_code == 404
    answer = await ann.post(
        f"/channels/{channel_id}/messages",
        {"message_id": message["message_id"], "content": "x", "attachment_ids": [lost]},
    )
    assert answer.status_code in (404, 409)
    assert await server.node.collector.collect(NOW, untouched_s=0) == Report()


async def test_what_was_put_a_moment_ago_and_uploads_under_way_stay(server: Server, ann: Person) -> None:
    """An upload that was not answered may still be appended; one that is dead for an hour is removed."""
    node = server.node
    await ann.make_channel()
    await node.files.put(_made(node.files.temporary), SHA256)
    under_way, dead = _made(node.files.temporary), _made(node.files.temporary)
    os.utime(dead, (0, 0))
    for path in node.files.temporary.iterdir():
        if path not in (under_way, dead):
            path.unlink()
    assert await node.collector.collect(NOW) == Report(uploads=1)
    assert {path.name for path in _contents(node)} == {SHA256, under_way.name}
    assert (await node.collector.collect(NOW, untouched_s=0)).contents == 1


async def test_a_collection_waits_for_nobody_and_leaves_what_is_being_put(
    server: Server, ann: Person, database: str
) -> None:
    """Two at once: one says so. A content whose lock an upload holds is needed."""
    node = server.node
    await ann.make_channel()
    await node.files.put(_made(node.files.temporary), SHA256)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        await other.execute("select pg_advisory_lock_shared(%s, %s)", lock_key(SHA256))
        assert (await node.collector.collect(NOW, untouched_s=0)).contents == 0
        await other.execute("select pg_advisory_lock(%s)", [COLLECT_LOCK])
        with pytest.raises(CannotCollect, match="another collection"):
            await node.collector.collect(NOW, untouched_s=0)
    await await_until(lambda: node.views.position > 0)
    assert await _eventually(lambda: node.collector.collect(NOW, untouched_s=0)) == 1


async def _eventually(collect: Callable[[], Awaitable[Report]]) -> int:
    """The server lets go of the locks of a connection a moment after it is closed."""
    while True:
        try:
            if contents := (await collect()).contents:
                return contents
        except CannotCollect:
            await asyncio.sleep(0.01)


async def test_nothing_is_deleted_where_the_views_lack_something_or_the_files_are_anothers(
    server: Server, ann: Person, database: str
) -> None:
    """What is not in the views might be needed; what is not in the log might be another's."""
    node = server.node
    await ann.make_channel()
    await node.files.put(_made(node.files.temporary), SHA256)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"insert into {CORE.parked} (position, error) values (1, 'poison')")
        await await_until(lambda: node.views.parked == 1, 30, what="the node knows of it")
        with pytest.raises(CannotCollect, match="views"):
            await node.collector.collect(NOW, untouched_s=0)
        connection.execute(f"delete from {CORE.parked}")
        await await_until(lambda: node.views.parked == 0, 30, what="the node knows of that too")
    assert await node.files.claim(UUID(int=7))
    with pytest.raises(CannotCollect, match="another log"):
        await node.collector.collect(NOW, untouched_s=0)
    answer = await ann.upload(await ann.make_channel("other"), b"x")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert node.files.path(SHA256).exists()


class _Body:
    """What an upload's stream yields."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


@asynccontextmanager
async def _received(node: Node) -> AsyncIterator[Received]:
    async with node.uploads.receiving(UUID(int=1), _Body().__aiter__()) as received:
        yield received


async def test_a_collection_between_a_file_and_its_event_leaves_the_file(server: Server, ann: Person) -> None:
    """The lock is held from before the file is put until after the append."""
    await ann.make_channel()
    node = server.node
    async with _received(node) as received, received.kept():
        assert node.files.path(SHA256).exists()
        assert (await node.collector.collect(NOW, untouched_s=0)).contents == 0
    assert (await node.collector.collect(NOW, untouched_s=0)).contents == 1


async def test_an_upload_whose_lock_was_lost_puts_its_file_again(server: Server, ann: Person, database: str) -> None:
    """PostgreSQL ended the session amid it, and a collection has taken the file away: it is there when the upload is told."""
    await ann.make_channel()
    node = server.node
    async with _received(node) as received:
        async with received.kept():
            await _end_sessions_with_content_locks(database)
            assert (await node.collector.collect(NOW, untouched_s=0)).contents == 1
            assert not node.files.path(SHA256).exists()
        assert node.files.path(SHA256).read_bytes() == CONTENT
    assert [path.name for path in _contents(node)] == [SHA256]


async def _end_sessions_with_content_locks(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        ending = "select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and classid = %s"
        cursor = await other.execute(ending, [uploads.CONTENT_LOCKS])
        assert await cursor.fetchall() == [(True,)]


class _LosingTheLock(Files):
    """PostgreSQL ends the collection's session when a content has just been moved away."""

    database = ""

    def _move_away(self, sha256: str, untouched_s: float, gone: Path) -> int:
        size = super()._move_away(sha256, untouched_s, gone)
        asyncio.run(_end_sessions_with_content_locks(self.database))
        return size


async def test_a_deletion_whose_lock_was_lost_brings_the_file_back(server: Server, ann: Person, database: str) -> None:
    """An upload may have come in between: the next collection decides anew."""
    await ann.make_channel()
    node = server.node
    await node.files.put(_made(node.files.temporary), SHA256)
    files = _LosingTheLock(node.files.folder)
    files.database = database
    collector = Collector(node.connect, node.pool, node.views, node.execute, files)
    assert await collector.collect(NOW, untouched_s=0) == Report()
    assert node.files.path(SHA256).read_bytes() == CONTENT
    assert await _eventually(lambda: node.collector.collect(NOW, untouched_s=0)) == 1


async def test_an_upload_without_a_database_is_unavailable_and_leaves_nothing(database: str) -> None:
    """Neither told that it is there, nor half a file."""
    async with running_server(database) as server:
        ann = await server.register("ann")
        await ann.make_channel()
        node = server.node

        async def refuse() -> Any:
            raise psycopg.OperationalError("it is away")

        node.uploads.connect = refuse
        async with _received(node) as received:
            with pytest.raises(Unavailable):
                async with received.kept():
                    raise AssertionError("nothing is kept")
        assert _contents(node) == []
        assert node.uploads.under_way == 0
