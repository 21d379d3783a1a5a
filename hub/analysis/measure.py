"""The effect of a measure: alerts before and after it, beside the places without it."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS, WEEK_H

WEEK_MS: Final = WEEK_H * HOUR_MS
LEAST_WEEKS, LEAST_EVENTS = 2, 10
HALF: Final = 0.5
"""Added to each count, so that none is nothing (Haldane and Anscombe)."""


class Effect(NamedTuple):
    """How the alerts of a place changed; weeks of the same number on both sides."""

    place: str
    at: int
    weeks: int
    before: int
    after: int
    control_before: int
    control_after: int
    ratio: float
    """After over before, divided by the same of the control where it has alerts."""
    low: float
    high: float
    """95 % of the time the true ratio lies between."""

    @property
    def enough(self) -> bool:
        """Whether there was enough to tell anything."""
        return self.weeks >= LEAST_WEEKS and self.before + self.after >= LEAST_EVENTS

    @property
    def clear(self) -> bool:
        """Whether chance alone is an unlikely reason."""
        return self.enough and not self.low <= 1 <= self.high

    @property
    def controlled(self) -> bool:
        """Whether other places say what would have happened anyway."""
        return self.control_before + self.control_after >= LEAST_EVENTS


def effect(events: Sequence[Event], place: str, at: int, start: int, end: int) -> Effect:
    """What a measure at ``place`` from ``at`` on did, by events from ``start`` to ``end`` (ms)."""
    weeks = max(0, min((at - start) // WEEK_MS, (end - at) // WEEK_MS))
    here, rest = [[0] * 2 * weeks for _ in range(2)]
    for event in events:
        week = (event.at - at) // WEEK_MS + weeks
        if 0 <= week < 2 * weeks:
            (here if event.place == place else rest)[week] += 1
    groups = [here[:weeks], here[weeks:]]
    controls = [rest[:weeks], rest[weeks:]]
    counts = [sum(weekly) for weekly in (*groups, *controls)]
    found = Effect(place, at, weeks, counts[0], counts[1], counts[2], counts[3], 1.0, 0.0, math.inf)
    before, after, control_before, control_after = (count + HALF for count in counts)
    log_ratio, variance = math.log(after / before), 1 / after + 1 / before
    if found.controlled:
        log_ratio -= math.log(control_after / control_before)
        variance += 1 / control_after + 1 / control_before
        groups += controls
    reach = 1.96 * math.sqrt(variance * _dispersion(groups))
    return found._replace(
        ratio=math.exp(log_ratio), low=math.exp(log_ratio - reach), high=math.exp(log_ratio + reach)
    )


def _dispersion(groups: Sequence[Sequence[int]]) -> float:
    """By how much the weeks scatter beyond a Poisson's (Pearson's statistic over its degrees of
    freedom); 1 at least."""
    pearson, freedom = 0.0, 0
    for weeks in groups:
        mean = sum(weeks) / len(weeks) if weeks else 0.0
        if mean > 0:
            pearson += sum((count - mean) ** 2 / mean for count in weeks)
            freedom += len(weeks) - 1
    return max(1.0, pearson / freedom) if freedom else 1.0
