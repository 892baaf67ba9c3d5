"""The JavaScript client in a real browser: what Node has no counterpart of."""

from typing import Any

from playwright.async_api import Page

from tests.fixtures.server import Person, Server

_SEND = """async ([url, token, channel, content]) => {
  const { SermoClient, IndexedDbOutbox, IndexedDbCursors, openDatabase } = await import(`${url}/client/index.js`);
  const database = await openDatabase();
  const stores = { outbox: new IndexedDbOutbox('ann', database), cursors: new IndexedDbCursors('ann', database) };
  const client = new SermoClient({ url, token: async () => token, ...stores });
  const handle = client.send(channel, content);
  while ((await stores.outbox.load()).length === 0) await new Promise(requestAnimationFrame);
  if (content === 'left') return null; // the page is reloaded before it connects
  await client.connect();
  await handle.settled;
  while ((await stores.outbox.load()).length > 0) await new Promise(requestAnimationFrame);
  return [handle.state, (await stores.cursors.load()).position >= 0];
}"""


async def test_what_a_reload_has_left_in_indexed_db_is_sent(page: Page, server: Server, ann: Person) -> None:
    """Web Locks tell that the page before is gone; what it left is sent beside the new page's own, each once."""
    channel = await ann.make_channel()
    arguments: list[Any] = [server.url, ann.access_token, channel]
    await page.goto(f"{server.url}/health/live")
    assert await page.evaluate(_SEND, [*arguments, "left"]) is None
    await page.reload()
    assert await page.evaluate(_SEND, [*arguments, "new"]) == ["accepted", True]
    last = await ann.say(channel, "the last")
    found = (await ann.get(f"/channels/{channel}/messages", min_position=last["position"])).json()["messages"]
    assert sorted(message["content"] for message in found) == ["left", "new", "the last"]
