"""How good detections of one class are: matches, precision, recall, average precision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.detections import FloatArray

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Picture:
    """The truth about one picture and what a detector found in it."""

    truth: FloatArray
    """(N, 4)."""
    wanted: Flags
    """(N,): whether a miss counts. A box that is not wanted may be found or not."""
    found: FloatArray
    """(M, 4), the strongest first."""
    score: FloatArray
    """(M,)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall over the score threshold, from high to low."""

    score: FloatArray
    precision: FloatArray
    recall: FloatArray
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
        padded = np.append(best, 0.0)
        return float(padded[np.minimum(places, len(best))].mean())


def curve(pictures: Sequence[Picture], iou: float = 0.5) -> Curve:
    """Precision and recall over many pictures; a detection is right at an IoU from ``iou`` on."""
    scores, hits = [], []
    wanted = 0
    for picture in pictures:
        hit, counted = match(picture, iou)
        scores.append(picture.score[counted])
        hits.append(hit[counted])
        wanted += int(picture.wanted.sum())
    score, right = np.concatenate(scores), np.concatenate(hits)
    order = np.argsort(-score, kind="stable")
    true = np.cumsum(right[order])
    count = np.arange(1, len(true) + 1)
    return Curve(
        score[order].astype(np.float32),
        (true / count).astype(np.float32),
        (true / max(1, wanted)).astype(np.float32),
        wanted,
    )


def match(picture: Picture, iou: float) -> tuple[Flags, Flags]:
    """For each detection (M,): whether it is right, and whether it counts at all.

    Each takes the free true box that it overlaps most, wanted ones before others; one that
    takes a box that is not wanted does not count.
    """
    overlap = ious(picture.found, picture.truth)
    free = np.ones(len(picture.truth), bool)
    hit = np.zeros(len(picture.found), bool)
    counted = np.ones(len(picture.found), bool)
    for index, row in enumerate(overlap):
        reached = (row >= iou) & free
        for pool in (reached & picture.wanted, reached & ~picture.wanted):
            if pool.any():
                best = int(np.where(pool, row, -1).argmax())
                free[best] = False
                hit[index] = counted[index] = bool(picture.wanted[best])
                break
    return hit, counted


def ious(a: FloatArray, b: FloatArray) -> FloatArray:
    """(M, 4) and (N, 4) to (M, N)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    union = area_a[:, None] + area_b[None] - common
    overlap: FloatArray = (common / np.maximum(union, 1e-6)).astype(np.float32)
    return overlap
