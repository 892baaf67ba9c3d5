"""Reactions by many at once, over REST and over the socket."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from tests.support.people import Person, crowd, register
from tests.support.wsclient import Client
from tests.ws.conftest import StartNode
from ws.limits import Limits

PEOPLE = 100


async def _shown(person: Person, message_id: str, position: int) -> list[dict[str, Any]]:
    answer = await person.call("GET", f"/v1/messages/{message_id}", params={"min_position": position})
    found: list[dict[str, Any]] = answer.json()["reactions"]
    return found


async def _who(person: Person, message_id: str, emoji: str) -> list[str]:
    """By pages."""
    found: list[str] = []
    params: dict[str, Any] = {"emoji": emoji, "limit": 30}
    while True:
        page = (await person.call("GET", f"/v1/messages/{message_id}/reactions", params=params)).json()
        found += [each["user_id"] for each in page["reactions"]]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


async def test_a_hundred_people_react_at_once_and_all_succeed(node_with: StartNode) -> None:
    """Nobody is told of a conflict, since none relies on what another one writes; all are counted, shown and told in order."""
    async with node_with(Limits()) as (url, node), AsyncExitStack() as stack:
        owner = await register(url, "owner")
        channel_id = await owner.make_channel()
        people = await crowd(url, node, PEOPLE, channel_id)
        witness = owner.client()
        stack.push_async_callback(witness.close)
        await witness.open()
        message_id = (await witness.post(channel_id, "hello"))["data"]["message_id"]

        path = f"/v1/messages/{message_id}/reactions/%F0%9F%91%8D"
        answers = await asyncio.gather(*(person.call("PUT", path) for person in people))
        assert {answer.status_code for answer in answers} == {200}
        by_rest = {answer.json()["position"]: p.user_id for answer, p in zip(answers, people, strict=True)}

        async def opened(person: Person) -> Client:
            client = person.client()
            stack.push_async_callback(client.close)
            await client.open(channel_id=channel_id)
            return client

        clients = [await opened(person) for person in people]
        done = await asyncio.gather(*(c.ask("add_reaction", message_id=message_id, emoji="🎉") for c in clients))
        assert {answer["type"] for answer in done} == {"done"}
        by_socket = {answer["data"]["id"]: p.user_id for answer, p in zip(done, people, strict=True)}
        assert len({answer["data"]["seq"] for answer in done}) == PEOPLE
        refused = {code for command, code in node.execute.commands if command == "AddReaction"}
        assert refused == {"done"}

        last = (await witness.ask("add_reaction", message_id=message_id, emoji="🎉"))["data"]["id"]
        await witness.wait_through(last)
        told = {f["id"]: f["data"]["user_id"] for f in witness.events if f["type"] == "reaction_added"}
        assert told == by_rest | by_socket | {last: owner.user_id}
        first, second = await _shown(owner, message_id, last)
        assert first == {"emoji": "👍", "count": PEOPLE, "user_ids": [by_rest[at] for at in sorted(by_rest)]}
        in_order = [by_socket[at] for at in sorted(by_socket)]
        assert second == {"emoji": "🎉", "count": PEOPLE + 1, "user_ids": in_order}, "without the hundred and first"
        assert await _who(owner, message_id, "🎉") == [*in_order, owner.user_id]


async def test_over_a_limit_and_a_form_that_cannot_be_are_refused_by_code(node_with: StartNode) -> None:
    """As over REST; the lane goes on."""
    async with node_with(Limits()) as (url, _):
        ann = await register(url, "ann")
        channel_id = await ann.make_channel()
        client = ann.client()
        await client.open()
        message_id = (await client.post(channel_id, "hello"))["data"]["message_id"]
        for number in range(20):
            answer = await client.ask("add_reaction", message_id=message_id, emoji=f"e{number}")
            assert answer["type"] == "done"
        refused = await client.ask("add_reaction", message_id=message_id, emoji="one more")
        assert refused["data"]["code"] == "invalid", "it has white space"
        refused = await client.ask("add_reaction", message_id=message_id, emoji="more")
        assert (refused["data"]["code"], refused["data"]["field"]) == ("limit_reached", "emoji")
        assert (await client.ask("remove_reaction", message_id=message_id, emoji="e3"))["type"] == "done"
        assert (await client.ask("add_reaction", message_id=message_id, emoji="more"))["type"] == "done"
        await client.close()
