"""``flow.in`` and ``flow.out``: people who crossed into and out of the place."""

from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Origin, Reading, soonest
from wire.records import LineCross

WINDOW_MS = 60_000
LABEL = "person"


class Flow:
    """The number of crossings in the last minute, by direction, over all of the place's lines."""

    def __init__(self, place: Place) -> None:
        self._inward = {(line.node, line.source, line.line): line.inward for line in place.lines}
        self._crossed: dict[str, deque[int]] = {"flow.in": deque(), "flow.out": deque()}
        self._values: dict[str, int] = {}
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
        readings: list[Reading] = []
        for name, times in self._crossed.items():
            while times and times[0] + WINDOW_MS <= at:
                times.popleft()
            if self._values.get(name) != len(times):
                self._values[name] = len(times)
                readings.append((name, float(len(times))))
        self.due = soonest([times[0] + WINDOW_MS for times in self._crossed.values() if times])
        return readings

    def dump(self) -> Any:
        return [[list(times) for times in self._crossed.values()], self._values, self.due]

    def load(self, state: Any) -> None:
        times, self._values, self.due = state
        for mine, saved in zip(self._crossed.values(), times, strict=True):
            mine.extend(saved)
