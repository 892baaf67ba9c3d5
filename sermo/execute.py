"""Carry out a command: load what its decision needs, decide, append, and decide anew when something moved (promise R6).

States sit in a cache that the tail keeps fresh, so a post usually reads nothing from the database. What the append
function accepts is right whatever the cache held. A refusal, or "nothing to do", is verified by nobody else: made from
cached states it is made again from the database before it is answered.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

import structlog
import uuid_utils.compat
from msgspec.structs import replace
from psycopg import AsyncConnection
from psycopg_pool import PoolClosed

from domain import catalog
from domain.decider import Command, Damaged, Loaded, NewEvent, Outcome, Recorded, Skipped, State
from domain.errors import Conflict, KeyReused, LastAdmin, LastOwner, Refusal, Unavailable
from domain.membership import LeaveChannel, RemoveMember, SetMember
from domain.user import DeactivateUser, SetAdmin
from sermo import log
from sermo.appender import Appender
from sermo.log import Attempt, Kind, Result
from sermo.pool import ReadPool
from sermo.tail import Tail

COMMAND_DEADLINE_S = 5.0
"""For all that a command takes: reads, witnesses, appends, and deciding anew."""
CACHED_STREAMS = 100_000

T = TypeVar("T")
logger = structlog.get_logger()

FindWitnesses = Callable[[Command, float], Awaitable[Sequence[UUID]]]
"""The owners of the command's channel, or the server's admins, as good as known at a deadline (of `time.monotonic`); the log
verifies who is relied on."""


class StateCache:
    """Least recently used states of streams, with their versions; kept fresh by the tail."""

    def __init__(self, capacity: int = CACHED_STREAMS) -> None:
        self._capacity = capacity
        # A plain dict finds its first entry only by walking over all that were taken from its front.
        self._entries: OrderedDict[UUID, tuple[State | None, int]] = OrderedDict()

    def get(self, stream_id: UUID) -> tuple[State | None, int] | None:
        """State and version, or None where they are not cached."""
        entry = self._entries.get(stream_id)
        if entry is not None:
            self._entries.move_to_end(stream_id)
        return entry

    def put(self, stream_id: UUID, state: State | None, version: int) -> None:
        """Remember what was read from the database."""
        self._entries[stream_id] = (state, version)
        self._entries.move_to_end(stream_id)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def forget(self, stream_ids: Sequence[UUID]) -> None:
        """Drop entries that turned out to be old."""
        for stream_id in stream_ids:
            self._entries.pop(stream_id, None)

    def clear(self) -> None:
        """Forget all: the log's history changed."""
        self._entries.clear()

    def apply(self, events: Sequence[Recorded]) -> None:
        """The tail's listener: bring the cached streams forward."""
        for recorded in events:
            entry = self._entries.get(recorded.stream_id)
            if entry is None or recorded.version <= entry[1]:
                continue
            if recorded.version == entry[1] + 1 and not isinstance(recorded.event, Damaged | Skipped):
                self._entries[recorded.stream_id] = (catalog.evolve(entry[0], recorded.event), recorded.version)
            else:
                del self._entries[recorded.stream_id]


class _View:
    """What one decision has seen."""

    def __init__(self) -> None:
        self.states: dict[UUID, State | None] = {}
        self.versions: dict[UUID, int] = {}
        self.firsts: dict[UUID, Recorded] = {}
        self.relied: tuple[UUID, ...] = ()
        self.head = 0
        self.is_fresh = True
        self.loaded = Loaded(self.states)


class Executor:
    """The one way to change anything: implements `domain.decider.Execute`."""

    def __init__(
        self, appender: Appender, tail: Tail, pool: ReadPool, find_witnesses: FindWitnesses | None = None
    ) -> None:
        self._appender = appender
        self._tail = tail
        self._pool = pool
        self._find_witnesses = find_witnesses
        self.cache = StateCache()
        self.commands: Counter[tuple[str, str]] = Counter()
        """By command and outcome: done, repeated, or the code of the refusal."""
        tail.listen(self.cache.apply)
        tail.on_reset(self.cache.clear)

    async def __call__(
        self, command: Command, *, command_id: UUID | None = None, command_hash: bytes | None = None
    ) -> Outcome:
        """See `domain.decider.Execute`."""
        own_id = command_id or uuid_utils.compat.uuid4()
        try:
            outcome = await self._with_or_without_witness(command, own_id, command_id, command_hash)
        except Refusal as refusal:
            self._note(command, own_id, refusal.code)
            raise
        except Exception as error:
            # Without its text: that of a database's error may quote the row.
            name, kind = type(command).__name__, type(error).__name__
            logger.error("command.failed", command=name, command_id=str(own_id), error=kind)
            raise
        self._note(command, own_id, "repeated" if outcome.repeated else "done", outcome.position)
        return outcome

    async def judge(self, command: Command, command_id: UUID | None = None) -> None:
        """Raise the refusal that the command would get now; what was done already is not refused. Appends nothing.

        For commands with something costly before them, as the upload of a file.
        """
        command.check()
        deadline = time.monotonic() + COMMAND_DEADLINE_S
        for fresh in (False, True):
            view = await self._load(command, deadline, fresh=fresh)
            try:
                command.decide(view.loaded)
                return
            except Refusal as refusal:
                if view.is_fresh and not await self._was_done(command, view, command_id, deadline):
                    self._note(command, command_id or uuid_utils.compat.uuid4(), refusal.code)
                    raise
                if view.is_fresh:
                    return

    async def _was_done(self, command: Command, view: _View, command_id: UUID | None, deadline: float) -> bool:
        """Whether this command, or one that began its stream, is in the log; if it was another, that is told later."""
        if command.creates is not None and getattr(command, command.creates) in view.firsts:
            return True
        if command_id is None:
            return False
        known = await self._read(lambda connection: log.read_command(connection, command_id=command_id), deadline)
        return known is not None

    def _note(self, command: Command, command_id: UUID, outcome: str, position: int | None = None) -> None:
        name = type(command).__name__
        self.commands[name, outcome] += 1
        if logger.is_enabled_for(logging.DEBUG):
            logger.debug("command", command=name, command_id=str(command_id), outcome=outcome, position=position)

    async def _with_or_without_witness(
        self, command: Command, own_id: UUID, command_id: UUID | None, command_hash: bytes | None
    ) -> Outcome:
        deadline = time.monotonic() + COMMAND_DEADLINE_S
        try:
            return await self._execute(command, own_id, command_id, command_hash, deadline)
        except (LastOwner, LastAdmin):
            for witnessed in await self._with_witnesses(command, deadline):
                # One that has just lost the role is no witness; another may be.
                with suppress(LastOwner, LastAdmin):
                    return await self._execute(witnessed, own_id, command_id, command_hash, deadline)
            raise

    async def _execute(
        self, command: Command, own_id: UUID, command_id: UUID | None, command_hash: bytes | None, deadline: float
    ) -> Outcome:
        """`command_id` is the caller's, who may have sent it before; `own_id` is it, or one that we made."""
        command.check()
        fresh = False
        in_conflict = False
        while time.monotonic() < deadline:
            view = await self._load(command, deadline, fresh=fresh)
            refusal: Refusal | None = None
            events: Sequence[NewEvent] = ()
            try:
                events = command.decide(view.loaded)
            except Refusal as raised:
                refusal = raised
            if not events:
                if not view.is_fresh:
                    fresh = True
                    continue
                return await self._nothing_to_append(
                    command, view, refusal, command_id, command_hash, deadline=deadline
                )
            creates = getattr(command, command.creates) if command.creates else None
            relied = {stream_id: view.versions[stream_id] for stream_id in view.relied}
            attempt = Attempt.of(own_id, command_hash, relied, events, creates)
            result = await self._appender.submit(attempt, deadline)
            if result.kind is not Kind.CONFLICT:
                return await self._answer(command, view, result, deadline)
            self.cache.forget(view.relied)
            fresh = in_conflict = True
        raise Conflict(retry_after_ms=100) if in_conflict else Unavailable(retry_after_ms=1_000)

    async def _answer(self, command: Command, view: _View, result: Result, deadline: float) -> Outcome:
        if result.kind is Kind.KEY_REUSED:
            raise KeyReused
        if result.kind is Kind.EXISTS:
            return await self._original(command, view, result.events[0], deadline)
        return Outcome(result.events[-1].position, result.events, result.kind is Kind.REPEATED)

    async def _original(self, command: Command, view: _View, first: Recorded, deadline: float) -> Outcome:
        """What the command that began this stream wrote, if it was this same one. Raises where it was another."""
        command.repeats(first, view.loaded)
        known = await self._read(lambda connection: log.read_command(connection, first=first.position), deadline)
        events = known[1] if known is not None else (first,)
        return Outcome(events[-1].position, events, True)

    async def _nothing_to_append(
        self,
        command: Command,
        view: _View,
        refusal: Refusal | None,
        command_id: UUID | None,
        command_hash: bytes | None,
        *,
        deadline: float,
    ) -> Outcome:
        """ "Already done" is answered before any permission is asked; then the refusal, or that it is so."""
        if command_id is not None:
            known = await self._read(lambda connection: log.read_command(connection, command_id=command_id), deadline)
            if known is not None:
                known_hash, events = known
                if known_hash != command_hash:
                    raise KeyReused
                return Outcome(events[-1].position, events, True)
        if command.creates is not None:
            first = view.firsts.get(getattr(command, command.creates))
            if first is not None:
                return await self._original(command, view, first, deadline)
        if refusal is not None:
            raise refusal
        return Outcome(view.head)

    async def _load(self, command: Command, deadline: float, *, fresh: bool) -> _View:
        """The states that the decision asks for: from the cache and the database, or all from the database."""
        view = _View()
        creates = getattr(command, command.creates) if command.creates else None
        while True:
            needs = command.needs(view.loaded)
            view.relied = needs.relied
            wanted = False
            missing: list[UUID] = []
            for stream_id in (*needs.relied, *needs.facts):
                if stream_id in view.states or stream_id in missing:
                    continue
                wanted = True
                entry = None if fresh else self.cache.get(stream_id)
                if entry is None and stream_id == creates and not fresh:
                    entry = (None, 0)  # new, as far as we know; the append function knows
                if entry is None:
                    missing.append(stream_id)
                else:
                    view.states[stream_id], view.versions[stream_id] = entry
                    view.is_fresh = False
            if not wanted:
                return view
            if missing:
                await self._load_from_database(view, missing, deadline)

    async def _read(self, query: Callable[[AsyncConnection[Any]], Awaitable[T]], deadline: float) -> T:
        """What the query finds. A connection that broke in the pool is nobody's fault: the next one is asked.

        Raises `Unavailable` at the deadline.
        """
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                async with self._pool.connection(left_s) as connection:
                    return await query(connection)
            except PoolClosed:
                break
            except log.CONNECTION_ERRORS:
                await asyncio.sleep(0.02)
        raise Unavailable(retry_after_ms=1_000)

    async def _load_from_database(self, view: _View, stream_ids: Sequence[UUID], deadline: float) -> None:
        head, events = await self._read(lambda connection: log.read_streams(connection, stream_ids), deadline)
        # Several reads see several moments; what is relied on is verified together by the append function, and a
        # refusal only needs to have been true at one of them.
        view.head = max(view.head, head)
        for stream_id in stream_ids:
            view.states[stream_id], view.versions[stream_id] = None, 0
        for recorded in events:
            if isinstance(recorded.event, Damaged):
                logger.critical("execute.event_damaged", position=recorded.position, error=recorded.event.error)
                raise Unavailable("What this depends on is damaged in the log: the server's operator has to mend it.")
            view.firsts.setdefault(recorded.stream_id, recorded)
            view.states[recorded.stream_id] = catalog.evolve(view.states[recorded.stream_id], recorded.event)
            view.versions[recorded.stream_id] = recorded.version
        newer = self._tail.recent(head)
        if newer is None:
            return  # the tail is far ahead of what was read: it would have to be brought forward by more than is known
        for stream_id in stream_ids:
            self.cache.put(stream_id, view.states[stream_id], view.versions[stream_id])
        self.cache.apply(newer)

    async def _with_witnesses(self, command: Command, deadline: float) -> Iterator[Command]:
        """The same command with one after the other of those to rely on, where there are any."""
        if self._find_witnesses is None or not isinstance(command, _WITNESSED) or command.witness_id is not None:
            return iter(())
        going = command.user_id
        try:
            found = await self._find_witnesses(command, deadline)
        except log.CONNECTION_ERRORS as error:
            raise Unavailable(retry_after_ms=1_000) from error
        return (replace(command, witness_id=user_id) for user_id in found if user_id != going)


_WITNESSED = (LeaveChannel, RemoveMember, SetMember, DeactivateUser, SetAdmin)
