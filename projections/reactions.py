"""Reactions: how often each emoji is on a message, and whose it is.

A message shows its emoji in the order of their first reactions that stand; of each the exact count and the first 100
people. A deleted message has none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.message import MessageDeleted
from domain.reaction import ReactionAdded, ReactionRemoved
from projections.columns import Int4s, Int8s, Moments, Texts, Uuids
from projections.projection import Write, may_see

name = "reactions"
version = 1

SHOWN_PEOPLE = 100


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.reactions (
            message_id uuid not null, emoji text collate "C" not null, user_id uuid not null, position bigint not null,
            at timestamptz not null, primary key (message_id, emoji, user_id)
        );
        -- Who, in order.
        create unique index reactions_who on {schema}.reactions (message_id, emoji, position) include (user_id);
        -- What a message shows: a page of them reads nothing else, however many have reacted.
        create table {schema}.totals (
            message_id uuid not null, emoji text collate "C" not null, count int not null,
            first bigint not null default 0, people uuid[] not null default '{{}}', -- the first 100, and the first one's position
            primary key (message_id, emoji)
        ) with (fillfactor = 85); -- room to count in place, without touching the index
    """


class _OnMessage:
    """What a batch does to one message."""

    __slots__ = ("added", "removed", "totals")

    def __init__(self) -> None:
        self.added: dict[tuple[str, UUID], tuple[int, datetime]] = {}
        self.removed: dict[tuple[str, UUID], None] = {}
        """From before the batch."""
        self.totals: dict[str, int] = {}
        """By how much each changes."""

    def take(self, recorded: Recorded, event: ReactionAdded | ReactionRemoved) -> None:
        key = (event.emoji, event.user_id)
        if isinstance(event, ReactionAdded):
            self.added[key] = (recorded.position, event.at)
            more = 1
        else:
            if self.added.pop(key, None) is None:
                self.removed[key] = None
            more = -1
        self.totals[event.emoji] = self.totals.get(event.emoji, 0) + more


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. The rows come first, then what is counted and gathered from them."""
    messages: dict[UUID, _OnMessage] = {}
    deleted: list[UUID] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, ReactionAdded | ReactionRemoved):
            messages.setdefault(event.message_id, _OnMessage()).take(recorded, event)
        elif isinstance(event, MessageDeleted):
            messages.pop(recorded.stream_id, None)
            deleted.append(recorded.stream_id)
    return [
        *_deletions(schema, deleted),
        *_removals(schema, messages),
        *_additions(schema, messages),
        *_totals(schema, messages),
    ]


def _deletions(schema: str, deleted: list[UUID]) -> list[Write]:
    if not deleted:
        return []
    tables = ("reactions", "totals")
    return [(f"delete from {schema}.{table} where message_id = any(%b)", [Uuids(deleted)]) for table in tables]


def _removals(schema: str, messages: dict[UUID, _OnMessage]) -> list[Write]:
    rows = [(message_id, *key) for message_id, on in messages.items() for key in on.removed]
    if not rows:
        return []
    statement = (
        f"delete from {schema}.reactions r using unnest(%b::uuid[], %b::text[], %b::uuid[]) as u(message, emoji, person)"
        " where r.message_id = u.message and r.emoji = u.emoji and r.user_id = u.person"
    )
    ids, emoji, people = zip(*rows, strict=True)
    return [(statement, [Uuids(ids), Texts(emoji), Uuids(people)])]


def _additions(schema: str, messages: dict[UUID, _OnMessage]) -> list[Write]:
    rows = [(message_id, *key, *of) for message_id, on in messages.items() for key, of in on.added.items()]
    if not rows:
        return []
    statement = (
        f"insert into {schema}.reactions (message_id, emoji, user_id, position, at)"
        " select * from unnest(%b::uuid[], %b::text[], %b::uuid[], %b::int8[], %b::timestamptz[])"
    )
    ids, emoji, people, positions, moments = zip(*rows, strict=True)
    return [(statement, [Uuids(ids), Texts(emoji), Uuids(people), Int8s(positions), Moments(moments)])]


def _totals(schema: str, messages: dict[UUID, _OnMessage]) -> list[Write]:
    rows = [(message_id, *each) for message_id, on in messages.items() for each in on.totals.items()]
    if not rows:
        return []
    ids, emoji, more = zip(*rows, strict=True)
    keys = [Uuids(ids), Texts(emoji)]
    counted = (
        f"insert into {schema}.totals as c (message_id, emoji, count)"
        " select * from unnest(%b::uuid[], %b::text[], %b::int4[])"
        " on conflict (message_id, emoji) do update set count = c.count + excluded.count"
    )
    emptied = (
        f"delete from {schema}.totals c using unnest(%b::uuid[], %b::text[]) as u(message, emoji)"
        " where c.message_id = u.message and c.emoji = u.emoji and c.count = 0"
    )
    # At most 100 entries of `reactions_who` for each. Who comes after the first 100 changes nothing here.
    gathered = (
        f"update {schema}.totals c set people = w.people, first = w.first"
        " from unnest(%b::uuid[], %b::text[]) as u(message, emoji) cross join lateral ("
        "  select array_agg(r.user_id order by r.position) as people, min(r.position) as first from ("
        f"   select x.user_id, x.position from {schema}.reactions x where x.message_id = u.message and x.emoji = u.emoji"
        f"   order by x.position limit {SHOWN_PEOPLE}) as r) as w"
        " where c.message_id = u.message and c.emoji = u.emoji and (c.first <> w.first or c.people <> w.people)"
    )
    return [(counted, [*keys, Int4s(more)]), (emptied, keys), (gathered, keys)]


class ReactionRow(msgspec.Struct, frozen=True, array_like=True):
    """One emoji of a message."""

    emoji: str
    count: int
    user_ids: tuple[UUID, ...]


# The primary key of `totals`: a row an emoji.
COLUMN = """(
    select json_agg(json_build_array(c.emoji, c.count, c.people) order by c.first)::text
    from reactions_v1.totals c where c.message_id = t.message_id
)"""
"""In a query of messages `t`: the message's reactions, as `to_reactions` reads them."""

_decode = msgspec.json.Decoder(tuple[ReactionRow, ...]).decode


def to_reactions(column: str | None) -> tuple[ReactionRow, ...]:
    """What `COLUMN` found."""
    return _decode(column) if column is not None else ()


async def emoji_on(connection: AsyncConnection[Any], message_id: UUID) -> frozenset[str]:
    """The different emoji on a message, whoever asks. By primary key."""
    cursor = await connection.execute("select emoji from reactions_v1.totals where message_id = %b", [message_id])
    return frozenset(row[0] for row in await cursor.fetchall())


class WhoRow(msgspec.Struct, frozen=True):
    user_id: UUID
    at: datetime
    position: int


class WhoAfter(msgspec.Struct, frozen=True):
    """Where a page of people ended."""

    position: int


async def who(
    connection: AsyncConnection[Any],
    message_id: UUID,
    for_user: UUID,
    emoji: str,
    *,
    after: WhoAfter | None,
    limit: int,
) -> tuple[UUID, list[WhoRow], WhoAfter | None] | None:
    """The message's channel, who has put this emoji on it, in order, and where the next page begins.

    None where the person may not see the message. Index `reactions_who`; at most limit + 1 rows.
    """
    cursor = await connection.execute(
        "select m.channel_id, r.user_id, r.at, r.position from (select t.message_id, t.channel_id"
        f" from timeline_v2.messages t where t.message_id = %(id)b and {may_see('t.channel_id', '%(me)b')}) as m"
        " left join lateral (select x.user_id, x.at, x.position from reactions_v1.reactions x"
        " where x.message_id = m.message_id and x.emoji = %(emoji)b and x.position > %(after)b"
        " order by x.position limit %(limit)b) as r on true order by r.position",
        {
            "id": message_id,
            "me": for_user,
            "emoji": emoji,
            "after": after.position if after is not None else 0,
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    found = [WhoRow(*row[1:]) for row in rows if row[1] is not None]
    further = WhoAfter(found[limit - 1].position) if len(found) > limit else None
    return rows[0][0], found[:limit], further
