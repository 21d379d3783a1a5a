"""How unusual a place must be to be told: as often as is worth a look, and no more.

No model is right about every street. So each place has a bar of its own: every alarm raises
it by a step, and every week lowers it by a little less than one. Whatever the counts do, there
are then no more alarms in the long run than that share of one a week (the telescoping sum of
adaptive conformal inference). The surprise that is told is divided by how far the bar stands
over the first, so that the same threshold means the same at every place.
"""

from typing import Any, Final

from hub.analysis.hours import HOUR_MS, WEEK_H

UNUSUAL: Final = 2.75
"""From this surprise on something is told. Lower: more is told."""
STEP: Final = 0.2
"""What an alarm adds to the bar. Higher: follows faster, and hides more after a bad week."""
A_WEEK: Final = 0.9
"""How many alarms a week the bar stays where it is at."""
HIGHEST: Final = 4 * UNUSUAL
"""However often a place alarms: what is this unusual is told."""
_GAP_MS: Final = HOUR_MS
_FALL: Final = STEP * A_WEEK / (WEEK_H * HOUR_MS)


class Bar:
    """Of one kind of count at one place. Times are ms, and do not go back."""

    def __init__(self) -> None:
        self.height = UNUSUAL
        self._seen_at = 0

    def told(self, surprise: float) -> float:
        """What the place says of a surprise."""
        return surprise * UNUSUAL / self.height

    def look(self, at: int) -> None:
        """The place was looked at. Only such time lowers the bar: a camera that is away brings
        no quiet weeks."""
        passed = min(max(0, at - self._seen_at), _GAP_MS)
        self._seen_at = at
        self.height = max(UNUSUAL, self.height - _FALL * passed)

    def alarm(self) -> None:
        """Something new was told."""
        self.height = min(HIGHEST, self.height + STEP)

    def deserved(self) -> None:
        """An alarm was a real one: it is not held against the place."""
        self.height = max(UNUSUAL, self.height - STEP)

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [self.height, self._seen_at]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        self.height, self._seen_at = state
