"""The values of a signal over the last while, made one."""

from collections import deque
from typing import Any

from configs.rules import Take
from hub.fusion.signal import GRID_MS


class Window:
    """A signal as a step function over the last ``over_ms``.

    mean, max and min are of the step function (a value counts for as long as it lasted),
    sum adds the values taken, last is the present one, rate is (last − first) a second,
    count is how often the value changed.
    The part of the window before the signal was first known is left out.
    """

    def __init__(self, over_ms: int, take: Take) -> None:
        self._over_ms = over_ms
        self._take = take
        self._steps: deque[tuple[int, float]] = deque()
        """(when, value), rising; the first may lie before the window: it reaches into it."""

    def add(self, at: int, value: float) -> None:
        """The signal takes ``value`` at ``at`` (ms)."""
        if self._steps and self._steps[-1][0] == at and self._take is not Take.SUM:
            self._steps.pop()
        self._steps.append((at, value))

    def value(self, at: int) -> float | None:
        """The window's value at ``at``; None before the signal was known."""
        self._forget(at)
        if not self._steps:
            return None
        start = at - self._over_ms
        last = self._steps[-1][1]
        match self._take:
            case Take.LAST:
                return last
            case Take.MAX:
                return max(value for _, value in self._steps)
            case Take.MIN:
                return min(value for _, value in self._steps)
            case Take.SUM:
                return sum(value for when, value in self._steps if when > start)
            case Take.RATE:
                return (last - self._steps[0][1]) / (self._over_ms / 1000)
            case Take.COUNT:
                return float(len(self._steps) - 1)
            case Take.MEAN:
                return self._mean(at, max(start, self._steps[0][0]))

    def _mean(self, at: int, start: int) -> float:
        if at <= start:
            return self._steps[-1][1]
        total, until = 0.0, at
        for when, value in reversed(self._steps):
            begin = max(when, start)
            total += value * (until - begin)
            until = begin
        return total / (at - start)

    def due(self, at: int) -> int | None:
        """When the value will have moved by itself: a grid step on, while it is not constant."""
        if len(self._steps) < 2 or self._take is Take.LAST:
            lone_sum = self._take is Take.SUM and self._steps
            return self._steps[0][0] + self._over_ms if lone_sum and self._in(at) else None
        step = max(GRID_MS, self._over_ms // 600)
        return at + step - at % step

    def _in(self, at: int) -> bool:
        return self._steps[0][0] > at - self._over_ms

    def _forget(self, at: int) -> None:
        start = at - self._over_ms
        while len(self._steps) > 1 and self._steps[1][0] <= start:
            self._steps.popleft()

    def dump(self) -> Any:
        return list(self._steps)

    def load(self, state: Any) -> None:
        self._steps = deque((when, value) for when, value in state)
