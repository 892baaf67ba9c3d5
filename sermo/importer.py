"""Import a community's chat: people, public channels, memberships, messages and threads, through the normal deciders.

The source is NDJSON (plain or .gz), one message a line: id, channel, thread, author, sent_at, content. The first message of
a (channel, thread) in the file's order is the thread's root, the rest are its replies. Ids are version 8, derived from the
source's, so a second import adds nothing and a killed one goes on where it stopped. The file is read twice: once to check
every line, so that a bad one is told before anything is written, and once to post.

The states are the importer's own, brought forward by its own decisions: it appends in the file's order, many commands at a
time, and what another writer moved meanwhile is found by the append function, as always.
"""

import asyncio
import functools
import gzip
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from domain import catalog
from domain.channel import CreateChannel
from domain.channel_state import ChannelKind, MembershipState
from domain.decider import Command, Loaded, State
from domain.errors import NameTaken, Refusal, Unavailable
from domain.ids import imported_id, membership_id
from domain.membership import JoinChannel
from domain.message import MessageState, PostMessage
from domain.reading import MarkRead
from domain.text import (
    CHANNEL_NAME_MAX_CHARACTERS,
    DISPLAY_NAME_MAX_CHARACTERS,
    IMPORTED_CONTENT_MAX_CHARACTERS,
    USERNAME_MAX_CHARACTERS,
    check_content,
)
from domain.user import RegisterUser
from sermo import log
from sermo.log import Attempt, Kind, Result
from sermo.node import Node

WINDOW = 2_048
"""Commands under way: several batches of the appender."""
CHUNK = 2_000
DEADLINE_S = 60.0
TRIES = 50

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


class BadSource(ValueError):
    """The file cannot be imported; the text names the line."""


class SourceMessage(msgspec.Struct, frozen=True):
    id: int | str
    channel: str
    thread: str
    author: str
    sent_at: float | datetime
    content: str

    @property
    def at(self) -> datetime:
        """When it was sent: seconds since 1970, or RFC 3339."""
        if isinstance(self.sent_at, datetime):
            return self.sent_at.astimezone(UTC)
        return datetime.fromtimestamp(self.sent_at, UTC)


VIEWS_UNSERVED_S = 5.0
"""So long are views waited for that nobody makes: those of a program that a newer one has replaced, or not built yet."""


class Report(msgspec.Struct):
    """What an import did."""

    people: int = 0
    channels: int = 0
    memberships: int = 0
    messages: int = 0
    already_there: int = 0
    marks: int = 0
    seconds: float = 0.0
    renamed: list[tuple[str, str]] = []
    views_behind: int = 0
    """Events that the views had not yet when the import stopped to wait for them: nobody makes this program's views."""


def read_source(path: Path) -> Iterator[tuple[int, SourceMessage]]:
    """Line numbers and messages. Raises `BadSource` for a line that is no message."""
    decode = msgspec.json.Decoder(SourceMessage, strict=False).decode
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    message = decode(line)
                    message.at  # noqa: B018  it may lie outside of what a time can be
                    check_content(message.content, at_most=IMPORTED_CONTENT_MAX_CHARACTERS)
                except Refusal as refusal:
                    raise BadSource(f"{path}, line {number}: {refusal.code}: {refusal}") from refusal
                except (msgspec.DecodeError, ValueError, OverflowError, OSError) as error:
                    raise BadSource(f"{path}, line {number}: not a message: {error}") from error
                yield number, message
    except (EOFError, gzip.BadGzipFile) as error:
        raise BadSource(f"{path}: damaged after line {number}: {error}") from error


class _Plan:
    """Who and what the file speaks of, from its first reading."""

    def __init__(self) -> None:
        self.total = 0
        self.people: dict[str, datetime] = {}
        self.channels: dict[str, tuple[str, datetime]] = {}
        self.members: dict[tuple[str, str], datetime] = {}
        self.last_message: dict[str, SourceMessage] = {}

    @staticmethod
    def of(path: Path, progress: Progress) -> "_Plan":
        plan = _Plan()
        for _, message in read_source(path):
            plan.total += 1
            plan.people.setdefault(message.author, message.at)
            plan.channels.setdefault(message.channel, (message.author, message.at))
            plan.members.setdefault((message.channel, message.author), message.at)
            plan.last_message[message.channel] = message
            if plan.total % CHUNK == 0:
                progress("checking", plan.total, plan.total)
        progress("checking", plan.total, plan.total)
        return plan


@functools.lru_cache(maxsize=65_536)
def _user_id(author: str) -> UUID:
    return imported_id("user", author)


@functools.lru_cache(maxsize=65_536)
def _channel_id(channel: str) -> UUID:
    return imported_id("channel", channel)


@functools.lru_cache(maxsize=4 * CHUNK)
def _message_id(message: SourceMessage) -> UUID:
    return imported_id("message", str(message.id))


def _to_post(message: SourceMessage, message_id: UUID, root_id: UUID) -> PostMessage:
    return PostMessage(
        message_id=message_id,
        channel_id=_channel_id(message.channel),
        author_id=_user_id(message.author),
        content=message.content,
        at=message.at,
        parent_id=root_id if root_id != message_id else None,
        imported=True,
    )


def to_username(author: str) -> str:
    """A user name that looks like the author's: what names cannot hold becomes a hyphen."""
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in author)[:USERNAME_MAX_CHARACTERS]
    return name.strip("-") or "imported"


def to_channel_name(channel: str) -> str:
    """A channel name like the source's."""
    name = "".join(c if c.isprintable() else " " for c in channel).strip()[:CHANNEL_NAME_MAX_CHARACTERS].strip()
    return name or "imported"


class _Under(NamedTuple):
    """A command under way."""

    command: Command
    attempt: Attempt
    known: Loaded
    done: Callable[[], None]
    result: "asyncio.Future[Result]"


class Importer:
    """One import into the log of a node."""

    def __init__(self, node: Node, progress: Progress) -> None:
        self._node = node
        self._progress = progress
        self._states: dict[UUID, State | None] = {}
        self._versions: dict[UUID, int] = {}
        self._under_way: deque[_Under] = deque()
        self.report = Report()

    async def run(self, path: Path) -> Report:
        """Import the file; returns when the views have caught up. Raises `BadSource`, `Refusal` or `Unavailable`."""
        started = time.monotonic()
        plan = _Plan.of(path, self._progress)
        await self._load([_user_id(author) for author in plan.people])
        await self._load([_channel_id(channel) for channel in plan.channels])
        await self._load([membership_id(_channel_id(c), _user_id(a)) for c, a in plan.members])
        await self._make_people(plan)
        await self._make_channels(plan)
        await self._make_members(plan)
        await self._post(path, plan)
        await self._mark_read(plan)
        await self._wait_for_views()
        self.report.seconds = time.monotonic() - started
        return self.report

    # The log's side

    async def _load(self, stream_ids: Sequence[UUID]) -> None:
        for start in range(0, len(stream_ids), CHUNK):
            some = stream_ids[start : start + CHUNK]
            async with self._node.pool.connection() as connection:
                _, events = await log.read_streams(connection, some)
            for stream_id in some:
                self._states[stream_id], self._versions[stream_id] = None, 0
            for recorded in events:
                state = catalog.evolve(self._states[recorded.stream_id], recorded.event)
                self._states[recorded.stream_id], self._versions[recorded.stream_id] = state, recorded.version

    async def _preload(self, commands: Sequence[Command]) -> None:
        """Load what these commands will ask for, many streams at a time."""
        known = Loaded(self._states)
        wanted: dict[UUID, None] = {}
        for command in commands:
            needs = command.needs(known)
            creates = getattr(command, command.creates) if command.creates else None
            wanted.update((s, None) for s in (*needs.relied, *needs.facts) if s not in self._states and s != creates)
        await self._load(list(wanted))

    async def _attempt(self, command: Command) -> tuple[Attempt | None, Loaded]:
        """Decide with our states; what we don't know is loaded. None where there is nothing to do."""
        known = Loaded(self._states)
        while True:
            needs = command.needs(known)
            missing = [s for s in (*needs.relied, *needs.facts) if s not in self._states]
            if not missing:
                break
            creates = getattr(command, command.creates) if command.creates else None
            if creates in missing:
                # New, as far as we know; the append function knows.
                self._states[creates], self._versions[creates] = None, 0
                missing.remove(creates)
            if missing:
                await self._load(missing)
        events = command.decide(known)
        if not events:
            return None, known
        creates = getattr(command, command.creates) if command.creates else None
        relied = {stream_id: self._versions[stream_id] for stream_id in needs.relied}
        for new in events:
            self._states[new.stream_id] = catalog.evolve(self._states[new.stream_id], new.event)
            self._versions[new.stream_id] += 1
        return Attempt.of(uuid.uuid4(), None, relied, events, creates), known

    async def _submit(self, command: Command, done: Callable[[], None]) -> None:
        """Decide now, append in this order, and let it be under way."""
        attempt, known = await self._attempt(command)
        if attempt is None:
            return
        if len(self._under_way) >= WINDOW:
            await self._finish(self._under_way.popleft())
        self._under_way.append(_Under(command, attempt, known, done, self._send(attempt)))

    def _send(self, attempt: Attempt) -> "asyncio.Future[Result]":
        return self._node.appender.submit(attempt, time.monotonic() + DEADLINE_S)

    async def _finish(self, under: "_Under") -> None:
        known, result = under.known, await under.result
        for _ in range(TRIES):
            if result.kind is Kind.EXISTS:
                under.command.repeats(result.events[0], known)
                await self._load([result.events[0].stream_id])
                return
            if result.kind is not Kind.CONFLICT:
                under.done()
                return
            # Somebody else wrote to what this relied on: look again.
            await self._load(list(under.attempt.relied))
            again, known = await self._attempt(under.command)
            if again is None:
                return
            result = await self._send(again)
        raise Unavailable("The log is too busy to import into: try again, it goes on where it stopped.")

    async def _settle(self) -> None:
        while self._under_way:
            await self._finish(self._under_way.popleft())

    # People, channels, memberships

    async def _make_people(self, plan: _Plan) -> None:
        new = {author: at for author, at in plan.people.items() if self._states[_user_id(author)] is None}
        await self._preload([self._register(author, to_username(author), at) for author, at in new.items()])
        for number, (author, at) in enumerate(new.items(), 1):
            register = functools.partial(self._register, author, at=at)
            await self._with_free_name(to_username(author), USERNAME_MAX_CHARACTERS, register, self._count("people"))
            self._progress("people", number, len(new))
        await self._settle()

    def _register(self, author: str, username: str, at: datetime) -> Command:
        display_name = to_channel_name(author)[:DISPLAY_NAME_MAX_CHARACTERS]
        return RegisterUser(user_id=_user_id(author), username=username, display_name=display_name, at=at)

    async def _make_channels(self, plan: _Plan) -> None:
        for channel, (author, at) in plan.channels.items():
            if self._states[_channel_id(channel)] is None:
                create = functools.partial(self._create, channel, author=author, at=at)
                wanted = to_channel_name(channel)
                await self._with_free_name(wanted, CHANNEL_NAME_MAX_CHARACTERS, create, self._count("channels"))
        await self._settle()

    def _create(self, channel: str, name: str, author: str, at: datetime) -> Command:
        return CreateChannel(
            channel_id=_channel_id(channel),
            kind=ChannelKind.PUBLIC,
            name=name,
            topic="",
            created_by=_user_id(author),
            at=at,
            imported=True,
        )

    async def _with_free_name(
        self, wanted: str, at_most: int, make: Callable[[str], Command], done: Callable[[], None]
    ) -> None:
        """Take the name, or where somebody else has it, the name with a number."""
        for number in range(1, 1_000):
            suffix = "" if number == 1 else f"-{number}"
            name = wanted[: at_most - len(suffix)] + suffix
            with suppress(NameTaken):
                command = make(name)
                command.check()
                await self._submit(command, done)
                if name != wanted:
                    self.report.renamed.append((wanted, name))
                return
        raise BadSource(f"no free name like {wanted!r} was found")

    def _count(self, what: str) -> Callable[[], None]:
        return lambda: setattr(self.report, what, getattr(self.report, what) + 1)

    async def _make_members(self, plan: _Plan) -> None:
        """All before the messages, so that no message waits for a membership while later ones overtake it."""
        for number, ((channel, author), at) in enumerate(plan.members.items(), 1):
            if self._states[membership_id(_channel_id(channel), _user_id(author))] is None:
                await self._join(channel, author, at)
            self._progress("memberships", number, len(plan.members))
        await self._settle()

    async def _join(self, channel: str, author: str, at: datetime) -> None:
        join = JoinChannel(channel_id=_channel_id(channel), user_id=_user_id(author), at=at)
        await self._submit(join, self._count("memberships"))

    def _is_member(self, channel: str, author: str) -> bool:
        membership = self._states.get(membership_id(_channel_id(channel), _user_id(author)))
        return isinstance(membership, MembershipState) and membership.role is not None

    # Messages

    async def _post(self, path: Path, plan: _Plan) -> None:
        roots: dict[tuple[str, str], UUID] = {}
        chunk: list[SourceMessage] = []
        done = 0
        for _, message in read_source(path):
            chunk.append(message)
            if len(chunk) == CHUNK:
                await self._post_chunk(chunk, roots, plan)
                done += len(chunk)
                chunk = []
                self._progress("messages", done, plan.total)
        await self._post_chunk(chunk, roots, plan)
        await self._settle()
        self._progress("messages", plan.total, plan.total)

    async def _post_chunk(
        self, chunk: Sequence[SourceMessage], roots: dict[tuple[str, str], UUID], plan: _Plan
    ) -> None:
        async with self._node.pool.connection() as connection:
            there = await log.existing_streams(connection, [_message_id(message) for message in chunk])
        posts: list[tuple[SourceMessage, PostMessage]] = []
        for message in chunk:
            message_id = _message_id(message)
            root_id = roots.setdefault((message.channel, message.thread), message_id)
            if root_id == message_id:
                self._remember_root(message, message_id)
            if message_id in there:
                self.report.already_there += 1
            else:
                posts.append((message, _to_post(message, message_id, root_id)))
        await self._preload([post for _, post in posts])
        for message, post in posts:
            if not self._is_member(message.channel, message.author):
                await self._settle()  # left since an earlier import: comes back, before anything overtakes it
                await self._join(message.channel, message.author, plan.members[message.channel, message.author])
                await self._settle()
            self._states[post.message_id], self._versions[post.message_id] = None, 0
            await self._submit(post, self._count("messages"))
            if post.parent_id is not None:
                # Nobody answers an imported reply here: it need not be remembered.
                del self._states[post.message_id], self._versions[post.message_id]

    def _remember_root(self, message: SourceMessage, message_id: UUID) -> None:
        """What a reply needs to know of its root cannot change, so it need not be read."""
        self._states[message_id] = MessageState(
            channel_id=_channel_id(message.channel), author_id=_user_id(message.author), content=""
        )
        self._versions[message_id] = 1

    # Afterwards

    async def _mark_read(self, plan: _Plan) -> None:
        """Everybody has read what was imported, up to the last imported message, and no further."""
        async with self._node.pool.connection() as connection:
            seqs = await log.first_seqs(connection, [_message_id(message) for message in plan.last_message.values()])
        ids = {channel: _message_id(message) for channel, message in plan.last_message.items()}
        last = {channel: seqs[message_id] for channel, message_id in ids.items() if message_id in seqs}
        now = datetime.now(UTC)
        marks = [
            MarkRead(
                user_id=_user_id(author),
                channel_id=_channel_id(channel),
                seq=last[channel],
                head_seq=last[channel],
                at=now,
                with_threads=True,
            )
            for channel, author in plan.members
            if channel in last and self._is_member(channel, author)
        ]
        await self._preload(marks)
        for number, mark in enumerate(marks, 1):
            await self._submit(mark, self._count("marks"))
            self._progress("read markers", number, len(marks))
        await self._settle()

    async def _wait_for_views(self) -> None:
        views, goal = self._node.views, self._node.tail.position
        start = min(views.position, goal)
        unserved_since: float | None = None
        while not await views.wait_for(goal, 0.25):
            self._progress("views", max(views.position - start, 0), goal - start)
            if views.serves:
                unserved_since = None
            else:
                unserved_since = unserved_since or time.monotonic()
                if time.monotonic() - unserved_since > VIEWS_UNSERVED_S:
                    self.report.views_behind = goal - views.position
                    return
        self._progress("views", goal - start, goal - start)
