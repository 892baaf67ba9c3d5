"""Somebody at the page, in a browser profile of their own: what people do there, by the roles and names that they would go by,
and what the browser complained about meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect

from tests.support.wait import await_until

PASSWORD = "correct horse"
VIEWPORT = {"width": 1280, "height": 800}
PATIENCE_MS = 20_000
"""For what takes a moment on a loaded machine; nothing waits longer than it has to."""
OUTAGE = re.compile(r"net::ERR_|WebSocket connection to .* failed|status of 50[23]|Failed to fetch")
"""What the browser itself says of a server that is away."""
REFUSAL = re.compile(r"the server responded with a status of 4\d\d")
"""What the browser itself says of a request that is refused."""
expect.set_options(timeout=PATIENCE_MS)
_WATCH = """addEventListener('securitypolicyviolation',
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""
_SHOWN = """(log) => [...log.querySelectorAll('article[data-message]')].map((article) => ({
  message_id: article.dataset.message,
  seq: article.dataset.seq === undefined ? null : Number(article.dataset.seq),
  text: article.querySelector('.content')?.innerText.trim() ?? '',
  is_pending: article.classList.contains('pending'),
}))"""


@dataclass(frozen=True)
class Shown:
    """A message as the page shows it."""

    message_id: str
    seq: int | None
    """None while it is on its way."""
    text: str
    is_pending: bool


class Seat:
    """One profile, with a page; `complaints` holds what a test would not look for but must not have."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    @classmethod
    async def take(cls, browser: Browser, **options: Any) -> "Seat":
        """A new profile; the options are Playwright's for a context."""
        context = await browser.new_context(
            **{"viewport": VIEWPORT, "locale": "en-GB", "timezone_id": "UTC", **options}
        )
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(_WATCH)
        seat = cls(context, await context.new_page())
        seat._watch(seat.page)
        return seat

    async def another_tab(self) -> "Seat":
        """A second page of the same profile, whose complaints are this one's too."""
        other = Seat(self.context, await self.context.new_page())
        other.complaints = self.complaints
        other._watch(other.page)
        return other

    def _watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("dialog", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(one.search(message.text) for one in self._expected):
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    async def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def expect(self, provoked: re.Pattern[str]) -> None:
        """From here on the test provokes console errors like this, which are no fault of the page."""
        self._expected.append(provoked)

    # coming in

    async def sign_up(self, url: str, username: str, *, display_name: str = "") -> None:
        """Make an account, as somebody who comes for the first time."""
        await self.page.goto(url)
        await self.page.get_by_role("button", name="Create an account").click()
        await self.page.get_by_label("User name").fill(username)
        await self.page.get_by_label("Display name").fill(display_name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Create account").click()
        await expect(self.sidebar).to_be_visible()

    async def sign_in(self, url: str, username: str) -> None:
        """Come back."""
        await self.page.goto(url)
        await self.sign_in_here(username)

    async def sign_in_here(self, username: str) -> None:
        """Fill in the form that is there."""
        await self.page.get_by_label("User name").fill(username)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.sidebar).to_be_visible()

    async def sign_out(self) -> None:
        """Leave."""
        await self.page.get_by_role("button", name="You: ").click()
        await self.page.get_by_role("menuitem", name="Sign out").click()
        await expect(self.page.get_by_role("heading", name="Sign in to Sermo")).to_be_visible()

    # what is there

    @property
    def sidebar(self) -> Locator:
        """The list of channels."""
        return self.page.get_by_role("navigation", name="Channels")

    @property
    def timeline(self) -> Locator:
        """The messages of the channel that is open."""
        return self.page.get_by_role("log", name="Messages in")

    @property
    def composer(self) -> Locator:
        """Where a message is written."""
        return self.page.get_by_role("textbox", name=re.compile("^Message "))

    @property
    def connection(self) -> Locator:
        """The line on the connection."""
        return self.page.get_by_test_id("connection")

    def channel(self, channel_id: str) -> Locator:
        """A channel in the list."""
        return self.page.locator(f"[data-channel='{channel_id}']")

    def badge(self, channel_id: str) -> Locator:
        """How much waits there."""
        return self.channel(channel_id).get_by_test_id("badge")

    def message(self, text: str) -> Locator:
        """The message that says this."""
        return self.timeline.get_by_role("article").filter(has_text=text)

    async def shown(self) -> list[Shown]:
        """The messages that are in the document, in its order."""
        return [Shown(**found) for found in await self.timeline.evaluate(_SHOWN)]

    async def texts(self) -> list[str]:
        """What they say."""
        return [message.text for message in await self.shown()]

    async def sees(self, texts: list[str], *, pending: Sequence[str] = ()) -> None:
        """Wait until exactly these messages are there, in this order: what was posted, and after it what is on its way."""

        async def found() -> bool:
            shown = await self.shown()
            posted = [message.text for message in shown if message.seq is not None and message.text]
            return posted == texts and [message.text for message in shown if message.is_pending] == list(pending)

        await expect(self.timeline).to_be_visible()
        await await_until(found, PATIENCE_MS / 1_000, what=f"the page shows {texts}, and as waiting {pending}")

    # what is done

    async def open(self, channel_id: str) -> None:
        """Go to a channel by the list."""
        await self.channel(channel_id).click()
        await expect(self.timeline).to_be_visible()

    async def write(self, text: str) -> None:
        """Write a message and send it."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def act(self, text: str, action: str) -> None:
        """Choose something for a message from its menu."""
        await self.message(text).hover()
        await self.message(text).get_by_role("button", name="More actions").click()
        await self.page.get_by_role("menuitem", name=action).click()
