"""What a node shows at /metrics, by name and labels."""

from prometheus_client.parser import text_string_to_metric_families

from sermo.node import Node


def number_of(node: Node, name: str, **labels: str) -> float:
    """The number; 0 where it is not shown, as Prometheus takes it."""
    for family in text_string_to_metric_families(node.metrics.render().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return 0.0
