"""The threads that a person follows in their channels, with what is unread in them. Exactly: docs/unread.md."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from projections import timeline
from projections.counting import LIST_CAP, MINE, OWN_MARKER, SCANNED_PER_COUNTED, THREAD_MARKER, count_of_others
from projections.projection import position_of
from projections.timeline import MessageRow


class ThreadsAfter(msgspec.Struct, frozen=True):
    """Where the next page begins. A thread's place is its last reply at the position of the first page, deleted or not, so
    that nothing which happens meanwhile moves it.
    """

    position: int
    place: int


class ThreadRow(msgspec.Struct, frozen=True):
    root: MessageRow
    unread_count: int
    unread_capped: bool
    mention_count: int
    read_seq: int
    place: int


class Threads(msgspec.Struct, frozen=True):
    """A page of threads, newest activity first, all true at one position."""

    threads: list[ThreadRow]
    position: int
    further: ThreadsAfter | None


_THREADS = (
    f"{MINE} join threads_v2.follows f on f.user_id = m.user_id and f.channel_id = m.channel_id and f.is_followed"
    f" {OWN_MARKER}"
    # One look-up by key for each: the planner would rather read all threads there are.
    " left join lateral (select last.* from threads_v2.threads last where last.root_id = f.root_id limit 1) as th on true"
)

# What came after the first page is passed over: the newest reply before it by index `messages_replies`, and where there is
# none, the root. Of all others the view of threads knows it.
_PLACE = """
    case when th.last_position <= first.position then th.last_position else coalesce(
        (select r.position from timeline_v2.messages r where r.parent_id = f.root_id and r.position <= first.position
            order by r.seq desc limit 1),
        (select r.position from timeline_v2.messages r where r.message_id = f.root_id and r.position <= first.position)
    ) end
"""

# By index `messages_unread_replies`.
_IS_UNREAD = f"""
    th.last_seq > {THREAD_MARKER} and exists (select from timeline_v2.messages t where t.parent_id = f.root_id
        and t.seq > {THREAD_MARKER} and t.deleted_at is null and t.author_id <> m.user_id)
"""

_COUNTS = f"""
    cross join lateral ({count_of_others("t.parent_id = page.root_id and t.seq > page.marker")}) as u
    cross join lateral (
        select least(count(*), %(cap)b)::int as mention_count from (
            (select x.message_id from unread_v3.mentions x where x.user_id = %(me)b and x.channel_id = page.channel_id
                and x.parent_id = page.root_id and x.seq > page.marker limit %(cap)b)
            union
            (select t.message_id from timeline_v2.messages t where t.channel_id = page.channel_id and t.mentions_channel
                and t.deleted_at is null and t.seq > page.marker and t.parent_id = page.root_id
                and t.author_id <> %(me)b limit %(cap)b)
        ) as distinct_ones
    ) as n
"""

_POSITION = position_of("memberships_v2", "reactions_v1", "threads_v2", "timeline_v2", "unread_v3")


async def my_threads(
    connection: AsyncConnection[Any], user_id: UUID, *, after: ThreadsAfter | None, only_unread: bool, limit: int
) -> Threads:
    """The threads that the person follows in their channels, newest activity first; a deleted root with no reply left is none.

    Every follow by index `follows_user_id_channel_id_idx`, each with two look-ups by key; what is counted, only for the page.
    """
    unread = f"and {_IS_UNREAD}" if only_unread else ""
    cursor = await connection.execute(
        f"select at.position, x.* from (select coalesce({_POSITION}, 0) as position) as at left join lateral ("
        f" select {timeline.COLUMNS}, u.unread_count, u.unread_capped, n.mention_count, page.marker, page.place"
        # Sorted first, so that a root is looked at only until the page is full.
        " from (select s.* from ("
        f"  select f.root_id, f.channel_id, {THREAD_MARKER} as marker, {_PLACE} as place"
        f"  from {_THREADS} cross join (select coalesce(%(position)b::int8, at.position) as position) as first"
        f"  where m.user_id = %(me)b and m.left_position is null {unread} order by place desc offset 0) as s"
        "  cross join lateral (select r.deleted_at, r.reply_count from timeline_v2.messages r"
        "  where r.message_id = s.root_id limit 1) as root"
        "  where s.place < %(place)b and (root.deleted_at is null or root.reply_count > 0)"
        "  order by s.place desc limit %(limit)b) as page"
        f" join timeline_v2.messages t on t.message_id = page.root_id {_COUNTS}"
        " order by page.place desc) as x on true order by x.place desc",
        {
            "me": user_id,
            "cap": LIST_CAP,
            "scanned": LIST_CAP * SCANNED_PER_COUNTED,
            "position": after.position if after else None,
            "place": after.place if after else 2**62,
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    position = rows[0][0]
    found = [_to_thread(row[1:]) for row in rows if row[1] is not None]
    further = None
    if len(found) > limit:
        further = ThreadsAfter(after.position if after else position, found[limit - 1].place)
    return Threads(found[:limit], position, further)


def _to_thread(columns: Sequence[Any]) -> ThreadRow:
    unread_count, unread_capped, mention_count, read_seq, place = columns[-5:]
    return ThreadRow(timeline.to_row(columns[:-5]), unread_count, unread_capped, mention_count, read_seq, place)


UNREAD_THREADS = f"""
    select least(count(*) filter (where unread_count > 0), %(cap)b)::int as thread_count,
        least(coalesce(sum(unread_count), 0), %(cap)b)::int as unread_count,
        count(*) > %(cap)b or coalesce(sum(unread_count) > %(cap)b or bool_or(unread_capped), false) as unread_capped
    from (
        select u.* from (
            select f.root_id, {THREAD_MARKER} as marker from {_THREADS}
            where m.user_id = %(me)b and m.left_position is null and th.last_seq > {THREAD_MARKER}
        ) as s cross join lateral ({count_of_others("t.parent_id = s.root_id and t.seq > s.marker")}) as u
        where u.unread_count > 0 or u.unread_capped limit %(cap)b + 1
    ) as counted
"""
