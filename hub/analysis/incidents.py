"""How many alerts and reports each place is likely to have in each hour to come.

A Gamma-Poisson model (empirical Bayes). The rate of a place at an hour of the week is the site's
mean times five factors: the place's, the site's by the hour of the day and of the week, and the
place's own by the hour of the day and of the week. A factor says by how much more was counted than
the ones before it expect, and is drawn towards 1: a Gamma prior of mean 1 whose variance is learned
from how much such factors differ beyond chance. So an hour with one alert says little, a place with
hundreds speaks for itself.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from configs.site import Place, SiteFile
from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS, WEEK_H, Hour, Hours, hours_of
from hub.analysis.tails import usual_range

LOOK_MS: Final = 12 * WEEK_H * HOUR_MS
"""How far back it is learned from."""
LEAST_EVENTS, LEAST_DAYS = 20, 7
DAY_H: Final = 24
_SUNDAY: Final = 6 * DAY_H
_Key = TypeVar("_Key")
_LEAST_SPREAD, _MOST_SPREAD = 1e-6, 10.0


class Coming(NamedTuple):
    """What is expected in a stretch of time: a Poisson count with a Gamma distributed rate."""

    mean: float
    variance: float
    """Of the rate, not of the count."""

    @property
    def chance(self) -> float:
        """That there will be one or more: 0 to 1."""
        shape = self.mean**2 / self.variance
        return 1 - math.exp(-shape * math.log1p(self.variance / self.mean))

    def range(self, share: float) -> tuple[int, int]:
        """Within which the count lies in at least this share of such stretches."""
        return usual_range(self.mean, self.variance, share)


class Row(NamedTuple):
    """A place in the week to come."""

    place: Place
    hours: Sequence[Coming]
    """Beside `Ahead.hours`."""
    doubt: float
    """The variance, over mean², that all its hours share."""

    def over(self, first: int, count: int) -> Coming:
        """``count`` hours from the ``first`` on together."""
        some = self.hours[first : first + count]
        mean = sum(one.mean for one in some)
        alone = sum(one.variance - self.doubt * one.mean**2 for one in some)
        return Coming(mean, self.doubt * mean**2 + alone)


class Ahead(NamedTuple):
    """What was foreseen, or why nothing could be."""

    hours: Sequence[Hour]
    """The next 168."""
    rows: Sequence[Row]
    """Of all places; empty where there is not enough to learn from."""
    events: int
    days: float
    """Of which they were learned."""


def foresee(site: SiteFile, events: Iterable[Event], now: int) -> Ahead:
    """The week from the first full hour at or after ``now`` (ms), by events before it."""
    places = {place.id: place for place in site.places}
    known = [one for one in events if one.place in places and now - LOOK_MS <= one.at < now]
    clock = hours_of(site.site.timezone, site.site.country)
    first = clock.at(now + HOUR_MS - 1).start
    hours = [clock.at(first + n * HOUR_MS) for n in range(WEEK_H)]
    # Before its first event nobody may have been there to see any.
    begun = clock.at(min((one.at for one in known), default=now)).start
    found = Ahead(hours, (), len(known), (now - begun) / (DAY_H * HOUR_MS))
    if found.events < LEAST_EVENTS or found.days < LEAST_DAYS:
        return found
    counts = {name: [0] * WEEK_H for name in places}
    for one in known:
        counts[one.place][slot_of(clock.at(one.at))] += 1
    learned = learn(counts, _lasted(clock, begun, now))
    slots = [slot_of(hour) for hour in hours]
    rows = [
        Row(place, [learned[name][0][slot] for slot in slots], learned[name][1])
        for name, place in places.items()
    ]
    return found._replace(rows=rows)


def slot_of(hour: Hour) -> int:
    """The hour of the week that it counts as: a public holiday as a Sunday."""
    return _SUNDAY + hour.of_week % DAY_H if hour.holiday else hour.of_week


def learn(
    counts: Mapping[str, Sequence[int]], hours: Sequence[float]
) -> dict[str, tuple[list[Coming], float]]:
    """Of each place what an hour of the week brings, and how unsure the place is as a whole.

    ``counts`` are by place and hour of the week, ``hours`` how many hours of each were watched
    (above 0). There must be one event at least.
    """
    every = sum(sum(row) for row in counts.values())
    mean = every / (len(counts) * sum(hours))
    # What is expected of each cell so far; each level below corrects it.
    expected = {name: [mean * lasted for lasted in hours] for name in counts}
    cells = [(name, slot) for name in counts for slot in range(WEEK_H)]
    of_place = _correct(expected, counts, {(n, s): n for n, s in cells})
    _correct(expected, counts, {(n, s): s % DAY_H for n, s in cells})
    _correct(expected, counts, {(n, s): s for n, s in cells})
    own = _correct(expected, counts, {(n, s): (n, s % DAY_H) for n, s in cells})
    last = _correct(expected, counts, {cell: cell for cell in cells})
    found = {}
    for name in counts:
        doubt = of_place[name] + 1 / every
        row = []
        for slot in range(WEEK_H):
            rate = expected[name][slot] / hours[slot]
            unsure = doubt + own[name, slot % DAY_H] + last[name, slot]
            row.append(Coming(rate, unsure * rate**2))
        found[name] = (row, doubt)
    return found


def _correct(
    expected: dict[str, list[float]], counts: Mapping[str, Sequence[int]],
    groups: Mapping[tuple[str, int], _Key],
) -> dict[_Key, float]:  # fmt: skip
    """Multiply what is expected by each group's factor; the variance of each factor, over the
    square of its mean."""
    sums: dict[_Key, tuple[float, float]] = {}
    for (name, slot), key in groups.items():
        count, mean = sums.get(key, (0.0, 0.0))
        sums[key] = (count + counts[name][slot], mean + expected[name][slot])
    variance = spread(list(sums.values()))
    factors = {key: factor(count, mean, variance) for key, (count, mean) in sums.items()}
    for (name, slot), key in groups.items():
        expected[name][slot] *= factors[key]
    return {key: 1 / (1 / variance + count) for key, (count, _) in sums.items()}


def spread(groups: Sequence[tuple[float, float]]) -> float:
    """The variance of the factors by which (count, expected) differ beyond a Poisson's, by the
    method of moments."""
    if len(groups) < 2:
        return _LEAST_SPREAD
    off = sum((count - mean) ** 2 for count, mean in groups) * len(groups) / (len(groups) - 1)
    beyond = off - sum(mean for _, mean in groups)
    return min(_MOST_SPREAD, max(_LEAST_SPREAD, beyond / sum(mean**2 for _, mean in groups)))


def factor(count: float, expected: float, variance: float) -> float:
    """The posterior mean of a factor with a Gamma prior of mean 1 and this variance."""
    return (1 / variance + count) / (1 / variance + expected)


def _lasted(clock: Hours, begun: int, now: int) -> list[float]:
    """How many hours of each hour of the week there were; half of one where there was none."""
    lasted = [0.0] * WEEK_H
    for start in range(begun, now, HOUR_MS):
        lasted[slot_of(clock.at(start))] += min(HOUR_MS, now - start) / HOUR_MS
    return [hours or 0.5 for hours in lasted]


def most(found: Ahead, hours: int = DAY_H, count: int = 3) -> list[tuple[Row, int]]:
    """The places in which most is expected within one of the next ``hours``, and the number of
    that hour; one for each place, the most first."""
    best = [(row, max(range(hours), key=lambda n: row.hours[n].mean)) for row in found.rows]
    return sorted(best, key=lambda pair: -pair[0].hours[pair[1]].mean)[:count]
