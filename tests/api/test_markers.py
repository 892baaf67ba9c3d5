"""Marks, follows by hand and levels over REST: what they change, for whom, and what is refused."""

from typing import Any

import psycopg

from projections.counting import LIST_CAP
from tests.api.test_code_table import refused
from tests.fixtures.server import Person, new_id


async def mine(person: Person, channel_id: str, position: int) -> dict[str, Any]:
    """The channel in the person's list."""
    channels = (await person.get("/me/channels", min_position=position)).json()["channels"]
    found: dict[str, Any] = next(c for c in channels if c["channel_id"] == channel_id)
    return found


async def test_a_channel_is_marked_as_unread_and_read_again(ann: Person, ben: Person) -> None:
    """The marker is set before the message, on which the counts follow; a repeat under its key is the same command."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    seqs = [(await ann.say(channel_id, "@ben hello"))["seq"] for _ in range(3)]
    read = await ben.put(f"/channels/{channel_id}/read", {"seq": seqs[2]})
    assert (await mine(ben, channel_id, read.json()["position"]))["unread_count"] == 0
    unread = await ben.post(f"/channels/{channel_id}/unread", {"seq": seqs[1]}, key="k")
    assert unread.status_code == 200
    assert unread.headers["sermo-position"] == str(unread.json()["position"])
    found = await mine(ben, channel_id, unread.json()["position"])
    assert (found["read_seq"], found["unread_count"], found["mention_count"]) == (seqs[1] - 1, 2, 2)
    again = await ben.put(f"/channels/{channel_id}/read", {"seq": seqs[2]})
    repeat = await ben.post(f"/channels/{channel_id}/unread", {"seq": seqs[1]}, key="k")
    assert repeat.json() == unread.json(), "the repeat does not mark again"
    assert (await mine(ben, channel_id, again.json()["position"]))["unread_count"] == 0
    first = await ben.post(f"/channels/{channel_id}/unread", {"seq": 1})
    found = await mine(ben, channel_id, first.json()["position"])
    assert (found["read_seq"], found["unread_count"]) == (0, 3), "back behind the join"


async def test_a_mark_as_unread_beyond_what_is_there_is_invalid(ann: Person) -> None:
    """As for marks as read; 0 is no message."""
    channel_id = await ann.make_channel()
    root = await ann.say(channel_id, "hi")
    for path in (f"/channels/{channel_id}/unread", f"/threads/{root['message_id']}/unread"):
        for seq in (root["seq"] + 1, 0, -1, "1"):
            refused(await ann.post(path, {"seq": seq}), 422, "invalid", "seq")
        refused(await ann.post(path), 400, "bad_request")


async def test_what_is_unread_comes_in_one_order(database: str, ann: Person, ben: Person) -> None:
    """The same at each call, on each node and after a rebuild, whatever the rows' places on disk: the ids' order."""
    made = [await ann.make_channel(str(number)) for number in range(5)]
    for channel_id in reversed(made):
        position = (await ben.post(f"/channels/{channel_id}/join")).json()["position"]
    await ben.get("/me/unread", min_position=position)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        # From now on PostgreSQL knows how small the tables are, and reads them without an index.
        await connection.execute("analyze")
    unread = (await ben.get("/me/unread", min_position=position)).json()
    assert [channel["channel_id"] for channel in unread["channels"]] == made


async def test_mentions_beyond_the_cap_are_told_where_the_page_has_none(ann: Person, ben: Person) -> None:
    """Mentions in a thread are no part of the page's count, so its cap does not speak for them."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    root = await ann.say(channel_id, "root")
    await ben.say(channel_id, "I follow", parent_id=root["message_id"])
    replies = [await ann.say(channel_id, "@ben", parent_id=root["message_id"]) for _ in range(LIST_CAP)]
    position = replies[-1]["position"]
    seen = ("unread_count", "unread_capped", "mention_count", "mention_capped")
    found = await mine(ben, channel_id, position)
    unread = (await ben.get("/me/unread", min_position=position)).json()
    for counts in (found, *unread["channels"], unread):
        assert [counts[name] for name in seen] == [1, False, LIST_CAP, True]
    position = (await ann.delete(f"/messages/{replies[-1]['message_id']}")).json()["position"]
    found = await mine(ben, channel_id, position)
    assert [found[name] for name in seen] == [1, False, LIST_CAP - 1, False]


async def test_levels_are_the_persons_own_and_stay(ann: Person, ben: Person) -> None:
    """A muted channel counts, and says that it is muted; leaving and joining again changes nothing about it."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    set_ = await ben.put(f"/channels/{channel_id}/level", {"level": "muted"})
    assert set_.headers["sermo-position"] == str(set_.json()["position"])
    position = (await ann.say(channel_id, "psst"))["position"]
    found = await mine(ben, channel_id, position)
    assert (found["level"], found["unread_count"]) == ("muted", 1)
    (unread,) = (await ben.get("/me/unread", min_position=position)).json()["channels"]
    assert (unread["level"], unread["unread_count"]) == ("muted", 1)
    assert (await mine(ann, channel_id, position))["level"] == "all"
    await ben.post(f"/channels/{channel_id}/leave")
    position = (await ben.post(f"/channels/{channel_id}/join")).json()["position"]
    assert (await mine(ben, channel_id, position))["level"] == "muted"
    refused(await ben.put(f"/channels/{channel_id}/level", {"level": "loud"}), 422, "invalid", "level")


async def test_a_thread_that_is_unfollowed_mentions_nobody_by_itself(ann: Person, ben: Person) -> None:
    """A choice by hand wins over later replies and mentions, until the next choice."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    root = await ann.say(channel_id, "root")
    path = f"/threads/{root['message_id']}/follow"
    await ben.put(f"/channels/{channel_id}/read", {"seq": root["seq"]})

    async def mentions_after(content: str) -> int:
        reply = await ann.say(channel_id, content, parent_id=root["message_id"])
        return int((await mine(ben, channel_id, reply["position"]))["mention_count"])

    assert await mentions_after("@ben come") == 1
    assert (await ben.delete(path)).json().keys() == {"position"}
    assert await mentions_after("@ben come back") == 0
    assert (await ben.put(path)).json().keys() == {"position"}
    assert await mentions_after("@ben welcome") == 1, "from then on"


async def test_who_may_not_know_of_a_thread_cannot_mark_or_follow_it(ann: Person, ben: Person) -> None:
    """Of a private channel it is not found, like a reply or no message at all; of a public one one must be a member."""
    private, public = await ann.make_channel("p", "private"), await ann.make_channel("q")
    hidden, root = await ann.say(private, "hidden"), await ann.say(public, "root")
    reply = await ann.say(public, "reply", parent_id=root["message_id"])

    async def answers(person: Person, message_id: str) -> list[Any]:
        path = f"/threads/{message_id}"
        return [
            await person.put(f"{path}/read", {"seq": 1}),
            await person.post(f"{path}/unread", {"seq": 1}),
            await person.put(f"{path}/follow"),
            await person.delete(f"{path}/follow"),
        ]

    for answer in await answers(ben, hidden["message_id"]):
        refused(answer, 404, "not_found", "message_id")
    for answer in await answers(ben, root["message_id"]):
        refused(answer, 403, "not_a_member")
    for message_id in (reply["message_id"], new_id()):
        for answer in await answers(ann, message_id):
            refused(answer, 404, "not_found")
    for path, body in ((f"/channels/{private}/unread", {"seq": 1}), (f"/channels/{private}/level", {"level": "all"})):
        call = ben.put if path.endswith("level") else ben.post
        refused(await call(path, body), 404, "not_found")
        refused(await call(path.replace(private, public), body), 403, "not_a_member")
