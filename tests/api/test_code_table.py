"""What cannot be accepted is refused with the documented status, code and field, and always as a problem document."""

import json
from typing import Any

import httpx
import psycopg
import pytest
from litestar.testing import RequestFactory
from psycopg_pool import PoolTimeout, TooManyRequests

from domain.errors import Refusal
from tests.fixtures.server import PASSWORD, Person, Server, new_id

V4 = "11111111-2222-4333-8444-555555555555"


def refused(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check that this is the problem document of this code, and return it."""
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"]), answer.text
    problem: dict[str, Any] = answer.json()
    assert code == problem["code"], problem
    assert status == problem["status"]
    assert problem["type"] and problem["title"] and problem["detail"]
    if field is not None or status == 422:
        assert field == problem["field"], problem
    return problem


def leaves(kind: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """Every refusal that has a code."""
    found = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return [kind, *found] if "code" in vars(kind) or hasattr(kind, "code") else found


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_problem_document(kind: type[Refusal]) -> None:
    """A refusal that the table forgot would be a 500 in production."""
    from api.problems import STATUS, to_response

    assert kind.code in STATUS
    response = to_response(kind())
    assert STATUS[kind.code][0] == response.status_code
    assert kind.code == response.content.code


def test_the_table_has_no_code_that_no_refusal_has() -> None:
    """The one list of codes is domain/errors.py."""
    from api.problems import STATUS

    assert {kind.code for kind in leaves()} == set(STATUS)


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError(), PoolTimeout(), TooManyRequests(), TimeoutError()], ids=repr
)
def test_what_was_not_found_out_in_time_is_unavailable_and_no_fault_of_the_program(error: Exception) -> None:
    """Whatever was waited for: an answer, a connection, or this node's own tail."""
    from api.problems import handle

    response = handle(RequestFactory().get("/"), error)
    assert (response.status_code, response.content.code) == (503, "unavailable")
    assert "Retry-After" in response.headers


CONTENT: list[tuple[str, object, str, str]] = [
    ("empty", "", "content_empty", "content"),
    ("white space", " \n\t", "content_empty", "content"),
    ("over-long", "x" * 4_097, "content_too_long", "content"),
    ("U+0000", "a\x00b", "invalid", "content"),
    ("a number", 5, "invalid", "content"),
    ("null", None, "invalid", "content"),
    ("a list", ["x"], "invalid", "content"),
]


@pytest.mark.parametrize(("what", "content", "code", "field"), CONTENT, ids=[c[0] for c in CONTENT])
async def test_content_that_is_no_message_is_refused(
    ann: Person, what: str, content: object, code: str, field: str
) -> None:
    """Each kind of bad content has its code, in a post and in an edit."""
    channel_id = await ann.make_channel()
    body = {"message_id": new_id(), "content": content}
    refused(await ann.post(f"/channels/{channel_id}/messages", body), 422, code, field)
    message = await ann.say(channel_id, "good")
    refused(await ann.patch(f"/messages/{message['message_id']}", {"content": content}), 422, code, field)


async def test_content_of_4096_astral_characters_is_accepted(ann: Person) -> None:
    """The limit counts code points, not bytes or UTF-16 units."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "\U0001f600" * 4_096)
    assert len(message["content"]) == 4_096


async def test_an_id_that_the_client_made_wrongly_is_invalid_id(ann: Person) -> None:
    """Ids made by clients are UUID version 7: nobody can sit on a stream that another kind will need. Others are ids at least."""
    channel_id = await ann.make_channel()
    for message_id in (V4, "nonsense"):
        body = {"message_id": message_id, "content": "hi"}
        refused(await ann.post(f"/channels/{channel_id}/messages", body), 422, "invalid_id", "message_id")
    body = {"message_id": str(new_id()), "content": "hi", "parent_id": "nonsense"}
    refused(await ann.post(f"/channels/{channel_id}/messages", body), 422, "invalid_id", "parent_id")
    body = {"kind": "public", "name": "x", "channel_id": V4}
    refused(await ann.post("/channels", body), 422, "invalid_id", "channel_id")
    refused(await ann.post("/directs", {"user_ids": ["x"]}), 422, "invalid_id", "user_ids")


BODIES: list[tuple[str, str, dict[str, object], str]] = [
    ("an unknown field", "/channels", {"kind": "public", "name": "x", "colour": "red"}, "colour"),
    ("a missing field", "/channels", {"kind": "public"}, "name"),
    ("an unknown kind", "/channels", {"kind": "secret", "name": "x"}, "kind"),
    ("a direct made by name", "/channels", {"kind": "direct", "name": "x"}, "kind"),
    ("an empty name", "/channels", {"kind": "public", "name": ""}, "name"),
    ("a name with outer white space", "/channels", {"kind": "public", "name": " x"}, "name"),
    ("a long name", "/channels", {"kind": "public", "name": "x" * 81}, "name"),
    ("a name with U+0000", "/channels", {"kind": "private", "name": "a\x00"}, "name"),
    ("a long topic", "/channels", {"kind": "public", "name": "x", "topic": "x" * 1_001}, "topic"),
    ("nobody else", "/directs", {"user_ids": []}, "user_ids"),
    ("nine others", "/directs", {"user_ids": [new_id() for _ in range(9)]}, "user_ids"),
]


@pytest.mark.parametrize(("what", "path", "body", "field"), BODIES, ids=[b[0] for b in BODIES])
async def test_a_body_that_is_not_of_the_shape_is_invalid_and_names_the_field(
    ann: Person, what: str, path: str, body: dict[str, object], field: str
) -> None:
    """A client's author finds out what is wrong from the answer alone."""
    refused(await ann.post(path, body), 422, "invalid", field)


async def test_what_is_not_json_is_a_bad_request(ann: Person) -> None:
    """400 says that the body cannot be read at all; 422 that it can."""
    for body in (b"", b"{", b"nonsense", b'{"kind": 5, ', b"\xff", b'{"name": NaN}', b"[" * 30_000):
        answer = await ann.call("POST", "/channels", content=body)
        refused(answer, 400, "bad_request")
    for body in (b"[]", b"5", b"null", b'"x"'):
        refused(await ann.call("POST", "/channels", content=body), 422, "invalid", "body")


async def test_a_lone_surrogate_is_invalid_text(ann: Person) -> None:
    """It is JSON, but no text that UTF-8 can carry."""
    channel_id = await ann.make_channel()
    body = b'{"message_id": "%s", "content": "a\\ud800b"}' % new_id().encode()
    answer = await ann.call("POST", f"/channels/{channel_id}/messages", content=body)
    refused(answer, 422, "invalid", "content")


async def test_a_call_without_a_body_takes_none(ann: Person) -> None:
    """Unknown fields are refused where no field is known, too."""
    channel_id = await ann.make_channel()
    refused(await ann.post(f"/channels/{channel_id}/archive", {"x": 1}), 422, "invalid", "x")
    assert (await ann.post(f"/channels/{channel_id}/archive", {})).status_code == 200


QUERIES: list[tuple[str, dict[str, object], str]] = [
    ("/channels", {"colour": "red"}, "colour"),
    ("/channels", {"limit": 0}, "limit"),
    ("/channels", {"limit": 101}, "limit"),
    ("/channels", {"limit": "many"}, "limit"),
    ("/channels", {"limit": ["1", "2"]}, "limit"),
    ("/channels", {"query": "a\x00"}, "query"),
    ("/users", {"query": "x" * 101}, "query"),
    ("/channels", {"cursor": "forged"}, "cursor"),
    ("/channels", {"cursor": "e30"}, "cursor"),
    ("/users", {"cursor": "WzFd"}, "cursor"),
    ("/me", {"min_position": -1}, "min_position"),
    ("/me", {"min_position": 2**53}, "min_position"),
    ("/channels/nonsense", {}, "channel_id"),
    ("/users/nonsense", {}, "user_id"),
    ("/messages/nonsense", {}, "message_id"),
]


@pytest.mark.parametrize(("path", "query", "field"), QUERIES, ids=[f"{q[0]}-{q[2]}" for q in QUERIES])
async def test_an_address_that_is_not_of_the_shape_is_invalid_and_names_the_parameter(
    ann: Person, path: str, query: dict[str, object], field: str
) -> None:
    """Unknown, forged and out of range parameters are refused, never passed over."""
    refused(await ann.call("GET", path, params=query), 422, "invalid", field)


async def test_at_most_one_place_in_the_page_is_given(ann: Person) -> None:
    """`before, after, around` exclude each other."""
    channel_id = await ann.make_channel()
    answer = await ann.get(f"/channels/{channel_id}/messages", before=1, after=1)
    refused(answer, 422, "invalid", "after")


async def test_a_body_over_64_kib_is_too_large_whatever_says_so(server: Server, ann: Person) -> None:
    """With a content length and without one; and a password of 1 MB is never hashed."""

    async def chunks() -> Any:
        for _ in range(70):
            yield b" " * 1_000

    refused(await ann.call("POST", "/channels", content=b" " * 65_537), 413, "too_large")
    refused(await ann.call("POST", "/channels", content=chunks()), 413, "too_large")
    body = {"username": "big", "password": "x" * 1_000_000}
    refused(await server.http.post("/v1/auth/register", json=body), 413, "too_large")
    small = json.dumps({"kind": "public", "name": "fits"}).encode().ljust(65_536)
    assert (await ann.call("POST", "/channels", content=small)).status_code == 201


REGISTRATIONS: list[tuple[dict[str, object], str]] = [
    ({"username": "", "password": PASSWORD}, "username"),
    ({"username": "x" * 41, "password": PASSWORD}, "username"),
    ({"username": "two words", "password": PASSWORD}, "username"),
    ({"username": "a\x00", "password": PASSWORD}, "username"),
    ({"username": "cat", "password": "short"}, "password"),
    ({"username": "cat", "password": "x" * 1_025}, "password"),
    ({"username": "cat", "password": 12345678}, "password"),
    ({"username": "cat"}, "password"),
    ({"username": "cat", "password": PASSWORD, "is_admin": True}, "is_admin"),
    ({"username": "cat", "password": PASSWORD, "display_name": ""}, "display_name"),
]


async def test_a_registration_that_is_not_acceptable_names_the_field(server: Server) -> None:
    """Names, passwords and display names have their limits."""
    for body, field in REGISTRATIONS:
        refused(await server.http.post("/v1/auth/register", json=body), 422, "invalid", field)


async def test_what_is_not_there_is_a_problem_document_too(server: Server, ann: Person) -> None:
    """Unknown addresses, wrong methods, unknown people, channels and messages."""
    refused(await server.http.get("/nothing"), 404, "not_found")
    refused(await ann.get("/nothing"), 404, "not_found")
    answer = await ann.call("DELETE", "/me")
    refused(answer, 405, "bad_request")
    assert {"GET", "HEAD", "PATCH", "OPTIONS"} == set(answer.headers["allow"].split(", "))
    for path in (f"/channels/{new_id()}", f"/messages/{new_id()}", f"/users/{new_id()}"):
        refused(await ann.get(path), 404, "not_found")
    for path in (f"/channels/{new_id()}/messages", f"/messages/{new_id()}/replies", f"/channels/{new_id()}/members"):
        refused(await ann.get(path), 404, "not_found")
    refused(await ann.post(f"/channels/{new_id()}/join"), 404, "not_found")
    refused(await ann.put(f"/channels/{new_id()}/read", {"seq": 0}), 404, "not_found")
    refused(await ann.put(f"/threads/{new_id()}/read", {"seq": 0}), 404, "not_found")
    refused(await ann.post("/directs", {"user_ids": [new_id()]}), 404, "not_found")


async def test_rights_are_told_apart(ann: Person, ben: Person) -> None:
    """Not a member, not the author, not an admin, archived, taken: each its own code."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "mine")
    posting = f"/channels/{channel_id}/messages"
    refused(await ben.post(posting, {"message_id": new_id(), "content": "hi"}), 403, "not_a_member")
    refused(await ben.post(f"/channels/{channel_id}/leave"), 403, "not_a_member")
    refused(await ben.put(f"/channels/{channel_id}/read", {"seq": 1}), 403, "not_a_member")
    await ben.post(f"/channels/{channel_id}/join")
    refused(await ben.patch(f"/messages/{message['message_id']}", {"content": "not mine"}), 403, "forbidden")
    refused(await ben.delete(f"/messages/{message['message_id']}"), 403, "forbidden")
    refused(await ben.patch(f"/channels/{channel_id}", {"name": "taken over"}), 403, "forbidden")
    refused(await ben.delete(f"/channels/{channel_id}"), 403, "forbidden")
    refused(await ben.post("/channels", {"kind": "public", "name": "GENERAL"}), 409, "name_taken", "name")
    await ann.post(f"/channels/{channel_id}/archive")
    refused(await ann.post(posting, {"message_id": new_id(), "content": "late"}), 409, "archived")
    await ann.post(f"/channels/{channel_id}/unarchive")
    assert (await ann.say(channel_id, "open"))["content"] == "open"


async def test_a_mark_beyond_the_channels_last_event_is_invalid(ann: Person) -> None:
    """Nobody has read what is not there."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hi")
    refused(await ann.put(f"/channels/{channel_id}/read", {"seq": message["seq"] + 1}), 422, "invalid", "seq")
    refused(await ann.put(f"/channels/{channel_id}/read", {"seq": -1}), 422, "invalid", "seq")
    refused(await ann.put(f"/channels/{channel_id}/read", {"seq": "1"}), 422, "invalid", "seq")


async def test_a_failing_database_is_unavailable_and_says_when_to_come_back(server: Server, ann: Person) -> None:
    """503 with `Retry-After`; the tokens of people need no database."""
    await server.node.pool.close()
    answer = await ann.get("/me")
    refused(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert (await server.http.get("/health/live")).status_code == 200
