"""What the operators' page shows: chosen numbers of this node, for server admins. To everybody else nothing is below /v1/admin.

The numbers are those of /metrics under their names there (docs/metrics.md), so what one reads here one finds again in a monitor.
"""

import msgspec
from litestar import Response, get

from api.freshness import MinPosition, reading
from api.rendering import Time, to_time
from api.requests import ApiRequest, now
from domain.errors import NotFound
from projections import people


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a metric."""

    metric: str
    """As in /metrics."""
    labels: dict[str, str]
    value: float


class NodeMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Chosen numbers of the node that answers; counters are since it started."""

    at: Time
    """By the node's clock."""
    numbers: list[Number]
    """The connections, commands, deliveries, resumes, refusals, and how far the views are; `process_start_time_seconds` tells
    one node from another, and from itself before a restart."""


@get("/admin/metrics", tags=["health"])
async def node_metrics(request: ApiRequest, min_position: MinPosition = 0) -> Response[NodeMetrics]:
    """What the node counts that answers, for the operators' page. For server admins."""
    async with reading(request, min_position) as view:
        me = await people.user(view.connection, request.me)
    if me is None or not me.is_admin:
        raise NotFound
    numbers = [
        Number(metric=metric, labels=labels, value=value) for metric, labels, value in request.services.numbers()
    ]
    return view.answer(NodeMetrics(at=to_time(now()), numbers=numbers))
