"""The operators' numbers."""

from tests.api.test_code_table import refused
from tests.api.test_deactivation import register_admin
from tests.fixtures.server import Person, Server
from tests.support.metrics import number_of


async def test_an_admin_reads_chosen_numbers_of_the_node(server: Server, ann: Person) -> None:
    """The same ones as /metrics, by the same names."""
    root = await register_admin(server)
    channel_id = await ann.make_channel()
    before = await _numbers(root)
    await ann.say(channel_id, "hello")
    after = await _numbers(root)
    posted = ("sermo_commands_total", ("command", "PostMessage"), ("outcome", "done"))
    assert after[posted] == before.get(posted, 0) + 1
    assert number_of(server.node, "sermo_tail_position") == after[("sermo_tail_position",)]
    assert after[("process_start_time_seconds",)] == before[("process_start_time_seconds",)]
    lags = {name for name, *_ in after if name.endswith("_lag_events")}
    assert lags == {"sermo_views_lag_events", "sermo_search_lag_events"}


async def test_to_everybody_else_there_are_no_numbers(server: Server, ann: Person) -> None:
    """404, as of everything for admins; 401 without a token."""
    refused(await ann.get("/admin/metrics"), 404, "not_found")
    refused(await server.http.get("/v1/admin/metrics"), 401, "unauthenticated")


async def _numbers(root: Person) -> dict[tuple[object, ...], float]:
    answer = await root.get("/admin/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.json()["at"].endswith("Z")
    return {(one["metric"], *sorted(one["labels"].items())): one["value"] for one in answer.json()["numbers"]}
