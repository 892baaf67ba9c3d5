"""Who somebody is: passwords, tokens, refreshing, logging out."""

import asyncio
import statistics
import time
from typing import Any
from uuid import UUID

import jwt
import psycopg
import pytest

from domain.decider import Command, Outcome
from domain.errors import Unauthenticated, Unavailable
from sermo.auth import HASHER, NOBODYS_HASH, Auth
from tests.api.test_code_table import refused
from tests.fixtures.server import PASSWORD, Person, Server


async def login(server: Server, username: str, password: str = PASSWORD) -> Any:
    """The answer to a login."""
    return await server.http.post("/v1/auth/login", json={"username": username, "password": password})


async def refresh(server: Server, token: str) -> Any:
    """The answer to a refresh."""
    return await server.http.post("/v1/auth/refresh", json={"refresh_token": token})


async def me(server: Server, token: str) -> Any:
    """The answer to "who am I" with this access token."""
    return await server.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


async def test_registering_and_logging_in_answer_alike(server: Server) -> None:
    """Both say who it is, with both tokens and how long the access token is good for."""
    body = {"username": "Ann.1", "password": PASSWORD, "display_name": "Ann"}
    answer = await server.http.post("/v1/auth/register", json=body)
    assert answer.status_code == 201
    registered = answer.json()
    assert (registered["user"]["username"], registered["user"]["display_name"]) == ("Ann.1", "Ann")
    assert str(registered["position"]) == answer.headers["sermo-position"]
    # the name compares equal after NFKC and case folding; the view is not asked, so this works at once
    answer = await login(server, "\uff21nn.1")
    assert answer.status_code == 200
    assert registered["user"] == answer.json()["user"]
    assert registered.keys() == answer.json().keys()
    assert answer.json()["expires_in"] == 900
    assert registered["user"]["user_id"] == (await me(server, answer.json()["access_token"])).json()["user_id"]


async def test_a_user_name_has_one_holder_however_many_ask_at_once(server: Server) -> None:
    """One of five racing registrations wins; the others leave no credentials behind."""
    answers = await asyncio.gather(
        *(
            server.http.post("/v1/auth/register", json={"username": name, "password": PASSWORD})
            for name in ("cat", "Cat", "CAT", "cAt", "caT")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            refused(answer, 409, "name_taken", "username")
    async with server.node.pool.connection() as connection:
        cursor = await connection.execute("select count(*) from credentials")
        assert await cursor.fetchone() == (1,)


async def test_a_registration_whose_outcome_is_not_known_keeps_its_password(server: Server) -> None:
    """When the log does not answer, the person may be registered; when it refuses, nobody is."""

    async def lost(command: Command, **_: object) -> Outcome:
        await server.node.execute(command)
        raise Unavailable

    auth = Auth(server.node.pool, lost, server.node.deactivated)
    await auth.start()
    with pytest.raises(Unavailable):
        await auth.register("cat", PASSWORD, "Cat")
    auth.close()
    assert (await login(server, "cat")).status_code == 200


async def test_a_wrong_name_and_a_wrong_password_look_the_same_and_take_as_long(server: Server, ann: Person) -> None:
    """Whether a name exists is not told, neither in the answer nor by the clock."""
    wrong_password = await login(server, "ann", "wrong horse")
    wrong_name = await login(server, "nobody", "wrong horse")
    refused(wrong_password, 401, "invalid_credentials")
    assert wrong_password.json() == wrong_name.json()
    assert wrong_name.headers["www-authenticate"] == "Bearer"
    times: dict[str, list[float]] = {"ann": [], "nobody": []}
    for _ in range(9):
        for name, taken in times.items():
            began = time.perf_counter()
            await login(server, name, "wrong horse")
            taken.append(time.perf_counter() - began)
    assert not HASHER.check_needs_rehash(NOBODYS_HASH), "nobody's password is hashed like everybody's"
    # a missing hash would be ten times faster; twice leaves room for a busy machine
    assert statistics.median(times["nobody"]) > statistics.median(times["ann"]) / 2


async def test_a_token_that_is_not_ours_is_unauthenticated(server: Server, ann: Person) -> None:
    """Missing, damaged, unsigned, signed with another key, or for another purpose."""
    key_id = jwt.get_unverified_header(ann.access_token)["kid"]
    claims = {"iss": "sermo", "sub": str(ann.user_id), "exp": int(time.time()) + 60}
    forged = [
        ".",
        "nonsense",
        ann.access_token[:-4] + "AAAA",
        ann.refresh_token,
        jwt.encode(claims, "k" * 32, "HS256", {"kid": key_id}),
        jwt.encode(claims, "k" * 32, "HS256", {"kid": "another"}),
        jwt.encode(claims, "", "none", {"kid": key_id}),
    ]
    for token in forged:
        refused(await me(server, token), 401, "unauthenticated")
    answer = await server.http.get("/v1/me")
    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    # who is asking comes before what is asked
    refused(await server.http.post("/v1/channels", content=b"{"), 401, "unauthenticated")


async def test_an_expired_token_says_so(server: Server, ann: Person) -> None:
    """The client then refreshes, and does not ask for a password."""
    async with server.node.pool.connection() as connection:
        cursor = await connection.execute("select key_id, secret from signing_keys")
        row = await cursor.fetchone()
    assert row is not None
    claims = {"iss": "sermo", "sub": str(ann.user_id), "exp": int(time.time()) - 1}
    token = jwt.encode(claims, bytes(row[1]), "HS256", {"kid": row[0]})
    refused(await me(server, token), 401, "token_expired")


async def test_a_refresh_token_gives_the_same_successor_for_30_s_then_its_use_ends_the_family(
    server: Server, ann: Person
) -> None:
    """A lost answer is made good; a stolen token ends the session for the thief and the owner."""
    first = await refresh(server, ann.refresh_token)
    assert first.status_code == 200
    assert first.json().keys() >= {"user", "access_token", "refresh_token", "expires_in"}
    successor = first.json()["refresh_token"]
    assert successor != ann.refresh_token
    again = await asyncio.gather(*(refresh(server, ann.refresh_token) for _ in range(3)))
    assert {successor} == {answer.json()["refresh_token"] for answer in again}
    second = (await refresh(server, successor)).json()["refresh_token"]
    async with server.node.pool.connection() as connection:
        await connection.execute(
            "update refresh_tokens set used_at = used_at - interval '31 s' where used_at is not null"
        )
    refused(await refresh(server, ann.refresh_token), 401, "unauthenticated")
    refused(await refresh(server, second), 401, "unauthenticated")
    assert (await login(server, "ann")).status_code == 200


async def test_uses_of_one_refresh_token_at_once_get_one_successor(server: Server, ann: Person) -> None:
    """Two tabs of a browser do not end each other's session."""
    answers = await asyncio.gather(*(refresh(server, ann.refresh_token) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_logging_out_ends_the_whole_family_and_no_other(server: Server, ann: Person) -> None:
    """Any refresh token of the login ends it; the same person's other logins go on."""
    other = (await login(server, "ann")).json()["refresh_token"]
    successor = (await refresh(server, ann.refresh_token)).json()["refresh_token"]
    answer = await server.http.post("/v1/auth/logout", json={"refresh_token": ann.refresh_token})
    assert answer.status_code == 200
    refused(await refresh(server, successor), 401, "unauthenticated")
    refused(await refresh(server, ann.refresh_token), 401, "unauthenticated")
    assert (await refresh(server, other)).status_code == 200
    for token in ("nonsense", "", ann.refresh_token):
        answer = await server.http.post("/v1/auth/logout", json={"refresh_token": token})
        assert answer.status_code == 200


async def test_an_expired_refresh_token_says_so_and_goes_away(server: Server, ann: Person) -> None:
    """The client then asks for the password; the table does not grow for ever."""
    async with server.node.pool.connection() as connection:
        await connection.execute("update refresh_tokens set expires_at = now() - interval '1 s'")
        refused(await refresh(server, ann.refresh_token), 401, "token_expired")
        await connection.execute("update refresh_tokens set expires_at = now() - interval '2 days'")
        await server.node.auth.purge(connection)
        cursor = await connection.execute(
            "select (select count(*) from refresh_tokens), (select count(*) from refresh_families)"
        )
        assert await cursor.fetchone() == (0, 0)
    refused(await refresh(server, ann.refresh_token), 401, "unauthenticated")


async def test_no_secret_is_kept_as_it_is(server: Server, ann: Person, database: str) -> None:
    """Who reads the database learns neither passwords nor tokens."""
    ticket = (await ann.post("/ws-ticket")).json()["ticket"]
    successor = (await refresh(server, ann.refresh_token)).json()["refresh_token"]
    with psycopg.connect(database) as connection:
        text = "".join(
            str(row)
            for table in ("credentials", "refresh_tokens", "refresh_families", "ws_tickets", "stored_events")
            for row in connection.execute(f"select t::text, to_jsonb(t)::text from {table} t")
        )
    for secret in (PASSWORD, ann.access_token, ann.refresh_token, successor, ticket):
        assert secret not in text
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in text


async def test_a_ticket_is_good_once_and_for_30_s(server: Server, ann: Person) -> None:
    """It stands in an address, so it must be worth nothing afterwards."""
    auth = server.node.auth
    ticket = (await ann.post("/ws-ticket")).json()["ticket"]
    principal = await auth.redeem_ticket(ticket)
    assert ann.user_id == principal.user_id
    late = (await ann.post("/ws-ticket")).json()["ticket"]
    async with server.node.pool.connection() as connection:
        await connection.execute("update ws_tickets set expires_at = now() - interval '1 s'")
    for worthless in (ticket, late, "nonsense", "", ann.access_token):
        with pytest.raises(Unauthenticated):
            await auth.redeem_ticket(worthless)


async def test_a_token_of_a_key_made_later_is_read_by_a_running_node(server: Server, ann: Person) -> None:
    """Signing keys live in the database: a node learns a new one when it meets it, at most once a second."""
    async with server.node.pool.connection() as connection:
        await connection.execute("insert into signing_keys (key_id, secret) values ('new', %s)", [b"s" * 32])
    claims = {"iss": "sermo", "sub": str(ann.user_id), "exp": int(time.time()) + 60}
    token = jwt.encode(claims, b"s" * 32, "HS256", {"kid": "new"})
    deadline = time.monotonic() + 10
    while (answer := await me(server, token)).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.05)
    assert ann.user_id == UUID(answer.json()["user_id"])


async def test_hashing_does_not_stop_the_event_loop(server: Server, ann: Person) -> None:
    """While many log in, a request without a password is answered."""
    logins = [asyncio.create_task(login(server, "ann")) for _ in range(20)]
    await asyncio.sleep(0)
    began = time.perf_counter()
    assert (await server.http.get("/health/live")).status_code == 200
    took = time.perf_counter() - began
    answers = await asyncio.gather(*logins)
    assert [answer.status_code for answer in answers] == [200] * 20
    assert took < time.perf_counter() - began, "answered before all the logins were done"
