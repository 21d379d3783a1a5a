"""Near misses: the times when a condition almost raised an alert."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from configs.rules import Alternative
from hub.backtest.fired import Fired
from hub.rules.threshold import holds
from hub.rules.window import Window
from hub.series.points import SignalPoint

SHOWN: Final = 20
NEAR: Final = 0.5
"""A value this share of the threshold away from it still counts as an approach to it. Higher:
more and longer approaches; lower: only what came very close."""


class NearMiss(Struct, frozen=True):
    """An approach to the threshold that raised nothing. Times in ms."""

    place: str
    start: int
    end: int
    peak: float
    """The value nearest to, or farthest beyond, the threshold."""
    peak_ts: int
    short: float
    """How far the peak stayed on the wrong side of the threshold; 0 where it was beyond."""
    held_ms: int
    """The longest time beyond the threshold."""
    needed_ms: int
    """The condition's ``for``."""

    @property
    def why(self) -> str:
        """Why it raised nothing, in words."""
        if self.short > 0:
            return f"{self.short:g} short of the threshold"
        if self.held_ms < self.needed_ms:
            return f"held {self.held_ms / 1000:g} s of {self.needed_ms / 1000:g} s"
        return "another condition, the rule's hours or its cooldown held it back"

    @property
    def order(self) -> tuple[int, float, int]:
        """The closest calls first: too short in time, too low, held back by something else."""
        if self.short > 0:
            return 1, self.short, self.start
        share = self.held_ms / self.needed_ms if self.needed_ms else 1.0
        return (0, -share, self.start) if share < 1 else (2, -self.held_ms, self.start)


class Approaches:
    """The approaches of one signal at one place, from the values it takes."""

    def __init__(self, place: str, condition: Alternative) -> None:
        self._place = place
        self._condition = condition
        self._window = (
            Window(condition.over, condition.take) if condition.over is not None else None
        )
        self._threshold = next(
            limit for limit in (condition.above, condition.below, condition.equals)
            if limit is not None
        )  # fmt: skip
        self._start: int | None = None
        self._peak, self._peak_ts = 0.0, 0
        self._beyond_since: int | None = None
        self._held = 0
        self.found: list[NearMiss] = []

    def add(self, at: int, value: float) -> None:
        """The signal takes a value at ``at`` (ms)."""
        if self._window is not None:
            self._window.add(at, value)
            value = self._window.value(at) or 0.0
        short = self._short(value)
        if short > NEAR * (abs(self._threshold) or 1.0):
            self.finish(at)
            return
        if self._start is None:
            self._start, self._peak, self._peak_ts, self._held = at, value, at, 0
        elif self._farther(value):
            self._peak, self._peak_ts = value, at
        if holds(self._condition, value):
            self._beyond_since = at if self._beyond_since is None else self._beyond_since
        else:
            self._end_beyond(at)

    def finish(self, at: int) -> None:
        """No more values, or one that is far off: the approach is over."""
        self._end_beyond(at)
        if self._start is not None:
            self.found.append(
                NearMiss(
                    place=self._place, start=self._start, end=at, peak=self._peak,
                    peak_ts=self._peak_ts, short=max(0.0, round(self._short(self._peak), 6)),
                    held_ms=self._held, needed_ms=int(self._condition.for_),
                )
            )  # fmt: skip
        self._start = None

    def _end_beyond(self, at: int) -> None:
        if self._beyond_since is not None:
            self._held = max(self._held, at - self._beyond_since)
        self._beyond_since = None

    def _short(self, value: float) -> float:
        """How far on the wrong side; negative beyond the threshold."""
        if self._condition.above is not None:
            return self._threshold - value
        if self._condition.below is not None:
            return value - self._threshold
        return abs(value - self._threshold)

    def _farther(self, value: float) -> bool:
        return self._short(value) < self._short(self._peak)


class Misses:
    """Near misses of one condition at all places of a site."""

    def __init__(self, condition: Alternative) -> None:
        self._condition = condition
        self._places: dict[str, Approaches] = {}

    def add(self, points: Iterable[SignalPoint]) -> None:
        """What the engine's signals became."""
        for point in points:
            if point.name == self._condition.signal:
                if point.place not in self._places:
                    self._places[point.place] = Approaches(point.place, self._condition)
                self._places[point.place].add(point.ts, point.value)

    def finish(self, start: int, end: int, fired: Iterable[Fired]) -> list[NearMiss]:
        """Approaches from ``start`` to ``end`` (ms) while none of ``fired`` was active."""
        spans = [(alert.place, *alert.span) for alert in fired]
        found = []
        for place in self._places.values():
            place.finish(end)
            found += [miss for miss in place.found if miss.start < end and miss.end > start]
        missed = [
            miss
            for miss in found
            if not any(
                place == miss.place and begin <= miss.end and miss.start <= until
                for place, begin, until in spans
            )
        ]
        return closest(missed)


def closest(misses: Iterable[NearMiss]) -> list[NearMiss]:
    """The closest calls, closest first."""
    return sorted(misses, key=lambda miss: miss.order)[:SHOWN]
