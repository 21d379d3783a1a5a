"""What was seen around an alert: the records of its place before and after, and its signals."""

import itertools
from collections.abc import Iterator

from flask_babel import gettext
from msgspec import UNSET, Struct

from configs.site import Place
from configs.values import Text
from configs.words import FAULTS, LABELS, limit_of
from hub.series.points import SeriesStore, Stored
from web.charts import Curve, curve
from web.console import Console, console
from web.language import span, word
from web.now.snapshot import AlertView, sources_of
from wire.records import (
    AnyRecord,
    Box,
    Direction,
    DoorAccess,
    DoorState,
    LineCross,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)

BEFORE_MS = 120_000
AFTER_MS = 120_000
"""What is shown around the moment. Higher: more of the story, a slower page."""
LOOKBACK_MS = 600_000
"""How far back a signal's value is looked for that holds as the curve begins."""
SHOWN = 40
"""Records on each side of the moment: the nearest."""
READ = 20_000
"""Records that are looked through at most."""


class Sighting(Struct, frozen=True):
    """A record of the place, in words."""

    ts: int
    name: Text
    """Of the camera or sensor."""
    text: str
    picture: str
    """``<node>/<ref>``, "" for none."""
    after: bool
    """After the alert fired."""


class SignalSeen(Struct, frozen=True):
    """A signal of the rule around the moment."""

    name: str
    curve: Curve
    limit: float | None


class Seen(Struct, frozen=True):
    """All of it. Where ``known`` is false, the series store did not answer."""

    known: bool
    start: int = 0
    end: int = 0
    sightings: list[Sighting] = []
    signals: list[SignalSeen] = []
    box: Box | None = None
    """Of who or what the alert's picture was taken for."""


def around(console: Console, alert: AlertView) -> Seen:
    """What the place's records say of the minutes around an alert."""
    place = console.place(alert.site, alert.place)
    if place is None:
        return Seen(True)
    found = console.told(lambda series: _read(series, alert, place, console.now()))
    return found or Seen(False)


def _read(series: SeriesStore, alert: AlertView, place: Place, now: int) -> Seen:
    start, end = alert.pending_ts - BEFORE_MS, min(alert.since + AFTER_MS, now)
    nodes = sorted({node for node, _source in sources_of(place)})
    stored = itertools.islice(series.records(alert.site, start, end, nodes), READ)
    mine = sorted((one for one in stored if _tells_of(place, one)), key=lambda one: one.record.ts)
    told = [_sighting(place, one, alert.since) for one in _news(mine)]
    before = [one for one in told if not one.after][-SHOWN:]
    names = {measure.signal: limit_of(measure.text) for measure in alert.measures}
    signals = [
        SignalSeen(name, _curve(series, alert, name, limit, start, end), limit)
        for name, limit in names.items()
    ]
    return Seen(
        True, start, end, before + [one for one in told if one.after][:SHOWN],
        [one for one in signals if one.curve.path], _box(mine, alert),
    )  # fmt: skip


def _curve(
    series: SeriesStore, alert: AlertView, name: str, limit: float | None, start: int, end: int
) -> Curve:
    points = series.signal(alert.site, alert.place, name, start - LOOKBACK_MS, end)
    return curve(points, start, end, *([limit] if limit is not None else []))


def _box(stored: list[Stored], alert: AlertView) -> Box | None:
    if alert.picture is None:
        return None
    key = (alert.picture.node, alert.picture.ref)
    boxes = (
        one.record.box
        for one in stored
        if isinstance(one.record, ZoneEnter | LineCross) and (one.node, one.record.evidence) == key
    )
    return next(boxes, None)


def _tells_of(place: Place, stored: Stored) -> bool:
    """Whether a record is about this place: its zones, lines, doors, and its cameras' health."""
    record, node = stored.record, stored.node
    where = (node, record.source)
    match record:
        case ZoneCount() | ZoneEnter() | ZoneExit() | ZoneDwell() | ZoneStationary():
            views = (view for group in place.views for view in group)
            return any((v.node, v.source, v.zone) == (*where, record.zone) for v in views)
        case LineCross():
            return any((c.node, c.source, c.line) == (*where, record.line) for c in place.lines)
        case DoorState() | DoorAccess():
            return any((door.node, door.source) == where for door in place.doors)
        case NodeHealth() | SceneFault():
            return where in sources_of(place)


def _news(stored: list[Stored]) -> Iterator[Stored]:
    """Without what only says again what was said before."""
    last: dict[object, object] = {}
    for one in stored:
        record = one.record
        key: object
        said: object
        match record:
            case ZoneCount():
                key, said = (one.node, record.source, record.zone, record.label), record.count
            case DoorState():
                key, said = (one.node, record.source, "door"), record.open
            case NodeHealth():
                # How it works, such as at which speed, is no news while it does.
                said = (record.ok, "" if record.ok else record.detail)
                key = (one.node, record.source, "ok")
                last.setdefault(key, (True, ""))
            case ZoneDwell() | ZoneStationary():
                key, said = (one.node, record.source, record.type, record.track), True
            case _:
                yield one
                continue
        if last.get(key) != said:
            last[key] = said
            yield one


def _sighting(place: Place, stored: Stored, moment: int) -> Sighting:
    record = stored.record
    name = console().source_name(stored.site, stored.node, record.source)
    ref = f"{stored.node}/{record.evidence}" if record.evidence is not UNSET else ""
    return Sighting(record.ts, name, say(place, stored.node, record), ref, record.ts > moment)


def say(place: Place, node: str, record: AnyRecord) -> str:
    """A record in the reader's words."""
    match record:
        case DoorState():
            text = gettext("the door opened") if record.open else gettext("the door closed")
        case DoorAccess(granted=True):
            text = gettext("access granted")
        case DoorAccess():
            text = gettext("access refused")
        case SceneFault(active=True):
            text = gettext("began: %(fault)s", fault=word(record.fault, FAULTS))
        case SceneFault():
            text = gettext("over: %(fault)s", fault=word(record.fault, FAULTS))
        case NodeHealth(ok=True):
            text = gettext("works again")
        case NodeHealth():
            text = gettext("does not work: %(why)s", why=word(record.detail, FAULTS))
        case LineCross():
            text = _crossed(place, node, record)
        case _:
            text = _in_zone(record)
    return str(text)


def _crossed(place: Place, node: str, record: LineCross) -> str:
    key = (node, record.source, record.line)
    inward = next(
        (c.inward for c in place.lines if (c.node, c.source, c.line) == key), Direction.RIGHT
    )
    who = word(record.label, LABELS)
    if record.direction is inward:
        return str(gettext("%(who)s went in", who=who))
    return str(gettext("%(who)s went out", who=who))


def _in_zone(
    record: ZoneCount | ZoneEnter | ZoneExit | ZoneDwell | ZoneStationary,
) -> str:
    who = word(record.label, LABELS)
    match record:
        case ZoneCount():
            text = gettext("%(who)s: %(count)d there", who=who, count=record.count)
        case ZoneEnter():
            sure = f"{record.confidence:.0%}"
            text = gettext("%(who)s came into view (%(sure)s sure)", who=who, sure=sure)
        case ZoneExit():
            stay = span(record.dwell_ms / 1000)
            text = gettext("%(who)s left after %(stay)s", who=who, stay=stay)
        case ZoneDwell():
            text = gettext(
                "%(who)s has been there for %(stay)s", who=who, stay=span(record.dwell_ms / 1000)
            )
        case ZoneStationary():
            text = gettext(
                "%(who)s has stood still for %(stay)s", who=who, stay=span(record.still_ms / 1000)
            )
    return str(text)
