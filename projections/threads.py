"""Threads: the replies of a message, and who follows it.

Who is mentioned by name in a reply, or writes one, follows the thread from just before the earliest such reply. A choice by
hand wins: after it no reply is a reason any more.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.message import MessageEdited, MessagePosted
from domain.reading import ThreadFollowed, ThreadUnfollowed
from projections.columns import Int8s, Uuids
from projections.projection import Write
from projections.timeline import Page, read_window

name = "threads"
version = 2


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.follows (
            root_id uuid not null, user_id uuid not null, channel_id uuid not null,
            from_seq bigint not null, -- what comes after it counts
            started_position bigint not null default 0, -- where a follow by hand set it
            is_followed bool not null default true, is_chosen bool not null default false,
            primary key (root_id, user_id)
        );
        create index on {schema}.follows (user_id, channel_id) where is_followed;
        -- The last reply of each root that has any, deleted or not: where the thread stands among others.
        create table {schema}.threads (
            root_id uuid primary key, last_seq bigint not null, last_position bigint not null
        ) with (fillfactor = 85);
    """


_Key = tuple[UUID, UUID]
"""A thread's root and a person."""


class _Folded:
    """What a batch amounts to."""

    def __init__(self) -> None:
        self.reasons: dict[_Key, tuple[UUID, int]] = {}
        """Channel, and just before the earliest reply that is a reason."""
        self.replies: dict[UUID, tuple[UUID, UUID, int] | None] = {}
        self.last: dict[UUID, tuple[int, int]] = {}
        """Of a root, seq and position of the last reply."""
        self.edits: list[tuple[UUID, UUID, int]] = []
        """A message from before the batch, whom it mentions now, and the position."""
        self.chosen: dict[_Key, int] = {}
        """The position of the first choice in the batch: what comes after it is no reason."""
        self.unfollowed: dict[_Key, UUID] = {}
        self.followed: dict[_Key, tuple[UUID, int, int]] = {}
        """What the last choice is: channel, the head, and the position."""

    def take(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, MessagePosted):
            place = self.replies[recorded.stream_id] = (
                None if event.parent_id is None else (event.parent_id, event.channel_id, (recorded.seq or 0) - 1)
            )
            if place is not None:
                self.last[place[0]] = (recorded.seq or 0, recorded.position)
                self._follow((event.author_id, *event.mentions), *place)
        elif isinstance(event, MessageEdited) and event.mentions:
            if recorded.stream_id not in self.replies:
                self.edits += [(recorded.stream_id, user_id, recorded.position) for user_id in event.mentions]
            elif (place := self.replies[recorded.stream_id]) is not None:
                self._follow(event.mentions, *place)
        elif isinstance(event, ThreadFollowed):
            key = (event.parent_id, event.user_id)
            self.chosen.setdefault(key, recorded.position)
            self.followed[key] = (event.channel_id, event.from_seq, recorded.position)
        elif isinstance(event, ThreadUnfollowed):
            key = (event.parent_id, event.user_id)
            self.chosen.setdefault(key, recorded.position)
            self.followed.pop(key, None)
            self.unfollowed[key] = event.channel_id

    def _follow(self, user_ids: Sequence[UUID], root_id: UUID, channel_id: UUID, from_seq: int) -> None:
        for user_id in user_ids:
            key = (root_id, user_id)
            known = self.reasons.get(key)
            if key not in self.chosen and (known is None or from_seq < known[1]):
                self.reasons[key] = (channel_id, from_seq)


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. Of reasons the earliest reply counts, in whatever order they come; then what was chosen by hand."""
    folded = _Folded()
    for recorded in batch:
        folded.take(recorded)
    return [
        *_last(schema, folded.last),
        *_follow(schema, folded.reasons),
        *_follow_older(schema, folded),
        *_unfollow(schema, folded.unfollowed),
        *_choose(schema, folded.followed),
    ]


def _last(schema: str, last: dict[UUID, tuple[int, int]]) -> list[Write]:
    if not last:
        return []
    statement = (
        f"insert into {schema}.threads select * from unnest(%b::uuid[], %b::int8[], %b::int8[])"
        " on conflict (root_id) do update set last_seq = excluded.last_seq, last_position = excluded.last_position"
    )
    seqs, positions = zip(*last.values(), strict=True)
    return [(statement, (Uuids(last), Int8s(seqs), Int8s(positions)))]


_EARLIEST = (
    "on conflict (root_id, user_id) do update set from_seq = excluded.from_seq"
    " where not f.is_chosen and f.from_seq > excluded.from_seq"
)


def _keys(keys: Iterable[_Key]) -> list[list[Any]]:
    roots, people = zip(*keys, strict=True)
    return [Uuids(roots), Uuids(people)]


def _follow(schema: str, reasons: dict[_Key, tuple[UUID, int]]) -> list[Write]:
    if not reasons:
        return []
    statement = (
        f"insert into {schema}.follows as f (root_id, user_id, channel_id, from_seq)"
        f" select * from unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int8[]) {_EARLIEST}"
    )
    places = reasons.values()
    return [(statement, (*_keys(reasons), Uuids(p[0] for p in places), Int8s(p[1] for p in places)))]


def _follow_older(schema: str, folded: _Folded) -> list[Write]:
    """An edit of an older reply mentions somebody: where the reply stands is in its first event."""
    if not folded.edits:
        return []
    statement = (
        f"insert into {schema}.follows as f (root_id, user_id, channel_id, from_seq)"
        " select first.root, u.person, first.feed_id, min(first.feed_seq) - 1"
        " from unnest(%b::uuid[], %b::uuid[], %b::int8[]) as u(message, person, position) cross join lateral ("
        "  select (convert_from(e.state, 'UTF8')::jsonb->>'parent_id')::uuid as root, e.feed_id, e.feed_seq"
        "  from stored_events e where e.originator_id = u.message and e.originator_version = 1) as first"
        " where first.root is not null and not exists ("
        "  select from unnest(%b::uuid[], %b::uuid[], %b::int8[]) as c(root, person, position)"
        "  where c.root = first.root and c.person = u.person and c.position < u.position)"
        f" group by 1, 2, 3 {_EARLIEST}"
    )
    messages, people, positions = zip(*folded.edits, strict=True)
    chosen = _keys(folded.chosen) if folded.chosen else [Uuids(), Uuids()]
    edits = (Uuids(messages), Uuids(people), Int8s(positions))
    return [(statement, (*edits, *chosen, Int8s(folded.chosen.values())))]


def _unfollow(schema: str, unfollowed: dict[_Key, UUID]) -> list[Write]:
    """Also of those who follow again later in the batch: they start anew."""
    if not unfollowed:
        return []
    statement = (
        f"insert into {schema}.follows (root_id, user_id, channel_id, from_seq, is_followed, is_chosen)"
        " select u.*, 0, false, true from unnest(%b::uuid[], %b::uuid[], %b::uuid[]) as u"
        " on conflict (root_id, user_id) do update set from_seq = 0, started_position = 0, is_followed = false, is_chosen = true"
    )
    return [(statement, (*_keys(unfollowed), Uuids(unfollowed.values())))]


def _choose(schema: str, followed: dict[_Key, tuple[UUID, int, int]]) -> list[Write]:
    """Who follows the thread already keeps the earlier start."""
    if not followed:
        return []
    statement = (
        f"insert into {schema}.follows as f (root_id, user_id, channel_id, from_seq, started_position, is_chosen)"
        " select u.*, true from unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int8[], %b::int8[]) as u"
        " on conflict (root_id, user_id) do update set is_followed = true, is_chosen = true,"
        " from_seq = case when f.is_followed then f.from_seq else excluded.from_seq end,"
        " started_position = case when f.is_followed then f.started_position else excluded.started_position end"
    )
    channels, seqs, positions = zip(*followed.values(), strict=True)
    return [(statement, (*_keys(followed), Uuids(channels), Int8s(seqs), Int8s(positions)))]


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
