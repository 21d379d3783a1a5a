"""A picture and when it was taken."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""Height × width × 3, BGR, 0–255."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera."""

    image: Image
    ts: int
    """Milliseconds since the Unix epoch, UTC: when the picture was taken."""
    index: int
    """Counts the pictures that the source delivered, from 0, skipped ones included."""
