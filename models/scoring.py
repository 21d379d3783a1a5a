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
    wanted: Flags | None = None
    """(N,): whether a miss counts; a true box that is not wanted may be found or not.
    None: all are wanted."""

    @property
    def must(self) -> Flags:
        """(N,): which true boxes have to be found."""
        return np.ones(len(self.truth), bool) if self.wanted is None else self.wanted


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
    scores, hits = [np.empty(0, np.float32)], [np.empty(0, bool)]
    for each in pictures:
        right, counted = match(each, iou)
        scores.append(each.score[counted])
        hits.append(right[counted])
    wanted = sum(int(each.must.sum()) for each in pictures)
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    true = np.cumsum(np.concatenate(hits)[order])
    return Curve(score[order], true / np.arange(1, len(true) + 1), true / max(1, wanted), wanted)


def average_precision(pictures: Sequence[Seen]) -> float:
    """AP: the mean of the average precision over `IOUS`."""
    return float(np.mean([curve(pictures, iou).average_precision for iou in IOUS]))


def match(picture: Seen, iou: float) -> tuple[Flags, Flags]:
    """For each detection (M,): whether it is right, and whether it counts at all.

    Each takes the free true box that it overlaps most, wanted ones before others; one that takes
    a box that is not wanted does not count.
    """
    right = np.zeros(len(picture.found), bool)
    counted = np.ones(len(picture.found), bool)
    if not len(picture.found) or not len(picture.truth):
        return right, counted
    overlap = ious(picture.found, picture.truth)
    wanted = picture.must
    free = np.ones(len(picture.truth), bool)
    for index, row in enumerate(overlap):
        # 1e-6: an overlap of exactly the threshold counts, whatever float32 makes of it.
        reached = free & (row >= iou - 1e-6)
        pool = reached & wanted if (reached & wanted).any() else reached
        if pool.any():
            taken = np.where(pool, row, -1.0).argmax()
            free[taken] = False
            right[index] = counted[index] = wanted[taken]
    return right, counted


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
