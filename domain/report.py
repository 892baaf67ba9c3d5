"""Reports of messages to the server's admins. One small stream a message and reporter, on no feed: nobody else hears of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from domain.access import may_see
from domain.decider import Command, Event, Loaded, Needs, NewEvent, Recorded, State
from domain.errors import NotFound
from domain.ids import report_id as id_of
from domain.message import open_message, streams_of
from domain.text import REASON_MAX_CHARACTERS, check_text
from domain.user import active_user


class ReportFiled(Event, frozen=True, kw_only=True):
    message_id: UUID
    channel_id: UUID
    by: UUID
    reason: str
    at: datetime


class ReportResolved(Event, frozen=True, kw_only=True):
    by: UUID
    note: str
    at: datetime


ReportEvent = ReportFiled | ReportResolved


class ReportState(State, frozen=True, kw_only=True):
    is_resolved: bool = False


def evolve(state: ReportState | None, event: ReportEvent) -> ReportState:
    """The state after one more event of the stream."""
    if isinstance(event, ReportFiled):
        return ReportState()
    assert state is not None, "a report's first event is its filing"
    return replace(state, is_resolved=True)


class FileReport(Command, frozen=True, kw_only=True):
    """Tell the admins of a message. Again by the same person it is the same report, resolved or not."""

    creates: ClassVar[str | None] = "report_id"

    message_id: UUID
    by: UUID
    reason: str
    at: datetime

    @property
    def report_id(self) -> UUID:
        """The same for the same message and person."""
        return id_of(self.message_id, self.by)

    def check(self) -> None:
        check_text(self.reason, "reason", at_least=1, at_most=REASON_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.report_id, *streams_of(known, self.message_id, self.by)))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message = open_message(known, self.message_id, self.by, may_see)
        filed = ReportFiled(
            message_id=self.message_id, channel_id=message.channel_id, by=self.by, reason=self.reason, at=self.at
        )
        return (NewEvent(self.report_id, filed),)

    def repeats(self, first: Recorded, known: Loaded) -> None:
        """Nothing to compare: the id is made of message and person, and the first reason stands."""


class ResolveReport(Command, frozen=True, kw_only=True):
    """Say that something was done about it, or need not be. For server admins; to others there is no such thing."""

    report_id: UUID
    by: UUID
    note: str
    at: datetime

    def check(self) -> None:
        check_text(self.note, "note", at_most=REASON_MAX_CHARACTERS)

    def needs(self, known: Loaded) -> Needs:
        return Needs((self.by, self.report_id))

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        report = known.get(self.report_id, ReportState)
        if not active_user(known, self.by).is_admin or report is None:
            raise NotFound(field="report_id")
        if report.is_resolved:
            return ()
        return (NewEvent(self.report_id, ReportResolved(by=self.by, note=self.note, at=self.at)),)
