"""How well it goes: what residents told and what sensors saw, and what became of it.

Three rates are measured as 接诉即办 does: answered in time (响应率), solved (解决率), satisfied
(满意率). Every figure carries the number of cases behind it. `hub.cases.change` says whether
something became better after a date.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine, Executable, select

from configs.rules import Severity
from configs.site import SiteFile
from hub.cases.tables import ENDED, Case, CaseAlert, CaseOutcome
from hub.patrols.tables import Checkpoint, Patrol
from hub.state.store import reading
from hub.state.tables import Alert

DAY_MS = 86_400_000
SATISFIED = 4
"""From this rating on, of 5."""
SERIOUS = (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
"""Alerts of these severities are hazards that sensors found."""


By = Callable[[Any], str]
"""Says to which group a case, an alert or a checkpoint belongs."""
BEGINNINGS = ("created_at", "fired_ts", "starts_at")
"""When a case, an alert or a walk began."""


OF_ALERTS = (
    Alert.id, Alert.site, Alert.place, Alert.severity, Alert.verdict, Alert.fired_ts,
    Alert.fired_rx, Alert.acknowledged_at, Alert.resolved_ts,
)  # fmt: skip


class Share(Struct, frozen=True):
    """So many of so many."""

    count: int
    of: int

    @property
    def rate(self) -> float | None:
        """0 to 1; None of none."""
        return self.count / self.of if self.of else None


class Times(Struct, frozen=True):
    """How long something took, in seconds."""

    count: int
    median_s: float | None
    p90_s: float | None


class Figures(Struct, frozen=True):
    """Of one stretch of time at some sites, or a part of it."""

    reports: int
    answered: Share
    """Answered in time, of those that were answered or whose time is over."""
    solved: Share
    """Solved, and not said to be unsolved, of those that ended or whose time is over."""
    satisfied: Share
    """Rated 4 or 5, of those that were rated."""
    to_look: Times
    """From the report to the control room: somebody who may act on it has opened it."""
    to_answer: Times
    to_close: Times
    by_sensors: int
    """Hazards that only sensors found."""
    by_residents: int
    by_both: int
    false_alarms: Share
    """Alerts judged false, of those judged true or false."""
    patrolled: Share
    """Checkpoints that patrols reached, of those on walks that are over."""
    to_room: Times
    """From the event to the control room."""
    to_acknowledge: Times
    to_resolve: Times


class Seen(Struct, frozen=True):
    """All that the figures are made of."""

    cases: Sequence[Any]
    alerts: Sequence[Any]
    linked_cases: frozenset[str]
    linked_alerts: frozenset[str]
    hazards: frozenset[tuple[str, str]]
    """(site, kind) of reports that are hazards."""
    now: int
    told_of: frozenset[str] = frozenset()
    """Cases that staff opened and into which a resident's report was merged."""
    stops: Sequence[Any] = ()
    """Checkpoints of walks that are over: patrol, site, place, starts_at, reached_at."""
    stretch: tuple[int, int] = (0, 0)
    """From when until when (ms) it was read."""


def read(engine: Engine, sites: Sequence[SiteFile], start: int, end: int, now: int) -> Seen:
    """What came from ``start`` until ``end`` (ms) at some sites; held, invalid and repeated
    reports are left out."""
    ids = [site.site.id for site in sites]
    mine = Case.site.in_(ids) & Case.created_at.between(start, end - 1)
    real = (Case.held == "") & Case.outcome.not_in([CaseOutcome.INVALID, CaseOutcome.DUPLICATE])
    fired = Alert.site.in_(ids) & Alert.fired_ts.between(start, end - 1)
    with reading(engine).begin() as connection:
        cases = connection.execute(select(*Case.__table__.columns).where(mine, real)).all()
        alerts = connection.execute(select(*OF_ALERTS).where(fired)).all()
        joined = select(CaseAlert.case, CaseAlert.alert).join(Case, Case.id == CaseAlert.case)
        into = select(Case.merged_into).where(Case.merged_into != "", Case.channel != "console")
        told_of = frozenset(connection.scalars(into.where(Case.site.in_(ids))))
        # A case that was opened from an alert is what the sensors found, and nobody else, unless
        # a resident told of the same. Nor has a report that was none found what sensors saw.
        ours = (Case.channel != "console") | Case.id.in_(into)
        links = connection.execute(joined.where(ours, real)).all()
        stops = connection.execute(_stops(ids, start, end)).all()
    return Seen(
        cases, alerts, frozenset(row[0] for row in links), frozenset(row[1] for row in links),
        frozenset((s.site.id, k.id) for s in sites for k in s.residents.kinds if k.hazard),
        now, told_of, stops, (start, end),
    )  # fmt: skip


def _stops(sites: Sequence[str], start: int, end: int) -> Executable:
    over = Patrol.site.in_(sites) & Patrol.closed_at.is_not(None)
    columns = (
        Checkpoint.patrol,
        Patrol.site,
        Checkpoint.place,
        Checkpoint.reached_at,
        Patrol.starts_at,
    )
    passed = select(*columns).join(Patrol, Patrol.id == Checkpoint.patrol)
    return passed.where(over, Patrol.starts_at.between(start, end - 1))


def figures(seen: Seen) -> Figures:
    """The figures of what was read."""
    told = {case.id for case in _told(seen)}
    return Figures(
        reports=len(seen.cases),
        answered=share(answered_in_time(seen)),
        solved=share(was_solved(seen)),
        satisfied=share(was_satisfied(seen)),
        to_look=times(took(seen.cases, "created_at", "looked_at")),
        to_answer=times(took(seen.cases, "created_at", "answered_at")),
        to_close=times(took(seen.cases, "created_at", "closed_at")),
        by_sensors=len(_sensed(seen)),
        by_residents=len(told - seen.linked_cases),
        by_both=len(told & seen.linked_cases),
        false_alarms=share(was_false(seen)),
        patrolled=share(stop.reached_at is not None for stop in seen.stops),
        to_room=times(took(seen.alerts, "fired_ts", "fired_rx")),
        to_acknowledge=times(took(seen.alerts, "fired_ts", "acknowledged_at")),
        to_resolve=times(took(seen.alerts, "fired_ts", "resolved_ts")),
    )


def parts(seen: Seen, by: By) -> dict[str, Seen]:
    """What was read, in groups of cases, alerts and checkpoints by their name, in its order."""
    found: dict[str, tuple[list[Any], list[Any], list[Any]]] = defaultdict(lambda: ([], [], []))
    for index, rows in enumerate((seen.cases, seen.alerts, seen.stops)):
        for row in rows:
            found[by(row)][index].append(row)
    return {
        name: replace(seen, cases=cases, alerts=alerts, stops=stops)
        for name, (cases, alerts, stops) in sorted(found.items())
    }


def reports_of(seen: Seen) -> Seen:
    """The reports alone: what has no kind is left out."""
    return replace(seen, alerts=(), stops=())


def month_of(zones: Mapping[str, str]) -> By:
    """Groups by the month in which a report came, an alert fired or a walk began, ``2026-03``, by
    the clock of its site (id → time zone)."""
    known = {site: ZoneInfo(zone) for site, zone in zones.items()}

    def month(row: Any) -> str:
        begins = next(name for name in BEGINNINGS if hasattr(row, name))
        ts = getattr(row, begins)
        return f"{datetime.fromtimestamp(ts / 1000, known[row.site]):%Y-%m}"

    return month


def site_of(row: Any) -> str:
    """Groups by site."""
    return str(row.site)


def place_of(row: Any) -> str:
    """Groups by place: ``<site>/<place>``."""
    return f"{row.site}/{row.place}"


def kind_of(row: Any) -> str:
    """Groups reports by their kind."""
    return str(row.kind)


def answered_in_time(seen: Seen) -> list[bool]:
    """Of each report that was answered or whose time is over."""
    return [
        case.answered_at is not None and case.answered_at <= case.answer_due_at
        for case in seen.cases
        if case.answered_at is not None or case.answer_due_at < seen.now
    ]


def was_solved(seen: Seen) -> list[bool]:
    """Of each report that ended or whose time is over."""
    return [
        case.outcome == CaseOutcome.SOLVED and case.solved is not False
        for case in seen.cases
        if case.state in ENDED or case.due_at < seen.now
    ]


def was_satisfied(seen: Seen) -> list[bool]:
    """Of each report that was rated."""
    return [case.rating >= SATISFIED for case in seen.cases if case.rating is not None]


def was_patrolled(seen: Seen) -> list[float]:
    """Of each walk, the part of its checkpoints that it reached: those of one walk are missed
    together, so that walks are drawn again and not checkpoints."""
    walks: dict[str, list[bool]] = defaultdict(list)
    for stop in seen.stops:
        walks[stop.patrol].append(stop.reached_at is not None)
    return [sum(reached) / len(reached) for reached in walks.values()]


def was_false(seen: Seen) -> list[bool]:
    """Of each alert that was judged true or false."""
    return [alert.verdict == "false" for alert in seen.alerts if alert.verdict in ("true", "false")]


def found_a_day(seen: Seen) -> list[int]:
    """How many hazards were found, by whomever, on each whole day (24 h) of the stretch that is
    over: days are drawn again, since what happens on one of them comes together."""
    start, end = seen.stretch
    days = max(0, min(end, seen.now) - start) // DAY_MS
    counts = [0] * days
    found = [case.created_at for case in _told(seen)] + [one.fired_ts for one in _sensed(seen)]
    for ts in found:
        if (day := (ts - start) // DAY_MS) < days:
            counts[day] += 1
    return counts


def _told(seen: Seen) -> list[Any]:
    """The hazards that residents told of, whether sensors saw them or not."""
    theirs = [c for c in seen.cases if c.channel != "console" or c.id in seen.told_of]
    return [case for case in theirs if (case.site, case.kind) in seen.hazards]


def _sensed(seen: Seen) -> list[Any]:
    """The hazards that sensors alone found."""
    real = [a for a in seen.alerts if a.severity in SERIOUS and a.verdict != "false"]
    return [alert for alert in real if alert.id not in seen.linked_alerts]


def share(values: Iterable[bool]) -> Share:
    """How many are true."""
    found = list(values)
    return Share(sum(found), len(found))


def times(seconds: Sequence[float]) -> Times:
    """Median and 90th percentile: the least that nine in ten do not exceed."""
    if not seconds:
        return Times(0, None, None)
    ranked = sorted(seconds)
    return Times(len(ranked), median(ranked), ranked[(9 * len(ranked) + 9) // 10 - 1])


def took(rows: Iterable[Any], begin: str, end: str) -> list[float]:
    """Seconds from one moment of a row to another, of those that have both."""
    return [
        max(0, getattr(row, end) - getattr(row, begin)) / 1000
        for row in rows
        if getattr(row, end) is not None and getattr(row, begin) is not None
    ]
