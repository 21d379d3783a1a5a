"""A real hub behind a real broker, and the backtest of what it stored: the same alerts."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import configs
from hub.backtest import workers
from tests.servers import mosquitto
from tests.system.world import Edge, HubProcess, now_ms, wait_for
from wire.records import DoorState, ZoneCount

PLACE = {
    "id": "hall",
    "name": "Hall",
    "views": [[{"node": "gate", "source": "cam", "zone": "z"}]],
    "doors": [{"node": "gate", "source": "door"}],
}


def _rule(name: str, signal: str, above: float, **more: Any) -> dict[str, Any]:
    when = [{"signal": signal, "above": above}]
    return {"id": name, "title": name, "places": ["*"], "when": when, **more}


SITE = {
    "site": {"id": "town", "name": "Town", "timezone": "Asia/Shanghai"},
    "nodes": [{"id": "gate"}],
    "places": [PLACE],
    "rules": [
        _rule("open", "door.open_s", 0.5),
        _rule("crowd", "occupancy.person", 2),
        _rule("seen", "presence.person", 0.5, clear={"below": 0.3, "for": "300ms"}),
    ],
}


@pytest.mark.system
def test_a_backtest_of_what_a_hub_stored_finds_the_alerts_it_raised(tmp_path: Path) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        hub = HubProcess(tmp_path, SITE, broker, patience="2s")
        hub.start()
        stack.callback(hub.kill)
        hub.wait_ready()
        edge = Edge(tmp_path, broker, "gate", stack=stack)
        begun = now_ms()
        for step in range(13):
            ts = now_ms() + 1 if step < 12 else now_ms() - 30_000  # the last one comes late
            count, is_open = (0, 3, 4, 1)[step % 4], step % 6 in (1, 2, 3)
            edge.append(
                [
                    ZoneCount(
                        seq=0, ts=ts, source="cam", zone="z", label="person", count=count,
                        confidence=0.8 if count else 0.0,
                    ),
                    DoorState(seq=0, ts=ts, source="door", open=is_open),
                ]
            )  # fmt: skip
            sent = 2 * (step + 1)
            wait_for("the records are admitted", lambda: hub.admitted() == sent)  # noqa: B023
            wait_for("a third of a second has passed", lambda: now_ms() > ts + 330)  # noqa: B023
        wait_for("what can end has ended", lambda: hub.quiet(but="seen"))
        wait_for("the series store has everything", hub.drained)
        end = max(row[4] or row[3] for row in hub.alerts()) + 1
        live = hub.alerts()
        settings, (site,) = configs.load_hub(tmp_path / "hub.yaml")
        found = workers.replay(settings, site, workers.Stretch(begun - 60_000, end), jobs=1)
    fired = [(a.pending_ts, a.rule, a.place, a.fired_ts, a.resolved_ts) for a in found.fired]
    assert sorted(fired) == sorted(live)
    assert {row[1] for row in live} == {"open", "crowd", "seen"}
