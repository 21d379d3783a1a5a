"""Whether it became better: each figure before and after a date, with an interval of the difference
from a bootstrap. The cases are drawn again, with replacement, many times over.
"""

import random
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from msgspec import Struct

from hub.cases import bootstrap
from hub.cases.bootstrap import Draw
from hub.cases.figures import (
    Seen,
    answered_in_time,
    found_a_day,
    took,
    was_false,
    was_patrolled,
    was_satisfied,
    was_solved,
)

DRAWS, GROUP_DRAWS = 2000, 400
"""Of the whole, and of each group of it. Higher: steadier intervals, slower."""
LEAST = 8
"""Of fewer cases on one side no interval is told: drawn again, few look surer than they are."""


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


def compare(before: Seen, after: Seen, *, seed: int = 1, draws: int = DRAWS) -> list[Change]:
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
    changes = []
    for name, of in rates:
        old, new = ([float(value) for value in of(seen)] for seen in (before, after))
        drawn = partial(bootstrap.interval, draws=draws, drawer=drawer)
        changes.append(_change(name, (old, new), _mean, bootstrap.mean_of, drawn))
    for name, rows, begin, end in stretches:
        old, new = (took(getattr(seen, rows), begin, end) for seen in (before, after))
        drawn = partial(bootstrap.interval, draws=draws, drawer=drawer)
        changes.append(_change(name, (old, new), median, bootstrap.median_of, drawn))
    return changes


def _change(
    name: str, samples: tuple[list[float], list[float]], of: Callable[[list[float]], float],
    again: Callable[[list[float]], Draw], interval: Callable[[Draw, Draw], tuple[float, float]],
) -> Change:  # fmt: skip
    before, after = samples
    count = (len(before), len(after))
    was, became = (of(values) if values else None for values in samples)
    if min(count) < LEAST:
        return Change(name, was, became, None, None, count)
    low, high = interval(again(before), again(after))
    return Change(name, was, became, low, high, count)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
