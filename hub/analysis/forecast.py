"""What comes next: the baseline carried forward, as sure as its own past forecasts were.

Every count that comes is held against what was forecast for it a day and several days before.
The intervals are the quantiles of those misses, in units of what the counts scatter by, over
the last six weeks: they need no belief about how counts are distributed, and a place that has
become harder to foresee gets wider ones by itself.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from hub.analysis.baseline import Baseline, Level, Usual
from hub.analysis.hours import Hour

REMEMBERED: Final = 6 * 168
"""Misses that the intervals are made of. Higher: steadier, and slower to follow."""
ENOUGH: Final = 100
"""With fewer misses than this the interval is the one of a normal distribution."""
DAY_H: Final = 24
LEVELS: Final = (0.025, 0.1, 0.9, 0.975)
_NORMAL: Final = (-1.96, -1.2816, 1.2816, 1.96)


class Forecast(NamedTuple):
    """An hour to come, in events."""

    hour: Hour
    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


class Misses:
    """The last misses of one horizon, in standard deviations of the count."""

    def __init__(self) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, miss: float) -> None:
        self._order.append(miss)
        insort(self._sorted, miss)
        if len(self._order) > REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]

    def quantiles(self) -> Sequence[float]:
        """At `LEVELS`."""
        count = len(self._sorted)
        if count < ENOUGH:
            return _NORMAL
        return [self._sorted[min(count - 1, int(level * (count + 1)))] for level in LEVELS]


class Forecaster:
    """A baseline that remembers what it forecast and how far off that was."""

    def __init__(self) -> None:
        self.baseline = Baseline()
        self._issued: deque[tuple[int, Level]] = deque(maxlen=8)
        """(hours learned until then, level) at the end of each of the last days."""
        self.day, self.week = Misses(), Misses()
        """Of forecasts of up to 24 hours, and of one to seven days."""

    def learn(self, hour: Hour, count: float, *, judged: bool = True) -> None:
        """An observed hour: judge what was forecast for it, then learn from it. ``judged`` may be
        False of hours before the last `REMEMBERED`, whose misses would be forgotten again."""
        now = self.baseline.hours
        if not self._issued or now - self._issued[-1][0] >= DAY_H:
            self._issued.append((now, self.baseline.level))
        if judged:
            self._judge_all(hour, count, now)
        self.baseline.learn(hour, count)

    def _judge_all(self, hour: Hour, count: float, now: int) -> None:
        self._judge(self.day, hour, count, len(self._issued) - 1)
        older = len(self._issued) - 2 - now // DAY_H % 6
        if older >= 0:
            self._judge(self.week, hour, count, older)

    def _judge(self, misses: Misses, hour: Hour, count: float, index: int) -> None:
        since, level = self._issued[index]
        usual = self.baseline.usual(hour, self.baseline.hours - since, level)
        if usual is not None:
            misses.add((count - usual.mean) / deviation(usual))

    def forecast(self, hours: Sequence[Hour]) -> list[Forecast]:
        """The hours that follow the last one learned, in order; empty while too little is
        known."""
        found = []
        quantiles = self.day.quantiles(), self.week.quantiles()
        for ahead, hour in enumerate(hours):
            usual = self.baseline.usual(hour, ahead)
            if usual is not None:
                found.append(_around(hour, usual, quantiles[ahead >= DAY_H]))
        return found


def deviation(usual: Usual) -> float:
    """The standard deviation of the count that is expected."""
    return math.sqrt(max(usual.mean, 0.01) + usual.spread * usual.mean**2)


def _around(hour: Hour, usual: Usual, quantiles: Sequence[float]) -> Forecast:
    sd = deviation(usual)
    low95, low80, high80, high95 = (max(0.0, usual.mean + q * sd) for q in quantiles)
    return Forecast(hour, usual.mean, low80, high80, low95, high95)
