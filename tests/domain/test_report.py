"""Reports: who may file one, and who closes it."""

import pytest

from domain.ids import report_id
from domain.report import FileReport, ReportFiled, ResolveReport
from tests.support.builders import AT
from tests.support.cast import (
    GUEST,
    MEMBER,
    OTHER,
    OWNER,
    PRIVATE,
    PUBLIC,
    ROOT,
    delete,
    m,
    post,
    report,
    resolve,
    town,
)
from tests.support.spec import World


def _said() -> World:
    return town().given(post(OWNER, 1), post(OWNER, 2, channel_id=PRIVATE))


def test_who_may_see_a_message_reports_it_and_nobody_hears_of_it() -> None:
    """Once: the first reason stands."""
    world = _said()
    events = world.do(report(OTHER, 1))
    assert events == (ReportFiled(message_id=m(1), channel_id=PUBLIC, by=OTHER, reason="rude", at=AT),)
    assert world.feeds(events) == [None]
    assert world.do(report(OTHER, 1, "very rude")) == ()
    assert len(world.do(report(MEMBER, 1))) == 1, "another person's is another report"


def test_of_what_one_may_not_see_there_is_no_message() -> None:
    """An outsider of a private channel, a message that is not there, and a deleted one."""
    world = _said().given(delete(OWNER, 1))
    assert world.refusal(report(GUEST, 2)) == "not_found"
    assert world.refusal(report(GUEST, 3)) == "not_found"
    assert world.refusal(report(GUEST, 1)) == "not_found"
    assert len(world.do(report(MEMBER, 2))) == 1


def test_server_admins_close_reports_and_for_others_there_are_none() -> None:
    """Also for the one who has filed it; twice is once."""
    world = _said().given(report(MEMBER, 2))
    for person in (MEMBER, OWNER, GUEST):
        assert world.refusal(resolve(person, MEMBER, 2)) == "not_found"
    assert world.refusal(resolve(ROOT, OTHER, 2)) == "not_found"
    assert world.names(resolve(ROOT, MEMBER, 2)) == ["report.resolved"]
    assert world.do(resolve(ROOT, MEMBER, 2)) == ()


@pytest.mark.parametrize("reason", ["", "x" * 1_001, "\x00"])
def test_a_reason_is_1_to_1000_characters(reason: str) -> None:
    """Never acceptable, whoever asks."""
    assert _said().refusal(FileReport(message_id=m(1), by=OWNER, reason=reason, at=AT)) == "invalid"


def test_a_note_may_be_empty_but_not_longer_than_1000_characters() -> None:
    """As the reason."""
    world = _said().given(report(OWNER, 1))
    command = ResolveReport(report_id=report_id(m(1), OWNER), by=ROOT, note="x" * 1_001, at=AT)
    assert world.refusal(command) == "invalid"
