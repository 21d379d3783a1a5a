"""FastestDet: one box for each cell of a single grid (dog-qiuqiu/FastestDet)."""

import numpy as np

from edge.detect.decoders.layout import Decoder, Layout, Output, of_one
from edge.detections import Detections, FloatArray

STRIDE = 16
OBJECTNESS_POWER, CLASS_POWER = 0.6, 0.4


def output_shape(size_wh: tuple[int, int], classes: int) -> tuple[int, ...]:
    """(1, objectness + 4 + classes, rows, columns)."""
    width, height = size_wh
    return 1, 5 + classes, height // STRIDE, width // STRIDE


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:
    """One output of ``output_shape``."""
    return ((Output(output_shape(size_wh, classes)),),)


def decode(output: FloatArray, size_wh: tuple[int, int], score: float) -> Detections:
    """Boxes in input pixels from (1, 5 + C, rows, columns): objectness, centre offsets before
    the tanh and sizes before the sigmoid, in cells and in pictures, then class scores.

    A box's score is objectness^0.6 × best class^0.4.
    """
    channels, high, wide = output.shape[1:]
    planes = output.reshape(channels, high * wide)
    # No class score exceeds 1, so objectness alone rules a cell out.
    cells = np.flatnonzero(planes[0] >= score ** (1 / OBJECTNESS_POWER))
    columns = planes[:, cells]
    label = columns[5:].argmax(axis=0)
    best = columns[label + 5, np.arange(len(cells))]
    scores = columns[0] ** OBJECTNESS_POWER * best**CLASS_POWER
    kept = scores >= score
    cells, columns = cells[kept], columns[:, kept]
    row, column = np.divmod(cells, wide)
    x = (column + np.tanh(columns[1])) / wide * size_wh[0]
    y = (row + np.tanh(columns[2])) / high * size_wh[1]
    half_w = size_wh[0] / 2 / (1 + np.exp(-columns[3]))
    half_h = size_wh[1] / 2 / (1 + np.exp(-columns[4]))
    boxes = np.stack([x - half_w, y - half_h, x + half_w, y + half_h], axis=1)
    return Detections.of(boxes, scores[kept], label[kept])


DECODER = Decoder(of_one(decode), layouts)
