"""Attachments: uploaded, posted with a message, had by who may see it and by nobody else, in a form that does no harm."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id, running_server

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


async def test_a_file_is_uploaded_posted_and_downloaded(ann: Person, ben: Person) -> None:
    """The uploader has it at once, others with its message, which shows what it is; the bytes are the same."""
    channel_id = await ann.make_channel()
    content = bytes(range(256)) * 40
    answer = await ann.upload(channel_id, content, name="Plän 1.bin", media_type="Application/X-Plan; v=1")
    assert answer.status_code == 201, answer.text
    file = answer.json()
    attachment_id, position = file["attachment_id"], file["position"]
    assert answer.headers["sermo-position"] == str(position)
    assert (file["name"], file["media_type"], file["size"]) == ("Plän 1.bin", "application/x-plan", len(content))
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    path = f"/attachments/{attachment_id}"
    assert (await ann.get(path, min_position=position)).content == content
    refused(await ben.get(path), 404, "not_found", "attachment_id")
    message = await ann.say(channel_id, "", attachment_ids=[attachment_id])
    assert message["attachments"] == [
        {"attachment_id": attachment_id, "name": "Plän 1.bin", "media_type": "application/x-plan", "size": len(content)}
    ]
    found = await ben.get(f"/messages/{message['message_id']}", min_position=message["position"])
    assert found.json()["attachments"] == message["attachments"]
    page = (await ben.get(f"/channels/{channel_id}/messages")).json()
    assert page["messages"][0]["attachments"] == message["attachments"]
    assert (await ben.get(path)).content == content


async def test_a_deleted_message_shows_no_file_and_nobody_has_it(ann: Person) -> None:
    """Not its uploader either; an edit leaves the files."""
    channel_id = await ann.make_channel()
    attachment_id = await ann.file(channel_id)
    message = await ann.say(channel_id, "look", attachment_ids=[attachment_id])
    path = f"/messages/{message['message_id']}"
    edited = await ann.patch(path, {"content": ""})
    assert edited.status_code == 200, edited.text
    assert edited.json()["attachments"] == message["attachments"]
    deleted = (await ann.delete(path)).json()["position"]
    assert (await ann.get(path, min_position=deleted)).json()["attachments"] == []
    refused(await ann.get(f"/attachments/{attachment_id}"), 404, "not_found")


async def test_a_file_is_had_by_members_of_a_private_channel_alone(ann: Person, ben: Person) -> None:
    """Whoever is removed loses it; an outsider is told that there is none, also about where to put one."""
    channel_id = await ann.make_channel("secret", "private")
    refused(await ben.upload(channel_id, b"x"), 404, "not_found", "channel_id")
    attachment_id = await ann.file(channel_id)
    path = f"/attachments/{attachment_id}"
    refused(await ben.get(path), 404, "not_found")
    added = await ann.add(channel_id, ben)
    refused(await ben.get(path, min_position=added), 404, "not_found")
    message = await ann.say(channel_id, "for us", attachment_ids=[attachment_id])
    assert (await ben.get(path, min_position=message["position"])).status_code == 200
    removed = (await ann.delete(f"/channels/{channel_id}/members/{ben.user_id}")).json()["position"]
    refused(await ben.get(path, min_position=removed), 404, "not_found")
    assert (await ann.get(path)).status_code == 200
    deleted = (await ann.delete(f"/channels/{channel_id}")).json()["position"]
    refused(await ann.get(path, min_position=deleted), 404, "not_found")


async def test_nobody_has_a_file_without_a_token(server: Server, ann: Person) -> None:
    """An address is no key."""
    channel_id = await ann.make_channel()
    attachment_id = await ann.file(channel_id)
    refused(await server.http.get(f"/v1/attachments/{attachment_id}"), 401, "unauthenticated")
    refused(
        await server.http.post(f"/v1/channels/{channel_id}/attachments", params={"name": "x"}, content=b"x"),
        401,
        "unauthenticated",
    )


async def test_a_message_takes_files_of_its_author_for_its_channel_once(ann: Person, ben: Person) -> None:
    """Anything else is not found; too many or one twice is invalid; nothing is posted then."""
    channel_id, other_id = await ann.make_channel(), await ann.make_channel("other")
    await ben.post(f"/channels/{channel_id}/join")
    mine, elsewhere, theirs = await ann.file(channel_id), await ann.file(other_id), await ben.file(channel_id)
    posting = f"/channels/{channel_id}/messages"
    for wrong in (elsewhere, theirs, new_id(), channel_id):
        body = {"message_id": new_id(), "content": "x", "attachment_ids": [mine, wrong]}
        refused(await ann.post(posting, body), 404, "not_found", "attachment_ids")
    for wrong_ids in ([mine, mine], [new_id() for _ in range(11)]):
        body = {"message_id": new_id(), "content": "x", "attachment_ids": wrong_ids}
        refused(await ann.post(posting, body), 422, "invalid", "attachment_ids")
    refused(
        await ann.post(posting, {"message_id": new_id(), "content": "", "attachment_ids": []}),
        422,
        "content_empty",
        "content",
    )
    first = await ann.say(channel_id, "mine", attachment_ids=[mine])
    body = {"message_id": new_id(), "content": "again", "attachment_ids": [mine]}
    refused(await ann.post(posting, body), 404, "not_found", "attachment_ids")
    again = {"message_id": first["message_id"], "content": "mine", "attachment_ids": [mine]}
    assert (await ann.post(posting, again)).json()["attachments"] == first["attachments"]
    refused(await ann.post(posting, {**again, "attachment_ids": []}), 409, "message_id_taken", "message_id")


async def test_an_upload_that_is_sent_again_is_the_first(ann: Person, ben: Person) -> None:
    """By its own id, or by an idempotency key; something else under either is refused."""
    channel_id = await ann.make_channel()
    attachment_id = new_id()
    first = await ann.upload(channel_id, b"once", attachment_id=attachment_id)
    again = await ann.upload(channel_id, b"once", attachment_id=attachment_id)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    answer = await ann.upload(channel_id, b"else", attachment_id=attachment_id)
    refused(answer, 409, "attachment_id_taken", "attachment_id")
    await ben.post(f"/channels/{channel_id}/join")
    refused(await ben.upload(channel_id, b"once", attachment_id=attachment_id), 409, "attachment_id_taken")
    keyed = await ann.upload(channel_id, b"keyed", key="k")
    assert keyed.status_code == 201
    assert (await ann.upload(channel_id, b"keyed", key="k")).json() == keyed.json()
    refused(await ann.upload(channel_id, b"other", key="k"), 422, "key_reused", "Idempotency-Key")
    refused(await ann.upload(channel_id, b"keyed", name="other", key="k"), 422, "key_reused", "Idempotency-Key")
    await ann.post(f"/channels/{channel_id}/archive")
    assert (await ann.upload(channel_id, b"keyed", key="k")).status_code == 200
    assert (await ann.upload(channel_id, b"once", attachment_id=attachment_id)).status_code == 200
    refused(await ann.upload(channel_id, b"new"), 409, "archived")


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"name": "a/b.txt"}, "invalid", "name"),
    ({"name": "..\\b.txt"}, "invalid", "name"),
    ({"name": ".."}, "invalid", "name"),
    ({"name": "  "}, "invalid", "name"),
    ({"name": "a\nb"}, "invalid", "name"),
    ({"name": "gpj\u202e.exe"}, "invalid", "name"),
    ({"name": "x" * 256}, "invalid", "name"),
    ({"name": ""}, "invalid", "name"),
    ({"media_type": "text"}, "invalid", "media_type"),
    ({"media_type": "multipart/form-data; boundary=x"}, "invalid", "media_type"),
    ({"attachment_id": "11111111-2222-4333-8444-555555555555"}, "invalid_id", "attachment_id"),
    ({"attachment_id": "nonsense"}, "invalid", "attachment_id"),
    ({"colour": "red"}, "invalid", "colour"),
]


@pytest.mark.parametrize(("wrong", "code", "field"), WRONG, ids=[f"{w[2]}-{n}" for n, w in enumerate(WRONG)])
async def test_what_is_no_file_of_ours_is_invalid(ann: Person, wrong: dict[str, str], code: str, field: str) -> None:
    """Each is refused with the field to blame."""
    channel_id = await ann.make_channel()
    refused(await ann.upload(channel_id, b"x", **wrong), 422, code, field)


async def test_an_empty_file_is_invalid(ann: Person) -> None:
    """More likely than an empty file is a client that forgot the body."""
    refused(await ann.upload(await ann.make_channel(), b""), 422, "invalid", "body")


def _chunks(size: int, of: int) -> AsyncIterator[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // of):
            yield b"x" * of

    return chunks()


async def test_the_answer_keeps_a_browser_from_doing_anything_with_it(ann: Person) -> None:
    """Saved under its name, with no script; images show where they are what they say."""
    channel_id = await ann.make_channel()

    async def headers(content: bytes, media_type: str, name: str = "f.bin") -> dict[str, str]:
        answer = await ann.upload(channel_id, content, name=name, media_type=media_type)
        uploaded = answer.json()
        found = await ann.get(f"/attachments/{uploaded['attachment_id']}", min_position=uploaded["position"])
        assert found.content == content
        return dict(found.headers)

    html = await headers(b"<script>alert(1)</script>", "text/html", 'a "b" ü%.html')
    assert html["content-disposition"] == (
        "attachment; filename=\"a _b_ __.html\"; filename*=UTF-8''a%20%22b%22%20%C3%BC%25.html"
    )
    assert html["content-type"] == "text/html"
    assert html["x-content-type-options"] == "nosniff"
    assert html["content-security-policy"] == "default-src 'none'; sandbox"
    assert html["cross-origin-resource-policy"] == "same-origin"
    assert html["cache-control"] == "private, no-cache"
    assert (await headers(PNG, "image/png"))["content-disposition"].startswith("inline;")
    assert (await headers(b"RIFF1234WEBPVP8 ", "image/webp"))["content-disposition"].startswith("inline;")
    for content, media_type in (
        (b"<svg onload='alert(1)'/>", "image/svg+xml"),
        (b"<script>", "image/png"),
        (PNG, "text/html"),
        (PNG, "image/jpeg"),
    ):
        found = await headers(content, media_type)
        assert found["content-disposition"].startswith("attachment;"), media_type
        assert found["content-type"] == media_type


async def test_a_file_that_is_known_is_not_sent_again(ann: Person) -> None:
    """304 for its ETag; rights are judged first."""
    channel_id = await ann.make_channel()
    attachment_id = await ann.file(channel_id, b"content")
    path = f"/attachments/{attachment_id}"
    etag = (await ann.get(path, min_position=10)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await ann.call("GET", path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert answer.headers["cache-control"] == "private, no-cache"
    assert (await ann.call("GET", path, headers={"If-None-Match": '"other"'})).content == b"content"


RANGES: list[tuple[str, int, bytes, str | None]] = [
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
    ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
    ("bytes=7-", 206, b"789", "bytes 7-9/10"),
    ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
    ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
    ("bytes=10-", 416, b"", "bytes */10"),
    ("bytes=-0", 416, b"", "bytes */10"),
    ("bytes=5-2", 200, b"0123456789", None),
    ("bytes=0-1,3-4", 200, b"0123456789", None),
    ("lines=1-2", 200, b"0123456789", None),
]


async def test_a_part_of_a_file_is_answered(ann: Person) -> None:
    """A single range of bytes; what is none is passed over; `If-Range` with another version gives all."""
    channel_id = await ann.make_channel()
    attachment_id = await ann.file(channel_id, b"0123456789")
    path = f"/attachments/{attachment_id}"
    etag = (await ann.get(path, min_position=10)).headers["etag"]
    for asked, status, content, told in RANGES:
        answer = await ann.call("GET", path, headers={"Range": asked})
        assert (answer.status_code, answer.headers.get("content-range")) == (status, told), asked
        if status == 416:
            refused(answer, 416, "bad_request")
        else:
            assert answer.content == content, asked
    answer = await ann.call("GET", path, headers={"Range": "bytes=0-0", "If-Range": etag})
    assert answer.content == b"0"
    answer = await ann.call("GET", path, headers={"Range": "bytes=0-0", "If-Range": '"old"'})
    assert (answer.status_code, answer.content) == (200, b"0123456789")


async def test_what_the_operator_does_not_take_is_refused(database: str) -> None:
    """Too large by its own word, too large as it comes, of another type; and what is taken is whole."""
    async with running_server(
        database, attachment_max_bytes=1_000_000, attachment_types=("image/*", "text/plain")
    ) as server:
        ann = await server.register("ann")
        channel_id = await ann.make_channel()
        refused(await ann.upload(channel_id, b"x" * 1_000_001, media_type="text/plain"), 413, "too_large")
        refused(await ann.upload(channel_id, _chunks(2_000_000, 50_000), media_type="text/plain"), 413, "too_large")
        refused(await ann.upload(channel_id, b"x", media_type="application/pdf"), 422, "invalid", "media_type")
        refused(await ann.upload(channel_id, b"x"), 422, "invalid", "media_type")
        answer = await ann.upload(channel_id, _chunks(1_000_000, 50_000), media_type="text/plain")
        assert answer.json()["size"] == 1_000_000
        assert (await ann.upload(channel_id, PNG, media_type="image/png")).status_code == 201
        assert (await server.http.get("/metrics")).text.count(
            'sermo_attachment_refusals_total{code="too_large"} 2.0'
        ) == 1
        files = server.node.files
        kept = [path for path in files.folder.rglob("*") if path.is_file() and path != files.folder / "log"]
        assert len(kept) == 2
        assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
        assert {path.stat().st_mode & 0o777 for path in files.folder.rglob("*") if path.is_dir()} == {0o700}
