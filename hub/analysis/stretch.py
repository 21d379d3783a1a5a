"""What a single hour leaves open, three may show: fewer than usual, hour after hour."""

from array import array
from typing import Any, Final, NamedTuple

from hub.analysis.baseline import FIRST_SPREAD, LEAST_MEAN, LEAST_SPREAD, SPREAD_KEEP, Usual
from hub.analysis.hours import HOUR_MS, Hour

HOURS: Final = 3
_FIRST_WEIGHT: Final = 4
_OUTLIER: Final = 16


class Expected(NamedTuple):
    """What was counted in a stretch of time, beside what was expected."""

    counted: int
    mean: float
    spread: float
    """Of the rate: its variance is spread · mean²."""


class Stretch:
    """The last three full hours. By how much they scatter is learned for each hour of the day:
    neighbouring hours err together, so it cannot be had from theirs."""

    def __init__(self) -> None:
        self._last: list[tuple[int, int, float]] = []
        """(start, count, mean) of the hours before, without a gap."""
        self._scatter = array("d", bytes(8 * 48))

    def add(self, hour: Hour, count: int, usual: Usual | None) -> Expected | None:
        """An observed hour; None while it and the two before it are not all known."""
        if self._last and hour.start - self._last[-1][0] != HOUR_MS:
            self._last.clear()
        if usual is None:
            return None
        self._last.append((hour.start, count, max(usual.mean, LEAST_MEAN)))
        if len(self._last) < HOURS:
            return None
        (_, first, mean), (_, second, more), (_, third, most) = self._last
        total, mean = first + second + third, mean + more + most
        del self._last[0]
        spread = self._learn(hour.of_week % 24, total, mean)
        return Expected(total, mean, spread)

    def _learn(self, cell: int, count: int, mean: float) -> float:
        """What such stretches scattered by before; then this one is learned."""
        known = self._scatter
        if not known[24 + cell]:
            known[24 + cell] = _FIRST_WEIGHT * mean**2
            known[cell] = FIRST_SPREAD * known[24 + cell]
        spread = max(LEAST_SPREAD, known[cell] / known[24 + cell])
        off = min((count - mean) ** 2, _OUTLIER * (mean + spread * mean**2))
        known[cell] = known[cell] * SPREAD_KEEP + off - mean
        known[24 + cell] = known[24 + cell] * SPREAD_KEEP + mean**2
        return spread

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [self._last, self._scatter.tobytes()]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        last, scatter = state
        self._last = [(start, count, mean) for start, count, mean in last]
        self._scatter[:] = array("d", scatter)
