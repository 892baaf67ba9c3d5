"""The socket's AsyncAPI document: of the standard's shape, complete, and true of real frames."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from domain import catalog
from domain.decider import Event
from domain.errors import codes
from tests.fixtures.server import Server
from tests.support.asyncapi import check_frame, document
from tests.ws.test_frames import EXAMPLES, INTERNAL, feed_of, frame_of
from ws.codes import CloseCode
from ws.event_frames import EVENT_FRAMES, Badge, is_marker
from ws.frames import CLIENT_FRAMES, CONTROL_FRAMES, SUBPROTOCOL, parse

STANDARD = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
FRAMES = [f"client.{name}" for name in CLIENT_FRAMES] + [f"server.{name}" for name in (*CONTROL_FRAMES, *EVENT_FRAMES)]


def test_the_document_is_of_the_standards_shape() -> None:
    """AsyncAPI 3.0, by its own JSON Schema."""
    Draft7Validator.check_schema(STANDARD)
    assert [error.message for error in Draft7Validator(STANDARD).iter_errors(document())] == []


def test_every_reference_leads_somewhere() -> None:
    """In the document itself."""
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document())))
    assert references
    for reference in references:
        place: Any = document()
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_every_frame_is_a_message_of_an_operation_and_no_other() -> None:
    """What the code can take or send is in the document, and the other way round."""
    channel = document()["channels"]["socket"]
    assert sorted(FRAMES) == sorted(channel["messages"]) == sorted(document()["components"]["messages"])
    used = set()
    for operation in document()["operations"].values():
        side = "client" if operation["action"] == "receive" else "server"
        taken = [message["$ref"].rpartition("/")[2] for message in operation["messages"]]
        answers = [
            message["$ref"].rpartition("/")[2] for message in operation.get("reply", {"messages": []})["messages"]
        ]
        assert {side} == {name.partition(".")[0] for name in taken}
        used |= {*taken, *answers}
    assert set(FRAMES) == used


def test_the_channel_names_subprotocol_close_codes_and_ways_to_show_who_one_is() -> None:
    """What stands outside the frames."""
    channel = document()["channels"]["socket"]
    assert (channel["address"], channel["x-subprotocol"]) == ("/ws", SUBPROTOCOL)
    assert list(CloseCode) == [close["code"] for close in channel["x-close-codes"]]
    assert all(close["meaning"] and close["advice"] for close in channel["x-close-codes"])
    for server in document()["servers"].values():
        named = {scheme["$ref"].rpartition("/")[2] for scheme in server["security"]}
        assert named == set(document()["components"]["securitySchemes"])
    assert sorted(codes()) == document()["components"]["schemas"]["Error"]["properties"]["code"]["enum"]


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_described_with_a_valid_example(name: str) -> None:
    """And an example of a client's frame is one that the server reads."""
    message = document()["components"]["messages"][name]
    assert message["summary"]
    (example,) = message["examples"]
    check_frame(example["payload"], name.partition(".")[0])
    if name.startswith("client."):
        assert parse(json.dumps(example["payload"])).refusal is None


@pytest.mark.parametrize(("name", "event"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_frame_of_every_event_is_as_documented(name: str, event: Event) -> None:
    """With exactly the documented fields, redacted or not."""
    assert name in catalog.EVENTS
    if type(event) in INTERNAL:
        return
    badge = Badge(2, False, 1, 70) if is_marker(event) else None
    for redacted in (False, True):
        check_frame(frame_of(event, feed_of(event), redacted=redacted, badge=badge))


def test_a_frame_that_is_not_as_documented_is_found() -> None:
    """The judge of the other tests judges."""
    good = document()["components"]["messages"]["server.new_message"]["examples"][0]["payload"]
    check_frame(good)
    for wrong in (
        {**good, "more": 1},
        {**good, "id": "7"},
        {**good, "at": "2026-01-02T03:04:05Z"},
        {**good, "data": {**good["data"], "parent_id": None}},
        {**good, "type": "no_such_type"},
        {key: value for key, value in good.items() if key != "seq"},
    ):
        with pytest.raises(AssertionError):
            check_frame(wrong)


async def test_the_server_serves_the_document_and_a_page_of_it(server: Server) -> None:
    """The page needs no internet and names every frame; the pages of REST and socket know each other."""
    answer = await server.http.get("/asyncapi.json")
    assert answer.status_code == 200
    served = answer.json()
    assert served == {**document(), "info": {**document()["info"], "version": served["info"]["version"]}}
    page = await server.http.get("/docs/socket")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"https?://|//[a-z0-9.-]+\.[a-z]+/|<script|<link|<img|@import|url\(", page.text)
    for name in FRAMES:
        assert f'<details id="{name}">' in page.text
    for code in CloseCode:
        assert f"<td>{int(code)}</td>" in page.text
    assert 'href="/docs"' in page.text
    assert 'href="/docs/socket"' in (await server.http.get("/docs")).text
