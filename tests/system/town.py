"""A town of three nodes, what they report, and the rules that watch it."""

import random
import time
from typing import Any

from msgspec.structs import replace

from tests.system.world import Edge, now_ms
from wire.records import AnyRecord, Direction, DoorState, LineCross, ZoneCount, ZoneEnter

NODES = ("north", "south", "gate")
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


def _plan(node: str, length_s: float) -> list[tuple[int, list[AnyRecord]]]:
    """(offset in ms, records): a busy camera and a door, the same at every run."""
    rng = random.Random(node)
    plan: list[tuple[int, list[AnyRecord]]] = []
    count, is_open = 0, False
    for offset in range(0, round(length_s * 1000), STEP_MS):
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
    end = round(length_s * 1000)
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


def play(worlds: list[dict[str, Edge]], start: int, length_s: float) -> None:
    """Give every world the same records, each when its time has come, from ``start`` (ms).

    Where the disk holds up what plays them, all that follows happens later: nobody sees now what
    was a second ago, and a hub would be right to decide without it.
    """
    behind = 0
    steps = [(offset, node, records) for node in NODES for offset, records in _plan(node, length_s)]
    for offset, node, records in sorted(steps, key=lambda step: step[:2]):
        while now_ms() < start + behind + offset:
            time.sleep(0.002)
        behind = max(behind, now_ms() - start - offset)
        stamped = [replace(record, ts=record.ts + start + behind) for record in records]
        for edges in worlds:
            edges[node].append(stamped)
