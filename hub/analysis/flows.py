"""Each flow of a site over a stretch of time: what was usual, what was seen, what comes next."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from configs.signals import COUNTED
from configs.site import Place, SiteFile
from hub.analysis.baseline import Usual
from hub.analysis.forecast import Forecast, Forecaster
from hub.analysis.hours import HOUR_MS, WEEK_H, Hour, hours_of
from hub.series.points import SeriesStore

LEARN_MS: Final = 26 * WEEK_H * HOUR_MS
"""How far before the stretch is read: half a year, of which the last weeks weigh most."""
UNUSUAL: Final = 2.75
"""From this surprise on an hour is told as an anomaly: about once a week and place on real
streets. Lower: more are told."""
APART_MS: Final = 3 * HOUR_MS
"""Unusual hours that lie closer are one anomaly."""


class Seen(NamedTuple):
    """An observed hour, beside what was usual before it was learned."""

    hour: Hour
    counted: int
    usual: Usual | None
    """None while too little was known."""
    surprise: float

    @property
    def range(self) -> tuple[int, int]:
        """Where 95 of 100 such hours lie; worked out when asked for, since few are."""
        return (0, 0) if self.usual is None else self.usual.range()

    @property
    def too_many(self) -> bool:
        return self.usual is not None and self.counted > self.usual.mean


class Flow(NamedTuple):
    """What is counted at one place."""

    place: Place
    what: str
    seen: Sequence[Seen]
    """The observed hours of the stretch."""
    ahead: Sequence[Forecast]
    """The seven days after it; empty where too little is known."""
    learned: int
    """Hours that all of it was learned from."""

    @property
    def anomalies(self) -> list[Seen]:
        """The most surprising hour of each anomaly, in order."""
        found: list[Seen] = []
        last = -APART_MS
        for seen in self.seen:
            if seen.surprise < UNUSUAL:
                continue
            if seen.hour.start - last > APART_MS:
                found.append(seen)
            elif seen.surprise > found[-1].surprise:
                found[-1] = seen
            last = seen.hour.start
        return found

    @property
    def change(self) -> float | None:
        """Seen over usual, of the whole stretch; None where nothing was usual."""
        pairs = [(seen.counted, seen.usual.mean) for seen in self.seen if seen.usual is not None]
        usual = sum(mean for _, mean in pairs)
        return sum(count for count, _ in pairs) / usual if usual >= 1 else None


def follow(
    site: SiteFile, series: SeriesStore, start: int, end: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Flow]:  # fmt: skip
    """Every flow that has been counted, from ``start`` to ``end`` (ms); ``progress`` is told the
    place that is read. Raises `SeriesError`."""
    for place in site.places:
        progress(place.id)
        yield from of_place(site, series, place, start, end)


def of_place(
    site: SiteFile, series: SeriesStore, place: Place, start: int, end: int
) -> Iterator[Flow]:  # fmt: skip
    """Those of one place. Raises `SeriesError`."""
    for what in COUNTED:
        flow = _follow(site, series, place, what, start, end)
        if flow.learned:
            yield flow


def _follow(
    site: SiteFile, series: SeriesStore, place: Place, what: str, start: int, end: int
) -> Flow:  # fmt: skip
    hours = hours_of(site.site.timezone, site.site.country)
    forecaster = Forecaster()
    seen: list[Seen] = []
    name = f"surprise.{what}.count"
    for ts, count in series.signal(site.site.id, place.id, name, start - LEARN_MS, end + 1):
        hour = hours.at(ts - 1)  # it is told when the hour is over
        if hour.start >= start:
            seen.append(_judge(hour, round(count), forecaster.baseline.usual(hour)))
        forecaster.learn(hour, count)
    ahead = forecaster.forecast([hours.at(end + n * HOUR_MS) for n in range(WEEK_H)])
    return Flow(place, what, seen, ahead, forecaster.baseline.hours)


def _judge(hour: Hour, count: int, usual: Usual | None) -> Seen:
    if usual is None:
        return Seen(hour, count, None, 0.0)
    return Seen(hour, count, usual, usual.surprise(count))
