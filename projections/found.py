"""What a search finds: pages of messages that a person may see, newest first or best first, with what matched.

A page by time walks the windows of `projections/search.py` from the newest to the oldest, each larger than the one before,
until it is full; so its cost does not grow with how common a word is. A page by rank ranks the newest matches.

Every message is read through the timeline, with the person's rights, in the statement that reads its text. The two views
may be at different positions: a message is found where both have the same text of it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from projections import timeline
from projections.excerpts import Segment, excerpts
from projections.projection import may_see, position_of, schema_of
from projections.search import (
    AUTHOR,
    CHANNEL,
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    NAME,
    PUBLIC,
    TRAITS,
    Search,
    Spans,
    day_of,
    mark_of,
)
from projections.timeline import MessageRow

_MUCH, _LITTLE = 2, 8
"""A window with half of what is still wanted is large enough; else the next size has four times as much, and where it had less
than an eighth, the one after that."""
RANKED_MAX = 2_000
"""So many of the newest matches are ranked."""

_TIMELINE_POSITION = position_of("channels_v2", "memberships_v2", "timeline_v2")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for."""

    text: str
    """As `websearch_to_tsquery` reads it: words, "phrases", or, -not."""
    channel_id: UUID | None = None
    author_id: UUID | None = None
    before: datetime | None = None
    after: datetime | None = None
    has: Collection[str] = ()
    """Of `projections.search.TRAITS`."""


class After(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the next page begins."""

    position: int
    """Of the last result's message."""
    rank: float | None = None
    """Of the last result; None where pages go by time."""
    newest: int = 0
    """By rank: the first page's position. What was written or edited after it is in no further page."""
    oldest: int = 0
    """By rank: the oldest of the matches that are ranked."""


class Result(msgspec.Struct, frozen=True):
    message: MessageRow
    excerpt: list[Segment]


class Results(msgspec.Struct, frozen=True):
    """A page."""

    results: list[Result]
    after: After | None
    position: int
    """At which it is true, for both views."""


_Match = tuple[float, int, UUID]
"""Rank, position and message of a document that matches, which the person may see as far as the search knows. The best is the
greatest; of equally good ones, the newest.
"""


async def find(
    connection: AsyncConnection[Any],
    view: Search,
    wanted: Wanted,
    for_user: UUID,
    *,
    by_rank: bool = False,
    after: After | None = None,
    limit: int = 50,
) -> Results | None:
    """A page of what the person may see; None where the channel that is searched is none that they may see."""
    search = _Finding(connection, view, wanted, for_user)
    if not await search.begin():
        return None
    if not search.has_words:
        return Results([], None, search.position)
    return await (search.by_rank(after, limit) if by_rank else search.by_time(after, limit))


class _Finding:
    """One search."""

    def __init__(self, connection: AsyncConnection[Any], view: Search, wanted: Wanted, for_user: UUID) -> None:
        self._connection = connection
        self._schema = schema_of(view)
        self._windows = view.windows
        self._wanted = wanted
        self._language = view.language
        self._query = "%(query)b::text::tsquery"
        self._parameters: dict[str, Any] = {"text": wanted.text, "me": for_user}
        self._conditions = [f"d.lexemes @@ {self._query}"]
        self.position = 0
        self._head = self._first = self._last = 0
        """Of the log as the search has it; of what was written on the days that are wanted."""
        self._days = (
            FIRST_DAY if wanted.after is None else day_of(wanted.after),
            LAST_DAY if wanted.before is None else day_of(wanted.before),
        )

    async def begin(self) -> bool:
        """Learn what the person may see and how far the views are; False where it is not the channel that is wanted."""
        channel_id = self._wanted.channel_id
        cursor = await self._connection.execute(
            f"select {may_see('%(channel)b', '%(me)b') if channel_id else 'true'},"
            f" websearch_to_tsquery('{self._language}', %(text)b)::text,"
            f" coalesce({position_of(self._schema, group=NAME)}, 0), coalesce({_TIMELINE_POSITION}, 0),"
            f" {self._of_days('min(first)')}, {self._of_days('max(last)')}, array("
            # The person's current memberships, by index.
            " select m.channel_id from memberships_v2.memberships m join channels_v2.channels c using (channel_id)"
            " where m.user_id = %(me)b and m.left_position is null and c.kind <> 'public' and c.deleted_at is null)",
            self._parameters | ({"channel": channel_id} if channel_id else {}),
            binary=True,
        )
        row = await cursor.fetchone()
        assert row is not None
        may, query, self._head, timeline_position, self._first, self._last, mine = row
        self.has_words = bool(query)
        self._parameters["query"] = query
        self.position = min(self._head, timeline_position)
        self._restrict([mark_of(CHANNEL, channel_id)] if channel_id else [PUBLIC, *(mark_of(CHANNEL, c) for c in mine)])
        self._filter()
        return bool(may)

    @property
    def _has_dates(self) -> bool:
        return self._days != (FIRST_DAY, LAST_DAY)

    def _of_days(self, what: str) -> str:
        """In a query: of the rows of the days that are wanted, a few thousand at most."""
        if not self._has_dates:
            return "null"
        first, last = self._days
        return f"coalesce((select {what} from {self._schema}.days where day between {first} and {last}), 0)"

    def _walk(self, newest: int, oldest: int = 0) -> "_Walk":
        """Of what is wanted, from one position down to another."""
        if self._has_dates:
            newest, oldest = min(newest, self._last), max(oldest, self._first)
        return _Walk(self._windows, newest + 1, oldest)

    def _restrict(self, marks: Sequence[str]) -> None:
        """Only documents with one of these marks. A condition of its own: the index meets it within the window only."""
        name = f"marks_{len(self._conditions)}"
        self._parameters[name] = _any_of(marks)
        self._conditions.append(f"d.lexemes @@ %({name})b::text::tsquery")

    def _filter(self) -> None:
        wanted = self._wanted
        if wanted.author_id is not None:
            self._restrict([mark_of(AUTHOR, wanted.author_id)])
        for trait in wanted.has:
            self._restrict([TRAITS[trait]])
        if self._has_dates and self._days[0] <= self._days[1]:
            self._restrict(days(*self._days))
        # Marks are short, and days are long: the row decides.
        for column, sign, value in (
            ("channel_id", "=", wanted.channel_id),
            ("author_id", "=", wanted.author_id),
            ("created_at", "<", wanted.before),
            ("created_at", ">", wanted.after),
        ):
            if value is not None:
                name = f"{column}_{len(self._conditions)}"
                self._parameters[name] = value
                self._conditions.append(f"d.{column} {sign} %({name})b")

    # By time

    async def by_time(self, after: After | None, limit: int) -> Results:
        """The newest results before the last page's last."""
        found: list[tuple[int, MessageRow]] = []
        walk = self._walk(self._head if after is None else after.position - 1)
        while len(found) <= limit and not walk.is_over:
            missing = limit + 1 - len(found)
            messages, seen = await self._read_window(walk, missing)
            found += messages
            walk.go_on(seen, missing)
        more = After(found[limit - 1][0]) if len(found) > limit else None
        return await self._page([message for _, message in found[:limit]], more)

    async def _page(self, messages: Sequence[MessageRow], more: After | None) -> Results:
        query, texts = self._parameters["query"], [message.content for message in messages]
        parts = await excerpts(self._connection, self._language, query, texts)
        return Results([Result(*pair) for pair in zip(messages, parts, strict=True)], more, self.position)

    async def _read_window(self, walk: "_Walk", limit: int) -> tuple[list[tuple[int, MessageRow]], list[int]]:
        """Messages with their positions, and the positions of all that was looked at, newest first."""
        matches = (
            f"select d.message_id, d.position, d.edited_at from {self._schema}.documents d where"
            f" {self._in_window(walk)} order by d.position desc limit %(limit)b"
        )
        cursor = await self._connection.execute(
            self._through_timeline(matches), self._parameters | walk.parameters | {"limit": limit}, binary=True
        )
        rows = await cursor.fetchall()
        return [(row[0], timeline.to_row(row[1:])) for row in rows if row[1] is not None], [row[0] for row in rows]

    def _in_window(self, walk: "_Walk") -> str:
        """Matches in the window, by index `documents_lexemes`: a bitmap of the rows that have every condition."""
        return f"d.lexemes @@ %(window)b::text::tsquery and {' and '.join(self._conditions)} and {walk.CONDITION}"

    def _through_timeline(self, matches: str) -> str:
        """The matches as the timeline has them; nothing beside the position of those that the person may not see.

        One row of the timeline by primary key for each. Where the text is another one than what was searched, the view that
        is behind has not seen the edit yet.
        """
        return (
            f"with found as materialized ({matches}) select f.position, t.* from found f left join lateral ("
            f" select {timeline.COLUMNS} from timeline_v2.messages t"
            " where t.message_id = f.message_id and t.deleted_at is null and t.edited_at is not distinct from f.edited_at"
            f" and {may_see('t.channel_id', '%(me)b')}) as t on true order by f.position desc"
        )

    # By rank

    async def by_rank(self, after: After | None, limit: int) -> Results:
        """The best of the newest matches, after the last page's last."""
        newest = self._head if after is None else after.newest
        matches = await self._newest(newest, 0 if after is None else after.oldest)
        oldest = matches[-1][1] if matches else 0
        matches.sort(reverse=True)
        if after is not None and after.rank is not None:
            matches = [match for match in matches if match[:2] < (after.rank, after.position)]
        found: list[tuple[_Match, MessageRow]] = []
        at = 0
        while len(found) <= limit and at < len(matches):
            chunk = matches[at : at + limit + 1]
            messages = await self._read_messages([message_id for _, _, message_id in chunk])
            found += [(match, messages[match[2]]) for match in chunk if match[2] in messages]
            at += len(chunk)
        more = None
        if len(found) > limit:
            (rank, position, _), _ = found[limit - 1]
            more = After(position, rank, newest, oldest if after is None else after.oldest)
        return await self._page([message for _, message in found[:limit]], more)

    async def _newest(self, newest: int, oldest: int) -> list[_Match]:
        """The newest matches, newest first, that have been as they are since `newest`."""
        matches: list[_Match] = []
        walk = self._walk(newest, oldest)
        self._parameters["newest"] = newest
        while len(matches) < RANKED_MAX and not walk.is_over:
            limit = RANKED_MAX - len(matches)
            cursor = await self._connection.execute(
                # Ranked outside: PostgreSQL would rank all of the window before it cuts.
                f"select ts_rank_cd(d.lexemes, {self._query})::float8, d.position, d.message_id from ("
                f"select d.position, d.message_id, d.lexemes from {self._schema}.documents d"
                f" where {self._in_window(walk)} and d.text_position <= %(newest)b"
                " order by d.position desc limit %(limit)b) as d",
                self._parameters | walk.parameters | {"limit": limit},
                binary=True,
            )
            rows = await cursor.fetchall()
            matches += rows
            walk.go_on([position for _, position, _ in rows], limit)
        return matches

    async def _read_messages(self, message_ids: Sequence[UUID]) -> dict[UUID, MessageRow]:
        matches = (
            f"select message_id, position, edited_at from {self._schema}.documents where message_id = any(%(ids)b)"
        )
        cursor = await self._connection.execute(
            self._through_timeline(matches), self._parameters | {"ids": list(message_ids)}, binary=True
        )
        messages = [timeline.to_row(row[1:]) for row in await cursor.fetchall() if row[1] is not None]
        return {message.message_id: message for message in messages}


class _Walk:
    """Windows of positions from the newest to the oldest, larger ones where little is found.

    A window is the span that holds the newest position which was not looked at, and the one before it: so it is never
    much smaller than its size says.
    """

    CONDITION = "d.position < %(before)b and d.position >= %(oldest)b"

    def __init__(self, windows: Spans, before: int, oldest: int = 0) -> None:
        self._windows = windows
        self._before, self._oldest = before, max(oldest, 1)
        self._size = 0

    @property
    def is_over(self) -> bool:
        return self._before <= self._oldest

    @property
    def parameters(self) -> dict[str, Any]:
        mark, bits = self._windows[self._size]
        span = (self._before - 1) >> bits
        window = _any_of([f"{mark}{span}", f"{mark}{span - 1}"] if span else [f"{mark}{span}"])
        return {"window": window, "before": self._before, "oldest": self._oldest}

    def go_on(self, seen: Sequence[int], limit: int) -> None:
        """After these positions, of at most `limit`: to what else the window has, or to the next one."""
        if len(seen) == limit:
            self._before = seen[-1]
            return
        _, bits = self._windows[self._size]
        self._before = max(((self._before - 1) >> bits) - 1, 0) << bits
        missing = limit - len(seen)
        self._size += (len(seen) * _MUCH < missing) + (len(seen) * _LITTLE < missing)
        self._size = min(self._size, len(self._windows) - 1)


def _any_of(marks: Sequence[str]) -> str:
    return " | ".join(f"'{mark}'" for mark in marks)


def days(first: int, last: int) -> list[str]:
    """The marks of the fewest spans that make up these days."""
    marks = []
    while first <= last:
        mark, bits = next(
            (mark, bits)
            for mark, bits in reversed(DAYS)
            if first % (1 << bits) == 0 and (first + (1 << bits) - 1 <= last or bits == 0)
        )
        marks.append(f"{mark}{first >> bits}")
        first += 1 << bits
    return marks
