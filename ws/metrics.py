"""What the sockets of a node count. Plain numbers on the hot path; the program shows them at /metrics."""

from collections import Counter

from prometheus_client import Histogram


class SocketMetrics:
    """Of one node, since it started."""

    def __init__(self) -> None:
        self.frames_received = 0
        self.closes: Counter[int] = Counter()
        """Ends from our side, by code."""
        self.resumes: Counter[str] = Counter()
        """By outcome: resumed, epoch, ahead, backlog."""
        self.refused_commands = 0
        """Because too many of their connection waited."""
        self.backlogs = Histogram(
            "sermo_resume_backlog_events",
            "Events that a resume delivered before it was live.",
            buckets=(0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
            registry=None,
        )
