"""What a detector saw in one picture: the one currency inside the edge."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Detections:
    """N boxes of one picture, in its pixels.

    ``label`` indexes the model's class names; ``track`` is −1 until a tracker has
    given the box an identity.
    """

    xyxy: FloatArray
    """(N, 4): left, top, right, bottom, pixels."""
    score: FloatArray
    """(N,): 0–1."""
    label: IntArray
    """(N,): index into the class names."""
    track: IntArray
    """(N,): the track's id, or −1."""

    @classmethod
    def of(cls, xyxy: npt.ArrayLike, score: npt.ArrayLike, label: npt.ArrayLike) -> Self:
        """Untracked detections from anything numpy reads."""
        boxes = np.asarray(xyxy, np.float32).reshape(-1, 4)
        return cls(
            boxes,
            np.asarray(score, np.float32).reshape(-1),
            np.asarray(label, np.int32).reshape(-1),
            np.full(len(boxes), -1, np.int32),
        )

    @classmethod
    def none(cls) -> Self:
        """No boxes at all."""
        return cls.of([], [], [])

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Self:
        """The boxes that a mask or an index array chooses."""
        return type(self)(
            self.xyxy[chosen], self.score[chosen], self.label[chosen], self.track[chosen]
        )
