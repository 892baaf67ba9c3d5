"""The socket's limits, each with its unit, and why it is what it is."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    frame_max_bytes: int = 65_536
    """Of a client frame; larger ones close with 1009. A message of 4,096 characters escaped as JSON fits."""
    outbox_max_bytes: int = 1_048_576
    """Unsent bytes of one connection; beyond it the connection becomes a reader of the log."""
    outbox_max_frames: int = 4_096
    """The same for unsent frames, however small."""
    no_progress_s: float = 30.0
    """A connection whose unsent bytes do not shrink for so long is closed with 4201."""
    connect_timeout_s: float = 10.0
    resync_timeout_s: float = 60.0
    """From `resync_required` to the next `connect`."""
    heartbeat_interval_s: float = 20.0
    ping_interval_s: float = 20.0
    """Of protocol pings; a connection that gave no sign of life after two ends."""
    connections_max: int = 20_000
    """Sockets and event streams of a node; one more is closed with 4102, or answered 503."""
    expiry_grace_s: float = 30.0
    """A token may be renewed on a living connection until so long after it expired."""
    bad_frames_per_minute: int = 100
    frames_per_s: float = 2_000
    """Of one connection in the long run; what is over is refused as `rate_limited`."""
    frames_burst: float = 8_000
    frames_over: float = 1_000
    """So many refused frames that the connection has not made up for: it is closed with 4101."""
    parts_per_s: int = 10_000
    """Pings, pongs and unfinished parts of messages of one connection; more in a second closes it with 4101."""
    user_frames_per_s: float = 20_000
    """Of all connections of a person to this node."""
    user_frames_burst: float = 80_000
    user_connections: int = 1_024
    """Of a person to this node at once, and the burst of connecting; one more is closed with 4101."""
    user_connects_per_s: float = 20
    commands_waiting_max: int = 1_000
    """Of one connection; one more is answered `overloaded`."""
    mark_hold_s: float = 1.5
    """After a read mark, further ones of the same target wait for so long, then the farthest is appended; with the append
    that is within 2 s."""
    catch_up_page: int = 500
    """Events read from the log at once for one connection that catches up."""
    catch_up_bytes: int = 262_144
    """The same in bytes, and how much of it lies before a client at once. With the next page, which is read meanwhile, and
    what makes frames of events, one that takes nothing costs some 1 MiB."""
    catch_ups: int = 4
    """Reads of the log for connections that are under way at once, half of a node's connections for reading."""
    batch_max_frames: int = 256
    batch_max_bytes: int = 65_536
    presence_grace_s: float = 10.0
    """From the end of a person's last connection on a node until they are offline: as long as a restart spreads its clients."""
    presence_repeat_s: float = 20.0
    """Each node says so often to the others who is present on it."""
    presence_lease_s: float = 50.0
    """A presence that another node has not repeated for so long is over: two repetitions may be lost, and with the grace of
    what still travels, a node that died takes its presences along within 60 s."""
    signal_interval_s: float = 0.1
    """Changes of presence are told so often: what is undone by then is not told."""
    signals_at_once: int = 5_000
    """Statuses sent in one such interval by a node, and as many typing signals: some 10 ms of one core."""
    typing_interval_s: float = 3.0
    """A typing person is passed on once in this time; clients forget it after 6 s."""
