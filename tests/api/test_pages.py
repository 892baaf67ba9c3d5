"""Every list that has a cursor shows each row once, while others write: what is there throughout appears exactly once.

The lists are found in the OpenAPI document; a new one needs its writer in `LISTS`.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api import create_app
from api.openapi import describe
from tests.api.test_deactivation import register_admin
from tests.fixtures.server import Person, Server, new_id

Row = dict[str, Any]
PASSES = 3
LIMIT = 2


@dataclass
class List:
    """One list, rows that stay in it, and what changes it meanwhile."""

    path: str
    key: str
    """Of the rows in the answer."""
    identify: Callable[[Row], str]
    staying: set[str]
    disturb: Callable[[int], Awaitable[Any]]
    """Adds, changes and removes rows; changes those that stay, but for what puts them in order."""
    pager: Person | None = None
    """Who pages, where it is not Ann."""


@dataclass
class World:
    """Who and what is there."""

    ann: Person
    """She pages."""
    ben: Person
    """He disturbs."""
    others: list[Person]
    channel: str
    root: Person
    """A server admin."""


async def users(world: World) -> List:
    async def disturb(n: int) -> None:
        await world.others[n % 5].patch("/me", {"display_name": f"Other {n}", "status_text": f"{n}"})

    people = [world.ann, world.ben, *world.others]
    return List("/users", "users", lambda row: row["user_id"], {str(p.user_id) for p in people}, disturb)


async def channels(world: World) -> List:
    staying = {await world.ann.make_channel(f"c{n}") for n in range(6)}

    async def disturb(n: int) -> None:
        made = await world.ben.make_channel(f"c{n % 6}-{n}")
        await world.ben.patch(f"/channels/{made}", {"name": f"b{n}"})
        await world.ann.patch(f"/channels/{sorted(staying)[n % 6]}", {"topic": f"{n}"})
        if n % 2:
            await world.ben.delete(f"/channels/{made}")

    return List("/channels", "channels", lambda row: row["channel_id"], {*staying, world.channel}, disturb)


async def members(world: World) -> List:
    *staying, going = world.others
    for other in staying:
        await world.ann.add(world.channel, other)

    async def disturb(n: int) -> None:
        await world.ann.add(world.channel, going)
        await world.ann.add(world.channel, staying[n % 4], ("admin", "member")[n // 4 % 2])
        await world.ann.delete(f"/channels/{world.channel}/members/{going.user_id}")

    path = f"/channels/{world.channel}/members"
    return List(path, "members", lambda row: row["user_id"], {str(p.user_id) for p in staying}, disturb)


async def invitations(world: World) -> List:
    path = f"/channels/{world.channel}/invitations"

    async def make() -> Row:
        made: Row = (await world.ann.post(path, {})).json()
        return made

    staying = [await make() for _ in range(5)]

    async def disturb(n: int) -> None:
        made = await make()
        await world.ben.post(f"/channels/{world.channel}/leave")
        await world.ben.post(f"/invitations/{staying[n % 5]['code']}/join")
        await world.ann.delete(f"{path}/{made['invitation_id']}")

    ids = {row["invitation_id"] for row in staying}
    return List(path, "invitations", lambda row: row["invitation_id"], ids, disturb)


async def versions(world: World) -> List:
    message = (await world.ann.say(world.channel, "v0"))["message_id"]
    for n in range(1, 5):
        await world.ann.patch(f"/messages/{message}", {"content": f"v{n}"})

    async def disturb(n: int) -> None:
        await world.ann.patch(f"/messages/{message}", {"content": f"w{n}"})

    path = f"/messages/{message}/history"
    return List(path, "versions", lambda row: row["content"], {f"v{n}" for n in range(5)}, disturb)


async def pins(world: World) -> List:
    messages = [(await world.ann.say(world.channel, f"m{n}"))["message_id"] for n in range(8)]
    for message in messages:
        await world.ann.put(f"/messages/{message}/pin")

    async def disturb(n: int) -> None:
        going = messages[5 + n % 3]
        await world.ann.delete(f"/messages/{going}/pin")
        await world.ann.patch(f"/messages/{messages[n % 5]}", {"content": f"edited {n}"})
        await world.ann.put(f"/messages/{going}/pin")

    path = f"/channels/{world.channel}/pins"
    return List(path, "messages", lambda row: row["message_id"], set(messages[:5]), disturb)


async def reactions(world: World) -> List:
    path = f"/messages/{(await world.ann.say(world.channel, 'm'))['message_id']}/reactions"
    for person in world.others:
        await person.post(f"/channels/{world.channel}/join")
        await person.put(f"{path}/A")

    async def disturb(n: int) -> None:
        await world.ben.put(f"{path}/A")
        await world.others[n % 5].put(f"{path}/B{n}")
        await world.ben.delete(f"{path}/A")

    ids = {str(p.user_id) for p in world.others}
    return List(f"{path}?emoji=A", "reactions", lambda row: row["user_id"], ids, disturb)


async def threads(world: World) -> List:
    roots = [(await world.ann.say(world.channel, f"r{n}"))["message_id"] for n in range(8)]
    for root in roots:
        await world.ben.say(world.channel, "reply", parent_id=root)
        await world.ann.put(f"/threads/{root}/follow")

    async def disturb(n: int) -> None:
        await world.ben.say(world.channel, "another", parent_id=roots[n % 6])
        await world.ann.delete(f"/threads/{roots[6 + n % 2]}/follow")
        await world.ann.put(f"/threads/{roots[7 - n % 2]}/follow")

    return List("/me/threads", "threads", lambda row: row["message"]["message_id"], set(roots[:6]), disturb)


async def blocks(world: World) -> List:
    for person in world.others:
        await world.ann.put(f"/users/{person.user_id}/block")

    async def disturb(_: int) -> None:
        await world.ann.put(f"/users/{world.ben.user_id}/block")
        await world.ann.delete(f"/users/{world.ben.user_id}/block")

    ids = {str(p.user_id) for p in world.others}
    return List("/me/blocks", "blocks", lambda row: row["user_id"], ids, disturb)


async def search(world: World) -> List:
    staying = {(await world.ann.say(world.channel, f"engine {n}"))["message_id"] for n in range(6)}

    async def disturb(n: int) -> None:
        made = (await world.ben.say(world.channel, f"engine of ben {n}"))["message_id"]
        # An edited message is found by its old text no more at once, and by its new text when that is indexed; so those
        # that stay are changed otherwise.
        await world.ben.put(f"/messages/{sorted(staying)[n % 6]}/reactions/{n % 20}")
        await world.ben.delete(f"/messages/{made}")

    return List("/search?q=engine", "results", lambda row: row["message"]["message_id"], staying, disturb)


async def reports(world: World) -> List:
    message = (await world.ann.say(world.channel, "m"))["message_id"]
    filed = [await person.post(f"/messages/{message}/report", {"reason": "r"}) for person in world.others]

    async def disturb(n: int) -> None:
        other = (await world.ann.say(world.channel, f"m{n}"))["message_id"]
        report = (await world.ben.post(f"/messages/{other}/report", {"reason": f"{n}"})).json()["report_id"]
        await world.root.post(f"/admin/reports/{report}/resolve", {})

    ids = {answer.json()["report_id"] for answer in filed}
    return List("/admin/reports", "reports", lambda row: row["report_id"], ids, disturb, world.root)


LISTS: dict[str, Callable[[World], Awaitable[List]]] = {
    "/v1/users": users,
    "/v1/channels": channels,
    "/v1/channels/{channel_id}/members": members,
    "/v1/channels/{channel_id}/invitations": invitations,
    "/v1/channels/{channel_id}/pins": pins,
    "/v1/messages/{message_id}/history": versions,
    "/v1/messages/{message_id}/reactions": reactions,
    "/v1/me/threads": threads,
    "/v1/me/blocks": blocks,
    "/v1/search": search,
    "/v1/admin/reports": reports,
}
"""Path in the document -> what makes and disturbs the list."""


def test_every_list_with_a_cursor_is_looked_at() -> None:
    """A new one has to be put into `LISTS`."""
    nothing: Any = None
    paths = describe(create_app(nothing, nothing))["paths"]
    found = {
        path
        for path, operations in paths.items()
        if any(parameter["name"] == "cursor" for parameter in operations.get("get", {}).get("parameters", []))
    }
    assert found == LISTS.keys()


async def _page_through(ann: Person, listed: List, position: int) -> list[str]:
    """The rows of all pages, from the first to the last."""
    rows: list[str] = []
    more: dict[str, Any] = {"min_position": position}
    while True:
        path, _, query = listed.path.partition("?")
        given = dict(part.split("=") for part in query.split("&") if part)
        answer = await ann.get(path, limit=LIMIT, **given, **more)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page[listed.key]) <= LIMIT
        rows += map(listed.identify, page[listed.key])
        if page["next_cursor"] is None:
            return rows
        more = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("path", LISTS)
async def test_what_stays_appears_exactly_once_while_others_write(
    server: Server, ann: Person, ben: Person, path: str
) -> None:
    """On every pass over small pages, with rows coming, changing and going between any two."""
    others = [await server.register(f"other{n}") for n in range(5)]
    world = World(ann, ben, others, await ann.make_channel("here"), await register_admin(server))
    await ben.post(f"/channels/{world.channel}/join")
    listed = await LISTS[path](world)
    position = (await ben.post("/channels", {"kind": "private", "name": new_id()})).json()["position"]

    async def disturb() -> None:
        for n in itertools.count():
            await listed.disturb(n)

    disturbing = asyncio.create_task(disturb())
    try:
        for _ in range(PASSES):
            rows = await _page_through(listed.pager or ann, listed, position)
            seen = [row for row in rows if row in listed.staying]
            assert sorted(listed.staying) == sorted(seen)
    finally:
        disturbing.cancel()
        await asyncio.wait((disturbing,))
    assert disturbing.cancelled(), disturbing.exception()
