"""The plans of the queries on tables that are large enough to matter: by index, with the planner as it comes."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain import catalog
from domain.message import MessageDeleted, MessagePosted
from projections import (
    attachments,
    blocks,
    channels,
    followed_threads,
    found,
    history,
    invitations,
    memberships,
    people,
    reactions,
    reports,
    threads,
    timeline,
    unread_counts,
)
from projections.followed_threads import ThreadsAfter
from projections.group import CORE, ensure_views
from projections.reports import ReportsAfter
from projections.search import WINDOWS, Search, marks, search_group
from sermo import log

CHANNELS = 200
MESSAGES = 120_000
PEOPLE = 2_000


def _id(kind: str, number: str) -> str:
    """An id in SQL, from a number in SQL."""
    return f"md5('{kind}' || ({number})::text)::uuid"


_POSTED = catalog.encode(
    MessagePosted(
        channel_id=UUID(int=1), author_id=UUID(int=2), content="hello", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
)[1].decode()
_DELETED = catalog.encode(MessageDeleted(channel_id=UUID(int=1), by=UUID(int=2), at=datetime(2026, 1, 1, tzinfo=UTC)))[
    1
].decode()
_AUTHOR = _id("p", f"1 + (n * 17 + n / 500) % {PEOPLE}")
_ROOT = _id("m", f"1 + n % {CHANNELS} + {CHANNELS} * (n * 31 % 37)")
_FILL = f"""
    insert into people_v2.people
        select {_id("p", "n")}, 'p' || n, 'p' || n, 'P' || n, 'p' || n, '', false, now(), null
        from generate_series(1, 40 * {PEOPLE}) as n;
    insert into blocks_v1.blocks
        select {_id("p", "n % 100")}, {_id("p", "n")}, now() from generate_series(1, {MESSAGES // 3}) as n;
    update people_v2.people set is_admin = true where user_id = {_id("p", "1")};
    insert into reports_v1.reports
        select {_id("r", "n")}, n, {_id("m", "n")}, {_id("c", f"1 + n % {CHANNELS}")}, {_id("p", "2")}, 'rude', now(),
            {_id("p", "1")}, '', case when n % 20 > 0 then now() end
        from generate_series(1, {MESSAGES // 3}) as n;
    insert into channels_v2.channels
        select {_id("c", "n")}, case n % 3 when 0 then 'private' else 'public' end, 'c' || n, 'c' || n, '',
            {_id("p", "1")}, now(), null, null, {PEOPLE // 4}
        from generate_series(1, {CHANNELS}) as n;
    insert into memberships_v2.memberships
        select {_id("c", "c")}, {_id("p", "p")}, p + 100 * c, p, now(), case when p % 9 = 0 then p + 100 * c + 5 end, 'member'
        from generate_series(1, {CHANNELS}) as c, generate_series(1, {PEOPLE}) as p where (p + c) % 4 = 0;
    insert into invitations_v1.invitations
        select {_id("i", "n")}, {_id("c", f"1 + n % {CHANNELS}")}, 'code', {_id("p", "3")}, now(),
            now() + interval '1 year', 5, 1, null
        from generate_series(1, {MESSAGES // 3}) as n;
    insert into unread_v3.markers
        select m.user_id, m.channel_id, 100, 0, 1, 0, 'all' from memberships_v2.memberships m;
    insert into timeline_v2.messages
        select {_id("m", "n")}, {_id("c", f"1 + n % {CHANNELS}")}, n, n, {_AUTHOR}, 'hello', now(), null,
            case when n % 50 = 0 then now() end, case when n % 4 = 0 then {_ROOT} end,
            n % 8 = 0, '', n % 100 = 1, '', 0, null, case when n % 400 = 7 then n end
        from generate_series(1, {MESSAGES}) as n;
    insert into reactions_v1.reactions
        select {_id("m", "n % 3000")}, 'e' || n % 7, {_id("p", f"1 + (n * 13 + n / 3000) % {PEOPLE}")}, n, now()
        from generate_series(1, {MESSAGES}) as n on conflict do nothing;
    insert into reactions_v1.totals select message_id, emoji, count(*) from reactions_v1.reactions group by 1, 2;
    insert into threads_v2.follows (root_id, user_id, channel_id, from_seq)
        select distinct on (m.parent_id, m.author_id) m.parent_id, m.author_id, m.channel_id, m.seq - 1
        from timeline_v2.messages m where m.parent_id is not null;
    insert into threads_v2.threads
        select m.parent_id, max(m.seq), max(m.position) from timeline_v2.messages m where m.parent_id is not null group by 1;
    insert into unread_v3.mentions
        select m.message_id, {_id("p", f"1 + (m.seq + 1) % {PEOPLE}")}, m.channel_id, m.seq, m.parent_id, true
        from timeline_v2.messages m where m.seq % 3 = 0;
    insert into stored_events (originator_id, originator_version, topic, state, notification_id, feed_id, feed_seq, recorded_at)
        select m.message_id, 1, 'message.posted.1', '{_POSTED}', m.position, m.channel_id, m.seq, now()
        from timeline_v2.messages m;
    insert into attachments_v1.attachments
        select {_id("f", "n")}, {_id("c", f"1 + n % {CHANNELS}")}, {_AUTHOR}, 'a.png', 'image/png', n, n / 2, now(),
            case when n % 20 > 0 then {_id("m", "n")} end,
            case when n % 20 = 0 then 0 when n % 50 = 1 then 2 when n % 10 = 2 then 3 else 1 end
        from generate_series(1, {MESSAGES}) as n;
    insert into stored_events (originator_id, originator_version, topic, state, notification_id, recorded_at)
        select {_id("deleted", "''")}, n, case n when 1000 then 'message.deleted.1' else 'message.pinned.1' end,
            '{_DELETED}', {MESSAGES} + n, now() from generate_series(1, 1000) as n;
    insert into search_english_v2.channels select channel_id, kind = 'public' from channels_v2.channels;
    insert into search_english_v2.days values (9000, 1, {MESSAGES});
    insert into search_english_v2.documents
        select d.message_id, d.channel_id, d.author_id, d.position, d.position, d.created_at, null, false,
            to_tsvector('english', 'hello w' || d.position % 5000) || {marks(WINDOWS)}
        from (select *, false as has_attachment from timeline_v2.messages) d join search_english_v2.channels c using (channel_id),
            lateral (select d.position % 10 = 0 as has_link, d.position % 7 = 0 as has_mention) as u;
    update notification_tracking set notification_id = {MESSAGES} where application_name in ('core', 'search');
"""

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DELETED = UUID(bytes=hashlib.md5(b"deleted", usedforsecurity=False).digest())
ADMIN = UUID(bytes=hashlib.md5(b"p1", usedforsecurity=False).digest())
INVITATION = UUID(bytes=hashlib.md5(b"i1", usedforsecurity=False).digest())

QUERIES: dict[str, Callable[[Any, UUID, UUID, UUID], Awaitable[object]]] = {
    "page": lambda c, channel, me, _: timeline.page(c, channel, me),
    "page before": lambda c, channel, me, _: timeline.page(c, channel, me, before=60_000),
    "page after": lambda c, channel, me, _: timeline.page(c, channel, me, after=60_000),
    "page around": lambda c, channel, me, _: timeline.page(c, channel, me, around=60_000),
    "replies": lambda c, _, me, root: threads.replies(c, root, me),
    "message": lambda c, _, me, root: timeline.message(c, root, me),
    "pins": lambda c, channel, me, _: timeline.pins(c, channel, me, after=None, limit=50),
    "history": lambda c, _, me, root: history.versions(c, root, me, after=None, limit=50),
    "deleted_at": lambda c, _, __, ___: history.deleted_at(c, DELETED),
    "emoji": lambda c, _, __, root: reactions.emoji_on(c, root),
    "who": lambda c, _, me, root: reactions.who(c, root, me, "e1", after=None, limit=50),
    "channel": lambda c, channel, me, _: channels.channel(c, channel, me),
    "attachment": lambda c, _, me, __: _some_attachment(c, me),
    "collectable": lambda c, _, __, ___: attachments.collectable(c, datetime.now(UTC), 500),
    "unneeded": lambda c, _, __, ___: attachments.unneeded(c, [str(n) for n in range(1_000)]),
    "my_channels": lambda c, _, me, __: unread_counts.my_channels(c, me),
    "my_unread": lambda c, _, me, __: unread_counts.my_unread(c, me),
    "my_threads": lambda c, _, me, __: followed_threads.my_threads(c, me, after=None, only_unread=False, limit=50),
    "my_threads unread": lambda c, _, me, __: followed_threads.my_threads(
        c, me, after=ThreadsAfter(20_000, 15_000), only_unread=True, limit=50
    ),
    "badges": lambda c, channel, me, _: unread_counts.badges(c, me, [channel]),
    "intervals": lambda c, _, me, __: memberships.intervals(c, me, 500),
    "members": lambda c, channel, me, _: memberships.members(c, channel, me, after=None, limit=50),
    "owners": lambda c, channel, _, __: memberships.owners(c, channel),
    "role": lambda c, channel, me, _: memberships.role(c, channel, me),
    "invitations": lambda c, channel, me, _: invitations.of_channel(c, channel, me, NOW, after=None, limit=50),
    "invitation": lambda c, _, __, ___: invitations.invitation(c, INVITATION),
    "preview": lambda c, _, __, ___: invitations.preview(c, INVITATION, NOW),
    "blocks": lambda c, _, me, __: blocks.of_user(c, me, after=None, limit=50),
    "open reports": lambda c, _, __, ___: reports.reports(c, ADMIN, "open", after=None, limit=50),
    "all reports": lambda c, _, __, ___: reports.reports(c, ADMIN, "all", after=ReportsAfter(500), limit=50),
    "user": lambda c, _, me, __: people.user(c, me),
    "users": lambda c, _, __, ___: people.users(c, "", after=None, limit=50),
    "users by name": lambda c, _, __, ___: people.users(c, "p17", after=None, limit=50),
    "search": lambda c, _, me, __: _search(c, me, "hello"),
    "search, rare": lambda c, _, me, __: _search(c, me, "w17"),
    "search, none": lambda c, _, me, __: _search(c, me, "elsewhere"),
    "search, ranked": lambda c, _, me, __: _search(c, me, "hello", by_rank=True),
    "search in a channel": lambda c, channel, me, _: _search(c, me, "hello", channel_id=channel),
    "search with filters": lambda c, _, me, __: _search(
        c, me, "hello -w18", author_id=me, has=("link", "mention"), before=NOW, after=NOW - timedelta(days=900)
    ),
    "current_channels": lambda c, channel, me, _: memberships.current_channels(c, [me, channel]),
}


async def _some_attachment(connection: Any, person: UUID) -> object:
    """One in a public channel."""
    cursor = await connection.execute(f"select {_id('f', '3')} where %b::int = 1", [1])
    (attachment_id,) = await cursor.fetchone()
    return await attachments.attachment(connection, attachment_id, person)


async def _search(
    connection: Any, person: UUID, text: str, *, by_rank: bool = False, **filters: Any
) -> found.Results | None:
    return await found.find(connection, Search(), found.Wanted(text=text, **filters), person, by_rank=by_rank)


class Explaining:
    """Stands in for a connection: it explains what it is asked, for the parameters that it is asked with, and answers it."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self.scans: list[str] = []

    async def execute(self, statement: str, parameters: Any, **options: Any) -> Any:
        """Note each sequential scan."""
        cursor = await self._connection.execute("explain (format json) " + statement, parameters)
        row = await cursor.fetchone()
        assert row is not None
        self._walk(row[0][0]["Plan"])
        return await self._connection.execute(statement, parameters, **options)

    def _walk(self, node: dict[str, Any]) -> None:
        if node["Node Type"] == "Seq Scan":
            self.scans.append(node["Relation Name"])
        for child in node.get("Plans", ()):
            self._walk(child)

    def cursor(self, **_: Any) -> Any:
        """For queries that open a cursor of their own."""
        return _Cursor(self)


class _Cursor:
    def __init__(self, explaining: Explaining) -> None:
        self._explaining = explaining

    async def __aenter__(self) -> "_Cursor":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def execute(self, statement: str, parameters: Any) -> None:
        self._found = await self._explaining.execute(statement, parameters)

    async def fetchone(self) -> Any:
        return await self._found.fetchone()


LARGE = {
    "attachments",
    "messages",
    "memberships",
    "stored_events",
    "mentions",
    "markers",
    "follows",
    "threads",
    "invitations",
    "reactions",
    "totals",
    "people",
    "blocks",
    "reports",
    "documents",
}


async def test_queries_of_large_tables_go_by_index(database: str) -> None:
    """No query that a person makes reads a whole table of messages, memberships, marks or events."""
    async with await log.connect(database) as connection:
        for group in (CORE, search_group()):
            await ensure_views(connection, group)
        await connection.execute("set statement_timeout = 0")  # a slow machine is no failure
        await connection.execute(_FILL, prepare=False)
        await connection.execute("analyze", prepare=False)
        cursor = await connection.execute(f"select {_id('c', '1')}, {_id('p', '3')}, {_id('m', '1')}")
        row = await cursor.fetchone()
        assert row is not None
        channel_id, person, root = row
        faults = {}
        for name, query in QUERIES.items():
            explaining = Explaining(connection)
            answer = await query(explaining, channel_id, person, root)
            assert answer is not None, name
            if scans := LARGE.intersection(explaining.scans):
                faults[name] = scans
        assert not faults
