"""Ultralytics YOLOv8 and YOLO11, exported without suppression (the default of their export)."""

import numpy as np

from edge.detect.decoders.layout import Decoder, Layout, Output, of_one
from edge.detections import Detections, FloatArray


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001 - any grid
    """One output (1, 4 + classes, cells of all grids)."""
    return ((Output((1, 4 + classes, None)),),)


def decode(output: FloatArray, size_wh: tuple[int, int], score: float) -> Detections:  # noqa: ARG001
    """Boxes in input pixels from (1, 4 + C, N): centre and size in input pixels, then class
    scores through the sigmoid.

    A box's score is that of its best class. Source: the ``Detect`` head of ultralytics 8.
    """
    planes = output[0]
    best = planes[4:].max(axis=0)
    cells = np.flatnonzero(best >= score)
    columns = planes[:, cells]
    centre, half = columns[:2].T, columns[2:4].T / 2
    boxes = np.hstack([centre - half, centre + half])
    return Detections.of(boxes, best[cells], columns[4:].argmax(axis=0))


DECODER = Decoder(of_one(decode), layouts)
