"""The hub's figures for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class HubMetrics:
    """Counters of one hub, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.messages = Counter(
            "linli_hub_messages", "MQTT messages taken, by channel.", ["channel"], registry=registry
        )
        self.records = Counter(
            "linli_hub_records",
            "Records by outcome: admitted, duplicate, late, unknown, bad, clock_corrected, failed.",
            ["outcome"],
            registry=registry,
        )
        self.lost = Gauge(
            "linli_hub_records_lost",
            "Records numbered by nodes that never came.",
            registry=registry,
        )
        self.missing = Gauge(
            "linli_hub_records_missing", "Records in open gaps, lost or not.", registry=registry
        )
        self.dead_letters = Counter(
            "linli_hub_dead_letters", "Messages that could not be read.", registry=registry
        )
        self.alerts = Counter(
            "linli_hub_alerts", "Alert transitions.", ["step", "severity"], registry=registry
        )
        self.batch = Histogram(
            "linli_hub_batch_messages",
            "Messages committed together.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=registry,
        )
        self.commit = Histogram(
            "linli_hub_commit_seconds",
            "Time to commit a batch durably.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
            registry=registry,
        )
        self.commit_failures = Counter(
            "linli_hub_commit_failures", "Commits that had to be tried again.", registry=registry
        )
        self.news_seconds = Histogram(
            "linli_hub_alert_delay_seconds",
            "From the event time of an alert to its commit.",
            buckets=(0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 30),
            registry=registry,
        )
        self.reloads = Counter(
            "linli_hub_config_reloads", "Configurations taken or refused.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.snapshots = Counter(
            "linli_hub_live_snapshots",
            "Pictures for live views by outcome: asked, granted, refused, unanswered.",
            ["outcome"],
            registry=registry,
        )
        self.connected = Gauge(
            "linli_hub_broker_connected", "1 while the broker is connected.", registry=registry
        )
        self.held = Gauge(
            "linli_hub_nodes_held", "Nodes whose places wait for them.", registry=registry
        )
