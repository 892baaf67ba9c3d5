"""Invitations by link over REST: made, listed, shown, used and revoked."""

import asyncio
from collections import Counter

from tests.api.test_channels import roles
from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, new_id, running_server


async def _invite(person: Person, channel_id: str, **body: object) -> dict[str, object]:
    answer = await person.post(f"/channels/{channel_id}/invitations", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    assert answer.headers["sermo-position"] == str(made["position"])
    return made


async def test_a_link_shows_a_private_channel_and_lets_join(ann: Person, ben: Person) -> None:
    """From the code alone: what it is, who invites; then one is a member, and the use is counted."""
    channel_id = await ann.make_channel("secret", "private")
    made = await _invite(ann, channel_id, max_uses=3)
    assert (made["max_uses"], made["uses"], made["created_by"]) == (3, 0, str(ann.user_id))
    link = f"/invitations/{made['code']}"
    shown = (await ben.get(link, min_position=made["position"])).json()
    assert (shown["name"], shown["kind"], shown["member_count"]) == ("secret", "private", 1)
    assert shown["invited_by"] == {"user_id": str(ann.user_id), "username": "ann", "display_name": "ann"}
    joined = await ben.post(f"{link}/join")
    assert (joined.status_code, joined.json()["channel_id"]) == (200, channel_id)
    again = await ben.post(f"{link}/join")
    assert (again.status_code, again.json()["channel_id"]) == (200, channel_id)
    position = again.json()["position"]
    assert await roles(ben, channel_id, position) == {str(ann.user_id): "owner", str(ben.user_id): "member"}
    listed = (await ann.get(f"/channels/{channel_id}/invitations", min_position=position)).json()
    del made["position"]
    assert listed == {"invitations": [{**made, "uses": 1}], "next_cursor": None}


async def test_twenty_people_race_for_five_places_at_two_servers(server: Server, database: str, ann: Person) -> None:
    """Five have joined, whichever; the invitation says five, and so does the channel."""
    channel_id = await ann.make_channel("secret", "private")
    made = await _invite(ann, channel_id, max_uses=5)
    path = f"/invitations/{made['code']}/join"
    async with running_server(database) as second:
        people = await asyncio.gather(*(server.register(f"p{n}") for n in range(20)))
        for person in people[::2]:
            person.http = second.http
        answers = await asyncio.gather(*(person.post(path) for person in people))
    assert Counter(answer.status_code for answer in answers) == {200: 5, 404: 15}
    position = max(answer.json()["position"] for answer in answers if answer.status_code == 200)
    assert len(await roles(ann, channel_id, position)) == 6
    channel = (await ann.get(f"/channels/{channel_id}", min_position=position)).json()
    assert channel["member_count"] == 6
    assert (await ann.get(f"/channels/{channel_id}/invitations")).json()["invitations"] == []


async def test_every_code_that_leads_nowhere_is_the_same_404(server: Server, ann: Person, ben: Person) -> None:
    """Unknown, revoked, used up, and of a channel that is archived or deleted; seen and used."""
    cat = await server.register("cat")
    codes = ["unknown", "%00", "x" * 500]
    for end in ("revoke", "use", "archive", "delete"):
        channel_id = await ann.make_channel(end, "private")
        made = await _invite(ann, channel_id, max_uses=1)
        codes.append(str(made["code"]))
        match end:
            case "revoke":
                done = await ann.delete(f"/channels/{channel_id}/invitations/{made['invitation_id']}")
            case "use":
                done = await cat.post(f"/invitations/{made['code']}/join")
            case "archive":
                done = await ann.post(f"/channels/{channel_id}/archive")
            case _:
                done = await ann.delete(f"/channels/{channel_id}")
        assert done.status_code == 200, done.text
    details = set()
    for code in codes:
        seen = await ben.get(f"/invitations/{code}", min_position=done.json()["position"])
        for answer in (seen, await ben.post(f"/invitations/{code}/join")):
            details.add(refused(answer, 404, "not_found", "code")["detail"])
    assert len(details) == 1


async def test_who_does_not_govern_the_channel_has_no_links_to_it(server: Server, ann: Person, ben: Person) -> None:
    """A member is told so; for an outsider there is no such channel."""
    cat = await server.register("cat")
    channel_id = await ann.make_channel("secret", "private")
    position = await ann.add(channel_id, ben)
    made = await _invite(ann, channel_id)
    links, link = f"/channels/{channel_id}/invitations", f"/channels/{channel_id}/invitations/{made['invitation_id']}"
    for person, status, code in ((ben, 403, "forbidden"), (cat, 404, "not_found")):
        refused(await person.get(links, min_position=position), status, code)
        refused(await person.post(links, {}), status, code)
        refused(await person.delete(link), status, code)
    refused(await ann.delete(f"{links}/{new_id()}"), 404, "not_found", "invitation_id")
    await ann.add(channel_id, ben, "admin")
    assert (await ben.delete(link)).status_code == 200
    direct = (await ann.post("/directs", {"user_ids": [str(ben.user_id)]})).json()["channel_id"]
    refused(await ann.post(f"/channels/{direct}/invitations", {}), 403, "forbidden")


async def test_the_same_key_makes_one_invitation(ann: Person) -> None:
    """A repeat gets the same code; another body is refused; bad numbers name their field."""
    path = f"/channels/{await ann.make_channel('secret', 'private')}/invitations"
    first, again = [await ann.post(path, {"max_uses": 2}, key="k") for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    refused(await ann.post(path, {"max_uses": 3}, key="k"), 422, "key_reused", "Idempotency-Key")
    refused(await ann.post(path, {"max_uses": 0}), 422, "invalid", "max_uses")
    refused(await ann.post(path, {"expires_in_s": 30 * 86_400 + 1}), 422, "invalid", "expires_in_s")
    refused(await ann.post(path, {"expires_in_s": "1"}), 422, "invalid", "expires_in_s")


async def test_links_are_paged_oldest_first(ann: Person) -> None:
    """Each once."""
    channel_id = await ann.make_channel("secret", "private")
    made = [await _invite(ann, channel_id) for _ in range(5)]
    found, cursor = [], None
    while True:
        page = {"limit": 2, "min_position": made[-1]["position"], **({"cursor": cursor} if cursor else {})}
        answer = (await ann.get(f"/channels/{channel_id}/invitations", **page)).json()
        found += [invitation["code"] for invitation in answer["invitations"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == [invitation["code"] for invitation in made]
