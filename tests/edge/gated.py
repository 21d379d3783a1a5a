"""What the motion gate costs in recall, measured on footage that a detector has gone through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from configs.agent import MotionGate
from edge.detections import Detections
from edge.frames import Frame, Image
from edge.gate import Gate
from edge.track import Tracker, iou

Area = tuple[int, int, int, int]
"""left, top, right, bottom, pixels."""
PARTS = 3
SURE = 0.4


@dataclass(slots=True)
class Tally:
    """Of one or more scenes."""

    pictures: int = 0
    gated: int = 0
    seen: int = 0
    """Boxes that the detector reports of all pictures."""
    lost: int = 0
    """Of those, the ones in gated pictures where nobody is held."""

    def __iadd__(self, other: "Tally") -> "Tally":
        self.pictures += other.pictures
        self.gated += other.gated
        self.seen += other.seen
        self.lost += other.lost
        return self


def areas(size_wh: tuple[int, int]) -> Iterator[Area]:
    """Nine parts of a busy picture: some are still for long."""
    width, height = size_wh
    for column, row in product(range(PARTS), repeat=2):
        yield (
            column * width // PARTS,
            row * height // PARTS,
            (column + 1) * width // PARTS,
            (row + 1) * height // PARTS,
        )


def tally(frames: Sequence[Frame], found: Sequence[Detections], area: Area) -> Tally:
    """A camera that sees nothing but ``area``; ``found`` is what is in each whole picture."""
    gate, tracker, result = Gate(MotionGate()), Tracker(), Tally()
    for frame, everything in zip(frames, found, strict=True):
        here = everything[_within(everything, area)]
        sure = here[here.score >= SURE]
        result.pictures += 1
        result.seen += len(sure)
        if gate.opens(_only(frame.image, area), frame.ts):
            tracker.update(here, frame.ts)
            gate.looked(frame.ts, settled=tracker.settled)
            continue
        result.gated += 1
        held = tracker.hold(frame.ts)
        if len(sure):
            overlap = iou(sure.xyxy.astype(np.float64), held.xyxy.astype(np.float64))
            result.lost += int((overlap.max(axis=1, initial=0.0) < 0.5).sum())
    return result


def _within(found: Detections, area: Area) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    middle = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    return np.asarray(
        (middle >= np.array(area[:2])).all(axis=1) & (middle < np.array(area[2:])).all(axis=1)
    )


def _only(image: Image, area: Area) -> Image:
    left, top, right, bottom = area
    alone = np.full_like(image, 110)
    alone[top:bottom, left:right] = image[top:bottom, left:right]
    return alone
