"""Anomalies of one kind of count at one place, and what staff said of them.

Hours that are unusual in the same way and lie close together are one anomaly. A dismissal
widens what is usual at like hours (the same hour of the day, one more or less, on the same kind
of day), in the same direction, by as much as what was dismissed would have needed; it fades
over half a year and has a bound, so that something much bigger is told all the same.
"""

import enum
from typing import Any, Final, NamedTuple

from hub.analysis.bar import UNUSUAL
from hub.analysis.baseline import Baseline, Learned
from hub.analysis.hours import HOUR_MS, WEEK_H, Hour
from hub.analysis.tails import surprise

APART_MS: Final = 18 * HOUR_MS
"""Unusual hours that lie closer are one anomaly: what lasts for days is told once, though the
nights between show nothing."""
LONGEST_APART_MS: Final = WEEK_H * HOUR_MS
"""What has lasted for days is still the same when it comes back within as many; within this."""
REMEMBERED: Final = 16
"""Anomalies that can still be judged; about half a year of them."""
MOST_HOURS, MOST_HELD = 48, 4
"""Hours of an anomaly, and anomalies, that can be taken out of what was learned: what is real
and lasts for longer than that becomes usual."""
CALM: Final = UNUSUAL / 2
"""What was dismissed would be this unusual, once it is learned."""
WIDEST: Final = 2.0
"""Most that dismissals add to the spread. Higher: they hide more."""
FADE_MS: Final = 13 * WEEK_H * HOUR_MS
"""A dismissal weighs half after this long."""


class Verdict(enum.StrEnum):
    """What staff said of an anomaly."""

    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class Kind(enum.StrEnum):
    """How hours are unusual."""

    COUNT = ""
    """Too many, or too few."""
    STUCK = "stuck"
    """The same count, not 0, hour after hour."""
    EARLY = "early"
    LATE = "late"
    """The days come an hour early, or late: a clock may be off."""


CLOCK: Final = (Kind.EARLY, Kind.LATE)


class Window(NamedTuple):
    """Hours that were looked at, beside what was expected of them."""

    hours: int
    hour: Hour
    """The last of them."""
    counted: int
    mean: float
    spread: float
    surprise: float
    """As told."""
    kind: str = Kind.COUNT

    @property
    def too_many(self) -> bool:
        return self.counted > self.mean


class Found(NamedTuple):
    """An anomaly as it stands; times are ms."""

    start: int
    """The end of its first unusual window: when it was told."""
    end: int
    worst: Window
    low: int
    high: int
    """95 of 100 windows such as the worst lie within."""
    verdict: str = ""
    """What staff said of it."""
    lasting: bool = False
    """Whether the place has been in another state since, or was for a time."""


class Anomaly:
    """One stretch of unusual hours."""

    __slots__ = ("end", "held", "hours", "lasted", "start", "verdict", "worst")

    def __init__(self, start: int, end: int, worst: Window, verdict: str = "") -> None:
        self.start = start
        """The end of the first unusual window, ms: when it was told."""
        self.end = end
        """The end of the last."""
        self.worst = worst
        self.verdict = verdict
        self.hours: list[Learned] = []
        """What the baseline learned from it."""
        self.held = 0
        """How many hours were, or would have been."""
        self.lasted = 0
        """Until when the place was, or has been, in another state since, ms; 0: it was not."""

    @property
    def reach(self) -> int:
        """How long after its end something like it is still the same, ms."""
        return max(APART_MS, min(self.end - self.start, LONGEST_APART_MS))


class Memory:
    """The anomalies of late, and what was said of them."""

    def __init__(self) -> None:
        self.anomalies: list[Anomaly] = []
        self._dismissed: list[tuple[int, bool, int, float]] = []
        """(cell, too many, when, spread that was needed)."""

    def note(self, at: int, window: Window, same: int = 0) -> Anomaly | None:
        """Windows up to ``at`` (ms) were this unusual; the anomaly that is new or has grown, which
        is the one that began at ``same``, where that is known and remembered."""
        if window.surprise < UNUSUAL:
            return None
        known = self._of(same) or self.near(at, window) or self.add(at, window)
        known.end = at
        if window.surprise > known.worst.surprise:
            known.worst = window
        return known

    def near(self, at: int, window: Window) -> Anomaly | None:
        """What a window that ends at ``at`` (ms) goes on with, since it lies close to it."""
        last = self._last()
        if last is None or at - last.end > last.reach or last.worst.too_many != window.too_many:
            return None
        return last

    def _of(self, start: int) -> Anomaly | None:
        """The one that began then; None where it is not remembered."""
        return next((one for one in self.anomalies if one.start == start), None)

    def add(self, at: int, window: Window) -> Anomaly:
        """Something new was told at ``at`` (ms)."""
        new = Anomaly(at, at, window)
        self.anomalies.append(new)
        del self.anomalies[:-REMEMBERED]
        for old in self.anomalies[:-MOST_HELD]:
            old.hours.clear()
        return new

    def _last(self) -> Anomaly | None:
        """The last one that is about hours, not about a clock."""
        return next((one for one in reversed(self.anomalies) if one.worst.kind not in CLOCK), None)

    def learned(self, at: int, learned: Learned, baseline: Baseline) -> None:
        """The baseline learned an hour that ended at ``at``. It is taken back where the anomaly
        that goes on was confirmed, and may have to be where nobody has said yet."""
        last = self._last()
        if last is None or last.end <= at - HOUR_MS or last.held >= MOST_HOURS:
            return
        last.held += 1
        if last.verdict == Verdict.CONFIRMED:
            baseline.forget(learned)
        else:
            last.hours.append(learned)

    def lasts(self, start: int, at: int) -> Anomaly | None:
        """What began at ``start`` lasts until now; None where it is not remembered."""
        found = self._of(start)
        if found is not None:
            found.lasted = at
        return found

    def judge(self, start: int, verdict: str, at: int, baseline: Baseline) -> Anomaly | None:
        """Staff said at ``at`` what the anomaly that began at ``start`` was; None where it is
        not remembered, or nothing new."""
        found = self._of(start)
        if found is None or found.verdict == verdict:
            return None
        if found.verdict == Verdict.DISMISSED and found.worst.kind == Kind.COUNT:
            self._allow(found.worst, at, dismissed=False)
        found.verdict = verdict
        if verdict == Verdict.CONFIRMED:
            for learned in found.hours:
                baseline.forget(learned)
            found.hours.clear()
        else:
            self.dismiss(found.worst, at)
        return found

    def dismiss(self, worst: Window, at: int) -> None:
        """From ``at`` on, such a window is not worth telling."""
        if worst.kind == Kind.COUNT:
            self._allow(worst, at, dismissed=True)

    def _allow(self, worst: Window, at: int, *, dismissed: bool) -> None:
        cell, needed = _cell(worst.hour), _needed(worst)
        if dismissed:
            self._dismissed.append((cell, worst.too_many, at, needed))
            del self._dismissed[:-REMEMBERED]
        else:
            self._dismissed = [one for one in self._dismissed if one[::3] != (cell, needed)]

    def allowed(self, hour: Hour, at: int, *, too_many: bool) -> float:
        """What dismissals add to the spread of an hour."""
        if not self._dismissed:
            return 0.0
        cell = _cell(hour)
        weights = total = 0.0
        for other, many, when, needed in self._dismissed:
            if many == too_many and _alike(cell, other):
                weight = 0.5 ** ((at - when) / FADE_MS)
                weights += weight
                total += weight * needed
        return total / (1 + weights)

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [
            [
                [one.start, one.end, one.worst, one.verdict, one.hours, one.held, one.lasted]
                for one in self.anomalies
            ],
            self._dismissed,
        ]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        anomalies, dismissed = state
        self.anomalies = []
        for start, end, (hours, hour, *rest), verdict, learned, held, *lasted in anomalies:
            one = Anomaly(start, end, Window(hours, Hour(*hour), *rest), verdict)
            one.hours = [Learned(Hour(*first), *others) for first, *others in learned]
            one.held = held
            one.lasted = lasted[0] if lasted else 0
            self.anomalies.append(one)
        self._dismissed = [tuple(one) for one in dismissed]


def _cell(hour: Hour) -> int:
    free = hour.holiday or hour.of_week >= 5 * 24
    return hour.of_week % 24 + (24 if free else 0)


def _alike(cell: int, other: int) -> bool:
    apart = (cell - other) % 24
    return cell // 24 == other // 24 and apart in (0, 1, 23)


def _needed(worst: Window) -> float:
    """How much more spread would have made it an ordinary window."""
    low, high = 0.0, WIDEST
    for _ in range(20):
        middle = (low + high) / 2
        variance = (worst.spread + middle) * worst.mean**2
        if surprise(worst.counted, worst.mean, variance) > CALM:
            low = middle
        else:
            high = middle
    return high
