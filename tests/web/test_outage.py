"""Somebody is cut off, goes on writing, and comes back: everybody has everything, once and in one order."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from playwright.async_api import expect

from domain.user import DeactivateUser, ReactivateUser
from tests.fixtures.browser import Sit
from tests.fixtures.server import Server
from tests.support.line import line_to
from tests.support.people import register
from tests.support.seat import OUTAGE, REFUSAL
from tests.support.servers import ServerProcess

WRITTEN = ["one, while nobody listens", "two, while nobody listens", "three, while nobody listens"]


async def test_what_is_written_while_the_server_is_dead_is_sent_once_when_it_is_back(
    database: str, tmp_path: Path, sit: Sit
) -> None:
    """The server is killed with -9 and started again: three messages are shown as waiting, then both people have them, each
    once; who was looking elsewhere has a badge of three.
    """
    first = ServerProcess("--database-url", database, log=tmp_path / "first.log")
    await first.start()
    ann, ben = await register(first.url, "ann"), await register(first.url, "ben")
    channel, elsewhere = await ann.make_channel(), await ben.make_channel()
    await ben.call("POST", f"/v1/channels/{channel}/join")
    hers, his = await sit(), await sit()
    await hers.sign_in(first.url, ann.username)
    await his.sign_in(first.url, ben.username)
    await hers.open(channel)
    await his.open(elsewhere)
    await hers.write("before")
    await expect(his.badge(channel)).to_have_text("1")

    for seat in (hers, his):
        seat.expect(OUTAGE)
    await first.kill()
    await expect(hers.connection).to_contain_text("Reconnecting")
    for text in WRITTEN:
        await hers.write(text)
    await hers.sees(["before"], pending=WRITTEN)

    again = ServerProcess(
        "--database-url", database, "--port", first.url.rpartition(":")[2], log=tmp_path / "again.log"
    )
    await again.start()
    try:
        await hers.sees(["before", *WRITTEN])
        await expect(his.badge(channel)).to_have_text("4")
        await expect(hers.connection).to_have_text("")
        await his.open(channel)
        await his.sees(["before", *WRITTEN])
        assert await hers.shown() == await his.shown()
        await expect(his.badge(channel)).to_have_count(0)
        body = (await ann.call("GET", f"/v1/channels/{channel}/messages")).json()
        assert [message["content"] for message in body["messages"]] == ["before", *WRITTEN]
    finally:
        await again.stop()


async def test_who_was_cut_off_catches_up_and_is_told_how_much(server: Server, sit: Sit) -> None:
    """A cut line: both write meanwhile; then the page says how much was missed, and badges count it."""
    ann, ben = await register(server.url, "ann"), await register(server.url, "ben")
    open_channel, other = await ann.make_channel(), await ann.make_channel()
    for channel in (open_channel, other):
        await ben.call("POST", f"/v1/channels/{channel}/join")
    async with line_to(server.url) as line:
        hers, his = await sit(), await sit()
        await hers.sign_in(line.url, ann.username)
        await his.sign_in(server.url, ben.username)
        await hers.open(open_channel)
        await his.open(open_channel)
        await hers.write("before")
        await his.sees(["before"])

        hers.expect(OUTAGE)
        line.cut()
        await expect(hers.connection).to_contain_text("Reconnecting")
        for text in WRITTEN:
            await hers.write(text)
        await his.write("meanwhile")
        await his.sees(["before", "meanwhile"])
        await his.open(other)
        await his.write(f"@{ann.username} are you there?")
        await his.write("take your time")
        await his.sees([f"@{ann.username} are you there?", "take your time"])
        await hers.sees(["before"], pending=WRITTEN)

        line.mend()
        await expect(hers.connection).to_contain_text("Caught up (3 missed)")
        await hers.sees(["before", "meanwhile", *WRITTEN])
        await expect(hers.badge(other)).to_have_text("@2")
        await expect(hers.badge(open_channel)).to_have_count(0)
        await expect(his.badge(open_channel)).to_have_text("3")
        await expect(hers.connection).to_have_text("")
        await his.open(open_channel)
        await his.sees(["before", "meanwhile", *WRITTEN])
        assert await hers.shown() == await his.shown()


async def test_a_message_outlives_the_page_that_it_was_written_on(server: Server, sit: Sit) -> None:
    """Written while cut off, and the page is closed before it could be sent: the next visit sends it, once."""
    ann = await register(server.url, "ann")
    channel = await ann.make_channel()
    async with line_to(server.url) as line:
        seat = await sit()
        await seat.sign_in(line.url, ann.username)
        await seat.open(channel)
        seat.expect(OUTAGE)
        line.cut()
        await expect(seat.connection).to_contain_text("Reconnecting")
        await seat.write("kept")
        await seat.sees([], pending=["kept"])
        await seat.page.close()
        line.mend()
        later = await seat.another_tab()
        await later.page.goto(f"{line.url}/#/c/{channel}")
        await later.sees(["kept"])


async def test_who_is_deactivated_is_signed_out_and_can_come_back(server: Server, sit: Sit) -> None:
    """The open page asks to sign in; who is active again goes on where they were."""
    ann = await register(server.url, "ann")
    channel = await ann.make_channel()
    seat = await sit()
    await seat.sign_in(server.url, ann.username)
    await seat.open(channel)
    await seat.write("here I was")
    await seat.sees(["here I was"])
    seat.expect(REFUSAL)
    user_id = UUID(ann.user_id)
    await server.node.execute(DeactivateUser(user_id=user_id, by=None, at=datetime.now(UTC)))
    await expect(seat.page.get_by_role("heading", name="Sign in to Sermo")).to_be_visible()
    await server.node.execute(ReactivateUser(user_id=user_id, by=None, at=datetime.now(UTC)))
    await seat.sign_in_here(ann.username)
    await seat.sees(["here I was"])
