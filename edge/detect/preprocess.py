"""A picture of any size into a model's input, and boxes back again."""

import cv2
import numpy as np

from edge.detections import FloatArray
from edge.frames import Image
from models.catalog import Entry


def fitted_wh(picture_wh: tuple[int, int], size_wh: tuple[int, int], fit: str) -> tuple[int, int]:
    """How large the picture lies in the input, pixels: letterboxed or stretched."""
    if fit == "stretch":
        return size_wh
    ratio = min(size_wh[0] / picture_wh[0], size_wh[1] / picture_wh[1])
    return (
        min(size_wh[0], max(1, round(picture_wh[0] * ratio))),
        min(size_wh[1], max(1, round(picture_wh[1] * ratio))),
    )


def to_picture(
    xyxy: FloatArray, picture_wh: tuple[int, int], placed_wh: tuple[int, int]
) -> FloatArray:
    """Boxes (N, 4) in input pixels to picture pixels, cut at the picture's edges."""
    scale = np.array([picture_wh[0] / placed_wh[0], picture_wh[1] / placed_wh[1]] * 2, np.float32)
    edges = np.array([*picture_wh, *picture_wh], np.float32)
    placed: FloatArray = np.clip(xyxy * scale, 0, edges).astype(np.float32, copy=False)
    return placed


class Preprocessor:
    """Fills one model's input; its buffers are reused, so each thread needs its own."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        wide, high = entry.size_wh
        self._canvas: Image = np.full((high, wide, 3), entry.pad, np.uint8)
        self._blob = np.empty((1, 3, high, wide), np.float32)
        self._placed_wh = (0, 0)
        self._step = 1 if entry.channels == "bgr" else -1

    def __call__(self, image: Image) -> tuple[FloatArray, tuple[int, int]]:
        """The input (1, 3, H, W), valid until the next call, and the picture's size in it."""
        placed_wh = fitted_wh(
            (image.shape[1], image.shape[0]), self._entry.size_wh, self._entry.fit
        )
        if placed_wh != self._placed_wh:
            self._canvas[:] = self._entry.pad
            self._placed_wh = placed_wh
        wide, high = placed_wh
        cv2.resize(image, placed_wh, dst=self._canvas[:high, :wide])
        planes = cv2.split(self._canvas)
        for plane, channel in zip(planes, self._blob[0][:: self._step], strict=True):
            channel[:] = plane
        if self._entry.scale != 1.0:
            self._blob *= self._entry.scale
        return self._blob, placed_wh
