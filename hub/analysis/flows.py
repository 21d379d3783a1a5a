"""Each flow of a site over a stretch of time: what was usual, what was seen, what comes next."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from configs.signals import COUNTED
from configs.site import Place, SiteFile
from hub.analysis.anomaly import CLOCK, MOST_HOURS, Found, Verdict
from hub.analysis.baseline import Usual
from hub.analysis.forecast import REMEMBERED, Forecast, Forecaster
from hub.analysis.hours import HOUR_MS, WEEK_H, Hour, Hours, hours_of
from hub.analysis.judge import Judge
from hub.series.points import SeriesStore

LEARN_MS: Final = 26 * WEEK_H * HOUR_MS
"""How far before the stretch is read: half a year, of which the last weeks weigh most."""


class Note(NamedTuple):
    """An anomaly that the hub told, with what staff said of it."""

    place: str
    what: str
    found: Found
    at: int
    """When they said it, ms; 0: nobody has."""


class Seen(NamedTuple):
    """An observed hour, beside what was usual before it was learned."""

    hour: Hour
    counted: int
    usual: Usual | None
    """None while too little was known."""

    @property
    def range(self) -> tuple[int, int]:
        """Where 95 of 100 such hours lie; worked out when asked for, since few are."""
        return (0, 0) if self.usual is None else self.usual.range()


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
    anomalies: Sequence[Found]
    """Those of the stretch, in order."""

    @property
    def change(self) -> float | None:
        """Seen over usual, of the whole stretch; None where nothing was usual."""
        pairs = [(seen.counted, seen.usual.mean) for seen in self.seen if seen.usual is not None]
        usual = sum(mean for _, mean in pairs)
        return sum(count for count, _ in pairs) / usual if usual >= 1 else None


def follow(
    site: SiteFile, series: SeriesStore, start: int, end: int, notes: Sequence[Note] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Flow]:  # fmt: skip
    """Every flow that has been counted, from ``start`` to ``end`` (ms); what was said in
    ``notes`` is learned from. ``progress`` is told the place that is read. Raises
    `SeriesError`."""
    for place in site.places:
        progress(place.id)
        yield from of_place(site, series, place, start, end, notes)


def of_place(
    site: SiteFile, series: SeriesStore, place: Place, start: int, end: int,
    notes: Sequence[Note] = (),
) -> Iterator[Flow]:  # fmt: skip
    """Those of one place. Raises `SeriesError`."""
    hours = hours_of(site.site.timezone, site.site.country)
    for what in COUNTED:
        name = f"surprise.{what}.count"
        points = series.signal(site.site.id, place.id, name, start - LEARN_MS, end + 1)
        if points:
            told = [one for one in notes if (one.place, one.what) == (place.id, what)]
            reader = _Reader(hours, start, told)
            for left, (ts, count) in zip(range(len(points), 0, -1), points, strict=True):
                # It is told when the hour is over.
                reader.take(hours.at(ts - 1), count, judged=left <= REMEMBERED)
            ahead = reader.forecaster.forecast([hours.at(end + n * HOUR_MS) for n in range(WEEK_H)])
            learned = reader.forecaster.baseline.hours
            yield Flow(place, what, reader.seen, ahead, learned, reader.anomalies())


class _Reader:
    """Judges and learns hour after hour, as the live signal does."""

    def __init__(self, hours: Hours, start: int, notes: Sequence[Note]) -> None:
        self.forecaster = Forecaster()
        self._judge = Judge(self.forecaster.baseline)
        self.seen: list[Seen] = []
        self._start = start
        self._found: dict[int, Found] = {}
        self._notes = [one.found for one in notes if one.found.end >= start]
        real = [one.found for one in notes if one.found.verdict == Verdict.CONFIRMED]
        self._real = [
            (begun, min(found.end, begun + MOST_HOURS * HOUR_MS))
            for found in real
            for begun in [hours.at(found.start - found.worst.hours * HOUR_MS).start]
        ]
        self._dismissed = [one for one in notes if one.found.verdict == Verdict.DISMISSED]
        self._dismissed.sort(key=lambda one: -one.at)

    def take(self, hour: Hour, count: float, *, judged: bool) -> None:
        """An hour that was observed in full; ``judged`` as `Forecaster.learn` takes it."""
        end = hour.start + HOUR_MS
        while self._dismissed and self._dismissed[-1].at <= end:
            one = self._dismissed.pop()
            self._judge.memory.dismiss(one.found.worst, one.at)
        usual = self.forecaster.baseline.usual(hour)
        windows = self._judge.full(hour, round(count), usual)
        anomaly = self._judge.look(end, *windows)
        news = [*([anomaly] if anomaly else ()), *self._judge.observed(hour, round(count), usual)]
        if hour.start >= self._start:
            self.seen.append(Seen(hour, round(count), usual))
            self._found |= {one.start: self._judge.found(one) for one in news}
        if any(begun <= hour.start < over for begun, over in self._real):
            return  # it was no usual hour, so nothing usual is learned from it
        self.forecaster.learn(hour, count, judged=judged)

    def anomalies(self) -> list[Found]:
        """Those of the stretch, in order: as the hub told them, and beside these what it did not
        see, such as a history that was brought in."""
        missed = [
            found
            for found in self._found.values()
            if not any(
                (one.worst.kind in CLOCK) == (found.worst.kind in CLOCK)
                and one.start - HOUR_MS <= found.end
                and found.start <= one.end + HOUR_MS
                for one in self._notes
            )
        ]
        return sorted([*self._notes, *missed])
