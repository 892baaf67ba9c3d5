"""Two people talk over a real server process."""

import pytest

from tests.support.people import Person, register
from tests.support.servers import server
from tests.support.wsclient import check_stream, new_id


async def test_a_message_reaches_the_other_and_its_sender_once(ann: Person, ben: Person) -> None:
    """Both see what one posted, the sender an acknowledgement with the same id and seq too."""
    channel = await ann.make_channel()
    a, b = ann.client(), ben.client()
    await a.open()
    await b.open()
    joined = await b.ask("join_channel", channel_id=channel)
    assert joined["type"] == "channel_joined"
    assert joined["data"]["role"] == "member"
    message_id = new_id()
    sent = await a.post(channel, "hello", message_id=message_id)
    assert sent["type"] == "message_sent"
    for client in (a, b):
        frame = await client.wait_event(message_id=str(message_id))
        assert (frame["type"], frame["id"], frame["seq"]) == ("new_message", sent["data"]["id"], sent["data"]["seq"])
        assert frame["feed"] == f"channel:{channel}"
        assert frame["data"]["content"] == "hello"
    await a.close()
    await b.close()
    check_stream(a.events, a.user_id)
    check_stream(b.events, b.user_id)


async def test_who_comes_back_gets_what_was_missed_once_and_in_order(ann: Person, ben: Person) -> None:
    """A cut client resumes from its last event id: posts, an edit, a deletion and a mark, nothing twice."""
    channel = await ann.make_channel()
    a, b = ann.client(), ben.client()
    await a.open()
    await b.open()
    await b.ask("join_channel", channel_id=channel)
    first = await a.post(channel, "one")
    await b.wait_event(message_id=first["data"]["message_id"])
    b.cut()
    await b.gone()
    second = await a.post(channel, "two")
    await a.ask("edit_message", message_id=first["data"]["message_id"], content="one, edited")
    done = await a.ask("delete_message", message_id=second["data"]["message_id"])
    await b.open()
    resumed = await b.wait_control("resumed")
    assert resumed["data"]["count"] == 3
    last = await b.wait_event(id=done["data"]["id"])
    assert last["type"] == "message_deleted"
    missed = await b.wait_event(message_id=second["data"]["message_id"])
    assert missed["data"]["redacted"] is True
    assert missed["data"]["content"] == ""
    live = await a.post(channel, "three")
    await b.wait_event(message_id=live["data"]["message_id"])
    check_stream(b.events, b.user_id)
    await a.close()
    await b.close()


async def test_a_mark_reaches_the_other_device_with_true_counts(ann: Person, ben: Person) -> None:
    """Reading on one device moves the badge of the other, and tells at which position it is true."""
    channel = await ann.make_channel()
    a, b1, b2 = ann.client(), ben.client(), ben.client()
    await a.open()
    await b1.open()
    await b2.open()
    await b1.ask("join_channel", channel_id=channel)
    sent = [await a.post(channel, f"message {number}") for number in range(3)]
    done = await b1.ask("mark_read", channel_id=channel, seq=sent[0]["data"]["seq"])
    for device in (b1, b2):
        badge = await device.wait_event(type="unread_count_updated")
        assert badge["feed"] == "me"
        assert badge["channel_id"] == channel
        assert badge["data"]["read_seq"] == sent[0]["data"]["seq"]
        assert (badge["data"]["unread_count"], badge["data"]["mention_count"]) == (2, 0)
        assert badge["data"]["as_of"] >= done["data"]["id"]
    after = await a.post(channel, "after the mark")
    await b2.wait_event(message_id=after["data"]["message_id"])
    check_stream(b2.events, b2.user_id)
    for client in (a, b1, b2):
        await client.close()


async def test_a_removed_person_sees_the_removal_and_nothing_after(ann: Person, ben: Person) -> None:
    """Rule 1: membership takes effect exactly at its event."""
    channel = await ann.make_channel("private")
    a, b = ann.client(), ben.client()
    await a.open()
    await b.open()
    added = await ann.call("PUT", f"/v1/channels/{channel}/members/{ben.user_id}", json={"role": "member"})
    assert added.status_code == 200, added.text
    joined = await b.wait_event(type="member_joined", user_id=ben.user_id)
    assert joined["data"]["kind"] == "private"
    await a.post(channel, "for both")
    removed = await ann.call("DELETE", f"/v1/channels/{channel}/members/{ben.user_id}")
    secret = await a.post(channel, "for ann alone")
    await a.wait_event(message_id=secret["data"]["message_id"])
    public = await ann.make_channel()
    await b.wait_event(type="channel_created", channel_id=public)
    assert [frame["id"] for frame in b.events if frame["feed"] == f"channel:{channel}"][-1] == removed.json()[
        "position"
    ]
    refused = await b.post(channel, "may I")
    assert refused["data"]["code"] == "not_found"
    await a.close()
    await b.close()


async def test_a_resend_gets_the_first_answer_and_another_body_is_refused(ann: Person) -> None:
    """Rule 5: a message id is a message, for ever."""
    channel = await ann.make_channel()
    a = ann.client()
    await a.open()
    message_id = new_id()
    first = await a.post(channel, "same", message_id=message_id)
    again = await a.post(channel, "same", message_id=message_id)
    other = await a.post(channel, "other", message_id=message_id)
    assert again["data"] == first["data"]
    assert other["data"]["code"] == "message_id_taken"
    await a.close()


async def test_pipelined_sends_into_one_channel_keep_their_order(ann: Person) -> None:
    """One connection, one channel: what was sent first is first in the log."""
    channel = await ann.make_channel()
    a = ann.client()
    await a.open()
    for number in range(100):
        data = {"channel_id": channel, "message_id": new_id(), "content": str(number)}
        await a.send("message", data, ref=str(number))
    await a.wait_event(content="99")
    contents = [frame["data"]["content"] for frame in a.events if frame["type"] == "new_message"]
    assert contents == [str(number) for number in range(100)]
    await a.close()


@pytest.mark.parametrize(
    ("last_event_id", "epoch", "max_backlog", "reason"),
    [(5, "another", None, "epoch"), (10**9, None, None, "ahead"), (0, None, 0, "backlog")],
)
async def test_what_cannot_be_resumed_asks_for_a_resync_and_takes_another_connect(
    ann: Person, last_event_id: int, epoch: str | None, max_backlog: int | None, reason: str
) -> None:
    """A resume is all or a resync; then the same connection may begin at a snapshot's position."""
    await ann.make_channel()
    mine = (await ann.call("GET", "/v1/me/channels")).json()
    a = ann.client()
    data = {"last_event_id": last_event_id, "epoch": epoch or mine["epoch"]}
    if max_backlog is not None:
        data["max_backlog"] = max_backlog
    await a.open(fresh=True, **data)
    resync = await a.wait_control("resync_required")
    assert resync["data"]["reason"] == reason
    a.last_id = mine["position"]
    await a.send("connect", {"last_event_id": mine["position"], "epoch": mine["epoch"]})
    await a.wait_control("resumed")
    await a.close()


async def test_a_server_that_is_told_to_stop_says_goodbye(database: str) -> None:
    """SIGTERM: sockets close with 1001, the exit code is 0."""
    async with server("--database-url", database) as process:
        a = (await register(process.url)).client()
        await a.open()
        assert await process.stop() == 0
        assert await a.wait_closed() == 1001
