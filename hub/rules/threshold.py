"""The conditions of a rule at one place: do they hold, since when, and for long enough?"""

from collections.abc import Mapping, Sequence
from typing import Any

from configs.rules import Alternative, Clear, Condition
from hub.fusion.signal import soonest
from hub.rules.window import Window


def holds(condition: Alternative | Clear, value: float) -> bool:
    """Whether ``value`` is beyond the threshold."""
    if condition.above is not None:
        return value > condition.above
    if condition.below is not None:
        return value < condition.below
    equals = getattr(condition, "equals", None)
    return equals is not None and value == equals


def limits_of(condition: Alternative | Clear) -> list[float]:
    """What `holds` compares a value with."""
    limits = (condition.above, condition.below, getattr(condition, "equals", None))
    return [limit for limit in limits if limit is not None]


def spell(condition: Alternative) -> str:
    """The condition in words, as the alert shows it: ``presence.person above 0.7 for 3 s``."""
    of = condition.signal
    if condition.over is not None:
        of = f"{condition.take} of {of} over {condition.over.seconds:g} s"
    for word in ("above", "below", "equals"):
        limit = getattr(condition, word)
        if limit is not None:
            of += f" {word} {limit:g}"
    return of + (f" for {condition.for_.seconds:g} s" if condition.for_ else "")


class Threshold:
    """The running state of a threshold on one signal."""

    def __init__(self, condition: Alternative) -> None:
        self.condition = condition
        over = condition.over
        self._window = Window(over, condition.take) if over is not None else None
        self.since: int | None = None
        """Since when it has held without a break."""
        self.value: float | None = None

    def look(self, values: Mapping[str, float], at: int, *, watching: bool) -> None:
        """Take the signals' values at ``at``; outside the rule's hours nothing holds."""
        current = values.get(self.condition.signal)
        if self._window is not None and current is not None:
            self.value = self._window.value(at)
        else:
            self.value = current
        if watching and self.value is not None and holds(self.condition, self.value):
            self.since = at if self.since is None else self.since
        else:
            self.since = None

    def changed(self, at: int, value: float) -> None:
        """The signal took a value (a window needs every one)."""
        if self._window is not None:
            self._window.add(at, value)

    def unheard(self, ms: int) -> None:
        """So long nobody listened: that does not count as time in which it held."""
        if self.since is not None:
            self.since += ms

    def met_at(self) -> int | None:
        """When it has held for long enough, if nothing breaks it; None while it does not hold."""
        return None if self.since is None else self.since + self.condition.for_

    def due(self, at: int) -> int | None:
        """When the window's value will have moved by itself."""
        return self._window.due(at) if self._window is not None else None

    def dump(self) -> Any:
        return [self.since, self._window.dump() if self._window is not None else None]

    def load(self, state: Any) -> None:
        self.since, window = state
        if self._window is not None and window is not None:
            self._window.load(window)


class Gate:
    """Conditions of which all must hold, each by any of its alternatives."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._groups = [
            tuple(Threshold(part) for part in condition.alternatives) for condition in conditions
        ]
        self.thresholds = tuple(part for group in self._groups for part in group)
        self.signals = frozenset(part.condition.signal for part in self.thresholds)
        self._windowed = [part for part in self.thresholds if part.condition.over is not None]

    def look(self, values: Mapping[str, float], at: int, *, watching: bool) -> None:
        """Take the signals' values at ``at`` (ms)."""
        for threshold in self.thresholds:
            threshold.look(values, at, watching=watching)

    def met_at(self) -> int | None:
        """When all will have held for long enough (ms); None while one does not hold."""
        latest = 0
        for group in self._groups:
            met = soonest([threshold.met_at() for threshold in group])
            if met is None:
                return None
            latest = max(latest, met)
        return latest

    def due(self, at: int) -> int | None:
        """When a window's value will have moved by itself."""
        return soonest([part.due(at) for part in self._windowed]) if self._windowed else None

    def shown(self) -> list[Threshold]:
        """The thresholds that tell why: of alternatives the ones that hold, or all."""
        return [
            part
            for group in self._groups
            for part in ([one for one in group if one.since is not None] or group)
        ]

    def dump(self) -> Any:
        return [threshold.dump() for threshold in self.thresholds]

    def load(self, state: Any) -> None:
        for threshold, saved in zip(self.thresholds, state, strict=True):
            threshold.load(saved)
