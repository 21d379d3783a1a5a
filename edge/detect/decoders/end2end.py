"""Ultralytics with suppression built in: YOLO26, YOLOv10, and v8 or v11 with ``nms=True``."""

from edge.detect.decoders.layout import Decoder, Layout, Output, of_one
from edge.detections import Detections, FloatArray


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001
    """One output (1, at most so many boxes, 6); 300 boxes unless exported otherwise."""
    return ((Output((1, None, 6)),),)


def decode(output: FloatArray, size_wh: tuple[int, int], score: float) -> Detections:  # noqa: ARG001
    """Boxes in input pixels from (1, N, 6): left, top, right, bottom in input pixels, score,
    class. Rows that are not needed have the score 0.
    """
    rows = output[0]
    rows = rows[(rows[:, 4] >= score) & (rows[:, 4] > 0)]
    return Detections.of(rows[:, :4], rows[:, 4], rows[:, 5].round())


DECODER = Decoder(of_one(decode), layouts, suppressed=True)
