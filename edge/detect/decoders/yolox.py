"""YOLOX: anchor-free boxes on grids of stride 8, 16 and 32 (Megvii-BaseDetection/YOLOX)."""

from functools import lru_cache

import numpy as np

from edge.detect.decoders.layout import Decoder, Layout, Output, of_one
from edge.detections import Detections, FloatArray

STRIDES = (8, 16, 32)


def output_shape(size_wh: tuple[int, int], classes: int) -> tuple[int, ...]:
    """(1, cells of all grids, 4 + objectness + classes)."""
    width, height = size_wh
    cells = sum((width // stride) * (height // stride) for stride in STRIDES)
    return 1, cells, 5 + classes


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:
    """One output of ``output_shape``."""
    return ((Output(output_shape(size_wh, classes)),),)


@lru_cache(maxsize=16)
def _grid(size_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """The corner of each cell, in cells (N, 2), and its stride in pixels (N, 1)."""
    corners, strides = [], []
    for stride in STRIDES:
        columns, rows = size_wh[0] // stride, size_wh[1] // stride
        y, x = np.mgrid[:rows, :columns]
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((rows * columns, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode(output: FloatArray, size_wh: tuple[int, int], score: float) -> Detections:
    """Boxes in input pixels from (1, N, 5 + C): centre offsets and log sizes in strides, then
    objectness and class scores, both through the sigmoid.

    A box's score is objectness × best class.
    """
    rows = output[0]
    # No class score exceeds 1, so a cell below the threshold by objectness alone is out.
    cells = np.flatnonzero(rows[:, 4] >= score)
    rows = rows[cells]
    label = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), label + 5]
    kept = scores >= score
    cells, rows = cells[kept], rows[kept]
    corners, strides = _grid(size_wh)
    centre = (rows[:, :2] + corners[cells]) * strides[cells]
    half = np.exp(rows[:, 2:4]) * strides[cells] / 2
    return Detections.of(np.hstack([centre - half, centre + half]), scores[kept], label[kept])


DECODER = Decoder(of_one(decode), layouts)
