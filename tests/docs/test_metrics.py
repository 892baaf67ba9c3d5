"""docs/metrics.md is what /metrics shows. `python -m tests.docs.test_metrics URL` prints the rows of a running server."""

import asyncio
import re
import sys
from pathlib import Path

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from tests.fixtures.server import Person, Server
from tests.support.metrics import number_of
from tests.support.wait import await_until
from tests.support.wsclient import Client

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def _rows(text: str) -> list[str]:
    """A row of each of our metrics: name, kind, meaning."""
    return [
        f"| `{family.name}{'_total' if family.type == 'counter' else ''}` | {family.type} | {family.documentation} |"
        for family in text_string_to_metric_families(text)
        if family.name.startswith("sermo_")
    ]


async def test_the_page_lists_every_metric_with_its_meaning(server: Server) -> None:
    """In the order in which the server shows them."""
    answer = await server.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    rows = re.findall(r"^\| `sermo_.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(_rows(answer.text)) == sorted(rows)


async def test_what_happens_is_counted(server: Server, ann: Person) -> None:
    """A connection, a post, its delivery, a resume and a refusal show up."""
    channel = await ann.make_channel()
    client = Client(server.url, ann.access_token)
    await client.open()
    sent = await client.post(channel, "hello")
    await client.wait_event(id=sent["data"]["id"])
    refused = await client.post(channel, "")
    assert refused["data"]["code"] == "content_empty"
    client.cut()
    await client.gone()
    await client.open()
    await client.wait_control("resumed")
    text = (await server.http.get("/metrics")).text
    for line in (
        'sermo_connections{kind="socket"} 1.0',
        "sermo_live_connections 1.0",
        "sermo_deliveries_total 1.0",
        'sermo_commands_total{command="PostMessage",outcome="done"} 1.0',
        'sermo_commands_total{command="PostMessage",outcome="content_empty"} 1.0',
        'sermo_resumes_total{outcome="resumed"} 1.0',
        "sermo_resume_backlog_events_count 1.0",
        'sermo_queue_length{queue="append"} 0.0',
        f"sermo_tail_position {float(sent['data']['id'])}",
    ):
        assert line in text.splitlines(), f"{line} is not in\n{text}"
    assert "process_resident_memory_bytes" in text
    await client.close()


async def test_what_goes_wrong_is_counted_too(server: Server, ann: Person, ben: Person, database: str) -> None:
    """Views that are held up, commands that were decided anew, connections that this node ends, markers."""
    channel = await ann.make_channel()
    message = await ann.say(channel, "hello")
    await ben.post(f"/channels/{channel}/join")

    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("select from notification_tracking for update")
        later = [await ann.say(channel, f"{n}") for n in range(3)]
        await await_until(lambda: number_of(server.node, "sermo_views_lag_events") >= 3, what="the views lag")
    await await_until(lambda: number_of(server.node, "sermo_views_lag_events") == 0, what="the views have caught up")

    edits = [ann.patch(f"/messages/{message['message_id']}", {"content": f"edit {n}"}) for n in range(10)]
    assert {answer.status_code for answer in await asyncio.gather(*edits)} == {200}
    assert number_of(server.node, "sermo_append_conflicts_total") > 0

    client = Client(server.url, ann.access_token)
    await client.open()
    await client.ask("mark_read", channel_id=channel, seq=later[-1]["seq"])
    assert number_of(server.node, "sermo_fallen_behind_total", why="query") == 1
    await client.send("typing", {"channel_id": channel})
    watcher = Client(server.url, ben.access_token)
    await watcher.open()
    await await_until(
        lambda: number_of(server.node, "sermo_bus_notifications_total", kind="said") > 0, what="it is said"
    )
    await watcher.close()
    await client.close()
    async with connect(f"{server.url.replace('http', 'ws', 1)}/ws") as ws:
        await ws.send(b"binary")
        await ws.wait_closed()
    assert number_of(server.node, "sermo_closes_total", code="1003") == 1

    head = float(server.node.tail.position)
    assert number_of(server.node, "sermo_appended_events_total") == head
    assert (
        number_of(server.node, "sermo_append_seconds_count")
        == number_of(server.node, "sermo_append_batch_commands_count")
        > 0
    )
    assert number_of(server.node, "sermo_append_batch_commands_sum") > 10
    assert number_of(server.node, "sermo_tail_delay_seconds_count") > 0


if __name__ == "__main__":
    print("\n".join(_rows(httpx.get(f"{sys.argv[1]}/metrics").text)))  # noqa: T201
