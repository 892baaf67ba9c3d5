"""Channels and their people: who sees, joins, governs; direct channels; the last owner."""

import asyncio

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id


async def names(person: Person, position: int = 0) -> list[str]:
    """The names in a person's directory."""
    answer = await person.get("/channels", min_position=position)
    return [channel["name"] for channel in answer.json()["channels"]]


async def roles(person: Person, channel_id: str, position: int) -> dict[str, str]:
    """The members of a channel, with their roles."""
    answer = await person.get(f"/channels/{channel_id}/members", min_position=position)
    return {member["user_id"]: member["role"] for member in answer.json()["members"]}


async def test_a_channel_is_made_found_changed_and_ended(ann: Person, ben: Person) -> None:
    """The life of a public channel."""
    made = await ann.post("/channels", {"kind": "public", "name": "General", "topic": "all"})
    assert made.status_code == 201
    channel = made.json()
    position = channel.pop("position")
    assert str(position) == made.headers["sermo-position"]
    assert tuple(channel[field] for field in ("kind", "name", "topic", "member_count", "archived_at")) == (
        "public",
        "General",
        "all",
        1,
        None,
    )
    channel_id = channel["channel_id"]
    assert (await ben.get(f"/channels/{channel_id}", min_position=position)).json() == channel
    joined = await ben.post(f"/channels/{channel_id}/join")
    found = await ben.get(f"/channels/{channel_id}", min_position=joined.json()["position"])
    assert found.json()["member_count"] == 2
    changed = await ann.patch(f"/channels/{channel_id}", {"name": "Lobby"})
    assert (changed.json()["name"], changed.json()["topic"]) == ("Lobby", "all")
    assert await names(ben, changed.json()["position"]) == ["Lobby"]
    # the old name is free again
    assert (await ben.post("/channels", {"kind": "public", "name": "general"})).status_code == 201
    archived = await ann.post(f"/channels/{channel_id}/archive")
    found = await ben.get(f"/channels/{channel_id}", min_position=archived.json()["position"])
    assert found.json()["archived_at"].endswith("Z")
    ended = await ann.delete(f"/channels/{channel_id}")
    assert ended.status_code == 200
    refused(await ben.get(f"/channels/{channel_id}", min_position=ended.json()["position"]), 404, "not_found")
    refused(await ann.get(f"/channels/{channel_id}"), 404, "not_found")
    refused(await ann.post(f"/channels/{channel_id}/join"), 404, "not_found")


async def test_a_private_channel_does_not_exist_for_others(ann: Person, ben: Person) -> None:
    """Every call answers as for a channel that is not there: 404, with the same text but for the id."""
    channel_id = await ann.make_channel("secret", "private")
    message = await ann.say(channel_id, "hidden")
    position = message["position"]
    assert await names(ann, position) == ["secret"]
    assert await names(ben, position) == []
    posting = {"message_id": new_id(), "content": "hi"}
    for there, message_id in ((channel_id, message["message_id"]), (new_id(), new_id())):
        texts = set()
        for answer in (
            await ben.get(f"/channels/{there}"),
            await ben.get(f"/channels/{there}/messages"),
            await ben.get(f"/channels/{there}/members"),
            await ben.get(f"/messages/{message_id}"),
            await ben.get(f"/messages/{message_id}/replies"),
            await ben.post(f"/channels/{there}/join"),
            await ben.post(f"/channels/{there}/leave"),
            await ben.post(f"/channels/{there}/archive"),
            await ben.post(f"/channels/{there}/messages", posting),
            await ben.patch(f"/channels/{there}", {"topic": "x"}),
            await ben.delete(f"/channels/{there}"),
            await ben.put(f"/channels/{there}/read", {"seq": 1}),
            await ben.put(f"/channels/{there}/members/{ben.user_id}", {"role": "member"}),
            await ben.delete(f"/channels/{there}/members/{ann.user_id}"),
        ):
            problem = refused(answer, 404, "not_found")
            texts.add(problem["detail"].replace(there, "ID").replace(str(message_id), "ID"))
        assert texts <= {
            "There is no channel ID, or you may not see it.",
            "There is no message ID, or you may not see it.",
        }
    refused(await ben.patch(f"/messages/{message['message_id']}", {"content": "x"}), 404, "not_found")
    refused(await ben.delete(f"/messages/{message['message_id']}"), 404, "not_found")


async def test_a_removed_person_sees_a_private_channel_no_more(ann: Person, ben: Person) -> None:
    """Reading ends with the membership."""
    channel_id = await ann.make_channel("secret", "private")
    position = await ann.add(channel_id, ben)
    message = await ann.say(channel_id, "for members")
    seen = await ben.get(f"/messages/{message['message_id']}", min_position=message["position"])
    assert seen.json()["content"] == "for members"
    assert position < message["position"]
    removed = (await ann.delete(f"/channels/{channel_id}/members/{ben.user_id}")).json()["position"]
    for path in (f"/messages/{message['message_id']}", f"/channels/{channel_id}/messages", f"/channels/{channel_id}"):
        refused(await ben.get(path, min_position=removed), 404, "not_found")
    assert (await ben.get("/me/channels")).json()["channels"] == []


async def test_the_last_owner_cannot_go_until_somebody_else_owns_the_channel(ann: Person, ben: Person) -> None:
    """Not by leaving, nor by being made less."""
    channel_id = await ann.make_channel()
    await ann.add(channel_id, ben)
    mine = f"/channels/{channel_id}/members/{ann.user_id}"
    refused(await ann.post(f"/channels/{channel_id}/leave"), 409, "last_owner")
    refused(await ann.put(mine, {"role": "member"}), 409, "last_owner")
    refused(await ann.delete(mine), 409, "last_owner")
    position = await ann.add(channel_id, ben, "owner")
    assert await roles(ann, channel_id, position) == {str(ann.user_id): "owner", str(ben.user_id): "owner"}
    left = await ann.post(f"/channels/{channel_id}/leave")
    assert left.status_code == 200
    assert await roles(ann, channel_id, left.json()["position"]) == {str(ben.user_id): "owner"}


async def test_two_owners_that_leave_at_once_leave_one(ann: Person, ben: Person) -> None:
    """However the two commands meet, somebody owns the channel afterwards."""
    for number in range(5):
        channel_id = await ann.make_channel(f"channel {number}")
        await ann.add(channel_id, ben, "owner")
        answers = await asyncio.gather(*(person.post(f"/channels/{channel_id}/leave") for person in (ann, ben)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_roles_decide_who_may_add_and_remove(server: Server, ann: Person, ben: Person) -> None:
    """Members add nobody; admins add and remove members; owners give roles."""
    cat = await server.register("cat")
    channel_id = await ann.make_channel("secret", "private")
    await ann.add(channel_id, ben)
    member = f"/channels/{channel_id}/members/{cat.user_id}"
    refused(await ben.put(member, {"role": "member"}), 403, "forbidden")
    await ann.add(channel_id, ben, "admin")
    refused(await ben.put(member, {"role": "admin"}), 403, "forbidden")
    refused(await ben.put(member, {"role": "king"}), 422, "invalid", "role")
    assert (await ben.put(member, {"role": "member"})).status_code == 200
    refused(await ben.delete(f"/channels/{channel_id}/members/{ann.user_id}"), 403, "forbidden")
    assert (await ben.delete(member)).status_code == 200
    refused(await ben.delete(member), 404, "not_found", "user_id")
    refused(await ann.put(f"/channels/{channel_id}/members/{new_id()}", {"role": "member"}), 404, "not_found")


async def test_a_command_that_changes_nothing_answers_where_that_was_true(ann: Person) -> None:
    """Joining where one is, or archiving what is archived, is no error."""
    channel_id = await ann.make_channel()
    for path in (f"/channels/{channel_id}/join", f"/channels/{channel_id}/unarchive"):
        answer = await ann.post(path)
        assert answer.status_code == 200
        assert answer.json()["position"] >= 1
        assert answer.headers["sermo-position"] == str(answer.json()["position"])
    assert (await ann.patch(f"/channels/{channel_id}", {})).json()["name"] == "general"


async def test_the_same_people_always_get_the_same_direct_channel(server: Server, ann: Person, ben: Person) -> None:
    """Whoever asks, in whatever order, with oneself among the ids or not."""
    cat = await server.register("cat")
    made = await ann.post("/directs", {"user_ids": [str(ben.user_id), str(cat.user_id)]})
    assert made.status_code == 201
    assert (made.json()["kind"], made.json()["member_count"]) == ("direct", 3)
    for person in (ann, ben, cat):
        others = [str(other.user_id) for other in (cat, ben, ann)]
        found = await person.post("/directs", {"user_ids": others})
        assert (found.status_code, found.json()["channel_id"]) == (200, made.json()["channel_id"])
    pair = await ann.post("/directs", {"user_ids": [str(ben.user_id)]})
    assert pair.status_code == 201
    assert pair.json()["channel_id"] != made.json()["channel_id"]
    direct = f"/channels/{pair.json()['channel_id']}"
    refused(await ann.post(f"{direct}/leave"), 403, "forbidden")
    refused(await ann.put(f"{direct}/members/{cat.user_id}", {"role": "member"}), 403, "forbidden")
    refused(await cat.get(direct, min_position=pair.json()["position"]), 404, "not_found")
    refused(await cat.post(f"{direct}/join"), 404, "not_found")


async def test_a_race_for_a_direct_channel_makes_one(ann: Person, ben: Person) -> None:
    """Both begin to talk at the same moment: one channel, made once."""
    answers = await asyncio.gather(
        *(a.post("/directs", {"user_ids": [str(b.user_id)]}) for a, b in [(ann, ben), (ben, ann)] * 4)
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["channel_id"] for answer in answers}) == 1
    assert {answer.json()["member_count"] for answer in answers} == {2}


async def test_my_profile_is_what_others_see(ann: Person, ben: Person) -> None:
    """Names and status text change for all; user names do not change here."""
    changed = await ann.patch("/me", {"display_name": "Ann A.", "status_text": "in the garden"})
    assert changed.status_code == 200
    user = changed.json()
    position = user.pop("position")
    assert (user["username"], user["display_name"], user["status_text"]) == ("ann", "Ann A.", "in the garden")
    assert (await ann.get("/me", min_position=position)).json() == user
    assert (await ben.get(f"/users/{ann.user_id}", min_position=position)).json() == user
    found = await ben.get("/users", query="ANN", min_position=position)
    assert found.json() == {"users": [user], "next_cursor": None}
    cleared = await ann.patch("/me", {"status_text": ""})
    assert (cleared.json()["status_text"], cleared.json()["display_name"]) == ("", "Ann A.")
    refused(await ann.patch("/me", {"username": "bob"}), 422, "invalid", "username")
    refused(await ann.patch("/me", {"display_name": None}), 422, "invalid", "display_name")
    refused(await ann.patch("/me", {"status_text": "x" * 201}), 422, "invalid", "status_text")


async def test_my_channels_tell_what_is_unread_and_where_to_go_on(ann: Person, ben: Person) -> None:
    """Counts, markers and the last message, true at one position of one epoch."""
    channel_id = await ann.make_channel()
    await ben.post(f"/channels/{channel_id}/join")
    await ann.say(channel_id, "one")
    last = await ann.say(channel_id, "two, @ben")
    position = last.pop("position")
    answer = (await ben.get("/me/channels", min_position=position)).json()
    assert answer["position"] >= position
    assert answer["epoch"]
    (mine,) = answer["channels"]
    assert (mine["role"], mine["level"], mine["member_count"]) == ("member", "all", 2)
    assert (mine["unread_count"], mine["unread_capped"], mine["mention_count"]) == (2, False, 1)
    assert (mine["head_seq"], mine["last_message"]) == (last["seq"], last)
    unread = (await ben.get("/me/unread", min_position=position)).json()
    assert (unread["unread_count"], unread["mention_count"]) == (2, 1)
    assert (unread["unread_capped"], unread["mention_capped"]) == (False, False)
    assert [c["channel_id"] for c in unread["channels"]] == [channel_id]
    marked = await ben.put(f"/channels/{channel_id}/read", {"seq": last["seq"]})
    answer = (await ben.get("/me/channels", min_position=marked.json()["position"])).json()
    assert (answer["channels"][0]["unread_count"], answer["channels"][0]["read_seq"]) == (0, last["seq"])
    # only forward
    back = await ben.put(f"/channels/{channel_id}/read", {"seq": 1})
    assert back.status_code == 200
    answer = (await ben.get("/me/channels", min_position=back.json()["position"])).json()
    assert answer["channels"][0]["read_seq"] == last["seq"]
