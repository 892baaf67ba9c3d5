"""Makes the pictures in docs/screenshots anew: `.venv/bin/python -m pytest tests/web/screenshots.py`.

By its name it is not collected with the tests. Look at what it made before it is committed.
"""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Server
from tests.support.line import line_to
from tests.support.seat import OUTAGE, Seat
from tests.support.wait import await_until
from tests.web.allotment import Allotment, found
from tests.web.states import STATES, sit_down
from tests.web.test_phone import PHONE

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MAX_BYTES = 300_000
_CALM = """() => document.getAnimations().every(
  (one) => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"""
BY_NAME = {state.name: state for state in STATES}


@pytest.fixture
async def there(server: Server) -> Allotment:
    """The community that is shown."""
    return await found(server)


@pytest.mark.parametrize(
    ("name", "state", "scheme"),
    [
        ("channel", "channel", "light"),
        ("thread-light", "thread", "light"),
        ("thread-dark", "thread", "dark"),
        ("search", "search", "light"),
        ("emoji", "emoji", "light"),
    ],
)
async def test_desk(there: Allotment, sit: Sit, name: str, state: str, scheme: str) -> None:
    """States at a desk."""
    seat = await sit(color_scheme=scheme)
    await sit_down(seat, there)
    await BY_NAME[state].go(seat, there)
    await _picture(seat, name)


async def test_phone(there: Allotment, sit: Sit) -> None:
    """The list, and a channel, on a phone."""
    seat = await sit(**PHONE, device_scale_factor=1.5, color_scheme="dark")
    await sit_down(seat, there)
    await expect(seat.badge(str(there.channels["tools"]))).to_be_visible()
    await _picture(seat, "phone-list")
    await BY_NAME["channel"].go(seat, there)
    await _picture(seat, "phone-channel")


async def test_outage(there: Allotment, sit: Sit) -> None:
    """Cut off, with messages that wait."""
    seat = await sit(color_scheme="light")
    async with line_to(there.url) as line:
        there.url = line.url
        await sit_down(seat, there)
        await BY_NAME["channel"].go(seat, there)
        seat.expect(OUTAGE)
        line.cut()
        await expect(seat.connection).to_contain_text("Reconnecting in")
        await seat.write("I am in the cellar, counting jars: no signal here.")
        await seat.write("42, by the way.")
        await _picture(seat, "offline")


async def test_operate(there: Allotment, sit: Sit) -> None:
    """The operators' page, after some traffic."""
    talker, operator = await sit(), await sit(color_scheme="dark")
    await talker.sign_in(there.url, "priya")
    await talker.open(str(there.channels["watering"]))
    await sit_down(operator, there)
    await BY_NAME["operate"].go(operator, there)
    for number in range(60):
        await talker.write(f"can {number + 1} of 60")
        await talker.page.wait_for_timeout(100 + number * 37 % 900)
    await _picture(operator, "operate-dark")


async def _picture(seat: Seat, name: str) -> None:
    await seat.page.evaluate("() => document.fonts.ready")
    await seat.page.mouse.move(0, 0)
    await await_until(lambda: _is_calm(seat), 10, what="nothing moves any more")
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    await seat.page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.stat().st_size < MAX_BYTES


async def _is_calm(seat: Seat) -> bool:
    return bool(await seat.page.evaluate(_CALM))
