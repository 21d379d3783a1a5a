"""A break that lasts is told once: from then on the place is in another state, until that ends.

When something unusual begins, what was usual until then is put aside as it was. If after a day
the counts still lie clearly beside it, the break lasts. The level of `Baseline` follows within a
day or two, but its shape does not: the nights of a lockdown are emptier than its mornings. So
in such a state a count between what was usual and what is usual now is no news; and one beyond,
on the side to which the state lies, still belongs to what was told, unless it goes so far that
no week which was not seen yet would explain it. What was usual before counts for less with each
week, and the state ends when it has come back for a day, or when the baseline has learned it.
"""

import enum
import math
from array import array
from typing import Any, Final

from hub.analysis.baseline import LEAST_MEAN, MOST, Baseline
from hub.analysis.hours import WEEK_H, Hour

PROVING_H: Final = 24
"""Observed hours after which a break can be said to last; after the last unusual hour of one
that does not, how long it is waited for; and how long it must have come back to be over."""
LASTS, OVER = 0.3, 0.15
"""The last day over what was usual before, natural logarithm: from this far off on it lasts, and
nearer than that it is over."""
CLEAR_SD: Final = 2.5
"""Nor does it last unless it is this many standard deviations off."""
FADE_H: Final = 10 * 24
"""Hours after which what was usual before counts half. Higher: what comes back after weeks is no
news either, and another break in between is hidden for longer."""
LEARNED_H: Final = 4 * WEEK_H
"""After this about half of what a baseline knows of each hour of the week is of the new state
(`baseline.KEEP`): it is what is usual. Higher: its weeks are news for less long, and another
break the same way is hidden for longer."""
UNSURE: Final = 0.3
"""Spread of the rate of an hour whose weeks in this state were not seen yet, as
`baseline.UNSURE`. Higher: only what goes deeper still is told anew."""
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
        self.too_many = False
        """To which side it lies, once it is proven."""
        self._starts = [0, 0]
        """When the last anomalies with too few, and with too many, began since, ms."""
        self._back = 0
        """Hours in a row in which the last day was as before."""
        self._old: array[float] = array("f")
        """The mean of each hour of the week, as it was before."""
        self._hours = self._quiet = 0
        """Observed since it began, and since the last unusual one."""
        self._counted = self._expected = self._noise = 0.0

    def unusual(self, since: int, baseline: Baseline, *, too_many: bool) -> None:
        """The anomaly that began at ``since`` (ms) began or goes on."""
        self._quiet = 0
        if not self.since:
            self.since, self.proven, self._old = since, False, baseline.week()
            self._hours, self._counted, self._expected, self._noise = 0, 0.0, 0.0, 0.0
            self._starts = [0, 0]
        self._starts[too_many] = since
        if self.goes_on(too_many=too_many):
            self.since = since  # deeper than what was told

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
            return self._go_on()
        if self._hours >= PROVING_H and abs(self._off) >= LASTS and self._clear:
            self.proven, self.too_many, self._back = True, self._off > 0, 0
            # A rush before a lockdown is not what lasts.
            self.since = self._starts[self.too_many] or self.since
            return News.LASTS
        if self._quiet >= PROVING_H:
            self._end()
        return None

    def _go_on(self) -> News | None:
        off = self._off if self.too_many else -self._off
        self._back = self._back + 1 if off < OVER else 0
        if self._back >= PROVING_H or self._hours > LEARNED_H:
            self._end()
            return News.OVER
        return None if self._hours % PROVING_H else News.LASTS

    def _end(self) -> None:
        self.since, self.proven, self._old = 0, False, array("f")

    def goes_on(self, *, too_many: bool) -> bool:
        """Whether a lasting break lies to this side."""
        return self.proven and self.too_many == too_many

    @property
    def unsure(self) -> float:
        """Spread to add for the hours of the week that were seen too seldom in this state."""
        return UNSURE / (1 + self._hours / WEEK_H)

    @property
    def _off(self) -> float:
        """The last day over what was usual before, natural logarithm."""
        return math.log((self._counted + 0.5) / (self._expected + 0.5))

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
        known = self.since, self.proven, self._old.tobytes(), self._hours, self._quiet
        return [*known, *sums, self.too_many, self._starts, self._back]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave; one of before sides were kept lacks them."""
        self.since, self.proven, old, self._hours, self._quiet, *rest = state
        self._old = array("f", old)
        self._counted, self._expected, self._noise, *sides = rest
        self.proven = self.proven and self.since > 0
        self.too_many, self._starts, self._back = sides or (self._off > 0, [0, 0], 0)
