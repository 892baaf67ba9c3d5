"""Two tabs of one person agree."""

from playwright.async_api import expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Person, Server


async def test_what_is_read_in_one_tab_is_read_in_the_other(server: Server, sit: Sit, ann: Person, ben: Person) -> None:
    """A badge goes from both when one of them shows the messages, and comes back in both when one marks a message unread."""
    channel, elsewhere = await ben.make_channel(), await ann.make_channel("elsewhere")
    await ben.add(channel, ann)
    one = await sit()
    await one.sign_in(server.url, "ann")
    other = await one.another_tab()
    await other.page.goto(server.url)
    for tab in (one, other):
        await tab.open(elsewhere)
    for text in ("apples", "beans", "cherries"):
        await ben.say(channel, text)
    for tab in (one, other):
        await expect(tab.badge(channel)).to_have_text("3")

    await one.open(channel)
    await one.sees(["apples", "beans", "cherries"])
    for tab in (one, other):
        await expect(tab.badge(channel)).to_have_count(0)
    await one.act("beans", "Mark as unread")
    for tab in (one, other):
        await expect(tab.badge(channel)).to_have_text("2")


async def test_what_is_written_in_one_tab_is_in_the_other_once(server: Server, sit: Sit, ann: Person) -> None:
    """Both tabs send what is in the outbox that they share, and it is posted once."""
    channel = await ann.make_channel()
    one = await sit()
    await one.sign_in(server.url, "ann")
    other = await one.another_tab()
    await other.page.goto(server.url)
    for tab in (one, other):
        await tab.open(channel)
    await one.write("from the one")
    await other.sees(["from the one"])
    await other.write("from the other")
    for tab in (one, other):
        await tab.sees(["from the one", "from the other"])
    assert await one.shown() == await other.shown()


async def test_tabs_renew_their_tokens_without_ending_each_other(server: Server, sit: Sit, ann: Person) -> None:
    """Four tabs come back at the same moment with one refresh token: all are signed in."""
    channel = await ann.make_channel()
    first = await sit()
    await first.sign_in(server.url, "ann")
    tabs = [first, *[await first.another_tab() for _ in range(3)]]
    for tab in tabs[1:]:
        await tab.page.goto(server.url, wait_until="commit")
    for tab in tabs:
        await tab.page.reload(wait_until="commit")
    for tab in tabs:
        await tab.open(channel)


async def test_signing_out_in_one_tab_signs_out_the_other(server: Server, sit: Sit, ann: Person) -> None:
    """And nobody else's login."""
    await ann.make_channel()
    elsewhere, one = await sit(), await sit()
    await elsewhere.sign_in(server.url, "ann")
    await one.sign_in(server.url, "ann")
    other = await one.another_tab()
    await other.page.goto(server.url)
    await expect(other.sidebar).to_be_visible()
    await one.sign_out()
    await expect(other.page.get_by_role("heading", name="Sign in to Sermo")).to_be_visible()
    await elsewhere.page.reload()
    await expect(elsewhere.sidebar).to_be_visible()
