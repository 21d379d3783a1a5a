"""How good detections of one class are: matches, precision, recall, average precision.

As COCO counts, without its limit of 100 boxes and its crowds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.5, 0.55 … 0.95: AP is the mean over them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The truth about one class in one picture, and what a detector found of it."""

    truth: Floats
    """(N, 4)."""
    found: Floats
    """(M, 4), the strongest first."""
    score: Floats
    """(M,)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall over the score threshold, from high to low."""

    score: Floats
    precision: Doubles
    recall: Doubles
    wanted: int
    """Objects that had to be found."""

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of all detections from a score on."""
        count = int((self.score >= threshold).sum())
        if count == 0:
            return 1.0, 0.0
        return float(self.precision[count - 1]), float(self.recall[count - 1])

    @property
    def average_precision(self) -> float:
        """The mean of the best precision at 101 recalls, as COCO computes it."""
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        places = np.searchsorted(self.recall, np.linspace(0, 1, 101), side="left")
        return float(np.append(best, 0.0)[np.minimum(places, len(best))].mean())


def curve(pictures: Sequence[Seen], iou: float = 0.5) -> Curve:
    """Precision and recall over many pictures; a detection is right at an IoU from ``iou`` on."""
    score = np.concatenate([np.empty(0, np.float32), *(each.score for each in pictures)])
    right = np.concatenate([np.empty(0, bool), *(match(each, iou) for each in pictures)])
    wanted = sum(len(each.truth) for each in pictures)
    order = np.argsort(-score, kind="stable")
    true = np.cumsum(right[order])
    return Curve(score[order], true / np.arange(1, len(true) + 1), true / max(1, wanted), wanted)


def average_precision(pictures: Sequence[Seen]) -> float:
    """AP: the mean of the average precision over `IOUS`."""
    return float(np.mean([curve(pictures, iou).average_precision for iou in IOUS]))


def match(picture: Seen, iou: float) -> Flags:
    """For each detection (M,), whether it is right: it takes the free true box that it
    overlaps most.
    """
    right = np.zeros(len(picture.found), bool)
    if not len(picture.found) or not len(picture.truth):
        return right
    overlap = ious(picture.found, picture.truth)
    free = np.ones(len(picture.truth), bool)
    for index, row in enumerate(overlap):
        # 1e-6: an overlap of exactly the threshold counts, whatever float32 makes of it.
        reached = np.where(free & (row >= iou - 1e-6), row, -1.0)
        if reached.max() >= 0:
            free[reached.argmax()] = False
            right[index] = True
    return right


def ious(a: Floats, b: Floats) -> Floats:
    """(M, 4) and (N, 4) to (M, N)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a[:, None] + area_b[None] - common
    overlap: Floats = (common / np.maximum(union, 1e-6)).astype(np.float32)
    return overlap
