"""The figures of telling people, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class NotifyMetrics:
    """Counters of one notifier."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "linli_hub_notify_deliveries",
            "Deliveries by what became of them: sent, muted, failed, needless.",
            ["outcome"],
            registry=registry,
        )
        self.attempts = Counter(
            "linli_hub_notify_attempts",
            "Messages tried; outcome is accepted, later or refused.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "linli_hub_notify_send_seconds",
            "How long the other side took to answer.",
            ["kind"],
            buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.waiting = Gauge(
            "linli_hub_notify_waiting", "Deliveries in the outbox.", registry=registry
        )
        self.overdue = Gauge(
            "linli_hub_notify_overdue_seconds",
            "How long the oldest delivery that is due has waited.",
            registry=registry,
        )
        self.failures = Counter(
            "linli_hub_notify_failures",
            "Steps of the notifier itself that failed and will be tried again.",
            registry=registry,
        )
