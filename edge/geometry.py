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


def feet(tracks: Detections, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(N, 2) bottom centres in pixels, held within the picture.

    Somebody cut off by the lower edge stands on the edge.
    """
    boxes = tracks.xyxy.astype(np.float64)
    middle = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
    return np.clip(middle, 0, np.array(size_wh, np.float64))


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
