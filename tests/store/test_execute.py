"""Promise R6 and idempotency: commands through executors of several nodes on one log."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from domain.channel import ArchiveChannel
from domain.channel_state import Role
from domain.decider import Command, Damaged, Outcome
from domain.errors import Forbidden, KeyReused, LastOwner, MessageIdTaken, NameTaken, NotAMember, Refusal, Unavailable
from domain.ids import membership_id
from domain.membership import JoinChannel, LeaveChannel, MemberRemoved, RemoveMember, SetMember
from domain.message import DeleteMessage, EditMessage, MessagePosted
from sermo import log
from tests.fixtures.proxy import running_proxy
from tests.support.builders import AT, Chat, key_id, new_id, register
from tests.support.node import Node, running_node
from tests.support.wait import await_until


@pytest.fixture
async def node(database: str) -> AsyncIterator[Node]:
    """Node A."""
    async with running_node(database) as running:
        yield running


@pytest.fixture
async def other(database: str, node: Node) -> AsyncIterator[Node]:
    """Node B."""
    async with running_node(database) as running:
        yield running


async def all_events(dsn: str) -> list[Any]:
    """The whole log."""
    async with await log.connect(dsn) as connection:
        return await log.read(connection, 0, 100_000)


async def test_parallel_sends_of_one_message_id_are_one_event_and_one_answer(node: Node, other: Node) -> None:
    """Twenty at once over two nodes: all are told the same position."""
    chat = await Chat.begin(node.execute)
    message_id = new_id()
    command = chat.message("once", message_id=message_id)
    outcomes = await asyncio.gather(*((node, other)[n % 2].execute(command) for n in range(20)))
    assert len({outcome.events for outcome in outcomes}) == 1
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert [e.stream_id for e in await all_events(node.dsn)].count(message_id) == 1


async def test_a_message_id_with_another_content_is_taken(node: Node, other: Node) -> None:
    """The second one is told so, on whichever node, and nothing is written."""
    chat = await Chat.begin(node.execute)
    message_id = await chat.post("mine")
    for each in (node, other):
        with pytest.raises(MessageIdTaken):
            await each.execute(chat.message("yours", message_id=message_id))
    assert len(await all_events(node.dsn)) == 6


async def test_a_repeated_command_id_gets_its_first_rows_and_with_another_hash_is_refused(
    node: Node, other: Node
) -> None:
    """`Idempotency-Key`: also where a repeat would by now have nothing to do, or would be refused."""
    chat = await Chat.begin(node.execute)
    first = await chat.rename("second", key="k")
    assert (len(first.events), first.repeated) == (3, False)
    for each in (node, other):
        chat.execute = each.execute
        again = await chat.rename("second", key="k")
        assert (again.position, again.events, again.repeated) == (first.position, first.events, True)
    leaving = await chat.add_member("leaving")
    await node.execute(command := LeaveChannel(channel_id=chat.channel_id, user_id=leaving, at=AT), command_id=new_id())
    with pytest.raises(NotAMember):
        await node.execute(command)
    posted = await node.execute(chat.message("x"), command_id=key_id("p"), command_hash=b"1")
    with pytest.raises(KeyReused):
        await other.execute(chat.message("y"), command_id=key_id("p"), command_hash=b"2")
    assert posted.position == len(await all_events(node.dsn))


async def test_a_post_that_committed_stays_acknowledged_after_its_author_was_removed(node: Node, other: Node) -> None:
    """ "Already done" is answered before any permission is asked."""
    chat = await Chat.begin(node.execute)
    author_id = await chat.add_member("author")
    message_id = new_id()
    command = chat.message("before", by=author_id, message_id=message_id)
    first = await node.execute(command)
    await node.execute(RemoveMember(channel_id=chat.channel_id, user_id=author_id, by=chat.owner_id, at=AT))
    for each in (node, other):
        again = await each.execute(command)
        assert (again.events, again.repeated) == (first.events, True)
        with pytest.raises(NotAMember):
            await each.execute(chat.message("after", by=author_id))


async def test_a_join_on_one_node_and_a_post_at_once_on_another_is_never_refused(node: Node, other: Node) -> None:
    """A refusal from the cache is decided again from the database: B had cached that each was not a member."""
    chat = await Chat.begin(node.execute)
    for number in range(40):
        user_id = await register(node.execute, f"guest{number}")
        with pytest.raises(NotAMember):
            await other.execute(chat.message("too early", by=user_id))
        await node.execute(JoinChannel(channel_id=chat.channel_id, user_id=user_id, at=AT))
        await chat.post("hello", by=user_id, execute=other.execute)


async def test_no_post_stands_after_its_authors_removal(node: Node, other: Node) -> None:
    """Posts on one node race with the removal on another, forty times."""
    chat = await Chat.begin(node.execute)
    for number in range(40):
        user_id = await chat.add_member(f"guest{number}")
        await chat.post("warm", by=user_id, execute=other.execute)

        async def post_until_refused(user_id: UUID = user_id) -> int:
            for count in range(1_000):
                try:
                    await chat.post("still here", by=user_id, execute=other.execute)
                except NotAMember:
                    return count
            raise AssertionError("never refused")

        posting = asyncio.create_task(post_until_refused())
        await asyncio.sleep(0)
        await node.execute(RemoveMember(channel_id=chat.channel_id, user_id=user_id, by=chat.owner_id, at=AT))
        await posting
    removed_at: dict[UUID, int] = {}
    posts = 0
    for recorded in await all_events(node.dsn):
        if isinstance(recorded.event, MemberRemoved):
            removed_at[recorded.event.user_id] = recorded.position
        elif isinstance(recorded.event, MessagePosted):
            posts += 1
            assert recorded.event.author_id not in removed_at
    assert (len(removed_at), posts >= 40) == (40, True)


async def test_a_race_for_a_name_has_one_winner(node: Node, other: Node) -> None:
    """Two channels cannot take one name, even at once on two nodes; the loser is told that it is taken."""
    chats = [await Chat.begin(node.execute, f"channel-{n}") for n in range(4)]
    for n, chat in enumerate(chats):
        chat.execute = (node, other)[n % 2].execute
    answers = await asyncio.gather(*(chat.rename("The Name") for chat in chats), return_exceptions=True)
    assert ([type(answer) for answer in answers].count(NameTaken), len(answers)) == (3, 4)
    assert [type(answer) for answer in answers].count(Outcome) == 1


async def add_owner(chat: Chat, username: str) -> UUID:
    """One more owner."""
    user_id = await register(chat.execute, username)
    add = SetMember(channel_id=chat.channel_id, user_id=user_id, role=Role.OWNER, by=chat.owner_id, at=AT)
    await chat.execute(add)
    return user_id


async def test_an_owner_who_was_just_demoted_is_no_witness_and_the_next_one_is(database: str, other: Node) -> None:
    """The view still names those whom another node has demoted, before and after the one who is an owner still."""
    owners: list[UUID] = []

    async def find_witnesses(_command: Command, _deadline: float) -> Sequence[UUID]:
        return owners

    async with running_node(database, find_witnesses=find_witnesses) as node:
        chat = await Chat.begin(node.execute)
        owners[:] = [chat.owner_id, *[await add_owner(chat, f"owner{number}") for number in range(4)]]
        for demoted in (owners[1], owners[2], owners[4]):
            demote = SetMember(
                channel_id=chat.channel_id,
                user_id=demoted,
                role=Role.MEMBER,
                by=chat.owner_id,
                at=AT,
                witness_id=chat.owner_id,
            )
            await other.execute(demote)
        leave = LeaveChannel(channel_id=chat.channel_id, user_id=chat.owner_id, at=AT)
        assert isinstance(await node.execute(leave), Outcome)
        with pytest.raises(LastOwner):
            await node.execute(LeaveChannel(channel_id=chat.channel_id, user_id=owners[3], at=AT))


async def test_looking_for_a_witness_does_not_begin_the_deadline_anew(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who was found when the time was over is not relied on any more."""
    second: UUID | None = None

    async def find_witnesses(_command: Command, deadline: float) -> Sequence[UUID]:
        await await_until(lambda: time.monotonic() >= deadline)
        assert second is not None
        return [second]

    async with running_node(database, find_witnesses=find_witnesses) as node:
        chat = await Chat.begin(node.execute)
        second = await add_owner(chat, "second")
        monkeypatch.setattr("sermo.execute.COMMAND_DEADLINE_S", 1.0)
        with pytest.raises(Unavailable):
            await node.execute(LeaveChannel(channel_id=chat.channel_id, user_id=chat.owner_id, at=AT))


async def test_time_that_ran_out_without_a_conflict_is_no_conflict(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client sends `unavailable` again as it is; after a `conflict` it would look what had changed."""
    chat = await Chat.begin(node.execute)
    monkeypatch.setattr("sermo.execute.COMMAND_DEADLINE_S", 0.0)
    with pytest.raises(Unavailable):
        await chat.post("too late")


async def test_a_channel_keeps_an_owner_whoever_leaves_at_once(database: str) -> None:
    """Two owners leave at the same moment on two nodes, each with the other as its witness: one stays."""
    owners: list[UUID] = []

    async def find_witnesses(_command: Command, _deadline: float) -> Sequence[UUID]:
        return owners

    async with (
        running_node(database, find_witnesses=find_witnesses) as node,
        running_node(database, find_witnesses=find_witnesses) as other,
    ):
        for number in range(10):
            chat = await Chat.begin(node.execute, f"c{number}")
            second = await add_owner(chat, f"second{number}")
            owners[:] = [chat.owner_id, second]
            answers = await asyncio.gather(
                node.execute(LeaveChannel(channel_id=chat.channel_id, user_id=chat.owner_id, at=AT)),
                other.execute(LeaveChannel(channel_id=chat.channel_id, user_id=second, at=AT)),
                return_exceptions=True,
            )
            assert {type(answer) for answer in answers} == {Outcome, LastOwner}


async def test_an_archived_channel_takes_no_post_that_raced_with_it(node: Node, other: Node) -> None:
    """After `archived` the channel's feed has no post until it is opened again."""
    chat = await Chat.begin(node.execute)
    for _ in range(15):
        archive = ArchiveChannel(channel_id=chat.channel_id, by=chat.owner_id, at=AT, archived=True)
        sends = [chat.post("racing", execute=other.execute) for _ in range(5)]
        answers = await asyncio.gather(*sends, node.execute(archive), return_exceptions=True)
        archived = answers.pop()
        assert isinstance(archived, Outcome)
        stored = {recorded.stream_id: recorded.position for recorded in await all_events(node.dsn)}
        for answer in answers:
            assert isinstance(answer, UUID | Refusal)
            assert isinstance(answer, Refusal) or stored[answer] < archived.position
        opened = ArchiveChannel(channel_id=chat.channel_id, by=chat.owner_id, at=AT, archived=False)
        await node.execute(opened)


async def test_a_command_with_nothing_to_do_is_answered_from_the_database(node: Node, other: Node) -> None:
    """ "It is so already" is verified too: B's cache says that the message stands, though A has deleted it."""
    chat = await Chat.begin(node.execute)
    message_id = await chat.post("same")
    edit = EditMessage(message_id=message_id, content="same", by=chat.owner_id, at=AT)
    outcome = await other.execute(edit)
    assert (outcome.events, outcome.position) == ((), 6)
    await node.execute(DeleteMessage(message_id=message_id, by=chat.owner_id, at=AT))
    with pytest.raises(Refusal) as refused:
        await other.execute(edit)
    assert refused.value.code == "not_found"


async def test_the_retry_after_a_cut_between_commit_and_answer_returns_the_first_result(database: str) -> None:
    """The request goes through, the answer is dropped, the wire is cut: the caller never notices, and there is one event."""
    async with running_proxy(database) as proxy, running_node(proxy.dsn) as node:
        chat = await Chat.begin(node.execute)
        await chat.post("warm: what the next decision needs is in the cache")
        message_id = new_id()
        proxy.swallow_answers()
        sending = asyncio.create_task(node.execute(chat.message("once", message_id=message_id)))
        await await_until(lambda: _is_stored(database, message_id), what="the post is committed")
        assert not sending.done()
        proxy.cut()
        proxy.resume()
        outcome = await sending
        assert (outcome.repeated, outcome.position) == (True, 7)
        events = await all_events(database)
        assert [e.stream_id for e in events].count(message_id) == 1
        await node.wait_for(7)
        assert node.positions == [1, 2, 3, 4, 5, 6, 7]


async def _is_stored(dsn: str, stream_id: UUID) -> bool:
    async with await log.connect(dsn) as connection:
        return bool((await log.read_streams(connection, [stream_id]))[1])


async def test_a_command_is_unavailable_at_its_deadline_where_the_database_hangs(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a cached nor an uncached command waits for ever, and both go through when the wire is back."""
    monkeypatch.setattr("sermo.execute.COMMAND_DEADLINE_S", 0.5)
    monkeypatch.setattr("sermo.appender.ANSWER_TIMEOUT_S", 0.7)
    monkeypatch.setattr("sermo.tail.ANSWER_TIMEOUT_S", 0.7)
    async with running_proxy(database) as proxy, running_node(proxy.dsn) as node:
        chat = await Chat.begin(node.execute)
        proxy.hang()
        message_id = new_id()
        async with asyncio.timeout(4):
            with pytest.raises(Unavailable):
                await node.execute(chat.message("cached", message_id=message_id))
            with pytest.raises(Unavailable):
                await node.execute(JoinChannel(channel_id=chat.channel_id, user_id=new_id(), at=AT))
        proxy.resume()
        monkeypatch.setattr("sermo.execute.COMMAND_DEADLINE_S", 5.0)
        outcome = await node.execute(chat.message("cached", message_id=message_id))
        await node.wait_for(outcome.position)
        assert [e.stream_id for e in await all_events(database)].count(message_id) == 1


async def test_a_caller_that_goes_away_cancels_nothing(node: Node) -> None:
    """The post of a cancelled caller is in the log."""
    chat = await Chat.begin(node.execute)
    message_id = new_id()
    await chat.post("warm")
    sending = asyncio.create_task(node.execute(chat.message("gone", message_id=message_id)))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await node.wait_for(7)
    assert await _is_stored(node.dsn, message_id)


async def test_the_cache_follows_the_log(node: Node, other: Node) -> None:
    """What one node does is in the other's cache when its tail has passed it, without a read."""
    chat = await Chat.begin(node.execute)
    await chat.post("warm", execute=other.execute)
    outcome = await chat.rename("renamed")
    await other.wait_for(outcome.position)
    cached = other.execute.cache.get(chat.channel_id)
    assert cached is not None
    assert (cached[1], getattr(cached[0], "name", None)) == (2, "renamed")
    membership = other.execute.cache.get(membership_id(chat.channel_id, chat.owner_id))
    assert membership is not None
    with pytest.raises(Forbidden):
        await other.execute(
            EditMessage(message_id=await chat.post("mine"), content="x", by=await chat.add_member("m"), at=AT)
        )


async def test_a_damaged_event_refuses_what_depends_on_it_and_harms_nothing_else(node: Node) -> None:
    """A tail that reads it goes on, a command on its stream is `unavailable`, and other messages are posted and edited."""
    chat = await Chat.begin(node.execute)
    broken, whole = await chat.post("broken"), await chat.post("whole")
    async with await log.connect(node.dsn) as connection, connection.transaction():
        await connection.execute("alter table stored_events disable trigger user")
        await connection.execute("update stored_events set state = 'x' where originator_id = %s", [broken])
        await connection.execute("alter table stored_events enable trigger user")
    async with running_node(node.dsn) as later:
        with pytest.raises(Unavailable, match="damaged"):
            await later.execute(EditMessage(message_id=broken, content="mended", by=chat.owner_id, at=AT))
        await later.execute(EditMessage(message_id=whole, content="edited", by=chat.owner_id, at=AT))
        outcome = await later.execute(chat.message("next"))
        assert await later.tail.wait_beyond(outcome.position - 1, 5)
    damaged = [e for e in await all_events(node.dsn) if isinstance(e.event, Damaged)]
    assert [e.stream_id for e in damaged] == [broken]
