"""Which values of a signal are alike to the rules of a place.

The limits that rules set on a signal cut its values into ranges, and within one of them
every comparison comes out the same. So a value that stays in its range changes nothing, and
no rule need look at it, however many there are.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from hub.rules.threshold import Threshold
from hub.rules.watch import Watch


class Scale:
    """One signal of a place: its limits, and between which of them it is."""

    def __init__(self) -> None:
        self.limits: list[float] = []
        """Rising."""
        self._windows: list[Threshold] = []
        self.always = False
        """A rule that looks at it looks at a window too, which moves by itself."""
        self._range: tuple[float, float] | float | None = None
        """Between which limits, both excluded, or on which; None before any value."""
        self._low, self._high = math.inf, -math.inf

    def add(self, watch: Watch, name: str) -> None:
        """Let it know what a rule compares the signal ``name`` with."""
        self.limits = sorted({*self.limits, *watch.limits(name)})
        self._windows += watch.windows(name)
        self.always = self.always or watch.windowed

    def moves(self, value: float, at: int) -> bool:
        """Take a value at ``at`` (ms); whether it may matter to a rule."""
        if self.always:
            for window in self._windows:
                window.changed(at, value)
            return True
        if self._low < value < self._high:
            return False
        before = self._range
        self.rest(value)
        return self._range != before

    def rest(self, value: float) -> None:
        """The rules have seen ``value``."""
        below, upto = bisect_left(self.limits, value), bisect_right(self.limits, value)
        if below < upto:
            self._low, self._high = math.inf, -math.inf
            self._range = value
            return
        self._low = self.limits[below - 1] if below else -math.inf
        self._high = self.limits[below] if below < len(self.limits) else math.inf
        self._range = self._low, self._high


def scales(watches: Iterable[Watch]) -> dict[str, Scale]:
    """The scales of the signals that ``watches`` look at, by name."""
    found: dict[str, Scale] = {}
    for watch in watches:
        for name in watch.signals:
            found.setdefault(name, Scale()).add(watch, name)
    return found
