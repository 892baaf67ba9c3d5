"""The directories of channels and of people: who finds what, and pages that visit each once while others come."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from tests.api.test_code_table import refused
from tests.api.test_deactivation import register_admin
from tests.fixtures.server import Person, Server


async def _all(page: Callable[..., Awaitable[httpx.Response]], path: str, what: str, **query: object) -> list[str]:
    """The names on all pages, two a page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        answer = (await page(path, limit=2, **query, **({"cursor": cursor} if cursor else {}))).json()
        found += [each.get("name") or each["username"] for each in answer[what]]
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


async def test_the_directory_of_channels_has_the_public_ones_and_mine(ann: Person, ben: Person) -> None:
    """By a part of the name in any case, archived ones with the time; private ones of others never."""
    archived = await ann.make_channel("Ärger archiv")
    await ann.make_channel("ärger heute")
    await ann.make_channel("secret ärger", "private")
    await ben.make_channel("bens ärger", "private")
    position = (await ann.post(f"/channels/{archived}/archive")).json()["position"]
    assert await _all(ann.get, "/channels", "channels", query="ÄRGER", min_position=position) == [
        "secret ärger",
        "Ärger archiv",
        "ärger heute",
    ]
    found = (await ben.get("/channels", query="archiv")).json()["channels"]
    assert [(channel["name"], channel["archived_at"] is not None) for channel in found] == [("Ärger archiv", True)]
    assert await _all(ben.get, "/channels", "channels", query="secret") == []
    position = (await ann.post(f"/channels/{archived}/unarchive")).json()["position"]
    found = (await ben.get("/channels", query="archiv", min_position=position)).json()["channels"]
    assert found[0]["archived_at"] is None


async def test_pages_of_channels_visit_each_once_while_others_are_made_and_ended(ann: Person, ben: Person) -> None:
    """Of those that were there all the time."""
    lasting = [f"room {letter}" for letter in "abcdefgh"]
    for name in lasting:
        position_of = await ann.make_channel(name)
    made = (await ann.patch(f"/channels/{position_of}", {"topic": "t"})).json()["position"]
    stopping = asyncio.Event()

    async def come_and_go() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            channel_id = await ben.make_channel(f"room {'abcdefgh'[number % 8]}{number}")
            await ben.delete(f"/channels/{channel_id}")

    task = asyncio.create_task(come_and_go())
    for _ in range(5):
        found = await _all(ann.get, "/channels", "channels", query="room", min_position=made)
        assert [name for name in found if name in lasting] == lasting
        assert len(found) == len(set(found))
    stopping.set()
    await task


async def test_people_are_found_by_the_beginning_of_either_name(server: Server, ann: Person) -> None:
    """In any case and compatibility form, by user name, each once though both names begin so."""
    names = {"zoe": "Anna", "annika": "Annika", "bob": "Anna-Lena", "carl": "Hanna"}
    for username, display_name in names.items():
        person = await server.register(username)
        position = (await person.patch("/me", {"display_name": display_name})).json()["position"]
    for query in ("ANN", "\uff21nn", "ann"):
        found = await _all(ann.get, "/users", "users", query=query, min_position=position)
        assert found == ["ann", "annika", "bob", "zoe"]
    assert await _all(ann.get, "/users", "users", query="%") == []
    assert await _all(ann.get, "/users", "users") == ["ann", "annika", "bob", "carl", "zoe"]


async def test_a_server_admin_governs_a_private_channel_without_reading_it(
    server: Server, ann: Person, ben: Person
) -> None:
    """The answer to a change shows the channel as it is; its messages and members stay hidden."""
    root = await register_admin(server)
    channel_id = await ann.make_channel("secret", "private")
    message = await ann.say(channel_id, "hidden")
    position = await ann.add(channel_id, ben)
    changed = await root.patch(f"/channels/{channel_id}", {"name": "known", "topic": "rules"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["topic"], changed.json()["member_count"]) == ("known", "rules", 2)
    for path in (f"/channels/{channel_id}", f"/channels/{channel_id}/members", f"/messages/{message['message_id']}"):
        refused(await root.get(path, min_position=position), 404, "not_found")
    for method, path in (
        ("DELETE", f"/channels/{channel_id}/members/{ben.user_id}"),
        ("POST", f"/channels/{channel_id}/archive"),
        ("POST", f"/channels/{channel_id}/unarchive"),
        ("DELETE", f"/messages/{message['message_id']}"),
        ("DELETE", f"/channels/{channel_id}"),
    ):
        assert (await root.call(method, path)).status_code == 200, path
    refused(await root.patch(f"/channels/{channel_id}", {"name": "gone"}), 404, "not_found")
