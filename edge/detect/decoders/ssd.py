"""SSD and EfficientDet with TensorFlow's post-processing (Object Detection API, TFLite)."""

import numpy as np

from edge.detect.decoders.layout import Arrays, Decoder, Layout, Output
from edge.detections import Detections

TFLITE = "TFLite_Detection_PostProcess"


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001
    """Boxes (1, N, 4), classes (1, N), scores (1, N) and how many of them count (1,)."""
    return (
        (
            Output((1, None, 4), ("detection_boxes", TFLITE, "boxes")),
            Output((1, None), ("detection_classes", f"{TFLITE}:1", "classes")),
            Output((1, None), ("detection_scores", f"{TFLITE}:2", "scores")),
            Output((1,), ("num_detections", f"{TFLITE}:3", "num")),
        ),
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
