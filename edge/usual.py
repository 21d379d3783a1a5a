"""What a camera's scene usually looks like, and what a picture of it shows.

Learned from the camera itself while nothing is wrong with it, and kept over a restart: a camera
that was pushed aside meanwhile must be told of too.
"""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from edge.memory import replace_file

log = logging.getLogger(__name__)

Grey = npt.NDArray[np.float32]

LEARN_MS: Final = 600_000
"""How fast the usual look follows: dusk and snow are no fault. Higher: slow drifts are."""
KNOWN_MS: Final = 10_000
"""From then on the usual look counts as known."""
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

ELSEWHERE: Final = 0.15
"""A view whose outlines, each held against those around it, are less like the usual ones than this
is another place in any light. Of real footage 0.25 and more is left by shadows, lamps, infrared,
fog and rain, and 0.12 at most is chance. Higher: a night unlike the day may pass for another view.
"""
AROUND_PX: Final = 10.0
FAINT: Final = 2.0
"""Outlines fainter than this are none."""

SHORT_MS: Final = 1_800_000
"""After so long away everything is held against what was usual before; after longer only whether
the view is shifted or another place: light and season may have changed all else."""
OLD_MS: Final = 90 * 86_400_000
"""What was usual longer ago says nothing any more."""
_BRIGHTEST: Final = 255

FINE_PX: Final = 384
COARSE_PX: Final = 96
EDGES_PX: Final = 192
GRID: Final = (6, 8)
"""Rows and columns of parts."""
_LAPLACE: Final = 3.57
"""Mean |Laplacian| of white noise of deviation 1: √20 · √(2/π)."""


@dataclass(frozen=True, slots=True)
class SceneView:
    """What a mean picture shows, as far as faults go."""

    bright: float
    """The grey level that nine tenths stay below."""
    level: float
    detail: Grey
    """`GRID`: coarse detail of each part, grey levels."""
    sharpness: float
    """Fine over coarse detail."""
    edges: Grey


class Usual:
    """What the scene looks like when all is well."""

    def __init__(self, view: SceneView, ts: int) -> None:
        self._began_ts = self._ts = ts
        self._detail = view.detail.copy()
        self._edges = view.edges.copy()
        self._level = view.level
        self._sharpness = view.sharpness
        self._alike = 1.0

    @classmethod
    def recalled(cls, told: "Reference", ts: int) -> "Usual":
        """Known at once at ``ts`` (ms), from before a restart."""
        usual = cls(told.view(), ts - KNOWN_MS)
        usual._ts, usual._alike = ts, told.alike
        return usual

    def reference(self, drawn: str) -> "Reference | None":
        """What a restart shall know; None before enough was learned."""
        if self._ts - self._began_ts < KNOWN_MS:
            return None
        most = max(float(self._edges.max()), 1e-6)
        return Reference(
            ts=self._ts,
            drawn=drawn,
            level=self._level,
            sharpness=self._sharpness,
            alike=self._alike,
            detail=self._detail.astype(np.float32).tobytes(),
            edges=np.round(self._edges * (_BRIGHTEST / most)).astype(np.uint8).tobytes(),
            most=most,
            rows=self._edges.shape[0],
        )

    def known(self, ts: int) -> bool:
        """Whether it has been seen for long enough to judge by."""
        return ts - self._began_ts >= KNOWN_MS

    def learn(self, view: SceneView, ts: int) -> None:
        step_ms, age_ms = ts - self._ts, ts - self._began_ts
        self._ts = ts
        # At first the mean of all there was, later what follows slowly.
        part = max(step_ms / max(age_ms, 1), 1 - math.exp(-step_ms / LEARN_MS))
        cv2.accumulateWeighted(view.detail, self._detail, part)
        self._alike += part * (_alike(view.edges, self._edges) - self._alike)
        cv2.accumulateWeighted(view.edges, self._edges, part)
        self._level += part * (view.level - self._level)
        self._sharpness += part * (view.sharpness - self._sharpness)

    def covered(self, view: SceneView) -> bool:
        if float(view.detail.mean()) < BLANK:
            return True
        shows = self._detail >= TELLING
        if shows.mean() < TELLING_PART:
            return False
        expected = self._detail * min(view.level / max(self._level, 1.0), 1.0)
        return bool((view.detail < COVERED_DETAIL * expected)[shows].mean() >= COVERED_PART)

    def blurred(self, view: SceneView) -> bool:
        dimmed = min(view.level / max(self._level, 1.0), 1.0)
        if float(self._detail.mean()) * dimmed < TELLING:
            return False
        return view.sharpness < max(BLURRED * self._sharpness, BLURRED_AT_ALL)

    def moved(self, view: SceneView) -> bool:
        """Whether it is another view, or a shifted one."""
        alike = _alike(view.edges, self._edges)
        return alike < ALIKE * self._alike or self._shifted(view, alike)

    def shifted(self, view: SceneView) -> bool:
        """Whether it is the same view from a camera that was pushed aside."""
        return self._shifted(view, _alike(view.edges, self._edges))

    def elsewhere(self, view: SceneView) -> bool | None:
        """Whether it is another place altogether; None where too little is to be seen to say."""
        if float(self._detail.mean()) < TELLING:
            return False
        if float(view.detail.mean()) < TELLING:
            return None
        return _alike(_outlines(view.edges), _outlines(self._edges)) < ELSEWHERE

    def _shifted(self, view: SceneView, alike: float) -> bool:
        if alike > 0.92 * self._alike:
            return False
        shift, fit = _best_shift(view.edges, self._edges)
        return shift >= SHIFT and fit >= alike + BETTER


def view_of(mean: Grey, noise: float) -> SceneView:
    coarse = _detail(sized(mean, COARSE_PX), noise * COARSE_PX / FINE_PX)
    fine = float(_detail(mean, noise).mean())
    rows, columns = GRID
    parts = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_AREA)
    small = sized(mean, EDGES_PX)
    return SceneView(
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


def _outlines(edges: Grey) -> Grey:
    """Edges, each held against those around it: the same in a lamp's light and beside it."""
    around = cv2.GaussianBlur(edges, (0, 0), AROUND_PX)
    return np.asarray(np.minimum(edges / (around + FAINT), 4.0), np.float32)


def _alike(view: Grey, usual: Grey) -> float:
    """Normalised correlation, −1 to 1."""
    # As cv2.matchTemplate says of two pictures of one size, in a sixth of its time.
    first, second = view - view.mean(), usual - usual.mean()
    whole = math.sqrt(float(np.vdot(first, first)) * float(np.vdot(second, second)))
    return float(np.vdot(first, second)) / max(whole, 1e-9)


def _best_shift(view: Grey, usual: Grey) -> tuple[float, float]:
    """How far the view's middle must be moved to fit best (part of the width), and how it fits."""
    high, wide = view.shape
    top, left = high // 5, wide // 5
    middle = view[top : high - top, left : wide - left]
    fit = cv2.matchTemplate(usual, middle, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(fit)
    return math.hypot(x - left, y - top) / wide, float(best)


def sized(grey: npt.NDArray[np.generic], width: int) -> Grey:
    high = max(3, round(grey.shape[0] * width / grey.shape[1]))
    small = cv2.resize(np.ascontiguousarray(grey), (width, high), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


class Reference(Struct):
    """A `Usual` in a file."""

    ts: int
    """When it was last learned, ms since the Unix epoch."""
    drawn: str
    """Names the zones, lines and masks of then: who draws anew accepts the view."""
    level: float
    sharpness: float
    alike: float
    detail: bytes
    """float32, `GRID`."""
    edges: bytes
    """uint8, ``rows`` × `EDGES_PX`, of which 255 stands for ``most``."""
    most: float
    rows: int

    def view(self) -> SceneView:
        """As if it were seen now; raises ValueError where the sizes are wrong."""
        edges = np.frombuffer(self.edges, np.uint8).reshape(self.rows, EDGES_PX)
        return SceneView(
            bright=0.0,
            level=self.level,
            detail=np.frombuffer(self.detail, np.float32).reshape(GRID).copy(),
            sharpness=self.sharpness,
            edges=edges.astype(np.float32) * np.float32(self.most / _BRIGHTEST),
        )


def save_reference(path: Path, reference: Reference) -> None:
    """Replace the file; a disk that is full costs the memory only."""
    content = msgspec.msgpack.encode(reference)
    replace_file(path, content, "a camera that is moved while the agent is off is not told of")


def recall_reference(path: Path) -> Reference | None:
    """What was usual before a restart; None where nothing is known."""
    try:
        reference = msgspec.msgpack.decode(path.read_bytes(), type=Reference)
        reference.view()
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        log.warning("%s cannot be read: %s; the scene is learned anew", path, error)
        return None
    return reference
