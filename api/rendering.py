"""Small parts that the answers share."""

from datetime import datetime
from typing import Annotated

import msgspec

from domain.times import to_rfc3339

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, UTC, always with microseconds (msgspec's own form leaves out a fraction of zero)."""


def to_time(moment: datetime) -> Time:
    """The wire form of a moment."""
    return to_rfc3339(moment)


def to_time_or_none(moment: datetime | None) -> Time | None:
    """The wire form of a moment that may not have come."""
    return to_rfc3339(moment) if moment is not None else None
