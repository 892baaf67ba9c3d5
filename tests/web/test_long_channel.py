"""A channel of 50,000 messages: little of it is in the document, and what is there is right, wherever one looks."""

from uuid import UUID

from playwright.async_api import expect

from benchmarks.scrolling import MESSAGES, fill
from benchmarks.support import reach
from tests.fixtures.browser import Sit
from tests.fixtures.server import Person, Server
from tests.support.seat import Seat

_CALM = """(scroller) => new Promise((done) => {
  let last = null, same = 0;
  const look = () => {
    same = scroller.scrollTop === last ? same + 1 : 0;
    last = scroller.scrollTop;
    if (same >= 4) done(); else requestAnimationFrame(look);
  };
  look();
})"""
_FIRST_IN_SIGHT = """(scroller) => {
  const {top} = scroller.getBoundingClientRect();
  const row = [...scroller.querySelectorAll('[data-seq]')].find((one) => one.getBoundingClientRect().top >= top);
  return [row.dataset.seq, row.getBoundingClientRect().top];
}"""
DRAWN_MAX = 120
"""Rows in the document at once: a window of some 40 short messages, and as much again above and below."""


async def test_fifty_thousand_messages_are_in_order_and_few_are_drawn(
    server: Server, sit: Sit, database: str, ann: Person, ben: Person
) -> None:
    """From the end backwards by scrolling, and at places all over the channel by their address: what the page shows is what the
    server says lies there, without a hole and without a double.
    """
    channel = await ann.make_channel()
    await ann.add(channel, ben)
    end = await fill(database, UUID(channel), [ann.user_id, ben.user_id], MESSAGES)
    seat = await sit()
    await seat.sign_in(server.url, "ann")
    await reach(server.url, end, deadline_s=120)
    head = (await ann.get(f"/channels/{channel}/messages", limit=1)).json()["messages"][0]["seq"]

    await seat.page.goto(f"{server.url}/#/c/{channel}/{head}")
    await _shows(seat, head)
    await expect(seat.page.get_by_role("button", name="Jump to latest")).to_have_count(0)
    seen = set()
    for _ in range(12):
        await _is_right(seat, ann, channel, seen)
        await _wheel(seat, -3_000)
    assert len(seen) > 200, "scrolling backwards loads what is older"

    for part in (0.9, 0.5, 0.1, 0.0007):
        seq = int(head * part)
        await seat.page.goto(f"{server.url}/#/c/{channel}/{seq}")
        await _shows(seat, seq)
        for distance in (-2_000, 6_000, 6_000):
            await _is_right(seat, ann, channel, set())
            await _wheel(seat, distance)
    await seat.page.get_by_role("button", name="Jump to latest").click()
    await _shows(seat, head)
    await _is_right(seat, ann, channel, set())


async def test_the_place_is_kept_while_older_messages_load(
    server: Server, sit: Sit, database: str, ann: Person
) -> None:
    """What is looked at moves as far as the wheel says and no farther, while pages come in above it and somebody writes below."""
    channel = await ann.make_channel()
    await reach(server.url, await fill(database, UUID(channel), [ann.user_id], 300))
    seat = await sit()
    await seat.sign_in(server.url, "ann")
    await seat.page.goto(f"{server.url}/#/c/{channel}/250")
    await _shows(seat, 250)
    for step in range(16):
        seq, top = await _first_in_sight(seat)
        if step % 5 == 0:
            await ann.say(channel, f"a new one, far below: {step}")
        await _wheel(seat, -250)
        assert abs(await _top_of(seat, seq) - (top + 250)) <= 2, f"step {step}, message {seq}"
    assert (await seat.shown())[0].seq < 200, "several pages were loaded on the way"


async def _first_in_sight(seat: Seat) -> tuple[int, float]:
    seq, top = await seat.timeline.evaluate(_FIRST_IN_SIGHT)
    return int(seq), float(top)


async def _shows(seat: Seat, seq: int) -> None:
    await expect(seat.timeline.locator(f"[data-seq='{seq}']")).to_be_visible()


async def _wheel(seat: Seat, distance: int) -> None:
    """Turn the wheel, and wait until nothing moves or loads any more."""
    await seat.timeline.hover()
    await seat.page.mouse.wheel(0, distance)
    await seat.timeline.evaluate(_CALM)
    await expect(seat.timeline).to_have_attribute("aria-busy", "false")
    await seat.timeline.evaluate(_CALM)


async def _top_of(seat: Seat, seq: int) -> float:
    return float(
        await seat.timeline.locator(f"[data-seq='{seq}']").evaluate("(row) => row.getBoundingClientRect().top")
    )


async def _is_right(seat: Seat, ann: Person, channel: str, seen: set[int]) -> None:
    shown = await seat.shown()
    assert 5 < len(shown) < DRAWN_MAX, len(shown)
    seqs = [message.seq for message in shown if message.seq is not None]
    page = await ann.get(f"/channels/{channel}/messages", after=seqs[0] - 1, limit=100)
    there = [(message["message_id"], message["seq"]) for message in page.json()["messages"]]
    assert [(message.message_id, message.seq) for message in shown] == there[: len(shown)]
    seen.update(seqs)
