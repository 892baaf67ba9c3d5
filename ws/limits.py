"""The socket's limits, each with its unit, and why it is what it is."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    frame_max_bytes: int = 65_536
    """Of a client frame; larger ones close with 1009. A message of 4,096 characters escaped as JSON fits."""
    outbox_max_bytes: int = 1_048_576
    """Unsent bytes of one connection; beyond it the connection becomes a reader of the log."""
    no_progress_s: float = 30.0
    """A connection whose unsent bytes do not shrink for so long is closed with 4201."""
    connect_timeout_s: float = 10.0
    resync_timeout_s: float = 60.0
    """From `resync_required` to the next `connect`."""
    heartbeat_interval_s: float = 20.0
    expiry_grace_s: float = 30.0
    """A token may be renewed on a living connection until so long after it expired."""
    bad_frames_per_minute: int = 100
    frames_per_s: float = 2_000
    """Of one connection in the long run; what is over is refused as `rate_limited`."""
    frames_burst: float = 8_000
    frames_over: float = 1_000
    """So many refused frames that the connection has not made up for: it is closed with 4101."""
    user_frames_per_s: float = 20_000
    """Of all connections of a person to this node."""
    user_frames_burst: float = 80_000
    user_connections: int = 1_024
    """Of a person to this node at once, and the burst of connecting; one more is closed with 4101."""
    user_connects_per_s: float = 20
    commands_waiting_max: int = 1_000
    """Of one connection; one more is answered `overloaded`."""
    catch_up_page: int = 500
    """Events read from the log at once for one connection that catches up."""
    catch_ups: int = 4
    """Reads of the log for connections that are under way at once, half of a node's connections for reading."""
    batch_max_frames: int = 256
    batch_max_bytes: int = 65_536
