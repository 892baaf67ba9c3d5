"""Serve one node over HTTP and WebSocket on one port, until told to stop; and keep the embedded PostgreSQL alive."""

import asyncio
import contextlib
import functools
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
import uvicorn
from litestar import Litestar

from api import create_app
from api.requests import TAKES_EVENTS_SESSION
from projections.group import CORE
from projections.rebuild import build_missing
from projections.search import search_group
from sermo import log, runfile
from sermo.embedded import Embedded
from sermo.http import Config, HttpLimits, HttpProtocol, Sweeper
from sermo.migrate import migrate
from sermo.node import Node, check_language, running_node
from sermo.settings import Settings
from ws import asyncapi
from ws.limits import Limits
from ws.transport import SermoWebSocketProtocol

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

logger = structlog.get_logger()

GRACEFUL_SHUTDOWN_S = 10
WATCH_INTERVAL_S = 0.2
KERNEL_UNSENT_BYTES = 262_144
"""Of one connection, beside what is on its way."""
TELL_INTERVAL_S = 5.0
FILES_RESERVED = 128
"""For the database, logs and attachments."""
FILES_WITHOUT_LIMIT = 1_048_576


class Server(uvicorn.Server):
    """uvicorn without its signal handling: ours ends the node in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening address. Raises `OSError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Accepted connections inherit it. Without, the kernel takes megabytes for a client that does not read.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_UNSENT_BYTES)
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener


def raise_file_limit() -> int:
    """Let this process have as many open files as it may; how many that is."""
    if resource is None:
        return FILES_WITHOUT_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WITHOUT_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a limit besides
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def connection_limits(max_connections: int, files: int) -> tuple[Limits, HttpLimits]:
    """How many sockets a node takes, and how many connections of any kind, with so many open files."""
    most = max(16, files - FILES_RESERVED)
    sockets = min(max_connections, most * 9 // 10)
    return Limits(connections_max=sockets), HttpLimits(sockets_max=min(most, sockets + sockets // 10 + 1_000))


def application(node: Node) -> Litestar:
    """A node's API and sockets, for any ASGI server."""
    return create_app(
        node.api_services(),
        asyncapi.describe,
        extra_route_handlers=[node.sockets.route()],
        private_route_handlers=[node.events.route(**{TAKES_EVENTS_SESSION: True})],
    )


@asynccontextmanager
async def serving(node: Node, listener: socket.socket, limits: HttpLimits | None = None) -> AsyncIterator[str]:
    """Take requests on a bound socket; yields the URL once it does."""
    limits = limits or HttpLimits()
    config = Config(
        application(node),
        limits,
        node.http_refusals,
        loop="none",
        http=HttpProtocol,
        ws=SermoWebSocketProtocol,
        ws_max_size=node.sockets.limits.frame_max_bytes,
        ws_ping_interval=None,  # the node's ticker pings
        ws_per_message_deflate=node.settings.compression,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        backlog=4096,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    sweeping = asyncio.create_task(Sweeper(server, limits).run())
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the HTTP server did not start")
            await asyncio.sleep(0.005)
        host, port = listener.getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        node.sockets.close_all("the server restarts")
        server.should_exit = True
        await task
        sweeping.cancel()
        await asyncio.wait((sweeping,))


async def _watch(embedded: Embedded, thread: ThreadPoolExecutor) -> None:
    """Start PostgreSQL again when it died. The one thread stays: its end would end the server that it started."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(WATCH_INTERVAL_S)
        if not embedded.is_running:
            logger.critical("postgres.died", log=str(embedded.log))
            try:
                await loop.run_in_executor(thread, embedded.start)
                logger.warning("postgres.restarted")
            except Exception as error:  # whatever it was, the next try may do
                logger.critical("postgres.restart_failed", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1.0)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Run until SIGTERM or SIGINT."""
    limits, http_limits = connection_limits(settings.max_connections, raise_file_limit())
    listener = bind(host, port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            dsn = await _start_embedded(settings, stack)
            await _build_views(dsn, settings)
        else:
            stack.enter_context(runfile.announced(settings.data_dir, dsn))
        node = await stack.enter_async_context(running_node(dsn, settings, limits))
        url = await stack.enter_async_context(serving(node, listener, http_limits))
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        await stopping.wait()
        logger.info("server.stopping")


async def _build_views(dsn: str, settings: Settings) -> None:
    """Build what an upgrade has changed, before anybody is served: of an embedded database this is the only node."""
    await asyncio.to_thread(migrate, dsn)
    told_at = -TELL_INTERVAL_S

    def tell(group: str, done: int, total: int) -> None:
        nonlocal told_at
        if done >= total or time.monotonic() - told_at >= TELL_INTERVAL_S:
            told_at = time.monotonic()
            logger.info("views.building", group=group, events=done, of=total)

    async with await log.connect(dsn) as reading:
        await check_language(reading, settings.search_language)
        await build_missing(
            functools.partial(log.connect, dsn),
            functools.partial(log.read, reading),
            (CORE, search_group(settings.search_language)),
            tell,
        )


async def _start_embedded(settings: Settings, stack: contextlib.AsyncExitStack) -> str:
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="postgres")
    stack.callback(thread.shutdown)
    embedded = Embedded(settings.data_dir)
    dsn = await loop.run_in_executor(thread, embedded.start)
    stack.callback(embedded.stop)
    watcher = asyncio.create_task(_watch(embedded, thread))

    async def stop_watching() -> None:
        watcher.cancel()
        await asyncio.wait((watcher,))

    stack.push_async_callback(stop_watching)
    return dsn
