"""A picture of any size into a model's input, and boxes back again."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.detections import FloatArray
from edge.frames import Image
from models.entries import Entry


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


def input_shape(entry: Entry) -> tuple[int, ...]:
    """1 × 3 × H × W, or 1 × H × W × 3."""
    wide, high = entry.size_wh
    return (1, 3, high, wide) if entry.layout == "nchw" else (1, high, wide, 3)


class Preprocessor:
    """Fills one model's input; its buffers are reused, so each thread needs its own."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        wide, high = entry.size_wh
        self._canvas: Image = np.full((high, wide, 3), entry.pad, np.uint8)
        self._blob: npt.NDArray[Any] = np.empty(input_shape(entry), entry.dtype)
        # A view: whatever the layout, the picture is written channel by channel.
        self._planes = self._blob[0] if entry.layout == "nchw" else self._blob[0].transpose(2, 0, 1)
        self._placed_wh = (0, 0)
        self._step = 1 if entry.channels == "bgr" else -1

    def __call__(self, image: Image) -> tuple[npt.NDArray[Any], tuple[int, int]]:
        """The input in the entry's layout and type, valid until the next call, and the
        picture's size in it.
        """
        placed_wh = fitted_wh(
            (image.shape[1], image.shape[0]), self._entry.size_wh, self._entry.fit
        )
        if placed_wh != self._placed_wh:
            self._canvas[:] = self._entry.pad
            self._placed_wh = placed_wh
        wide, high = placed_wh
        cv2.resize(image, placed_wh, dst=self._canvas[:high, :wide])
        planes = cv2.split(self._canvas)
        for plane, channel in zip(planes, self._planes[:: self._step], strict=True):
            channel[:] = plane
        self._normalise()
        return self._blob, placed_wh

    def _normalise(self) -> None:
        """value × scale, minus the mean, by the deviation of its channel."""
        entry = self._entry
        if entry.dtype == "uint8":
            return
        if entry.scale != 1.0:
            self._blob *= entry.scale
        if any(entry.mean) or entry.std != (1.0, 1.0, 1.0):
            for channel, mean, std in zip(self._planes, entry.mean, entry.std, strict=True):
                channel -= mean
                channel /= std
