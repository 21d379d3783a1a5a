"""Anomalies as they are kept: written by the hub, judged by staff, and learned from.

The hub writes an anomaly when it tells it, and again when it grows. Staff judge it in the
console; the hub finds that now and then and lets the place's signal learn from it, at a time
of the place's own, so that a replay learns the same at the same moment.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, select, tuple_, update

from hub import audit
from hub.analysis.anomaly import Found, Verdict, Window
from hub.analysis.flows import Note
from hub.analysis.hours import Hour
from hub.analysis.tables import Annotation
from hub.ledger import upsert
from hub.rules.engine import Engine as Rules
from hub.rules.place import Outcome, Unusual

KEPT_ON_GROWTH: Final = ("verdict", "verdict_by", "verdict_at", "learned")
Key = tuple[str, str, str, int]
"""site, place, what, start (ms)."""


class Said(enum.StrEnum):
    """What became of a verdict."""

    DONE = "done"
    SAME = "it was judged so already"
    NO_SUCH = "no such anomaly"


class Entry(NamedTuple):
    """An anomaly, and who judged it."""

    site: str
    note: Note
    by: str

    @property
    def key(self) -> Key:
        return self.site, self.note.place, self.note.what, self.note.found.start


def write(connection: Connection, anomalies: Iterable[Unusual]) -> None:
    """Keep anomalies that are new or have grown; what was said of them stays."""
    latest = {(one.site, one.place, one.what, one.found.start): one for one in anomalies}
    rows = [_row(one) for one in latest.values()]
    upsert(connection, Annotation.__table__, rows, keep=KEPT_ON_GROWTH)


def _row(one: Unusual) -> dict[str, Any]:
    found, worst = one.found, one.found.worst
    return {
        "site": one.site, "place": one.place, "what": one.what, "start_ts": found.start,
        "end_ts": found.end, "hours": worst.hours, "hour_ts": worst.hour.start,
        "of_week": worst.hour.of_week, "holiday": worst.hour.holiday, "counted": worst.counted,
        "mean": worst.mean, "spread": worst.spread, "surprise": worst.surprise,
        "low": found.low, "high": found.high, "kind": str(worst.kind), "lasting": found.lasting,
        "verdict": "", "verdict_by": "",
        "verdict_at": None, "learned": True,
    }  # fmt: skip


def listed(
    connection: Connection, sites: Sequence[str], start: int, end: int, place: str = ""
) -> list[Entry]:
    """Anomalies that lasted into or began in a range (ms), the newest first."""
    query = select(*Annotation.__table__.columns).where(
        Annotation.site.in_(sites), Annotation.end_ts >= start, Annotation.start_ts < end
    )
    if place:
        query = query.where(Annotation.place == place)
    rows = connection.execute(query.order_by(Annotation.start_ts.desc(), Annotation.place)).all()
    return [Entry(row.site, _note(row), row.verdict_by) for row in rows]


def _note(row: Row[Any]) -> Note:
    hour = Hour(row.hour_ts, row.of_week, row.holiday)
    worst = Window(row.hours, hour, row.counted, row.mean, row.spread, row.surprise, row.kind)
    found = Found(
        row.start_ts, row.end_ts, worst, row.low, row.high, row.verdict, lasting=row.lasting
    )
    return Note(row.place, row.what, found, row.verdict_at or 0)


def judge(engine: Engine, key: Key, verdict: Verdict, *, actor: str, now: int) -> Said:
    """Say what an anomaly was; the last word counts, the log keeps all of them."""
    which = _which([key])
    with engine.begin() as connection:
        audit.lock(connection)
        change = update(Annotation).where(which, Annotation.verdict != verdict)
        values = {"verdict": str(verdict), "verdict_by": actor, "verdict_at": now, "learned": False}
        if connection.execute(change.values(**values)).rowcount == 1:
            target = "/".join(map(str, key))
            audit.enter(connection, actor, f"anomaly.{verdict}", target, "", now)
            return Said.DONE
        known = connection.execute(select(Annotation.site).where(which)).first()
        return Said.NO_SUCH if known is None else Said.SAME


def _which(keys: Sequence[Key]) -> Any:
    columns = (Annotation.site, Annotation.place, Annotation.what, Annotation.start_ts)
    return tuple_(*columns).in_(keys)


def purge(engine: Engine, before: int) -> None:
    """Forget what ended before a time (ms)."""
    with engine.begin() as connection:
        connection.execute(delete(Annotation).where(Annotation.end_ts < before))


class Lessons:
    """What the engine has still to be told of verdicts."""

    def __init__(self) -> None:
        self._waiting: dict[Key, tuple[str, int]] = {}
        """(verdict, when, ms)."""

    def learn(self, connection: Connection, sites: Sequence[str]) -> None:
        """Find out what staff have said."""
        rows = connection.execute(
            select(*Annotation.__table__.columns).where(
                Annotation.learned.is_(False), Annotation.site.in_(sites)
            )
        )
        self._waiting = {
            (row.site, row.place, row.what, row.start_ts): (row.verdict, row.verdict_at or 0)
            for row in rows
        }

    def tell(
        self, engine: Rules, limit: Callable[[tuple[str, str]], int], outcome: Outcome
    ) -> list[Key]:
        """Apply what time has reached at its place (``limit``, ms); which these were."""
        told: list[Key] = []
        for key, (verdict, at) in sorted(self._waiting.items()):
            site, name, what, start = key
            place = engine.places.get((site, name))
            if place is None or at <= limit((site, name)):
                # A millisecond of its own: a replay takes it in the same order.
                if place is not None:
                    at = max(at, place.clock + 1)
                    engine.judged(site, name, what, start, verdict, at, outcome)
                told.append(key)
        for key in told:
            del self._waiting[key]
        return told


def learned(connection: Connection, keys: Sequence[Key]) -> None:
    """The engine has these verdicts."""
    if keys:
        connection.execute(update(Annotation).where(_which(keys)).values(learned=True))
