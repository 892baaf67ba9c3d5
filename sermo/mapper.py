"""The `eventsourcing` library's view of our rows: a catalogue name is an event of ours in an envelope, all else is the library's.

Set `MAPPER_TOPIC=sermo.mapper:SermoMapper`. A stored topic with a colon names a class (`module:Class`, the library's
own kind); without one it is a persisted name of `domain/catalog.py`, perhaps of a newer program.
"""

from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, ProgrammingError, StoredEvent

from domain import catalog
from domain.decider import Event, State, Unknown


class Envelope(msgspec.Struct, frozen=True):
    """An event of ours with its place, as the library wants it. Its repository makes streams into our states."""

    originator_id: UUID
    originator_version: int
    event: Event | Unknown

    def mutate(self, state: State | None) -> State | None:
        """The state of the stream after this event."""
        return catalog.evolve(state, self.event)


class SermoMapper(Mapper[UUID]):
    """Envelopes to rows and back; other events by the library's own mapper."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The row of an event. Raises `ProgrammingError` for one of unknown type: its content was never read."""
        if not isinstance(domain_event, Envelope):
            return super().to_stored_event(domain_event)
        if isinstance(domain_event.event, Unknown):
            raise ProgrammingError(f"{domain_event.event.topic} is unknown here and cannot be written")
        topic, state = catalog.encode(domain_event.event)
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, topic, state)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The event of a row."""
        if ":" in stored_event.topic:
            return super().to_domain_event(stored_event)
        originator_id = stored_event.originator_id
        assert isinstance(originator_id, UUID), "the column is a uuid"
        event = catalog.decode(stored_event.topic, stored_event.state)
        return Envelope(originator_id, stored_event.originator_version, event)
