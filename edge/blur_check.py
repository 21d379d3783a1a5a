"""Looks whether what leaves the device is really blurred: proof, not configuration."""

from typing import Final, NamedTuple

import cv2
import numpy as np

from configs.agent import Camera
from edge.evidence import head, people, render
from edge.frames import Image
from edge.shared_detector import SharedDetector

KEPT: Final = 0.5
"""The share of a head's detail that blurring may leave. Lower: stricter."""
FLAT: Final = 20.0
"""A head with less detail than this (variance of its Laplacian) shows nothing to blur."""


class BlurCheck(NamedTuple):
    """What came of it."""

    good: bool
    says: str


def check_blur(image: Image, detector: SharedDetector, camera: Camera) -> BlurCheck:
    """Make the JPEG that would go out now, and compare the heads in it with the camera's."""
    if not camera.blur:
        return BlurCheck(False, f"blurring is off: {camera.unblurred_reason}")
    found, _ = detector.detect(image)
    boxes = people(found, found, detector.labels)
    coded = np.frombuffer(render(image, boxes, camera), np.uint8)
    sent = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if sent is None:
        return BlurCheck(False, "the picture cannot be read back")
    scale = sent.shape[1] / image.shape[1]
    size = (sent.shape[1], sent.shape[0])
    before = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    heads = {head(box * scale) for box in boxes}
    clear = sum(_is_clear(before, np.asarray(sent, np.uint8), area) for area in heads)
    if clear:
        return BlurCheck(False, f"{clear} of {len(heads)} heads still clear")
    return BlurCheck(
        True, f"{len(heads)} of {len(heads)} heads blurred" if heads else "nobody to blur now"
    )


def _is_clear(before: Image, after: Image, area: tuple[int, int, int, int]) -> bool:
    was, is_now = _detail(before, area), _detail(after, area)
    return was > FLAT and is_now > KEPT * was


def _detail(image: Image, area: tuple[int, int, int, int]) -> float:
    left, top, right, bottom = (max(side, 0) for side in area)
    part = image[top:bottom, left:right]
    if min(part.shape[:2]) < 3:
        return 0.0
    return float(cv2.Laplacian(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
