"""People, channels and messages written straight through `sermo_append`, and access tokens for them.

What is decided is decided by the domain; only the states that it needs come from here. A person costs no password hashing,
so thousands take a second. The server of the same database may run meanwhile: it reads what is written here from the log.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
import psycopg
from psycopg import AsyncConnection

from benchmarks.support import Person, new_id
from domain.channel import CreateChannel
from domain.channel_state import ChannelKind, ChannelState
from domain.decider import Command, Loaded, NewEvent, State
from domain.membership import JoinChannel
from domain.message import MessagePosted
from domain.user import RegisterUser, UserState
from sermo import log
from sermo.auth import ALGORITHM, ISSUER
from sermo.log import Attempt

BATCH = 256
AT = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN_S = 7_200


class Writer:
    """Makes a log: keeps the versions, so that every append is accepted."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._batch: list[Attempt] = []
        self._streams: set[UUID] = set()
        self._versions: dict[UUID, int] = {}
        self.size = 0
        self.position = 0
        """Of the last event that was appended here."""

    async def add(self, events: Sequence[NewEvent]) -> None:
        """One command's events; they are appended when a batch is full."""
        streams = {new.stream_id for new in events}
        if len(self._batch) == BATCH or not self._streams.isdisjoint(streams):
            await self.flush()
        relied = {stream_id: self._versions.get(stream_id, 0) for stream_id in streams}
        self._batch.append(Attempt.of(uuid.uuid4(), None, relied, events, None))
        self._streams |= streams
        for new in events:
            self._versions[new.stream_id] = self._versions.get(new.stream_id, 0) + 1
        self.size += len(events)

    async def decided(self, command: Command, **states: State) -> None:
        """What the domain makes of a command, given these states by their streams' ids."""
        await self.add(command.decide(Loaded({UUID(name): state for name, state in states.items()})))

    async def flush(self) -> None:
        """Append what waits."""
        if self._batch:
            results = await log.append(self._connection, self._batch)
            self.position = results[-1].events[-1].position
            self._batch, self._streams = [], set()

    async def people(self, count: int, prefix: str = "p") -> list[UUID]:
        """New people."""
        made = [new_id() for _ in range(count)]
        for number, user_id in enumerate(made):
            name = f"{prefix}{number}"
            await self.decided(RegisterUser(user_id=user_id, username=name, display_name=name, at=AT))
        return made

    async def channel(self, name: str, members: Sequence[UUID]) -> UUID:
        """A public channel of its first member, which the others join."""
        channel_id, owner = new_id(), members[0]
        kind = ChannelKind.PUBLIC
        create = CreateChannel(channel_id=channel_id, kind=kind, name=name, topic="", created_by=owner, at=AT)
        await self.decided(create, **{str(owner): _user(owner)})
        public = ChannelState(channel_id=channel_id, kind=kind, name=name, topic="", created_by=owner)
        for user_id in members[1:]:
            join = JoinChannel(channel_id=channel_id, user_id=user_id, at=AT)
            await self.decided(join, **{str(user_id): _user(user_id), str(channel_id): public})
        return channel_id

    async def post(self, channel_id: UUID, author_id: UUID, content: str) -> None:
        """A message. Nothing is asked: the author should be a member."""
        posted = MessagePosted(channel_id=channel_id, author_id=author_id, content=content, created_at=AT)
        await self.add([NewEvent(new_id(), posted, channel_id)])


def _user(user_id: UUID) -> UserState:
    return UserState(user_id=user_id, username="p", display_name="P", is_admin=False)


def mint(dsn: str, people: Iterable[UUID]) -> list[Person]:
    """Access tokens as the server issues them, signed with its key. The server must have started once."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select key_id, secret from signing_keys order by made_at desc, key_id desc"
        ).fetchone()
    assert row is not None, "the server makes its first key when it starts"
    key_id, secret = row
    now = int(time.time())
    made = []
    for user_id in people:
        claims = {"iss": ISSUER, "sub": str(user_id), "fam": str(uuid.uuid4()), "iat": now, "exp": now + TOKEN_S}
        made.append(Person(str(user_id), jwt.encode(claims, bytes(secret), ALGORITHM, {"kid": key_id})))
    return made
