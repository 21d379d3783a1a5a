"""Pictures with boxes, and the cache that keeps them: one .npz for each source."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.detections import FloatArray, IntArray
from edge.frames import Image

IGNORE = -1
"""The label of a box that is neither right nor wrong to find."""
SOURCES = ("coco", "footage", "street")
TAUGHT = ("coco", "footage")
"""The sources whose pictures the teacher knows how to read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and what is in it."""

    image: Image
    """(H, W, 3), BGR."""
    xyxy: FloatArray
    """(N, 4), pixels."""
    label: IntArray
    """(N,): index into network.LABELS, or IGNORE."""


def save(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples, uncompressed: they are read whole at every start."""
    arrays: dict[str, FloatArray | IntArray | Image] = {}
    for index, sample in enumerate(samples):
        arrays[f"image{index}"] = sample.image
        arrays[f"xyxy{index}"] = sample.xyxy
        arrays[f"label{index}"] = sample.label
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)


def read(path: Path) -> list[Sample]:
    """The samples of a file that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        count = sum(name.startswith("image") for name in arrays)
        return [
            Sample(arrays[f"image{i}"], arrays[f"xyxy{i}"], arrays[f"label{i}"])
            for i in range(count)
        ]
