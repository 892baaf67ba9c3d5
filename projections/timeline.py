"""The timeline: every message, a channel's page by seq, one message by id, and the counts of replies.

A channel's page holds its roots, and the replies also sent to the channel. A deleted message keeps its place; its content
is empty.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.attachment import Attached
from domain.decider import Recorded
from domain.message import MessageDeleted, MessageEdited, MessagePinned, MessagePosted, MessageUnpinned
from projections.columns import Bools, Int8s, Moments, Texts, Uuids
from projections.projection import Write, may_see, position_of
from projections.reactions import COLUMN, ReactionRow, to_reactions

name = "timeline"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.messages (
            message_id uuid primary key, channel_id uuid not null, seq bigint not null, position bigint not null,
            author_id uuid not null, content text not null, created_at timestamptz not null,
            edited_at timestamptz, deleted_at timestamptz, parent_id uuid, also_to_channel bool not null,
            mentions text not null default '', mentions_channel bool not null,
            attachments text not null default '', reply_count int not null default 0, last_reply_at timestamptz,
            pinned bigint -- the position of the pin
        ) with (fillfactor = 85); -- room to count replies in place, without touching an index
        -- A page by seq, with its deleted messages.
        create unique index messages_page on {schema}.messages (channel_id, seq)
            where parent_id is null or also_to_channel;
        -- The replies of a root by seq.
        create unique index messages_replies on {schema}.messages (parent_id, seq) where parent_id is not null;
        -- Counting what is unread, without a look at the table.
        create index messages_unread on {schema}.messages (channel_id, seq) include (author_id)
            where (parent_id is null or also_to_channel) and deleted_at is null;
        create index messages_unread_replies on {schema}.messages (parent_id, seq) include (author_id)
            where parent_id is not null and deleted_at is null;
        -- The pins of a channel.
        create index messages_pins on {schema}.messages (channel_id, pinned) where pinned is not null;
        -- The few that mention everybody.
        create index messages_mentions_channel on {schema}.messages (channel_id, seq)
            where mentions_channel and deleted_at is null;
    """


def _to_text(ids: Sequence[UUID]) -> str:
    """Ids in one text: arrays of arrays cannot be given to `unnest`."""
    return ",".join(map(str, ids)) if ids else ""


def _to_json(attachments: Sequence[Attached]) -> str:
    """As the event has them; nothing for none, which is most messages."""
    return msgspec.json.encode(attachments).decode() if attachments else ""


_from_json = msgspec.json.Decoder(tuple[Attached, ...]).decode


# A posted row is a list in the order of the insert's columns; these are the ones that change within a batch.
_CONTENT, _EDITED_AT, _DELETED_AT, _MENTIONED, _EVERYBODY, _ATTACHED = 5, 7, 8, 11, 12, 13
_KINDS = (Uuids, Uuids, Int8s, Int8s, Uuids, Texts, Moments, Moments, Moments, Uuids, Bools, Texts, Bools, Texts)


def _posted_row(recorded: Recorded, event: MessagePosted) -> list[Any]:
    return [
        recorded.stream_id,
        event.channel_id,
        recorded.seq,
        recorded.position,
        event.author_id,
        event.content,
        event.created_at,
        None,
        None,
        event.parent_id,
        event.also_to_channel,
        _to_text(event.mentions),
        event.mentions_channel,
        _to_json(event.attachments),
    ]


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. What is posted in the batch is edited and deleted in memory; older messages are updated."""
    posted: dict[UUID, list[Any]] = {}
    edited: dict[UUID, MessageEdited] = {}
    deleted: dict[UUID, datetime] = {}
    replies: dict[UUID, tuple[int, datetime]] = {}
    pinned: dict[UUID, int | None] = {}
    for recorded in batch:
        event = recorded.event
        if isinstance(event, MessagePosted):
            posted[recorded.stream_id] = _posted_row(recorded, event)
            if event.parent_id is not None:
                replies[event.parent_id] = (replies.get(event.parent_id, (0,))[0] + 1, event.created_at)
        elif isinstance(event, MessageEdited):
            row = posted.get(recorded.stream_id)
            if row is None:
                edited[recorded.stream_id] = event
            else:
                row[_CONTENT], row[_EDITED_AT] = event.content, event.at
                row[_MENTIONED], row[_EVERYBODY] = _to_text(event.mentions), event.mentions_channel
        elif isinstance(event, MessagePinned | MessageUnpinned):
            pinned[recorded.stream_id] = recorded.position if isinstance(event, MessagePinned) else None
        elif isinstance(event, MessageDeleted):
            pinned.pop(recorded.stream_id, None)
            # An edit before it stays among the writes: that the message was edited remains known.
            deleted[recorded.stream_id] = event.at
            row = posted.get(recorded.stream_id)
            if row is not None:
                row[_CONTENT], row[_DELETED_AT], row[_MENTIONED], row[_EVERYBODY] = "", event.at, "", False
                row[_ATTACHED] = ""
    return [
        *_inserts(schema, posted),
        *_edits(schema, edited),
        *_replies(schema, replies),
        *_pins(schema, pinned),
        *_deletions(schema, deleted, posted),
    ]


def _inserts(schema: str, posted: dict[UUID, list[Any]]) -> list[Write]:
    if not posted:
        return []
    statement = (
        f"insert into {schema}.messages (message_id, channel_id, seq, position, author_id, content, created_at,"
        " edited_at, deleted_at, parent_id, also_to_channel, mentions, mentions_channel, attachments) select * from unnest("
        "%b::uuid[], %b::uuid[], %b::int8[], %b::int8[], %b::uuid[], %b::text[], %b::timestamptz[],"
        " %b::timestamptz[], %b::timestamptz[], %b::uuid[], %b::bool[], %b::text[], %b::bool[], %b::text[])"
    )
    columns = zip(*posted.values(), strict=True)
    return [(statement, [kind(column) for kind, column in zip(_KINDS, columns, strict=True)])]


def _edits(schema: str, edited: dict[UUID, MessageEdited]) -> list[Write]:
    if not edited:
        return []
    events = edited.values()
    statement = (
        f"update {schema}.messages m set content = u.content, edited_at = u.at, mentions = u.mentions,"
        " mentions_channel = u.everybody from unnest(%b::uuid[], %b::text[], %b::timestamptz[], %b::text[], %b::bool[])"
        " as u(id, content, at, mentions, everybody) where m.message_id = u.id"
    )
    parameters = [
        list(edited),
        [e.content for e in events],
        [e.at for e in events],
        [_to_text(e.mentions) for e in events],
        [e.mentions_channel for e in events],
    ]
    return [(statement, parameters)]


def _replies(schema: str, replies: dict[UUID, tuple[int, datetime]]) -> list[Write]:
    if not replies:
        return []
    statement = (
        f"update {schema}.messages m set reply_count = m.reply_count + u.more, last_reply_at = u.at"
        " from unnest(%b::uuid[], %b::int8[], %b::timestamptz[]) as u(id, more, at) where m.message_id = u.id"
    )
    counts, moments = zip(*replies.values(), strict=True)
    return [(statement, [Uuids(replies), Int8s(counts), Moments(moments)])]


def _pins(schema: str, pinned: dict[UUID, int | None]) -> list[Write]:
    if not pinned:
        return []
    statement = (
        f"update {schema}.messages m set pinned = u.pinned from unnest(%b::uuid[], %b::int8[]) as u(id, pinned)"
        " where m.message_id = u.id"
    )
    return [(statement, [list(pinned), list(pinned.values())])]


def _deletions(schema: str, deleted: dict[UUID, datetime], posted: Collection[UUID]) -> list[Write]:
    if not deleted:
        return []
    older = {message_id: at for message_id, at in deleted.items() if message_id not in posted}
    writes: list[Write] = []
    if older:
        statement = (
            f"update {schema}.messages m set content = '', deleted_at = u.at, mentions = '', mentions_channel = false,"
            " attachments = '', pinned = null"
            " from unnest(%b::uuid[], %b::timestamptz[]) as u(id, at) where m.message_id = u.id"
        )
        writes.append((statement, [list(older), list(older.values())]))
    # Every deleted message was counted once, and is deleted once. The newest reply that is left tells the time.
    statement = (
        f"update {schema}.messages m set reply_count = m.reply_count - d.fewer, last_reply_at = ("
        f" select r.created_at from {schema}.messages r where r.parent_id = m.message_id and r.deleted_at is null"
        f" order by r.seq desc limit 1) from (select parent_id, count(*) as fewer from {schema}.messages"
        " where message_id = any(%b) and parent_id is not null group by parent_id) as d where m.message_id = d.parent_id"
    )
    writes.append((statement, [list(deleted)]))
    return writes


class MessageRow(msgspec.Struct, frozen=True):
    message_id: UUID
    channel_id: UUID
    seq: int
    author_id: UUID
    content: str
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    parent_id: UUID | None
    also_to_channel: bool
    mentions: tuple[UUID, ...]
    mentions_channel: bool
    attachments: tuple[Attached, ...]
    reply_count: int
    last_reply_at: datetime | None
    pinned: bool
    reactions: tuple[ReactionRow, ...]


class Page(msgspec.Struct, frozen=True):
    """Messages in seq order."""

    messages: list[MessageRow]
    has_more_before: bool
    has_more_after: bool
    position: int


COLUMNS = (
    "t.message_id, t.channel_id, t.seq, t.author_id, t.content, t.created_at, t.edited_at, t.deleted_at, t.parent_id,"
    " t.also_to_channel, t.mentions, t.mentions_channel, t.attachments, t.reply_count, t.last_reply_at,"
    f" t.pinned is not null, {COLUMN}"
)
_MENTIONS, _ATTACHMENTS, _REACTIONS = 10, 12, 16


def to_row(columns: Sequence[Any]) -> MessageRow:
    """A row of `COLUMNS`."""
    values = list(columns)
    values[_MENTIONS] = tuple(UUID(text) for text in values[_MENTIONS].split(",")) if values[_MENTIONS] else ()
    values[_ATTACHMENTS] = _from_json(values[_ATTACHMENTS]) if values[_ATTACHMENTS] else ()
    values[_REACTIONS] = to_reactions(values[_REACTIONS])
    return MessageRow(*values)


def _window(where: str) -> str:
    """Up to `limit` rows of this order before and after a seq: two ranges of one index, each stopped at its limit.

    `older` is how many wanted rows lie at or before `pivot`, `newer` how many after.
    """
    return (
        f"(select t.* from timeline_v2.messages t where {where} and t.seq < %(pivot)b order by t.seq desc"
        f" limit %(older)b) union all (select t.* from timeline_v2.messages t where {where} and t.seq >= %(pivot)b"
        f" order by t.seq limit %(newer)b)"
    )


_ON_PAGE = "t.channel_id = %(target)b and (t.parent_id is null or t.also_to_channel)"
_IN_THREAD = "t.parent_id = %(target)b"
_LAST = 2**62
_POSITION = position_of("channels_v2", "memberships_v2", "reactions_v1", "timeline_v2")


async def read_window(
    connection: AsyncConnection[Any],
    *,
    is_thread: bool,
    target: UUID,
    for_user: UUID,
    before: int | None,
    after: int | None,
    around: int | None,
    limit: int,
) -> Page | None:
    """A part of a page or of a thread, newest without a seq; None where the person may not see it.

    Index `messages_page` or `messages_replies`; at most limit + 2 rows.
    """
    if after is not None:
        pivot, older, newer = after + 1, 0, limit
    elif around is not None:
        pivot, older, newer = around, limit // 2, limit - limit // 2
    else:
        pivot, older, newer = before if before is not None else _LAST, limit, 0
    where = _IN_THREAD if is_thread else _ON_PAGE
    channel = (
        "(select root.channel_id from timeline_v2.messages root where root.message_id = %(target)b)"
        if is_thread
        else "%(target)b"
    )
    cursor = await connection.execute(
        f"select seen.position, seen.yes, {COLUMNS} from (select {_POSITION} as position,"
        f" {may_see(channel, '%(me)b')} as yes) as seen left join lateral ({_window(where)}) as t on seen.yes"
        " order by t.seq",
        {"target": target, "me": for_user, "pivot": pivot, "older": older + 1, "newer": newer + 1},
        binary=True,
    )
    rows = await cursor.fetchall()
    position, may = rows[0][0] or 0, rows[0][1]
    if not may:
        return None
    found = [to_row(row[2:]) for row in rows if row[2] is not None]
    earlier = [row for row in found if row.seq < pivot]
    later = [row for row in found if row.seq >= pivot]
    kept = earlier[len(earlier) - older if len(earlier) > older else 0 :] + later[:newer]
    return Page(kept, len(earlier) > older, len(later) > newer, position)


async def page(
    connection: AsyncConnection[Any],
    channel_id: UUID,
    for_user: UUID,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> Page | None:
    """A part of the channel's page; None where the person may not see the channel."""
    return await read_window(
        connection,
        is_thread=False,
        target=channel_id,
        for_user=for_user,
        before=before,
        after=after,
        around=around,
        limit=limit,
    )


async def message(connection: AsyncConnection[Any], message_id: UUID, for_user: UUID) -> MessageRow | None:
    """One message that the person may see. One row by primary key."""
    cursor = await connection.execute(
        f"select {COLUMNS} from timeline_v2.messages t where t.message_id = %(id)b"
        f" and {may_see('t.channel_id', '%(me)b')}",
        {"id": message_id, "me": for_user},
        binary=True,
    )
    row = await cursor.fetchone()
    return to_row(row) if row is not None else None


class PinsAfter(msgspec.Struct, frozen=True):
    """Where a page of pins ended."""

    pinned: int


async def pins(
    connection: AsyncConnection[Any], channel_id: UUID, for_user: UUID, *, after: PinsAfter | None, limit: int
) -> tuple[list[MessageRow], PinsAfter | None] | None:
    """The channel's pinned messages, newest pin first, and where the next page begins; None where the person may not see it.

    Index `messages_pins`; at most limit + 1 rows.
    """
    cursor = await connection.execute(
        f"select seen.yes, t.pinned, {COLUMNS} from (select {may_see('%(channel)b', '%(me)b')} as yes) as seen"
        " left join lateral (select * from timeline_v2.messages where channel_id = %(channel)b and pinned is not null"
        " and pinned < %(after)b order by pinned desc limit %(limit)b) as t on seen.yes order by t.pinned desc",
        {
            "channel": channel_id,
            "me": for_user,
            "after": after.pinned if after is not None else _LAST,
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows[0][0]:
        return None
    found = [to_row(row[2:]) for row in rows[:limit] if row[1] is not None]
    return found, PinsAfter(rows[limit - 1][1]) if len(rows) > limit else None
