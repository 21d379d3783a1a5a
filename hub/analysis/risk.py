"""The risk of each place by the hour of the day, and where a patrol would matter most."""

from typing import Final, NamedTuple

from configs.site import Place, SiteFile
from hub.analysis.hours import HOUR_MS, Hours, hours_of
from hub.series.points import SeriesStore

RISK: Final = "risk"


class RiskRow(NamedTuple):
    """The mean risk of a place in each hour of the day; None where it was not known."""

    place: Place
    hours: tuple[float | None, ...]


def by_hour(site: SiteFile, series: SeriesStore, start: int, end: int) -> list[RiskRow]:
    """A row for each place whose risk is known, from ``start`` to ``end`` (ms). Raises
    `SeriesError`."""
    hours = hours_of(site.site.timezone, site.site.country)
    rows = []
    for place in site.places:
        points = series.signal(site.site.id, place.id, RISK, start, end)
        if points:
            rows.append(RiskRow(place, _mean(points, end, hours)))
    return rows


def _mean(points: list[tuple[int, float]], end: int, hours: Hours) -> tuple[float | None, ...]:
    """Weighted by how long each value lasted."""
    sums, lasted = [0.0] * 24, [0] * 24
    for (ts, value), (until, _) in zip(points, [*points[1:], (end, 0.0)], strict=True):
        at = ts
        while at < until:
            hour = hours.at(at)
            step = min(until, hour.start + HOUR_MS) - at
            sums[hour.of_week % 24] += value * step
            lasted[hour.of_week % 24] += step
            at += step
    return tuple(s / t if t else None for s, t in zip(sums, lasted, strict=True))


def worst(rows: list[RiskRow], count: int = 3) -> list[tuple[Place, int, float]]:
    """The places and hours with the most risk, one for each place, the worst first."""
    found = [
        (row.place, *max(((n, v) for n, v in enumerate(row.hours) if v), key=lambda item: item[1]))
        for row in rows
        if any(row.hours)
    ]
    return sorted(found, key=lambda item: -item[2])[:count]
