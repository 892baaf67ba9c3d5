"""The shape of a decision: what a command needs to know, what it decides, and what the log made of it.

A command names the streams it relies on; the program loads their states, calls `decide`, and appends the events with the
versions that were seen. Whatever moved meanwhile is found under the append lock, and the command is decided anew
(promise R6). `execute` is the one port through which `api` and `ws` change anything.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol, TypeVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A fact in the log. Its persisted name is in `domain/catalog.py`. Fields may be added with a default, never removed."""


class Unknown(msgspec.Struct, frozen=True):
    """An event of a type that this code does not know: passed over and counted, never an error."""

    topic: str


class Damaged(Unknown, frozen=True):
    """An event of a known type whose stored bytes cannot be read: like an unknown one it moves every cursor, but nobody
    decides from its stream, and the views park it.
    """

    error: str


class Skipped(Unknown, frozen=True):
    """An event whose content this node did not read, since nothing here needed it. Who does reads it from the log."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream's events amount to. None stands for a stream without events."""


StateT = TypeVar("StateT", bound=State)


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as it stands in the log."""

    position: int
    """Its number in the whole log: 1, 2, 3 ... dense, in commit order."""
    stream_id: UUID
    version: int
    """Its number in its stream: 1, 2, 3 ..."""
    event: Event | Unknown
    feed_id: UUID | None
    """Who must hear of it: a channel's id, a user's id, `WORKSPACE_FEED`, or nobody."""
    seq: int | None
    """Its number in its feed: 1, 2, 3 ... without gaps; None with no feed."""
    recorded_at: datetime


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that a decision asks to append."""

    stream_id: UUID
    event: Event
    feed_id: UUID | None = None


class Loaded:
    """The states of the streams that a decision asked for."""

    def __init__(self, states: Mapping[UUID, State | None]) -> None:
        self._states = states

    def get(self, stream_id: UUID, kind: type[StateT]) -> StateT | None:
        """The state of this stream; None where it has no events (or is of another kind: then it is not what was meant)."""
        state = self._states.get(stream_id)
        return state if isinstance(state, kind) else None

    def __contains__(self, stream_id: UUID) -> bool:
        return stream_id in self._states


class Needs(msgspec.Struct, frozen=True):
    """The streams that a decision needs."""

    relied: tuple[UUID, ...]
    """Verified under the append lock: these must not have moved. Everything that is written is among them."""
    facts: tuple[UUID, ...] = ()
    """Only for facts that cannot change, or that may be a moment old: not verified."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person asks for. Subclasses are imperative: `PostMessage`."""

    creates: ClassVar[str | None] = None
    """The name of the field that holds the id of the stream that this command begins; an existing one answers `exists`."""

    def check(self) -> None:
        """Raise `Invalid` for values that no state could make acceptable."""

    def needs(self, known: Loaded) -> Needs:
        """The streams to load. Asked again after each load, until nothing new is wanted."""
        raise NotImplementedError

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        """The events to append; none where it is so already. Raises a `Refusal`."""
        raise NotImplementedError

    def repeats(self, first: Recorded, known: Loaded) -> None:
        """Raise unless `first`, the first event of the stream that this command wanted to begin, is this same command's."""
        raise NotImplementedError


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command."""

    position: int
    """Of its last event, or where nothing was written, a position at which that was true."""
    events: tuple[Recorded, ...] = ()
    """Its events as recorded; empty where nothing was to be done."""
    repeated: bool = False
    """It had been done before: `events` are the original ones (of a creation only the first)."""


class Execute(Protocol):
    """The port to the log. Safe to call from any task of the event loop; a caller that goes away cancels nothing."""

    async def __call__(
        self, command: Command, *, command_id: UUID | None = None, command_hash: bytes | None = None
    ) -> Outcome:
        """Decide and append. Raises a `Refusal`, `Overloaded` or `Unavailable`; else it is durable."""
        ...
