"""What a node shows at /metrics (Prometheus' text format). Read when asked: the parts keep plain numbers.

docs/metrics.md lists all of it; `tests/docs/test_metrics.py` compares it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Metric, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from sermo import appender, auth, uploads

if TYPE_CHECKING:
    from sermo.node import Node


CHOSEN = frozenset(
    {
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "sermo_connections",
        "sermo_live_connections",
        "sermo_present_people",
        "sermo_commands_total",
        "sermo_deliveries_total",
        "sermo_frames_received_total",
        "sermo_appended_events_total",
        "sermo_append_seconds_sum",
        "sermo_append_seconds_count",
        "sermo_tail_position",
        "sermo_tail_silence_seconds",
        "sermo_views_lag_events",
        "sermo_views_parked_events",
        "sermo_search_lag_events",
        "sermo_search_parked_events",
        "sermo_resumes_total",
        "sermo_closes_total",
        "sermo_http_refusals_total",
        "sermo_rate_limited_total",
        "sermo_queue_length",
        "sermo_queue_limit",
        "sermo_queue_refusals_total",
    }
)
"""The numbers that the operators' page shows."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each histogram comes twice in this format


class _NodeCollector(Collector):
    def __init__(self, node: "Node") -> None:
        self._node = node

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not read the node."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every number of the node's parts."""
        yield from self._connections()
        yield from self._commands()
        yield from self._log()
        yield from self._attachments()
        yield from self._queues()
        yield from self._signals()

    def _connections(self) -> Iterator[Metric]:
        node, metrics = self._node, self._node.sockets.metrics
        members = list(node.registry)
        kinds = GaugeMetricFamily("sermo_connections", "Open connections, live or not.", labels=["kind"])
        kinds.add_metric(["socket"], sum(member.kind == "socket" for member in members))
        kinds.add_metric(["stream"], sum(member.kind == "stream" for member in members))
        yield kinds
        yield _gauge("sermo_live_connections", "Connections that get events as they happen.", node.hub.connections)
        yield _gauge(
            "sermo_outbox_bytes", "Bytes that clients have not taken yet.", sum(m.unsent_bytes for m in members)
        )
        yield _counter("sermo_deliveries", "Event frames given to live connections.", node.hub.deliveries)
        yield _counted(
            "sermo_fallen_behind",
            "Live connections that went back to reading the log, by why: full, the outbox, or query, what a frame takes.",
            "why",
            node.hub.fallen_behind,
        )
        yield _counter("sermo_frames_received", "Frames of clients.", metrics.frames_received)
        yield _counted("sermo_closes", "Connections ended by this node, by close code.", "code", metrics.closes)
        yield _counted(
            "sermo_http_refusals",
            "Connections ended before a request came whole, by status: 400 no HTTP, 408 too slow, 431 too large, 503 too many.",
            "status",
            node.http_refusals,
        )
        yield _counted(
            "sermo_resumes", "Resumes, by outcome: resumed, or the reason of a resync.", "outcome", metrics.resumes
        )

    def _commands(self) -> Iterator[Metric]:
        commands = CounterMetricFamily(
            "sermo_commands",
            "Commands, by outcome: done, repeated, or the code of the refusal.",
            labels=["command", "outcome"],
        )
        for (name, outcome), count in self._node.execute.commands.items():
            commands.add_metric([name, outcome], count)
        yield commands

    def _log(self) -> Iterator[Metric]:
        node = self._node
        tail, views = node.tail, node.views
        yield _counter("sermo_appended_events", "Events that this node appended.", node.appender.appended)
        yield _counter("sermo_append_conflicts", "Commands that were decided anew.", node.appender.conflicts)
        yield _gauge("sermo_tail_position", "The last event that this node handed on.", tail.position)
        yield _gauge("sermo_tail_silence_seconds", "Since the tail last heard of the database.", tail.silence_s)
        yield _counter("sermo_tail_skipped_events", "Events whose content nobody here needed.", tail.skipped_events)
        yield _counter(
            "sermo_tail_unknown_events", "Events of types that this program does not know.", tail.unknown_events
        )
        yield _gauge("sermo_views_position", "The views' checkpoint, as this node knows it.", views.position)
        yield _gauge("sermo_views_lag_events", "Events between the tail and the views.", tail.position - views.position)
        yield _gauge("sermo_views_owner", "1 where this node's runner makes the views.", int(views.is_owner))
        yield _gauge(
            "sermo_views_parked_events",
            "Events that the views could not apply, with those held behind them; 1,000 stands for more.",
            views.parked,
        )
        search = node.search.runner
        yield _gauge("sermo_search_position", "The search's checkpoint, as this node knows it.", search.position)
        yield _gauge(
            "sermo_search_lag_events", "Events between the tail and the search.", tail.position - search.position
        )
        yield _gauge("sermo_search_owner", "1 where this node's runner makes the search's index.", int(search.is_owner))
        yield _gauge(
            "sermo_search_parked_events",
            "Events that the search could not apply, with those held behind them; 1,000 stands for more.",
            search.parked,
        )
        yield _counted(
            "sermo_searches", "Searches, by outcome: found, nothing, failed.", "outcome", node.search.outcomes
        )

    def _attachments(self) -> Iterator[Metric]:
        node_uploads = self._node.uploads
        yield _counter(
            "sermo_attachment_bytes", "Bytes of files that were uploaded whole.", node_uploads.received_bytes
        )
        yield _counted(
            "sermo_attachment_refusals",
            "Uploads refused for the file or before it was read, by code; for what else: see commands.",
            "code",
            node_uploads.refusals,
        )

    def _queues(self) -> Iterator[Metric]:
        node = self._node
        yield _counted("sermo_rate_limited", "Requests answered 429, by limit.", "limit", node.rate_limits.refused)
        pool = node.pool.get_stats()
        lengths = {
            "append": node.appender.waiting,
            "commands": sum(member.commands_waiting for member in node.registry),
            "catch_up": node.sockets.admission.waiting,
            "database": pool.get("requests_waiting", 0),
            "hashing": node.auth.hashing,
            "uploads": node.uploads.under_way,
            "signals": node.signals.waiting,
        }
        refusals = {
            "append": node.appender.refused,
            "commands": node.sockets.metrics.refused_commands,
            "connections": node.registry.refused,
            "database": pool.get("requests_errors", 0),
            "hashing": node.auth.refused_hashings,
            "uploads": node.uploads.refusals["overloaded"],
        }
        length = GaugeMetricFamily("sermo_queue_length", "What waits, by queue.", labels=["queue"])
        for name, count in lengths.items():
            length.add_metric([name], count)
        yield length
        refused = CounterMetricFamily(
            "sermo_queue_refusals", "What was refused because a queue was full.", labels=["queue"]
        )
        for name, count in refusals.items():
            refused.add_metric([name], count)
        yield refused
        limit = GaugeMetricFamily("sermo_queue_limit", "How much may wait.", labels=["queue"])
        limit.add_metric(["append"], appender.WAITING_MAX)
        limit.add_metric(["hashing"], auth.HASHING_WAITING_MAX)
        limit.add_metric(["database"], node.pool.max_waiting)
        limit.add_metric(["uploads"], uploads.UPLOADS_MAX)
        yield limit

    def _signals(self) -> Iterator[Metric]:
        signals, bus = self._node.signals, self._node.bus
        yield _gauge("sermo_present_people", "People who are present, on any node.", signals.present)
        yield _gauge("sermo_owed_connections", "Connections that are owed statuses.", signals.owing)
        sent = CounterMetricFamily("sermo_signals_sent", "Signals given to connections.", labels=["signal"])
        shed = CounterMetricFamily(
            "sermo_signals_shed", "Under pressure: statuses sent later, typing dropped.", labels=["signal"]
        )
        sent.add_metric(["user_status"], signals.statuses_sent)
        sent.add_metric(["typing"], signals.typing_sent)
        shed.add_metric(["user_status"], signals.statuses_shed)
        shed.add_metric(["typing"], signals.typing_shed)
        yield sent
        yield shed
        yield _counter(
            "sermo_typing_coalesced", "Typing not passed on, since it was a moment before.", signals.typing_coalesced
        )
        carried = CounterMetricFamily(
            "sermo_bus_notifications", "Between nodes: said, heard (its own too), unreadable.", labels=["kind"]
        )
        carried.add_metric(["said"], bus.said)
        carried.add_metric(["heard"], bus.heard)
        carried.add_metric(["unreadable"], signals.unreadable)
        yield carried


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _counted(name: str, text: str, label: str, counts: Mapping[Any, int]) -> Metric:
    """One number for each key; a close code is shown as its number."""
    family = CounterMetricFamily(name, text, labels=[label])
    for key, count in counts.items():
        family.add_metric([str(int(key)) if isinstance(key, int) else key], count)
    return family


class Metrics:
    """The metrics of one node; two nodes in one process keep apart."""

    def __init__(self, node: "Node") -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(node))
        for histogram in (
            node.sockets.metrics.backlogs,
            node.appender.batch_commands,
            node.appender.seconds,
            node.tail.delay,
            node.search.seconds,
        ):
            self._registry.register(histogram)
        ProcessCollector(registry=self._registry)

    def numbers(self) -> list[tuple[str, dict[str, str], float]]:
        """Those of `CHOSEN`: metric, labels, value."""
        return [
            (sample.name, dict(sample.labels), float(sample.value))
            for metric in self._registry.collect()
            for sample in metric.samples
            if sample.name in CHOSEN
        ]

    def render(self) -> bytes:
        """All of it as text."""
        return generate_latest(self._registry)
