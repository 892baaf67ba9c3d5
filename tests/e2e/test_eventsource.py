"""A browser's EventSource follows the log with a cookie, and comes back by itself where the server was away."""

from pathlib import Path

from playwright.async_api import Page

from tests.support.people import register
from tests.support.servers import ServerProcess
from tests.support.wait import await_until

_FOLLOW = """async ([username, password]) => {
  const login = await (await fetch('/v1/auth/login', {method: 'POST', body: JSON.stringify({username, password})})).json();
  const made = await fetch('/v1/events-session', {method: 'POST', headers: {Authorization: `Bearer ${login.access_token}`}});
  window.seen = []; window.opened = 0;
  window.source = new EventSource('/v1/events');
  window.source.onopen = () => window.opened++;
  window.source.onmessage = message => {
    const frame = JSON.parse(message.data);
    window.seen.push([frame.type, frame.data && frame.data.content, message.lastEventId]);
  };
  return made.status;
}"""
_CONTENTS = "() => window.seen.filter(([type]) => type === 'new_message').map(([, content]) => content)"


async def test_an_event_source_comes_back_by_itself_and_misses_nothing(
    page: Page, database: str, tmp_path: Path
) -> None:
    """The server is killed and started again; what was posted meanwhile comes once, in order, with no code of the page."""
    first = ServerProcess("--database-url", database, log=tmp_path / "first.log")
    await first.start()
    port = first.url.rpartition(":")[2]
    ann = await register(first.url, "ann")
    channel = await ann.make_channel()
    username = (await ann.call("GET", "/v1/me")).json()["username"]
    await page.goto(f"{first.url}/health/live")
    assert await page.evaluate(_FOLLOW, [username, "correct horse"]) == 200
    await page.wait_for_function("() => window.seen.some(([type]) => type === 'connected')")
    a = ann.client()
    await a.open()
    await a.post(channel, "before")
    await page.wait_for_function("() => window.seen.some(([, content]) => content === 'before')")
    await first.kill()
    await a.gone()

    elsewhere = ServerProcess("--database-url", database, log=tmp_path / "elsewhere.log")
    await elsewhere.start()
    await a.open(url=elsewhere.url)
    await a.post(channel, "while it was away")
    await a.close()
    await elsewhere.stop()

    again = ServerProcess("--database-url", database, "--port", port, log=tmp_path / "again.log")
    await again.start()
    try:
        await page.wait_for_function("() => window.seen.some(([, content]) => content === 'while it was away')")
        await a.open(url=again.url)
        await a.post(channel, "after")
        await await_until(
            lambda: _is(page, ["before", "while it was away", "after"]), 20, what="the page has all three, once"
        )
        assert await page.evaluate("() => window.opened") == 2
        epoch = a.epoch
        assert (await page.evaluate("() => window.seen.at(-1)[2]")).startswith(f"{epoch}:")
        await a.close()
    finally:
        await again.stop()


async def test_an_event_source_whose_position_is_gone_is_stopped(page: Page, database: str, tmp_path: Path) -> None:
    """`resync_required`, then 204: it is closed, and the page loads a snapshot."""
    process = ServerProcess("--database-url", database, log=tmp_path / "server.log")
    await process.start()
    try:
        ann = await register(process.url, "ann")
        username = (await ann.call("GET", "/v1/me")).json()["username"]
        await page.goto(f"{process.url}/health/live")
        follow = _FOLLOW.replace("'/v1/events')", "'/v1/events?after=1&epoch=another')")
        assert await page.evaluate(follow, [username, "correct horse"]) == 200
        await page.wait_for_function("() => window.source.readyState === EventSource.CLOSED")
        assert [kind for kind, *_ in await page.evaluate("() => window.seen")] == ["connected", "resync_required"]
    finally:
        await process.stop()


async def _is(page: Page, contents: list[str]) -> bool:
    return bool(await page.evaluate(_CONTENTS) == contents)
