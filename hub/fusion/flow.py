"""``flow.in`` and ``flow.out``: who crossed into and out of the place."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Limits, Origin, Reading, soonest
from wire.records import LineCross

WINDOW_MS = 60_000
LABEL = "person"


class Flow:
    """The number of crossings in the last minute, by direction, over all of the place's lines.

    Persons are ``flow.in`` and ``flow.out``; other labels have a count of their own, such as
    ``flow.in.car``, from their first crossing on.
    """

    def __init__(self, place: Place) -> None:
        self._inward = {(line.node, line.source, line.line): line.inward for line in place.lines}
        self._crossed: dict[str, deque[int]] = {}
        self._values: dict[str, int] = {}
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        return partial(self._cross, origin.node) if origin.kind is LineCross else None

    def _cross(self, node: str, record: LineCross, at: int) -> Iterable[Reading]:
        inward = self._inward.get((node, record.source, record.line))
        if inward is None:
            return ()
        end = "" if record.label == LABEL else f".{record.label}"
        for name in (f"flow.in{end}", f"flow.out{end}"):
            self._crossed.setdefault(name, deque())
        self._crossed[f"flow.{'in' if record.direction is inward else 'out'}{end}"].append(at)
        return self.tick(at)

    def tick(self, at: int) -> Iterable[Reading]:
        readings = self._read(at)
        self.due = soonest([self._next(name, times) for name, times in self._crossed.items()])
        return readings

    def _read(self, at: int) -> list[Reading]:
        readings: list[Reading] = []
        for name, times in self._crossed.items():
            while times and times[0] + WINDOW_MS <= at:
                times.popleft()
            if self._values.get(name) != len(times):
                self._values[name] = len(times)
                readings.append((name, float(len(times))))
        return readings

    def _next(self, name: str, times: deque[int]) -> int | None:
        """When a crossing is forgotten; with limits, the one that brings the count to one."""
        forgets = 1
        if self.limits is not None:
            marks = self.limits.get(name, ())
            index = bisect_left(marks, len(times))
            if index == len(marks) or marks[index] != len(times):
                if not index:
                    return None
                forgets = len(times) - math.floor(marks[index - 1])
        return times[forgets - 1] + WINDOW_MS if forgets <= len(times) else None

    def catch_up(self, at: int) -> Iterable[Reading]:
        return self._read(at) if self._values else ()  # not known before the first crossing

    def dump(self) -> Any:
        crossed = {name: list(times) for name, times in self._crossed.items()}
        return [crossed, self._values, self.due]

    def load(self, state: Any) -> None:
        crossed, self._values, self.due = state
        if isinstance(crossed, list):  # of before there were labels
            crossed = dict(zip(("flow.in", "flow.out"), crossed, strict=True))
        self._crossed = {name: deque(times) for name, times in crossed.items()}
