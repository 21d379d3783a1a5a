"""What is usual for a count by the hour, learned as the hours pass.

The usual count of an hour is level × shape. The shape of each hour of the week is an average
over its weeks, recent ones weighing more; a public holiday is taken for a Sunday until
holidays have been seen. The level follows the last day and the last week, so season and trend
need no terms of their own. What the counts scatter by beyond chance is learned too:
variance = mean + spread · mean², a negative binomial.

No clock, no store, no random numbers: the same counts lead to the same baseline, to the bit.
"""

import math
from array import array
from typing import Any, Final, NamedTuple

from hub.analysis import tails
from hub.analysis.hours import WEEK_H, Hour

KEEP: Final = 0.86
"""What a week leaves of the weight of those before it. Higher: slower to learn new habits."""
FAST: Final = 0.5 ** (1 / 24)
SLOW: Final = 0.5 ** (1 / 168)
"""What an hour leaves of the two levels: half after a day, half after a week."""
FAST_SHARE: Final = 0.7
"""How far the next hours go with the last day rather than the last week …"""
FADE_H: Final = 72.0
"""… and after how many hours only 1/e of that is left."""
PRIOR: Final = 0.5
"""How many events the belief is worth that the level has not moved."""
MOST: Final = 4.0
"""A count teaches no more than this many times the usual."""
FIRST_SPREAD, LEAST_SPREAD = 0.5, 0.01
SPREAD_KEEP: Final = 0.97
"""What one observation of an hour of the day leaves of what was known of its scatter."""
OUTLIER_SD: Final = 4.0
"""Scatter is learned as if nothing lay further off than this: a break is not what is usual."""
POOLED: Final = 3.0
"""How many events what like hours of other days say is worth, against an hour's own weeks.
Higher: steadier where little happens."""
ENOUGH_H: Final = 72
"""Below this many hours nothing is called usual."""
MOST_SEEN: Final = 50
OWN_WEEKS: Final = 7
"""What all weeks come to, as recent ones weigh more: 1 ÷ (1 − KEEP)."""
UNSURE: Final = 0.3
"""Spread that is added to an hour never seen; to one seen n times, an (n+1)-th part of it."""
LEAST_MEAN: Final = 0.02
"""Even where nothing ever happened, this many events an hour are thought possible."""


class Usual(NamedTuple):
    """What to expect of one hour."""

    mean: float
    """Events in the hour."""
    spread: float
    """Of the rate: the count's variance is mean + spread · mean²."""
    seen: int
    """How many such hours it was learned from; 0: guessed from like hours of other days."""

    @property
    def rate(self) -> tuple[float, float]:
        """The mean of the rate, and its standard deviation with what is not known yet."""
        mean = max(self.mean, LEAST_MEAN)
        unsure = mean / (min(self.seen, OWN_WEEKS) + 1)
        return mean, math.sqrt(mean**2 * (self.spread + UNSURE / (self.seen + 1)) + unsure)

    def surprise(self, count: int) -> float:
        """−log₁₀ of the probability of a count at least as far off."""
        mean, deviation = self.rate
        return tails.surprise(count, mean, deviation**2)

    def range(self, share: float = 0.95) -> tuple[int, int]:
        """The least and greatest count that are usual."""
        mean, deviation = self.rate
        return tails.usual_range(mean, deviation**2, share)


class Learned(NamedTuple):
    """What one hour changed, so that it can be taken back."""

    hour: Hour
    number: int
    """How many hours had been learned before it."""
    counted: float
    shape: float
    weekly: float
    """What it added to the average of its hour of the week, or of the holiday …"""
    daily: float
    """… and to that of like hours of other days."""
    scatter: float
    square: float


class Level(NamedTuple):
    """How much more or less than its shape says a place counts."""

    fast: float
    """Over the last day or so."""
    slow: float
    """Over the last week or so."""

    def after(self, hours: int) -> float:
        """What is believed of it so many hours later."""
        share = FAST_SHARE * math.exp(-hours / FADE_H) if hours else FAST_SHARE
        return share * self.fast + (1 - share) * self.slow


class Baseline:
    """The usual count of each hour of the week at one place."""

    def __init__(self) -> None:
        self._shape = array("d", bytes(8 * WEEK_H))
        self._seen = bytearray(WEEK_H)
        self._day = array("d", bytes(8 * 48))
        """The hours of a working day, then those of a day of the weekend: a beginning."""
        self._day_seen = bytearray(48)
        self._holiday = array("d", bytes(8 * 24))
        self._holiday_seen = bytearray(24)
        self._scatter = array("d", bytes(8 * 96))
        """For the same 48: Σ ((n − mean)² − mean), then Σ mean², fading."""
        self._levels = array("d", bytes(8 * 4))
        """Counts and shapes, each summed fading: by the day, by the week."""
        self.hours = 0
        """How many hours it has learned from."""

    @property
    def level(self) -> Level:
        """What it has come to by now."""
        fast_n, fast_s, slow_n, slow_s = self._levels
        return Level((fast_n + PRIOR) / (fast_s + PRIOR), (slow_n + PRIOR) / (slow_s + PRIOR))

    def _now(self) -> float:
        """``level.after(0)``, at a third of its price: it is asked for several times an hour."""
        fast_n, fast_s, slow_n, slow_s = self._levels
        fast, slow = (fast_n + PRIOR) / (fast_s + PRIOR), (slow_n + PRIOR) / (slow_s + PRIOR)
        return FAST_SHARE * fast + (1 - FAST_SHARE) * slow

    def usual(self, hour: Hour, ahead: int = 0, level: Level | None = None) -> Usual | None:
        """What to expect of ``hour``, ``ahead`` hours after ``level`` was taken, which left out
        is today's; None while too little was seen."""
        if self.hours < ENOUGH_H:
            return None
        shape = self._shape_of(hour)
        if shape is None:
            return None
        slot = hour.of_week
        seen = self._holiday_seen[slot % 24] if hour.holiday else self._seen[slot]
        return Usual(shape * (level or self.level).after(ahead), self._spread(_cell(slot)), seen)

    def shape(self, of_week: int) -> float:
        """How an hour of the week stands to the others; 0 for one of which nothing is known."""
        return self._weekly(of_week) or 0.0

    def week(self) -> "array[float]":
        """The mean of each hour of the week, at the level of the last week."""
        slow = self.level.slow
        return array("f", ((self._weekly(slot) or 0.0) * slow for slot in range(WEEK_H)))

    def learn(self, hour: Hour, count: float) -> Learned:
        """An hour that was observed in full had ``count`` events."""
        slot = hour.of_week
        shape = self._shape_of(hour)
        level = self._now()
        scatter = square = 0.0
        if shape is None:
            shape = count / level
        else:
            if self.hours >= ENOUGH_H:
                scatter, square = self._learn_scatter(_cell(slot), shape * level, count)
            count = min(count, MOST * max(shape * level, 1.0))
        fast_n, fast_s, slow_n, slow_s = self._levels
        self._levels[0], self._levels[1] = fast_n * FAST + count, fast_s * FAST + shape
        self._levels[2], self._levels[3] = slow_n * SLOW + count, slow_s * SLOW + shape
        relative = count / max(self._now(), 1e-6)
        daily = 0.0
        if hour.holiday:
            weekly = _average(self._holiday, self._holiday_seen, slot % 24, relative)
        else:
            weekly = _average(self._shape, self._seen, slot, relative)
            daily = _average(self._day, self._day_seen, _cell(slot), relative)
        self.hours += 1
        return Learned(hour, self.hours - 1, count, shape, weekly, daily, scatter, square)

    def forget(self, learned: Learned) -> None:
        """Take back what is left of an hour, by how much of it has faded since."""
        hour, number, count, shape, weekly, daily, scatter, square = learned
        since = self.hours - 1 - number
        for index, keep in ((0, FAST), (2, SLOW)):
            self._levels[index] -= count * keep**since
            self._levels[index + 1] -= shape * keep**since
        slot, cell, weeks = hour.of_week, _cell(hour.of_week), since // WEEK_H
        days = weeks * (2 if cell >= 24 else 5) + since % WEEK_H // 24
        if hour.holiday:
            self._holiday[slot % 24] -= weekly
        else:
            self._shape[slot] -= weekly * KEEP**weeks
            self._day[cell] -= daily * KEEP**days
        for index, part in ((cell, scatter), (48 + cell, square)):
            self._scatter[index] = max(0.0, self._scatter[index] - part * SPREAD_KEEP**days)

    def _shape_of(self, hour: Hour) -> float | None:
        slot = hour.of_week
        if not hour.holiday:
            return self._weekly(slot)
        sunday = self._weekly(144 + slot % 24)
        seen = min(self._holiday_seen[slot % 24], 5)
        if sunday is None or not seen:
            return sunday
        return (seen * self._holiday[slot % 24] + 2 * sunday) / (seen + 2)

    def _weekly(self, slot: int) -> float | None:
        """An hour's own weeks, and like hours of other days for what these leave unsure."""
        cell = _cell(slot)
        if not self._day_seen[cell]:
            cell = (cell + 24) % 48
            if not self._day_seen[cell]:
                return None
        day, seen = self._day[cell], min(self._seen[slot], OWN_WEEKS)
        pooled = POOLED / max(day * self._now(), LEAST_MEAN)
        return (seen * self._shape[slot] + pooled * day) / (seen + pooled)

    def _spread(self, cell: int) -> float:
        squares = self._scatter[48 + cell]
        return max(LEAST_SPREAD, self._scatter[cell] / squares) if squares else FIRST_SPREAD

    def _learn_scatter(self, cell: int, mean: float, count: float) -> tuple[float, float]:
        mean = max(mean, 0.01)
        if not self._scatter[48 + cell]:
            first = 4 * max(mean, 1.0) ** 2
            self._scatter[cell], self._scatter[48 + cell] = FIRST_SPREAD * first, first
        variance = mean + self._spread(cell) * mean**2
        off = min((count - mean) ** 2, OUTLIER_SD**2 * variance)
        self._scatter[cell] = self._scatter[cell] * SPREAD_KEEP + off - mean
        self._scatter[48 + cell] = self._scatter[48 + cell] * SPREAD_KEEP + mean**2
        return off - mean, mean**2

    def dump(self) -> Any:
        """The state, in what msgpack can hold, bit for bit."""
        return [
            self.hours,
            *(known.tobytes() for known in self._numbers()),
            *(bytes(seen) for seen in self._counters()),
        ]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        self.hours, *parts = state
        for known, raw in zip(self._numbers(), parts[:5], strict=True):
            known[:] = array("d", raw)
        for seen, raw in zip(self._counters(), parts[5:], strict=True):
            seen[:] = raw

    def _numbers(self) -> tuple["array[float]", ...]:
        return self._shape, self._day, self._holiday, self._scatter, self._levels

    def _counters(self) -> tuple[bytearray, ...]:
        return self._seen, self._day_seen, self._holiday_seen


def _cell(slot: int) -> int:
    return slot % 24 + (24 if slot >= 120 else 0)


def _average(known: "array[float]", seen: bytearray, index: int, value: float) -> float:
    """Move an average towards a value: evenly at first, later by what a week does not keep;
    by how much it moved."""
    count = seen[index]
    if not count:
        known[index], seen[index] = value, 1
        return 0.0
    weight = (1 - KEEP) / (1 - KEEP ** (count + 1))
    before = known[index]
    moved = weight * (min(value, MOST * max(before, 0.02)) - before)
    known[index] = before + moved
    seen[index] = min(count + 1, MOST_SEEN)
    return moved
