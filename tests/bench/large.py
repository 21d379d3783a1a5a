"""A large site in a state store: 50 places, 200 cameras, 500 open alerts."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert

from configs.site import DoorOf, NodeOf, Place, Site, SiteFile, SourceOf, View
from configs.values import Text
from hub.state.tables import Alert, NodeState, Picture, PlaceState, SourceState

SITE: Final = "large"
PLACES: Final = 50
CAMERAS: Final = 200
NODES: Final = 10
ALERTS: Final = 500
PLAN: Final = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 500"/>'


def site(folder: Path) -> SiteFile:
    """Its configuration; every place has four cameras and a door, all of them on the plan."""
    plan = folder / "plan.svg"
    plan.write_text(PLAN)
    return SiteFile(
        site=Site(id=SITE, name=Text("Large Court", "大院"), timezone="UTC", plan=str(plan)),
        nodes=tuple(
            NodeOf(id=_node(number), sources=tuple(_standing(number))) for number in range(NODES)
        ),
        places=tuple(_place(number) for number in range(PLACES)),
    )


def fill(engine: Engine, now: int) -> None:
    """Write the state of the moment ``now`` (ms)."""
    with engine.begin() as connection:
        nodes = [_row_of_node(number, now) for number in range(NODES)]
        connection.execute(insert(NodeState), nodes)
        _sources(connection, now)
        connection.execute(
            insert(PlaceState), [_row_of_place(number, now) for number in range(PLACES)]
        )
        alerts = [_row_of_alert(number, now) for number in range(ALERTS)]
        connection.execute(insert(Alert), alerts)


def _node(number: int) -> str:
    return f"n-{number}"


def _cameras(place: int) -> list[tuple[str, str]]:
    return [
        (_node(camera % NODES), f"cam-{camera:03d}") for camera in range(place, CAMERAS, PLACES)
    ]


def _standing(node: int) -> list[SourceOf]:
    cameras = range(node, CAMERAS, NODES)
    return [
        SourceOf(
            id=f"cam-{camera:03d}", name=Text(f"Camera {camera}", f"摄像头 {camera}"),
            at=(5.0 * camera, 40.0 + camera % 7 * 60),
        )
        for camera in cameras
    ]  # fmt: skip


def _place(number: int) -> Place:
    views = tuple(View(node=node, source=camera, zone="all") for node, camera in _cameras(number))
    return Place(
        id=f"p-{number:02d}",
        name=Text(f"Place {number}", f"地点 {number}"),
        at=(20.0 * number, 50.0 + number % 9 * 45),
        views=(views,),
        doors=(DoorOf(node=_node(number % NODES), source=f"door-{number:02d}", controlled=True),),
    )


def _row_of_node(number: int, now: int) -> dict[str, Any]:
    return {"site": SITE, "node": _node(number), "online": True, "online_at": now - 9_000_000,
            "epoch": "e", "about": {"agent": "linli 0.1.0"}, "last_ts": now, "last_rx": now,
            "clock_ms": 12}  # fmt: skip


def _sources(connection: Connection, now: int) -> None:
    rows: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for place in range(PLACES):
        door: dict[str, Any] = {
            "site": SITE,
            "node": _node(place % NODES),
            "source": f"door-{place:02d}",
        }
        values = {"open": place % 3 == 0, "since_ts": now - 60_000, "battery": 80}
        door |= {"kind": "door", "last_ts": now, "evidence": "", "evidence_ts": 0}
        door |= {"values": values}
        rows.append(door)
        for node, camera in _cameras(place):
            seen: dict[str, Any] = {"site": SITE, "node": node, "source": camera}
            rows.append({**seen, "kind": "camera", "last_ts": now,
                         "values": {"fps": 9.9, "infer_ms": 11.2, "frames": 12345},
                         "evidence": f"pic-{camera}", "evidence_ts": now})  # fmt: skip
            pictures.append({**seen, "ref": f"pic-{camera}", "ts": now, "size": 90_000})
    connection.execute(insert(SourceState), rows)
    connection.execute(insert(Picture), pictures)


def _row_of_place(number: int, now: int) -> dict[str, Any]:
    values = {"occupancy.person": number % 5, "presence.person": 0.8, "dwell.person": 12.0,
              "occupancy.car": number % 2, "door.open_s": 3.0, "door.forced": 0.0}  # fmt: skip
    signals = {name: {"value": value, "ts": now} for name, value in values.items()}
    return {"site": SITE, "place": f"p-{number:02d}", "signals": signals, "ts": now}


def _row_of_alert(number: int, now: int) -> dict[str, Any]:
    place = number % PLACES
    node, camera = _cameras(place)[number % 4]
    ts = now - 1000 * number
    severities = ("critical", "high", "medium", "low", "info")
    return {
        "id": f"alert-{number:04d}", "site": SITE, "place": f"p-{place:02d}", "rule": f"r-{number}",
        "severity": severities[number % 5], "state": "firing", "pending_ts": ts - 3000,
        "fired_ts": ts, "fired_rx": ts + 20, "evidence": f"{node}/pic-{camera}",
        "details": {
            "title": {"en": "Someone is there after hours", "zh": "夜间有人"},
            "advice": {"en": "Send the nearest patrol.", "zh": "请就近派人查看。"},
            "values": [{"signal": "presence.person", "value": 0.82,
                        "text": "presence.person above 0.7 for 3 s"}],
            "rule": "id: r\nwhen: [{signal: presence.person, above: 0.7, for: 3s}]\n",
            "sources": [f"{node}/{camera}"],
        },
    }  # fmt: skip
