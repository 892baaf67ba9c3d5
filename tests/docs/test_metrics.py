"""docs/metrics.md is what /metrics shows. `python -m tests.docs.test_metrics URL` prints the rows of a running server."""

import re
import sys
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.server import Person, Server
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
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
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


if __name__ == "__main__":
    print("\n".join(_rows(httpx.get(f"{sys.argv[1]}/metrics").text)))  # noqa: T201
