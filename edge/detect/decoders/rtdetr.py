"""RT-DETR and D-FINE, as their authors export them or as Hugging Face does."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.detect.decoders.layout import Arrays, Decoder, Layout, Output
from edge.detections import Detections


def layouts(size_wh: tuple[int, int], classes: int) -> tuple[Layout, ...]:  # noqa: ARG001
    """labels, boxes and scores of the authors' exports; logits and boxes of Hugging Face's."""
    labelled = (
        Output((1, None), ("labels",)),
        Output((1, None, 4), ("boxes",)),
        Output((1, None), ("scores",)),
    )
    raw = (
        Output((1, None, classes), ("logits", "pred_logits")),
        Output((1, None, 4), ("pred_boxes", "boxes")),
    )
    return labelled, raw


def decode(outputs: Arrays, size_wh: tuple[int, int], score: float) -> Detections:
    """Boxes in input pixels; neither export needs suppression, each query stands for one thing."""
    if len(outputs) == 3:
        return _labelled(outputs, score)
    return _raw(outputs, size_wh, score)


def _labelled(outputs: Arrays, score: float) -> Detections:
    """From labels (1, N), boxes (1, N, 4) and scores (1, N). The boxes are scaled by what
    the input ``orig_target_sizes`` says, which is told the input's own size.
    """
    labels, boxes, scores = (output[0] for output in outputs)
    kept = scores >= score
    return Detections.of(boxes[kept], scores[kept], labels[kept])


def _raw(outputs: Arrays, size_wh: tuple[int, int], score: float) -> Detections:
    """From logits (1, N, C) and boxes (1, N, 4): centre and size as shares of the input.

    As the authors' post-processing: of all N × C pairs of query and class, the N best.
    """
    logits, boxes = outputs[0][0], outputs[1][0]
    scores = 1 / (1 + np.exp(-logits.astype(np.float32).ravel()))
    pairs = np.argsort(-scores, kind="stable")[: len(boxes)]
    pairs = pairs[scores[pairs] >= score]
    query, label = np.divmod(pairs, logits.shape[1])
    centre, half = boxes[query, :2], boxes[query, 2:] / 2
    size = np.array([*size_wh, *size_wh], np.float32)
    return Detections.of(np.hstack([centre - half, centre + half]) * size, scores[pairs], label)


def _target_sizes(size_wh: tuple[int, int]) -> npt.NDArray[Any]:
    return np.array([size_wh], np.int64)


DECODER = Decoder(
    decode, layouts, suppressed=True, extra_inputs={"orig_target_sizes": _target_sizes}
)
