"""Reactions over REST: put, taken back, shown with the message, and who."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id

FAMILY = "👩🏽\u200d❤️\u200d💋\u200d👨🏿"


def path_of(message: dict[str, Any], emoji: str) -> str:
    """Where an emoji is put."""
    return f"/messages/{message['message_id']}/reactions/{quote(emoji, safe='')}"


async def reactions_of(person: Person, message: dict[str, Any], position: int) -> list[dict[str, Any]]:
    """What the message shows, as the message and as the page has it."""
    one = (await person.get(f"/messages/{message['message_id']}", min_position=position)).json()
    page = (await person.get(f"/channels/{message['channel_id']}/messages", around=message["seq"])).json()
    assert one in page["messages"]
    found: list[dict[str, Any]] = one["reactions"]
    return found


@pytest.mark.parametrize("emoji", ["👍", FAMILY, "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", ":party:", "%2F", "?", "#"], ids=ascii)
async def test_an_emoji_is_put_on_a_message_and_taken_back(ann: Person, emoji: str) -> None:
    """However many code points it has, and whatever they mean in an address."""
    message = await ann.say(await ann.make_channel(), "hello")
    put = await ann.put(path_of(message, emoji))
    assert put.status_code == 200, put.text
    assert put.headers["sermo-position"] == str(put.json()["position"])
    mine = [{"emoji": emoji, "count": 1, "user_ids": [str(ann.user_id)]}]
    assert await reactions_of(ann, message, put.json()["position"]) == mine
    again = await ann.put(path_of(message, emoji))
    assert (again.status_code, again.json()["position"]) == (200, put.json()["position"])
    taken = await ann.delete(path_of(message, emoji))
    assert taken.json()["position"] == put.json()["position"] + 1
    assert await reactions_of(ann, message, taken.json()["position"]) == []
    assert (await ann.delete(path_of(message, emoji))).status_code == 200


async def test_emoji_stand_in_the_order_of_their_first_use(ann: Person, ben: Person) -> None:
    """And people in the order in which they came; who takes it back and comes again is last."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hello")
    await ben.post(f"/channels/{channel_id}/join")
    ann_id, ben_id = str(ann.user_id), str(ben.user_id)
    for person, emoji in ((ann, "b"), (ben, "a"), (ben, "b")):
        position = (await person.put(path_of(message, emoji))).json()["position"]
    assert await reactions_of(ann, message, position) == [
        {"emoji": "b", "count": 2, "user_ids": [ann_id, ben_id]},
        {"emoji": "a", "count": 1, "user_ids": [ben_id]},
    ]
    await ann.delete(path_of(message, "b"))
    position = (await ann.put(path_of(message, "b"))).json()["position"]
    assert await reactions_of(ann, message, position) == [
        {"emoji": "a", "count": 1, "user_ids": [ben_id]},
        {"emoji": "b", "count": 2, "user_ids": [ben_id, ann_id]},
    ]


async def test_over_a_limit_is_told_as_such(server: Server, ann: Person) -> None:
    """Twenty of one person, fifty of all; what is there already is no more."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hello")
    people = [ann, *[await server.register(f"p{number}") for number in range(3)]]
    for person in people[1:]:
        await person.post(f"/channels/{channel_id}/join")
    position = 0
    for number in range(50):
        answer = await people[number // 20].put(path_of(message, f"e{number}"))
        position = answer.json()["position"]
    refused(await ann.put(path_of(message, "e20")), 409, "limit_reached", "emoji")
    assert (await ann.put(path_of(message, "e19"))).status_code == 200
    await ann.get(f"/messages/{message['message_id']}", min_position=position)
    refused(await people[3].put(path_of(message, "e50")), 409, "limit_reached", "emoji")
    assert (await people[3].put(path_of(message, "e49"))).status_code == 200
    assert len(await reactions_of(ann, message, position)) == 50


async def test_who_may_not_react_or_see_is_refused(ann: Person, ben: Person) -> None:
    """A private channel's message and none look the same; a public one's reactions are everybody's to read."""
    secret = await ann.say(await ann.make_channel("secret", "private"), "psst")
    public = await ann.say(await ann.make_channel(), "hello")
    for message in (secret, public):
        await ann.put(path_of(message, "👍"))
    nothing = {"message_id": new_id()}
    texts = set()
    for message in (secret, nothing):
        for answer in (
            await ben.put(path_of(message, "👍")),
            await ben.delete(path_of(message, "👍")),
            await ben.get(f"/messages/{message['message_id']}/reactions", emoji="👍"),
        ):
            problem = refused(answer, 404, "not_found", "message_id")
            texts.add(problem["detail"].replace(message["message_id"], "it"))
    assert len(texts) == 1
    refused(await ben.put(path_of(public, "👍")), 403, "not_a_member")
    position = (await ann.put(path_of(public, "👍"))).json()["position"]
    page = await ben.get(f"/messages/{public['message_id']}/reactions", emoji="👍", min_position=position)
    assert [each["user_id"] for each in page.json()["reactions"]] == [str(ann.user_id)]
    assert (await ben.get(f"/messages/{public['message_id']}/reactions", emoji="🎉")).json() == {
        "reactions": [],
        "next_cursor": None,
    }


async def test_what_is_no_emoji_is_invalid_and_what_is_gone_is_not_found(ann: Person) -> None:
    """A deleted message shows none, and takes none; nor does an archived channel."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hello")
    for bad in ("a b", "e" * 33, "a\tb", "\x00", "\u2028"):
        refused(await ann.put(path_of(message, bad)), 422, "invalid", "emoji")
        refused(await ann.delete(path_of(message, bad)), 422, "invalid", "emoji")
    for latin in ("%FF", "%C3%28"):
        where = f"/messages/{message['message_id']}/reactions/{latin}"
        refused(await ann.put(where), 422, "invalid", "emoji")
        refused(await ann.delete(where), 422, "invalid", "emoji")
    refused(await ann.get(f"/messages/{message['message_id']}/reactions"), 422, "invalid", "emoji")
    refused(await ann.get(f"/messages/{message['message_id']}/reactions", emoji=""), 422, "invalid", "emoji")
    await ann.put(path_of(message, "👍"))
    position = (await ann.delete(f"/messages/{message['message_id']}")).json()["position"]
    assert await reactions_of(ann, message, position) == []
    page = (await ann.get(f"/messages/{message['message_id']}/reactions", emoji="👍")).json()
    assert page["reactions"] == []
    refused(await ann.put(path_of(message, "👍")), 404, "not_found", "message_id")
    other = await ann.say(channel_id, "still here")
    await ann.post(f"/channels/{channel_id}/archive")
    refused(await ann.put(path_of(other, "👍")), 409, "archived")
