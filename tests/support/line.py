"""The line between a browser and a server: it can be cut, and mended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from tests.fixtures.proxy import Proxy, running_proxy


class Line:
    """`url` is the server as it is reached by this line."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self.url = f"http://127.0.0.1:{conninfo_to_dict(proxy.dsn)['port']}"

    def cut(self) -> None:
        """Break what is connected, and let nothing through from now on."""
        self._proxy.refusing = True
        self._proxy.cut()

    def mend(self) -> None:
        """Let everything through again."""
        self._proxy.resume()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to this server for the time of the block. The proxy was made for PostgreSQL, hence the conninfo."""
    address = urlsplit(url)
    async with running_proxy(f"host={address.hostname} port={address.port}") as proxy:
        yield Line(proxy)
