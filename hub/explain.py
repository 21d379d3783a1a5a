"""Why an alert came, and why none did: from the alert's own memory and the stored records.

What came is told from the alert's row and the records that moved its signals; what did not
is found by giving the place's stored records to the same engine that runs live.
"""

import json
import logging
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select
from sqlalchemy import Engine as Database

from configs.servers import HubSettings
from configs.site import Place, SiteFile
from hub import silences, uptime
from hub.backtest.reader import applied, others
from hub.backtest.replayer import give
from hub.downs import Down
from hub.rules.engine import Engine
from hub.rules.lack import Lack
from hub.rules.place import Outcome, PlaceAtWork
from hub.series.open import open_series
from hub.series.points import SeriesError, SeriesStore
from hub.state import store
from hub.state.store import reading
from hub.state.tables import Alert, AlertEvent
from wire.codec import encode_record
from wire.records import AGENT

BEFORE_MS = 60_000
"""Records are shown from this long before the alert began to be pending."""
SHOWN = 200
"""At most so many records in an explanation: the newest."""
NICE = 10
"""Of a process that explains beside a console: the hub and the pages come first."""
log = logging.getLogger(__name__)


class ExplainError(Exception):
    """There is nothing to explain; the text says why."""


class Carrier(Struct, frozen=True):
    """A record that came from where the alert's signals come from."""

    ts: int
    node: str
    record: dict[str, Any]
    moved: dict[str, float]
    """Signals of the rule that took these values with it."""


class Explained(Struct, frozen=True):
    """Why an alert came."""

    alert: dict[str, Any]
    events: list[dict[str, Any]]
    records: list[Carrier]
    left_out: int = 0
    """Older records that are not shown."""
    gaps: tuple[Down, ...] = ()
    """When nothing was heard before it, because the hub did not run."""

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()

    def as_text(self, zones: Mapping[str, ZoneInfo]) -> str:
        """For people; times by the site's clock."""
        return "\n".join(self._lines(zones.get(self.alert["site"])))

    def _lines(self, zone: ZoneInfo | None) -> Iterator[str]:
        alert = self.alert
        details = alert["details"]
        yield f"{details['title']['en']} ({alert['rule']} at {alert['place']}, {alert['severity']})"
        yield f"alert {alert['id']}, {alert['state']}"
        yield ""
        yield "What happened"
        for event in self.events:
            note = f": {event['note']}" if event["note"] else ""
            yield f"  {clock(event['ts'], zone)}  {event['kind']} by {event['actor']}{note}"
        yield ""
        yield "Values then"
        for value in details["values"]:
            yield f"  {value['signal']} = {_number(value['value'])}  ({value['text']})"
        yield ""
        yield "The rule then"
        yield from (f"  {line}" for line in details.get("rule", "not stored").splitlines())
        yield ""
        more = f", {self.left_out} older left out" if self.left_out else ""
        yield f"Records that could carry it{more}"
        if not self.records:
            yield "  none are stored any more"
        yield from (f"  {gap.in_words(zone or UTC)}" for gap in self.gaps)
        for one in self.records:
            moved = ", ".join(f"{name} -> {_number(value)}" for name, value in one.moved.items())
            words = json.dumps(one.record, ensure_ascii=False)
            yield f"  {clock(one.ts, zone)}  {one.node}  {words}  {moved}".rstrip()


class Reason(Struct, frozen=True):
    """One rule, and what kept it from firing; nothing, if it fired."""

    rule: str
    phase: str
    missing: list[Lack]


class Absence(Struct, frozen=True):
    """Why nothing fired at a place at a time."""

    site: str
    place: str
    at: int
    records: int
    """How many were replayed."""
    values: dict[str, float]
    rules: list[Reason]
    gaps: tuple[Down, ...] = ()
    """When nothing was heard, because the hub did not run."""

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()

    def as_text(self, zones: Mapping[str, ZoneInfo]) -> str:
        """For people; times by the site's clock."""
        zone = zones.get(self.site)
        lines = [f"{self.place} at {clock(self.at, zone)}, {self.records} records"]
        lines += [gap.in_words(zone or UTC) for gap in self.gaps]
        if self.gaps and self.gaps[-1].end >= self.at:
            lines.append(f"what follows is as of {clock(self.gaps[-1].start, zone)}")
        lines += [f"  {name} = {_number(value)}" for name, value in sorted(self.values.items())]
        for one in self.rules:
            lines += ["", f"{one.rule}: {one.phase}"]
            lines += [f"  {lack.in_words()}" for lack in one.missing]
        return "\n".join(lines)


def alert(
    database: Database, series: SeriesStore, sites: Sequence[SiteFile], alert_id: str
) -> Explained:
    """Why this alert came. Raises `ExplainError`, and what the series store raises."""
    events = select(*AlertEvent.__table__.columns).where(AlertEvent.alert == alert_id)
    with reading(database).begin() as connection:
        found = connection.execute(
            select(*Alert.__table__.columns).where(Alert.id == alert_id)
        ).first()
        story = connection.execute(events.order_by(AlertEvent.id)).mappings().all()
    if found is None:
        raise ExplainError(f"there is no alert {alert_id!r}; `linli alerts list` names them")
    row = dict(found._mapping)
    records = list(_carriers(series, sites, row))
    shown = records[-SHOWN:]
    start, end = row["pending_ts"] - BEFORE_MS, row["fired_ts"] or row["pending_ts"]
    gaps = _gaps(database, series, row["site"], start, end)
    return Explained(row, [dict(one) for one in story], shown, len(records) - len(shown), gaps)


def _gaps(
    database: Database, series: SeriesStore, site: str, start: int, end: int
) -> tuple[Down, ...]:
    with reading(database).begin() as connection:
        found = uptime.downs(connection, site, start, end)
    return tuple(uptime.unheard(series, site, found))


def _carriers(
    series: SeriesStore, sites: Sequence[SiteFile], alert: Mapping[str, Any]
) -> Iterator[Carrier]:
    sources = set(alert["details"].get("sources", ()))
    if not sources:
        place = _place(sites, alert["site"], alert["place"])
        sources = set(silences.sources_of(place, ("silence_s",))) if place is not None else set()
    start, end = alert["pending_ts"] - BEFORE_MS, (alert["fired_ts"] or alert["pending_ts"]) + 1
    names = sorted({value["signal"] for value in alert["details"]["values"]})
    moves: dict[int, dict[str, float]] = {}
    for name in names:
        last: float | None = None
        for ts, value in series.signal(alert["site"], alert["place"], name, start, end):
            if value != last:
                moves.setdefault(ts, {})[name] = value
            last = value
    found = [
        stored
        for stored in series.records(alert["site"], start, end)
        if f"{stored.node}/{stored.record.source}" in sources
    ]
    for stored in sorted(found, key=lambda one: one.at):
        record = msgspec.json.decode(encode_record(stored.record))
        yield Carrier(stored.record.ts, stored.node, record, moves.get(stored.at, {}))


def absence(
    database: Database, series: SeriesStore, file: SiteFile, place: str, *, at: int,
    rule: str = "", before_ms: int = 7_200_000,
) -> Absence:  # fmt: skip
    """Why nothing fired at a place at ``at`` (ms), from the records of ``before_ms`` before.

    What began earlier and has not been told of since, such as a door that stood open all
    the while, is not known then: ask with a longer ``before_ms``. Raises `ExplainError`,
    and what the series store raises.
    """
    here = _place([file], file.site.id, place)
    if here is None:
        known = ", ".join(one.id for one in file.places)
        raise ExplainError(f"{file.site.id} has no place {place!r}: {known}")
    narrow = msgspec.structs.replace(file, places=(here,))
    engine = Engine([narrow])
    work = engine.places[file.site.id, place]
    watches = [watch for watch in work.watches if rule in ("", watch.rule.id)]
    if not watches:
        raise ExplainError(
            f"no rule {rule!r} watches {place}" if rule else f"no rule watches {place}"
        )
    gaps = _gaps(database, series, file.site.id, at - before_ms, at)
    until = gaps[-1].start if gaps and gaps[-1].end >= at else at
    count = _replay(database, series, narrow, engine, work, at=until, before_ms=before_ms)
    reasons = [
        Reason(watch.rule.id, str(watch.phase), watch.missing(work.values, until))
        for watch in watches
    ]
    return Absence(file.site.id, place, at, count, dict(work.values), reasons, gaps)


def work(
    pipe: Pipe, settings: HubSettings, file: SiteFile, place: str, at: int, rule: str,
    before_ms: int,
) -> None:  # fmt: skip
    """`absence` in a process of its own. Down the pipe goes ("found", `Absence`) or ("failed",
    why)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us and ends us
    os.nice(NICE)
    try:
        database = store.connect(store.address(settings.state_url, Path(settings.data)))
        series = open_series(settings.series, Path(settings.data))
        found = absence(database, series, file, place, at=at, rule=rule, before_ms=before_ms)
    except (ExplainError, SeriesError, store.StateError) as error:
        pipe.send(("failed", str(error)))
    except Exception as error:
        log.exception("why nothing fired at %s could not be told", place)
        pipe.send(("failed", repr(error)))
    else:
        pipe.send(("found", found))


def _replay(
    database: Database, series: SeriesStore, site: SiteFile, engine: Engine, work: PlaceAtWork,
    *, at: int, before_ms: int,
) -> int:  # fmt: skip
    """Bring the place to ``at`` with its records, what the hub knew besides, and what operators
    decided; how many records."""
    start, nodes = at - before_ms, engine.nodes[work.site, work.id]
    with reading(database).begin() as connection:
        words = [
            (ts, alert_id)
            for ts, site_id, place, alert_id in _overruled(connection, start, at)
            if (site_id, place) == (work.site, work.id)
        ]
    said = [one for one in others(series, site, at + 1) if one[0] >= start]
    sources = {name for _, name in engine.sources[work.site, work.id]} | {AGENT}
    outcome, count = Outcome(), 0
    for told in applied(series, work.site, start, at + 1, nodes, said):
        while words and words[0][0] < told[0]:
            _overrule(engine, work, *words.pop(0), outcome)
        give(engine, work.site, told, outcome)
        count += getattr(told[3], "source", "") in sources
    for ts, alert_id in words:
        _overrule(engine, work, ts, alert_id, outcome)
    engine.advance_place(work.site, work.id, at, outcome)
    return count


def _overruled(connection: Connection, start: int, end: int) -> list[tuple[int, str, str, str]]:
    """Alerts that people resolved: (when, site, place, alert)."""
    rows = connection.execute(
        select(AlertEvent.ts, Alert.site, Alert.place, Alert.id)
        .join(Alert, Alert.id == AlertEvent.alert)
        .where(
            AlertEvent.kind == "resolved", AlertEvent.actor != "hub",
            AlertEvent.ts >= start, AlertEvent.ts <= end,
        )
        .order_by(AlertEvent.id)
    )  # fmt: skip
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _overrule(engine: Engine, work: PlaceAtWork, ts: int, alert_id: str, outcome: Outcome) -> None:
    engine.advance_place(work.site, work.id, ts, outcome)
    engine.overrule(work.site, work.id, alert_id)


def _place(sites: Sequence[SiteFile], site: str, place: str) -> Place | None:
    for file in sites:
        for one in file.places:
            if (file.site.id, one.id) == (site, place):
                return one
    return None


def clock(ts: int, zone: ZoneInfo | None) -> str:
    """A moment by the site's clock, to the millisecond."""
    moment = datetime.fromtimestamp(ts / 1000, zone or ZoneInfo("UTC"))
    return moment.isoformat(sep=" ", timespec="milliseconds")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
