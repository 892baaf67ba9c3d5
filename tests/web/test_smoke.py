"""The page as one person and another use it: the shortest way through everything."""

from playwright.async_api import Page, expect

from tests.fixtures.server import PASSWORD, Person, Server


async def test_a_new_person_makes_a_channel_writes_and_is_answered(page: Page, server: Server, ann: Person) -> None:
    """Sign up, create, post; another one joins and answers; the answer comes by itself, and no error is told in the console."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    await page.goto(server.url)
    await page.get_by_role("button", name="Create an account").click()
    await page.get_by_label("User name").fill("ada")
    await page.get_by_label("Display name").fill("Ada Lovelace")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("button", name="Create a channel").click()
    await page.get_by_label("Name", exact=True).fill("engines")
    await page.get_by_role("button", name="Create", exact=True).click()
    composer = page.get_by_role("textbox", name="Message #engines")
    await composer.fill("while **you** were away <b>1</b>")
    await composer.press("Enter")
    message = page.get_by_role("log").get_by_role("article", name="Ada Lovelace")
    await expect(message.locator(".content")).to_have_text("while you were away <b>1</b>")
    await expect(message.locator("strong")).to_have_text("you")

    (channel,) = (await ann.get("/channels", query="engines")).json()["channels"]
    await ann.post(f"/channels/{channel['channel_id']}/join")
    await ann.say(channel["channel_id"], "welcome back, @ada")
    answer = page.get_by_role("article", name="ann")
    await expect(answer.locator(".content")).to_have_text("welcome back, @Ada Lovelace")
    await expect(page.get_by_test_id("badge")).to_have_count(0)
    assert told == []
