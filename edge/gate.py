"""The motion gate: whether anything moves that a detector should see.

Sits between the source and the detector. A background that follows the scene within seconds is
held against each picture, small and in one channel. What differs softly over a wide area is
light (a cloud, exposure, a lamp's cone) and taken out; what each spot does all the time (rain,
leaves, sensor noise) raises that spot's own threshold; what is left has moved.
"""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from configs.agent import MotionGate
from edge.frames import Image

Grey = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

WIDTH: Final = 192
"""Columns of the small picture. Higher: sees smaller things, costs more."""
BACKGROUND_MS: Final = 1_500
"""How fast the background follows (time constant). Higher: slow walkers differ from it more,
and what stops is motion for longer."""
UNREST_MS: Final = 8_000
"""How fast a spot's usual unrest is learned (what stays in place: eight times slower). Higher:
steadier thresholds, rain opens the gate for longer."""
LIGHT_CELLS: Final = 33
"""Differences as wide as this are light. Higher: large things near the camera stand out more,
small clouds and lamps do too."""
FLOOR: Final = 6.0
"""Grey levels that are never motion at the usual sensitivity."""
TIMES_NOISE: Final = 3.5
"""How many deviations of a spot's usual unrest are motion."""
UNREST_LIMIT: Final = 16.0
"""The deviation that a spot may learn, grey levels: no place becomes blind for good."""
SMALL: Final = 6
"""Of 3 × 3 cells so many that differ in two pictures running are motion. A drop of rain is gone
by then. Higher: deaf to rain and to far people."""
LARGE: Final = 36
"""Of 7 × 7 cells so many that differ at once are motion, however fast it passes."""


class Gate:
    """Decides for each picture of one camera. Not thread-safe."""

    def __init__(self, settings: MotionGate) -> None:
        self._set = settings
        self._background: Grey = np.zeros((0, 0), np.float32)
        self._unrest: Grey = np.zeros((0, 0), np.float32)
        """The mean square of what each spot does all the time."""
        self._before: Mask = np.zeros((0, 0), np.uint8)
        self._last_ts = 0
        self._open_until = 0
        self._looked_ts: int | None = None
        self._again = False

    def opens(self, image: Image, ts: int) -> bool:
        """Whether the picture taken at ``ts`` (ms) is worth a look of the detector.

        Open while something moves and ``hold`` after it, and for one look every ``full_look``.
        """
        if not self._set.enabled:
            return True
        if self._moved(image, ts):
            self._open_until = ts + self._set.hold
        due = self._looked_ts is None or ts - self._looked_ts >= self._set.full_look
        return due or self._again or ts < self._open_until

    def looked(self, ts: int, *, settled: bool) -> None:
        """The detector has seen the picture taken at ``ts``.

        Where that was not what was known, it gets one more look to make sure.
        """
        self._looked_ts = ts
        self._again = not settled and not self._again

    def _moved(self, image: Image, ts: int) -> bool:
        small = shrunk(image)
        if self._background.shape != small.shape:
            self._start(small, ts)
            return True
        step_ms, self._last_ts = max(ts - self._last_ts, 0), ts
        change = small * _gain(small, self._background) - self._background
        change -= cv2.blur(change, (LIGHT_CELLS, LIGHT_CELLS))
        cv2.multiply(change, change, dst=change)
        part = 4.0 ** (1 - 2 * self._set.sensitivity)
        limit = np.maximum(self._unrest * TIMES_NOISE**2, FLOOR**2) * part
        differs = (change > limit).astype(np.uint8)
        lasts: Mask = differs & self._before
        self._before = differs
        self._learn(small, change, lasts, step_ms)
        return _clustered(lasts, 3, SMALL) or _clustered(differs, 7, LARGE)

    def _start(self, small: Grey, ts: int) -> None:
        self._background, self._last_ts = small, ts
        self._unrest = np.full_like(small, (FLOOR / TIMES_NOISE) ** 2)
        self._before = np.zeros(small.shape, np.uint8)

    def _learn(self, small: Grey, change: Grey, lasts: Mask, step_ms: int) -> None:
        cv2.accumulateWeighted(small, self._background, 1 - math.exp(-step_ms / BACKGROUND_MS))
        np.minimum(change, UNREST_LIMIT**2, out=change)
        quick, slow = (1 - math.exp(-step_ms / each) for each in (UNREST_MS, UNREST_MS * 8))
        rate = np.where(lasts > 0, np.float32(slow), np.float32(quick))
        self._unrest += rate * (change - self._unrest)


def shrunk(image: Image) -> Grey:
    """The picture (H, W, 3) as floats (h, `WIDTH`): green, which is sharpest, each cell a mean."""
    stride = max(1, image.shape[1] // (2 * WIDTH))
    green = np.ascontiguousarray(image[::stride, ::stride, 1])
    high = max(3, round(image.shape[0] * WIDTH / image.shape[1]))
    return np.asarray(cv2.resize(green, (WIDTH, high), interpolation=cv2.INTER_AREA), np.float32)


def _clustered(cells: Mask, side: int, least: int) -> bool:
    """Whether a square of ``side`` cells holds ``least`` that are 1."""
    return bool(cv2.boxFilter(cells, -1, (side, side), normalize=False).max() >= least)


def _gain(small: Grey, background: Grey) -> float:
    """What evens out a change of all the light."""
    shown, known = float(cv2.mean(small)[0]), float(cv2.mean(background)[0])
    return known / max(shown, 1.0)
