"""Blocking people over REST and on the socket."""

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id
from tests.support.wsclient import Client


async def test_a_block_ends_the_talk_of_two_and_is_told_to_the_blocker_alone(
    server: Server, ann: Person, ben: Person
) -> None:
    """On their other devices; the blocked one is only refused, whichever of the two it was."""
    direct = (await ann.post("/directs", {"user_ids": [str(ben.user_id)]})).json()["channel_id"]
    await ben.say(direct, "hi")
    device, bens = Client(server.url, ann.access_token), Client(server.url, ben.access_token)
    await device.open()
    await bens.open()
    blocked = await ann.put(f"/users/{ben.user_id}/block")
    assert blocked.status_code == 200
    texts = set()
    for person in (ann, ben):
        body = {"message_id": new_id(), "content": "hello?"}
        texts.add(refused(await person.post(f"/channels/{direct}/messages", body), 403, "forbidden")["detail"])
    assert len(texts) == 1
    await ann.patch("/me", {"status_text": "after the block"})
    told = await device.wait_event(type="block_updated")
    assert (told["feed"], told["data"]) == ("me", {"user_id": str(ben.user_id), "blocked": True})
    await bens.wait_event(status_text="after the block")
    assert not any(frame["type"] == "block_updated" for frame in bens.events)
    await device.close()
    await bens.close()
    # what was said stays
    page = await ben.get(f"/channels/{direct}/messages", min_position=blocked.json()["position"])
    assert [message["content"] for message in page.json()["messages"]] == ["hi"]


async def test_my_blocks_are_listed_until_they_are_taken_back(server: Server, ann: Person, ben: Person) -> None:
    """To me alone, page by page; twice changes nothing."""
    people = [ben, await server.register("cat"), await server.register("dan")]
    for person in people:
        position = (await ann.put(f"/users/{person.user_id}/block")).json()["position"]
    assert (await ann.put(f"/users/{ben.user_id}/block")).status_code == 200
    first = (await ann.get("/me/blocks", limit=2, min_position=position)).json()
    rest = (await ann.get("/me/blocks", limit=2, cursor=first["next_cursor"])).json()
    found = [block["user_id"] for block in first["blocks"] + rest["blocks"]]
    assert found == sorted(str(person.user_id) for person in people)
    assert rest["next_cursor"] is None
    assert (await ben.get("/me/blocks")).json()["blocks"] == []
    for person in people:
        position = (await ann.delete(f"/users/{person.user_id}/block")).json()["position"]
    assert (await ann.get("/me/blocks", min_position=position)).json() == {"blocks": [], "next_cursor": None}
    refused(await ann.put(f"/users/{ann.user_id}/block"), 422, "invalid", "user_id")
    refused(await ann.put(f"/users/{new_id()}/block"), 404, "not_found", "user_id")
