"""The hub's pipeline: a batch of messages through named stages into one transaction.

    decode → admit → engine → commit → (acknowledge, series)

`Pipeline.prepare` goes as far as the engine, in memory; `Pipeline.commit` puts all that
follows on disk, after which the messages may be acknowledged.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy import Engine as Database

from configs.servers import HubSettings
from configs.signals import is_told
from configs.site import SiteFile
from hub import alerts, audit
from hub.analysis import annotations
from hub.cases.counts import PeopleCounts
from hub.fusion.silence import UNHEARD
from hub.fusion.surprise import verdict_in
from hub.intake import Arrived, Intake, Work
from hub.ledger import PICTURES, PLACES, Ledger, place_rows, upsert
from hub.metrics import HubMetrics
from hub.reload import difference
from hub.resume import Repeats, Resume
from hub.rules.engine import Engine
from hub.rules.place import Outcome
from hub.rules.watch import Step, Transition
from hub.series.journal import decode_entry, encode_entry
from hub.series.points import AlertPoint, Entry, SignalPoint, Stored
from hub.state.store import reading
from hub.state.tables import (
    Alert,
    AlertEvent,
    Change,
    Checkpoint,
    DeadLetter,
    Journal,
    Notice,
)
from hub.watermark import Watermark

log = logging.getLogger(__name__)

FLUSH_MS = 200
"""Values of places and sources go to the pages at most this often."""
OVERRULE_MS = 250
"""How often the hub looks for alerts that operators have resolved, and for residents' reports."""
PICTURE_AGE_MS = 15_000
"""A picture this old still shows why an alert came."""


class Pipeline:
    """Handles batches; the one writer of a hub's state."""

    def __init__(
        self,
        sites: Sequence[SiteFile],
        settings: HubSettings,
        database: Database,
        metrics: HubMetrics,
        now: int,
    ) -> None:
        self._lateness = settings.lateness
        self._database = database
        self._metrics = metrics
        self.sites = sites
        self.engine = Engine(sites)
        self.ledger = Ledger()
        self.watermark = Watermark(
            settle_ms=settings.settle, patience_ms=settings.patience, now=now
        )
        self.intake = Intake(sites, settings, self.ledger, self.watermark, metrics)
        self._book = alerts.AlertBook(sites, self.engine.places)
        self._changed_places: set[tuple[str, str]] = set()
        self._values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(dict)
        """(site, place) → signal → [value, event time of its last change]."""
        self._flushed_at = 0
        self._journal_n = 0
        self._overrules_read_at = now
        self._overruled_id = 0
        self._people = PeopleCounts()
        self._lessons = annotations.Lessons()
        self.resume = Resume(settings.patience)

    def recover(self, now: int) -> None:
        """Take up where the last hub left off: its checkpoint, then the journal after it."""
        with reading(self._database).begin() as connection:
            self.ledger.load(connection)
            for (site, name), node in self.ledger.nodes.items():
                self.watermark.remember(site, name, -node.clock_ms, now)
            self._recover_engine(connection)
            self._overruled_id = connection.scalar(select(func.max(AlertEvent.id))) or 0
        for key, place in self.engine.places.items():
            self._values[key] = {name: [v, place.clock] for name, v in place.values.items()}
            self._changed_places.add(key)
        with self._database.begin() as connection:
            self._close_orphans(connection, self.sites, now)
            self.resume.begin(connection, self.sites, self.engine, self.ledger, now)
            self.ledger.attend(connection, self.sites, _names(self.sites), now)

    def _close_orphans(self, connection: Connection, sites: Sequence[SiteFile], now: int) -> None:
        names = {file.site.id for file in sites}
        self._book.close_orphans(connection, names, set(self.engine.active()), now)

    def reload(self, sites: Sequence[SiteFile], now: int) -> list[str]:
        """Let another configuration take over, between two batches; what it changed.

        Signals and the rules that read as before go on where they are; the alerts of rules
        that are gone or read differently end. Raises SQLAlchemyError where that cannot be
        written; then it may be called again.
        """
        changes = difference(self.sites, sites)
        if not changes:
            return []
        engine = Engine(sites)
        engine.load(self.engine.dump())
        self.engine, before = engine, self.sites
        self._book = alerts.AlertBook(sites, engine.places)
        self.intake.expect(sites)
        with self._database.begin() as connection:
            self._close_orphans(connection, [*before, *sites], now)
            audit.enter(connection, "hub", "configuration.reload", "", "\n".join(changes), now)
            self.resume.uptime.adopt(connection, _names(sites), now)
            self.ledger.attend(connection, sites, set(_names(sites)) - set(_names(before)), now)
            self._write_checkpoint(connection)
        self.sites = sites
        self._people.forget()
        self._changed_places = set(engine.places)
        return changes

    def notice(self, key: str, text: str, now: int) -> None:
        """Let the console show something until it is mended; an empty text takes it away."""
        with self._database.begin() as connection:
            connection.execute(delete(Notice).where(Notice.key == key))
            if text:
                connection.execute(insert(Notice), {"key": key, "text": text, "at": now})
            change = {"kind": "notice", "site": "", "key": key, "at": now}
            connection.execute(insert(Change), change)

    def _recover_engine(self, connection: Connection) -> None:
        saved = connection.execute(
            select(Checkpoint.n, Checkpoint.state).where(Checkpoint.name == "engine")
        ).first()
        if saved is not None:
            self.engine.load(saved.state)
            self._journal_n = saved.n
        rows = connection.execute(
            select(Journal.n, Journal.entry)
            .where(Journal.n > self._journal_n)
            .order_by(Journal.n)
            .execution_options(yield_per=500)
        )
        for n, entry in rows:
            replay(self.engine, decode_entry(entry))
            self._journal_n = n

    def prepare(self, messages: Sequence[Arrived], now: int) -> Work:
        """What follows from what has arrived, and from what has fallen due by ``now`` (ms).

        Raises SQLAlchemyError where the store cannot be read, before anything has changed: the
        same messages may be prepared again.
        """
        overruled = self._read_news(now)
        work = Work()
        for stored in self.intake.take(messages, work):
            if self.resume.waits:
                self.resume.hear(stored, self.engine, work.outcome)
            work.stored.append(self._apply(stored, work.outcome))

        def limit(key: tuple[str, str]) -> int:
            return self.watermark.limit(key[0], self.engine.nodes[key], now)

        self.resume.give_up(now, self.engine, work.outcome)
        self._people.tell(self.engine, limit, work.outcome)
        work.learned += self._lessons.tell(self.engine, limit, work.outcome)
        self.engine.advance(limit, now, work.outcome)
        for event, site, place, alert in overruled:
            self._overruled_id = event
            self.engine.overrule(site, place, alert)
            work.resolved.append((site, place, alert))
        for point in work.outcome.signals:
            if point.name == UNHEARD or verdict_in(point.name):
                continue
            self._values[point.site, point.place][point.name] = [point.value, point.ts]
            self._changed_places.add((point.site, point.place))
        return work

    def _apply(self, stored: Stored, outcome: Outcome) -> Stored:
        late = stored.rx_us // 1000 - stored.record.ts > self._lateness
        try:
            at = take(self.engine, stored, outcome, late=late)
        except Exception:  # a record that trips over a defect must not stop all that follow it
            log.exception("the engine failed on %s; the record is stored", stored)
            self._metrics.records.labels("failed").inc()
            return stored
        return stored if at == stored.at else replace(stored, at=at)

    def _read_news(self, now: int) -> Sequence[tuple[int, str, str, str]]:
        """Now and then: what residents reported, and (event, site, place, alert) of what
        operators resolved since."""
        if now - self._overrules_read_at < OVERRULE_MS:
            return ()
        with reading(self._database).begin() as connection:
            overruled = alerts.overruled(connection, self._overruled_id)
            self._people.learn(connection, self.sites, self.engine, now)
            self._lessons.learn(connection, [file.site.id for file in self.sites])
        self._overrules_read_at = now
        return overruled

    def commit(self, work: Work, now: int) -> tuple[int, Entry] | None:
        """Put all that a batch led to on disk, in one transaction.

        Returns the journal's row for the series writer, if there is one. Raises
        SQLAlchemyError where the store does not take it; the same work may be committed
        again, and must be before another is prepared.
        """
        flush = now - self._flushed_at >= FLUSH_MS
        if not self._has_news(work, flush=flush):
            return None
        steps = work.outcome.transitions
        entry = _entry(work)
        n = self._journal_n + 1
        with self._metrics.commit.time(), self._database.begin() as connection:
            if entry is not None:
                connection.execute(insert(Journal), {"n": n, "entry": encode_entry(entry)})
            news = self._book.write(
                connection, steps, rx=now, late=work.outcome.late, evidence=self._evidence(steps)
            )
            self._write_rest(connection, work, now, flush=flush)
        self._committed(news, now, flush=flush)
        if entry is None:
            return None
        self._journal_n = n
        return n, entry

    def _has_news(self, work: Work, *, flush: bool) -> bool:
        ledger = self.ledger
        return bool(
            work.stored
            or work.dead
            or work.pictures
            or work.changes
            or work.resolved
            or work.learned
            or work.outcome.transitions
            or work.outcome.signals
            or work.outcome.anomalies
            or ledger.changed_nodes
            or ledger.changed_cursors
            or ledger.troubles.rows
            or (flush and (self._changed_places or ledger.changed_sources))
        )

    def _evidence(self, steps: Sequence[Transition]) -> dict[str, str]:
        """For each alert that fires, the newest picture of its place: <node>/<ref>."""
        found: dict[str, str] = {}
        for step in steps:
            if step.step is not Step.FIRING:
                continue
            newest = step.ts - PICTURE_AGE_MS
            for node, name in self.engine.sources[step.site, step.place]:
                source = self.ledger.sources.get((step.site, node, name))
                if source is not None and source.told and source.told_ts >= newest:
                    newest = source.told_ts
                    found[step.alert] = f"{node}/{source.told}"
        return found

    def _write_rest(self, connection: Connection, work: Work, now: int, *, flush: bool) -> None:
        self.ledger.write(connection)
        annotations.write(connection, work.outcome.anomalies)
        annotations.learned(connection, work.learned)
        if work.dead:
            connection.execute(insert(DeadLetter), work.dead)
        told = [row for row in work.pictures if row["size"] == 0]
        came = [row for row in work.pictures if row["size"] and row["source"]]
        strays = [row for row in work.pictures if row["size"] and not row["source"]]
        upsert(connection, PICTURES, told, keep=("size",))
        upsert(connection, PICTURES, came, keep=("ts",))
        upsert(connection, PICTURES, strays, keep=("ts", "source"))
        changes = set(work.changes)
        changes |= self._alerts_of(connection, work.pictures)
        if flush or any(kind == "source" for kind, _, _ in changes):
            self.ledger.write_sources(connection)
        if flush:
            changes |= {("place", site, place) for site, place in self._changed_places}
            clocks = {key: self.engine.places[key].clock for key in self._changed_places}
            upsert(connection, PLACES, place_rows(self._changed_places, self._values, clocks))
        if changes:
            rows: list[dict[str, Any]] = [
                {"kind": kind, "site": site, "key": key, "at": now} for kind, site, key in changes
            ]
            connection.execute(insert(Change), rows)

    @staticmethod
    def _alerts_of(
        connection: Connection, pictures: Sequence[dict[str, Any]]
    ) -> set[tuple[str, str, str]]:
        """Changes of the alerts whose picture has just arrived."""
        came = [row for row in pictures if row["size"]]
        found: set[tuple[str, str, str]] = set()
        for row in came:
            shown = (Alert.site == row["site"]) & (Alert.evidence == f"{row['node']}/{row['ref']}")
            found |= {
                ("alert", row["site"], alert)
                for alert in connection.scalars(select(Alert.id).where(shown))
            }
        return found

    def _committed(self, news: Sequence[Transition], now: int, *, flush: bool) -> None:
        self.ledger.written(sources=flush)
        if flush:
            self._changed_places.clear()
            self._flushed_at = now
        for step in news:
            self._metrics.alerts.labels(str(step.step), step.severity).inc()
            if step.step is Step.FIRING:
                self._metrics.news_seconds.observe(max(0, now - step.ts) / 1000)

    def checkpoint(self, now: int) -> None:
        """Save the engine, so that a restart need not replay the journal up to here; and that
        the hub ran until ``now`` (ms)."""
        with self._database.begin() as connection:
            self._write_checkpoint(connection)
            self.resume.uptime.beat(connection, now)

    def _write_checkpoint(self, connection: Connection) -> None:
        row = {"name": "engine", "n": self._journal_n, "state": self.engine.dump()}
        upsert(connection, Checkpoint.__table__, [row])


def _names(sites: Iterable[SiteFile]) -> list[str]:
    return [file.site.id for file in sites]


def _entry(work: Work) -> Entry | None:
    outcome = work.outcome
    if not (work.stored or outcome.signals or outcome.transitions or work.resolved):
        return None
    return Entry(
        tuple(work.stored),
        tuple(outcome.signals),
        tuple(
            AlertPoint(
                step.site, step.place, step.rule, step.severity, step.ts, str(step.step), step.alert
            )
            for step in outcome.transitions
        ),
        tuple(work.resolved),
    )


def take(engine: Engine, stored: Stored, outcome: Outcome, *, late: bool) -> int:
    """Give the engine a stored record; returns the time (ms) at which it was applied."""
    return engine.take(stored.site, stored.node, stored.record, stored.at, outcome, late=late)


def replay(engine: Engine, entry: Entry) -> Outcome:
    """Give an engine what a journal's entry gave the live one; the outcome is the same."""
    outcome = Outcome()
    breaks = Repeats(entry.signals)
    for stored in entry.records:
        breaks.before(stored, engine, outcome)
        try:
            take(engine, stored, outcome, late=False)
        except Exception:  # as the live one went on after it, so does the replay
            log.exception("the engine failed on %s again", stored)
    breaks.rest(engine, outcome)
    for told in entry.signals:
        if is_told(told.name):
            engine.told(told.site, told.place, told.name, round(told.value), told.ts, outcome)
        elif judged := verdict_in(told.name):
            what, verdict = judged
            engine.judged(told.site, told.place, what, round(told.value), verdict, told.ts, outcome)
    reached: dict[tuple[str, str], int] = {}
    points: tuple[SignalPoint | AlertPoint, ...] = (*entry.signals, *entry.alerts)
    for point in points:
        key = (point.site, point.place)
        reached[key] = max(reached.get(key, 0), point.ts)
    for (site, place), ts in reached.items():
        engine.advance_place(site, place, ts, outcome)
    for site, place, alert in entry.resolved:
        engine.overrule(site, place, alert)
    return outcome
