"""A search finds what its reader may read and PostgreSQL's own matching of each text says, and nothing else, ever."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import AsyncConnection

from domain.channel import ChannelCreated, ChannelDeleted
from domain.channel_state import ChannelKind
from domain.decider import Recorded
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.text import IMPORTED_CONTENT_MAX_CHARACTERS
from projections import found
from projections.found import After, Wanted
from projections.group import CORE, ensure_views
from projections.search import DAY_ZERO, DAYS, LAST_DAY, Search, search_group
from sermo import log
from tests.support import cast
from tests.support.builders import AT
from tests.support.history import History, store
from tests.support.spec import World
from tests.support.views import apply

SMALL = (("\x01w", 3), ("\x01x", 5), ("\x01y", 7))
"""Windows that a short history has many of."""
VIEW, GROUP = Search(windows=SMALL), search_group(windows=SMALL)

WORDS = ("naïve", "NULL", "quoted", "ça", "va", "b", "n", "channel", "example.org", "Pérson3")
TEXTS = (
    *WORDS,
    "naïve null",
    '"naïve ça"',
    "naïve or quoted",
    "-null",
    "quoted -null pérson1",
    "so",
    "",
    "'' & | ! <-> \\ :*",
    "🙂",
)


class Said(msgspec.Struct):
    """A message as a prefix of the log has it."""

    position: int
    channel_id: UUID
    author_id: UUID
    created_at: datetime
    content: str
    mentions: bool
    has_attachment: bool
    edited_at: datetime | None = None


class Naive:
    """What a prefix of the log says, read event by event."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        self.messages: dict[UUID, Said] = {}
        self.kinds: dict[UUID, ChannelKind] = {}
        self.members: set[tuple[UUID, UUID]] = set()
        for recorded in events:
            self._take(recorded)

    def _take(self, recorded: Recorded) -> None:
        match recorded.event:
            case ChannelCreated() as e:
                self.kinds[e.channel_id] = e.kind
            case ChannelDeleted() as e:
                del self.kinds[e.channel_id]
            case MemberJoined() as e:
                self.members.add((e.channel_id, e.user_id))
            case MemberLeft() | MemberRemoved() as e:
                self.members.remove((e.channel_id, e.user_id))
            case MessagePosted() as e:
                mentions = bool(e.mentions) or e.mentions_channel
                said = Said(
                    recorded.position, e.channel_id, e.author_id, e.created_at, e.content, mentions, bool(e.attachments)
                )
                self.messages[recorded.stream_id] = said
            case MessageEdited() as e:
                said = self.messages[recorded.stream_id]
                said.content, said.edited_at = e.content, e.at
                said.mentions = bool(e.mentions) or e.mentions_channel
            case MessageDeleted():
                del self.messages[recorded.stream_id]

    def may_read(self, user_id: UUID, said: Said) -> bool:
        """As docs/access.md has it."""
        kind = self.kinds.get(said.channel_id)
        return kind is ChannelKind.PUBLIC or (kind is not None and (said.channel_id, user_id) in self.members)


def _is_wanted(wanted: Wanted, said: Said) -> bool:
    traits = {"link": "https://" in said.content, "mention": said.mentions, "attachment": said.has_attachment}
    return (
        (wanted.channel_id is None or said.channel_id == wanted.channel_id)
        and (wanted.author_id is None or said.author_id == wanted.author_id)
        and (wanted.before is None or said.created_at < wanted.before)
        and (wanted.after is None or said.created_at > wanted.after)
        and all(traits[trait] for trait in wanted.has)
    )


async def _matching(connection: AsyncConnection[Any], contents: Sequence[str], text: str) -> set[str]:
    """Those of the contents that PostgreSQL's own matching finds, one by one."""
    cursor = await connection.execute(
        "select content from unnest(%s::text[]) as content"
        " where to_tsvector('english', content) @@ websearch_to_tsquery('english', %s)"
        " and numnode(websearch_to_tsquery('english', %s)) > 0",
        [list(contents), text, text],
    )
    return {row[0] for row in await cursor.fetchall()}


async def _everything(
    connection: AsyncConnection[Any], wanted: Wanted, user_id: UUID, *, limit: int = 7, by_rank: bool = False
) -> list[UUID] | None:
    """All pages."""
    ids: list[UUID] = []
    after: After | None = None
    while True:
        page = await found.find(connection, VIEW, wanted, user_id, by_rank=by_rank, after=after, limit=limit)
        if page is None:
            return None
        assert len(page.results) == limit or page.after is None
        ids += [result.message.message_id for result in page.results]
        after = page.after
        if after is None:
            return ids


def _wanted(rng: random.Random, history: History) -> Wanted:
    """Words, and now and then filters."""

    def perhaps(make: Callable[[], Any]) -> Any:
        return make() if rng.random() < 0.2 else None

    return Wanted(
        text=rng.choice(TEXTS),
        channel_id=perhaps(lambda: rng.choice(history.channels)),
        author_id=perhaps(lambda: rng.choice(history.users)),
        before=perhaps(lambda: AT + timedelta(seconds=rng.randrange(len(history.log)))),
        after=perhaps(lambda: AT + timedelta(seconds=rng.randrange(len(history.log)))),
        has=frozenset(trait for trait in ("link", "mention", "attachment") if rng.random() < 0.1),
    )


@pytest.mark.parametrize("seed", range(3))
async def test_results_equal_the_naive_search_of_what_the_person_may_read(database: str, seed: int) -> None:
    """By time and by rank, in any filter, page by page; with the views at any two positions of the log."""
    history = History(seed + 400).run(700)
    rng = random.Random(seed)
    at = {"core": 0, "search": 0}
    results = 0
    async with await log.connect(database) as connection:
        await store(connection, history.log)
        for group in (CORE, GROUP):
            await ensure_views(connection, group)
        for _ in range(12):
            for group in (CORE, GROUP):
                begun = at[group.name]
                at[group.name] = min(begun + rng.choice([0, 20, 90, 200]), len(history.log))
                if batch := history.log[begun : at[group.name]]:
                    await apply(connection, [batch], group)
            timeline, documents = Naive(history.log[: at["core"]]), Naive(history.log[: at["search"]])
            for _ in range(12):
                wanted, user_id = _wanted(rng, history), rng.choice(history.users)
                ids = await _everything(connection, wanted, user_id)
                if wanted.channel_id is not None and not _sees(timeline, user_id, wanted.channel_id):
                    assert ids is None
                    continue
                expected = await _expected(connection, timeline, documents, wanted, user_id)
                assert ids == expected, wanted
                ranked = await _everything(connection, wanted, user_id, by_rank=True)
                assert ranked is not None
                assert sorted(ranked) == sorted(expected), wanted
                results += len(expected)
    assert results > 60, "the words are found"


def _sees(naive: Naive, user_id: UUID, channel_id: UUID) -> bool:
    return naive.may_read(user_id, Said(0, channel_id, user_id, AT, "", False, False))


async def _expected(
    connection: AsyncConnection[Any], timeline: Naive, documents: Naive, wanted: Wanted, user_id: UUID
) -> list[UUID]:
    """What may be read at the timeline's position and has the same text at the search's; newest first."""
    same = {
        message_id: said
        for message_id, said in timeline.messages.items()
        if timeline.may_read(user_id, said)
        and documents.messages.get(message_id) == said
        and said.channel_id in documents.kinds
        and _is_wanted(wanted, said)
    }
    matching = await _matching(connection, [said.content for said in same.values()], wanted.text)
    ids = [message_id for message_id, said in same.items() if said.content in matching]
    return sorted(ids, key=lambda message_id: -same[message_id].position)


async def _town(connection: AsyncConnection[Any], world: World, at: int = 0) -> None:
    """Write what the world has beyond a position, and apply it to both groups."""
    await store(connection, world.log[at:])
    for group in (CORE, GROUP):
        await apply(connection, [world.log[at:]], group)


async def _find(connection: AsyncConnection[Any], text: str, person: UUID = cast.MEMBER, **more: Any) -> list[UUID]:
    found_ids = await _everything(connection, Wanted(text=text, **more), person)
    assert found_ids is not None
    return found_ids


async def test_edits_and_deletions_take_effect(database: str) -> None:
    """The old words are found no longer, the new ones are; what is deleted, alone or with its channel, is gone."""
    world = cast.town().given(cast.post(cast.OWNER, 1, "apples"), cast.post(cast.OWNER, 2, "apples and pears"))
    async with await log.connect(database) as connection:
        await _town(connection, world)
        assert await _find(connection, "apple") == [cast.m(2), cast.m(1)]
        at = len(world.log)
        world.given(cast.edit(cast.OWNER, 1, "oranges"), cast.delete(cast.OWNER, 2))
        await _town(connection, world, at)
        assert await _find(connection, "apple") == []
        assert await _find(connection, "orange") == [cast.m(1)]
        at = len(world.log)
        world.given(cast.delete_channel(cast.OWNER))
        await _town(connection, world, at)
        assert await _find(connection, "orange", cast.OWNER) == []
        cursor = await connection.execute("select count(*) from search_english_v2.documents")
        assert await cursor.fetchone() == (0,)


async def test_rank_pages_hold_each_result_once_while_the_log_grows(database: str) -> None:
    """What comes, or changes, after the first page shifts nothing; what stays as it is comes exactly once."""
    world = cast.town()
    for number in range(1, 41):
        world.given(cast.post(cast.OWNER, number, " ".join(["tea"] * (number % 5 + 1)) + f" with {number}"))
    wanted = Wanted(text="tea")
    async with await log.connect(database) as connection:
        await _town(connection, world)
        ids: list[UUID] = []
        after: After | None = None
        number = 100
        while after is not None or not ids:
            page = await found.find(connection, VIEW, wanted, cast.MEMBER, by_rank=True, after=after, limit=6)
            assert page is not None
            ids += [result.message.message_id for result in page.results]
            after = page.after
            at, number = len(world.log), number + 1
            gone = 41 - (number - 100) * 2
            world.given(
                cast.post(cast.OWNER, number, "tea tea tea tea tea tea"),
                cast.edit(cast.OWNER, gone - 1, "tea tea tea tea tea tea tea"),
                cast.delete(cast.OWNER, gone),
            )
            await _town(connection, world, at)
        changed = {cast.m(n) for n in range(41 - (number - 100) * 2 - 1, 41)}
        assert len(set(ids)) == len(ids)
        assert set(ids) - changed == {cast.m(n) for n in range(1, 41)} - changed


async def test_excerpt_marks_what_matched_and_holds_nothing_to_escape(database: str) -> None:
    """In parts, whatever characters the text has; those that would mark are taken out."""
    content = "a <b>quick</b> \x02fox\x03 & <script>alert(1)</script> two FOXES"
    world = cast.town().given(cast.post(cast.OWNER, 1, content))
    async with await log.connect(database) as connection:
        await _town(connection, world)
        page = await found.find(connection, VIEW, Wanted(text="fox"), cast.MEMBER)
    assert page is not None
    (result,) = page.results
    assert [part.text for part in result.excerpt if part.is_match] == ["fox", "FOXES"]
    assert not any(mark in part.text for part in result.excerpt for mark in "\x01\x02\x03")


async def test_no_text_and_no_query_makes_a_mark(database: str) -> None:
    """Who writes or asks for the marks' own letters meets none: they are no lexemes of a text."""
    marks = "\x01p \x01c000000000100 '\x01p' \x01w0 a\x01p"
    world = cast.town().given(cast.post(cast.OWNER, 1, "secret", cast.PRIVATE), cast.post(cast.OWNER, 2, marks))
    async with await log.connect(database) as connection:
        await _town(connection, world)
        for text in (marks, "\x01p", "'\x01p'", "\x01p or secret", "-\x01p secret"):
            assert cast.m(1) not in await _find(connection, text, cast.GUEST)
        cursor = await connection.execute("select strpos(to_tsvector('english', %s)::text, %s)", [marks, "\x01"])
        assert await cursor.fetchone() == (0,)


LONG = {
    "many short words": " ".join(f"{n:x}" for n in range(14_000)),
    "one word": "x" * 65_536,
    "words at the limit": " ".join([chr(97 + n) * 2_046 for n in range(26)]),
    "words beyond the limit": " ".join([chr(97 + n) * 2_048 for n in range(26)]),
    "addresses": " ".join(f"https://h{n}.example/p/{n}?q={n}" for n in range(1_700)),
    "compounds": "-".join(f"w{n}" for n in range(9_000)),
    "wide letters": "".join(chr(0x20000 + n % 0xA000) + (" " if n % 2 else "") for n in range(43_000)),
    "single letters": " ".join(chr(0x20000 + n) for n in range(32_768)),
    "paths": " ".join(f"/a{n}/b{n}" for n in range(4_500)),
    "blanks": " \n\t" * 20_000 + "x",
}


@pytest.mark.parametrize("kind", LONG)
async def test_content_of_any_length_and_oddity_is_applied(database: str, kind: str) -> None:
    """Nothing that can be imported is too much for a document, its excerpt, or the search that finds it."""
    content = LONG[kind][: IMPORTED_CONTENT_MAX_CHARACTERS - len("hello ")]
    assert len(content) > IMPORTED_CONTENT_MAX_CHARACTERS * 0.8
    world = cast.town().given(cast.post(cast.OWNER, 1, "hello"))
    last = world.log[-1]
    assert isinstance(last.event, MessagePosted)
    world.log[-1] = msgspec.structs.replace(last, event=msgspec.structs.replace(last.event, content=f"hello {content}"))
    async with await log.connect(database) as connection:
        await _town(connection, world)
        assert await _find(connection, "hello") == [cast.m(1)]


@pytest.mark.parametrize("seed", range(3))
def test_days_are_made_of_the_fewest_spans_that_hold_them_all(seed: int) -> None:
    """Each day of the range once, and no other."""
    rng = random.Random(seed)
    for _ in range(200):
        first, last = sorted(rng.choices([0, 1, 15, 16, 255, 256, 9_000, LAST_DAY, rng.randrange(LAST_DAY)], k=2))
        bits = dict(DAYS)
        days: list[int] = []
        marks = found.days(first, last)
        for mark in marks:
            size = 1 << bits[mark[:2]]
            days += range(int(mark[2:]) * size, (int(mark[2:]) + 1) * size)
        assert days == list(range(first, last + 1))
        assert len(marks) <= 2 * 30 + LAST_DAY // 256 + 1


async def test_moments_far_away_are_found_by_date_too(database: str) -> None:
    """Imports tell any time: before the first day that has a mark of its own, and after the last."""
    world = cast.town()
    moments = [DAY_ZERO - timedelta(days=9_000), AT, DAY_ZERO + timedelta(days=LAST_DAY + 5_000)]
    for number, at in enumerate(moments):
        world.given(msgspec.structs.replace(cast.post(cast.OWNER, number, "tick"), at=at))
    async with await log.connect(database) as connection:
        await _town(connection, world)
        for number, at in enumerate(moments):
            around = {"after": at - timedelta(seconds=1), "before": at + timedelta(seconds=1)}
            assert await _find(connection, "tick", **around) == [cast.m(number)]
            assert await _find(connection, "tick", before=at) == [cast.m(n) for n in reversed(range(number))]
            assert await _find(connection, "tick", after=at) == [cast.m(n) for n in range(2, number, -1)]
