"""The community that the benchmarks load: 20 nodes, 40 places, a dozen rules.

Beside them are probe places, each with a door of its own, on which `tests.bench.latency`
makes an alert fire and end.
"""

from pathlib import Path
from typing import Any

import yaml

SITE = "bench"
NODES = 20
PROBES = 40
PROBE_NODE = "probe"
PROBE_RULE = "probe"


def node_name(number: int) -> str:
    """The id of a node, from 0."""
    return f"n-{number:02d}"


def probe_name(number: int) -> str:
    """The id of a probe place and of its door, from 0."""
    return f"probe-{number:02d}"


def write_hub(
    folder: Path, *, broker_port: int, http_port: int, series: dict[str, Any] | None = None
) -> Path:
    """Write a hub.yaml and its site into ``folder``, which also becomes its data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    hub = {
        "id": "bench",
        "mqtt": {"port": broker_port},
        "data": str(folder),
        "http_port": http_port,
        "series": series or {"kind": "sqlite"},
    }
    _write(folder / "site.yaml", _site())
    return _write(folder / "hub.yaml", {"hub": hub, "sites": ["site.yaml"]})


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _site() -> dict[str, Any]:
    numbers = range(NODES)
    return {
        "site": {"id": SITE, "name": "Bench Court", "timezone": "Asia/Shanghai"},
        "nodes": [{"id": node_name(n)} for n in numbers] + [{"id": PROBE_NODE}],
        "places": [
            *(_yard(n) for n in numbers),
            *(_hall(n) for n in numbers),
            *(_probe(n) for n in range(PROBES)),
        ],
        "rules": _rules(),
    }


def _yard(number: int) -> dict[str, Any]:
    """Two cameras that overlap, and a line."""
    node = node_name(number)
    return {
        "id": f"yard-{number:02d}",
        "name": f"Yard {number}",
        "tags": ["outdoor"],
        "views": [[{"node": node, "source": f"cam-{c}", "zone": "yard"} for c in "ab"]],
        "lines": [{"node": node, "source": "cam-a", "line": "gate"}],
    }


def _hall(number: int) -> dict[str, Any]:
    """One camera, and a door."""
    node = node_name(number)
    return {
        "id": f"hall-{number:02d}",
        "name": f"Hall {number}",
        "tags": ["indoor"],
        "views": [[{"node": node, "source": "cam-b", "zone": "hall"}]],
        "doors": [{"node": node, "source": "door", "controlled": True}],
    }


def _probe(number: int) -> dict[str, Any]:
    name = probe_name(number)
    return {
        "id": name,
        "name": name,
        "tags": ["probed"],
        "doors": [{"node": PROBE_NODE, "source": name, "controlled": True}],
    }


def _rules() -> list[dict[str, Any]]:
    night = {"outside": "06:00-22:30"}
    person = "presence.person"
    return [
        _rule("crowd", "outdoor", "occupancy.person", above=5, for_="2s", clear=3),
        _rule("busy-hall", "indoor", "occupancy.person", above=4, for_="3s", clear=2),
        _rule("somebody", "indoor", person, above=0.6, for_="1s", clear=0.2, active=night),
        _rule("night-yard", "outdoor", person, above=0.7, for_="3s", clear=0.3, active=night),
        _rule("car", "outdoor", "occupancy.car", above=2, for_="30s"),
        _rule("loiter-hall", "indoor", "dwell.person", above=60),
        _rule("loiter-yard", "outdoor", "dwell.person", above=120),
        _rule("rush-in", "outdoor", "flow.in", above=2000),
        _rule("rush-out", "outdoor", "flow.out", above=2000),
        _rule("door-open", "indoor", "door.open_s", above=20),
        _rule("silent", "*", "silence_s", above=60),
        _rule(PROBE_RULE, "probed", "door.forced", above=0.5),
    ]


def _rule(
    name: str, tag: str, signal: str, *, above: float, for_: str = "0s",
    clear: float | None = None, active: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    rule: dict[str, Any] = {
        "id": name,
        "title": name,
        "places": [tag],
        "when": [{"signal": signal, "above": above, "for": for_}],
    }
    if clear is not None:
        rule["clear"] = {"below": clear, "for": "5s"}
    return rule | ({"active": active} if active else {})
