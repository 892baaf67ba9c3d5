"""`sermo users`: people from the server's side, beside a running server and without one."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.cli.running import ok, told
from tests.cli.test_serve import serving

PASSWORD = "correct horse"


def users(database: str, *arguments: str, text: str | None = None) -> str:
    """A command that must succeed; what it prints."""
    return ok("users", *arguments, "--database-url", database, text=text)


def post(url: str, body: object = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
    """Status and answer of a POST."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url, data, headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_people_are_managed_without_a_server(database: str) -> None:
    """The last admin stays; everybody is listed with their standing."""
    users(database, "create", "ann", "--admin", "--password-stdin", text=f"{PASSWORD}\n")
    users(database, "create", "ben", "--password-stdin", text=f"{PASSWORD}\n")
    arguments = ("--database-url", database)
    assert "last_admin" in told("users", "deactivate", "ann", *arguments)
    assert "last_admin" in told("users", "admin", "ann", "off", *arguments)
    assert users(database, "admin", "BEN", "on") == "BEN is a server admin\n"
    assert users(database, "admin", "ann", "off") == "ann is no server admin\n"
    assert users(database, "deactivate", "ann") == "ann is deactivated\n"
    listed = [line.split() for line in users(database, "list").splitlines()]
    assert [(line[0], line[2]) for line in listed] == [("ann", "deactivated"), ("ben", "admin")]
    assert users(database, "reactivate", "ann") == "ann is active\n"
    assert "not_found" in told("users", "deactivate", "nobody", *arguments)


def test_people_are_managed_beside_a_running_server(database: str, tmp_path: Path) -> None:
    """The server knows at once: an admin made here governs there, who is shut out here is refused there."""
    with serving("--database-url", database, "--data-dir", tmp_path / "d", errors=tmp_path / "errors") as (_, url):

        def login(name: str, password: str = PASSWORD) -> tuple[int, dict[str, Any]]:
            return post(f"{url}/v1/auth/login", {"username": name, "password": password})

        for name in ("ann", "ben"):
            assert post(f"{url}/v1/auth/register", {"username": name, "password": PASSWORD})[0] == 201
        users(database, "admin", "ann", "on")
        ben, ann = login("ben")[1], login("ann")[1]
        assert ann["user"]["is_admin"]
        shut_out = f"{url}/v1/users/{ben['user']['user_id']}/deactivate"
        assert post(shut_out, token=ann["access_token"])[0] == 200
        users(database, "reactivate", "ben")
        users(database, "password", "ben", "--password-stdin", text="another horse\n")
        assert login("ben")[0] == 401
        status, again = login("ben", "another horse")
        assert status == 200
        users(database, "password", "ben", "--password-stdin", text=f"{PASSWORD}\n")
        assert post(f"{url}/v1/auth/refresh", {"refresh_token": again["refresh_token"]})[0] == 401
        token = login("ben")[1]["access_token"]
        users(database, "deactivate", "ben")
        assert post(f"{url}/v1/ws-ticket", token=token)[0] == 401


def test_a_password_is_never_an_argument_and_is_checked(database: str) -> None:
    """Too short a one is told, and nobody is there afterwards."""
    short = ("users", "create", "ann", "--password-stdin", "--database-url", database)
    assert "invalid" in told(*short, text="short\n")
    assert users(database, "list") == ""
    told("users", "create", "ann", "secret horse", "--database-url", database, code=2)
