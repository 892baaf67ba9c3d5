"""Deactivation: a token dies with its owner, on every node, however it is shown."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from domain.decider import Recorded
from domain.user import UserDeactivated, UserReactivated
from sermo.deactivated import Deactivated
from tests.api.test_accounts import login, refresh
from tests.api.test_code_table import refused
from tests.fixtures.server import PASSWORD, Person, Server, new_id, running_server
from tests.support.builders import AT
from tests.support.wait import await_until
from tests.support.wsclient import Client
from tests.ws.test_events import streaming


async def register_admin(server: Server, username: str = "root") -> Person:
    """A server admin."""
    session = await server.node.auth.register(username, PASSWORD, username, is_admin=True)
    return Person(server.http, session.user.user_id, username, session.access_token, session.refresh_token)


@pytest.fixture
async def root(server: Server) -> Person:
    """A server admin."""
    return await register_admin(server)


async def test_every_token_dies_on_every_node(server: Server, second: Server, root: Person, ann: Person) -> None:
    """Access and refresh tokens, tickets, events sessions, sockets and streams; the password is as if it were wrong."""
    ticket = (await ann.post("/ws-ticket")).json()["ticket"]
    cookie = (await ann.post("/events-session")).cookies["sermo_events"]
    sockets = [Client(node.url, ann.access_token) for node in (server, second)]
    for socket in sockets:
        await socket.open()
    async with streaming(second.url, token=ann.access_token) as stream:
        await stream.wait(type="connected")
        done = await root.post(f"/users/{ann.user_id}/deactivate")
        assert done.status_code == 200, done.text
        for socket in sockets:
            assert await socket.wait_closed() == 4002
            (told,) = [frame for frame in socket.events if frame["type"] == "user_updated"]
            assert told["data"].keys() == {"user_id", "deactivated_at"}
            assert (told["data"]["user_id"], told["id"]) == (str(ann.user_id), done.json()["position"])
        await await_until(lambda: stream.is_over, what="the stream ends")
    position = done.json()["position"]
    for node in (server, second):
        await await_until(lambda node=node: node.node.tail.position >= position)
        ann.http = node.http
        refused(await ann.get("/me"), 401, "unauthenticated")
        refused(await ann.post("/ws-ticket"), 401, "unauthenticated")
        refused(await login(node, "ann"), 401, "invalid_credentials")
        refused(await refresh(node, ann.refresh_token), 401, "unauthenticated")
        events = await node.http.get("/v1/events", headers={"Cookie": f"sermo_events={cookie}"})
        refused(events, 401, "unauthenticated")
        with pytest.raises(Exception, match=r"ticket|token"):
            await node.node.auth.redeem_ticket(ticket)


async def test_a_repeated_deactivation_ends_no_login_that_came_after(server: Server, root: Person, ann: Person) -> None:
    """Under the same key it was done before, and she was let in again since."""
    done = await root.post(f"/users/{ann.user_id}/deactivate", key="once")
    await root.post(f"/users/{ann.user_id}/reactivate")
    again = (await login(server, "ann")).json()
    repeated = await root.post(f"/users/{ann.user_id}/deactivate", key="once")
    assert repeated.json() == done.json()
    assert (await refresh(server, again["refresh_token"])).status_code == 200


async def test_a_node_that_starts_knows_who_is_deactivated(database: str, root: Person, ann: Person) -> None:
    """Before its first request."""
    await root.post(f"/users/{ann.user_id}/deactivate")
    async with running_server(database) as later:
        ann.http = later.http
        refused(await ann.get("/me"), 401, "unauthenticated")


async def test_a_command_that_is_under_way_is_refused_by_the_decision(server: Server, ann: Person) -> None:
    """Whatever the token was worth when it was looked at."""
    from domain.errors import Unauthenticated
    from domain.user import ChangeProfile, DeactivateUser

    await server.node.execute(DeactivateUser(user_id=ann.user_id, by=None, at=AT))
    with pytest.raises(Unauthenticated):
        await server.node.execute(ChangeProfile(user_id=ann.user_id, at=AT, status_text="x"))


async def test_who_is_reactivated_logs_in_again_and_old_tokens_stay_dead(
    server: Server, root: Person, ann: Person
) -> None:
    """The frame says null, and so do the views."""
    await root.post(f"/users/{ann.user_id}/deactivate")
    back = await root.post(f"/users/{ann.user_id}/reactivate")
    assert back.status_code == 200
    refused(await ann.get("/me"), 401, "unauthenticated")
    refused(await refresh(server, ann.refresh_token), 401, "unauthenticated")
    answer = (await login(server, "ann")).json()
    again = Person(server.http, ann.user_id, "ann", answer["access_token"], answer["refresh_token"])
    seen = (await again.get(f"/users/{ann.user_id}", min_position=back.json()["position"])).json()
    assert seen["deactivated_at"] is None
    # asked once more it changes nothing, and ends no login
    assert (await root.post(f"/users/{ann.user_id}/reactivate")).status_code == 200
    assert (await refresh(server, again.refresh_token)).status_code == 200


async def test_one_leaves_by_oneself_with_the_password(server: Server, ann: Person, ben: Person) -> None:
    """A token alone is not enough; the name stays taken, and what was said stays."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "I was here")
    refused(await ann.post("/me/deactivate", {"password": "wrong horse"}), 401, "invalid_credentials")
    refused(await ann.post("/me/deactivate"), 400, "bad_request")
    left = await ann.post("/me/deactivate", {"password": PASSWORD})
    assert left.status_code == 200
    position = left.json()["position"]
    taken = await server.http.post("/v1/auth/register", json={"username": "Ann", "password": PASSWORD})
    refused(taken, 409, "name_taken", "username")
    seen = (await ben.get(f"/users/{ann.user_id}", min_position=position)).json()
    assert seen["deactivated_at"].endswith("Z")
    assert (await ben.get(f"/messages/{message['message_id']}")).json()["content"] == "I was here"
    members = (await ben.get(f"/channels/{channel_id}/members")).json()["members"]
    assert [member["user_id"] for member in members] == [str(ann.user_id)]


async def test_the_directory_shows_the_deactivated_to_admins_who_ask(root: Person, ann: Person, ben: Person) -> None:
    """To others never; nobody brings them into a channel or a direct one."""
    channel_id = await ann.make_channel()
    made = await ann.post("/directs", {"user_ids": [str(ben.user_id)]})
    position = (await root.post(f"/users/{ben.user_id}/deactivate")).json()["position"]
    for query in ({}, {"query": "be"}):
        found = (await ann.get("/users", min_position=position, **query)).json()["users"]
        assert "ben" not in [user["username"] for user in found]
        found = (await root.get("/users", deactivated="true", **query)).json()["users"]
        assert "ben" in [user["username"] for user in found]
    refused(await ann.get("/users", deactivated="true"), 403, "forbidden")
    member = f"/channels/{channel_id}/members/{ben.user_id}"
    refused(await ann.put(member, {"role": "member"}), 403, "forbidden")
    refused(await ann.post("/directs", {"user_ids": [str(ben.user_id), str(root.user_id)]}), 403, "forbidden")
    found = await ann.post("/directs", {"user_ids": [str(ben.user_id)]})
    assert (found.status_code, found.json()["channel_id"]) == (200, made.json()["channel_id"])


async def test_only_server_admins_shut_others_out(root: Person, ann: Person, ben: Person) -> None:
    """And not somebody who is not there."""
    for verb in ("deactivate", "reactivate"):
        refused(await ann.post(f"/users/{ben.user_id}/{verb}"), 403, "forbidden")
        refused(await root.post(f"/users/{new_id()}/{verb}"), 404, "not_found", "user_id")


async def test_two_admins_who_shut_each_other_out_at_once_leave_one(server: Server, root: Person) -> None:
    """And one alone cannot go."""
    refused(await root.post("/me/deactivate", {"password": PASSWORD}), 409, "last_admin")
    other = await register_admin(server, "other")
    answers = await asyncio.gather(
        root.post(f"/users/{other.user_id}/deactivate"), other.post(f"/users/{root.user_id}/deactivate")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_two_admins_who_leave_at_once_leave_one(server: Server, root: Person) -> None:
    """The decision relies on the other one, whom the program finds in the log."""
    other = await register_admin(server, "other")
    leaving = [person.post("/me/deactivate", {"password": PASSWORD}) for person in (root, other)]
    answers = await asyncio.gather(*leaving)
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def _event(position: int, number: int, active: bool) -> Recorded:
    user_id, at = UUID(int=number), AT + timedelta(seconds=position)
    event = (UserReactivated if active else UserDeactivated)(user_id=user_id, at=at)
    return Recorded(position, user_id, position, event, None, None, at)


async def test_what_is_known_is_complete_also_while_the_log_is_read() -> None:
    """The tail goes on meanwhile: what it brought is not undone by what was read before; a reset begins anew."""
    one, two = UUID(int=1), UUID(int=2)
    log = [_event(1, 1, False), _event(2, 2, False)]
    gone: list[UUID] = []

    async def read() -> list[Recorded]:
        found = list(log)
        known.publish([_event(3, 1, True)])
        return found

    known = Deactivated(read, gone.append)
    await asyncio.gather(known.complete(), known.complete())
    assert (one in known, two in known) == (False, True)
    assert known.refuses(one, AT.timestamp()), "a token from before the deactivation stays dead"
    assert not known.refuses(one, AT.timestamp() + 2)
    assert known.refuses(two, AT.timestamp() + 9)
    known.publish([_event(4, 1, False)])
    assert gone[-1] == one
    log.clear()
    known.reset()
    await known.complete()
    assert two not in known
