"""Whether the process lives, and whether it should get traffic."""

import msgspec
from litestar import MediaType, Response, get
from litestar.openapi import ResponseSpec

from api.requests import ApiRequest
from api.services import Readiness


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


@get("/health/live", tags=["health"], sync_to_thread=False, security=[{}])
def live() -> Alive:
    """The process runs. Says nothing about the database, whose absence no restart mends."""
    return Alive()


@get(
    "/health/ready",
    tags=["health"],
    security=[{}],
    responses={503: ResponseSpec(Readiness, description="Not ready.", generate_examples=False)},
)
async def ready(request: ApiRequest) -> Response[Readiness]:
    """Whether this node should get traffic: the database answers and the views are near; 503 if not.

    Parked events are told and do not matter for it: the other feeds go on, and no other node has more.
    """
    readiness = await request.services.ready()
    return Response(readiness, status_code=200 if readiness.ready else 503)


@get("/metrics", tags=["health"], security=[{}], sync_to_thread=False, media_type=MediaType.TEXT)
def metrics(request: ApiRequest) -> Response[bytes]:
    """What this node counts, in Prometheus' text format (docs/metrics.md). Holds no content and no names."""
    return Response(request.services.metrics(), media_type="text/plain; version=0.0.4")
