"""Scenarios: a small timeline of records, and the alerts that rules must make of it.

title: A door left open
site_file: ../site.yaml          # or site:, nodes: and places: here
rule_files: [../door-held-open.yaml]
start: "2025-06-02 23:00"        # in the site's time zone
records:
  - {at: 3s, source: door-1, open: true}
  - {at: 0s, every: 10s, until: 5m, source: cam-1, zone: hall, count: 2}
until: 10m
expect:
  - {rule: door-held-open, place: lobby, fires: 2m3s, resolves: 5m}
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import replace

import configs
from configs import check, rule_check
from configs.convert import Converter
from configs.document import Document, read
from configs.problems import ConfigError, did_you_mean
from configs.rules import Rule, RulesFile
from configs.site import NodeOf, Place, Site, SiteFile
from configs.values import Duration, Text
from hub.backtest.fired import Fired
from hub.backtest.reader import Applied, Missed, Report
from hub.backtest.replayer import replay
from wire.records import (
    AnyRecord,
    Direction,
    DoorAccess,
    DoorState,
    Fault,
    Fraction,
    Id,
    Label,
    LineCross,
    Natural,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)  # fmt: skip

DEFAULT_START: Final = "2025-06-02 12:00"
BOX: Final = (0.4, 0.3, 0.1, 0.3)
"""Where in the picture a scenario's tracks are; no rule looks at it."""
_TELLING: Final = ("count", "dwell", "still", "fault", "line", "open", "granted", "ok", "track")


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record of the timeline, told by what it says: ``count`` is a zone.count, ``open`` a
    door.state … A zone.enter or zone.exit says so in ``type``."""

    at: Duration
    every: Duration | None = None
    """Repeat it, until ``until``."""
    until: Duration | None = None
    node: str = ""
    """May be left out where the site has one node."""
    source: str = ""
    type: Literal["", "zone.enter", "zone.exit"] = ""
    zone: str = ""
    label: Label = "person"
    confidence: Fraction = 0.9
    track: Natural | None = None
    count: Natural | None = None
    dwell: Duration | None = None
    still: Duration | None = None
    line: Id | None = None
    direction: Direction = Direction.RIGHT
    fault: Fault | None = None
    active: bool = True
    open: bool | None = None
    granted: bool | None = None
    ok: bool | None = None
    """A node.health; left out ``source``: of the node itself."""
    reports: Natural | None = None
    """So many open reports of ``kind`` at ``place``, instead of a record."""
    kind: Label = "hazard"
    missed: Natural | None = None
    """So many walks in a row have missed the checkpoint at ``place``, instead of a record."""
    place: str = ""


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert, with its times from the scenario's start."""

    rule: Id
    place: Id
    fires: Duration
    resolves: Duration | None = None
    """Left out: it still fires at the end."""
    severity: str = ""
    """The worst it came to; left out: any."""
    tolerance: Duration = Duration(0)


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario's file."""

    title: Text = Text("", "")
    site_file: str = ""
    """Beside this file; or the site follows here."""
    site: Site | None = None
    nodes: tuple[NodeOf, ...] = ()
    places: tuple[Place, ...] = ()
    rules: tuple[Rule, ...] = ()
    rule_files: tuple[str, ...] = ()
    """These rules alone run where any are given, else those of the site file."""
    start: str = DEFAULT_START
    records: Annotated[tuple[Entry, ...], Meta(min_length=1)]
    until: Duration
    expect: tuple[Expected, ...] = ()


class Timeline(Struct, frozen=True):
    """A scenario made ready: its site with the rules, and its records by time (ms)."""

    title: str
    site: SiteFile
    start: int
    end: int
    records: tuple[Applied, ...]
    expect: tuple[Expected, ...]


class Verdict(Struct, frozen=True):
    """What came of a scenario, a line for each alert."""

    passed: bool
    kept: tuple[str, ...]
    """Expected, and came."""
    missing: tuple[str, ...]
    """Expected, and did not come."""
    extra: tuple[str, ...]
    """Came, and was not expected."""


def load_scenario(path: Path) -> Timeline:
    """Read a scenario and what it names; raises `ConfigError` with all problems."""
    document = read(path)
    value = {} if document.value is None else document.value
    found: Scenario | None = Converter(document).convert(value, Scenario)
    if found is None:
        raise ConfigError(document.problems)
    problems = document.problems
    site = _site(path, found, document)
    site = replace(site, rules=_rules(path, found, site, document), rule_files=())
    start = _start(found, site, document)
    records = tuple(_records(found, site, start, document)) if not problems else ()
    _check_expected(found, site, document)
    if problems:
        raise ConfigError(problems)
    return Timeline(
        title=found.title.en or path.stem, site=site, start=start, end=start + found.until,
        records=tuple(sorted(records, key=lambda row: row[:2])), expect=found.expect,
    )  # fmt: skip


def _site(path: Path, found: Scenario, document: Document) -> SiteFile:
    nowhere = SiteFile(site=Site(id="none", name=Text("", ""), timezone="UTC"), nodes=(), places=())
    if found.site_file:
        if found.site is not None:
            document.complain(found, "site", "is given beside site_file", "remove one")
        try:
            return configs.load_site(path.parent / found.site_file)
        except ConfigError as error:
            document.problems += error.problems
            return nowhere
    if found.site is None:
        document.complain(found, "", "has no site", "give site_file, or site, nodes and places")
        return nowhere
    site = SiteFile(site=found.site, nodes=found.nodes, places=found.places)
    before = len(document.problems)
    check.site(site, document)
    return site if len(document.problems) == before else nowhere


def _rules(path: Path, found: Scenario, site: SiteFile, document: Document) -> tuple[Rule, ...]:
    rule_check.rules(found.rules, None, site.site.country, document)
    rules = list(found.rules)
    for index, name in enumerate(found.rule_files):
        try:
            file = configs.load_any(path.parent / name)
        except ConfigError as error:
            document.problems += error.problems
            continue
        if isinstance(file, RulesFile):
            rules += file.rules
        else:
            document.complain(found, f"rule_files.{index}", f"{name} is no file of rules")
    return tuple(rules) if found.rules or found.rule_files else site.rules


def _start(found: Scenario, site: SiteFile, document: Document) -> int:
    try:
        local = datetime.fromisoformat(found.start)
    except ValueError:
        hint = 'write it like "2025-06-02 23:00"'
        document.complain(found, "start", f"{found.start!r} is no time", hint)
        return 0
    if local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(site.site.timezone))
    return round(local.timestamp() * 1000)


def _check_expected(found: Scenario, site: SiteFile, document: Document) -> None:
    rules = {rule.id for rule in site.rules}
    places = {place.id for place in site.places}
    for each in found.expect:
        for part, name, known in (("rule", each.rule, rules), ("place", each.place, places)):
            if name not in known:
                hint = did_you_mean(name, known)
                document.complain(each, part, f"{name!r} is no {part} here", hint)


def _records(found: Scenario, site: SiteFile, start: int, document: Document) -> Iterator[Applied]:
    nodes = [node.id for node in site.nodes]
    seq = 0
    for entry in found.records:
        node = entry.node or (nodes[0] if len(nodes) == 1 else "")
        if entry.reports is None and entry.missed is None and node not in nodes:
            document.complain(entry, "node", f"{node!r} is no node here", did_you_mean(node, nodes))
        if entry.every is not None and (entry.every <= 0 or entry.until is None):
            document.complain(entry, "every", "needs a length and until", "give until: 1m")
            continue
        for offset in _times(entry):
            seq += 1
            at = start + offset
            made = _make(entry, seq, at)
            if isinstance(made, str):
                document.complain(entry, "", made)
                break
            yield at, at * 1000 + seq, node, made


def _times(entry: Entry) -> Sequence[int]:
    if entry.every is None or entry.until is None:
        return (int(entry.at),)
    return range(entry.at, entry.until + 1, entry.every)


def _by_people(entry: Entry) -> Report | Missed:
    if entry.missed is not None:
        return Missed(entry.place, entry.missed)
    return Report(entry.place, entry.kind, entry.reports or 0)


def _make(entry: Entry, seq: int, ts: int) -> AnyRecord | Report | Missed | str:
    """The record, or what is wrong with the entry."""
    if entry.reports is not None or entry.missed is not None:
        return _by_people(entry) if entry.place else "has no place"
    told = [name for name in _TELLING if getattr(entry, name) is not None]
    kinds = [name for name in told if name != "track"]
    kind = entry.type or (kinds[0] if len(kinds) == 1 else "")
    if not kind or (entry.type and kinds):
        says = " and ".join(kinds) or "nothing"
        return f"tells {says}; give one of {', '.join(_TELLING[:-1])}, or type: zone.enter"
    if not entry.source and kind != "ok":
        return "has no source"
    if kind in ("count", "dwell", "still", "zone.enter", "zone.exit") and not entry.zone:
        return "has no zone"
    base: dict[str, Any] = {"seq": seq, "ts": ts, "source": entry.source or "agent"}
    return _build(entry, kind, base)


def _build(entry: Entry, kind: str, base: dict[str, Any]) -> AnyRecord:
    track = {**base, "label": entry.label, "track": entry.track or 0}
    where = {**track, "zone": entry.zone}
    seen: dict[str, Any] = {"confidence": entry.confidence, "box": BOX}
    parts: dict[str, tuple[type[AnyRecord], dict[str, Any]]] = {
        "count": (
            ZoneCount,
            {
                **base, "zone": entry.zone, "label": entry.label, "count": entry.count,
                "confidence": entry.confidence if entry.count else 0.0,
            },
        ),
        "zone.enter": (ZoneEnter, {**where, **seen}),
        "zone.exit": (ZoneExit, {**where, "dwell_ms": 0}),
        "dwell": (ZoneDwell, {**where, "dwell_ms": int(entry.dwell or 0)}),
        "still": (ZoneStationary, {**where, "still_ms": int(entry.still or 0)}),
        "line": (LineCross, {**track, **seen, "line": entry.line, "direction": entry.direction}),
        "fault": (SceneFault, {**base, "fault": entry.fault, "active": entry.active}),
        "open": (DoorState, {**base, "open": entry.open}),
        "granted": (DoorAccess, {**base, "granted": entry.granted}),
        "ok": (NodeHealth, {**base, "ok": entry.ok}),
    }  # fmt: skip
    make, values = parts[kind]
    return make(**values)


def run(timeline: Timeline) -> Verdict:
    """Play it through the engine, and hold what fired against what was expected."""
    start = timeline.start
    end = timeline.end + 1  # what happens at `until` has happened
    left = list(replay(timeline.site, timeline.records, start, end).fired)
    kept, missing = [], []
    for expected in timeline.expect:
        same = (alert for alert in left if _meets(alert, expected, start, end))
        alert = next(same, None)
        if alert is None:
            missing.append(_spell_expected(expected))
        else:
            left.remove(alert)
            kept.append(_spell(alert, start, end))
    extra = tuple(_spell(alert, start, end) for alert in left)
    return Verdict(not missing and not extra, tuple(kept), tuple(missing), extra)


def _meets(alert: Fired, expected: Expected, start: int, end: int) -> bool:
    ended = _ended(alert, end)
    if (alert.rule, alert.place) != (expected.rule, expected.place):
        return False
    if expected.severity and alert.severity != expected.severity:
        return False
    if (ended is None) != (expected.resolves is None):
        return False
    late = [alert.fired_ts - start - expected.fires]
    if ended is not None and expected.resolves is not None:
        late.append(ended - start - expected.resolves)
    return all(abs(by) <= expected.tolerance for by in late)


def _ended(alert: Fired, end: int) -> int | None:
    ended = alert.resolved_ts
    return None if ended is None or ended >= end else ended


def _spell(alert: Fired, start: int, end: int) -> str:
    ended = _ended(alert, end)
    resolves = "still fires" if ended is None else f"resolves {spell_length(ended - start)}"
    fires = spell_length(alert.fired_ts - start)
    return f"{alert.rule} at {alert.place} ({alert.severity}): fires {fires}, {resolves}"


def _spell_expected(expected: Expected) -> str:
    ended = expected.resolves
    resolves = "still fires" if ended is None else f"resolves {spell_length(ended)}"
    severity = f" ({expected.severity})" if expected.severity else ""
    within = f" ± {spell_length(expected.tolerance)}" if expected.tolerance else ""
    fires = spell_length(expected.fires)
    return f"{expected.rule} at {expected.place}{severity}: fires {fires}, {resolves}{within}"


def spell_length(ms: int) -> str:
    """A length of time as configuration writes it: ``1m30s``."""
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if ms >= size:
            text += f"{ms // size}{unit}"
            ms %= size
    return text or "0s"
