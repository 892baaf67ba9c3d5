"""People for tests over the wire: registered by REST, with a channel to talk in."""

import asyncio
import copy
import secrets
import uuid
from typing import Any
from uuid import UUID

import httpx

from domain.membership import JoinChannel
from sermo.auth import ISSUER
from sermo.node import Node
from tests.support import builders
from tests.support.http import http_client
from tests.support.wsclient import Client, new_id

PASSWORD = "correct horse"


class Person:
    """Somebody with a token."""

    def __init__(self, url: str, body: dict[str, Any]) -> None:
        self.url = url
        self.user_id: str = body["user"]["user_id"] if "user" in body else body["user_id"]
        self.username: str = body["user"]["username"]
        self.token: str = body["access_token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def client(self, url: str | None = None) -> Client:
        """A socket client of this person."""
        return Client(url or self.url, self.token)

    def at(self, url: str) -> "Person":
        """The same person at another node."""
        found = copy.copy(self)
        found.url = url
        return found

    async def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """A REST call."""
        async with http_client(self.url, headers=self.headers) as http:
            return await http.request(method, path, **kwargs)

    async def make_channel(self, kind: str = "public") -> str:
        """A new channel; its id."""
        body = {"kind": kind, "name": f"c-{secrets.token_hex(4)}", "channel_id": str(new_id())}
        answer = await self.call("POST", "/v1/channels", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["channel_id"])


async def register(url: str, name: str = "p") -> Person:
    """A new person."""
    body = {"username": f"{name}-{secrets.token_hex(4)}", "password": PASSWORD}
    async with http_client(url) as http:
        answer = await http.post("/v1/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return Person(url, answer.json())


async def crowd(url: str, node: Node, size: int, channel_id: str) -> list[Person]:
    """So many new people in a public channel, with tokens, but without the time that a hundred passwords take."""

    async def one() -> Person:
        username = f"p-{secrets.token_hex(4)}"
        user_id = await builders.register(node.execute, username)
        await node.execute(JoinChannel(channel_id=UUID(channel_id), user_id=user_id, at=builders.AT))
        token = node.auth._token(ISSUER, user_id, uuid.uuid4(), 900)
        return Person(url, {"user": {"user_id": str(user_id), "username": username}, "access_token": token})

    return list(await asyncio.gather(*(one() for _ in range(size))))
