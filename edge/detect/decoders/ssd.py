"""SSD and EfficientDet with TensorFlow's post-processing (Object Detection API, TFLite)."""

import numpy as np

from edge.detect.decoders.layout import Arrays, Decoder, Layout, Output
from edge.detections import Detections

TFLITE = "TFLite_Detection_PostProcess"
CALL = "StatefulPartitionedCall"
"""What TensorFlow 2 calls every output of a TFLite model; only their numbers tell them apart."""


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001
    """Boxes (1, N, 4), classes (1, N), scores (1, N) and how many of them count (1,).

    TensorFlow 2's converter numbers a function's outputs as it returns them, the Object Detection
    API's exporter the other way round; the shapes of first and last say which it was.
    """
    return (
        _layout("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
        _layout(TFLITE, f"{TFLITE}:1", f"{TFLITE}:2", f"{TFLITE}:3"),
        _layout(CALL, f"{CALL}:1", f"{CALL}:2", f"{CALL}:3"),
        _layout(f"{CALL}:3", f"{CALL}:2", f"{CALL}:1", CALL),
        _layout("boxes", "classes", "scores", "num"),
    )


def _layout(boxes: str, classes: str, scores: str, number: str) -> Layout:
    return (
        Output((1, None, 4), (boxes,)),
        Output((1, None), (classes,)),
        Output((1, None), (scores,)),
        Output((1,), (number,)),
    )


def decode(outputs: Arrays, size_wh: tuple[int, int], score: float) -> Detections:
    """Boxes in input pixels from top, left, bottom and right as shares of the input.

    Classes are numbers as the model gives them: from 1 in TensorFlow's own exports, from 0 in
    TFLite's (``first_class`` in the catalog).
    """
    count = int(outputs[3][0])
    boxes, classes, scores = (output[0, :count] for output in outputs[:3])
    kept = scores >= score
    wide, high = size_wh
    xyxy = boxes[kept][:, [1, 0, 3, 2]] * np.array([wide, high, wide, high], np.float32)
    return Detections.of(xyxy, scores[kept], classes[kept].round())


DECODER = Decoder(decode, layouts, suppressed=True)
