"""Faces that the person boxes miss: found by YuNet, where one is installed, to be blurred.

Only where they are, never whose they are.
"""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.detections import FloatArray
from edge.frames import Image

SCORE: Final = 0.3
"""A face of this score or more is blurred. Lower: safer, more blur on clutter."""
OVERLAP: Final = 0.3
MARGIN: Final = 0.35
"""How much a face's box grows on each side, as a part of it: hair and chin belong to it."""


class FaceFinder:
    """Finds faces in pictures of any size. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """``path``: YuNet as ONNX. Raises ValueError where it cannot be loaded."""
        try:
            self._yunet = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SCORE, OVERLAP)
        except cv2.error as error:
            raise ValueError(
                f"faces: {path} is no YuNet model that can be loaded; no picture leaves the "
                "camera until it can, or until `faces` is left out"
            ) from error
        self._one_at_a_time = threading.Lock()

    def find(self, image: Image) -> FloatArray:
        """(N, 4) boxes around heads, pixels; they may reach over the picture's edge."""
        with self._one_at_a_time:
            self._yunet.setInputSize((image.shape[1], image.shape[0]))
            _, told = self._yunet.detect(image)
        # Where there is none, OpenCV says None.
        found = np.asarray(told if np.ndim(told) == 2 else np.zeros((0, 15)), np.float32)
        corner, size = found[:, :2], found[:, 2:4]
        grown = [corner - MARGIN * size, corner + (1 + MARGIN) * size]
        return np.concatenate(grown, axis=1).astype(np.float32)


@lru_cache(maxsize=4)
def face_finder(path: str) -> FaceFinder:
    """One for each model file, shared by all cameras; raises ValueError."""
    return FaceFinder(Path(path))
