"""What the views lack is said: a channel that is held behind a poison event, and views that another program's have replaced."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from tests.fixtures.server import Person, Server, new_id, running_server
from tests.support.equality import rebuild
from tests.support.views import newer, program, running_group
from tests.support.wait import await_until


def _run(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement.encode())


@asynccontextmanager
async def _second(database: str, *people: Person) -> AsyncIterator[tuple[Server, list[Person]]]:
    """Another node on the database, and these people there."""
    async with running_server(database) as other:
        yield other, [replace(person, http=other.http) for person in people]


async def _is_stale(person: Person, path: str, **params: int) -> bool:
    answer = await person.get(path, **params)
    assert answer.status_code in (200, 404), answer.text
    return answer.headers.get("sermo-stale") == "true"


async def test_reads_of_a_held_channel_and_readiness_say_so_on_every_node(
    server: Server, database: str, ann: Person, ben: Person
) -> None:
    """From the position on at which it is held until it is repaired; other channels and other people hear nothing of it."""
    held, other = await ann.make_channel("held"), await ann.make_channel("other")
    root, elsewhere = await ann.say(held, "good"), await ann.say(other, "good")
    await ben.post(f"/channels/{other}/join")
    _run(database, "alter table timeline_v2.messages add constraint healthy check (content <> 'poison')")
    async with _second(database, ann, ben) as (second, (ann_there, ben_there)):
        poison = await ann.say(held, "poison")
        behind = await ann.say(held, "behind it", parent_id=root["message_id"])
        position = behind["position"]

        edited = await ann.patch(f"/messages/{behind['message_id']}", {"content": "edited behind it"})
        assert (edited.status_code, edited.headers.get("Sermo-Stale")) == (200, "true"), edited.text
        message = edited.json()
        assert (message["content"], message["seq"], message["parent_id"]) == (
            "edited behind it",
            behind["seq"],
            root["message_id"],
        )
        position = message["position"]

        of_the_channel = [f"/channels/{held}/messages", f"/channels/{held}", f"/channels/{held}/members", "/channels"]
        of_messages = [f"/messages/{m['message_id']}" for m in (root, poison, behind)]
        mine = [f"/messages/{root['message_id']}/replies", "/me/channels", "/me/unread"]
        for person in (ann, ann_there):
            for path in (*of_the_channel, *of_messages, *mine):
                assert await _is_stale(person, path, min_position=position), path
            for path in (f"/channels/{other}/messages", f"/messages/{elsewhere['message_id']}", "/me", "/users"):
                assert not await _is_stale(person, path, min_position=position), path
        for person in (ben, ben_there):
            assert not await _is_stale(person, "/me/channels", min_position=position)
            assert not await _is_stale(person, "/me/unread", min_position=position)
            # What he may not know of looks as what is nowhere.
            assert await _is_stale(person, f"/messages/{new_id()}", min_position=position)
        for each in (server, second):
            ready = await each.http.get("/health/ready")
            assert (ready.status_code, ready.json()["ready"], ready.json()["parked"]) == (200, True, 3)
            assert "sermo_views_parked_events 3.0" in (await each.http.get("/metrics")).text

        _run(database, "alter table timeline_v2.messages drop constraint healthy")
        await rebuild(database, "core")
        for each, person in ((server, ann), (second, ann_there)):
            await await_until(lambda each=each: each.node.views.parked == 0, 30, what="the node knows")
            assert (await each.http.get("/health/ready")).json()["parked"] == 0
            for path in (*of_the_channel, *of_messages, *mine, f"/messages/{new_id()}"):
                assert not await _is_stale(person, path, min_position=position), path
        replies = (await ann.get(f"/messages/{root['message_id']}/replies")).json()["messages"]
        assert [reply["message_id"] for reply in replies] == [behind["message_id"]]


@pytest.mark.parametrize("feed", ["the workspace's", "her own"])
async def test_reads_that_depend_on_a_held_feed_beside_the_channels_say_so(
    server: Server, database: str, ann: Person, ben: Person, feed: str
) -> None:
    """Of names and public channels everyone's; of her marks hers alone."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hello")
    if feed == "her own":
        _run(database, "alter table unread_v3.markers add check (read_seq < 2) not valid")
        answer = await ann.put(f"/channels/{channel_id}/read", {"seq": message["seq"]})
    else:
        _run(database, "alter table people_v2.people add check (status_text <> 'poison')")
        answer = await ann.patch("/me", {"status_text": "poison"})
    position = answer.json()["position"]
    assert await _is_stale(ann, "/me/unread", min_position=position)
    assert await _is_stale(ben, "/users", min_position=position) == (feed != "her own")
    assert server.node.views.parked == 1


async def test_a_node_whose_views_were_replaced_says_so_and_becomes_unready(
    server: Server, database: str, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on taking commands; what it reads stands still and says so; the proxy takes it out."""
    monkeypatch.setattr("sermo.node.READY_LAG_S", 0.2)
    channel_id = await ann.make_channel()
    assert (await server.http.get("/health/ready")).status_code == 200
    with program(newer("timeline")):
        await rebuild(database, "timeline")
    async with running_group(database, newer("timeline")) as successor:
        message = await ann.say(channel_id, "later")
        assert await successor.wait_for(message["position"], 30)
        page = await ann.get(f"/channels/{channel_id}/messages", min_position=message["position"])
        assert (page.status_code, page.headers["sermo-stale"]) == (200, "true")
        assert page.json()["messages"] == []
        assert page.json()["position"] < message["position"]

        async def is_unready() -> bool:
            answer = await server.http.get("/health/ready")
            return answer.status_code == 503 and answer.json()["database"] is True

        await await_until(is_unready, 30)
        assert await _is_stale(ann, "/me/channels")


async def test_a_node_whose_views_are_not_built_is_not_ready_until_they_are(database: str) -> None:
    """It may be started before the rebuild: it gets no traffic, and is ready right after the switch."""
    async with running_server(database) as before:
        ann = await before.register("ann")
        await ann.make_channel()
    with program(newer("people")):
        await rebuild(database, "people")
    _run(database, "delete from projections.core_group where stopped_at is not null")
    async with running_server(database) as server:
        answer = await server.http.get("/health/ready")
        assert (answer.status_code, answer.json()["ready"], answer.json()["database"]) == (503, False, True)
        await rebuild(database, "people")

        async def is_ready() -> bool:
            return (await server.http.get("/health/ready")).status_code == 200

        await await_until(is_ready, 30)
