"""What the agent counts, for /metrics and for its reports. Base units, few labels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_INFERENCE_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0)


class EdgeMetrics:
    """Every metric of an edge agent, in the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.frames_read = Counter(
            "linli_edge_frames_read",
            "Pictures that came from a camera, skipped ones included",
            ["camera"],
            registry=registry,
        )
        self.frames_inferred = Counter(
            "linli_edge_frames_inferred",
            "Pictures that went through the detector",
            ["camera"],
            registry=registry,
        )
        self.frames_gated = Counter(
            "linli_edge_frames_gated",
            "Pictures that the motion gate spared the detector, as nothing moved in them",
            ["camera"],
            registry=registry,
        )
        self.slow = Gauge(
            "linli_edge_camera_slow",
            "1 while the device cannot analyse as many pictures as the camera's fps says",
            ["camera"],
            registry=registry,
        )
        self.frames_skipped = Counter(
            "linli_edge_frames_skipped",
            "Pictures that were passed over to keep up or to keep to the camera's fps",
            ["camera"],
            registry=registry,
        )
        self.inference = Histogram(
            "linli_edge_inference_seconds",
            "One run of the detector, waiting for other cameras left out",
            ["camera"],
            buckets=_INFERENCE_BUCKETS,
            registry=registry,
        )
        self.camera_failures = Counter(
            "linli_edge_camera_failures",
            "How often a camera gave up and was opened again",
            ["camera"],
            registry=registry,
        )
        self.records_appended = Counter(
            "linli_edge_records_appended",
            "Records committed to the outbox",
            ["type"],
            registry=registry,
        )
        self.records_failed = Counter(
            "linli_edge_records_failed",
            "Records that could not be written to the outbox and are lost",
            registry=registry,
        )
        self.records_published = Counter(
            "linli_edge_records_published",
            "Records that the broker acknowledged",
            registry=registry,
        )
        self.pictures_made = Counter(
            "linli_edge_evidence_made", "Pictures encoded", ["camera"], registry=registry
        )
        self.pictures_published = Counter(
            "linli_edge_evidence_published",
            "Pictures that the broker acknowledged",
            registry=registry,
        )
        self.config_reloads = Counter(
            "linli_edge_config_reloads",
            "How often the edge.yaml was read again, by outcome: good or refused",
            ["outcome"],
            registry=registry,
        )
        self.config_good = Gauge(
            "linli_edge_config_last_reload_successful",
            "1 where the edge.yaml as it is now runs, 0 where it was refused",
            registry=registry,
        )
        self.commands = Counter(
            "linli_edge_commands",
            "Commands that came over MQTT, by whether they could be done",
            ["verb", "outcome"],
            registry=registry,
        )
        self.connects = Counter(
            "linli_edge_broker_connects", "Connections made to the broker", registry=registry
        )
        self.link_failures = Counter(
            "linli_edge_broker_failures",
            "Connections that failed, were refused or broke",
            registry=registry,
        )
        self.connected = Gauge(
            "linli_edge_broker_connected", "1 while the broker is connected", registry=registry
        )
        self.outbox_records = Gauge(
            "linli_edge_outbox_records", "Records that wait for the broker", registry=registry
        )
        self.outbox_oldest = Gauge(
            "linli_edge_outbox_oldest_seconds",
            "How long the oldest record has waited for the broker; 0 where none waits",
            registry=registry,
        )
        self.outbox_set_aside = Gauge(
            "linli_edge_outbox_set_aside",
            "Corrupt outbox files that were set aside in the data folder",
            registry=registry,
        )
        self.resident = Gauge(
            "linli_edge_resident_bytes", "Memory that the agent holds", registry=registry
        )
        self.temperature = Gauge(
            "linli_edge_temperature_celsius",
            "The device's hottest sensor; 0 where it has none",
            registry=registry,
        )
        self.outbox_dropped = Gauge(
            "linli_edge_outbox_dropped_records",
            "Records the full outbox dropped since its epoch began",
            registry=registry,
        )
        self.pictures_waiting = Gauge(
            "linli_edge_outbox_pictures", "Pictures that wait for the broker", registry=registry
        )
        self.pictures_dropped = Gauge(
            "linli_edge_outbox_dropped_pictures",
            "Pictures dropped since the outbox's epoch began",
            registry=registry,
        )
        self.pictures_kept = Gauge(
            "linli_edge_pictures_kept", "Pictures of the last days on disk", registry=registry
        )
        self.pictures_kept_bytes = Gauge(
            "linli_edge_pictures_kept_bytes", "What they take", registry=registry
        )
        self.door_messages_bad = Counter(
            "linli_edge_door_messages_bad",
            "Messages of door sensors that could not be read",
            ["door"],
            registry=registry,
        )
