"""YOLOv5 and YOLOv7 as they are exported, and YOLOX exported with ``--decode_in_inference``."""

import numpy as np

from edge.detect.decoders.layout import Decoder, Layout, Output, of_one
from edge.detections import Detections, FloatArray


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001 - any grid
    """One output (1, boxes, 4 + objectness + classes)."""
    return ((Output((1, None, 5 + classes)),),)


def decode(output: FloatArray, size_wh: tuple[int, int], score: float) -> Detections:  # noqa: ARG001
    """Boxes in input pixels from (1, N, 5 + C): centre and size in input pixels, then objectness
    and class scores, both through the sigmoid.

    A box's score is objectness × best class.
    """
    rows = output[0]
    rows = rows[rows[:, 4] >= score]  # no class score exceeds 1
    label = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), label + 5]
    kept = scores >= score
    centre, half = rows[kept, :2], rows[kept, 2:4] / 2
    return Detections.of(np.hstack([centre - half, centre + half]), scores[kept], label[kept])


DECODER = Decoder(of_one(decode), layouts)
