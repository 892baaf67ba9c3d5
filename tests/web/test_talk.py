"""Two people talk on the page, each in a browser of their own."""

from playwright.async_api import expect

from tests.fixtures.browser import Sit
from tests.fixtures.server import Person, Server


async def test_two_people_talk(server: Server, sit: Sit) -> None:
    """One signs up and makes a channel, the other signs up and joins it; each sees what the other writes, and who is writing."""
    ann, ben = await sit(), await sit()
    await ann.sign_up(server.url, "ann", display_name="Ann Lee")
    await ann.page.get_by_role("button", name="Create a channel").click()
    await ann.page.get_by_label("Name").fill("garden")
    await ann.page.get_by_role("button", name="Create", exact=True).click()
    await ann.write("who waters the *tomatoes*?")
    await expect(ann.message("who waters the tomatoes?")).to_be_visible()

    await ben.sign_up(server.url, "ben", display_name="Ben Otis")
    await ben.sidebar.get_by_role("link", name="Browse channels").click()
    await ben.page.get_by_role("main").get_by_role("link", name="garden").click()
    await ben.page.get_by_role("button", name="Join channel").click()
    await expect(ben.message("who waters the tomatoes?")).to_be_visible()
    await ben.composer.press_sequentially("I do")
    await expect(ann.page.get_by_test_id("typing")).to_contain_text("Ben Otis")
    await ben.composer.press("Enter")

    for seat in (ann, ben):
        await seat.sees(["who waters the tomatoes?", "I do"])
    assert await ann.shown() == await ben.shown()


async def test_what_one_changes_the_other_sees(server: Server, sit: Sit, ann: Person, ben: Person) -> None:
    """An edit, a reaction, a reply in a thread and a deletion reach the other page at once."""
    channel = await ann.make_channel()
    await ann.add(channel, ben)
    for text in ("first draft", "to be deleted"):
        await ann.say(channel, text)
    hers, his = await sit(), await sit()
    await hers.sign_in(server.url, "ann")
    await his.sign_in(server.url, "ben")
    await hers.open(channel)
    await his.open(channel)

    await hers.act("first draft", "Edit")
    await hers.page.get_by_role("textbox", name="Edit your message").fill("second draft")
    await hers.page.get_by_role("button", name="Save").click()
    await expect(his.message("second draft")).to_contain_text("(edited)")
    await his.message("second draft").hover()
    await his.message("second draft").get_by_role("button", name="React with").first.click()
    await expect(hers.message("second draft").get_by_role("button", name=", 1")).to_have_attribute(
        "aria-pressed", "false"
    )

    await his.message("second draft").get_by_role("button", name="Reply in a thread").click()
    await his.page.get_by_role("textbox", name="Reply").fill("better")
    await his.page.get_by_role("textbox", name="Reply").press("Enter")
    await hers.message("second draft").get_by_role("link", name="1 reply").click()
    await expect(hers.page.get_by_role("complementary", name="Thread")).to_contain_text("better")

    await hers.act("to be deleted", "Delete")
    await hers.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await expect(his.timeline).to_contain_text("This message was deleted.")
    await expect(his.message("to be deleted")).to_have_count(0)
