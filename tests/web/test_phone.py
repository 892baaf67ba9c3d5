"""On a phone of 360 px: one thing at a time, nothing beside the screen, and all of it within reach."""

from playwright.async_api import expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Server
from tests.support.seat import Seat
from tests.web.allotment import found
from tests.web.states import STATES, sit_down

PHONE = {"viewport": {"width": 360, "height": 720}, "has_touch": True, "is_mobile": True}
ON_A_PHONE = [state for state in STATES if state.name not in ("switcher", "emoji", "create", "operate")]
"""All but those that are reached with a keyboard, a mouse, or through the list."""
_BESIDE = """() => [...document.querySelectorAll('button, a, input, select, textarea, h1, h2, article, p')].filter((element) => {
  const box = element.getBoundingClientRect();
  if (box.width === 0 || box.height === 0 || !element.checkVisibility({visibilityProperty: true})) return false;
  for (let around = element.parentElement; around !== null; around = around.parentElement) {
    if (['auto', 'scroll'].includes(getComputedStyle(around).overflowX) && around.scrollWidth > around.clientWidth + 1
        && around.matches('pre, .table-scroll')) return false;
  }
  return box.left < -0.5 || box.right > 360.5;
}).map((element) => element.outerHTML.slice(0, 120))"""
_WIDTH = "() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"


async def test_nothing_lies_beside_the_screen(server: Server, sit: Sit) -> None:
    """No state scrolls sideways, and no control is out of reach."""
    seat = await sit(**PHONE)
    there = await found(server)
    await seat.page.goto(server.url)
    await expect(seat.page.get_by_role("heading", name="Sign in to Sermo")).to_be_visible()
    await _fits(seat, "sign-in")
    await sit_down(seat, there)
    await _fits(seat, "list")
    for state in ON_A_PHONE:
        await state.go(seat, there)
        await _fits(seat, state.name)


async def test_one_goes_in_and_out_by_touch(server: Server, sit: Sit) -> None:
    """From the list into a channel, a thread, and back out."""
    seat = await sit(**PHONE)
    there = await found(server)
    await sit_down(seat, there)
    await seat.channel(str(there.channels["allotment"])).tap()
    await expect(seat.message("I am there anyway")).to_be_visible()
    await expect(seat.sidebar).to_be_hidden()
    await seat.timeline.evaluate("(list) => list.scrollTo(0, 0)")
    await seat.message("I can fill it").get_by_role("link", name="3 replies").tap()
    thread = seat.page.get_by_role("complementary", name="Thread")
    await expect(thread).to_contain_text("hold the other end")
    await expect(seat.timeline).to_be_hidden()
    await thread.get_by_role("button", name="Back").tap()
    await expect(seat.timeline).to_be_visible()
    await seat.composer.fill("from my phone")
    await seat.page.get_by_role("button", name="Send").tap()
    await expect(seat.message("from my phone")).to_be_visible()
    await seat.page.get_by_role("link", name="Back to the channels").tap()
    await expect(seat.sidebar).to_be_visible()


async def _fits(seat: Seat, name: str) -> None:
    assert await seat.page.evaluate(_BESIDE) == [], name
    assert await seat.page.evaluate(_WIDTH) <= 360, name
