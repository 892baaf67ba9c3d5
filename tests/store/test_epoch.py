"""The epoch changes when positions may have lost their meaning, and only then."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from sermo import log
from sermo.epoch import current_epoch, new_epoch
from tests.support.builders import Chat
from tests.support.node import running_node
from tests.support.wait import await_until

GO_BACK = (b"set session_replication_role = replica", b"delete from stored_events where notification_id > 3")


@pytest.fixture
async def connection(database: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as nodes make it."""
    async with await log.connect(database) as opened:
        yield opened


async def test_the_epoch_is_made_once_and_stays(connection: AsyncConnection[Any]) -> None:
    """Every node, and the same node later, finds the same one."""
    first = await current_epoch(connection)
    assert first
    assert first == await current_epoch(connection)


@pytest.mark.parametrize("change", ["system_identifier = system_identifier + 1", "timeline = timeline + 1"])
async def test_another_history_is_another_epoch(connection: AsyncConnection[Any], change: str) -> None:
    """A restored dump (another system identifier) and a promoted standby (another timeline)."""
    first = await current_epoch(connection)
    await connection.execute(f"update log_epoch set {change}".encode())
    second = await current_epoch(connection)
    assert first != second
    assert second == await current_epoch(connection)


async def test_the_operators_word_keeps_the_epoch_over_a_fail_over(connection: AsyncConnection[Any]) -> None:
    """`lossless_failover`: the new history is noted, the epoch stays, also without the word from then on."""
    first = await current_epoch(connection)
    await connection.execute("update log_epoch set timeline = timeline + 1")
    assert first == await current_epoch(connection, lossless_failover=True)
    assert first == await current_epoch(connection)


async def test_a_slow_writer_holds_up_no_node_that_asks_for_the_epoch(
    database: str, connection: AsyncConnection[Any]
) -> None:
    """The append lock is needed to change the epoch, not to read it."""
    first = await current_epoch(connection)
    async with await log.connect(database) as slow, slow.transaction():
        await slow.execute("select sermo_lock_log()")
        await connection.execute("set lock_timeout = '200ms'")
        assert first == await current_epoch(connection)


async def test_nodes_that_see_the_log_go_back_agree_on_the_new_epoch(connection: AsyncConnection[Any]) -> None:
    """The second one finds that the old epoch was left already."""
    old = await current_epoch(connection)
    first = await new_epoch(connection, old)
    assert old != first == await new_epoch(connection, old) == await current_epoch(connection)


async def test_a_log_that_went_back_is_a_new_epoch_at_every_node(database: str) -> None:
    """Positions that nodes have handed on are gone: they start anew from the head, with empty caches."""
    async with running_node(database) as node, running_node(database) as other:
        chat = await Chat.begin(node.execute)
        await chat.post("warm")
        await other.wait_for(6)
        old, resets = node.tail.epoch, list[str]()
        node.tail.on_reset(lambda: resets.append("reset"))
        async with await log.connect(database) as connection:
            for statement in GO_BACK:
                await connection.execute(statement)
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        for each in (node, other):
            await await_until(lambda n=each: n.tail.epoch != old, what="a new epoch")
        assert (node.tail.epoch, resets) == (other.tail.epoch, ["reset"])
        assert (node.tail.position, node.tail.recent(3)) == (3, ())
        assert node.execute.cache.get(chat.owner_id) is None


async def test_a_reconnect_without_loss_keeps_the_epoch(database: str) -> None:
    """A killed connection is no reason to make every client load a snapshot."""
    async with running_node(database) as node:
        chat = await Chat.begin(node.execute)
        old = node.tail.epoch
        async with await log.connect(database) as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        await chat.post("on")
        await node.wait_for(6)
        assert (old, [1, 2, 3, 4, 5, 6]) == (node.tail.epoch, node.positions)
