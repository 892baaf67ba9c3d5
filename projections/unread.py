"""What is unread: read markers, levels and mentions, as the log sets them. Counted in `projections/unread_counts.py`.

Nothing is counted when a message is posted: a post into a channel of 100,000 members writes one row and those whom it
mentions by name. What is counted exactly: docs/unread.md.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from domain.decider import Recorded
from domain.membership import MemberJoined
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.reading import LevelSet, MarkedRead, MarkedUnread, ThreadFollowed, ThreadUnfollowed
from projections.columns import Bools, Int8s, Texts, Uuids
from projections.projection import Write

name = "unread"
version = 3


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.markers (
            user_id uuid not null, channel_id uuid not null, read_seq bigint not null,
            threads_read_seq bigint not null, threads_position bigint not null,
            threads_low_seq bigint not null, -- no followed thread's marker lies below it
            level text not null default 'all',
            has_own_threads bool not null default false, -- marked a thread, or followed or left one by hand, once
            primary key (user_id, channel_id)
        );
        create table {schema}.thread_markers (
            user_id uuid not null, root_id uuid not null, read_seq bigint not null,
            unread_position bigint not null, -- of the last mark_unread; 0 where there was none
            primary key (user_id, root_id)
        );
        create table {schema}.mentions (
            message_id uuid not null, user_id uuid not null, channel_id uuid not null, seq bigint not null,
            parent_id uuid, on_page bool not null, primary key (message_id, user_id)
        );
        -- Counting them, without a look at the table.
        create index mentions_unread on {schema}.mentions (user_id, channel_id, seq) include (parent_id, on_page);
    """


_Key = tuple[UUID, UUID]
"""A person, and a channel or a thread's root."""
_NONE = 2**62
"""A seq beyond all."""


class _Folded:
    """What a batch amounts to."""

    def __init__(self) -> None:
        self.joined: set[_Key] = set()
        self.marked: dict[_Key, tuple[bool, int]] = {}
        """Whether the marker is set here, whatever it was, or else moves forward to here."""
        self.all_threads: dict[_Key, tuple[int, int]] = {}
        """Of a channel: up to where its threads are read, and the position that says so."""
        self.lowest: dict[_Key, int] = {}
        """Of a channel: the lowest marker of a thread that was marked as unread since."""
        self.threads: dict[_Key, tuple[int, int]] = {}
        """A thread's marker, and the position of the mark_unread that set it; 0 where it moves forward to here."""
        self.levels: dict[_Key, str] = {}
        self.own_threads: set[_Key] = set()
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
            key, seq = (event.user_id, event.channel_id), recorded.seq or 0
            self.joined.add(key)
            self.marked[key] = (True, seq)
            self._set_threads(key, seq, recorded.position)
        elif isinstance(event, MarkedRead):
            self._mark(event, recorded.position)
        elif isinstance(event, MarkedUnread):
            self._mark_unread(event, recorded.position)
        elif isinstance(event, ThreadFollowed | ThreadUnfollowed):
            self.own_threads.add((event.user_id, event.channel_id))
        elif isinstance(event, LevelSet):
            self.levels[event.user_id, event.channel_id] = event.level.value

    def _rewrite(self, message_id: UUID, mentions: tuple[UUID, ...]) -> None:
        if message_id in self.posted:
            self.mentions[message_id] = mentions
        else:
            self.edited[message_id] = mentions

    def _mark(self, event: MarkedRead, position: int) -> None:
        if event.parent_id is not None:
            self.own_threads.add((event.user_id, event.channel_id))
            seq, unread_position = self.threads.get((event.user_id, event.parent_id), (0, 0))
            self.threads[event.user_id, event.parent_id] = (max(event.seq, seq), unread_position)
            return
        key = (event.user_id, event.channel_id)
        is_set, seq = self.marked.get(key, (False, 0))
        self.marked[key] = (is_set, max(event.seq, seq))
        if event.with_threads:
            self._set_threads(key, event.seq, position)

    def _set_threads(self, key: _Key, seq: int, position: int) -> None:
        self.all_threads[key] = (max(seq, self.all_threads.get(key, (0, 0))[0]), position)
        self.lowest.pop(key, None)

    def _mark_unread(self, event: MarkedUnread, position: int) -> None:
        key = (event.user_id, event.channel_id)
        if event.parent_id is None:
            self.marked[key] = (True, event.seq - 1)
            return
        self.own_threads.add(key)
        self.threads[event.user_id, event.parent_id] = (event.seq - 1, position)
        self.lowest[key] = min(event.seq - 1, self.lowest.get(key, _NONE))


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`."""
    folded = _Folded()
    for recorded in batch:
        folded.take(recorded)
    moved = (folded.marked.keys() | folded.all_threads.keys() | folded.lowest.keys()) - folded.joined
    return [
        *_joins(schema, folded),
        *_moves(schema, folded, sorted(moved)),
        *_threads(schema, folded.threads),
        *_levels(schema, folded.levels),
        *_own_threads(schema, folded.own_threads),
        *_mention_rows(schema, folded),
        *_older_mentions(schema, folded.edited),
    ]


def _keys(keys: Iterable[_Key]) -> list[list[Any]]:
    people, targets = zip(*keys, strict=True)
    return [Uuids(people), Uuids(targets)]


def _joins(schema: str, folded: _Folded) -> list[Write]:
    """A join sets both markers, and forgets those of an earlier membership; a mark after it may have moved one."""
    if not folded.joined:
        return []
    keys = sorted(folded.joined)
    statement = (
        f"insert into {schema}.markers (user_id, channel_id, read_seq, threads_read_seq, threads_position, threads_low_seq)"
        " select * from unnest(%b::uuid[], %b::uuid[], %b::int8[], %b::int8[], %b::int8[], %b::int8[])"
        " on conflict (user_id, channel_id) do update set read_seq = excluded.read_seq,"
        " threads_read_seq = excluded.threads_read_seq, threads_position = excluded.threads_position,"
        " threads_low_seq = excluded.threads_low_seq"
    )
    columns = (
        *_keys(keys),
        Int8s(folded.marked[key][1] for key in keys),
        Int8s(folded.all_threads[key][0] for key in keys),
        Int8s(folded.all_threads[key][1] for key in keys),
        Int8s(min(folded.all_threads[key][0], folded.lowest.get(key, _NONE)) for key in keys),
    )
    return [(statement, columns)]


def _moves(schema: str, folded: _Folded, keys: Sequence[_Key]) -> list[Write]:
    """Markers of people who were members before the batch, so their rows are there."""
    if not keys:
        return []
    statement = (
        f"update {schema}.markers m set"
        " read_seq = case when u.is_set then u.seq else greatest(m.read_seq, u.seq) end,"
        " threads_read_seq = greatest(m.threads_read_seq, u.threads),"
        " threads_position = greatest(m.threads_position, u.position),"
        " threads_low_seq = least(u.lowest, case when u.position > 0 then greatest(m.threads_read_seq, u.threads)"
        " else m.threads_low_seq end)"
        " from unnest(%b::uuid[], %b::uuid[], %b::bool[], %b::int8[], %b::int8[], %b::int8[], %b::int8[])"
        " as u(person, channel, is_set, seq, threads, position, lowest)"
        " where m.user_id = u.person and m.channel_id = u.channel"
    )
    marked = [folded.marked.get(key, (False, 0)) for key in keys]
    threads = [folded.all_threads.get(key, (0, 0)) for key in keys]
    columns = (
        *_keys(keys),
        Bools(mark[0] for mark in marked),
        Int8s(mark[1] for mark in marked),
        Int8s(mark[0] for mark in threads),
        Int8s(mark[1] for mark in threads),
        Int8s(folded.lowest.get(key, _NONE) for key in keys),
    )
    return [(statement, columns)]


def _threads(schema: str, threads: dict[_Key, tuple[int, int]]) -> list[Write]:
    if not threads:
        return []
    statement = (
        f"insert into {schema}.thread_markers as m (user_id, root_id, read_seq, unread_position)"
        " select * from unnest(%b::uuid[], %b::uuid[], %b::int8[], %b::int8[]) on conflict (user_id, root_id) do update set"
        " read_seq = case when excluded.unread_position > 0 then excluded.read_seq"
        " else greatest(m.read_seq, excluded.read_seq) end,"
        " unread_position = greatest(m.unread_position, excluded.unread_position)"
    )
    return [(statement, (*_keys(threads), *(Int8s(column) for column in zip(*threads.values(), strict=True))))]


def _levels(schema: str, levels: dict[_Key, str]) -> list[Write]:
    if not levels:
        return []
    statement = (
        f"update {schema}.markers m set level = u.level from unnest(%b::uuid[], %b::uuid[], %b::text[])"
        " as u(person, channel, level) where m.user_id = u.person and m.channel_id = u.channel"
    )
    return [(statement, (*_keys(levels), Texts(levels.values())))]


def _own_threads(schema: str, keys: set[_Key]) -> list[Write]:
    if not keys:
        return []
    statement = (
        f"update {schema}.markers m set has_own_threads = true from unnest(%b::uuid[], %b::uuid[]) as u(person, channel)"
        " where m.user_id = u.person and m.channel_id = u.channel and not m.has_own_threads"
    )
    return [(statement, tuple(_keys(sorted(keys))))]


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
