"""Wires a hub together; reads from top to bottom."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry

from configs.servers import HubSettings
from configs.site import SiteFile
from health.server import HealthServer
from hub.analysis.weekly import Weekly
from hub.clock import TimeTeller
from hub.ingest import Ingest
from hub.live import Lookout
from hub.metrics import HubMetrics
from hub.notify.notifier import Notifier
from hub.pipeline import Pipeline
from hub.reload import ConfigWatcher
from hub.series.open import open_series
from hub.series.writer import SeriesWriter
from hub.state import store
from hub.upkeep import Upkeep
from wire.records import Done
from wire.topics import Topic

log = logging.getLogger(__name__)

FLUSH_S = 5.0
"""How long a hub that stops waits for the series store; what is left stays in the journal."""


class HubFailed(Exception):
    """A defect ended the hub; started again, it goes on where it was."""


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def serve(
    settings: HubSettings,
    sites: Sequence[SiteFile],
    stop: threading.Event,
    *,
    on_ready: Callable[[int], None],
    watch: Callable[[Ingest], ConfigWatcher] | None = None,
) -> None:
    """Run a hub until ``stop`` is set; ``on_ready`` gets the port of its health endpoint.

    ``watch`` makes what takes up a changed configuration.

    Raises `StateError`, `SeriesRefused`, `LinkRefused` or OSError where it cannot start, and
    `HubFailed` where it cannot go on.
    """
    data = Path(settings.data)
    data.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    metrics = HubMetrics(registry)
    with ExitStack() as teardown:
        database = store.connect(store.address(settings.state_url, data))
        teardown.callback(database.dispose)
        store.migrate(database)

        series = open_series(settings.series, data)
        teardown.callback(series.close)
        writer = SeriesWriter(database, series, now=lambda: now_us() // 1000, registry=registry)
        writer.start()
        teardown.callback(writer.stop, FLUSH_S)

        notifier = Notifier(
            database, settings.id, sites, settings.mqtt, lambda: now_us() // 1000,
            registry=registry, data=data,
        )  # fmt: skip
        notifier.start()
        teardown.callback(notifier.stop)

        weekly = Weekly(database, settings, series, sites, lambda: now_us() // 1000)
        weekly.start()
        teardown.callback(weekly.stop)

        pipeline = Pipeline(sites, settings, database, metrics, now_us() // 1000)
        pipeline.recover(now_us() // 1000)
        upkeep = Upkeep(
            settings, database, pipeline.ledger, series, metrics, lambda: pipeline.sites,
            pipeline.notice,
        )  # fmt: skip
        names = [file.site.id for file in sites]
        ingest = Ingest(settings, names, pipeline, writer, upkeep, metrics, now_us, stop.set)

        def reload(fresh: Sequence[SiteFile]) -> None:
            notifier.reload(fresh)
            weekly.reload(fresh)

        ingest.on_reload = reload
        lookout = Lookout(
            database,
            lambda: [file.site.id for file in pipeline.sites],
            ingest.send,
            lambda: now_us() // 1000,
            metrics,
        )
        teller = TimeTeller(ingest.send, lambda: now_us() // 1000)

        def on_done(topic: Topic, done: Done) -> None:
            lookout.answered(topic, done)
            teller.heard(topic, done)

        pipeline.intake.on_done = on_done

        health = teardown.enter_context(
            HealthServer(settings.http_host, settings.http_port, registry, lambda: ingest.trouble)
        )
        ingest.start()
        teardown.callback(ingest.stop)
        lookout.start()
        teardown.callback(lookout.stop)
        if watch is not None:
            watcher = watch(ingest)
            watcher.start()
            teardown.callback(watcher.stop)
        log.info("hub %s watches %s", settings.id, ", ".join(names))
        on_ready(health.port)
        stop.wait()
        log.info("hub %s stops", settings.id)
        if ingest.failure is not None:
            raise HubFailed(f"the ingest failed: {ingest.failure!r}") from ingest.failure
