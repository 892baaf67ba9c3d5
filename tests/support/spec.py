"""Given these events, when this command, then these events or that refusal: the domain without any I/O.

`World` does what the program's executor does, one command at a time, and is stricter: a decision may look only at what it
asked for, and may write only what it relies on.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain import catalog
from domain.decider import Command, Event, Loaded, NewEvent, Recorded, State, StateT, Unknown
from domain.errors import Refusal


class _OnlyWhatWasAsked(Loaded):
    def get(self, stream_id: UUID, kind: type[StateT]) -> StateT | None:
        assert stream_id in self, f"the decision looks at {kind.__name__} {stream_id}, which it did not ask for"
        return super().get(stream_id, kind)


class World:
    """Streams in memory."""

    def __init__(self) -> None:
        self.states: dict[UUID, State | None] = {}
        self.log: list[Recorded] = []
        self._firsts: dict[UUID, Recorded] = {}
        self._versions: dict[UUID, int] = {}
        self._seqs: dict[UUID, int] = {}

    def given(self, *commands: Command) -> "World":
        """What happened before; each command must be accepted."""
        for command in commands:
            self.do(command)
        return self

    def do(self, command: Command) -> tuple[Event | Unknown, ...]:
        """The new events; none where it is so already, or was done. Raises the refusal."""
        command.check()
        loaded: dict[UUID, State | None] = {}
        needs = command.needs(Loaded(loaded))
        while wanted := {*needs.relied, *needs.facts} - loaded.keys():
            loaded |= {stream_id: self.states.get(stream_id) for stream_id in wanted}
            needs = command.needs(Loaded(loaded))
        first = self._firsts.get(getattr(command, command.creates)) if command.creates else None
        if first is not None:
            command.repeats(first, _OnlyWhatWasAsked(loaded))
            return ()
        events = command.decide(_OnlyWhatWasAsked(loaded))
        assert {new.stream_id for new in events} <= set(needs.relied), "it writes only what it relies on"
        return tuple(self._record(new) for new in events)

    def _record(self, new: NewEvent) -> Event | Unknown:
        event = catalog.decode(*catalog.encode(new.event))
        version = self._versions[new.stream_id] = self._versions.get(new.stream_id, 0) + 1
        seq = None
        if new.feed_id is not None:
            seq = self._seqs[new.feed_id] = self._seqs.get(new.feed_id, 0) + 1
        at = datetime(2026, 1, 1, tzinfo=UTC)
        recorded = Recorded(len(self.log) + 1, new.stream_id, version, event, new.feed_id, seq, at)
        self.log.append(recorded)
        self._firsts.setdefault(new.stream_id, recorded)
        self.states[new.stream_id] = catalog.evolve(self.states.get(new.stream_id), event)
        return event

    def feeds(self, events: Sequence[Event | Unknown]) -> list[UUID | None]:
        """The feeds on which these events, just recorded, stand."""
        return [recorded.feed_id for recorded in self.log[len(self.log) - len(events) :]]

    def names(self, command: Command) -> list[str]:
        """The persisted names of the events that the command makes, without the number."""
        return [catalog.encode(e)[0].rpartition(".")[0] for e in self.do(command) if isinstance(e, Event)]

    def refusal(self, command: Command) -> str:
        """The code with which the command is refused; nothing is recorded."""
        before = len(self.log)
        with pytest.raises(Refusal) as refused:
            self.do(command)
        assert before == len(self.log)
        return refused.value.code


def changed(command: Command, **fields: object) -> Command:
    """The same command with other fields."""
    values: Mapping[str, object] = {name: getattr(command, name) for name in command.__struct_fields__}
    return type(command)(**{**values, **fields})
