"""The versions of a message, from its stream in the log: no view keeps what was said before.

Of a deleted message there is none, whatever was there: that is asked of the log too, so that no view which is behind tells it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain import catalog
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from projections.projection import may_see
from projections.timeline import MessageRow


class VersionRow(msgspec.Struct, frozen=True):
    content: str
    at: datetime
    by: UUID


class VersionsAfter(msgspec.Struct, frozen=True):
    """Where a page of versions ended."""

    version: int


_DELETION = "message.deleted.1"
# Nothing follows a deletion in its stream: the last row tells.
_DELETED = (
    f"coalesce((select d.topic = '{_DELETION}' from stored_events d where d.originator_id = %(id)b"
    " order by d.originator_version desc limit 1), false)"
)


async def versions(
    connection: AsyncConnection[Any], message_id: UUID, for_user: UUID, *, after: VersionsAfter | None, limit: int
) -> tuple[UUID, list[VersionRow], VersionsAfter | None] | None:
    """The message's channel, what it said, oldest first, and where the next page begins.

    None where the person may not see the message. The stream's range of the log's primary key, stopped at limit + 1 versions.
    """
    cursor = await connection.execute(
        "select m.channel_id, e.topic, e.state, e.originator_version from (select t.message_id, t.channel_id,"
        f" t.deleted_at is not null or {_DELETED} as is_deleted from timeline_v2.messages t"
        f" where t.message_id = %(id)b and {may_see('t.channel_id', '%(me)b')}) as m"
        " left join lateral (select s.topic, s.state, s.originator_version from stored_events s"
        " where s.originator_id = m.message_id and s.originator_version > %(after)b"
        " and s.topic = any(%(topics)b) order by s.originator_version limit %(limit)b) as e on not m.is_deleted"
        " order by e.originator_version",
        {
            "id": message_id,
            "me": for_user,
            "after": after.version if after is not None else 0,
            "topics": ["message.posted.1", "message.edited.1"],
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    found = [_to_version(row[1], row[2]) for row in rows[:limit] if row[1] is not None]
    return rows[0][0], found, VersionsAfter(rows[limit - 1][3]) if len(rows) > limit else None


def _to_version(topic: str, state: bytes) -> VersionRow:
    event = catalog.decode(topic, state)
    if isinstance(event, MessagePosted):
        return VersionRow(event.content, event.created_at, event.author_id)
    assert isinstance(event, MessageEdited), "no other event has content"
    return VersionRow(event.content, event.at, event.by)


async def written(connection: AsyncConnection[Any], message_id: UUID) -> MessageRow | None:
    """The message as the log has it, whoever asks, for who has just changed it; without what only views know.

    The first row of the stream and its last edit, by the log's primary key.
    """
    of_stream = "select s.topic, s.state, s.feed_seq from stored_events s where s.originator_id = %(id)b"
    cursor = await connection.execute(
        f"({of_stream} and s.originator_version = 1) union all ({of_stream} and s.topic = 'message.edited.1'"
        " order by s.originator_version desc limit 1)",
        {"id": message_id},
        binary=True,
    )
    rows = await cursor.fetchall()
    events = [catalog.decode(row[0], row[1]) for row in rows]
    posted, last = events[0] if events else None, events[-1] if events else None
    if not isinstance(posted, MessagePosted):
        return None
    edited = last if isinstance(last, MessageEdited) else None
    return MessageRow(
        message_id=message_id,
        channel_id=posted.channel_id,
        seq=rows[0][2],
        author_id=posted.author_id,
        content=(edited or posted).content,
        created_at=posted.created_at,
        edited_at=edited.at if edited is not None else None,
        deleted_at=None,
        parent_id=posted.parent_id,
        also_to_channel=posted.also_to_channel,
        mentions=(edited or posted).mentions,
        mentions_channel=(edited or posted).mentions_channel,
        attachments=posted.attachments,
        reply_count=0,
        last_reply_at=None,
        pinned=False,
        reactions=(),
    )


async def deleted_at(connection: AsyncConnection[Any], message_id: UUID) -> datetime | None:
    """When the message was deleted, as the log has it, whoever asks. The last row of the stream, by the log's primary key."""
    cursor = await connection.execute(
        "select s.topic, s.state from stored_events s where s.originator_id = %b order by s.originator_version desc limit 1",
        [message_id],
        binary=True,
    )
    row = await cursor.fetchone()
    event = catalog.decode(*row) if row is not None and row[0] == _DELETION else None
    return event.at if isinstance(event, MessageDeleted) else None
