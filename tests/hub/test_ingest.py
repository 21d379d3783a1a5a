"""What the hub's worker does with what has arrived: when it is told to stop, and after a stall."""

from pathlib import Path

from paho.mqtt.client import MQTTMessage

from configs.servers import HubSettings
from hub.ingest import Ingest
from hub.series.sqlite import SqliteSeries
from hub.series.writer import SeriesWriter
from hub.upkeep import Upkeep
from tests.hub.chain import T0, Hub, batch, count_record


class Worker:
    """An ingest without a broker, with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub(folder)
        self.now = T0
        settings, series = HubSettings(data=str(folder)), SqliteSeries(folder / "series.db")
        writer = SeriesWriter(
            self.hub.database, series, now=lambda: self.now, registry=self.hub.registry
        )
        upkeep = Upkeep(
            settings, self.hub.database, self.hub.pipeline.ledger, series, self.hub.metrics,
            lambda: self.hub.pipeline.sites, self.hub.pipeline.notice,
        )  # fmt: skip
        self.ingest = Ingest(
            settings, ["s"], self.hub.pipeline, writer, upkeep, self.hub.metrics,
            lambda: self.now * 1000, lambda: None,
        )  # fmt: skip

    def arrives(self, seq: int) -> None:
        topic, payload = batch("a", self.now, count_record(seq, self.now, 1))
        message = MQTTMessage(seq, topic.encode())
        message.payload, message.qos = payload, 1
        self.ingest._on_message(self.ingest._client, None, message)


def test_what_has_arrived_when_the_hub_stops_is_committed(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    for seq in range(1, 401):  # more than one batch
        worker.arrives(seq)
    worker.ingest._stopping.set()
    worker.ingest._work()
    assert worker.ingest.failure is None
    assert worker.hub.node("a").admitted == 400


def test_time_does_not_run_ahead_of_what_came_while_the_worker_stood_still(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    held = worker.hub.pipeline.watermark.held
    worker.arrives(1)
    for _ in range(3):
        worker.now += 50
        worker.ingest._handle_what_arrived()
    assert held(worker.now) == 0
    worker.now += 4000
    worker.ingest._handle_what_arrived()
    assert held(worker.now) == 1, "the broker may have kept back what came meanwhile"
    worker.now += 50
    worker.arrives(2)
    worker.ingest._handle_what_arrived()
    assert held(worker.now) == 0
