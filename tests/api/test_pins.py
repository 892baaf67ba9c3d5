"""Pins and what a message said before: over REST."""

from typing import Any

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id


async def pinned(person: Person, channel_id: str, position: int = 0, limit: int = 50) -> list[Any]:
    """The pinned messages, by pages."""
    found: list[Any] = []
    params: dict[str, Any] = {"limit": limit, "min_position": position}
    while True:
        page = (await person.get(f"/channels/{channel_id}/pins", **params)).json()
        assert len(page["messages"]) <= limit
        found += page["messages"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


async def test_pins_are_listed_newest_first(ann: Person, ben: Person) -> None:
    """Replies too; a message says of itself that it is pinned; a deleted one is not."""
    channel_id = await ann.make_channel()
    await ben.post(f"/channels/{channel_id}/join")
    messages = [await ben.say(channel_id, f"message {number}") for number in range(4)]
    messages.append(await ben.say(channel_id, "reply", parent_id=messages[0]["message_id"]))
    order = [2, 0, 4, 3, 1]
    for number in order:
        put = await ann.put(f"/messages/{messages[number]['message_id']}/pin")
        assert put.headers["sermo-position"] == str(put.json()["position"])
    position = put.json()["position"]
    assert (await ann.put(f"/messages/{messages[0]['message_id']}/pin")).status_code == 200
    found = await pinned(ben, channel_id, position, limit=2)
    assert [m["message_id"] for m in found] == [messages[n]["message_id"] for n in reversed(order)]
    assert all(m["pinned"] for m in found)
    assert found[-1] == (await ben.get(f"/messages/{messages[2]['message_id']}")).json()
    await ann.delete(f"/messages/{messages[0]['message_id']}/pin")
    await ann.put(f"/messages/{messages[2]['message_id']}/pin")
    position = (await ben.delete(f"/messages/{messages[3]['message_id']}")).json()["position"]
    left = [m["message_id"] for m in await pinned(ann, channel_id, position)]
    assert left == [messages[n]["message_id"] for n in (1, 4, 2)]
    again = (await ann.delete(f"/messages/{messages[2]['message_id']}/pin")).json()["position"]
    await ann.put(f"/messages/{messages[2]['message_id']}/pin")
    again = (await ann.put(f"/messages/{messages[2]['message_id']}/pin")).json()["position"]
    newest, *_ = await pinned(ann, channel_id, again)
    assert newest["message_id"] == messages[2]["message_id"]


async def test_who_may_not_pin_or_see_is_refused(server: Server, ann: Person, ben: Person) -> None:
    """A member pins in a direct channel only; an outsider of a private one is told of nothing."""
    eve = await server.register("eve")
    channel_id = await ann.make_channel(kind="private")
    await ann.add(channel_id, ben)
    message = await ben.say(channel_id, "hello")
    path = f"/messages/{message['message_id']}/pin"
    refused(await ben.put(path), 403, "forbidden")
    await ann.put(path)
    refused(await ben.delete(path), 403, "forbidden")
    nothing = f"/messages/{new_id()}/pin"
    for verb in (eve.put, eve.delete):
        for where in (path, nothing):
            refused(await verb(where), 404, "not_found", "message_id")
    refused(await eve.get(f"/channels/{channel_id}/pins"), 404, "not_found", "channel_id")
    refused(await eve.get(f"/channels/{new_id()}/pins"), 404, "not_found", "channel_id")
    refused(await ann.get(f"/channels/{channel_id}/pins", cursor="none"), 422, "invalid", "cursor")
    direct = (await ben.post("/directs", {"user_ids": [str(ann.user_id)]})).json()["channel_id"]
    said = await ann.say(direct, "hello")
    put = await ben.put(f"/messages/{said['message_id']}/pin")
    assert [m["message_id"] for m in await pinned(ann, direct, put.json()["position"])] == [said["message_id"]]


async def test_a_messages_history_has_every_version_and_ends_with_the_present_one(ann: Person, ben: Person) -> None:
    """By pages, with who and when; pins and reactions are no versions."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "version 0")
    path = f"/messages/{message['message_id']}"
    history = (await ben.get(f"{path}/history", min_position=message["position"])).json()
    first = {"content": "version 0", "at": message["created_at"], "by": str(ann.user_id)}
    assert history == {"versions": [first], "next_cursor": None}
    edits = []
    for number in range(1, 6):
        edits.append((await ann.patch(path, {"content": f"version {number}"})).json())
        await ann.put(f"{path}/pin")
        await ann.delete(f"{path}/pin")
    found: list[Any] = []
    params: dict[str, Any] = {"limit": 4}
    while True:
        page = (await ben.get(f"{path}/history", **params)).json()
        found += page["versions"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert [v["content"] for v in found] == [f"version {number}" for number in range(6)]
    assert [v["at"] for v in found] == [message["created_at"], *(e["edited_at"] for e in edits)]
    assert found[-1]["content"] == (await ben.get(path)).json()["content"]


async def test_of_a_deleted_message_there_is_no_history_and_of_a_hidden_one_no_word(ann: Person, ben: Person) -> None:
    """At once, also while the views are behind."""
    channel_id = await ann.make_channel(kind="private")
    message = await ann.say(channel_id, "secret")
    path = f"/messages/{message['message_id']}"
    edited = (await ann.patch(path, {"content": "still secret"})).json()
    refused(await ben.get(f"{path}/history", min_position=edited["position"]), 404, "not_found", "message_id")
    refused(await ben.get(f"/messages/{new_id()}/history"), 404, "not_found", "message_id")
    await ann.delete(path)
    gone = await ann.get(f"{path}/history")
    assert gone.json() == {"versions": [], "next_cursor": None}
