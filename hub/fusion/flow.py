"""``flow.in`` and ``flow.out``: people who crossed into and out of the place."""

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
    """The number of crossings in the last minute, by direction, over all of the place's lines."""

    def __init__(self, place: Place) -> None:
        self._inward = {(line.node, line.source, line.line): line.inward for line in place.lines}
        self._crossed: dict[str, deque[int]] = {"flow.in": deque(), "flow.out": deque()}
        self._values: dict[str, int] = {}
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        return partial(self._cross, origin.node) if origin.kind is LineCross else None

    def _cross(self, node: str, record: LineCross, at: int) -> Iterable[Reading]:
        inward = self._inward.get((node, record.source, record.line))
        if inward is None or record.label != LABEL:
            return ()
        self._crossed["flow.in" if record.direction is inward else "flow.out"].append(at)
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
        return [[list(times) for times in self._crossed.values()], self._values, self.due]

    def load(self, state: Any) -> None:
        times, self._values, self.due = state
        for mine, saved in zip(self._crossed.values(), times, strict=True):
            mine.extend(saved)
