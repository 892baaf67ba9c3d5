"""A workspace as large as one likes, made from the shared corpus: its people, channels, threads and words, many times over.

Each copy of the corpus is posted into one of `GROUPS` sets of channels, with threads of its own. Some words of a copy are its
own too, so that the vocabulary grows with the log, as a real one does; and each message has a word that nobody else uses.
What is written are the events that the domain would have made; they go into the log by COPY, positions and seqs included.
"""

import functools
import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

from psycopg import AsyncConnection

from benchmarks.catchup import build_views
from benchmarks.filling import AT
from benchmarks.support import ROOT, Plan, create_database, new_id, run_loop
from domain import catalog
from domain.channel import ChannelCreated
from domain.channel_state import ChannelKind, Role
from domain.decider import Event, Recorded, Unknown
from domain.ids import WORKSPACE_FEED, channel_name_id, fold_name, membership_id, reaction_id, reading_id, user_name_id
from domain.membership import MemberJoined
from domain.mentions import EVERYBODY, mentioned_names
from domain.message import MessageDeleted, MessageEdited, MessagePosted
from domain.name_claim import NameClaimed
from domain.reaction import ReactionAdded
from domain.reading import MarkedRead
from domain.user import UserRegistered
from sermo import log
from sermo.importer import SourceMessage, read_source
from sermo.migrate import migrate

CORPUS = ROOT.parent / "shared" / "data" / "zulip-2021q4.ndjson.gz"
CORPUS_MESSAGES = 28_635
MESSAGES = 1_000_000
BUILD_DEADLINE_S = 1_800.0
"""For the views."""
GROUPS = 5
READERS = 10
READ_CHANNELS = 100
OVER_CAP = 10
"""So many of a reader's channels were never read; of the others at most `UNREAD` messages are left."""
UNREAD = 20
EMOJI = ("👍", "🎉", "❤️", "😄", ":party:")
VARIED_OF = 16
"""Of a copy's words one in so many is its own."""


class Town:
    """The workspace, as far as it has been made. `events` makes it."""

    def __init__(self, source: Path, copies: int) -> None:
        self._messages = [message for _, message in read_source(source)]
        self._copies = copies
        self._position = 0
        self._versions: dict[UUID, int] = {}
        self._seqs: dict[UUID, int] = {}
        self._pages: dict[UUID, list[int]] = {}
        """Of each channel, the seqs of the newest messages on its page."""
        counted = Counter(message.author for message in self._messages)
        self.people = {author: new_id() for author, _ in counted.most_common()}
        self._everybody = list(self.people.values())
        self.readers = list(self.people.values())[:READERS]
        """The busiest people, who are in `READ_CHANNELS` channels each."""
        names = Counter(message.channel for message in self._messages)
        self.channels = {(name, group): new_id() for name, _ in names.most_common() for group in range(GROUPS)}
        """The largest first."""
        self.posted = 0

    def events(self) -> Iterator[Recorded]:
        """Everything that happens, in order."""
        yield from self._register()
        yield from self._found()
        for copy in range(self._copies):
            yield from self._talk(copy)
        yield from self._read()

    def _record(self, stream_id: UUID, event: Event, feed_id: UUID | None) -> Recorded:
        self._position += 1
        version = self._versions[stream_id] = self._versions.get(stream_id, 0) + 1
        seq = None
        if feed_id is not None:
            seq = self._seqs[feed_id] = self._seqs.get(feed_id, 0) + 1
        return Recorded(self._position, stream_id, version, event, feed_id, seq, AT + timedelta(seconds=self._position))

    def _register(self) -> Iterator[Recorded]:
        for author, user_id in self.people.items():
            registered = UserRegistered(user_id=user_id, username=author, display_name=author, registered_at=AT)
            yield self._record(user_id, registered, WORKSPACE_FEED)
            claimed = NameClaimed(name=author, holder_id=user_id, at=AT)
            yield self._record(user_name_id(author), claimed, None)

    def _found(self) -> Iterator[Recorded]:
        members: dict[str, dict[UUID, None]] = {}
        for message in self._messages:
            members.setdefault(message.channel, {})[self.people[message.author]] = None
        for place, ((source, group), channel_id) in enumerate(self.channels.items()):
            there = {user_id: None for user_id in members[source] if user_id not in self.readers}
            if place < READ_CHANNELS:
                there.update(dict.fromkeys(self.readers))
            name = f"{source}-{group}"
            owner, kind = next(iter(there)), ChannelKind.PUBLIC
            created = ChannelCreated(
                channel_id=channel_id, kind=kind, name=name, topic="", created_by=owner, created_at=AT
            )
            yield self._record(channel_id, created, WORKSPACE_FEED)
            yield self._record(channel_name_id(name), NameClaimed(name=name, holder_id=channel_id, at=AT), None)
            for user_id in there:
                role = Role.OWNER if user_id == owner else Role.MEMBER
                joined = MemberJoined(
                    channel_id=channel_id, user_id=user_id, role=role, kind=kind, name=name, topic="", at=AT
                )
                yield self._record(membership_id(channel_id, user_id), joined, channel_id)

    @functools.cached_property
    def _mentions(self) -> list[tuple[tuple[UUID, ...], bool]]:
        found = []
        known = {fold_name(name): user_id for name, user_id in self.people.items()}
        for message in self._messages:
            names = mentioned_names(message.content)
            found.append((tuple(known[name] for name in names if name in known), EVERYBODY in names))
        return found

    def _talk(self, copy: int) -> Iterator[Recorded]:
        roots: dict[tuple[str, str], UUID] = {}
        for message, (mentions, mentions_channel) in zip(self._messages, self._mentions, strict=True):
            channel_id, message_id = self.channels[message.channel, copy % GROUPS], new_id()
            root_id = roots.setdefault((message.channel, message.thread), message_id)
            self.posted += 1
            posted = MessagePosted(
                channel_id=channel_id,
                author_id=self.people[message.author],
                content=f"{_varied(message.content, copy)} ref{self.posted:x}",
                created_at=AT + timedelta(seconds=self._position),
                parent_id=None if root_id == message_id else root_id,
                also_to_channel=root_id != message_id and self.posted % 3 == 0,
                mentions=mentions,
                mentions_channel=mentions_channel,
            )
            recorded = self._record(message_id, posted, channel_id)
            if posted.parent_id is None or posted.also_to_channel:
                assert recorded.seq is not None, "on its channel's feed"
                self._pages.setdefault(channel_id, []).append(recorded.seq)
                del self._pages[channel_id][: -UNREAD - 1]
            yield recorded
            yield from self._change(message, message_id, posted)
            yield from self._react(message_id, posted)

    def _change(self, message: SourceMessage, message_id: UUID, posted: MessagePosted) -> Iterator[Recorded]:
        """Now and then a message is edited or deleted."""
        at = posted.created_at + timedelta(minutes=1)
        if self.posted % 100 == 50:
            edited = MessageEdited(
                channel_id=posted.channel_id,
                content=f"{posted.content} (edited)",
                by=posted.author_id,
                at=at,
                mentions=posted.mentions,
                mentions_channel=posted.mentions_channel,
            )
            yield self._record(message_id, edited, posted.channel_id)
        elif self.posted % 200 == 99:
            deleted = MessageDeleted(channel_id=posted.channel_id, by=self.people[message.author], at=at)
            yield self._record(message_id, deleted, posted.channel_id)

    def _react(self, message_id: UUID, posted: MessagePosted) -> Iterator[Recorded]:
        """Every eighth message has reactions, of one to four people."""
        if self.posted % 8:
            return
        for place in range(1 + self.posted // 8 % 4):
            user_id = self._everybody[(self.posted + place) % len(self._everybody)]
            added = ReactionAdded(
                channel_id=posted.channel_id,
                message_id=message_id,
                user_id=user_id,
                emoji=EMOJI[(self.posted // 8 + place // 2) % len(EMOJI)],
                at=posted.created_at + timedelta(minutes=2),
            )
            yield self._record(reaction_id(message_id, user_id), added, posted.channel_id)

    def _read(self) -> Iterator[Recorded]:
        for user_id in self.readers:
            for channel_id in list(self.channels.values())[OVER_CAP:READ_CHANNELS]:
                marked = MarkedRead(
                    user_id=user_id,
                    channel_id=channel_id,
                    seq=self._pages[channel_id][0],
                    at=AT + timedelta(seconds=self._position),
                    with_threads=True,
                )
                yield self._record(reading_id(user_id, channel_id), marked, user_id)


def _varied(content: str, copy: int) -> str:
    return " ".join(_own(word, copy) for word in content.split(" "))


@functools.lru_cache(maxsize=200_000)
def _own(word: str, copy: int) -> str:
    is_own = word.isalpha() and crc32(word.encode()) % VARIED_OF == copy % VARIED_OF
    return f"{word}{chr(97 + copy % 26)}{copy // 26 or ''}" if is_own else word


async def write(connection: AsyncConnection[Any], events: Iterable[Recorded]) -> int:
    """Put these into an empty log; how many they were."""
    count = 0
    columns = "originator_id, originator_version, topic, state, notification_id, feed_id, feed_seq, recorded_at"
    await connection.execute("set statement_timeout = 0")
    async with (
        connection.cursor() as cursor,
        cursor.copy(f"copy stored_events ({columns}) from stdin (format binary)") as copy,
    ):
        copy.set_types(["uuid", "int8", "text", "bytea", "int8", "uuid", "int8", "timestamptz"])
        for e in events:
            assert not isinstance(e.event, Unknown), "made here"
            topic, state = catalog.encode(e.event)
            await copy.write_row((e.stream_id, e.version, topic, state, e.position, e.feed_id, e.seq, e.recorded_at))
            count += 1
    return count


def make_town(
    server: str, plan: Plan, events: Callable[[Town], Iterator[Recorded]] = Town.events
) -> tuple[str, Town, int]:
    """A database with a town's log of a million messages and the views of it: its conninfo, the town, how many events."""
    dsn = create_database(server, "town")
    migrate(dsn)
    town = Town(CORPUS, -(-MESSAGES // CORPUS_MESSAGES) if not plan.quick else GROUPS)

    async def fill() -> int:
        async with await log.connect(dsn) as connection:
            return await write(connection, events(town))

    size: int = run_loop(fill())
    plan.tell(f"made a log of {size:,} events, {town.posted:,} messages of them")
    plan.tell(f"built the views in {run_loop(build_views(dsn, size, deadline_s=BUILD_DEADLINE_S)):.0f} s")
    gc.freeze()  # the town's own objects: a collection that walks them is no part of what is measured
    return dsn, town, size
