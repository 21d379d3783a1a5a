"""How well it goes: what residents told and what sensors saw, and what became of it.

Three rates are measured as 接诉即办 does: answered in time (响应率), solved (解决率), satisfied
(满意率). Every figure carries the number of cases behind it. Whether something became better
after a date is said with an interval from a bootstrap: the cases are drawn again, with
replacement, many times over.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Engine, Executable, select

from configs.rules import Severity
from configs.site import SiteFile
from hub.cases.tables import ENDED, Case, CaseAlert, CaseOutcome
from hub.patrols.tables import Checkpoint, Patrol
from hub.state.store import reading
from hub.state.tables import Alert

DRAWS = 2000
"""Higher: steadier intervals, slower."""
WORK = 2_000_000
"""Cases drawn at the most; over that there are fewer draws, 200 at the least."""
LEAST = 8
"""Of fewer cases on one side no interval is told: drawn again, few look surer than they are."""
DAY_MS = 86_400_000
SATISFIED = 4
"""From this rating on, of 5."""
SERIOUS = (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
"""Alerts of these severities are hazards that sensors found."""


BEGINNINGS = ("created_at", "fired_ts", "starts_at")
"""When a case, an alert or a walk began."""


OF_ALERTS = (
    Alert.id, Alert.place, Alert.severity, Alert.verdict, Alert.fired_ts, Alert.fired_rx,
    Alert.acknowledged_at, Alert.resolved_ts,
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
    """Of one site and one stretch of time, or a part of it."""

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


class Change(Struct, frozen=True):
    """A figure before and after a date."""

    name: str
    before: float | None
    after: float | None
    low: float | None
    """95 % interval of after − before."""
    high: float | None
    count: tuple[int, int]

    @property
    def relative(self) -> float | None:
        """The change as a part of what it was."""
        if self.before is None or self.after is None or self.before == 0:
            return None
        return (self.after - self.before) / self.before

    @property
    def sure(self) -> bool:
        """Whether the interval leaves no change out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Seen(Struct, frozen=True):
    """All that the figures are made of."""

    cases: Sequence[Any]
    alerts: Sequence[Any]
    linked_cases: frozenset[str]
    linked_alerts: frozenset[str]
    hazards: frozenset[str]
    """Kinds of report that are hazards."""
    now: int
    told_of: frozenset[str] = frozenset()
    """Cases that staff opened and into which a resident's report was merged."""
    stops: Sequence[Any] = ()
    """Checkpoints of walks that are over: patrol, place, starts_at, reached_at."""
    stretch: tuple[int, int] = (0, 0)
    """From when until when (ms) it was read."""


def read(engine: Engine, site: SiteFile, start: int, end: int, now: int) -> Seen:
    """What came from ``start`` until ``end`` (ms) at a site; held, invalid and repeated reports
    are left out."""
    mine = (Case.site == site.site.id) & Case.created_at.between(start, end - 1)
    real = (Case.held == "") & Case.outcome.not_in([CaseOutcome.INVALID, CaseOutcome.DUPLICATE])
    fired = (Alert.site == site.site.id) & Alert.fired_ts.between(start, end - 1)
    with reading(engine).begin() as connection:
        cases = connection.execute(select(*Case.__table__.columns).where(mine, real)).all()
        alerts = connection.execute(select(*OF_ALERTS).where(fired)).all()
        joined = select(CaseAlert.case, CaseAlert.alert).join(Case, Case.id == CaseAlert.case)
        into = select(Case.merged_into).where(Case.merged_into != "", Case.channel != "console")
        told_of = frozenset(connection.scalars(into.where(Case.site == site.site.id)))
        # A case that was opened from an alert is what the sensors found, and nobody else, unless
        # a resident told of the same. Nor has a report that was none found what sensors saw.
        ours = (Case.channel != "console") | Case.id.in_(into)
        links = connection.execute(joined.where(ours, real)).all()
        stops = connection.execute(_stops(site.site.id, start, end)).all()
    return Seen(
        cases, alerts, frozenset(row[0] for row in links), frozenset(row[1] for row in links),
        frozenset(kind.id for kind in site.residents.kinds if kind.hazard), now, told_of, stops,
        (start, end),
    )  # fmt: skip


def _stops(site: str, start: int, end: int) -> Executable:
    over = (Patrol.site == site) & Patrol.closed_at.is_not(None)
    columns = (Checkpoint.patrol, Checkpoint.place, Checkpoint.reached_at, Patrol.starts_at)
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
        to_look=times(_took(seen.cases, "created_at", "looked_at")),
        to_answer=times(_took(seen.cases, "created_at", "answered_at")),
        to_close=times(_took(seen.cases, "created_at", "closed_at")),
        by_sensors=len(_sensed(seen)),
        by_residents=len(told - seen.linked_cases),
        by_both=len(told & seen.linked_cases),
        false_alarms=share(was_false(seen)),
        patrolled=share(stop.reached_at is not None for stop in seen.stops),
        to_room=times(_took(seen.alerts, "fired_ts", "fired_rx")),
        to_acknowledge=times(_took(seen.alerts, "fired_ts", "acknowledged_at")),
        to_resolve=times(_took(seen.alerts, "fired_ts", "resolved_ts")),
    )


def grouped(seen: Seen, by: Callable[[Any], str]) -> dict[str, Figures]:
    """The figures of each group of cases, alerts and checkpoints, by its name."""
    cases: dict[str, list[Any]] = defaultdict(list)
    alerts: dict[str, list[Any]] = defaultdict(list)
    stops: dict[str, list[Any]] = defaultdict(list)
    for rows, parts in ((seen.cases, cases), (seen.alerts, alerts), (seen.stops, stops)):
        for row in rows:
            parts[by(row)].append(row)
    return {
        name: figures(
            Seen(cases[name], alerts[name], seen.linked_cases, seen.linked_alerts, seen.hazards,
                 seen.now, seen.told_of, stops[name])
        )
        for name in sorted(cases.keys() | alerts.keys() | stops.keys())
    }  # fmt: skip


def month_of(timezone: str) -> Callable[[Any], str]:
    """Groups by the month in which a report came, an alert fired or a walk began: ``2026-03``."""
    zone = ZoneInfo(timezone)

    def month(row: Any) -> str:
        begins = next(name for name in BEGINNINGS if hasattr(row, name))
        ts = getattr(row, begins)
        return f"{datetime.fromtimestamp(ts / 1000, zone):%Y-%m}"

    return month


def place_of(row: Any) -> str:
    """Groups by place."""
    return str(row.place)


def kind_of(row: Any) -> str:
    """Groups by kind of report; alerts have none and count as ""."""
    return str(getattr(row, "kind", ""))


def compare(before: Seen, after: Seen, *, seed: int = 1) -> list[Change]:
    """What changed from one stretch of time to another, each with its interval."""
    rates: tuple[tuple[str, Callable[[Seen], Sequence[float]]], ...] = (
        ("answered", answered_in_time), ("solved", was_solved), ("satisfied", was_satisfied),
        ("patrolled", was_patrolled), ("false_alarms", was_false), ("found", found_a_day),
    )  # fmt: skip
    stretches = (
        ("to_look", "cases", "created_at", "looked_at"),
        ("to_answer", "cases", "created_at", "answered_at"),
        ("to_close", "cases", "created_at", "closed_at"),
        ("to_room", "alerts", "fired_ts", "fired_rx"),
        ("to_acknowledge", "alerts", "fired_ts", "acknowledged_at"),
        ("to_resolve", "alerts", "fired_ts", "resolved_ts"),
    )
    drawer = random.Random(seed)  # noqa: S311 - the same report twice has the same figures
    changes = [
        _change(name, [float(v) for v in of(before)], [float(v) for v in of(after)], _mean, drawer)
        for name, of in rates
    ]
    for name, rows, begin, end in stretches:
        old, new = (_took(getattr(seen, rows), begin, end) for seen in (before, after))
        changes.append(_change(name, old, new, median, drawer))
    return changes


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
    return [case for case in theirs if case.kind in seen.hazards]


def _sensed(seen: Seen) -> list[Any]:
    """The hazards that sensors alone found."""
    real = [a for a in seen.alerts if a.severity in SERIOUS and a.verdict != "false"]
    return [alert for alert in real if alert.id not in seen.linked_alerts]


def share(values: Iterable[bool]) -> Share:
    """How many are true."""
    found = list(values)
    return Share(sum(found), len(found))


def times(seconds: Sequence[float]) -> Times:
    """Median and 90th percentile."""
    if not seconds:
        return Times(0, None, None)
    ranked = sorted(seconds)
    return Times(len(ranked), median(ranked), ranked[min(len(ranked) - 1, int(len(ranked) * 0.9))])


def _took(rows: Iterable[Any], begin: str, end: str) -> list[float]:
    return [
        max(0, getattr(row, end) - getattr(row, begin)) / 1000
        for row in rows
        if getattr(row, end) is not None and getattr(row, begin) is not None
    ]


def _change(
    name: str, before: list[float], after: list[float], of: Callable[[list[float]], float],
    drawer: random.Random,
) -> Change:  # fmt: skip
    count = (len(before), len(after))
    if min(count) < LEAST:
        return Change(
            name, of(before) if before else None, of(after) if after else None, None, None, count
        )
    draws = max(200, min(DRAWS, WORK // (len(before) + len(after))))
    differences = sorted(
        of(drawer.choices(after, k=len(after))) - of(drawer.choices(before, k=len(before)))
        for _ in range(draws)
    )
    low, high = differences[int(draws * 0.025)], differences[min(draws - 1, int(draws * 0.975))]
    return Change(name, of(before), of(after), low, high, count)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
