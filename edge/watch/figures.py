"""``linli edge watch``: what a running agent sees and how it does, live in the terminal.

Asks the agent's own /metrics and /readyz, so that it works beside any agent and disturbs none.
"""

import http.client
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group
from rich.table import Table
from rich.text import Text

ADDRESS_FILE: Final = "health.address"
"""In the data folder: where the running agent's health is served."""
TIMEOUT_S: Final = 3.0

Sample = tuple[str, str]
"""A metric's name without ``linli_edge_``, and its one label's value or ""."""


class Unreachable(Exception):
    """No agent answers; the text says what to do."""


class Look(Struct, frozen=True):
    """What an agent said at one moment."""

    at_s: float
    ready: str
    """Empty, or why the node is not doing its work."""
    values: Mapping[Sample, float]

    def of(self, name: str, label: str = "") -> float:
        """A value; 0 where the agent has none."""
        return self.values.get((name, label), 0.0)

    def labels(self, name: str) -> list[str]:
        """Every label that a metric has."""
        return sorted(label for metric, label in self.values if metric == name)


def address(data: Path, host: str, port: int) -> str:
    """Where the agent of an edge.yaml answers; raises `Unreachable`."""
    if port:
        return f"http://{host}:{port}"
    try:
        return (data / ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        raise Unreachable(
            f"no agent runs with the data folder {data}; start it, or give --url of another"
        ) from None


def look(url: str, clock: Callable[[], float] = time.monotonic) -> Look:
    """Ask an agent; raises `Unreachable`."""
    _, metrics = _get(url, "/metrics")
    status, ready = _get(url, "/readyz")
    values: dict[Sample, float] = {}
    try:
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                if "le" not in sample.labels:
                    label = next(iter(sample.labels.values()), "")
                    values[sample.name.removeprefix("linli_edge_"), label] = sample.value
    except ValueError as error:
        raise Unreachable(f"{url} is no agent: {error}") from None
    return Look(clock(), "" if status == 200 else ready.strip(), values)


def _get(url: str, path: str) -> tuple[int, str]:
    parts = urlsplit(url)
    try:
        link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            link.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unreachable(f"no agent answers at {url}: {error}") from None


def picture(before: Look, now: Look) -> Group:
    """The whole screen, from two looks; rates are of the time between them."""
    return Group(_node(before, now), _cameras(before, now), _records(before, now))


def _rate(before: Look, now: Look, name: str, label: str = "") -> float:
    passed = now.at_s - before.at_s
    return max(now.of(name, label) - before.of(name, label), 0.0) / passed if passed > 0 else 0.0


def _node(before: Look, now: Look) -> Text:
    up = now.of("broker_connected") == 1
    line = Text()
    line.append("● ", "green" if not now.ready else "red")
    line.append("doing its work" if not now.ready else now.ready, "bold")
    line.append(f"\nbroker {'connected' if up else 'away'}", "" if up else "red")
    line.append(f"   outbox {now.of('outbox_records'):.0f} records")
    if age_s := now.of("outbox_oldest_seconds"):
        line.append(f", the oldest {age_s:.0f} s", "yellow" if age_s > 60 else "")
    line.append(f", {now.of('outbox_pictures'):.0f} pictures")
    if dropped := now.of("outbox_dropped_records"):
        line.append(f", {dropped:.0f} dropped", "red")
    line.append(f"   sent {_rate(before, now, 'records_published_total'):.1f}/s")
    line.append(f"   memory {now.of('resident_bytes') / 1024**2:.0f} MB")
    if celsius := now.of("temperature_celsius"):
        line.append(f"   {celsius:.0f} °C", "red" if celsius >= 80 else "")
    if not now.of("config_last_reload_successful"):
        line.append("\nthe edge.yaml as it is now was refused: `linli check` says why", "red")
    return line


def _cameras(before: Look, now: Look) -> Table:
    table = Table(title="Cameras", title_justify="left", expand=False)
    table.add_column("camera")
    for name in ("came/s", "looked/s", "skipped/s", "unmoved", "inference", "failures"):
        table.add_column(name, justify="right")
    for camera in now.labels("frames_read_total"):
        looked = _rate(before, now, "frames_inferred_total", camera)
        gated = _rate(before, now, "frames_gated_total", camera)
        spent = _rate(before, now, "inference_seconds_sum", camera)
        runs = _rate(before, now, "inference_seconds_count", camera)
        failures = now.of("camera_failures_total", camera)
        table.add_row(
            camera,
            f"{_rate(before, now, 'frames_read_total', camera):.1f}",
            f"{looked:.1f}",
            f"{_rate(before, now, 'frames_skipped_total', camera):.1f}",
            f"{100 * gated / (looked + gated):.0f} %" if looked + gated else "–",
            f"{1000 * spent / runs:.0f} ms" if runs else "–",
            Text(f"{failures:.0f}", "red" if failures else ""),
        )
    return table


def _records(before: Look, now: Look) -> Table:
    table = Table(title="Seen and sensed", title_justify="left")
    table.add_column("record")
    table.add_column("in all", justify="right")
    table.add_column("a minute", justify="right")
    for kind in now.labels("records_appended_total"):
        a_minute = 60 * _rate(before, now, "records_appended_total", kind)
        table.add_row(kind, f"{now.of('records_appended_total', kind):.0f}", f"{a_minute:.0f}")
    return table
