"""Who crosses a directed line, and to which side.

Looking from the line's first point to its second, in a picture with x to the right and y
down, somebody who ends on the right hand has crossed to the RIGHT:

        second point (the line runs up)
             ^
      LEFT   |   RIGHT
             |
        first point (at the bottom)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.agent import Line
from edge.detections import Detections
from edge.geometry import FORGET_MS, Feet, as_box, jitter_px
from wire.records import Direction, LineCross

Spot = tuple[float, float]


@dataclass(slots=True)
class _Walker:
    """The last spot where a track was clearly on one side."""

    side: Direction
    spot: Spot
    seen_ts: int


class LineWatch:
    """Watches one line. Not thread-safe.

    A track changes sides only when its foot has left a band along the line, so one that
    trembles on the line does not cross it again and again.
    """

    def __init__(
        self, line: Line, source: str, names: Sequence[str], size_wh: tuple[int, int]
    ) -> None:
        """``names`` are the detector's class names; ``size_wh`` is the picture's, in pixels."""
        self.line = line
        self._source = source
        self._names = names
        self._size_wh = size_wh
        self._feet = Feet(size_wh)
        first, second = np.array(line.points) * size_wh
        self._start = (float(first[0]), float(first[1]))
        along = second - first
        self._length = float(np.hypot(*along))
        self._along = along / max(self._length, 1e-9)
        self._margin_px = jitter_px(size_wh)
        self._labels = {index for index, name in enumerate(names) if name in line.labels}
        self._walkers: dict[int, _Walker] = {}

    def look(self, tracks: Detections, ts: int) -> list[LineCross]:
        """The crossings that the picture taken at ``ts`` completes."""
        crossings = []
        for row, foot in enumerate(self._feet.look(tracks, ts)):
            if int(tracks.label[row]) not in self._labels:
                continue
            direction = self._step(int(tracks.track[row]), (float(foot[0]), float(foot[1])), ts)
            if direction is not None:
                crossings.append(self._cross(tracks, row, direction, ts))
        gone = [track for track, who in self._walkers.items() if ts - who.seen_ts > FORGET_MS]
        for track in gone:
            del self._walkers[track]
        return crossings

    def _step(self, track: int, spot: Spot, ts: int) -> Direction | None:
        distance = self._right_of(spot)
        walker = self._walkers.get(track)
        if abs(distance) <= self._margin_px:
            if walker is not None:
                walker.seen_ts = ts
            return None
        side = Direction.RIGHT if distance > 0 else Direction.LEFT
        self._walkers[track] = _Walker(side, spot, ts)
        if walker is None or walker.side is side or not self._meets(walker.spot, spot):
            return None
        return side

    def _right_of(self, spot: Spot) -> float:
        """Pixels to the right of the line without end; to its left is below 0."""
        x, y = spot[0] - self._start[0], spot[1] - self._start[1]
        return float(self._along[0] * y - self._along[1] * x)

    def _meets(self, before: Spot, now: Spot) -> bool:
        """Whether the way between two spots on either side passes between the line's ends."""
        a, b = self._right_of(before), self._right_of(now)
        part = a / (a - b)
        x = before[0] + part * (now[0] - before[0]) - self._start[0]
        y = before[1] + part * (now[1] - before[1]) - self._start[1]
        return 0.0 <= float(self._along[0] * x + self._along[1] * y) <= self._length

    def _cross(self, tracks: Detections, row: int, direction: Direction, ts: int) -> LineCross:
        return LineCross(
            seq=0,
            ts=ts,
            source=self._source,
            line=self.line.id,
            label=self._names[int(tracks.label[row])],
            track=int(tracks.track[row]),
            direction=direction,
            confidence=round(float(tracks.score[row]), 3),
            box=as_box(tracks.xyxy[row], self._size_wh),
        )
