"""Serve one node over HTTP and WebSocket on one port, until told to stop; and keep the embedded PostgreSQL alive."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
import uvicorn

from api import create_app
from api.requests import TAKES_EVENTS_SESSION
from sermo import runfile
from sermo.embedded import Embedded
from sermo.node import Node, running_node
from sermo.settings import Settings
from ws import asyncapi
from ws.limits import Limits
from ws.transport import SermoWebSocketProtocol

logger = structlog.get_logger()

GRACEFUL_SHUTDOWN_S = 10
PING_INTERVAL_S = 20.0
WATCH_INTERVAL_S = 0.2


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
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener


@asynccontextmanager
async def serving(node: Node, listener: socket.socket) -> AsyncIterator[str]:
    """Take requests on a bound socket; yields the URL once it does."""
    app = create_app(
        node.api_services(),
        asyncapi.describe,
        extra_route_handlers=[node.sockets.route()],
        private_route_handlers=[node.events.route(**{TAKES_EVENTS_SESSION: True})],
    )
    config = uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws=SermoWebSocketProtocol,
        ws_max_size=Limits().frame_max_bytes,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=2 * PING_INTERVAL_S,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        backlog=4096,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
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
    listener = bind(host, port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            dsn = await _start_embedded(settings, stack)
        else:
            stack.enter_context(runfile.announced(settings.data_dir, dsn))
        node = await stack.enter_async_context(running_node(dsn, settings))
        url = await stack.enter_async_context(serving(node, listener))
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        await stopping.wait()
        logger.info("server.stopping")


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
