"""Curves and heat maps as geometry: the templates draw them, without any script.

A drawing is 1000 wide and 100 high and is stretched to the room it gets; words stand
beside it in HTML, so that they keep their size on a phone.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

WIDTH = 1000.0
HEIGHT = 100.0
COLUMNS = 500
"""A curve is thinned to this many columns. Lower: smaller pages, coarser curves."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TICKS = 8
"""An axis of time has so many at most: more do not fit beside each other."""
TICK_MS = tuple(
    [minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)]
    + [hours * HOUR_MS for hours in (1, 2, 3, 6, 12)]
    + [days * DAY_MS for days in (1, 2, 7, 14, 28)]
)
"""How far they may be apart."""
ROOM = 1.08
"""How much higher than the highest value the axis goes at least."""
STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Of each power of ten, where it may end."""

Points = Sequence[tuple[int, float]]
"""(ms, value), by time: the value holds until the next."""


class Curve(Struct, frozen=True):
    """A step curve over a span of time."""

    path: str
    """The line, as SVG's ``d``."""
    area: str
    """What lies under it."""
    top: float
    """The value at the upper edge; the lower edge is 0."""
    start: int
    end: int
    last: float | None

    def x(self, ts: int) -> float:
        """Where a moment (ms) stands."""
        return _x(ts, self.start, self.end)

    def y(self, value: float) -> float:
        """Where a value stands, kept inside the drawing."""
        return _y(value, self.top)

    def ticks(self, zone: tzinfo) -> list[int]:
        """Moments (ms) that people read easily, by the clock of ``zone``: whole minutes, hours,
        midnights; at most `TICKS`."""
        span = self.end - self.start
        step = next((one for one in TICK_MS if span / one <= TICKS), TICK_MS[-1])
        first = (self.start + _ahead(self.start, zone)) // step * step
        # Each from its own offset, so that a day stays a day where clocks are put forward.
        local = range(first, self.end + DAY_MS, step)
        found = [at - _ahead(at - _ahead(at, zone), zone) for at in local]
        return [at for at in found if self.start <= at <= self.end]


def curve(points: Points, start: int, end: int, *limits: float) -> Curve:
    """The curve of ``points`` from ``start`` to ``end`` (ms), high enough for ``limits`` too.

    Points before the start say with which value it begins.
    """
    seen = _clip(points, start, end)
    highest = max([value for _ts, value in seen] + list(limits), default=0.0)
    top = _top(highest)
    steps = [(_x(ts, start, end), _y(value, top)) for ts, value in _thin(seen, start, end)]
    path = ""
    if steps:
        path = f"M{steps[0][0]:.1f} {steps[0][1]:.1f}"
        path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in steps[1:]) + f"H{WIDTH:.0f}"
    area = f"{path}V{HEIGHT:.0f}H{steps[0][0]:.1f}Z" if steps else ""
    return Curve(path, area, top, start, end, seen[-1][1] if seen else None)


def _ahead(ts: int, zone: tzinfo) -> int:
    """How far the clock of ``zone`` is ahead of UTC at a moment, ms."""
    offset = datetime.fromtimestamp(ts / 1000, zone).utcoffset() or timedelta()
    return round(offset.total_seconds() * 1000)


def _top(highest: float) -> float:
    """A number that people read easily, a little above the highest."""
    most = highest * ROOM if highest > 0 else 1.0
    if most <= ROOM:
        return most  # a share, or one of something
    size = 10.0 ** math.floor(math.log10(most))
    return next(step * size for step in STEPS if step * size >= most)


def held(points: Points, start: int, end: int) -> float | None:
    """The mean of a step curve over time; None where nothing is known of the span."""
    seen = _clip(points, start, end)
    if not seen:
        return None
    ends = [ts for ts, _value in seen[1:]] + [end]
    total = sum(value * (until - ts) for (ts, value), until in zip(seen, ends, strict=True))
    length = end - seen[0][0]
    return total / length if length > 0 else seen[-1][1]


def _clip(points: Points, start: int, end: int) -> list[tuple[int, float]]:
    """Those of the span, begun with the value that held as it began."""
    inside = [(ts, value) for ts, value in points if start <= ts < end]
    before = [value for ts, value in points if ts < start]
    if before and (not inside or inside[0][0] > start):
        inside.insert(0, (start, before[-1]))
    return inside


def _thin(points: Points, start: int, end: int) -> list[tuple[int, float]]:
    """At most a least, a greatest and a last point for each column."""
    if len(points) <= 3 * COLUMNS:
        return list(points)
    columns: dict[int, list[tuple[int, float]]] = {}
    for ts, value in points:
        columns.setdefault(int((ts - start) * COLUMNS / (end - start)), []).append((ts, value))
    kept: list[tuple[int, float]] = []
    for column in columns.values():
        few = {min(column, key=_value), max(column, key=_value), column[-1]}
        kept += sorted(few)
    return kept


def _value(point: tuple[int, float]) -> float:
    return point[1]


def _x(ts: int, start: int, end: int) -> float:
    return min(WIDTH, max(0.0, (ts - start) / max(1, end - start) * WIDTH))


def _y(value: float, top: float) -> float:
    return min(HEIGHT, max(0.0, HEIGHT - value / top * HEIGHT))


def hourly(points: Points, start: int, end: int) -> dict[int, float]:
    """The time-weighted mean of a step curve in each hour: beginning of the hour (ms) → mean.

    ``start`` is the beginning of an hour; hours of which nothing is known are left out.
    """
    sums: dict[int, list[float]] = {}
    seen = _clip(points, start, end)
    if not seen:
        return {}
    ends = [ts for ts, _value in seen[1:]] + [end]
    for (since, value), until in zip(seen, ends, strict=True):
        at = since
        while at < until:
            hour = start + (at - start) // HOUR_MS * HOUR_MS
            upto = min(until, hour + HOUR_MS)
            total = sums.setdefault(hour, [0.0, 0.0])
            total[0] += value * (upto - at)
            total[1] += upto - at
            at = upto
    return {hour: total / length for hour, (total, length) in sums.items()}
