"""Whether a camera's picture is still worth anything: dark, covered, blurred, moved, frozen.

A mean over the last seconds, in which noise and passers-by fade, is held against what the scene
usually looks like, which is learned from the camera itself while nothing is wrong with it. The
sixth fault, lost, is that no picture comes at all; see `edge.camera`.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.frames import Image
from wire.records import Fault, SceneFault

Grey = npt.NDArray[np.float32]

STEP_MS: Final = 1_000
"""A picture is looked at this often."""
MEAN_MS: Final = 2_500
"""Over how long pictures are averaged. Higher: passers-by matter less, faults are told later."""
LEARN_MS: Final = 600_000
"""How fast the usual look follows: dusk and snow are no fault. Higher: slow drifts are."""
KNOWN_MS: Final = 10_000
"""From then on the usual look counts as known."""
HOLD_MS: Final = {
    Fault.DARK: 5_000,
    Fault.COVERED: 4_000,
    Fault.BLURRED: 6_000,
    Fault.MOVED: 6_000,
    Fault.FROZEN: 20_000,
}
"""How long a fault must last to be told. Higher: fewer false ones, later."""
CLEAR_MS: Final = 3_000
"""How long a told fault must be gone to be over."""

DARK: Final = 24.0
"""Nine tenths of a dark picture are below this grey level. Higher: lamps at night matter."""
TELLING_PART: Final = 0.25
"""Of the parts, so many must be worth judging by."""
COVERED_PART: Final = 0.6
"""Of the parts that usually show something, so many show nothing when the lens is covered."""
COVERED_DETAIL: Final = 0.18
"""Showing nothing is having less than this share of the usual detail."""
BLANK: Final = 0.7
"""Less detail than this is a covered lens whatever the scene usually looks like."""
TELLING: Final = 4.0
"""Detail that a part, or the picture, needs to be judged by, grey levels: of bare ground nobody
can say whether it is sharp. Higher: more scenes that are judged by `BLANK` alone."""
BLURRED: Final = 0.5
"""Less than this share of the usual sharpness is blurred. Higher: tells of a dirty lens too."""
BLURRED_AT_ALL: Final = 0.12
"""Less sharpness than this is blurred whatever is usual."""
ALIKE: Final = 0.55
"""A view that is less like the usual one than this share of how like it usually is has moved."""
SHIFT: Final = 0.025
"""… or one that fits better by `BETTER` when it is moved by this part of the width."""
BETTER: Final = 0.12

FINE_PX: Final = 384
COARSE_PX: Final = 96
EDGES_PX: Final = 192
GRID: Final = (6, 8)
"""Rows and columns of parts."""
_LAPLACE: Final = 3.57
"""Mean |Laplacian| of white noise of deviation 1: √20 · √(2/π)."""


@dataclass(frozen=True, slots=True)
class _View:
    """What a mean picture shows, as far as faults go."""

    bright: float
    """The grey level that nine tenths stay below."""
    level: float
    detail: Grey
    """`GRID`: coarse detail of each part, grey levels."""
    sharpness: float
    """Fine over coarse detail."""
    edges: Grey


class SceneFaults:
    """Watches the pictures of one camera. Not thread-safe."""

    def __init__(self, source: str, kinds: Collection[Fault], told: Collection[Fault] = ()) -> None:
        """``told``: what was told before a restart and is not known to be over."""
        self._source = source
        self._kinds = kinds
        self._mean: Grey = np.zeros((0, 0), np.float32)
        self._before: Grey = self._mean
        self._noise = 0.0
        self._looked_ts: int | None = None
        self._sample: Image = np.zeros((0, 0), np.uint8)
        self._still_since = 0
        self._usual: _Usual | None = None
        self._suspects: dict[Fault, int] = {}
        """Faults that are there but not told, or told but not there, and since when."""
        self.active: set[Fault] = set(told)

    def look(self, image: Image, ts: int) -> list[SceneFault]:
        """The faults that the picture taken at ``ts`` (ms) begins or ends."""
        if self._looked_ts is not None and ts - self._looked_ts < STEP_MS:
            return []
        self._average(image, ts)
        view = _view(self._mean, self._noise)
        there = self._there(view, image, ts)
        if self._usual is None:
            self._usual = _Usual(view, ts)
        elif not there and not self.active:
            self._usual.learn(view, ts)
        # What was told and is no longer watched for is over, too.
        kinds = [*self._kinds, *(fault for fault in self.active if fault not in self._kinds)]
        there &= set(self._kinds)
        records = [self._judge(fault, fault in there, ts) for fault in kinds]
        return [record for record in records if record is not None]

    def _average(self, image: Image, ts: int) -> None:
        grey = _sized(image[:, :, 1], FINE_PX)
        if self._mean.shape != grey.shape or self._looked_ts is None:
            self._mean, self._noise, self._usual = grey.copy(), 0.0, None
            self._suspects.clear()
        else:
            part = 1 - math.exp(-(ts - self._looked_ts) / MEAN_MS)
            few = (slice(None, None, 4), slice(None, None, 4))  # a sample is as good, and cheaper
            apart = float(np.median(np.abs(grey[few] - self._before[few]))) / 0.6745 / math.sqrt(2)
            # How much of one picture's noise is left in the mean of many. Where all the light
            # changes between two pictures, that is not noise.
            left = apart * math.sqrt(part / (2 - part))
            self._noise = min(left, self._noise + part)
            cv2.accumulateWeighted(grey, self._mean, part)
        self._before, self._looked_ts = grey, ts

    def _there(self, view: _View, image: Image, ts: int) -> set[Fault]:
        """The gravest fault of the view, and whether it is frozen besides."""
        found = {Fault.FROZEN} if self._frozen(image, ts) else set()
        usual = self._usual
        if view.bright < DARK:
            return found | {Fault.DARK}
        if usual is None or not usual.known(ts):
            if float(view.detail.mean()) < BLANK:
                found.add(Fault.COVERED)
            elif view.detail.mean() >= TELLING and view.sharpness < BLURRED_AT_ALL:
                found.add(Fault.BLURRED)
            return found
        for fault, holds in (
            (Fault.COVERED, usual.covered),
            (Fault.BLURRED, usual.blurred),
            (Fault.MOVED, usual.moved),
        ):
            if holds(view):
                return found | {fault}
        return found

    def _frozen(self, image: Image, ts: int) -> bool:
        """Whether not one grain of the picture has changed for long."""
        sample = image[::4, ::4, 1]
        if not np.array_equal(sample, self._sample):
            self._sample, self._still_since = sample.copy(), ts
        return ts > self._still_since

    def _judge(self, fault: Fault, there: bool, ts: int) -> SceneFault | None:
        told = fault in self.active
        if there == told:
            self._suspects.pop(fault, None)
            return None
        since = self._suspects.setdefault(fault, ts)
        if ts - since < (CLEAR_MS if told else HOLD_MS[fault]):
            return None
        self._suspects.pop(fault)
        self.active ^= {fault}
        return SceneFault(seq=0, ts=ts, source=self._source, fault=fault, active=not told)


class _Usual:
    """What the scene looks like when all is well."""

    def __init__(self, view: _View, ts: int) -> None:
        self._began_ts = self._ts = ts
        self._detail = view.detail.copy()
        self._edges = view.edges.copy()
        self._level = view.level
        self._sharpness = view.sharpness
        self._alike = 1.0

    def known(self, ts: int) -> bool:
        return ts - self._began_ts >= KNOWN_MS

    def learn(self, view: _View, ts: int) -> None:
        step_ms, age_ms = ts - self._ts, ts - self._began_ts
        self._ts = ts
        # At first the mean of all there was, later what follows slowly.
        part = max(step_ms / max(age_ms, 1), 1 - math.exp(-step_ms / LEARN_MS))
        cv2.accumulateWeighted(view.detail, self._detail, part)
        self._alike += part * (_alike(view.edges, self._edges) - self._alike)
        cv2.accumulateWeighted(view.edges, self._edges, part)
        self._level += part * (view.level - self._level)
        self._sharpness += part * (view.sharpness - self._sharpness)

    def covered(self, view: _View) -> bool:
        if float(view.detail.mean()) < BLANK:
            return True
        shows = self._detail >= TELLING
        if shows.mean() < TELLING_PART:
            return False
        expected = self._detail * min(view.level / max(self._level, 1.0), 1.0)
        return bool((view.detail < COVERED_DETAIL * expected)[shows].mean() >= COVERED_PART)

    def blurred(self, view: _View) -> bool:
        dimmed = min(view.level / max(self._level, 1.0), 1.0)
        if float(self._detail.mean()) * dimmed < TELLING:
            return False
        return view.sharpness < max(BLURRED * self._sharpness, BLURRED_AT_ALL)

    def moved(self, view: _View) -> bool:
        alike = _alike(view.edges, self._edges)
        if alike < ALIKE * self._alike:
            return True
        if alike > 0.92 * self._alike:
            return False
        shift, fit = _best_shift(view.edges, self._edges)
        return shift >= SHIFT and fit >= alike + BETTER


def _view(mean: Grey, noise: float) -> _View:
    coarse = _detail(_sized(mean, COARSE_PX), noise * COARSE_PX / FINE_PX)
    fine = float(_detail(mean, noise).mean())
    rows, columns = GRID
    parts = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_AREA)
    small = _sized(mean, EDGES_PX)
    return _View(
        bright=float(np.percentile(small[::2, ::2], 90)),
        level=float(small.mean()),
        detail=np.asarray(parts, np.float32),
        sharpness=fine / max(float(coarse.mean()), 1e-3),
        edges=_edges(small),
    )


def _detail(grey: Grey, noise: float) -> Grey:
    """|Laplacian| of each pixel, less what noise of that deviation gives on average."""
    bent = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    return np.asarray(np.maximum(cv2.blur(bent, (5, 5)) - _LAPLACE * noise, 0.0), np.float32)


def _edges(grey: Grey) -> Grey:
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    return np.asarray(cv2.GaussianBlur(cv2.magnitude(across, down), (0, 0), 1.5), np.float32)


def _alike(view: Grey, usual: Grey) -> float:
    """Normalised correlation, −1 to 1."""
    return float(cv2.matchTemplate(view, usual, cv2.TM_CCOEFF_NORMED)[0, 0])


def _best_shift(view: Grey, usual: Grey) -> tuple[float, float]:
    """How far the view's middle must be moved to fit best (part of the width), and how it fits."""
    high, wide = view.shape
    top, left = high // 5, wide // 5
    middle = view[top : high - top, left : wide - left]
    fit = cv2.matchTemplate(usual, middle, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(fit)
    return math.hypot(x - left, y - top) / wide, float(best)


def _sized(grey: npt.NDArray[np.generic], width: int) -> Grey:
    high = max(3, round(grey.shape[0] * width / grey.shape[1]))
    small = cv2.resize(np.ascontiguousarray(grey), (width, high), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
