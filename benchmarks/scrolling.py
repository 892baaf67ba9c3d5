"""The page while somebody scrolls through a channel of 50,000 messages: frames that took longer than 50 ms, where an eye sees it.

Measured: a real `sermo serve`, and a headless Chromium (without a graphics card: the processor paints) that scrolls the timeline
by 160 px every frame, as a person in a hurry does: from the channel's end backwards, then from its middle forwards.
`requestAnimationFrame` notes when each frame began, and a PerformanceObserver the tasks that held the page for 50 ms or more.
Older and newer messages are loaded meanwhile by REST. Server and browser share the machine's cores. There is no baseline: all
in the document at once would be 50,000 rows.
"""

import secrets
from collections.abc import Sequence
from uuid import UUID

import httpx
import msgspec
from playwright.async_api import Page

from benchmarks.chromium import MISSING, find_chromium, running_chromium
from benchmarks.filling import Writer
from benchmarks.support import Figure, Person, Plan, create_channels, postgres, quantile, reach, run_loop, sermo_serve
from sermo import log

NAME = "scrolling"
MESSAGES = 50_000
LONG_MS = 50.0
TEXTS = (
    "Number {0}.",
    "Number {0}: has anybody looked at the tomatoes today?",
    "Number {0}. They were fine *yesterday*; I gave them a can each, and the ones at the wall two, since they stand in the sun"
    " all day and the earth there is gone dry by noon.",
    "Number {0}:\n\n- cucumbers\n- beans\n- `salad`",
    "Number {0}: <https://allotment.example/beds?plot={0}>",
)
_SCROLL = """([step, frames]) => new Promise((done) => {
  const scroller = document.querySelector('[role=log]');
  const times = [], long = [];
  const seen = new Set();
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => long.push(entry.duration)));
  observer.observe({type: 'longtask'});
  let last = null;
  const frame = (now) => {
    if (last !== null) times.push(now - last);
    last = now;
    for (const article of scroller.querySelectorAll('[data-seq]')) seen.add(article.dataset.seq);
    if (times.length >= frames) {
      observer.disconnect();
      return done({frame_ms: times, task_ms: long, shown: seen.size, drawn: scroller.querySelectorAll('article').length});
    }
    scroller.scrollTop += step;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""
STEP_PX = 160


class Scrolled(msgspec.Struct):
    """What one stretch of scrolling was like."""

    frame_ms: list[float]
    task_ms: list[float]
    shown: int
    """Different messages that were in the document."""
    drawn: int
    """Rows in the document at the end."""


async def fill(dsn: str, channel_id: UUID, authors: Sequence[UUID], count: int) -> int:
    """So many messages of these people, of all heights; the last one's position."""
    async with await log.connect(dsn) as connection:
        writer = Writer(connection)
        for number in range(count):
            author = authors[number // 3 % len(authors)]
            await writer.post(channel_id, author, TEXTS[number * 7 % len(TEXTS)].format(number))
        await writer.flush()
        return writer.position


async def _sign_up(url: str) -> tuple[Person, str, str]:
    username, password = "scroller", secrets.token_urlsafe(12)
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        answer = await client.post("/v1/auth/register", json={"username": username, "password": password})
    answer.raise_for_status()
    body = answer.json()
    return Person(body["user"]["user_id"], body["access_token"]), username, password


async def _sign_in(page: Page, url: str, username: str, password: str) -> None:
    await page.goto(url)
    await page.get_by_label("User name").fill(username)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("navigation", name="Channels").wait_for()


async def _scroll(page: Page, url: str, channel_id: str, seq: int, step: int, frames: int) -> Scrolled:
    await page.goto(f"{url}/#/c/{channel_id}/{seq}")
    await page.locator(f"[data-seq='{seq}']").wait_for()
    return msgspec.convert(await page.evaluate(_SCROLL, [step, frames]), Scrolled)


async def _measure(dsn: str, chromium: str, plan: Plan) -> list[Figure]:
    messages, frames = plan.size(MESSAGES, 2_000), plan.size(600, 60)
    long, p99, longest = [], [], []
    async with sermo_serve(dsn) as url, running_chromium(chromium) as browser:
        person, username, password = await _sign_up(url)
        (channel_id,) = await create_channels(url, [person])
        end = await fill(dsn, UUID(channel_id), [UUID(person.user_id)], messages)
        await reach(url, end, deadline_s=300.0)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        await _sign_in(page, url, username, password)
        for run in range(plan.runs + 1):
            stretches = [
                await _scroll(page, url, channel_id, messages, -STEP_PX, frames),
                await _scroll(page, url, channel_id, messages // 2, STEP_PX, frames),
            ]
            times = [time for stretch in stretches for time in stretch.frame_ms]
            over = sum(time > LONG_MS for time in times)
            plan.tell(
                f"run {run}: {over} of {len(times)} frames over {LONG_MS:g} ms, p99 {quantile(times, 0.99):.1f} ms,"
                f" longest {max(times):.1f} ms, {sum(len(one.task_ms) for one in stretches)} long tasks;"
                f" {sum(one.shown for one in stretches):,} messages passed, {max(one.drawn for one in stretches)} rows drawn"
            )
            if run == 0:
                continue  # the first run compiles
            long.append(over * 1_000 / len(times))
            p99.append(quantile(times, 0.99))
            longest.append(max(times))
    return [
        Figure(
            name="Scrolling 50,000 messages: frames over 50 ms, of 1,000",
            unit="frames",
            values=long,
            target=0,
            at_most=True,
        ),
        Figure(name="Scrolling 50,000 messages: frame time, p99", unit="ms", values=p99, target=50, at_most=True),
        Figure(name="Scrolling 50,000 messages: longest frame", unit="ms", values=longest, target=50, at_most=True),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    chromium = find_chromium()
    if chromium is None:
        plan.tell(f"not measured: {MISSING}")
        return []
    with postgres() as dsn:
        result: list[Figure] = run_loop(_measure(dsn, chromium, plan))
        return result
