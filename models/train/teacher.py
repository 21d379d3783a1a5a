"""The teacher: YOLOX-Nano, which says what is where in pictures that nobody has labelled."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from edge.detect.decoders import yolox
from edge.detect.detector import suppress
from edge.detect.preprocess import fitted_wh, to_picture
from edge.detections import Detections, FloatArray
from edge.frames import Image
from models.train.network import COCO_LABEL, LABELS, STRIDES

SIDE = 416


class Teacher:
    """YOLOX-Nano (416 × 416, 80 classes) run by onnxruntime on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def find(self, image: Image, score: float, iou: float = 0.5) -> Detections:
        """What it finds in a picture, in its pixels; labels index LABELS."""
        picture_wh = (image.shape[1], image.shape[0])
        placed_wh = fitted_wh(picture_wh, (SIDE, SIDE), "letterbox")
        rows = _as_starter(self._run(np.asarray(cv2.resize(image, placed_wh), np.uint8)))
        found = suppress(yolox.decode(rows[None], (SIDE, SIDE), score), iou)
        return Detections(
            to_picture(found.xyxy, picture_wh, placed_wh), found.score, found.label, found.track
        )

    def rows(self, canvas: Image) -> FloatArray:
        """Its opinion (cells, 5 + classes) on every cell of a canvas, as the starter's output.

        The canvas lies at the top left of the teacher's input, so that their grids agree.
        """
        rows = _as_starter(self._run(canvas))
        high, wide = canvas.shape[:2]
        levels, first = [], 0
        for stride in STRIDES:
            side = SIDE // stride
            level = rows[first : first + side * side].reshape(side, side, -1)
            levels.append(level[: high // stride, : wide // stride].reshape(-1, level.shape[-1]))
            first += side * side
        return np.concatenate(levels)

    def _run(self, picture: Image) -> FloatArray:
        canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
        canvas[: picture.shape[0], : picture.shape[1]] = picture
        blob = canvas.transpose(2, 0, 1)[None].astype(np.float32)
        output: FloatArray = self._session.run(None, {"images": blob})[0][0]
        return output


def _as_starter(rows: FloatArray) -> FloatArray:
    """Rows with COCO's 80 classes to rows with LABELS.

    A cell that most looks like another class loses objectness accordingly.
    """
    wanted = rows[:, 5:][:, COCO_LABEL]
    share = wanted.max(axis=1) / np.maximum(rows[:, 5:].max(axis=1), 1e-6)
    kept: FloatArray = np.concatenate([rows[:, :4], (rows[:, 4] * share)[:, None], wanted], axis=1)
    assert kept.shape[1] == 5 + len(LABELS)
    return kept
