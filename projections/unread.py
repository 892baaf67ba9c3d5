"""What is unread: read markers, mentions, and the counting queries.

Nothing is counted when a message is posted: a count is made when it is asked, by index, and stops at a cap, so a post into
a channel of 100,000 members writes one row. Exactly (docs/unread.md):

  unread_count    messages on the channel's page past the marker, not mine, not deleted
  mention_count   those of what is unread that mention me or @channel: on the page past the channel's marker; a reply in a
                  thread that I follow past the thread's marker
  thread marker   the latest of: my join; just before the reply that made me follow; my mark of the thread; a mark of the
                  channel that said "with its threads"
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.membership import MemberJoined
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.reading import MarkedRead
from projections import channels, timeline
from projections.channels import ChannelRow
from projections.columns import Int8s, Uuids
from projections.projection import Write, position_of
from projections.timeline import MessageRow

name = "unread"
version = 2

LIST_CAP = 100
CHANNEL_CAP = 1_000
SCANNED_PER_COUNTED = 20
"""Own messages are passed over; after so many entries a unit of the cap, the count says that there may be more."""


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.markers (
            user_id uuid not null, channel_id uuid not null, read_seq bigint not null,
            threads_read_seq bigint not null default 0, level text not null default 'all',
            primary key (user_id, channel_id)
        );
        create table {schema}.thread_markers (
            user_id uuid not null, root_id uuid not null, read_seq bigint not null, primary key (user_id, root_id)
        );
        create table {schema}.mentions (
            message_id uuid not null, user_id uuid not null, channel_id uuid not null, seq bigint not null,
            parent_id uuid, on_page bool not null, primary key (message_id, user_id)
        );
        create index mentions_page on {schema}.mentions (user_id, channel_id, seq) where on_page;
        create index mentions_threads on {schema}.mentions (user_id, parent_id, seq) where parent_id is not null;
    """


class _Folded:
    """What a batch amounts to."""

    def __init__(self) -> None:
        self.joins: dict[tuple[UUID, UUID], int] = {}
        self.joined: dict[tuple[UUID, UUID], int] = {}
        self.marked: dict[tuple[UUID, UUID], int] = {}
        self.all_threads: dict[tuple[UUID, UUID], int] = {}
        self.threads: dict[tuple[UUID, UUID], int] = {}
        self.posted: dict[UUID, tuple[MessagePosted, int]] = {}
        self.mentions: dict[UUID, tuple[UUID, ...]] = {}
        self.edited: dict[UUID, tuple[UUID, ...]] = {}

    def take(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, MessagePosted):
            self.posted[recorded.stream_id] = (event, recorded.seq or 0)
            if event.mentions:
                self.mentions[recorded.stream_id] = event.mentions
        elif isinstance(event, MessageEdited):
            self._rewrite(recorded.stream_id, event.mentions)
        elif isinstance(event, MessageDeleted):
            self._rewrite(recorded.stream_id, ())
        elif isinstance(event, MemberJoined):
            key = (event.user_id, event.channel_id)
            self.joins[key] = self.joined[key] = recorded.seq or 0
            self.marked.pop(key, None)
        elif isinstance(event, MarkedRead):
            self._mark(event)

    def _rewrite(self, message_id: UUID, mentions: tuple[UUID, ...]) -> None:
        if message_id in self.posted:
            self.mentions[message_id] = mentions
        else:
            self.edited[message_id] = mentions

    def _mark(self, event: MarkedRead) -> None:
        key = (event.user_id, event.parent_id or event.channel_id)
        if event.parent_id is not None:
            self.threads[key] = max(event.seq, self.threads.get(key, 0))
            return
        if key in self.joined:
            self.joined[key] = max(event.seq, self.joined[key])
        else:
            self.marked[key] = max(event.seq, self.marked.get(key, 0))
        if event.with_threads:
            self.all_threads[key] = max(event.seq, self.all_threads.get(key, 0))


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`."""
    folded = _Folded()
    for recorded in batch:
        folded.take(recorded)
    writes = [
        *_joins(schema, folded),
        *_markers(schema, "markers", "channel_id", folded.marked),
        *_markers(schema, "thread_markers", "root_id", folded.threads),
    ]
    if folded.all_threads:
        statement = (
            f"update {schema}.markers m set threads_read_seq = greatest(m.threads_read_seq, u.seq)"
            " from unnest(%b::uuid[], %b::uuid[], %b::int8[]) as u(person, channel, seq)"
            " where m.user_id = u.person and m.channel_id = u.channel"
        )
        writes.append((statement, _columns(folded.all_threads)))
    return [*writes, *_mention_rows(schema, folded), *_older_mentions(schema, folded.edited)]


def _columns(seqs: dict[tuple[UUID, UUID], int]) -> list[list[Any]]:
    return [Uuids(key[0] for key in seqs), Uuids(key[1] for key in seqs), Int8s(seqs.values())]


def _joins(schema: str, folded: _Folded) -> list[Write]:
    """A join sets both markers, and forgets those of an earlier membership; a mark after it may have moved one."""
    if not folded.joined:
        return []
    statement = (
        f"insert into {schema}.markers (user_id, channel_id, read_seq, threads_read_seq)"
        " select * from unnest(%b::uuid[], %b::uuid[], %b::int8[], %b::int8[]) on conflict (user_id, channel_id)"
        " do update set read_seq = excluded.read_seq, threads_read_seq = excluded.threads_read_seq"
    )
    return [(statement, [*_columns(folded.joined), Int8s(folded.joins.values())])]


def _markers(schema: str, table: str, target: str, seqs: dict[tuple[UUID, UUID], int]) -> list[Write]:
    if not seqs:
        return []
    statement = (
        f"insert into {schema}.{table} as m (user_id, {target}, read_seq)"
        f" select * from unnest(%b::uuid[], %b::uuid[], %b::int8[]) on conflict (user_id, {target})"
        " do update set read_seq = greatest(m.read_seq, excluded.read_seq)"
    )
    return [(statement, _columns(seqs))]


def _mention_rows(schema: str, folded: _Folded) -> list[Write]:
    rows = []
    for message_id, mentions in folded.mentions.items():
        event, seq = folded.posted[message_id]
        on_page = event.parent_id is None or event.also_to_channel
        rows += [
            (message_id, user_id, event.channel_id, seq, event.parent_id, on_page)
            for user_id in mentions
            if user_id != event.author_id
        ]
    if not rows:
        return []
    statement = (
        f"insert into {schema}.mentions (message_id, user_id, channel_id, seq, parent_id, on_page)"
        " select * from unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int8[], %b::uuid[], %b::bool[])"
    )
    return [(statement, [list(column) for column in zip(*rows, strict=True)])]


def _older_mentions(schema: str, edited: dict[UUID, tuple[UUID, ...]]) -> list[Write]:
    """Messages from before the batch: their mentions are written anew; where they stand is in their first event."""
    if not edited:
        return []
    writes: list[Write] = [(f"delete from {schema}.mentions where message_id = any(%b)", [list(edited)])]
    pairs = [(message_id, user_id) for message_id, mentions in edited.items() for user_id in mentions]
    if pairs:
        statement = (
            f"insert into {schema}.mentions (message_id, user_id, channel_id, seq, parent_id, on_page)"
            " select u.message, u.person, first.feed_id, first.feed_seq, (first.body->>'parent_id')::uuid,"
            " first.body->>'parent_id' is null or coalesce((first.body->>'also_to_channel')::bool, false)"
            " from unnest(%b::uuid[], %b::uuid[]) as u(message, person) cross join lateral ("
            "  select convert_from(e.state, 'UTF8')::jsonb as body, e.feed_id, e.feed_seq from stored_events e"
            "  where e.originator_id = u.message and e.originator_version = 1) as first"
            " where (first.body->>'author_id')::uuid <> u.person"
        )
        writes.append((statement, [[p[0] for p in pairs], [p[1] for p in pairs]]))
    return writes


class Count(msgspec.Struct, frozen=True):
    """What is unread in one channel."""

    channel_id: UUID
    unread_count: int
    unread_capped: bool
    mention_count: int


class Counts(msgspec.Struct, frozen=True):
    """Counts, all true at one position."""

    channels: list[Count]
    position: int


class MyChannelRow(msgspec.Struct, frozen=True):
    channel: ChannelRow
    role: str
    level: str
    unread_count: int
    unread_capped: bool
    mention_count: int
    read_seq: int
    head_seq: int
    last_message: MessageRow | None


class MyChannels(msgspec.Struct, frozen=True):
    """A person's channels by name, all true at one position."""

    channels: list[MyChannelRow]
    position: int


_MINE = "memberships_v2.memberships m join unread_v2.markers k on k.user_id = m.user_id and k.channel_id = m.channel_id"

# Messages past the marker by index `messages_unread`, without a look at the table; at most SCANNED entries a channel.
_UNREAD = """
    cross join lateral (
        select least(count(*) filter (where s.author_id <> m.user_id), %(cap)b)::int as unread_count,
            count(*) filter (where s.author_id <> m.user_id) > %(cap)b or count(*) = %(scanned)b as unread_capped
        from (
            select t.author_id from timeline_v2.messages t
            where t.channel_id = m.channel_id and t.seq > k.read_seq and (t.parent_id is null or t.also_to_channel)
                and t.deleted_at is null
            order by t.seq limit %(scanned)b
        ) as s
    ) as u
"""

_THREAD_MARKER = "greatest(f.from_seq, coalesce(tm.read_seq, 0), k.threads_read_seq)"

# Four ranges, each by its index: by name on the page and in followed threads, @channel on the page and in followed threads.
# What stands on the page and in a followed thread is judged by the thread's marker.
_MENTIONS = f"""
    cross join lateral (
        select least(count(*), %(cap)b)::int as mention_count from (
            (select x.message_id from unread_v2.mentions x where x.user_id = m.user_id and x.channel_id = m.channel_id
                and x.on_page and x.seq > k.read_seq and not exists (select from threads_v2.follows f
                    where f.root_id = x.parent_id and f.user_id = m.user_id) limit %(cap)b)
            union
            (select x.message_id from threads_v2.follows f
                left join unread_v2.thread_markers tm on tm.user_id = f.user_id and tm.root_id = f.root_id
                join unread_v2.mentions x on x.user_id = f.user_id and x.parent_id = f.root_id and x.seq > {_THREAD_MARKER}
                where f.user_id = m.user_id and f.channel_id = m.channel_id limit %(cap)b)
            union
            (select t.message_id from timeline_v2.messages t where t.channel_id = m.channel_id and t.mentions_channel
                and t.deleted_at is null and t.seq > k.read_seq and (t.parent_id is null or t.also_to_channel)
                and t.author_id <> m.user_id and not exists (select from threads_v2.follows f
                    where f.root_id = t.parent_id and f.user_id = m.user_id) limit %(cap)b)
            union
            (select t.message_id from timeline_v2.messages t
                join threads_v2.follows f on f.root_id = t.parent_id and f.user_id = m.user_id
                left join unread_v2.thread_markers tm on tm.user_id = f.user_id and tm.root_id = f.root_id
                where t.channel_id = m.channel_id and t.mentions_channel and t.deleted_at is null
                and t.seq > k.threads_read_seq and t.author_id <> m.user_id and t.seq > {_THREAD_MARKER} limit %(cap)b)
        ) as distinct_ones
    ) as n
"""

_COUNTED = ("memberships_v2", "threads_v2", "timeline_v2", "unread_v2")
_COUNTS_POSITION = position_of(*_COUNTED)
_MINE_POSITION = position_of("channels_v2", *_COUNTED)


async def _counts(
    connection: AsyncConnection[Any], user_id: UUID, cap: int, channel_ids: Sequence[UUID] | None
) -> Counts:
    only = "" if channel_ids is None else "and m.channel_id = any(%(channels)b)"
    cursor = await connection.execute(
        f"select at.position, c.* from (select {_COUNTS_POSITION} as position) as at left join ("
        f" select m.channel_id, u.unread_count, u.unread_capped, n.mention_count from {_MINE} {_UNREAD} {_MENTIONS}"
        f" where m.user_id = %(me)b and m.left_position is null {only}) as c on true",
        {"me": user_id, "cap": cap, "scanned": cap * SCANNED_PER_COUNTED, "channels": list(channel_ids or ())},
        binary=True,
    )
    rows = await cursor.fetchall()
    return Counts([Count(*row[1:]) for row in rows if row[1] is not None], rows[0][0] or 0)


async def my_unread(connection: AsyncConnection[Any], user_id: UUID) -> Counts:
    """What is unread in each of the person's channels."""
    return await _counts(connection, user_id, LIST_CAP, None)


async def badges(
    connection: AsyncConnection[Any], user_id: UUID, channel_ids: Sequence[UUID], cap: int = CHANNEL_CAP
) -> Counts:
    """What is unread in these of the person's channels, with the cap of a single one."""
    return await _counts(connection, user_id, cap, channel_ids)


async def my_channels(connection: AsyncConnection[Any], user_id: UUID) -> MyChannels:
    """The person's channels by name, with counts, heads and last messages.

    The current memberships by index, then for each channel a bounded look into the indexes that the parts name.
    """
    cursor = await connection.execute(
        f"select at.position, x.* from (select {_MINE_POSITION} as position) as at left join ("
        f" select {channels.COLUMNS}, m.role, k.level, u.unread_count, u.unread_capped, n.mention_count, k.read_seq,"
        # The head of the feed at the checkpoint, from the log's own index.
        f" coalesce((select e.feed_seq from stored_events e where e.feed_id = m.channel_id"
        f" and e.notification_id <= {_MINE_POSITION} order by e.notification_id desc limit 1), 0) as head_seq, {timeline.COLUMNS}"
        f" from {_MINE} join channels_v2.channels c on c.channel_id = m.channel_id {_UNREAD} {_MENTIONS}"
        " left join lateral (select t.* from timeline_v2.messages t where t.channel_id = m.channel_id"
        " and (t.parent_id is null or t.also_to_channel) and t.deleted_at is null order by t.seq desc limit 1) as t on true"
        " where m.user_id = %(me)b and m.left_position is null"
        " order by c.name_folded, c.channel_id) as x on true",
        {"me": user_id, "cap": LIST_CAP, "scanned": LIST_CAP * SCANNED_PER_COUNTED},
        binary=True,
    )
    rows = await cursor.fetchall()
    return MyChannels([_to_mine(row[1:]) for row in rows if row[1] is not None], rows[0][0] or 0)


def _to_mine(columns: Sequence[Any]) -> MyChannelRow:
    size = len(ChannelRow.__struct_fields__)
    role, level, unread_count, unread_capped, mention_count, read_seq, head_seq = columns[size : size + 7]
    last = columns[size + 7 :]
    return MyChannelRow(
        channel=ChannelRow(*columns[:size]),
        role=role,
        level=level,
        unread_count=unread_count,
        unread_capped=unread_capped,
        mention_count=mention_count,
        read_seq=read_seq,
        head_seq=head_seq,
        last_message=timeline.to_row(last) if last[0] is not None else None,
    )
