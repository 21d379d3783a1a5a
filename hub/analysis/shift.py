"""A clock that is an hour off: day after day the whole day comes early, or late.

The counts of a day are held against the usual ones of an hour later and of an hour earlier. What
counts is the shape of the day alone, so that a quiet day says nothing; and its morning and its
evening each by itself, since a habit that changes (late risers in the holidays) moves one of
them, and a clock both. The logarithms of how much better the other hour fits are summed up over
the days, as far as they stay above 0 (a CUSUM).
"""

import math
from typing import Any, Final

from hub.analysis.baseline import Baseline, Usual
from hub.analysis.hours import WEEK_H, Hour

HALF_H: Final = 12
LEAST_HOURS: Final = 10
"""Of each half of a day; with fewer it says nothing."""
LEAST_SEEN: Final = 3
"""Weeks after which the shape of a day is known well enough."""
LEAST_MEAN: Final = 0.5
MOST_A_DAY, LEAST_A_DAY = 5.0, -10.0
"""What one day can add: no day tells alone."""
TOLD: Final = 15.0
"""Sum from which on it is told: after three days at the soonest. Higher: later, and more surely."""
WAYS: Final = (1, -1)
"""The day comes an hour early: it fits the usual counts of the hour after; or late."""


class Half:
    """Half a day's counts beside what was usual, each hour weighed by how surely it is known."""

    def __init__(self) -> None:
        self.hours = 0
        self.counted = self.usual = 0.0
        self.other = [0.0, 0.0]
        """The usual of the neighbouring hours, by `WAYS` …"""
        self.gain = [0.0, 0.0]
        """… and Σ count · ln(theirs ÷ its own)."""

    def better(self, way: int) -> float:
        """ln of how much better the neighbouring hours fit than its own do."""
        if self.hours < LEAST_HOURS or not self.usual:
            return -math.inf
        return self.gain[way] - self.counted * math.log(self.other[way] / self.usual)


class Shift:
    """Of one kind of count at one place."""

    def __init__(self) -> None:
        self._sums = [0.0, 0.0]
        """By `WAYS`."""
        self._told = [False, False]
        """Until the sum is back at 0."""
        self._halves = Half(), Half()

    def observed(self, hour: Hour, count: int, usual: Usual, baseline: Baseline) -> int:
        """An hour that was observed; which of `WAYS` it shows, 0 for none."""
        of_day = hour.of_week % 24
        shown = self._end_day() if of_day == 0 else 0
        if hour.holiday or usual.seen < LEAST_SEEN:
            return shown
        half, mean = self._halves[of_day // HALF_H], max(usual.mean, LEAST_MEAN)
        weight = 1 / (1 + usual.spread * mean)
        level = mean / max(baseline.shape(hour.of_week), 1e-6)
        half.hours += 1
        half.counted += weight * count
        half.usual += weight * mean
        for number, way in enumerate(WAYS):
            other = max(level * baseline.shape((hour.of_week + way) % WEEK_H), LEAST_MEAN)
            half.other[number] += weight * other
            half.gain[number] += weight * count * math.log(other / mean)
        return shown

    def _end_day(self) -> int:
        """A day is over, if it was one."""
        shown = 0
        if all(half.hours >= LEAST_HOURS for half in self._halves):
            for number, way in enumerate(WAYS):
                better = min(half.better(number) for half in self._halves)
                moved = self._sums[number] + min(MOST_A_DAY, max(LEAST_A_DAY, better))
                self._sums[number] = min(TOLD, max(0.0, moved))
                if self._sums[number] >= TOLD and not self._told[number]:
                    self._told[number], shown = True, way
                elif not self._sums[number]:
                    self._told[number] = False
        self._halves = Half(), Half()
        return shown

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        halves = [[h.hours, h.counted, h.usual, h.other, h.gain] for h in self._halves]
        return [self._sums, self._told, halves]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        self._sums, self._told, halves = state
        for half, known in zip(self._halves, halves, strict=True):
            half.hours, half.counted, half.usual, half.other, half.gain = known
