"""A plain model of `sermo_append`: what the log must answer and hold, without SQL, arrays, locks or indexes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import catalog
from sermo.log import Attempt, Kind


class Dependent(Exception):
    """The commands of a batch depend on each other: the whole batch is refused."""


@dataclass(frozen=True)
class Row:
    """A row of the log, but for the time."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: bytes
    feed_id: UUID | None
    seq: int | None
    command_id: UUID | None
    command_hash: bytes | None


@dataclass(frozen=True)
class Answer:
    """What became of one command."""

    kind: Kind
    rows: tuple[Row, ...] = ()
    moved: UUID | None = None


@dataclass
class LogModel:
    """The log as a list."""

    rows: list[Row] = field(default_factory=list)

    def copy(self) -> "LogModel":
        """The same log, to try something on."""
        return LogModel(list(self.rows))

    def version(self, stream_id: UUID) -> int:
        """The last version of a stream; 0 when it is absent."""
        return max((row.version for row in self.rows if row.stream_id == stream_id), default=0)

    def feed_head(self, feed_id: UUID) -> int:
        """The last seq of a feed; 0 when it is empty."""
        return max((row.seq or 0 for row in self.rows if row.feed_id == feed_id), default=0)

    def append(self, batch: Sequence[Attempt]) -> list[Answer]:
        """Judge all commands against the log as it stands, then number and store the accepted ones in order."""
        self._check_independent(batch)
        judged = [self._judge(attempt) for attempt in batch]
        return [
            self._store(attempt) if answer is None else answer for attempt, answer in zip(batch, judged, strict=True)
        ]

    def _check_independent(self, batch: Sequence[Attempt]) -> None:
        for number, attempt in enumerate(batch):
            for other in batch[:number]:
                if attempt.command_id == other.command_id:
                    raise Dependent
                if attempt.written & other.relied.keys() or other.written & attempt.relied.keys():
                    raise Dependent

    def _judge(self, attempt: Attempt) -> Answer | None:
        """The answer to a command that is not appended."""
        for place, row in enumerate(self.rows):
            if row.command_id == attempt.command_id:
                if row.command_hash != attempt.command_hash:
                    return Answer(Kind.KEY_REUSED, (row,))
                following = self.rows[place + 1 :]
                own = next((i for i, other in enumerate(following) if other.command_id is not None), len(following))
                return Answer(Kind.REPEATED, (row, *following[:own]))
        if attempt.creates is not None:
            for row in self.rows:
                if row.stream_id == attempt.creates:
                    return Answer(Kind.EXISTS, (row,))
        for stream_id, version in attempt.relied.items():
            if self.version(stream_id) != version:
                return Answer(Kind.CONFLICT, moved=stream_id)
        return None

    def _store(self, attempt: Attempt) -> Answer:
        stored: list[Row] = []
        for new in attempt.events:
            topic, state = catalog.encode(new.event)
            row = Row(
                position=len(self.rows) + 1,
                stream_id=new.stream_id,
                version=self.version(new.stream_id) + 1,
                topic=topic,
                state=state,
                feed_id=new.feed_id,
                seq=None if new.feed_id is None else self.feed_head(new.feed_id) + 1,
                command_id=None if stored else attempt.command_id,
                command_hash=None if stored else attempt.command_hash,
            )
            self.rows.append(row)
            stored.append(row)
        return Answer(Kind.APPENDED, tuple(stored))
