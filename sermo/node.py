"""The parts of one running node, put together in one place: the only composition root. No part finds another by itself."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection

from api.limits import RateLimits
from api.services import Readiness, SearchService
from api.services import Services as ApiServices
from domain.decider import Command, Recorded, Skipped
from domain.membership import LeaveChannel, RemoveMember, SetMember
from projections import memberships
from projections.group import CORE, NotBuilt, ensure_views
from projections.runner import GroupRunner
from projections.search import Search, languages, search_group
from sermo import log
from sermo.appender import Appender
from sermo.auth import Auth, AuthSettings
from sermo.collector import Collector
from sermo.deactivated import Deactivated
from sermo.execute import Executor
from sermo.files import FOLDER, Files
from sermo.metrics import Metrics
from sermo.migrate import migrate
from sermo.pool import ReadPool
from sermo.reader import SocketReader
from sermo.settings import Settings, SettingsError
from sermo.signals import SignalBus
from sermo.tail import POLL_INTERVAL_S, Tail
from sermo.uploads import Uploads
from ws.codes import CloseCode
from ws.events import Events
from ws.follower import Services as SocketServices
from ws.hub import Hub
from ws.limits import Limits
from ws.registry import Registry
from ws.route import Endpoint
from ws.signals import Signals

logger = structlog.get_logger()

READY_LAG_S = 5.0
READY_ANSWER_S = 2.0
SEARCH_GATHER_S = 0.2
"""How far the search may be behind when nobody waits for it: the larger a batch, the less its index costs."""
OWNERS_WAIT_S = 1.0
"""For the views, before they are asked who owns a channel."""
LEAVE_S = 1.0
"""A node that stops tells the others so, if it can within that time; else they find out."""
PARTLY_FEEDS_MAX = 256
"""A node whose sockets follow more feeds reads all of the log: naming them in each read costs more than it saves."""


class Node:
    """A node on one database. Made by `running_node`; its tasks run until that ends."""

    def __init__(self, dsn: str, settings: Settings, limits: Limits) -> None:
        self.dsn = dsn
        self.settings = settings
        self.pool = ReadPool(dsn)
        self.tail = Tail(self.connect, lossless_failover=settings.lossless_failover)
        self.appender = Appender(self.connect, self.tail)
        self.execute = Executor(self.appender, self.tail, self.pool, self._find_witnesses)
        self.views = GroupRunner(self.connect, self.read_log, self._wait_for_log)
        self.search_group = search_group(settings.search_language)
        self.search = SearchService(
            Search(settings.search_language),
            GroupRunner(
                self.connect, self.read_log, self._wait_for_log, group=self.search_group, gather_s=SEARCH_GATHER_S
            ),
        )
        self.deactivated = Deactivated(self._read_deactivations, self._shut_out)
        self.auth = Auth(
            self.pool, self.execute, self.deactivated, AuthSettings(access_token_s=settings.access_token_ttl_s)
        )
        self.files = Files(settings.data_dir / FOLDER)
        self.uploads = Uploads(
            self.files.temporary,
            self.files,
            self.connect,
            max_bytes=settings.attachment_max_bytes,
            types=settings.attachment_types,
        )
        self.collector = Collector(self.connect, self.pool, self.views, self.execute, self.files)
        self.hub = Hub()
        self.tail.listen(self.hub.publish)
        self.tail.wants = self._wanted_feeds
        reader = SocketReader(self.pool, self.views.wait_for)
        self.signals = Signals(uuid.uuid4(), log=self.tail, reader=reader, limits=limits)
        self.tail.listen(self.signals.publish)
        self.tail.on_reset(self.signals.reset)
        self.bus = SignalBus(self.connect)
        services = SocketServices(
            execute=self.execute,
            log=self.tail,
            reader=reader,
            auth=self.auth,
            hub=self.hub,
            signals=self.signals,
            limits=limits,
        )
        self.tail.listen(services.held_marks.publish)
        self.registry = Registry(limits)
        self.sockets = Endpoint(services, self.registry, settings.allowed_origins)
        self.events = Events(services, self.registry)
        self.rate_limits = RateLimits()
        self.http_refusals: Counter[str] = Counter()
        """Connections that were ended before a request had come whole, by status."""
        self.metrics = Metrics(self)
        # After the hub, so that who is shut out hears of it first.
        self.tail.listen(self.deactivated.publish)
        self.tail.on_reset(self.deactivated.reset)
        self.tail.on_reset(self.hub.forget)
        self.tail.on_reset(lambda: self.sockets.close_all("the log's history changed"))
        self._views_behind_since: float | None = None
        self._views_have_caught_up = False

    async def connect(self) -> AsyncConnection[Any]:
        """A connection of its own for a part that keeps one."""
        return await log.connect(self.dsn)

    async def read_log(self, after: int, limit: int) -> Sequence[Recorded]:
        """The events after a position: from memory where that reaches back so far, else from the database."""
        recent = self.tail.recent(after)
        if recent is not None and not any(isinstance(recorded.event, Skipped) for recorded in recent[:limit]):
            return recent[:limit]
        async with self.pool.connection() as connection:
            return await log.read(connection, after, limit)

    def _wanted_feeds(self) -> Sequence[UUID] | None:
        """What this node needs of the log: all of it, while its runners make views."""
        is_owner = self.views.is_owner or self.search.runner.is_owner
        return None if is_owner else self.hub.feeds(PARTLY_FEEDS_MAX)

    async def _wait_for_log(self, after: int) -> None:
        await self.tail.wait_beyond(after, POLL_INTERVAL_S)

    async def _read_deactivations(self) -> Sequence[Recorded]:
        async with self.pool.connection() as connection:
            return await log.deactivations(connection)

    def _shut_out(self, user_id: UUID) -> None:
        self.registry.close_user(user_id, CloseCode.UNAUTHENTICATED, "the account was deactivated")

    async def _find_witnesses(self, command: Command, deadline: float) -> Sequence[UUID]:
        """Who may stay in the place of one who goes: the owners of a channel, or the server's admins."""
        if isinstance(command, LeaveChannel | RemoveMember | SetMember):
            return await self._find_owners(command.channel_id, deadline)
        async with self.pool.connection(deadline - time.monotonic()) as connection:
            return await log.admins(connection)

    async def _find_owners(self, channel_id: UUID, deadline: float) -> Sequence[UUID]:
        await self.views.wait_for(self.tail.position, min(OWNERS_WAIT_S, deadline - time.monotonic()))
        async with self.pool.connection(deadline - time.monotonic()) as connection:
            return await memberships.owners(connection, channel_id)

    async def mark_bounds(self, channel_id: UUID, user_id: UUID) -> tuple[int, int]:
        """The last seq of a channel's feed, and the seq of the person's last join."""
        async with self.pool.connection() as connection:
            return await log.mark_bounds(connection, channel_id, user_id)

    async def message_channel(self, message_id: UUID) -> UUID | None:
        """The channel of a message; None where there is no such message."""
        async with self.pool.connection() as connection:
            return await log.message_channel(connection, message_id)

    async def ready(self) -> Readiness:
        """Whether this node should get traffic: the database answers, and the views have caught up and are not far behind.

        Views that stand still, since the group has moved on to those of another program, are behind at any position.
        Takes 3 s at most.
        """
        now = time.monotonic()
        caught_up = await self._views_catch_up(0.0)
        if caught_up:
            self._views_behind_since = None
        elif self._views_behind_since is None:
            self._views_behind_since = now
        lag_s = now - self._views_behind_since if self._views_behind_since is not None else 0.0
        # Only looking tells how long the views have been behind; a first look gives them a moment.
        if not caught_up and lag_s == 0.0:
            caught_up = await self._views_catch_up(1.0)
        self._views_have_caught_up |= caught_up
        try:
            async with self.pool.connection(READY_ANSWER_S) as connection:
                await connection.execute("select 1")
            database = True
        except psycopg.Error:
            database = False
        return Readiness(
            ready=database and self._views_have_caught_up and lag_s <= READY_LAG_S,
            database=database,
            views_lag_s=round(lag_s, 3),
            position=self.tail.position,
            parked=self.views.parked,
            search_lag_events=max(0, self.tail.position - self.search.runner.position),
        )

    async def _views_catch_up(self, timeout_s: float) -> bool:
        return await self.views.wait_for(self.tail.position, timeout_s) and self.views.serves

    def api_services(self) -> ApiServices:
        """What the HTTP side is given."""
        return ApiServices(
            execute=self.execute,
            pool=self.pool,
            views=self.views,
            search=self.search,
            mark_bounds=self.mark_bounds,
            message_channel=self.message_channel,
            epoch=lambda: self.tail.epoch,
            auth=self.auth,
            judge=self.execute.judge,
            limits=self.rate_limits,
            uploads=self.uploads,
            blobs=self.files,
            ready=self.ready,
            metrics=self.metrics.render,
            numbers=self.metrics.numbers,
        )


async def check_language(connection: AsyncConnection[Any], name: str) -> None:
    """Raise `SettingsError` unless the database has this text search configuration."""
    known = await languages(connection)
    if name not in known:
        raise SettingsError(f"SERMO_SEARCH_LANGUAGE: the database has no {name!r}, but {', '.join(known)}.")


async def _guard(name: str, task: Any) -> None:
    """Say so when a part that never ends has ended."""
    try:
        await task
    except asyncio.CancelledError:
        raise
    except BaseException:
        logger.exception("node.part_failed", part=name)
        raise
    raise RuntimeError(f"{name} ended by itself")


@asynccontextmanager
async def running_node(dsn: str, settings: Settings, limits: Limits | None = None) -> AsyncIterator[Node]:
    """Migrate, start every part, and stop them in order at the end: what was accepted is appended first."""
    await asyncio.to_thread(migrate, dsn)
    node = Node(dsn, settings, limits or Limits())
    async with node.pool:
        await node.pool.wait(10.0)
        async with node.pool.connection() as connection:
            await check_language(connection, settings.search_language)
            await log.check_settings(connection, allow_unsafe=settings.allow_unsafe_postgres)
            # Before the first request reads them. What has to be built first is the runner's to tell.
            for views, runner in ((CORE, node.views), (node.search_group, node.search.runner)):
                with suppress(NotBuilt):
                    await ensure_views(connection, views)
                    runner.serves = True
        await node.tail.start()
        await node.deactivated.complete()
        parts = {
            "tail": node.tail.run(),
            "appender": node.appender.run(),
            "views": node.views.run(),
            "search": node.search.runner.run(),
            "collector": node.collector.run(),
            "sockets": node.sockets.run(),
            "signals": node.signals.run(),
            "bus": node.bus.run(say=node.signals.say, hear=node.signals.hear, joined=node.signals.joined),
        }
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_guard(name, part), name=name) for name, part in parts.items()]
            try:
                await node.auth.start()
                yield node
                async with asyncio.timeout(10.0):
                    await node.appender.drain()
                node.signals.leave()
                await node.bus.round(LEAVE_S)
            finally:
                node.auth.close()
                for task in tasks:
                    task.cancel()
