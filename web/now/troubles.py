"""What is broken: everything about nodes, cameras and sensors that somebody should look at."""

from collections.abc import Iterator

from msgspec import Struct
from sqlalchemy import RowMapping

from configs.values import Text
from web.now.snapshot import Snapshot, faults_of
from wire.records import AGENT

BATTERY = 15
"""Per cent. Higher: batteries are changed earlier."""
CLOCK_MS = 2000
"""How far a node's clock may be off before durations suffer."""
OUTBOX = 1000
"""Records that may wait at a node before it counts as held up."""
HOT = 85.0
"""Degrees Celsius from which on processors slow themselves down."""


class Trouble(Struct, frozen=True):
    """One thing that is broken."""

    site: str
    node: str
    source: str
    """"" for the node itself."""
    name: Text
    kind: str
    """A key of `web.language.TROUBLES`."""
    since: int
    """When it was last heard of, ms; 0 for never."""
    detail: str = ""
    """A number, or the fault's name."""
    visit: bool = True
    """Whether somebody has to go there."""


def troubles(now: Snapshot) -> list[Trouble]:
    """All of them, by site and node; what has a visit to make first."""
    found = [*_of_nodes(now), *_of_sources(now)]
    return sorted(found, key=lambda one: (not one.visit, one.site, one.node, one.source))


def _of_nodes(now: Snapshot) -> Iterator[Trouble]:
    for file in now.console.sites:
        for node in file.nodes:
            site, name = file.site.id, node.name if node.name.en else Text(node.id, node.id)
            row = now.nodes.get((site, node.id))
            if row is None:
                yield Trouble(site, node.id, "", name, "unseen", 0)
                continue
            for kind, detail, visit in _of_node(row, _agent(now, site, node.id)):
                since = row["online_at"] if kind == "offline" else row["last_rx"]
                yield Trouble(site, node.id, "", name, kind, since, detail, visit)


def _of_node(row: RowMapping, agent: dict[str, float]) -> Iterator[tuple[str, str, bool]]:
    if not row["online"]:
        yield "offline", "", True
        return
    if abs(row["clock_ms"]) > CLOCK_MS:
        yield "clock", f"{row['clock_ms'] / 1000:+.1f}", False
    if row["lost"]:
        yield "lost", str(row["lost"]), False
    if agent.get("outbox", 0) > OUTBOX:
        yield "outbox", f"{agent['outbox']:g}", False
    if agent.get("dropped", 0):
        yield "dropped", f"{agent['dropped']:g}", False
    if agent.get("celsius", 0) >= HOT:
        yield "hot", f"{agent['celsius']:.0f}", True


def _agent(now: Snapshot, site: str, node: str) -> dict[str, float]:
    row = now.sources.get((site, node, AGENT))
    values = row["values"] if row is not None else {}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _of_sources(now: Snapshot) -> Iterator[Trouble]:
    known = {(file.site.id, node.id) for file in now.console.sites for node in file.nodes}
    for (site, node, source), row in now.sources.items():
        state = now.nodes.get((site, node))
        if (site, node) not in known or source == AGENT or state is None or not state["online"]:
            continue  # a node that is cut off is told of once, as itself
        name = now.console.source_name(site, node, source)
        for kind, detail in _of_source(row):
            yield Trouble(site, node, source, name, kind, row["last_ts"], detail)


def _of_source(row: RowMapping) -> Iterator[tuple[str, str]]:
    values = row["values"]
    for fault in faults_of(row):
        yield "fault", fault
    if values.get("tamper"):
        yield "tamper", ""
    if values.get("available") is False:
        yield "unavailable", ""
    battery = values.get("battery")
    if isinstance(battery, int) and battery <= BATTERY:
        yield "battery", str(battery)
