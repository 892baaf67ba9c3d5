"""The parts of queries that count what is unread, and how far they count. Exactly what is counted: docs/unread.md."""

LIST_CAP = 100
CHANNEL_CAP = 1_000
SCANNED_PER_COUNTED = 20
"""Own messages are passed over; after so many entries a unit of the cap, the count says that there may be more."""

MINE = "memberships_v2.memberships m join unread_v3.markers k on k.user_id = m.user_id and k.channel_id = m.channel_id"


def mentions_capped(mention_count: int, cap: int) -> bool:
    """Whether there may be more mentions than the count says: the queries stop at the cap, and do not look beyond."""
    return mention_count >= cap


def count_of_others(where: str) -> str:
    """In a query: how many of these messages `t` by seq are not `me`'s, up to `cap`, and whether there may be more.

    An index that has the author along serves, without a look at the table: it is read up to the first message beyond the
    cap, and not beyond `scanned` entries, of which one's own may be many.
    """
    scan = f"select t.author_id from timeline_v2.messages t where {where} and t.deleted_at is null order by t.seq"
    return (
        "select least(n.others, %(cap)b)::int as unread_count,"
        f" n.others > %(cap)b or exists ({scan} offset %(scanned)b - 1 limit 1) as unread_capped"
        " from (select count(*) as others from (select from"
        f" ({scan} limit %(scanned)b) as s where s.author_id <> %(me)b limit %(cap)b + 1) as counted) as n"
    )


THREAD_MARKER = (
    "greatest(coalesce(tm.read_seq, 0),"
    " case when f.started_position >= coalesce(tm.unread_position, 0) then f.from_seq end,"
    " case when k.threads_position >= coalesce(tm.unread_position, 0) then k.threads_read_seq end)"
)
"""Of a followed thread `f`, its own marker `tm` (perhaps none) and the channel's `k`: the latest of what was set since the
thread was last marked as unread."""
OWN_MARKER = "left join unread_v3.thread_markers tm on tm.user_id = f.user_id and tm.root_id = f.root_id"
