"""Servers die in the middle of a stream; nothing is lost, doubled or decided otherwise.

Two worlds get the same records at the same moments. In one nothing happens. In the other
the hub is killed twice, Mosquitto is restarted and InfluxDB is away for a while. At the
end every record that was sent is in InfluxDB exactly once, and the alerts of the two
worlds are the same, to the millisecond.
"""

import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import influxdb, mosquitto
from tests.system.town import NODES, SITE, play
from tests.system.world import Edge, HubProcess, influx_seqs, now_ms, wait_for

LENGTH_S = 16.0


@pytest.mark.system
@pytest.mark.timeout(600)
def test_servers_die_and_no_record_is_lost_doubled_or_decided_otherwise(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("calm", "storm"):
            (tmp_path / name).mkdir()
        calm_broker = stack.enter_context(mosquitto(tmp_path / "calm"))
        broker = stack.enter_context(mosquitto(tmp_path / "storm"))
        influx = stack.enter_context(influxdb(tmp_path))
        series = {"kind": "influxdb", "url": influx.url, "bucket": "linli", "timeout": "2s"}
        calm = HubProcess(tmp_path / "calm", SITE, calm_broker)
        storm = HubProcess(tmp_path / "storm", SITE, broker, series=series)
        for hub in (calm, storm):
            hub.start()
            stack.callback(hub.kill)
            hub.wait_ready()
        worlds = [
            {node: Edge(tmp_path / name, server, node, stack=stack) for node in NODES}
            for name, server in (("calm", calm_broker), ("storm", broker))
        ]

        def disturb() -> None:
            for offset, act in (
                (2.5, storm.kill),
                (4.0, storm.start),
                (6.0, broker.stop),
                (7.5, broker.start),
                (9.5, influx.kill),
                (10.0, storm.kill),
                (10.5, storm.start),
                (13.0, influx.start),
            ):
                threading.Event().wait(max(0.0, start / 1000 + offset - time.time()))
                act()

        start = now_ms() + 500
        trouble = threading.Thread(target=disturb, daemon=True)
        trouble.start()
        play(worlds, start, LENGTH_S)
        trouble.join(120)
        assert not trouble.is_alive()

        worlds[1]["gate"].send_again(broker)
        sent = {node: edge.sent for node, edge in worlds[1].items()}
        total = sum(map(len, sent.values()))
        assert total > 1500
        edges = [edge for world in worlds for edge in world.values()]
        wait_for("the brokers have everything", lambda: all(edge.idle() for edge in edges))
        for hub in (calm, storm):
            wait_for("every record is admitted", lambda: hub.admitted() == total)  # noqa: B023
            # Flow looks a minute back: its alert would end long after all is told.
            wait_for("the other alerts have ended", lambda: hub.quiet(but="rush"))  # noqa: B023
            wait_for("the series store has everything", hub.drained)

        expected = Counter({(node, seq): 1 for node, seqs in sent.items() for seq in seqs})
        assert influx_seqs(influx.query) == expected
        assert storm.alerts() == calm.alerts()
        assert {row[1] for row in calm.alerts()} == {"crowd", "seen", "left-open", "rush"}
        assert all(node.lost == 0 for node in storm.nodes().values())
        wait_for("what came twice is counted", lambda: storm.nodes()["gate"].duplicate > 0)
