"""Threads: the replies of a message, and who follows it.

Who is mentioned by name in a reply, or writes one, follows the thread from just before the earliest such reply.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.message import MessageEdited, MessagePosted
from projections.columns import Int8s, Uuids
from projections.projection import Write
from projections.timeline import Page, read_window

name = "threads"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.follows (
            root_id uuid not null, user_id uuid not null, channel_id uuid not null, from_seq bigint not null,
            primary key (root_id, user_id)
        );
        create index on {schema}.follows (user_id, channel_id);
    """


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. The earliest reply that is a reason counts, in whatever order the reasons come."""
    follows: dict[tuple[UUID, UUID], tuple[UUID, int]] = {}
    replies: dict[UUID, tuple[UUID, UUID, int] | None] = {}
    edits: list[tuple[UUID, UUID]] = []

    def follow(user_id: UUID, root_id: UUID, channel_id: UUID, from_seq: int) -> None:
        known = follows.get((root_id, user_id))
        if known is None or from_seq < known[1]:
            follows[root_id, user_id] = (channel_id, from_seq)

    for recorded in batch:
        event = recorded.event
        if isinstance(event, MessagePosted):
            place = replies[recorded.stream_id] = (
                None if event.parent_id is None else (event.parent_id, event.channel_id, (recorded.seq or 0) - 1)
            )
            if place is not None:
                for user_id in (event.author_id, *event.mentions):
                    follow(user_id, *place)
        elif isinstance(event, MessageEdited) and event.mentions:
            if recorded.stream_id not in replies:
                edits += [(recorded.stream_id, user_id) for user_id in event.mentions]
            elif (place := replies[recorded.stream_id]) is not None:
                for user_id in event.mentions:
                    follow(user_id, *place)
    return [*_follow(schema, follows), *_follow_older(schema, edits)]


_EARLIEST = (
    "on conflict (root_id, user_id) do update set from_seq = excluded.from_seq where f.from_seq > excluded.from_seq"
)


def _follow(schema: str, follows: dict[tuple[UUID, UUID], tuple[UUID, int]]) -> list[Write]:
    if not follows:
        return []
    statement = (
        f"insert into {schema}.follows as f (root_id, user_id, channel_id, from_seq)"
        f" select * from unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int8[]) {_EARLIEST}"
    )
    places = follows.values()
    columns = (
        Uuids(k[0] for k in follows),
        Uuids(k[1] for k in follows),
        Uuids(p[0] for p in places),
        Int8s(p[1] for p in places),
    )
    return [(statement, columns)]


def _follow_older(schema: str, edits: list[tuple[UUID, UUID]]) -> list[Write]:
    """An edit of an older reply mentions somebody: where the reply stands is in its first event."""
    if not edits:
        return []
    statement = (
        f"insert into {schema}.follows as f (root_id, user_id, channel_id, from_seq)"
        " select (first.body->>'parent_id')::uuid, u.person, first.feed_id, min(first.feed_seq) - 1"
        " from unnest(%b::uuid[], %b::uuid[]) as u(message, person) cross join lateral ("
        "  select convert_from(e.state, 'UTF8')::jsonb as body, e.feed_id, e.feed_seq from stored_events e"
        "  where e.originator_id = u.message and e.originator_version = 1) as first"
        f" where first.body->>'parent_id' is not null group by 1, 2, 3 {_EARLIEST}"
    )
    return [(statement, [[e[0] for e in edits], [e[1] for e in edits]])]


async def replies(
    connection: AsyncConnection[Any],
    message_id: UUID,
    for_user: UUID,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> Page | None:
    """The replies of a message by seq, newest without a seq; None where the person may not see it."""
    return await read_window(
        connection,
        is_thread=True,
        target=message_id,
        for_user=for_user,
        before=before,
        after=after,
        around=None,
        limit=limit,
    )
