"""Who people are: passwords, access tokens, refresh tokens and tickets for sockets.

Access tokens are JWTs (HS256, RFC 7519) signed with a key from the table `signing_keys`, so that any node reads any
node's; they are good for minutes and cannot be revoked, but by the deactivation of their owner, which every node knows.
Refresh tokens are 32 random bytes, kept as SHA-256; each works once. Its successor is derived from it (HMAC with a
signing key), so that a client whose answer was lost gets the same successor again for a while, and no token is stored. A
later use says that two hold the token: the whole family ends.

Passwords are hashed with Argon2id at OWASP's parameters (m = 19 MiB, t = 2, p = 1), about 25 ms of a core, in threads
that are few: hashing must not take all cores or all memory, nor stop the event loop.
"""

import asyncio
import hashlib
import hmac
import os
import secrets
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import jwt
import msgspec
import uuid_utils.compat
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.services import Session
from domain import catalog
from domain.decider import Execute, State
from domain.errors import InvalidCredentials, Overloaded, Refusal, TokenExpired, Unauthenticated, Unavailable
from domain.ids import user_name_id
from domain.name_claim import NameState
from domain.principal import Principal
from domain.text import PASSWORD_MAX_CHARACTERS, check_password
from domain.user import RegisterUser, UserState
from sermo import log
from sermo.deactivated import Deactivated

T = TypeVar("T")

ALGORITHM = "HS256"
ISSUER = "sermo"
EVENTS_ISSUER = "sermo-events"
"""Of events sessions, which are good for event streams and nothing else."""
KEY_RELOAD_INTERVAL_S = 1.0
"""A flood of tokens with made-up key ids costs one query a second."""
PURGE_INTERVAL_S = 600.0
PURGE_TOKENS_MAX = 20_000
"""Deleted at a time, some 100 ms; as many as 33 refreshes a second leave behind."""
HASHING_WAITING_MAX = 200
"""Hashings that may wait, about 2.5 s of two cores; one more is refused as `overloaded`."""
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$laIr/8DRV2V3YxMieCSn5A$hamp21nTFtv6UbkLrcb8iqNrJhG2h8E/JNatANL47ZI"
"""Of 32 random bytes that were thrown away: what a password is held against where there is nobody, for the same time."""
_KEYS_LOCK = 6016521


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are good for."""

    access_token_s: int = 15 * 60
    refresh_token_s: int = 30 * 24 * 3600
    refresh_grace_s: int = 30
    """How long a used refresh token still answers with the same successor."""
    ticket_s: int = 30
    hashing_threads: int = max(1, min(4, os.cpu_count() or 1))


class _Key(msgspec.Struct, frozen=True):
    key_id: str
    secret: bytes


def _who(claims: Mapping[str, Any]) -> tuple[UUID, datetime, UUID | None]:
    """Person, end and login of a token. Raises `ValueError` or `AttributeError` for claims that we never wrote."""
    family = claims.get("fam")
    return UUID(claims["sub"]), datetime.fromtimestamp(claims["exp"], UTC), UUID(family) if family else None


def _sha256(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _to_text(token: bytes) -> str:
    return urlsafe_b64encode(token).rstrip(b"=").decode()


def _from_text(text: str) -> bytes:
    """The 32 bytes of a token. Raises `Unauthenticated` for what cannot be one."""
    try:
        token = urlsafe_b64decode(text.encode("ascii") + b"=")
    except ValueError:
        raise Unauthenticated from None
    if len(token) != 32 or _to_text(token) != text:
        raise Unauthenticated
    return token


class Auth:
    """Implements `api.services.Accounts` and `domain.principal.Auth`. `pool` must reach the primary."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        execute: Execute,
        deactivated: Deactivated,
        settings: AuthSettings | None = None,
    ) -> None:
        self._pool = pool
        self._execute = execute
        self._deactivated = deactivated
        self._settings = settings or AuthSettings()
        self._threads = ThreadPoolExecutor(self._settings.hashing_threads, thread_name_prefix="argon2")
        self.hashing = 0
        self.refused_hashings = 0
        self._keys: dict[str, _Key] = {}
        self._newest: _Key | None = None
        self._keys_read_at = float("-inf")
        self._keys_lock = asyncio.Lock()
        self._purged_at = float("-inf")

    async def start(self) -> None:
        """Make the first signing key where there is none, and read the keys."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(%s)", [_KEYS_LOCK])
            await connection.execute(
                "insert into signing_keys (key_id, secret) select %s, %s where not exists (select from signing_keys)",
                [uuid.uuid4().hex, secrets.token_bytes(32)],
            )
        await self._read_keys()

    def close(self) -> None:
        """End the hashing threads; what they do now is finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # Access tokens

    async def authenticate(self, token: str) -> Principal:
        """See `domain.principal.Auth`."""
        claims = await self._claims(token, ISSUER)
        principal = Principal(*_who(claims))
        await self._deactivated.complete()
        if self._deactivated.refuses(principal.user_id, claims.get("iat", 0)):
            raise Unauthenticated
        return principal

    def is_active(self, user_id: UUID) -> bool:
        """See `domain.principal.Auth`."""
        return user_id not in self._deactivated

    async def _check_active(self, user_id: UUID) -> None:
        await self._deactivated.complete()
        if user_id in self._deactivated:
            raise Unauthenticated

    async def _claims(self, token: str, issuer: str) -> dict[str, Any]:
        """What a token of ours says. Raises `TokenExpired` or `Unauthenticated`."""
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid")))
            claims: dict[str, Any] = jwt.decode(
                token, key.secret, [ALGORITHM], issuer=issuer, options={"require": ["exp", "sub", "iss"]}
            )
            _who(claims)
            return claims
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.InvalidTokenError, ValueError, AttributeError):
            raise Unauthenticated from None

    async def create_events_session(self, principal: Principal) -> str:
        """See `domain.principal.Auth`."""
        if principal.family_id is None:
            raise Unauthenticated("This needs the access token of a login.")
        return self._token(EVENTS_ISSUER, principal.user_id, principal.family_id, self._settings.refresh_token_s)

    async def redeem_events_session(self, session: str) -> Principal:
        """See `domain.principal.Auth`. A stream asks again when an access token would have ended."""
        claims = await self._claims(session, EVENTS_ISSUER)
        user_id, expires_at, family_id = _who(claims)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "select from refresh_families where family_id = %s and user_id = %s and revoked_at is null",
                [family_id, user_id],
            )
            if await cursor.fetchone() is None:
                raise Unauthenticated("The login was ended: log in again.")
        await self._check_active(user_id)
        until = datetime.now(UTC) + timedelta(seconds=self._settings.access_token_s)
        return Principal(user_id, min(expires_at, until), family_id)

    def _token(self, issuer: str, user_id: UUID, family_id: UUID, seconds: int) -> str:
        # The time with its fraction (RFC 7519 section 2): a login right after a reactivation is not from before it.
        now = time.time()
        claims = {"iss": issuer, "sub": str(user_id), "fam": str(family_id), "iat": now, "exp": int(now) + seconds}
        key = self._signing_key()
        return jwt.encode(claims, key.secret, ALGORITHM, {"kid": key.key_id})

    def _signing_key(self) -> _Key:
        assert self._newest is not None, "started"
        return self._newest

    async def _key(self, key_id: str) -> _Key:
        key = self._keys.get(key_id)
        if key is None and time.monotonic() - self._keys_read_at >= KEY_RELOAD_INTERVAL_S:
            async with self._keys_lock:
                if time.monotonic() - self._keys_read_at >= KEY_RELOAD_INTERVAL_S:
                    await self._read_keys()
            key = self._keys.get(key_id)
        if key is None:
            raise Unauthenticated
        return key

    async def _read_keys(self) -> None:
        self._keys_read_at = time.monotonic()
        async with self._pool.connection() as connection:
            cursor = await connection.execute("select key_id, secret from signing_keys order by made_at, key_id")
            keys = [_Key(key_id, bytes(secret)) for key_id, secret in await cursor.fetchall()]
        self._keys = {key.key_id: key for key in keys}
        self._newest = keys[-1]

    # People

    async def register(self, username: str, password: str, display_name: str, *, is_admin: bool = False) -> Session:
        """See `api.services.Accounts`.

        The credentials come first, so that nobody is registered who cannot log in. A crash between the two leaves a row
        for a user id that no name leads to: it can never be used. When the answer of the log is not known (`Unavailable`)
        the row stays, since the person may be registered.
        """
        command = RegisterUser(
            user_id=uuid_utils.compat.uuid7(),
            username=username,
            display_name=display_name,
            at=datetime.now(UTC),
            is_admin=is_admin,
        )
        command.check()
        check_password(password)
        return await self._enrol(command, await self._in_thread(HASHER.hash, password))

    async def _enrol(self, command: RegisterUser, password_hash: str) -> Session:
        async with self._pool.connection() as connection:
            await connection.execute(
                "insert into credentials (user_id, password_hash) values (%s, %s)", [command.user_id, password_hash]
            )
        try:
            outcome = await self._execute(command)
        except Unavailable:
            raise
        except Refusal:
            async with self._pool.connection() as connection:
                await connection.execute("delete from credentials where user_id = %s", [command.user_id])
            raise
        user: State | None = None
        for recorded in outcome.events:
            if recorded.stream_id == command.user_id:
                user = catalog.evolve(user, recorded.event)
        assert isinstance(user, UserState), "a registration has the user's event"
        async with self._pool.connection() as connection:
            family_id, refresh_token = await self._begin_family(connection, user.user_id)
        return self._session(user, family_id, refresh_token, outcome.position)

    async def login(self, username: str, password: str) -> Session:
        """See `api.services.Accounts`. The name is looked up in the log: a login right after the registration works anywhere.
        Who is deactivated has no right password, and is told so after the same time.
        """
        async with self._pool.connection() as connection:
            user_id = await self._find_user(connection, username)
            cursor = await connection.execute(
                "select password_hash from credentials where user_id = %s", [user_id or uuid.uuid4()]
            )
            row = await cursor.fetchone()
        is_right = await self._in_thread(self._verify, row[0] if row else NOBODYS_HASH, password)
        if user_id is None or row is None or not is_right:
            raise InvalidCredentials
        await self._strengthen(user_id, row[0], password)
        async with self._pool.connection() as connection:
            position, user = await self._user(connection, user_id)
            if not user.is_active:
                raise InvalidCredentials
            family_id, refresh_token = await self._begin_family(connection, user_id)
        return self._session(user, family_id, refresh_token, position)

    async def find_user(self, username: str) -> UUID | None:
        """Who has this user name, from the log."""
        async with self._pool.connection() as connection:
            return await self._find_user(connection, username)

    async def _find_user(self, connection: AsyncConnection[Any], username: str) -> UUID | None:
        claim_id = user_name_id(username)
        _, events = await log.read_streams(connection, [claim_id])
        claim: State | None = None
        for recorded in events:
            claim = catalog.evolve(claim, recorded.event)
        return claim.holder_id if isinstance(claim, NameState) else None

    async def _user(self, connection: AsyncConnection[Any], user_id: UUID) -> tuple[int, UserState]:
        head, events = await log.read_streams(connection, [user_id])
        user: State | None = None
        for recorded in events:
            user = catalog.evolve(user, recorded.event)
        if not isinstance(user, UserState):
            raise Unauthenticated
        return head, user

    async def check_password(self, user_id: UUID, password: str) -> None:
        """See `api.services.Accounts`."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute("select password_hash from credentials where user_id = %s", [user_id])
            row = await cursor.fetchone()
        if not await self._in_thread(self._verify, row[0] if row else NOBODYS_HASH, password):
            raise InvalidCredentials("The password is wrong.")

    async def set_password(self, user_id: UUID, password: str) -> None:
        """Give a person another password, and end all their logins. For the server's operator."""
        check_password(password)
        password_hash = await self._in_thread(HASHER.hash, password)
        async with self._pool.connection() as connection:
            await connection.execute(
                "insert into credentials (user_id, password_hash) values (%s, %s) on conflict (user_id)"
                " do update set password_hash = excluded.password_hash, changed_at = clock_timestamp()",
                [user_id, password_hash],
            )
        await self.end_logins(user_id)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return HASHER.verify(password_hash, password[: PASSWORD_MAX_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False

    async def _strengthen(self, user_id: UUID, password_hash: str, password: str) -> None:
        """Hash anew a password that was hashed with other parameters."""
        if not HASHER.check_needs_rehash(password_hash):
            return
        new_hash = await self._in_thread(HASHER.hash, password)
        async with self._pool.connection() as connection:
            await connection.execute(
                "update credentials set password_hash = %s where user_id = %s and password_hash = %s",
                [new_hash, user_id, password_hash],
            )

    async def _in_thread(self, function: Callable[..., T], *arguments: str) -> T:
        if self.hashing >= HASHING_WAITING_MAX:
            self.refused_hashings += 1
            raise Overloaded(retry_after_ms=2_000)
        self.hashing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self.hashing -= 1

    def _session(self, user: UserState, family_id: UUID, refresh_token: bytes, position: int) -> Session:
        return Session(
            user=user,
            access_token=self._token(ISSUER, user.user_id, family_id, self._settings.access_token_s),
            refresh_token=_to_text(refresh_token),
            expires_in=self._settings.access_token_s,
            position=position,
        )

    # Refresh tokens

    async def _begin_family(self, connection: AsyncConnection[Any], user_id: UUID) -> tuple[UUID, bytes]:
        token, family_id = secrets.token_bytes(32), uuid.uuid4()
        async with connection.transaction():
            await connection.execute(
                "insert into refresh_families (family_id, user_id) values (%s, %s)", [family_id, user_id]
            )
            await self._insert_token(connection, token, family_id, user_id)
        await self._purge_now_and_then(connection)
        return family_id, token

    async def _insert_token(
        self, connection: AsyncConnection[Any], token: bytes, family_id: UUID, user_id: UUID
    ) -> None:
        await connection.execute(
            "insert into refresh_tokens (token_hash, family_id, user_id, expires_at)"
            " values (%s, %s, %s, clock_timestamp() + %s)",
            [_sha256(token), family_id, user_id, timedelta(seconds=self._settings.refresh_token_s)],
        )

    async def refresh(self, refresh_token: str) -> Session:
        """See `api.services.Accounts`."""
        token = _from_text(refresh_token)
        async with self._pool.connection() as connection:
            # What ends a family must be committed, so the refusal is raised after the transaction.
            async with connection.transaction():
                answer = await self._exchange(connection, token)
            if isinstance(answer, Refusal):
                raise answer
            user_id, family_id, successor = answer
            position, user = await self._user(connection, user_id)
            if not user.is_active:
                raise Unauthenticated("The refresh token is not valid: log in again.")
            await self._purge_now_and_then(connection)
        return self._session(user, family_id, successor, position)

    async def _exchange(self, connection: AsyncConnection[Any], token: bytes) -> Refusal | tuple[UUID, UUID, bytes]:
        # By the primary key. The family is locked first, so that two uses of one token, and a logout, take turns.
        cursor = await connection.execute(
            "select f.family_id, f.user_id, f.revoked_at from refresh_families f"
            " where f.family_id = (select family_id from refresh_tokens where token_hash = %s) for update",
            [_sha256(token)],
        )
        family = await cursor.fetchone()
        if family is None:
            return Unauthenticated("The refresh token is not valid: log in again.")
        family_id, user_id, revoked_at = family
        cursor = await connection.execute(
            "select expires_at < clock_timestamp(), used_at, used_at < clock_timestamp() - %s, successor_key_id"
            " from refresh_tokens where token_hash = %s",
            [timedelta(seconds=self._settings.refresh_grace_s), _sha256(token)],
        )
        row = await cursor.fetchone()
        if row is None or revoked_at is not None:
            return Unauthenticated("The refresh token is not valid: log in again.")
        is_expired, used_at, is_reused, key_id = row
        if is_reused:
            await self._revoke(connection, family_id)
            return Unauthenticated("The refresh token was used before: log in again.")
        if is_expired:
            return TokenExpired("The refresh token has expired: log in again.")
        if used_at is not None:
            return user_id, family_id, self._successor(token, await self._key(key_id))
        key = self._signing_key()
        successor = self._successor(token, key)
        await connection.execute(
            "update refresh_tokens set used_at = clock_timestamp(), successor_key_id = %s where token_hash = %s",
            [key.key_id, _sha256(token)],
        )
        await self._insert_token(connection, successor, family_id, user_id)
        return user_id, family_id, successor

    def _successor(self, token: bytes, key: _Key) -> bytes:
        return hmac.digest(key.secret, b"refresh token successor\0" + token, "sha256")

    async def _revoke(self, connection: AsyncConnection[Any], family_id: UUID) -> None:
        await connection.execute(
            "update refresh_families set revoked_at = clock_timestamp() where family_id = %s and revoked_at is null",
            [family_id],
        )

    async def logout(self, refresh_token: str) -> None:
        """See `api.services.Accounts`."""
        try:
            token = _from_text(refresh_token)
        except Unauthenticated:
            return
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "select family_id from refresh_tokens where token_hash = %s", [_sha256(token)]
            )
            row = await cursor.fetchone()
            if row is not None:
                await self._revoke(connection, row[0])

    async def end_logins(self, user_id: UUID, begun_before: datetime | None = None) -> None:
        """See `api.services.Accounts`."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(
                "update refresh_families set revoked_at = clock_timestamp() where user_id = %s and revoked_at is null"
                " and made_at <= coalesce(%s, 'infinity'::timestamptz)",
                [user_id, begun_before],
            )
            await connection.execute("delete from ws_tickets where user_id = %s", [user_id])

    # Tickets

    async def create_ticket(self, principal: Principal) -> str:
        """See `api.services.Accounts`."""
        ticket = secrets.token_bytes(32)
        async with self._pool.connection() as connection:
            await connection.execute(
                "insert into ws_tickets (ticket_hash, user_id, token_expires_at, expires_at)"
                " values (%s, %s, %s, clock_timestamp() + %s)",
                [_sha256(ticket), principal.user_id, principal.expires_at, timedelta(seconds=self._settings.ticket_s)],
            )
            await self._purge_now_and_then(connection)
        return _to_text(ticket)

    async def redeem_ticket(self, ticket: str) -> Principal:
        """See `domain.principal.Auth`."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "delete from ws_tickets where ticket_hash = %s"
                " returning user_id, token_expires_at, expires_at > clock_timestamp()",
                [_sha256(_from_text(ticket))],
            )
            row = await cursor.fetchone()
        if row is None or not row[2]:
            raise Unauthenticated("The ticket is not valid, was used, or is older than it may be.")
        await self._check_active(row[0])
        return Principal(row[0], row[1])

    # What is over

    async def _purge_now_and_then(self, connection: AsyncConnection[Any]) -> None:
        if time.monotonic() - self._purged_at >= PURGE_INTERVAL_S:
            self._purged_at = time.monotonic()
            await self.purge(connection)

    async def purge(self, connection: AsyncConnection[Any]) -> None:
        """Delete what has expired. An expired token of a living family says `token_expired` for a day more."""
        await connection.execute("delete from ws_tickets where expires_at < clock_timestamp()")
        # By the index of expiry. The tokens that go are still seen by the second delete, hence its own look at the time.
        await connection.execute(
            "with gone as (delete from refresh_tokens where token_hash in (select token_hash from refresh_tokens"
            "  where expires_at < clock_timestamp() - interval '1 day' order by expires_at limit %s) returning family_id)"
            " delete from refresh_families f using gone where f.family_id = gone.family_id and not exists ("
            "  select from refresh_tokens t where t.family_id = f.family_id"
            "  and t.expires_at >= clock_timestamp() - interval '1 day')",
            [PURGE_TOKENS_MAX],
        )
