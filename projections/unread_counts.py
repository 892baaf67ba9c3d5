"""Counts of what is unread, made when they are asked for: by index, and not beyond a cap. Exactly: docs/unread.md.

unread_count    messages on the channel's page past the marker, not mine, not deleted
mention_count   those of what is unread that mention me or @channel: on the page past the channel's marker; a reply in a
                thread that I follow past the thread's marker
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from projections import channels, timeline
from projections.channels import ChannelRow
from projections.counting import (
    CHANNEL_CAP,
    LIST_CAP,
    MINE,
    OWN_MARKER,
    SCANNED_PER_COUNTED,
    THREAD_MARKER,
    count_of_others,
)
from projections.followed_threads import UNREAD_THREADS
from projections.projection import position_of
from projections.timeline import MessageRow


class Count(msgspec.Struct, frozen=True):
    """What is unread in one channel."""

    channel_id: UUID
    level: str
    unread_count: int
    unread_capped: bool
    mention_count: int


class Counts(msgspec.Struct, frozen=True):
    """Counts, all true at one position."""

    channels: list[Count]
    position: int


class UnreadThreads(msgspec.Struct, frozen=True):
    """How many of the followed threads have unread replies, and how many these are."""

    thread_count: int
    unread_count: int
    unread_capped: bool
    """There may be more of both."""


class Unread(msgspec.Struct, frozen=True):
    """Everything that is unread, all true at one position."""

    channels: list[Count]
    threads: UnreadThreads
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


# By index `messages_unread`.
_UNREAD = f"""
    cross join lateral ({
    count_of_others("t.channel_id = m.channel_id and t.seq > k.read_seq and (t.parent_id is null or t.also_to_channel)")
}) as u
"""


def _marker_of(root: str) -> str:
    """The marker of a thread that the person follows, else null: two look-ups by key.

    A scalar, so that the planner asks it for the few mentions, and does not look for the mentions of all that is followed.
    """
    return (
        f"(select {THREAD_MARKER} from threads_v2.follows f {OWN_MARKER}"
        f" where f.root_id = {root} and f.user_id = m.user_id and f.is_followed)"
    )


def _is_unread(root: str, seq: str, on_page: str) -> str:
    """Whether what stands there is unread: by the marker of a thread that is followed, else, on the page, by the channel's."""
    return (
        f"case when {root} is null then {seq} > k.read_seq"
        f" else coalesce({seq} > {_marker_of(root)}, {on_page} and {seq} > k.read_seq) end"
    )


def _is_named_unread(root: str, seq: str, on_page: str) -> str:
    """The same of a mention by name, mostly without a look at the thread.

    A reply that names somebody makes them follow its thread from before it. So where the person never set anything about
    threads of this channel by hand, the channel's "threads read" alone decides.
    """
    by_channel = f"{root} is not null and not k.has_own_threads"
    return f"case when {by_channel} then {seq} > k.threads_read_seq else {_is_unread(root, seq, on_page)} end"


# By name and with @channel: two ranges, each by its index. Who is named in a message for everybody is counted once.
_MENTIONS = f"""
    cross join lateral (
        select least(
            (select count(*) from (select from unread_v3.mentions x where x.user_id = m.user_id and x.channel_id = m.channel_id
                and x.seq > least(k.read_seq, k.threads_low_seq)
                and {_is_named_unread("x.parent_id", "x.seq", "x.on_page")} limit %(cap)b) as by_name)
            + (select count(*) from (select from timeline_v2.messages t where t.channel_id = m.channel_id and t.mentions_channel
                and t.deleted_at is null and t.seq > least(k.read_seq, k.threads_low_seq) and t.author_id <> m.user_id
                and {_is_unread("t.parent_id", "t.seq", "t.also_to_channel")}
                and not exists (select from unread_v3.mentions x where x.message_id = t.message_id and x.user_id = m.user_id)
                limit %(cap)b) as with_everybody),
            %(cap)b)::int as mention_count
    ) as n
"""

_COUNTED = ("memberships_v2", "threads_v2", "timeline_v2", "unread_v3")
_COUNTS_POSITION = position_of(*_COUNTED)
_MINE_POSITION = position_of("channels_v2", "reactions_v1", *_COUNTED)


_CHANNEL_COUNTS = (
    "select m.channel_id, k.level, u.unread_count, u.unread_capped, n.mention_count"
    f" from {MINE} {_UNREAD} {_MENTIONS} where m.user_id = %(me)b and m.left_position is null"
)


async def my_unread(connection: AsyncConnection[Any], user_id: UUID) -> Unread:
    """What is unread in each of the person's channels, and in the threads that they follow there."""
    cursor = await connection.execute(
        f"select coalesce({_COUNTS_POSITION}, 0), h.*, c.* from ({UNREAD_THREADS}) as h"
        f" left join ({_CHANNEL_COUNTS}) as c on true order by c.channel_id",
        {"me": user_id, "cap": LIST_CAP, "scanned": LIST_CAP * SCANNED_PER_COUNTED},
        binary=True,
    )
    rows = await cursor.fetchall()
    threads = UnreadThreads(*rows[0][1:4])
    return Unread([Count(*row[4:]) for row in rows if row[4] is not None], threads, rows[0][0])


async def badges(
    connection: AsyncConnection[Any], user_id: UUID, channel_ids: Sequence[UUID], cap: int = CHANNEL_CAP
) -> Counts:
    """What is unread in these of the person's channels, with the cap of a single one."""
    cursor = await connection.execute(
        f"select at.position, c.* from (select coalesce({_COUNTS_POSITION}, 0) as position) as at"
        f" left join ({_CHANNEL_COUNTS} and m.channel_id = any(%(channels)b)) as c on true",
        {"me": user_id, "cap": cap, "scanned": cap * SCANNED_PER_COUNTED, "channels": list(channel_ids)},
        binary=True,
    )
    rows = await cursor.fetchall()
    return Counts([Count(*row[1:]) for row in rows if row[1] is not None], rows[0][0])


async def my_channels(connection: AsyncConnection[Any], user_id: UUID) -> MyChannels:
    """The person's channels by name, with counts, heads and last messages.

    The current memberships by index, then for each channel a bounded look into the indexes that the parts name.
    """
    cursor = await connection.execute(
        f"select at.position, x.* from (select {_MINE_POSITION} as position) as at left join ("
        f" select {channels.COLUMNS}, m.role, k.level, u.unread_count, u.unread_capped, n.mention_count, k.read_seq,"
        # The head of the feed at the checkpoint, from the log's own index. `+ 0` keeps the position out of the index condition,
        # which PostgreSQL would check for every entry of the page: four times as slow, and the newest entry mostly holds.
        f" coalesce((select e.feed_seq from stored_events e where e.feed_id = m.channel_id"
        f" and e.notification_id + 0 <= {_MINE_POSITION} order by e.notification_id desc limit 1), 0) as head_seq,"
        f" {timeline.COLUMNS}"
        f" from {MINE} join channels_v2.channels c on c.channel_id = m.channel_id {_UNREAD} {_MENTIONS}"
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
