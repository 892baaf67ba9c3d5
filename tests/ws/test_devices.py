"""Two devices of one person, and REST: what one marks, follows or mutes, the other hears of, with counts that are right."""

from typing import Any

from tests.support.people import Person
from tests.support.wsclient import Client


async def ask(person: Person, method: str, path: str, **body: Any) -> int:
    """A write over REST; its position."""
    answer = await person.call(method, f"/v1{path}", json=body or None)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["position"])


async def heard(devices: tuple[Client, Client], position: int) -> dict[str, Any]:
    """The frame of this event, which both devices get alike, but for how new its counts are."""
    first, second = [await device.wait_event(id=position) for device in devices]
    assert first["feed"] == "me"
    assert {**first, "data": {**first["data"], "as_of": 0}} == {**second, "data": {**second["data"], "as_of": 0}}
    data: dict[str, Any] = first["data"]
    if "as_of" in data:
        assert data.pop("as_of") >= position
    return {"type": first["type"], "channel_id": first["channel_id"], **data}


async def test_what_one_device_does_the_other_hears(ann: Person, ben: Person) -> None:
    """Marks as read and as unread, levels and follows, over either socket or REST; never another person's devices."""
    channel = await ann.make_channel()
    writer, phone, desk = ann.client(), ben.client(), ben.client()
    devices = (phone, desk)
    for client in (writer, phone, desk):
        await client.open()
    await phone.ask("join_channel", channel_id=channel)
    seqs = [(await writer.post(channel, text))["data"]["seq"] for text in ("one", f"@{ben.username} two", "three")]
    root = (await writer.post(channel, "root"))["data"]
    reply = (await writer.post(channel, f"@{ben.username} reply", parent_id=root["message_id"]))["data"]
    about = {"channel_id": channel}

    def badge(read_seq: int, unread: int, mentions: int) -> dict[str, Any]:
        counts = {"unread_count": unread, "unread_capped": False, "mention_count": mentions}
        return {"type": "unread_count_updated", **about, "read_seq": read_seq, **counts}

    read = (await phone.ask("mark_read", channel_id=channel, seq=root["seq"]))["data"]["id"]
    assert await heard(devices, read) == badge(root["seq"], 0, 1), "the reply is left"
    unread = await ask(ben, "POST", f"/channels/{channel}/unread", seq=seqs[1])
    assert await heard(devices, unread) == badge(seqs[0], 3, 2)
    back = (await desk.ask("mark_unread", channel_id=channel, seq=seqs[0]))["data"]["id"]
    assert await heard(devices, back) == badge(seqs[0] - 1, 4, 2)
    thread: dict[str, Any] = {"type": "thread_updated", **about, "parent_id": root["message_id"]}
    position = (await desk.ask("mark_read", parent_id=root["message_id"], seq=reply["seq"]))["data"]["id"]
    assert await heard(devices, position) == {**thread, "read_seq": reply["seq"]}
    position = await ask(ben, "POST", f"/threads/{root['message_id']}/unread", seq=reply["seq"])
    assert await heard(devices, position) == {**thread, "read_seq": reply["seq"] - 1}
    position = await ask(ben, "DELETE", f"/threads/{root['message_id']}/follow")
    assert await heard(devices, position) == {**thread, "followed": False}
    position = await ask(ben, "PUT", f"/threads/{root['message_id']}/follow")
    assert await heard(devices, position) == {**thread, "followed": True}
    position = await ask(ben, "PUT", f"/channels/{channel}/level", level="mentions")
    assert await heard(devices, position) == {"type": "level_updated", **about, "level": "mentions"}
    read = await ask(ben, "PUT", f"/channels/{channel}/read", seq=seqs[1])
    assert await heard(devices, read) == badge(seqs[1], 2, 0), "the thread counts from the follow by hand on"
    mine = (await ben.call("GET", f"/v1/me/channels?min_position={read}")).json()["channels"]
    (found,) = [c for c in mine if c["channel_id"] == channel]
    assert (found["read_seq"], found["unread_count"], found["mention_count"]) == (seqs[1], 2, 0)
    assert found["level"] == "mentions"
    await writer.ask("ping")
    assert not [frame for frame in writer.events if frame["feed"] == "me"]
    for client in (writer, phone, desk):
        await client.close()
