"""What every resource answers to methods that no handler speaks of, and to requests that are none."""

import asyncio

import pytest

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server


async def _raw(server: Server, request: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(10):
        found = await reader.read()
    writer.close()
    return found


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/me", "GET, HEAD, OPTIONS, PATCH"),
        ("/channels", "GET, HEAD, OPTIONS, POST"),
        ("/channels/{channel_id}/messages", "GET, HEAD, OPTIONS, POST"),
        ("/channels/{channel_id}/members/{user_id}", "DELETE, OPTIONS, PUT"),
        ("/channels/{channel_id}/archive", "OPTIONS, POST"),
    ],
)
async def test_a_resource_names_its_methods(ann: Person, path: str, allowed: str) -> None:
    """In `Allow`, the same for OPTIONS and for a method that it does not take (RFC 9110 sections 9.3.7, 15.5.6)."""
    path = path.format(channel_id=await ann.make_channel(), user_id=ann.user_id)
    answer = await ann.call("OPTIONS", path)
    assert (204, allowed) == (answer.status_code, answer.headers["allow"])
    refusal = await ann.call("TRACE", path)
    refused(refusal, 405, "bad_request")
    assert allowed == refusal.headers["allow"]


async def test_head_is_get_without_the_content(server: Server, ann: Person) -> None:
    """With the same status and length; also of an event stream, whose head has an end."""
    for path in ("/me", "/channels", "/events?after=0&epoch=0"):
        got, head = await ann.call("GET", path), await ann.call("HEAD", path)
        assert (got.status_code, got.headers["content-length"]) == (head.status_code, head.headers["content-length"])
        assert head.content == b""
    assert (await server.http.head("/v1/me")).status_code == 401
    stream = await ann.call("HEAD", "/events?after=0&epoch=0", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 409


@pytest.mark.parametrize(
    "request_line",
    [b"BREW /v1/me HTTP/1.1", b"GET /v1/me HTTP/9.9", b"GET /v1/\xff HTTP/1.1", b"nonsense"],
    ids=["a method that is none", "a version that is none", "a byte that no URL has", "no request"],
)
async def test_what_is_no_http_is_refused_with_a_problem_document(server: Server, request_line: bytes) -> None:
    """And the connection ends."""
    answer = await _raw(server, request_line + b"\r\nHost: here\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer
    assert b"content-type: application/problem+json" in head.lower()
    assert b'"code":"bad_request"' in body


async def test_an_odd_path_or_host_is_refused_with_a_problem_document(server: Server, ann: Person) -> None:
    """Bytes that are no text, an encoded slash, U+0000, two slashes, a bad `Host`."""
    refused(await ann.call("GET", "/users/%ff%fe"), 422, "invalid", "user_id")
    refused(await ann.call("GET", "/users/%00"), 422, "invalid", "user_id")
    refused(await ann.call("GET", "/users/a%2Fb"), 404, "not_found")
    refused(await ann.call("GET", "/nowhere"), 404, "not_found")
    refused(await ann.call("GET", "/channels", headers={"Host": "bad host:x"}), 400, "bad_request")
    assert (await ann.get("/me/")).json() == (await ann.get("/me")).json()


@pytest.mark.parametrize("value", ["null", "NULL", "", "1.0", "1e3", "0x10", "+1", " 1", "1_000", "\u0661"])
async def test_a_number_in_a_query_is_spelled_in_one_way(ann: Person, value: str) -> None:
    """A parameter that cannot be read is refused, not passed over as if it were not given."""
    channel_id = await ann.make_channel()
    for name in ("before", "limit", "min_position"):
        refused(await ann.get(f"/channels/{channel_id}/messages", **{name: value}), 422, "invalid", name)
