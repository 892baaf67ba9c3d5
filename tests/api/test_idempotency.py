"""A request that is sent again is done once, and answered with what was done (promise R2)."""

import asyncio

import pytest

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id


async def test_the_same_key_and_body_makes_one_channel(ann: Person) -> None:
    """The repeat answers with the original position, and with the channel as it is now."""
    body = {"kind": "public", "name": "general"}
    first = await ann.post("/channels", body, key="k1")
    assert first.status_code == 201
    channel_id = first.json()["channel_id"]
    await ann.patch(f"/channels/{channel_id}", {"topic": "changed since"})
    again = await ann.call(
        "POST",
        "/channels",
        content=b' {"name":"general",  "kind":"public"}',
        headers={"Idempotency-Key": "k1"},
    )
    assert again.status_code == 200
    assert again.json() == {**first.json(), "topic": "changed since"}
    assert again.headers["sermo-position"] == first.headers["sermo-position"]


async def test_one_key_at_once_is_done_once(ann: Person) -> None:
    """Five connections race with the same request."""
    body = {"kind": "private", "name": "secret"}
    answers = await asyncio.gather(*(ann.post("/channels", body, key="k1") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["channel_id"] for answer in answers}) == 1


async def test_the_same_key_with_another_request_is_refused(ann: Person) -> None:
    """Another body, or another address."""
    channel_id = await ann.make_channel()
    assert (await ann.post("/channels", {"kind": "public", "name": "one"}, key="k1")).status_code == 201
    answer = await ann.post("/channels", {"kind": "public", "name": "two"}, key="k1")
    refused(answer, 422, "key_reused", "Idempotency-Key")
    refused(await ann.post(f"/channels/{channel_id}/archive", key="k1"), 422, "key_reused", "Idempotency-Key")


async def test_two_people_may_use_the_same_key(ann: Person, ben: Person) -> None:
    """A key belongs to a person."""
    assert (await ann.post("/channels", {"kind": "public", "name": "one"}, key="k1")).status_code == 201
    assert (await ben.post("/channels", {"kind": "public", "name": "two"}, key="k1")).status_code == 201


async def test_where_nothing_was_written_the_request_is_decided_anew(ann: Person, ben: Person) -> None:
    """A refusal is not remembered: what was wrong may be right now."""
    channel_id = await ann.make_channel()
    body = {"message_id": new_id(), "content": "hi"}
    refused(await ben.post(f"/channels/{channel_id}/messages", body, key="k1"), 403, "not_a_member")
    await ben.post(f"/channels/{channel_id}/join", key="k2")
    assert (await ben.post(f"/channels/{channel_id}/messages", body, key="k1")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "caf\u00e9"])
async def test_a_key_that_is_none_is_invalid(ann: Person, key: str) -> None:
    """1 to 200 printable characters."""
    answer = await ann.call(
        "POST", "/channels", {"kind": "public", "name": "x"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    refused(answer, 422, "invalid", "Idempotency-Key")


async def test_joining_again_with_the_key_after_leaving_does_not_join_again(ann: Person, ben: Person) -> None:
    """A late repeat of a request that was done changes nothing."""
    channel_id = await ann.make_channel()
    joined = await ben.post(f"/channels/{channel_id}/join", key="k1")
    await ben.post(f"/channels/{channel_id}/leave")
    again = await ben.post(f"/channels/{channel_id}/join", key="k1")
    assert again.json() == joined.json()
    refused(await ben.post(f"/channels/{channel_id}/leave"), 403, "not_a_member")


async def test_a_message_sent_again_is_the_message_that_was_posted(ann: Person) -> None:
    """200 with the first position and the message as it is now; the same id with anything else is taken."""
    channel_id = await ann.make_channel()
    other_id = await ann.make_channel("other")
    root = await ann.say(channel_id, "root")
    posting = f"/channels/{channel_id}/messages"
    body = {"message_id": new_id(), "content": "hi"}
    first = await ann.post(posting, body)
    assert first.status_code == 201
    again = await ann.post(posting, body)
    assert again.status_code == 200
    assert again.json() == first.json()
    for changed in ({"content": "ho"}, {"parent_id": root["message_id"]}):
        refused(await ann.post(posting, {**body, **changed}), 409, "message_id_taken", "message_id")
    refused(await ann.post(f"/channels/{other_id}/messages", body), 409, "message_id_taken", "message_id")
    await ann.patch(f"/messages/{body['message_id']}", {"content": "edited"})
    again = await ann.post(posting, body)
    assert (again.status_code, again.json()["content"]) == (200, "edited")
    assert again.json()["position"] == first.json()["position"]


async def test_a_message_id_of_somebody_else_is_taken(ann: Person, ben: Person) -> None:
    """Nobody posts under the id of another's message, in whatever channel."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    message = await ann.say(channel_id, "hi")
    body = {"message_id": message["message_id"], "content": "hi"}
    refused(await ben.post(f"/channels/{channel_id}/messages", body), 409, "message_id_taken", "message_id")


async def test_a_post_that_was_done_stays_acknowledged_when_its_author_is_gone(ann: Person, ben: Person) -> None:
    """ "Already done" is answered before any right is asked, also where the author may not see the channel any more."""
    for kind in ("public", "private"):
        channel_id = await ann.make_channel(f"{kind} one", kind)
        await ann.add(channel_id, ben)
        body = {"message_id": new_id(), "content": "I was here"}
        posting = f"/channels/{channel_id}/messages"
        first = await ben.post(posting, body, key=f"key {kind}")
        removed = await ann.delete(f"/channels/{channel_id}/members/{ben.user_id}")
        assert removed.status_code == 200
        for again in (await ben.post(posting, body), await ben.post(posting, body, key=f"key {kind}")):
            assert again.status_code == 200, again.text
            assert again.json() == first.json()
        new = await ben.post(posting, {"message_id": new_id(), "content": "and still am"})
        assert new.status_code == (403 if kind == "public" else 404)


async def test_a_channel_id_belongs_to_who_made_it(ann: Person, ben: Person) -> None:
    """The same id, person and body finds the channel; anything else is taken."""
    body = {"kind": "public", "name": "general", "topic": "all", "channel_id": new_id()}
    first = await ann.post("/channels", body)
    assert first.status_code == 201
    again = await ann.post("/channels", body)
    assert again.status_code == 200
    assert {**again.json(), "position": 0} == {**first.json(), "position": 0}
    refused(await ann.post("/channels", {**body, "topic": "else"}), 409, "channel_id_taken", "channel_id")
    refused(await ben.post("/channels", body), 409, "channel_id_taken", "channel_id")
    await ann.delete(f"/channels/{body['channel_id']}")
    assert (await ann.post("/channels", body)).status_code == 200


async def test_a_channel_id_sent_again_answers_with_the_position_of_the_whole_creation(ann: Person) -> None:
    """A read at that position must also see the maker's membership, which is the creation's last event."""
    body = {"kind": "public", "name": "general", "channel_id": new_id()}
    first = await ann.post("/channels", body)
    again = await ann.post("/channels", body)
    assert again.json()["position"] == first.json()["position"]


async def test_the_same_message_from_many_connections_is_posted_once(server: Server, ann: Person) -> None:
    """Eight resends race; one is the first."""
    channel_id = await ann.make_channel()
    body = {"message_id": new_id(), "content": "once"}
    answers = await asyncio.gather(*(ann.post(f"/channels/{channel_id}/messages", body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    position = answers[0].json()["position"]
    page = (await ann.get(f"/channels/{channel_id}/messages", min_position=position)).json()
    assert [m["content"] for m in page["messages"]] == ["once"]
