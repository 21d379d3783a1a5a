"""From boxes in pixels to what records say: feet, fractions, margins."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.detections import Detections, FloatArray
from wire.records import Box

JITTER: Final = 0.005
"""How far a box may tremble without meaning, as a part of the picture's diagonal. Higher: less
chatter at boundaries, they are crossed later."""


SHRINKS: Final = 0.15
"""By how much of its height somebody's box may shrink in a second and still be all of them. Higher:
who crouches stands where they seem to sooner, feet that others hide are believed sooner."""
FORGET_MS: Final = 5_000


class Feet:
    """Where tracks stand, also where somebody or something hides their feet.

    A box that suddenly ends higher while its top stays has lost its feet behind something: they
    are where the height of a moment ago puts them. Not thread-safe.
    """

    def __init__(self, size_wh: tuple[int, int]) -> None:
        self._size_wh = np.array(size_wh, np.float64)
        self._tall: dict[int, tuple[float, int]] = {}
        """Height in pixels and when that was, ms, of each track."""
        self._known: tuple[int, Detections, npt.NDArray[np.float64]] | None = None
        """The last look: all zones and lines of a picture ask for the same."""

    def look(self, tracks: Detections, ts: int) -> npt.NDArray[np.float64]:
        """(N, 2) bottom centres in pixels, held within the picture."""
        if self._known is not None and self._known[0] == ts and self._known[1] is tracks:
            return self._known[2]
        feet = self._look(tracks, ts)
        self._known = (ts, tracks, feet)
        return feet

    def _look(self, tracks: Detections, ts: int) -> npt.NDArray[np.float64]:
        boxes = tracks.xyxy.astype(np.float64)
        foot = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
        for row, track in enumerate(tracks.track.tolist()):
            height = float(boxes[row, 3] - boxes[row, 1])
            tall, told_ts = self._tall.get(track, (height, ts))
            tall = max(height, tall * (1 - SHRINKS * min(ts - told_ts, 1000) / 1000))
            self._tall[track] = (tall, ts)
            foot[row, 1] = boxes[row, 1] + tall
        for track in [key for key, (_, at) in self._tall.items() if ts - at > FORGET_MS]:
            del self._tall[track]
        return np.clip(foot, 0, self._size_wh)


def as_box(xyxy: FloatArray, size_wh: tuple[int, int]) -> Box:
    """(left, top, width, height) as fractions of the picture, cut at its edges."""
    width, height = size_wh
    left, right = (min(max(float(x) / width, 0.0), 1.0) for x in xyxy[::2])
    top, bottom = (min(max(float(y) / height, 0.0), 1.0) for y in xyxy[1::2])
    wide, high = max(right - left, 0.0), max(bottom - top, 0.0)
    return (round(left, 4), round(top, 4), round(wide, 4), round(high, 4))


def jitter_px(size_wh: tuple[int, int]) -> float:
    """`JITTER` in pixels of a picture."""
    return JITTER * math.hypot(*size_wh)
