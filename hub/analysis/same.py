"""A counter that stands still: the same number hour after hour, which chance hardly makes."""

import math
from typing import Any, Final

from hub.analysis.baseline import Usual
from hub.analysis.hours import HOUR_MS, Hour
from hub.analysis.tails import log_exactly

LEAST_HOURS: Final = 3
RARER: Final = 2.5
"""How much rarer than other unusual hours it must be to be told, in powers of ten. Higher: later,
and hardly ever where nothing stands still."""
MOST_OFTEN: Final = 0.5
"""Where more hours than this share are like the one before, that says nothing."""
_KEEP: Final = 0.5 ** (1 / 336)
_PRIOR: Final = 10.0


class Same:
    """How often the last count has come again and again, and how improbable that is."""

    def __init__(self) -> None:
        self.hours = 0
        """Hours in a row with the same count."""
        self.surprise = 0.0
        """−log₁₀ of the probability that they have, less `RARER`; below 0 for what is ordinary."""
        self._start, self._count = 0, -1
        self._again = self._all = 0.0
        """Hours of the last weeks that were like the one before, and all."""

    def add(self, hour: Hour, count: int, usual: Usual | None) -> None:
        """An observed hour."""
        follows = hour.start - self._start == HOUR_MS
        self._start = hour.start
        if not follows or count != self._count:
            self._count, self.hours, self.surprise = count, 0, -RARER
        elif usual is not None:
            mean, deviation = usual.rate
            chance = math.exp(log_exactly(count, mean, deviation**2))
            # Where a count comes again and again anyway, such as one thing that always stands
            # in the picture, that is what is usual.
            often = self._again / (self._all + _PRIOR)
            if often < MOST_OFTEN:
                self.surprise -= math.log10(min(1.0, max(chance, often, 1e-9)))
        self.hours += 1
        again = self.hours > 1
        self._again, self._all = self._again * _KEEP + again, self._all * _KEEP + 1

    @property
    def is_told(self) -> bool:
        """Whether it is worth a look; nobody at all, again and again, is told as too few."""
        return self.hours >= LEAST_HOURS and self._count > 0 and self.surprise > 0

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [
            self.hours, self.surprise, self._start, self._count, self._again, self._all,
        ]  # fmt: skip

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        self.hours, self.surprise, self._start, self._count, self._again, self._all = state
