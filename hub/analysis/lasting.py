"""A break that lasts is told once: from then on the place is in another state, until that ends.

When something unusual begins, what was usual until then is put aside as it was. If after a day
the counts still lie clearly beside it, the break lasts. The level of `Baseline` follows within a
day or two, but its shape does not: the nights of a lockdown are emptier than its mornings. So
in such a state a count between what was usual and what is usual now is no news; one beyond
either is. What was usual before counts for less with each week, and the state ends when the
last day is as it was before.
"""

import enum
import math
from array import array
from typing import Any, Final

from hub.analysis.baseline import LEAST_MEAN, MOST, Baseline
from hub.analysis.hours import WEEK_H, Hour

PROVING_H: Final = 24
"""Observed hours after which a break can be said to last; and, after the last unusual hour of one
that does not, how long it is waited for."""
LASTS, OVER = 0.3, 0.15
"""The last day over what was usual before, natural logarithm: from this far off on it lasts, and
nearer than that it is over."""
CLEAR_SD: Final = 2.5
"""Nor does it last unless it is this many standard deviations off."""
FADE_H: Final = 10 * 24
"""Hours after which what was usual before counts half. Higher: what comes back after weeks is no
news either, and another break in between is hidden for longer."""
LONGEST_H: Final = 10 * WEEK_H
"""After this it is forgotten."""
_DAY: Final = 0.5 ** (1 / 12)
"""What an hour leaves of the sums that stand for the last day."""


class News(enum.Enum):
    """What an hour has shown."""

    LASTS = "it lasts, or still does a day later"
    OVER = "it is over"


class Lasting:
    """Of one kind of count at one place."""

    def __init__(self) -> None:
        self.since = 0
        """When the anomaly began that it began with, ms; 0: nothing goes on."""
        self.proven = False
        """Whether it lasts; before that it may."""
        self._old: array[float] = array("f")
        """The mean of each hour of the week, as it was before."""
        self._hours = self._quiet = 0
        """Observed since it began, and since the last unusual one."""
        self._counted = self._expected = self._noise = 0.0

    def unusual(self, since: int, baseline: Baseline) -> None:
        """The anomaly that began at ``since`` (ms) began or goes on."""
        self._quiet = 0
        if not self.since:
            self.since, self.proven, self._old = since, False, baseline.week()
            self._hours, self._counted, self._expected, self._noise = 0, 0.0, 0.0, 0.0

    def observed(self, hour: Hour, count: float, spread: float) -> News | None:
        """An hour was observed in full; ``spread`` of its rate, as `Usual` has it."""
        if not self.since:
            return None
        mean = self._before(hour)
        self._hours, self._quiet = self._hours + 1, self._quiet + 1
        # An hour with a crowd, however great, does not stand for a day.
        self._counted = self._counted * _DAY + min(count, MOST * max(mean, 1.0))
        self._expected = self._expected * _DAY + mean
        self._noise = self._noise * _DAY**2 + mean + spread * mean**2
        if self.proven:
            if self._off < OVER or self._hours > LONGEST_H:
                self.since, self._old = 0, array("f")
                return News.OVER
            return None if self._hours % PROVING_H else News.LASTS
        if self._hours >= PROVING_H and self._off >= LASTS and self._clear:
            self.proven = True
            return News.LASTS
        if self._quiet >= PROVING_H:
            self.since, self._old = 0, array("f")
        return None

    @property
    def _off(self) -> float:
        return abs(math.log((self._counted + 0.5) / (self._expected + 0.5)))

    @property
    def _clear(self) -> bool:
        return abs(self._counted - self._expected) >= CLEAR_SD * math.sqrt(self._noise)

    def _before(self, hour: Hour) -> float:
        slot = 6 * 24 + hour.of_week % 24 if hour.holiday else hour.of_week
        return max(self._old[slot], LEAST_MEAN)

    def between(self, hour: Hour, mean: float, baseline: Baseline) -> tuple[float, float]:
        """The least and greatest mean that are no news in a window in which ``mean`` is expected
        by now, most of it in ``hour``."""
        now = baseline.usual(hour) if self.since else None
        if now is None:
            return mean, mean
        fades = 0.5 ** (self._hours / FADE_H)
        before = mean * (self._before(hour) / max(now.mean, LEAST_MEAN)) ** fades
        return min(mean, before), max(mean, before)

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        sums = self._counted, self._expected, self._noise
        return [self.since, self.proven, self._old.tobytes(), self._hours, self._quiet, *sums]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        self.since, self.proven, old, self._hours, self._quiet, *sums = state
        self._old = array("f", old)
        self._counted, self._expected, self._noise = sums
