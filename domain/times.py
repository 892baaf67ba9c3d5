"""Times on the wire: RFC 3339, UTC, always with microseconds."""

from datetime import UTC, datetime


def to_rfc3339(moment: datetime) -> str:
    """`2026-11-23T07:00:00.123456Z`. `moment` must know its time zone."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
