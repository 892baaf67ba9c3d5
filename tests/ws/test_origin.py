"""Which pages may connect from a browser: the server's own, and those that are listed."""

import json

import pytest
from websockets.asyncio.client import connect

from sermo.settings import SettingsError, from_environment
from tests.support.people import register
from tests.ws.conftest import StartNode
from ws.limits import Limits
from ws.origin import is_allowed, normal


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, "chat.example.com", True),
        (None, None, True),
        ("https://chat.example.com", "chat.example.com", True),
        ("https://CHAT.example.com", "chat.Example.com", True),
        ("https://chat.example.com", "chat.example.com:443", True),
        ("http://localhost:8000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("http://localhost:3000", "localhost:8000", False),
        ("https://chat.example.com", "chat.example.com:8443", False),
        ("https://chat.example.com.evil.example", "chat.example.com", False),
        ("https://evil.example", "chat.example.com", False),
        ("https://chat.example.com", None, False),
        ("null", "null", False),
        ("", "chat.example.com", False),
        ("https://chat.example.com:port", "chat.example.com", False),
        ("https://[chat.example.com", "chat.example.com", False),
    ],
)
def test_a_page_is_allowed_on_its_own_host(origin: str | None, host: str | None, expected: bool) -> None:
    """Host and port are compared, with the scheme's own port where there is none; what is no browser sends no origin."""
    assert is_allowed(origin, host, ()) is expected
    assert is_allowed(origin, host, ("*",))


def test_a_listed_origin_is_allowed_as_it_is_written() -> None:
    """Scheme, host and port, in any case; nothing that only begins alike."""
    listed = {normal("HTTPS://Pages.example.com:443"), normal("http://other.example:3000")}
    assert listed == {"https://pages.example.com", "http://other.example:3000"}
    assert is_allowed("https://pages.example.com", "chat.example.com", listed)
    assert is_allowed("http://other.example:3000", "chat.example.com", listed)
    for origin in (
        "http://pages.example.com",
        "https://pages.example.com:444",
        "https://pages.example.com.evil.example",
    ):
        assert not is_allowed(origin, "chat.example.com", listed)


@pytest.mark.parametrize(
    "text", ["chat.example.com", "https://chat.example.com/", "https://a@b", "https://", "*.example.com"]
)
def test_a_setting_that_is_no_origin_is_refused(text: str) -> None:
    """Rather than never matching."""
    with pytest.raises(SettingsError, match="SERMO_ALLOWED_ORIGINS"):
        from_environment({"SERMO_ALLOWED_ORIGINS": f"https://good.example, {text}"})


async def test_a_foreign_page_is_closed_with_4002_before_anything_is_read(node_with: StartNode) -> None:
    """It is told why; the server's own pages and listed ones connect."""
    async with node_with(Limits(), allowed_origins=frozenset({"https://pages.example.com"})) as (url, node):
        ann = await register(url, "ann")
        where = url.replace("http", "ws", 1) + "/ws"
        hello = json.dumps({"type": "connect", "data": {"token": ann.token}})
        async with connect(where, additional_headers={"Origin": "https://evil.example"}) as ws:
            await ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (4002, "pages of this origin are not allowed")
        for origin in (url, "https://pages.example.com"):
            async with connect(where, additional_headers={"Origin": origin}) as ws:
                await ws.send(hello)
                assert json.loads(await ws.recv())["type"] == "connected"
        assert node.hub.connections <= 2
