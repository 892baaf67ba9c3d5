"""A connection that is bound to one channel follows that alone, and ends when the right to it does."""

from tests.support.people import Person
from tests.support.wsclient import check_stream


async def test_it_gets_the_events_of_its_channel_and_no_others(ann: Person, ben: Person) -> None:
    """Neither other channels, nor the workspace, nor the person's own feed; live and after a resume."""
    one, other = await ann.make_channel(), await ann.make_channel()
    b, a = ben.client(), ann.client()
    await a.open()
    await b.open()
    await b.ask("join_channel", channel_id=one)
    await b.ask("join_channel", channel_id=other)
    bound = ben.client()
    await bound.open(channel_id=one)
    for attempt in range(2):
        await a.post(other, "elsewhere")
        marked = await b.ask("mark_read", channel_id=one, seq=attempt + 2)
        assert marked["type"] == "done", marked
        await ann.call("PATCH", "/v1/me", json={"status_text": f"status {attempt}"})
        last = await a.post(one, f"here {attempt}")
        if attempt == 1:
            await bound.open(channel_id=one)
        await bound.wait_event(id=last["data"]["id"])
        assert {frame["feed"] for frame in bound.events} == {f"channel:{one}"}
        bound.cut()
        await bound.gone()
    assert [frame["data"].get("content") for frame in bound.events] == ["here 0", "here 1"]
    check_stream(bound.events, bound.user_id)
    for client in (a, b):
        await client.close()


async def test_losing_the_channel_closes_it_with_4001_after_the_event_that_says_so(ann: Person, ben: Person) -> None:
    """Removal, leaving, and deletion (of a public channel the workspace's feed tells); other connections stay open."""
    for how in ("removal", "leaving", "deletion"):
        channel = await ann.make_channel("private")
        await ann.call("PUT", f"/v1/channels/{channel}/members/{ben.user_id}", json={"role": "member"})
        free, bound = ben.client(), ben.client()
        await free.open()
        await bound.open(channel_id=channel)
        match how:
            case "removal":
                answer = await ann.call("DELETE", f"/v1/channels/{channel}/members/{ben.user_id}")
            case "leaving":
                answer = await ben.call("POST", f"/v1/channels/{channel}/leave")
            case _:
                answer = await ann.call("DELETE", f"/v1/channels/{channel}")
        assert answer.status_code == 200, answer.text
        assert await bound.wait_closed() == 4001
        assert bound.events[-1]["id"] == answer.json()["position"]
        assert bound.events[-1]["type"] == ("channel_deleted" if how == "deletion" else "member_left")
        await free.wait_event(id=answer.json()["position"])
        assert (await free.ask("ping"))["type"] == "pong"
        await free.close()


async def test_a_channel_that_one_is_not_in_is_4001(ann: Person, ben: Person) -> None:
    """Public, private, and none at all look the same."""
    for channel in (await ann.make_channel("public"), await ann.make_channel("private"), ben.user_id):
        bound = ben.client()
        await bound.open(channel_id=channel)
        assert await bound.wait_closed() == 4001
        assert bound.events == []


async def test_a_resume_past_the_end_of_the_membership_gives_the_rest_and_4001(ann: Person, ben: Person) -> None:
    """What was to be seen is seen, then it ends."""
    channel = await ann.make_channel()
    a, b, bound = ann.client(), ben.client(), ben.client()
    await a.open()
    await b.open()
    await b.ask("join_channel", channel_id=channel)
    await bound.open(channel_id=channel)
    bound.cut()
    await bound.gone()
    missed = await a.post(channel, "missed")
    removed = await ann.call("DELETE", f"/v1/channels/{channel}/members/{ben.user_id}")
    await a.post(channel, "secret")
    await bound.open(channel_id=channel)
    assert await bound.wait_closed() == 4001
    assert [frame["id"] for frame in bound.events] == [missed["data"]["id"], removed.json()["position"]]
    for client in (a, b):
        await client.close()
