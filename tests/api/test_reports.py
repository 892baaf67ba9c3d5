"""Reporting messages, and the admins' list of reports."""

from typing import Any

from tests.api.test_code_table import refused
from tests.api.test_deactivation import register_admin
from tests.fixtures.server import Person, Server, new_id


async def _report(person: Person, message: dict[str, Any], reason: str = "rude") -> dict[str, Any]:
    answer = await person.post(f"/messages/{message['message_id']}/report", {"reason": reason})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_admin_reads_what_was_reported_without_being_a_member(
    server: Server, ann: Person, ben: Person
) -> None:
    """As it is now; then the report is closed, with a note for the other admins."""
    root = await register_admin(server)
    channel_id = await ann.make_channel("secret", "private")
    await ann.add(channel_id, ben)
    message = await ann.say(channel_id, "you fool")
    filed = await _report(ben, message)
    again = await ben.post(f"/messages/{message['message_id']}/report", {"reason": "still rude"})
    assert (again.status_code, again.json()) == (200, filed)
    edited = await ann.patch(f"/messages/{message['message_id']}", {"content": "you dear"})
    position = edited.json()["position"]
    refused(await root.get(f"/messages/{message['message_id']}", min_position=position), 404, "not_found")
    (report,) = (await root.get("/admin/reports")).json()["reports"]
    assert (report["report_id"], report["reported_by"], report["reason"]) == (
        filed["report_id"],
        str(ben.user_id),
        "rude",
    )
    assert (report["message"]["content"], report["message"]["author_id"]) == ("you dear", str(ann.user_id))
    path = f"/admin/reports/{report['report_id']}/resolve"
    closed = await root.post(path, {"note": "talked to ann"})
    assert closed.status_code == 200
    position = closed.json()["position"]
    assert (await root.get("/admin/reports", min_position=position)).json()["reports"] == []
    deleted = (await ann.delete(f"/messages/{message['message_id']}")).json()["position"]
    (report,) = (await root.get("/admin/reports", state="resolved", min_position=deleted)).json()["reports"]
    assert (report["resolved_by"], report["note"]) == (str(root.user_id), "talked to ann")
    assert (report["message"]["content"], report["message"]["deleted_at"] is not None) == ("", True)
    assert (await root.post(path, {})).status_code == 200


async def test_to_everybody_else_there_is_nothing_for_admins(server: Server, ann: Person) -> None:
    """A report that is there and one that is not look the same, also to who has filed it."""
    message = await ann.say(await ann.make_channel(), "hello")
    filed = await _report(ann, message)
    refused(await ann.get("/admin/reports", min_position=filed["position"]), 404, "not_found")
    details = {
        refused(await ann.post(f"/admin/reports/{report_id}/resolve", {}), 404, "not_found")["detail"]
        for report_id in (filed["report_id"], new_id())
    }
    assert len(details) == 1
    root = await register_admin(server)
    refused(await root.post(f"/admin/reports/{new_id()}/resolve", {}), 404, "not_found")
    refused(await root.get("/admin/reports", state="lost"), 422, "invalid", "state")


async def test_an_outsider_of_a_private_channel_reports_nothing_there(ann: Person, ben: Person) -> None:
    """As if there were no such message."""
    message = await ann.say(await ann.make_channel("secret", "private"), "hidden")
    for message_id in (message["message_id"], new_id()):
        refused(await ben.post(f"/messages/{message_id}/report", {"reason": "rude"}), 404, "not_found")
    path = f"/messages/{message['message_id']}/report"
    refused(await ann.post(path, {"reason": ""}), 422, "invalid", "reason")
    refused(await ann.post(path, {"reason": "x" * 1_001}), 422, "invalid", "reason")


async def test_reports_are_paged_in_the_order_of_filing(server: Server, ann: Person) -> None:
    """Each once, also when some are closed in between."""
    root = await register_admin(server)
    channel_id = await ann.make_channel()
    filed = [await _report(ann, await ann.say(channel_id, f"no. {number}")) for number in range(5)]
    first = (await root.get("/admin/reports", limit=2, state="all", min_position=filed[-1]["position"])).json()
    done = await root.post(f"/admin/reports/{filed[0]['report_id']}/resolve", {})
    rest = await root.get(
        "/admin/reports", state="all", cursor=first["next_cursor"], min_position=done.json()["position"]
    )
    found = [report["report_id"] for report in first["reports"] + rest.json()["reports"]]
    assert found == [report["report_id"] for report in filed]
    assert len((await root.get("/admin/reports")).json()["reports"]) == 4
