"""`GET /v1/me/threads` and the sum in `GET /v1/me/unread`: what is in them, page by page, and for whom."""

from typing import Any

from api.paging import to_cursor
from projections.followed_threads import ThreadsAfter
from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server


async def threads(person: Person, **query: Any) -> list[dict[str, Any]]:
    """All pages of the list."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await person.get("/me/threads", **query, **cursor)).json()
        found += page["threads"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_a_reply_or_a_mention_brings_a_thread_into_the_list(ann: Person, ben: Person) -> None:
    """Newest activity first, with the root, what is unread, and the marker; all true at one position."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    quiet, loud = [await ann.say(channel_id, text) for text in ("quiet", "loud")]
    await ben.say(channel_id, "mine", parent_id=quiet["message_id"])
    reply = await ann.say(channel_id, "@ben yours", parent_id=loud["message_id"])
    page = (await ben.get("/me/threads", min_position=reply["position"])).json()
    assert page.keys() == {"threads", "next_cursor", "position"}
    assert page["position"] == reply["position"]
    first, second = page["threads"]
    assert first.keys() == {"message", "unread_count", "unread_capped", "mention_count", "read_seq"}
    assert first["message"]["message_id"] == loud["message_id"]
    assert (first["message"]["content"], first["message"]["reply_count"]) == ("loud", 1)
    assert (first["unread_count"], first["mention_count"], first["read_seq"]) == (1, 1, reply["seq"] - 1)
    assert (second["message"]["message_id"], second["unread_count"]) == (quiet["message_id"], 0)
    unread = (await ben.get("/me/unread", min_position=reply["position"])).json()
    assert unread["threads"] == {"thread_count": 1, "unread_count": 1, "unread_capped": False}
    assert [t["message"]["message_id"] for t in await threads(ben, unread="true")] == [loud["message_id"]]
    read = await ben.put(f"/threads/{loud['message_id']}/read", {"seq": reply["seq"]})
    assert await threads(ben, unread="true", min_position=read.json()["position"]) == []
    back = await ben.post(f"/threads/{loud['message_id']}/unread", {"seq": reply["seq"]})
    (again,) = await threads(ben, unread="true", min_position=back.json()["position"])
    assert again == first


async def test_pages_hold_each_thread_once_while_there_are_new_replies(ann: Person) -> None:
    """A thread that rises between two pages comes neither twice nor not at all."""
    channel_id = await ann.make_channel()
    roots = [await ann.say(channel_id, f"root {n}") for n in range(5)]
    for root in roots:
        last = await ann.say(channel_id, "reply", parent_id=root["message_id"])
    page = (await ann.get("/me/threads", limit=2, min_position=last["position"])).json()
    found = page["threads"]
    for root in (roots[0], roots[4]):
        last = await ann.say(channel_id, "up", parent_id=root["message_id"])
        query = {"limit": 2, "cursor": page["next_cursor"], "min_position": last["position"]}
        page = (await ann.get("/me/threads", **query)).json()
        found += page["threads"]
    assert page["next_cursor"] is None
    assert [thread["message"]["content"] for thread in found] == [f"root {n}" for n in (4, 3, 2, 1, 0)]


async def test_threads_of_channels_that_one_has_left_are_not_listed(server: Server, ann: Person, ben: Person) -> None:
    """They come back with the membership; nobody else has them in their list."""
    channel_id = await ann.make_channel(kind="private")
    await ann.add(channel_id, ben)
    root = await ann.say(channel_id, "root")
    reply = await ben.say(channel_id, "reply", parent_id=root["message_id"])
    assert len(await threads(ben, min_position=reply["position"])) == 1
    left = (await ben.post(f"/channels/{channel_id}/leave")).json()["position"]
    assert await threads(ben, min_position=left) == []
    assert len(await threads(ben, min_position=await ann.add(channel_id, ben))) == 1
    assert await threads(await server.register("cat")) == []


async def test_a_forged_cursor_and_an_unknown_filter_are_refused(ann: Person) -> None:
    """As in every list."""
    refused(await ann.get("/me/threads", cursor="e30"), 422, "invalid", "cursor")
    beyond = to_cursor(ThreadsAfter(2**63, 1))
    refused(await ann.get("/me/threads", cursor=beyond), 422, "invalid", "cursor")
    refused(await ann.get("/me/threads", unread="maybe"), 422, "invalid", "unread")
    refused(await ann.get("/me/threads", limit=101), 422, "invalid", "limit")
