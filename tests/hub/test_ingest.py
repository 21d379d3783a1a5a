"""A hub that is told to stop handles what has already arrived."""

from pathlib import Path

from paho.mqtt.client import MQTTMessage

from configs.servers import HubSettings
from hub.ingest import Ingest
from hub.series.sqlite import SqliteSeries
from hub.series.writer import SeriesWriter
from hub.upkeep import Upkeep
from tests.hub.chain import T0, Hub, batch, count_record


def test_what_has_arrived_when_the_hub_stops_is_committed(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    settings, series = HubSettings(data=str(tmp_path)), SqliteSeries(tmp_path / "series.db")
    writer = SeriesWriter(hub.database, series, now=lambda: T0, registry=hub.registry)
    upkeep = Upkeep(
        settings, hub.database, hub.pipeline.ledger, series, hub.metrics,
        lambda: hub.pipeline.sites, hub.pipeline.notice,
    )  # fmt: skip
    ingest = Ingest(
        settings, ["s"], hub.pipeline, writer, upkeep, hub.metrics, lambda: T0 * 1000, lambda: None
    )
    for seq in range(1, 401):  # more than one batch
        topic, payload = batch("a", T0, count_record(seq, T0, 1))
        message = MQTTMessage(seq, topic.encode())
        message.payload, message.qos = payload, 1
        ingest._on_message(ingest._client, None, message)
    ingest._stopping.set()
    ingest._work()
    assert ingest.failure is None
    assert hub.node("a").admitted == 400
