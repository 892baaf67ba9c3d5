"""Messages: posted, changed, answered; and pages that visit each row once."""

import asyncio
from typing import Any

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id

FIELDS = {
    "message_id",
    "channel_id",
    "seq",
    "author_id",
    "content",
    "created_at",
    "edited_at",
    "deleted_at",
    "parent_id",
    "also_to_channel",
    "mentions",
    "mentions_channel",
    "attachments",
    "reactions",
    "reply_count",
    "last_reply_at",
    "pinned",
    "redacted",
}


async def test_a_message_is_posted_edited_and_deleted(ann: Person, ben: Person) -> None:
    """What the post answers is what a read finds; a deleted message keeps its place, with nothing in it."""
    channel_id = await ann.make_channel()
    posted = await ann.say(channel_id, "hello @ben and @channel")
    position = posted.pop("position")
    assert posted.keys() == FIELDS
    assert (posted["mentions"], posted["mentions_channel"]) == ([str(ben.user_id)], True)
    path = f"/messages/{posted['message_id']}"
    assert (await ben.get(path, min_position=position)).json() == posted
    edited = await ann.patch(path, {"content": "goodbye"})
    assert edited.headers["sermo-position"] == str(edited.json()["position"])
    assert (edited.json()["content"], edited.json()["mentions"]) == ("goodbye", [])
    assert edited.json()["edited_at"].endswith("Z")
    assert edited.json()["seq"] == posted["seq"]
    deleted = await ann.delete(path)
    assert deleted.json().keys() == {"position"}
    found = (await ben.get(path, min_position=deleted.json()["position"])).json()
    assert (found["content"], found["seq"]) == ("", posted["seq"])
    assert found["deleted_at"].endswith("Z")
    refused(await ann.patch(path, {"content": "back"}), 404, "not_found")
    assert (await ann.delete(path)).status_code == 200
    page = (await ben.get(f"/channels/{channel_id}/messages")).json()
    assert [m["seq"] for m in page["messages"]] == [posted["seq"]]


async def test_times_have_microseconds_and_are_utc(ann: Person) -> None:
    """`2026-11-23T07:00:00.123456Z`, whatever the fraction is."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "now")
    assert len(message["created_at"]) == len("2026-11-23T07:00:00.123456Z")
    assert message["created_at"].endswith("Z")


async def test_replies_belong_to_their_root(ann: Person, ben: Person) -> None:
    """A reply to a reply is one to the root; the page shows roots and replies also sent to the channel."""
    channel_id = await ann.make_channel()
    other_id = await ann.make_channel("other")
    await ben.post(f"/channels/{channel_id}/join")
    root = await ann.say(channel_id, "root")
    first = await ben.say(channel_id, "first", parent_id=root["message_id"])
    second = await ben.say(channel_id, "second", parent_id=first["message_id"], also_to_channel=True)
    assert {first["parent_id"], second["parent_id"]} == {root["message_id"]}
    body = {"message_id": new_id(), "content": "lost", "parent_id": root["message_id"]}
    refused(await ann.post(f"/channels/{other_id}/messages", body), 404, "not_found", "parent_id")
    at = second["position"]
    replies = (await ann.get(f"/messages/{root['message_id']}/replies", min_position=at)).json()
    assert [m["content"] for m in replies["messages"]] == ["first", "second"]
    assert (replies["has_more_before"], replies["has_more_after"]) == (False, False)
    page = (await ann.get(f"/channels/{channel_id}/messages", min_position=at)).json()
    assert [m["content"] for m in page["messages"]] == ["root", "second"]
    found = (await ann.get(f"/messages/{root['message_id']}")).json()
    assert (found["reply_count"], found["last_reply_at"]) == (2, second["created_at"])
    deleted = (await ben.delete(f"/messages/{second['message_id']}")).json()["position"]
    found = (await ann.get(f"/messages/{root['message_id']}", min_position=deleted)).json()
    assert (found["reply_count"], found["last_reply_at"]) == (1, first["created_at"])
    thread = f"/threads/{root['message_id']}/read"
    assert (await ann.put(thread, {"seq": second["seq"]})).status_code == 200
    refused(await ann.put(thread, {"seq": 10_000}), 422, "invalid", "seq")
    refused(await ann.put(f"/threads/{first['message_id']}/read", {"seq": 1}), 404, "not_found")


async def _walk(person: Person, path: str, limit: int, direction: str, start: int | None) -> list[dict[str, Any]]:
    """All messages by pages, in seq order."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit} if start is None else {"limit": limit, direction: start}
    while True:
        page = (await person.get(path, **params)).json()
        messages = page["messages"]
        assert len(messages) <= limit
        assert [m["seq"] for m in messages] == sorted(m["seq"] for m in messages)
        found = messages + found if direction == "before" else found + messages
        if not page[f"has_more_{direction}"]:
            return found
        params = {"limit": limit, direction: messages[0 if direction == "before" else -1]["seq"]}


async def test_paging_visits_each_message_once_while_others_post(ann: Person) -> None:
    """Backwards from the newest, and forwards from the start, with posts in between."""
    channel_id = await ann.make_channel()
    path = f"/channels/{channel_id}/messages"
    posted = [await ann.say(channel_id, f"message {number}") for number in range(23)]
    root = posted[5]["message_id"]
    replies = [await ann.say(channel_id, f"reply {number}", parent_id=root) for number in range(9)]
    # wait once for the views
    await ann.get(path, min_position=replies[-1]["position"])
    walks = asyncio.gather(
        _walk(ann, path, 5, "before", None),
        _walk(ann, path, 7, "after", 0),
        _walk(ann, f"/messages/{root}/replies", 2, "before", None),
        _walk(ann, f"/messages/{root}/replies", 4, "after", 0),
    )
    late = [await ann.say(channel_id, f"late {number}") for number in range(6)]
    backwards, forwards, back_replies, forward_replies = await walks
    wanted = [m["message_id"] for m in posted]
    assert [m["message_id"] for m in backwards][: len(wanted)] == wanted
    assert [m["message_id"] for m in forwards][: len(wanted)] == wanted
    known = set(wanted) | {m["message_id"] for m in late}
    for walk in (backwards, forwards):
        ids = [m["message_id"] for m in walk]
        assert len(ids) == len(set(ids))
        assert set(ids) <= known
    assert (
        [m["content"] for m in back_replies]
        == [m["content"] for m in forward_replies]
        == [f"reply {number}" for number in range(9)]
    )


async def test_a_page_around_a_message_has_both_sides(ann: Person) -> None:
    """The message itself among its neighbours, and the truth about what lies beyond."""
    channel_id = await ann.make_channel()
    path = f"/channels/{channel_id}/messages"
    posted = [await ann.say(channel_id, f"message {number}") for number in range(20)]
    at = posted[-1]["position"]
    page = (await ann.get(path, around=posted[10]["seq"], limit=6, min_position=at)).json()
    assert posted[10]["message_id"] in [m["message_id"] for m in page["messages"]]
    assert len(page["messages"]) == 6
    assert (page["has_more_before"], page["has_more_after"]) == (True, True)
    assert page["position"] >= at
    everything = (await ann.get(path, around=posted[10]["seq"], limit=100)).json()
    assert (everything["has_more_before"], everything["has_more_after"]) == (False, False)
    assert len(everything["messages"]) == 20
    older = (await ann.get(path, before=posted[3]["seq"])).json()
    assert [m["content"] for m in older["messages"]] == ["message 0", "message 1", "message 2"]
    assert (older["has_more_before"], older["has_more_after"]) == (False, True)
    newer = (await ann.get(path, after=posted[17]["seq"])).json()
    assert [m["content"] for m in newer["messages"]] == ["message 18", "message 19"]
    assert (newer["has_more_before"], newer["has_more_after"]) == (True, False)


async def test_a_link_is_followed_to_whatever_it_names(ann: Person, ben: Person) -> None:
    """The message's id tells channel and seq. A deleted message stands in its place, a reply among its thread, and around the
    seq of a join or a reaction, or none at all, is what is there.
    """
    channel_id = await ann.make_channel()
    path = f"/channels/{channel_id}/messages"
    posted = [await ann.say(channel_id, f"message {number}") for number in range(3)]
    reply = await ann.say(channel_id, "only in the thread", parent_id=posted[0]["message_id"])
    joined = (await ben.post(f"/channels/{channel_id}/join")).json()["position"]
    posted += [await ben.say(channel_id, f"message {number}") for number in range(3, 6)]
    reacted = (await ann.put(f"/messages/{posted[5]['message_id']}/reactions/x")).json()["position"]
    last = (await ben.delete(f"/messages/{posted[4]['message_id']}")).json()["position"]
    gone = (await ann.get(f"/messages/{posted[4]['message_id']}", min_position=last)).json()
    assert (gone["channel_id"], gone["content"]) == (channel_id, "")

    async def around(seq: int, limit: int = 2) -> list[int]:
        page = (await ann.get(path, around=seq, limit=limit)).json()
        return [m["seq"] for m in page["messages"]]

    seqs = [m["seq"] for m in posted]
    assert await around(gone["seq"]) == [seqs[3], gone["seq"]]
    assert gone in (await ann.get(path, around=gone["seq"])).json()["messages"]
    link = (await ben.get(f"/messages/{reply['message_id']}")).json()
    assert (link["parent_id"], link["also_to_channel"]) == (posted[0]["message_id"], False)
    assert await around(link["seq"]) == [seqs[2], seqs[3]], "it is not on the page: its neighbours are"
    thread = (await ben.get(f"/messages/{link['parent_id']}/replies", after=link["seq"] - 1)).json()
    assert [m["message_id"] for m in thread["messages"]] == [reply["message_id"]]
    at_join = reply["seq"] + joined - reply["position"]
    assert await around(at_join) == [seqs[2], seqs[3]]
    assert await around(seqs[5] + reacted - posted[5]["position"]) == [seqs[5]]
    assert await around(0) == [seqs[0]]
    assert await around(10**6, limit=100) == seqs
    assert (await around(10**6)) == [seqs[5]]


async def test_what_was_deleted_does_not_come_back_by_any_way(server: Server, ann: Person, ben: Person) -> None:
    """Not on a page, in a thread or a preview, among pins, reactions or versions, in a replay, or as the answer to a resend."""
    channel_id = await ann.make_channel(kind="private")
    await ann.add(channel_id, ben)
    root = await ann.say(channel_id, "root")
    body = {
        "message_id": new_id(),
        "content": "@ben the-secret",
        "parent_id": root["message_id"],
        "also_to_channel": True,
    }
    posting = f"/channels/{channel_id}/messages"
    assert (await ben.post(posting, body, key="k")).status_code == 201
    path = f"/messages/{body['message_id']}"
    await ben.patch(path, {"content": "@channel the-secret, edited"})
    await ann.put(f"{path}/pin")
    await ann.put(f"{path}/reactions/x")
    position = (await ben.delete(path)).json()["position"]
    again = await ben.post(posting, body)
    by_key = await ben.post(posting, body, key="k")
    for answer in (again, by_key):
        assert (answer.status_code, answer.json()["content"], answer.json()["mentions"]) == (200, "", [])
        assert answer.json()["deleted_at"] is not None
    epoch = (await ann.get("/me/channels", min_position=position)).json()["epoch"]
    for where, params in {
        path: {},
        posting: {},
        f"/messages/{root['message_id']}/replies": {},
        f"{path}/history": {},
        f"/channels/{channel_id}/pins": {},
        f"{path}/reactions": {"emoji": "x"},
        "/me/channels": {},
        "/events": {"after": 0, "epoch": epoch},
    }.items():
        answer = await ann.get(where, **params)
        assert answer.status_code == 200, where
        assert "the-secret" not in answer.text, where
    found = (await ann.get(path)).json()
    assert (found["reactions"], found["pinned"], found["mentions"], found["mentions_channel"]) == ([], False, [], False)
    await ann.delete(f"/channels/{channel_id}/members/{ben.user_id}")
    answer = await ben.post(posting, body)
    assert (answer.status_code, answer.json()["content"]) == (200, ""), "also to an author who may not see it any more"


async def test_a_preview_is_the_last_message_that_stands(ann: Person) -> None:
    """As it is now: edited, reacted to, and after a deletion the one before; a reply only if it is on the page."""
    channel_id = await ann.make_channel()
    first, last = await ann.say(channel_id, "first"), await ann.say(channel_id, "last")

    async def preview(position: int) -> Any:
        (channel,) = (await ann.get("/me/channels", min_position=position)).json()["channels"]
        shown = channel["last_message"]
        if shown is not None:
            assert shown == (await ann.get(f"/messages/{shown['message_id']}")).json()
        return shown and shown["content"]

    assert await preview(last["position"]) == "last"
    edited = await ann.patch(f"/messages/{last['message_id']}", {"content": "last, edited"})
    assert await preview(edited.json()["position"]) == "last, edited"
    reply = await ann.say(channel_id, "in the thread", parent_id=first["message_id"])
    reacted = await ann.put(f"/messages/{last['message_id']}/reactions/x")
    assert await preview(reacted.json()["position"]) == "last, edited"
    also = await ann.say(channel_id, "also here", parent_id=first["message_id"], also_to_channel=True)
    assert await preview(also["position"]) == "also here"
    for message, left in ((also, "last, edited"), (last, "first"), (reply, "first"), (first, None)):
        deleted = await ann.delete(f"/messages/{message['message_id']}")
        assert await preview(deleted.json()["position"]) == left


async def _cursor_walk(person: Person, path: str, what: str, **params: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        given = {**params, "limit": 3} if cursor is None else {**params, "limit": 3, "cursor": cursor}
        answer = (await person.get(path, **given)).json()
        assert len(answer[what]) <= 3
        found += answer[what]
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


async def test_cursors_visit_each_row_once(server: Server, ann: Person) -> None:
    """People, channels and members, by pages of three."""
    people = [ann, *[await server.register(f"person{number}") for number in range(7)]]
    room = await ann.make_channel("room")
    for number in range(6):
        await ann.make_channel(f"channel {number}", "private" if number % 2 else "public")
    position = 0
    for person in people[1:]:
        position = await ann.add(room, person)
    await ann.get("/me", min_position=position)
    users = await _cursor_walk(ann, "/users", "users")
    assert sorted(u["username"] for u in users) == sorted(p.username for p in people)
    found = await _cursor_walk(ann, "/users", "users", query="PERSON")
    assert sorted(u["username"] for u in found) == [f"person{number}" for number in range(7)]
    channels = await _cursor_walk(ann, "/channels", "channels")
    assert sorted(c["name"] for c in channels) == [f"channel {number}" for number in range(6)] + ["room"]
    assert len(await _cursor_walk(people[1], "/channels", "channels", query="channel")) == 3
    members = await _cursor_walk(ann, f"/channels/{room}/members", "members")
    assert sorted(m["user_id"] for m in members) == sorted(str(p.user_id) for p in people)
