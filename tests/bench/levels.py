"""Breaks that last, put into the streets of Auckland: is each told, and how often?

Levels by several sizes, up and down, for weeks, each with a day of another shape; on all years
but those of the lockdowns. What is told in a fortnight of these is held against the same
fortnight with nothing put in.
"""

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from hub.analysis.hours import WEEK_H
from tests.bench.auckland import Street, at
from tests.bench.table import Figure

SIZES: Final = (0.3, 2.0, 0.6, 1.5, 0.1, 3.0)
WEEKS: Final = (3, 6, 12)
BETWEEN_H: Final = 8 * WEEK_H
"""As it was, after each, so that what was usual is usual again."""
FORTNIGHT_H: Final = 14 * 24
SOONER_H: Final = 12
MOST_MISSING_H: Final = 24
QUIET_H: Final = 18
COOLDOWN_H: Final = 24
"""The ready rule's, `configs/library/unusual-flow.yaml`."""
CLEAR: Final = (0.3, 2.0, 0.1, 3.0)
"""Of half the usual, twice it, or further off."""


class Break(NamedTuple):
    """One that was put in."""

    size: float
    start: int
    """Number of its first hour."""
    end: int


class Told(NamedTuple):
    """What was told at one sensor; numbers of hours."""

    unusual: dict[int, bool]
    """Hours at which something stood above the bar; whether it was too many."""
    begun: dict[int, bool]
    """Hours in which an anomaly began; whether of too many."""
    news: Sequence[int]
    """Hours at which what stood above it was no lasting break that had been told."""

    def alerts(self) -> list[int]:
        """When the ready rule would have alerted."""
        found: list[int] = []
        last, fires = -QUIET_H, False
        for number in self.news:
            fires = fires and number - last <= QUIET_H
            if not fires and number - last > (QUIET_H + COOLDOWN_H if found else 0):
                found.append(number)
                fires = True
            last = number if fires else last
        return found


def plan(index: int, street: Street, first: str, end: str) -> tuple[list[Break], dict[int, float]]:
    """Breaks of one sensor from ``first`` until ``end``, and the counts that they change."""
    rng = random.Random(1000 + index)
    breaks: list[Break] = []
    changed: dict[int, float] = {}
    start = at(first) + rng.randrange(4 * WEEK_H)
    while start + FORTNIGHT_H < at(end):
        turn = len(breaks)
        size = SIZES[(index + turn) % len(SIZES)]
        weeks = WEEKS[(turn + index // len(SIZES)) % len(WEEKS)]
        one = Break(size, start, min(start + weeks * WEEK_H, at(end)))
        phase = rng.randrange(24)
        for number in range(one.start, one.end):
            if not math.isnan(street.counts[number]):
                tilt = 1 + 0.5 * math.sin(2 * math.pi * (number % 24 - phase) / 24)
                changed[number] = float(round(street.counts[number] * size**tilt))
        breaks.append(one)
        start = one.end + BETWEEN_H + rng.randrange(WEEK_H)
    return breaks, changed


class _Row(NamedTuple):
    size: float
    found: bool
    delay: int
    begun: int
    plainly: int
    alerts: int
    plain_alerts: int


def figures(
    part: str, streets: Sequence[Street], put: Sequence[tuple[Sequence[Break], Told]],
    plain: Sequence[Told], spans: Sequence[tuple[str, str, str]],
) -> Iterator[Figure]:  # fmt: skip
    """``put`` are each sensor's breaks and what was told with them, ``plain`` what was told
    without; ``spans`` are (words, from, until)."""
    rows = [
        (one.start, _row(one, told, usual))
        for street, (breaks, told), usual in zip(streets, put, plain, strict=True)
        for one in breaks
        if _known(street, one)
    ]
    for words, first, end in spans:
        inside = [row for start, row in rows if at(first) <= start < at(end)]
        yield from _of(part, f"lasting breaks of {words}", inside)


def _known(street: Street, one: Break) -> bool:
    around = street.counts[one.start - WEEK_H : one.start + FORTNIGHT_H]
    return sum(math.isnan(count) for count in around) <= MOST_MISSING_H


def _row(one: Break, told: Told, plain: Told) -> _Row:
    many = one.size > 1
    span = range(one.start - SOONER_H, one.start + FORTNIGHT_H)
    hours = (n for n in span if n >= one.start and told.unusual.get(n) == many)
    first = next(hours, None)
    return _Row(
        one.size,
        first is not None and first < one.start + 24,
        FORTNIGHT_H if first is None else first - one.start,
        sum(n in span for n, way in told.begun.items() if way == many),
        sum(n in span for n, way in plain.begun.items() if way == many),
        sum(n in span for n in told.alerts()),
        sum(n in span for n in plain.alerts()),
    )


def _of(part: str, words: str, rows: Sequence[_Row]) -> Iterator[Figure]:
    count = f"% of {len(rows)}"
    yield Figure(part, f"{words}: told within a day", _share(row.found for row in rows), count)
    clear = [row for row in rows if row.size in CLEAR]
    yield Figure(part, f"{words}, by half or more: told within a day",
                 _share(row.found for row in clear), f"% of {len(clear)}")  # fmt: skip
    delay = statistics.median(row.delay for row in rows)
    yield Figure(part, f"{words}: median delay", delay, "h")
    yield Figure(part, f"{words}: one anomaly that way at most in a fortnight",
                 _share(row.begun <= 1 for row in rows), count)  # fmt: skip
    yield Figure(part, f"{words}: the same hours with nothing put in",
                 _share(row.plainly <= 1 for row in rows), count)  # fmt: skip
    for size in sorted(SIZES):
        of_size = [row.begun <= 1 for row in rows if row.size == size]
        yield Figure(part, f"{words}, × {size}: one at most", _share(of_size),
                     f"% of {len(of_size)}")  # fmt: skip
    alerts = statistics.fmean(row.alerts for row in rows)
    yield Figure(part, f"{words}: alerts of the ready rule in a fortnight", alerts, "")
    alerts = statistics.fmean(row.plain_alerts for row in rows)
    yield Figure(part, f"{words}: the same with nothing put in", alerts, "")


def _share(true: Iterator[bool] | Sequence[bool]) -> float:
    return 100 * statistics.fmean(true)
