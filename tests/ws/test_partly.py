"""A node reads of the log only what somebody there needs, and nobody misses anything by that."""

from contextlib import AsyncExitStack

from domain.decider import Recorded, Skipped
from sermo.node import Node
from tests.support.metrics import number_of
from tests.support.people import Person, register
from tests.support.wait import await_until
from tests.support.wsclient import check_stream
from tests.ws.conftest import StartNode
from ws.limits import Limits


async def _two_nodes(stack: AsyncExitStack, node_with: StartNode) -> tuple[str, str, Node, list[Recorded]]:
    """The first makes the views; of the second also everything that its tail hands on."""
    first_url, first = await stack.enter_async_context(node_with(Limits()))
    await await_until(lambda: first.views.is_owner, what="the first node owns the views")
    second_url, second = await stack.enter_async_context(node_with(Limits()))
    seen: list[Recorded] = []
    second.tail.listen(seen.extend)
    return first_url, second_url, second, seen


async def test_content_that_nobody_here_follows_is_passed_over(node_with: StartNode) -> None:
    """Positions, feeds and memberships of everything come; of messages and markers only what is followed."""
    async with AsyncExitStack() as stack:
        first_url, second_url, second, seen = await _two_nodes(stack, node_with)
        ann = await register(first_url, "ann")
        followed, other = await ann.make_channel(), await ann.make_channel()
        a = ann.client()
        await a.open()
        before = await a.post(followed, "before anybody follows")
        ben = await register(second_url, "ben")
        b = ben.client()
        await b.open()
        await b.ask("join_channel", channel_id=followed)
        await a.post(other, "elsewhere")
        sent = [await a.post(followed, f"number {number}") for number in range(20)]
        await b.wait_event(id=sent[-1]["data"]["id"])
        await await_until(lambda: second.tail.position >= sent[-1]["data"]["id"], what="the second node is there")
        assert [event.position for event in seen] == list(range(seen[0].position, seen[-1].position + 1))
        skipped = {event.position for event in seen if isinstance(event.event, Skipped)}
        assert before["data"]["id"] in skipped
        assert sent[-1]["data"]["id"] not in skipped
        assert second.tail.skipped_events == len(skipped)
        assert [f["id"] for f in b.events if f["type"] == "new_message"] == [one["data"]["id"] for one in sent]
        check_stream(b.events, b.user_id)
        await a.close()
        await b.close()


async def test_who_comes_to_a_node_that_passed_over_a_feed_gets_all_of_it(node_with: StartNode) -> None:
    """A resume, a join by another's hand and a repeated edit read what memory does not hold from the log itself."""
    async with AsyncExitStack() as stack:
        first_url, second_url, second, _ = await _two_nodes(stack, node_with)
        ann = await register(first_url, "ann")
        channel = await ann.make_channel("private")
        ben = await register(first_url, "ben")
        await _add(ann, channel, ben)
        b = ben.client()
        await b.open()
        b.cut()
        await b.gone()
        a = ann.client()
        await a.open()
        sent = [await a.post(channel, f"number {number}") for number in range(30)]
        await b.open(url=second_url)
        resumed = await b.wait_control("resumed")
        assert resumed["data"]["count"] == 30
        assert [f["id"] for f in b.events if f["type"] == "new_message"] == [one["data"]["id"] for one in sent]
        cid = await register(second_url, "cid")
        c = cid.client(second_url)
        await c.open()
        await _add(ann, channel, cid)
        last = await a.post(channel, "and one more")
        for client in (b, c):
            frame = await client.wait_event(id=last["data"]["id"])
            assert frame["data"]["content"] == "and one more"
            check_stream(client.events, client.user_id)
        edit = {"message_id": sent[0]["data"]["message_id"], "content": "edited"}
        for node_url, content in ((second_url, "edited there"), (first_url, "edited here"), (second_url, "once more")):
            answer = await ann.at(node_url).call(
                "PATCH", f"/v1/messages/{edit['message_id']}", json={"content": content}
            )
            assert answer.status_code == 200, answer.text
        frame = await b.wait_event(id=answer.json()["position"])
        assert frame["data"]["content"] == "once more"
        assert second.tail.skipped_events > 0
        for client in (a, b, c):
            await client.close()


async def test_a_node_that_takes_over_the_views_reads_what_it_had_passed_over(node_with: StartNode) -> None:
    """The views go on where the other node left them."""
    async with AsyncExitStack() as outer:
        async with AsyncExitStack() as stack:
            first_url, first = await stack.enter_async_context(node_with(Limits()))
            await await_until(lambda: first.views.is_owner, what="the first node owns the views")
            second_url, second = await outer.enter_async_context(node_with(Limits()))
            ann = await register(first_url, "ann")
            channel = await ann.make_channel()
            a = ann.client()
            await a.open()
            sent = [await a.post(channel, f"number {number}") for number in range(10)]
            await a.close()
            await await_until(
                lambda: number_of(second, "sermo_tail_skipped_events_total") >= 10,
                what="the second node passed them over",
            )
        await await_until(lambda: second.views.is_owner, 20, what="the second node owns the views")
        there = ann.at(second_url)
        page = await there.call("GET", f"/v1/channels/{channel}/messages?min_position={sent[-1]['data']['id']}")
        assert [message["content"] for message in page.json()["messages"]] == [f"number {n}" for n in range(10)]


async def _add(by: Person, channel: str, person: Person) -> None:
    answer = await by.call("PUT", f"/v1/channels/{channel}/members/{person.user_id}", json={"role": "member"})
    assert answer.status_code == 200, answer.text
