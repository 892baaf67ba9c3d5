"""Nobody is shut out: no serious fault in any main state, light and dark, and all of the main path by keyboard alone."""

from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Server
from tests.support.seat import PASSWORD, Seat
from tests.web.allotment import found
from tests.web.axe import COLOURS, STANDARDS, faults
from tests.web.states import STATES, sit_down

TABS_MAX = 60


@pytest.mark.parametrize(("scheme", "rules"), [("light", STANDARDS), ("dark", COLOURS)])
async def test_no_main_state_has_a_serious_fault(server: Server, sit: Sit, scheme: str, rules: dict[str, Any]) -> None:
    """By axe-core: roles, names, labels, sizes, contrast; the contrast also in the other theme."""
    seat = await sit(color_scheme=scheme, reduced_motion="reduce")
    there = await found(server)
    await seat.page.goto(server.url)
    await expect(seat.page.get_by_role("heading", name="Sign in to Sermo")).to_be_visible()
    found_in = dict.fromkeys(await faults(seat.page, rules), "sign-in")
    await sit_down(seat, there)
    for state in STATES:
        await state.go(seat, there)
        found_in = dict.fromkeys(await faults(seat.page, rules), state.name) | found_in
        for _ in range(2):  # the first one may only empty a field
            await seat.page.keyboard.press("Escape")
    assert not found_in, "\n".join(f"{name}: {line}" for line, name in found_in.items())


async def test_the_main_path_needs_no_mouse(server: Server, sit: Sit) -> None:
    """Sign up, make a channel, write, react, answer in a thread, close it, go elsewhere by name and come back: with keys only."""
    seat = await sit()
    await seat.page.goto(server.url)
    keys = seat.page.keyboard
    await _tab_to(seat, seat.page.get_by_role("button", name="Create an account"))
    await keys.press("Enter")
    await expect(seat.page.get_by_role("button", name="Create account")).to_be_visible()
    await _tab_to(seat, seat.page.get_by_label("User name"), backwards=True)
    await keys.type("kim")
    await _tab_to(seat, seat.page.get_by_label("Password"))
    await keys.type(PASSWORD)
    await keys.press("Enter")
    await expect(seat.sidebar).to_be_visible()

    for name in ("first", "second"):
        await _tab_to(seat, seat.page.get_by_role("button", name="Create a channel"))
        await keys.press("Enter")
        await expect(seat.page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
        await keys.type(name)
        await keys.press("Enter")
        await expect(seat.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    await expect(seat.composer).to_be_focused()
    await keys.type("by keys")
    await keys.press("Enter")
    await expect(seat.message("by keys")).to_be_visible()
    await seat.sees(["by keys"])

    await _tab_to(seat, seat.timeline, backwards=True)
    await keys.press("ArrowUp")
    await expect(seat.message("by keys")).to_be_focused()
    await _tab_to(seat, seat.message("by keys").get_by_role("button", name="React with").first)
    await keys.press("Enter")
    await expect(seat.message("by keys").get_by_role("button", name=", 1")).to_be_visible()
    await _tab_to(seat, seat.message("by keys").get_by_role("button", name="Reply in a thread"))
    await keys.press("Enter")
    reply = seat.page.get_by_role("textbox", name="Reply")
    await expect(reply).to_be_focused()
    await keys.type("an answer")
    await keys.press("Enter")
    thread = seat.page.get_by_role("complementary", name="Thread")
    await expect(thread).to_contain_text("an answer")
    await keys.press("Escape")
    await expect(thread).to_have_count(0)

    await keys.press("Control+k")
    await keys.type("first")
    await expect(seat.page.get_by_role("option", name="first")).to_be_visible()
    await keys.press("Enter")
    await expect(seat.page.get_by_role("heading", name="first", exact=True)).to_be_visible()
    await keys.press("Alt+ArrowDown")
    await expect(seat.page.get_by_role("heading", name="second", exact=True)).to_be_visible()
    await expect(seat.composer).to_be_focused()
    await keys.press("ArrowUp")
    edit = seat.page.get_by_role("textbox", name="Edit your message")
    await expect(edit).to_be_focused()
    await keys.press("End")
    await keys.type(", all of it")
    await keys.press("Enter")
    await expect(seat.message("by keys, all of it")).to_contain_text("(edited)")


async def _tab_to(seat: Seat, target: Locator, *, backwards: bool = False) -> None:
    """Press Tab until this has the focus, and see that each stop on the way can be seen."""
    for _ in range(TABS_MAX):
        await seat.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if await target.evaluate("(element) => element === document.activeElement"):
            return
    focused = await seat.page.evaluate("() => document.activeElement?.outerHTML.slice(0, 300)")
    raise AssertionError(f"not reached in {TABS_MAX} steps; the last stop: {focused}")
