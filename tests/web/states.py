"""The main states of the page, each a way to get there: for tests that look whether anything is wrong, and for pictures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.support.seat import Seat
from tests.web.allotment import NOW, Allotment


@dataclass(frozen=True)
class State:
    """A state; `go` begins anywhere on the page, signed in as Maya."""

    name: str
    go: Callable[[Seat, Allotment], Awaitable[None]]


async def sit_down(seat: Seat, there: Allotment) -> None:
    """Sign in as Maya, at the time that the allotment's clock shows."""
    await seat.page.clock.set_fixed_time(NOW)
    await seat.sign_in(there.url, "maya")


async def _to(seat: Seat, there: Allotment, place: str) -> None:
    await seat.page.goto(f"{there.url}/#/{place}")


async def _channel(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}")
    await expect(seat.message("I am there anyway")).to_be_visible()


async def _thread(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}?pane=thread:{there.message('I can fill it')}")
    await expect(_pane(seat.page)).to_contain_text("hold the other end")


async def _search(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}?pane=search")
    await seat.page.get_by_role("searchbox", name="Search messages").fill("hose")
    await expect(_pane(seat.page).locator("mark").first).to_be_visible()


async def _pins(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}?pane=pins")
    await expect(_pane(seat.page)).to_contain_text("rota")


async def _members(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}?pane=members")
    await expect(_pane(seat.page)).to_contain_text("Lin Zhao")


async def _profile(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['allotment']}?pane=user:{there.people['jonas']}")
    await expect(_pane(seat.page)).to_contain_text("waiting for rain")


async def _empty(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, f"c/{there.channels['off-topic']}")
    await expect(seat.page.get_by_role("log")).to_contain_text("Everything else")


async def _threads(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, "threads")
    await expect(seat.page.get_by_role("main")).to_contain_text("I can fill it")


async def _browse(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, "browse")
    await expect(seat.page.get_by_role("main")).to_contain_text("watering")


async def _people(seat: Seat, there: Allotment) -> None:
    await _to(seat, there, "people")
    await expect(seat.page.get_by_role("main")).to_contain_text("Tomás Reyes")


async def _switcher(seat: Seat, there: Allotment) -> None:
    await _channel(seat, there)
    await seat.page.keyboard.press("Control+k")
    await seat.page.get_by_role("combobox", name="Channel or person").fill("to")
    await expect(seat.page.get_by_role("option").first).to_be_visible()


async def _emoji(seat: Seat, there: Allotment) -> None:
    await _channel(seat, there)
    await seat.message("Best excuse").hover()
    await seat.message("Best excuse").get_by_role("button", name="Add a reaction").click()
    await expect(seat.page.get_by_role("dialog", name="Choose an emoji")).to_be_visible()


async def _create(seat: Seat, there: Allotment) -> None:
    await _channel(seat, there)
    await seat.page.get_by_role("button", name="Create a channel").click()
    await expect(seat.page.get_by_role("dialog")).to_be_visible()


async def _operate(seat: Seat, there: Allotment) -> None:
    await seat.page.goto(f"{there.url}/operate")
    await expect(seat.page.get_by_role("heading", name="Operate")).to_be_visible()
    await expect(seat.page.get_by_role("status")).to_contain_text("as of")


def _pane(page: Page) -> Locator:
    return page.get_by_role("complementary")


STATES = [
    State("channel", _channel),
    State("thread", _thread),
    State("search", _search),
    State("pins", _pins),
    State("members", _members),
    State("profile", _profile),
    State("empty", _empty),
    State("threads", _threads),
    State("browse", _browse),
    State("people", _people),
    State("switcher", _switcher),
    State("emoji", _emoji),
    State("create", _create),
    State("operate", _operate),
]
