"""A node in a process of its own with limits of the test's choice: `python -m tests.support.node_process DSN LIMITS`."""

import asyncio
import signal
import sys

import msgspec

from sermo.node import running_node
from sermo.serve import bind, serving
from sermo.settings import Settings
from tests.support.servers import ServerProcess
from ws.limits import Limits


def node_process(dsn: str, limits: Limits) -> ServerProcess:
    """Such a process, not started yet."""
    arguments = (dsn, msgspec.json.encode(limits).decode())
    return ServerProcess(*arguments, module=("tests.support.node_process",))


async def main(dsn: str, limits: Limits) -> None:
    """Serve until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    settings = Settings(database_url=dsn, allow_unsafe_postgres=True)
    async with running_node(dsn, settings, limits) as node, serving(node, bind("127.0.0.1", 0)) as url:
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], msgspec.json.decode(sys.argv[2], type=Limits)))
