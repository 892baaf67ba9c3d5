"""Times on the wire: RFC 3339, UTC, always with microseconds."""

from datetime import UTC, datetime
from typing import cast


def to_rfc3339(moment: datetime) -> str:
    """`2026-11-23T07:00:00.123456Z`. `moment` must know its time zone."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def to_json(moment: datetime) -> datetime:
    """What makes msgspec write `to_rfc3339(moment)`: the moment, which takes it a twentieth of the time to print.

    It would leave out microseconds that are zero and keep another zone's hours; these rare moments become their text.
    """
    if moment.microsecond and moment.tzinfo is UTC:
        return moment
    return cast(datetime, to_rfc3339(moment))
