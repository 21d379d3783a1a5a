"""What a demonstration came to, in numbers."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from configs.servers import HubSettings
from hub.series.open import open_series
from hub.state import store
from hub.state.tables import Alert, Checkpoint, DeadLetter, Journal, NodeState

FOR_EVER = 4_000_000_000_000
"""Milliseconds: the year 2096; in nanoseconds it still fits what InfluxDB counts in."""


def wait_until_stored(hub: HubSettings, published: int, patience_s: float) -> bool:
    """Until the hub has admitted ``published`` records and the series store has them."""
    database = store.connect(store.address(hub.state_url, Path(hub.data)))
    deadline = time.monotonic() + patience_s
    try:
        while time.monotonic() < deadline:
            with store.reading(database).begin() as connection:
                admitted = connection.scalar(select(func.sum(NodeState.admitted))) or 0
                newest = connection.scalar(select(func.max(Journal.n))) or 0
                written = (
                    connection.scalar(select(Checkpoint.n).where(Checkpoint.name == "series")) or 0
                )
            if admitted >= published and written >= newest:
                return True
            time.sleep(0.1)
        return False
    finally:
        database.dispose()


def hub_figures(hub: HubSettings, site: str) -> dict[str, Any]:
    """Records, signals and alerts of a site, read from the stores of its hub."""
    data = Path(hub.data)
    database = store.connect(store.address(hub.state_url, data))
    series = open_series(hub.series, data)
    try:
        with store.reading(database).begin() as connection:
            nodes = connection.execute(select(NodeState.__table__)).mappings().all()
            alerts = connection.execute(
                select(Alert.__table__).order_by(Alert.pending_ts)
            ).mappings().all()  # fmt: skip
            dead = connection.scalar(select(func.count()).select_from(DeadLetter)) or 0
        ranges = series.signal_ranges(site, 0, FOR_EVER)
        return {
            "records": {
                "admitted": sum(row["admitted"] for row in nodes),
                "stored": series.count_records(site, 0, FOR_EVER),
                "late": sum(row["late"] for row in nodes),
                "duplicate": sum(row["duplicate"] for row in nodes),
                "lost": sum(row["lost"] for row in nodes),
                "dead_letters": dead,
            },
            "signals": _signals(ranges),
            "alerts": [_alert(row) for row in alerts],
            "frame_to_alert_ms": _delays(alerts),
        }
    finally:
        series.close()
        database.dispose()


def _signals(
    ranges: Mapping[tuple[str, str], tuple[float, float, int]],
) -> dict[str, dict[str, Any]]:
    places: dict[str, dict[str, Any]] = {}
    for (place, name), (least, greatest, count) in sorted(ranges.items()):
        places.setdefault(place, {})[name] = {"min": least, "max": greatest, "values": count}
    return places


def _alert(row: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("rule", "place", "severity", "state", "pending_ts", "fired_ts", "resolved_ts", "late")
    return {name: row[name] for name in names}


def _delays(alerts: Sequence[Mapping[Any, Any]]) -> dict[str, float | int | None]:
    """From the frame (or the moment) that made an alert due to its being on disk."""
    delays = sorted(row["fired_rx"] - row["fired_ts"] for row in alerts if row["fired_ts"])
    return {
        "count": len(delays),
        "p50": percentile(delays, 0.50),
        "p99": percentile(delays, 0.99),
    }


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """The smallest value that ``part`` of all (rising) values do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def write(path: Path, report: Mapping[str, Any]) -> None:
    """The report as JSON."""
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
