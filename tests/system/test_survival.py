"""Servers die in the middle of a stream; nothing is lost, doubled or decided otherwise.

Two worlds get the same records at the same moments. In one nothing happens. In the other
the hub is killed twice, Mosquitto is restarted and InfluxDB is away for a while. At the
end every record that was sent is in InfluxDB exactly once, and the alerts of the two
worlds are the same, to the millisecond.
"""

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.servers import influxdb, mosquitto
from tests.system.world import Edge, HubProcess, influx_seqs, now_ms, wait_for
from wire.records import AnyRecord, Direction, DoorState, LineCross, ZoneCount, ZoneEnter

NODES = ("north", "south", "gate")
LENGTH_S = 24.0
STEP_MS = 40
BOX = (0.4, 0.3, 0.1, 0.3)


def _place(node: str) -> dict[str, Any]:
    return {
        "id": f"{node}-yard",
        "name": node,
        "views": [[{"node": node, "source": "cam", "zone": "yard"}]],
        "lines": [{"node": node, "source": "cam", "line": "entry"}],
        "doors": [{"node": node, "source": "door"}],
    }


def _rule(name: str, signal: str, **more: Any) -> dict[str, Any]:
    condition = {"signal": signal, **more.pop("when")}
    return {"id": name, "title": name, "places": ["*"], "when": [condition], **more}


SITE = {
    "site": {"id": "town", "name": "Town", "timezone": "Asia/Shanghai"},
    "nodes": [{"id": node} for node in NODES],
    "places": [_place(node) for node in NODES],
    "rules": [
        _rule("crowd", "occupancy.person", when={"above": 3, "for": "700ms"}, clear={"below": 2}),
        _rule("seen", "presence.person", when={"above": 0.5}, clear={"below": 0.2, "for": "1s"}),
        _rule("left-open", "door.open_s", when={"above": 2}),
        _rule("rush", "flow.in", when={"above": 8}, cooldown="5s"),
    ],
}


def _plan(node: str) -> list[tuple[int, list[AnyRecord]]]:
    """(offset in ms, records): a busy camera and a door, the same at every run."""
    rng = random.Random(node)
    plan: list[tuple[int, list[AnyRecord]]] = []
    count, is_open = 0, False
    for offset in range(0, round(LENGTH_S * 1000), STEP_MS):
        records: list[AnyRecord] = []
        if rng.random() < 0.25:
            count = max(0, min(6, count + rng.choice((-2, -1, 1, 1))))
            records += [_count(offset, count), _enter(offset)]
        if rng.random() < 0.1:
            records.append(_cross(offset))
        if rng.random() < 0.02:
            is_open = not is_open
        records.append(DoorState(seq=0, ts=offset, source="door", open=is_open))
        plan.append((offset, records))
    end = round(LENGTH_S * 1000)
    plan.append((end, [_count(end, 0), DoorState(seq=0, ts=end, source="door", open=False)]))
    return plan


def _count(ts: int, count: int) -> AnyRecord:
    return ZoneCount(
        seq=0, ts=ts, source="cam", zone="yard", label="person", count=count, confidence=0.8
    )


def _enter(ts: int) -> AnyRecord:
    return ZoneEnter(
        seq=0, ts=ts, source="cam", zone="yard", label="person", track=ts, confidence=0.8, box=BOX
    )


def _cross(ts: int) -> AnyRecord:
    return LineCross(
        seq=0,
        ts=ts,
        source="cam",
        line="entry",
        label="person",
        track=ts,
        direction=Direction.RIGHT,
        confidence=0.7,
        box=BOX,
    )


def _play(worlds: list[dict[str, Edge]], start: int) -> None:
    """Give every world the records of the plan, each when its time has come."""
    steps = [(offset, node, records) for node in NODES for offset, records in _plan(node)]
    for offset, node, records in sorted(steps, key=lambda step: step[:2]):
        while now_ms() < start + offset:
            time.sleep(0.002)
        stamped = [replace(record, ts=record.ts + start) for record in records]
        for edges in worlds:
            edges[node].append(stamped)


@pytest.mark.system
@pytest.mark.timeout(240)
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
                (4.0, storm.kill),
                (6.5, storm.start),
                (9.0, broker.stop),
                (11.5, broker.start),
                (14.0, influx.kill),
                (15.0, storm.kill),
                (16.0, storm.start),
                (19.0, influx.start),
            ):
                threading.Event().wait(max(0.0, start / 1000 + offset - time.time()))
                act()

        start = now_ms() + 500
        trouble = threading.Thread(target=disturb, daemon=True)
        trouble.start()
        _play(worlds, start)
        trouble.join(60)
        assert not trouble.is_alive()

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
        assert sum(node.duplicate for node in storm.nodes().values()) > 0
