"""The camera of the simulated street: metres in the scene to pixels in the picture.

World axes in metres: x to the right, y up, z away from the camera along the ground.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

HEIGHT_M = 4.5
PITCH = math.radians(20)
# The focal length follows the picture's height, so that wider pictures see more of the sides.
FOCAL_PER_HEIGHT = 1.47


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera on a wall, looking down at the courtyard."""

    size_wh: tuple[int, int]

    @property
    def focal_px(self) -> float:
        return FOCAL_PER_HEIGHT * self.size_wh[1]

    def project(self, xyz: npt.ArrayLike) -> tuple[Floats, Floats]:
        """(…, 3) metres to (…, 2) pixels and (…,) pixels for each metre at that depth."""
        points = np.asarray(xyz, np.float64)
        up = points[..., 1] - HEIGHT_M
        depth = points[..., 2] * math.cos(PITCH) - up * math.sin(PITCH)
        rise = up * math.cos(PITCH) + points[..., 2] * math.sin(PITCH)
        scale = self.focal_px / np.maximum(depth, 0.3)
        width, height = self.size_wh
        return np.stack(
            [width / 2 + points[..., 0] * scale, height / 2 - rise * scale], axis=-1
        ), scale

    def ground(self, x: float, z: float) -> tuple[float, float]:
        """The pixel of a point on the ground."""
        pixel, _ = self.project((x, 0.0, z))
        return float(pixel[0]), float(pixel[1])

    def side_m(self, z: float) -> float:
        """How far left and right the picture reaches on the ground at depth z, in metres."""
        _, scale = self.project((0.0, 0.0, z))
        return self.size_wh[0] / 2 / float(scale)

    def rays(self, shape_hw: tuple[int, int]) -> tuple[Floats, Floats]:
        """For each cell of a grid over the picture: slopes (right, up) per metre of z.

        A cell sees the points (right · z, HEIGHT_M + up · z, z).
        """
        rows, columns = shape_hw
        width, height = self.size_wh
        x = ((np.arange(columns) + 0.5) / columns - 0.5) * width / self.focal_px
        y = (0.5 - (np.arange(rows) + 0.5) / rows) * height / self.focal_px
        forward = math.cos(PITCH) + y * math.sin(PITCH)
        up = (y * math.cos(PITCH) - math.sin(PITCH)) / forward
        return x[None, :] / forward[:, None], np.broadcast_to(up[:, None], (rows, columns))
