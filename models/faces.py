"""Faces in pictures: found by YuNet, where one is installed, and made unrecognisable.

Only where they are, never whose they are. The edge uses it on what its cameras see, the web
on the photos of residents. Needs NumPy and OpenCV (``linli[faces]``).
"""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
SCORE: Final = 0.3
"""A face of this score or more is blurred. Lower: safer, more blur on clutter."""
OVERLAP: Final = 0.3
MARGIN: Final = 0.35
"""How much a face's box grows on each side, as a part of it: hair and chin belong to it."""
PASSES: Final = 4
CELLS: Final = 5
"""A head becomes so many cells across: nothing of a face survives it."""


class FaceFinder:
    """Finds faces in pictures of any size. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """``path``: YuNet as ONNX. Raises ValueError where it cannot be loaded."""
        try:
            self._yunet = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SCORE, OVERLAP)
        except cv2.error as error:
            raise ValueError(f"{path} is no YuNet model that can be loaded") from error
        self._one_at_a_time = threading.Lock()

    def find(self, image: Image, sides: tuple[int, ...] = ()) -> FloatArray:
        """(N, 4) boxes around heads, pixels of ``image`` (BGR); they may reach over its edge.

        ``sides``: look also at the picture with its long side made so small: YuNet does not see
        a face that is larger than its receptive field, as that of somebody with the phone in
        the hand.
        """
        found = [self._find(image)]
        long = max(image.shape[:2])
        for scale in (side / long for side in sides if side < long):
            width, height = (max(1, round(n * scale)) for n in (image.shape[1], image.shape[0]))
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            found.append(self._find(np.asarray(small, np.uint8)) / np.float32(scale))
        return np.concatenate(found)

    def _find(self, image: Image) -> FloatArray:
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
    """One for each model file, shared by all who use it; raises ValueError."""
    return FaceFinder(Path(path))


def hide_faces(image: Image, finder: FaceFinder, sides: tuple[int, ...] = ()) -> None:
    """Blur the faces of ``image``, in place, until none is found; what still looks like one when
    blurred becomes a patch of one colour. ``sides`` as in `FaceFinder.find`."""
    cells = CELLS
    for _ in range(PASSES):
        faces = finder.find(image, sides)
        for face in np.round(faces).astype(int):
            left, top, right, bottom = (int(edge) for edge in face)
            blur(image, (left, top, right, bottom), cells)
        if not len(faces):
            return
        cells = 1


def blur(image: Image, area: tuple[int, int, int, int], cells: int = CELLS) -> None:
    """Leave of an area (left, top, right, bottom; pixels) ``cells`` by ``cells`` colours."""
    left, top = max(area[0], 0), max(area[1], 0)
    part = image[top : max(area[3], top), left : max(area[2], left)]
    if not part.size:
        return
    high, wide = part.shape[:2]
    few = cv2.resize(part, (min(cells, wide), min(cells, high)), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, (wide, high), interpolation=cv2.INTER_LINEAR)
