"""Channels under races, over two servers on one database: names, owners, members and direct channels come out exact."""

import asyncio
from collections import Counter
from typing import Any

from tests.api.test_channels import roles
from tests.fixtures.server import Person, Server


async def _people(server: Server, second: Server, number: int) -> list[Person]:
    """New people, every other one at the second server."""
    people = await asyncio.gather(*(server.register(f"p{n}") for n in range(number)))
    for person in people[::2]:
        person.http = second.http
    return list(people)


async def _settled(person: Person, channel_id: str, answers: list[Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The channel and its members, after all that was done."""
    position = max(answer.json().get("position", 0) for answer in answers)
    channel = (await person.get(f"/channels/{channel_id}", min_position=position)).json()
    return channel, await roles(person, channel_id, position)


async def test_ten_who_begin_to_talk_at_once_get_one_channel(server: Server, second: Server) -> None:
    """Five people, each asking for all five, twice: made once, with everybody in it, by one command."""
    people = await _people(server, second, 5)
    everyone = [str(person.user_id) for person in people]
    answers = await asyncio.gather(*(person.post("/directs", {"user_ids": everyone}) for person in people * 2))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9}
    (channel_id,) = {answer.json()["channel_id"] for answer in answers}
    channel, members = await _settled(people[0], channel_id, answers)
    assert (channel["member_count"], members) == (5, dict.fromkeys(everyone, "member"))
    async with server.node.pool.connection() as connection:
        cursor = await connection.execute(
            "select count(*), count(distinct recorded_at), max(notification_id) - min(notification_id) + 1"
            " from stored_events where feed_id = %s",
            [channel_id],
        )
        assert await cursor.fetchone() == (6, 1, 6), "the creation and five joins, in one append"


async def test_a_race_for_a_name_has_one_winner_and_a_released_name_the_next(
    server: Server, second: Server, ann: Person
) -> None:
    """Channels are made and renamed to it at once; then the winner is deleted while the others ask again."""
    people = await _people(server, second, 6)
    own = [await person.make_channel(f"channel of {person.username}") for person in people[:3]]

    def ask() -> list[Any]:
        renames = [p.patch(f"/channels/{c}", {"name": "Lobby"}) for p, c in zip(people, own, strict=False)]
        return [*renames, *(p.post("/channels", {"kind": "public", "name": "LOBBY"}) for p in people[3:])]

    answers = await asyncio.gather(*ask())
    assert Counter(answer.status_code < 300 for answer in answers) == {True: 1, False: 5}
    assert {answer.json()["code"] for answer in answers if answer.status_code >= 300} == {"name_taken"}
    (winner,) = [(people[n], answer.json()) for n, answer in enumerate(answers) if answer.status_code < 300]
    deleted, *later = await asyncio.gather(winner[0].delete(f"/channels/{winner[1]['channel_id']}"), *ask())
    assert deleted.status_code == 200
    assert sum(answer.status_code < 300 for answer in later) <= 1
    position = max(answer.json().get("position", 0) for answer in [deleted, *later])
    found = (await ann.get("/channels", query="lobby", min_position=position)).json()["channels"]
    assert len(found) == sum(answer.status_code < 300 for answer in later)


async def test_however_owners_go_at_once_one_stays(server: Server, second: Server) -> None:
    """By leaving, by being made less and by being removed by each other."""
    people = await _people(server, second, 4)
    for number in range(3):
        channel_id = await people[0].make_channel(f"channel {number}")
        for other in people[1:]:
            await people[0].add(channel_id, other, "owner")
        member = [f"/channels/{channel_id}/members/{person.user_id}" for person in people]
        answers = await asyncio.gather(
            people[0].post(f"/channels/{channel_id}/leave"),
            people[1].put(member[1], {"role": "member"}),
            people[2].delete(member[3]),
            people[3].delete(member[2]),
            people[3].post(f"/channels/{channel_id}/leave"),
            people[2].put(member[2], {"role": "admin"}),
        )
        assert {answer.status_code for answer in answers} <= {200, 403, 404, 409}
        channel, members = await _settled(people[0], channel_id, list(answers))
        assert list(members.values()).count("owner") >= 1
        assert channel["member_count"] == len(members)


async def test_members_and_roles_are_exact_when_all_come_and_go_at_once(
    server: Server, second: Server, ann: Person
) -> None:
    """The count, the list and the roles are those of a naive reading of the log."""
    people = await _people(server, second, 12)
    channel_id = await ann.make_channel()

    async def come_and_go(number: int, person: Person) -> list[Any]:
        answers = [await person.post(f"/channels/{channel_id}/join")]
        if number % 3 == 0:
            answers.append(await person.post(f"/channels/{channel_id}/leave"))
        if number % 4 == 0:
            answers.append(await person.post(f"/channels/{channel_id}/join"))
        return answers

    async def set_roles() -> list[Any]:
        member = f"/channels/{channel_id}/members"
        return [
            await ann.put(f"{member}/{person.user_id}", {"role": role})
            for role in ("admin", "member", "admin")
            for person in people[:4]
        ]

    done = await asyncio.gather(set_roles(), *(come_and_go(n, person) for n, person in enumerate(people)))
    answers = [answer for several in done for answer in several]
    assert {answer.status_code for answer in answers} == {200}
    channel, members = await _settled(ann, channel_id, answers)
    assert members == await _naive(server, channel_id)
    assert channel["member_count"] == len(members)


async def _naive(server: Server, channel_id: str) -> dict[str, str]:
    """Who is in the channel with which role, event by event."""
    found: dict[str, str] = {}
    async with server.node.pool.connection() as connection:
        cursor = await connection.execute(
            "select topic, convert_from(state, 'UTF8')::jsonb from stored_events where feed_id = %s"
            " and topic like 'membership.%%' order by notification_id",
            [channel_id],
        )
        for topic, state in await cursor.fetchall():
            if topic in ("membership.joined.1", "membership.role_changed.1"):
                found[state["user_id"]] = state["role"]
            else:
                del found[state["user_id"]]
    return found
