"""Search: which messages hold which words, as one document each in a full-text index. Its pages are in `found.py`.

It stands alone: a group of its own, since its index costs more to write than all other views together, and nobody waits for
it. Its answers are read through the timeline, which says who may see what; so it needs to know of a channel only whether it
is public.

Beside the words of its text a document has marks: lexemes for where, when, by whom and with what it was written. One index
then serves every filter, and a search looks at the newest part of the log first: a window of positions is a mark too, so
that a common word ends in the newest window, and a rare one after a few larger ones (docs/decisions/0007).

The text search configuration is part of the view's name: with another one, it is another view.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.channel import ChannelCreated, ChannelDeleted
from domain.channel_state import ChannelKind
from domain.decider import Recorded
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from projections.columns import Bools, Int4s, Int8s, Moments, Texts, Uuids
from projections.projection import Group, Write

NAME = "search"
LANGUAGE = "english"

# A mark begins with a character that no lexeme of a text has: PostgreSQL's parser takes it for a blank.
MARK = "\x01"
PUBLIC, CHANNEL, AUTHOR = f"{MARK}p", f"{MARK}c", f"{MARK}a"
TRAITS = {"link": f"{MARK}l", "attachment": f"{MARK}f", "mention": f"{MARK}m"}

Spans = tuple[tuple[str, int], ...]
"""Of numbers, each larger than the one before: its mark, and the power of two that is its length."""

WINDOWS: Spans = tuple((f"{MARK}{letter}", bits) for letter, bits in zip("tuvwxyz", range(12, 25, 2), strict=True))
"""Windows of positions."""
DAYS: Spans = ((f"{MARK}d", 0), (f"{MARK}e", 4), (f"{MARK}g", 8))
"""Spans of days. What was written before the first day or after the last counts as of that day."""
FIRST_DAY, LAST_DAY = 0, 2**14 - 1
DAY_ZERO = datetime(2000, 1, 1, tzinfo=UTC)

_LINK = re.compile(r"https?://", re.IGNORECASE)


def mark_of(kind: str, of: UUID) -> str:
    """The mark of a channel or an author. Short, so two may share one: who searches by it looks at the id too."""
    return f"{kind}{str(of)[-12:]}"


def day_of(moment: datetime) -> int:
    """The day of a moment, as the marks number it."""
    return min(max((moment - DAY_ZERO).days, FIRST_DAY), LAST_DAY)


_DAY_OF = f"least(greatest(floor((extract(epoch from d.created_at) - {int(DAY_ZERO.timestamp())}) / 86400)::int8,"
_DAY_OF += f" {FIRST_DAY}), {LAST_DAY})"


def marks(windows: Spans) -> str:
    """Those of a document `d` with what its present text has, `u`, in a channel `c`; as `mark_of` and `day_of` have them."""
    return f"""array_to_tsvector(array_remove(array[
        '{CHANNEL}' || right(d.channel_id::text, 12), '{AUTHOR}' || right(d.author_id::text, 12),
        case when c.is_public then '{PUBLIC}' end, case when u.has_link then '{TRAITS["link"]}' end,
        case when d.has_attachment then '{TRAITS["attachment"]}' end,
        case when u.has_mention then '{TRAITS["mention"]}' end,
        {", ".join(f"'{mark}' || (d.position >> {bits})" for mark, bits in windows)},
        {", ".join(f"'{mark}' || ({_DAY_OF} >> {bits})" for mark, bits in DAYS)}], null))"""


class _Text:
    """The present text of a message that the batch posts or edits."""

    __slots__ = ("at", "content", "has_mention", "position")

    def __init__(self, event: MessagePosted | MessageEdited, position: int) -> None:
        self.content, self.position = event.content, position
        self.at = event.at if isinstance(event, MessageEdited) else None
        self.has_mention = bool(event.mentions) or event.mentions_channel


class _Folded:
    """What a batch amounts to."""

    def __init__(self) -> None:
        self.created: dict[UUID, bool] = {}
        self.deleted_channels: list[UUID] = []
        self.posted: dict[UUID, tuple[MessagePosted, int]] = {}
        self.texts: dict[UUID, _Text] = {}
        self.deleted: list[UUID] = []
        self.days: dict[int, tuple[int, int]] = {}
        """The first and the last position of what was written on a day, deleted since or not."""

    def take(self, recorded: Recorded) -> None:
        event, stream_id = recorded.event, recorded.stream_id
        if isinstance(event, MessagePosted):
            self.posted[stream_id] = event, recorded.position
            self.texts[stream_id] = _Text(event, recorded.position)
            day = day_of(event.created_at)
            self.days[day] = self.days.get(day, (recorded.position,))[0], recorded.position
        elif isinstance(event, MessageEdited):
            self.texts[stream_id] = _Text(event, recorded.position)
        elif isinstance(event, MessageDeleted):
            self.texts.pop(stream_id, None)
            if self.posted.pop(stream_id, None) is None:
                self.deleted.append(stream_id)
        elif isinstance(event, ChannelCreated):
            self.created[event.channel_id] = event.kind is ChannelKind.PUBLIC
        elif isinstance(event, ChannelDeleted):
            self.deleted_channels.append(event.channel_id)


class Search:
    """The view, for one text search configuration."""

    version = 2

    def __init__(self, language: str = LANGUAGE, windows: Spans = WINDOWS) -> None:
        self.language = language
        """The name of a text search configuration, in the form that `SERMO_SEARCH_LANGUAGE` has: a plain word."""
        self.windows = windows
        self.name = f"{NAME}_{language}"

    def tables(self, schema: str) -> str:
        """See `View.tables`."""
        return f"""
            create table {schema}.channels (channel_id uuid primary key, is_public bool not null);
            create table {schema}.documents (
                message_id uuid primary key, channel_id uuid not null, author_id uuid not null, position bigint not null,
                -- Of the event that has the present text.
                text_position bigint not null, created_at timestamptz not null, edited_at timestamptz,
                has_attachment bool not null, lexemes tsvector not null
            );
            -- Where in the log the messages of a day are: a search by date begins and ends there.
            create table {schema}.days (day int primary key, first bigint not null, last bigint not null);
            -- Written in bulk, from a list that a search reads from end to end: so it is short.
            create index documents_lexemes on {schema}.documents using gin (lexemes) with (gin_pending_list_limit = 1024);
        """

    def fold(self, schema: str, batch: Sequence[Recorded]) -> list[Write]:
        """See `View.fold`. What is posted in the batch is edited and deleted in memory; older messages are updated."""
        folded = _Folded()
        for recorded in batch:
            folded.take(recorded)
        writes: list[Write] = []
        if folded.created:
            statement = f"insert into {schema}.channels select * from unnest(%b::uuid[], %b::bool[])"
            writes.append((statement, [Uuids(folded.created), Bools(folded.created.values())]))
        if folded.days:
            statement = (
                f"insert into {schema}.days as d select * from unnest(%b::int4[], %b::int8[], %b::int8[]) on conflict (day)"
                " do update set last = excluded.last"
            )
            firsts, lasts = zip(*folded.days.values(), strict=True)
            writes.append((statement, [Int4s(folded.days), Int8s(firsts), Int8s(lasts)]))
        if folded.posted:
            writes.append(self._inserts(schema, folded))
        if edited := {key: text for key, text in folded.texts.items() if key not in folded.posted}:
            writes.append(self._edits(schema, edited))
        if folded.deleted:
            writes.append((f"delete from {schema}.documents where message_id = any(%b)", [Uuids(folded.deleted)]))
        return writes + _channel_deletions(schema, folded.deleted_channels)

    def _lexemes(self) -> str:
        return f"to_tsvector('{self.language}', u.content) || {marks(self.windows)}"

    def _inserts(self, schema: str, folded: _Folded) -> Write:
        events = [event for event, _ in folded.posted.values()]
        texts = [folded.texts[message_id] for message_id in folded.posted]
        statement = (
            f"insert into {schema}.documents select u.message_id, d.*, {self._lexemes()} from unnest(%b::uuid[],"
            " %b::uuid[], %b::uuid[], %b::int8[], %b::int8[], %b::timestamptz[], %b::timestamptz[], %b::bool[],"
            " %b::text[], %b::bool[], %b::bool[]) as u(message_id, channel_id, author_id, position, text_position,"
            " created_at, edited_at, has_attachment, content, has_link, has_mention) cross join lateral (select u.channel_id,"
            " u.author_id, u.position, u.text_position, u.created_at, u.edited_at, u.has_attachment) as d"
            f" join {schema}.channels c on c.channel_id = u.channel_id"
        )
        parameters: list[Any] = [
            Uuids(folded.posted),
            Uuids(event.channel_id for event in events),
            Uuids(event.author_id for event in events),
            Int8s(position for _, position in folded.posted.values()),
            Int8s(text.position for text in texts),
            Moments(event.created_at for event in events),
            Moments(text.at for text in texts),
            Bools(bool(event.attachments) for event in events),
        ]
        return statement, parameters + _of_texts(texts)

    def _edits(self, schema: str, edited: dict[UUID, _Text]) -> Write:
        texts = list(edited.values())
        statement = (
            f"update {schema}.documents d set text_position = u.position, edited_at = u.at, lexemes = {self._lexemes()}"
            " from unnest(%b::uuid[], %b::int8[], %b::timestamptz[], %b::text[], %b::bool[], %b::bool[])"
            f" as u(message_id, position, at, content, has_link, has_mention), {schema}.channels c"
            " where d.message_id = u.message_id and c.channel_id = d.channel_id"
        )
        columns = [Uuids(edited), Int8s(text.position for text in texts), Moments(text.at for text in texts)]
        return statement, columns + _of_texts(texts)


def _of_texts(texts: Sequence[_Text]) -> list[Any]:
    return [
        Texts(text.content for text in texts),
        Bools(_LINK.search(text.content) is not None for text in texts),
        Bools(text.has_mention for text in texts),
    ]


def _channel_deletions(schema: str, channel_ids: Sequence[UUID]) -> list[Write]:
    writes: list[Write] = []
    for channel_id in channel_ids:
        # It may have any number of messages, which the index of lexemes finds.
        statement = f"delete from {schema}.documents where lexemes @@ %b::text::tsquery and channel_id = %b"
        writes.append((statement, [f"'{mark_of(CHANNEL, channel_id)}'", channel_id]))
        writes.append((f"delete from {schema}.channels where channel_id = %b", [channel_id]))
    return writes


def search_group(language: str = LANGUAGE, windows: Spans = WINDOWS) -> Group:
    """The group that is this view alone."""
    return Group(NAME, (Search(language, windows),), owner_lock=6016525)


async def languages(connection: AsyncConnection[Any]) -> list[str]:
    """The text search configurations that the database has."""
    cursor = await connection.execute("select cfgname from pg_ts_config where pg_ts_config_is_visible(oid) order by 1")
    return [row[0] for row in await cursor.fetchall()]
