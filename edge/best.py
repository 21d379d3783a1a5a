"""The best look at each track: which picture shows them clearest.

Between the tracker and the evidence. A look is worth the product of how sure the detector is,
how tall the box is, whether all of it is in the picture and nothing stands before it, and how
sharp it is; the farther from the moment that is to be shown, the less. Of each track the best
look is kept while they are there, a few pictures in all.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edge.detections import Detections, FloatArray
from edge.frames import Frame, Image

KEPT: Final = 4
"""Pictures kept of a camera. Higher: better pictures of crowds, more memory."""
KEPT_BYTES: Final = 8 * 1024 * 1024
"""… as long as they take no more than this; one is always kept."""
EVERY_MS: Final = 180
"""Pictures closer together than this are too alike to look at each."""
JUDGED: Final = 2
"""Of so many tracks in a picture, those that gain most, it is judged how sharp they are."""
LEARN: Final = 0.1
"""How much a look at somebody changes what is usual. Higher: follows the light sooner."""
HALF_MS: Final = 4_000
"""A look so far from the moment counts half. Higher: clearer pictures, of another moment."""
OLD_MS: Final = 10_000
"""Farther from it, it does not count at all."""
BETTER: Final = 1.2
"""A look must be better than the one that is kept by this factor. Lower: costs more."""
TALL_PX: Final = 200.0
"""Somebody this tall is as good as anybody taller."""
CUT_OFF: Final = 0.35
"""What a box at the picture's edge is worth."""
EDGE: Final = 0.01
"""At the edge: within this part of the picture's width or height."""
PATCH_PX: Final = 96
"""So much of somebody's middle says how sharp they are."""
CRISP: Final = 0.3
"""Fine structure over contrast that is worth half: people of real footage have 0.6 to 1.1, of
shaken pictures half as much."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture, whom it shows how well, and whose heads are to be blurred in it."""

    frame: Frame
    people: FloatArray
    worth: dict[int, float]
    """0–1, by track; a guess where it was kept for another track."""
    tracks: Detections


class BestLooks:
    """Of one camera. Not thread-safe."""

    def __init__(self) -> None:
        self._kept: list[Look] = []
        self._looked_ts = -EVERY_MS
        self._crisp = 1.0
        """How sharp people usually are here: whom it makes no better need not be looked at."""

    def look(self, frame: Frame, tracks: Detections, people: Callable[[], FloatArray]) -> None:
        """Keep the picture where it shows a track better than those before it.

        ``tracks`` are in it; ``people``: the boxes of everybody who may be, (N, 4) pixels.
        """
        if not len(tracks) or 0 <= frame.ts - self._looked_ts < EVERY_MS:
            return
        self._looked_ts = frame.ts
        self._kept = [each for each in self._kept if frame.ts - each.frame.ts <= OLD_MS]
        known = self._known(frame.ts)
        at_most = outline(tracks, frame.image)
        least = np.array([known.get(track, 0.0) for track in tracks.track.tolist()]) * BETTER
        gain = at_most * self._crisp - least
        crisp: dict[int, float] = {}
        for row in np.argsort(-gain)[:JUDGED].tolist():
            if gain[row] > 0:
                crisp[row] = sharpness(frame.image, tracks.xyxy[row])
                self._crisp += LEARN * (crisp[row] - self._crisp)
        if any(at_most[row] * sharp > least[row] for row, sharp in crisp.items()):
            usual = sum(crisp.values()) / len(crisp)
            worth = {
                track: float(at_most[row]) * crisp.get(row, usual)
                for row, track in enumerate(tracks.track.tolist())
            }
            self._kept.append(Look(frame, people(), worth, tracks))
            self._drop(frame)

    def best(self, tracks: Collection[int], ts: int, now: Look) -> Look:
        """The kept look that shows ``tracks`` best around ``ts`` (ms), or ``now``."""
        kept = [look_at(each.frame, each.tracks, tracks, each.people) for each in self._kept]
        return max([now, *kept], key=lambda each: _mean(each, tracks) * near(each, ts))

    def _known(self, ts: int) -> dict[int, float]:
        """What the best look of each track is still worth."""
        known: dict[int, float] = {}
        for each in self._kept:
            part = near(each, ts)
            for track, value in each.worth.items():
                known[track] = max(known.get(track, 0.0), value * part)
        return known

    def _drop(self, newest: Frame) -> None:
        """The looks that are nobody's best, then those that are missed least."""
        most = max(1, min(KEPT, KEPT_BYTES // newest.image.nbytes))
        known = self._known(newest.ts)
        gains = []
        for each in self._kept:
            part = near(each, newest.ts)
            best = [v * part for track, v in each.worth.items() if v * part >= known[track]]
            gains.append(sum(best))
        order = sorted(range(len(gains)), key=lambda index: -gains[index])
        chosen = {index for index in order[:most] if gains[index] > 0}
        self._kept = [each for index, each in enumerate(self._kept) if index in chosen]


def look_at(frame: Frame, tracks: Detections, wanted: Collection[int], people: FloatArray) -> Look:
    """The picture as it is, with what it is worth for the ``wanted`` of its tracks."""
    values = outline(tracks, frame.image)
    worth = {
        track: float(values[row]) * sharpness(frame.image, tracks.xyxy[row])
        for row, track in enumerate(tracks.track.tolist())
        if track in wanted
    }
    return Look(frame, people, worth, tracks)


def outline(tracks: Detections, image: Image) -> FloatArray:
    """(N,) what the boxes say alone: score, height, all of it in the picture, unhidden; 0–1."""
    high, wide = image.shape[:2]
    left, top, right, bottom = tracks.xyxy.T
    tall = np.minimum((bottom - top) / TALL_PX, 1.0)
    rim_x, rim_y = EDGE * wide, EDGE * high
    cut = (left < rim_x) | (top < rim_y) | (right > wide - rim_x) | (bottom > high - rim_y)
    whole = np.where(cut, CUT_OFF, 1.0)
    return np.asarray(tracks.score * tall * whole * (1 - hidden(tracks.xyxy)), np.float32)


def hidden(xyxy: FloatArray) -> FloatArray:
    """(N,) the largest share of each box that a box nearer to the camera covers.

    Nearer is who stands lower in the picture.
    """
    corner = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    size = np.maximum(np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:]) - corner, 0)
    own = np.maximum((xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1]), 1)
    share = size[..., 0] * size[..., 1] / own[:, None]
    nearer = xyxy[None, :, 3] > xyxy[:, None, 3]
    return np.asarray(np.where(nearer, share, 0).max(axis=1, initial=0.0), np.float32)


def sharpness(image: Image, xyxy: FloatArray) -> float:
    """How crisp the middle of a box is, whatever its contrast; 0–1, of a flat one 1."""
    x, y = (float(xyxy[0] + xyxy[2]) / 2, float(xyxy[1] * 0.6 + xyxy[3] * 0.4))
    across, down = (min(float(side), PATCH_PX) / 2 for side in (xyxy[2:] - xyxy[:2]) * (0.8, 0.6))
    rows = slice(max(int(y - down), 0), max(int(y + down) + 1, 0))
    columns = slice(max(int(x - across), 0), max(int(x + across) + 1, 0))
    patch = np.ascontiguousarray(image[rows, columns, 1])
    if min(patch.shape) < 3:
        return 0.0
    contrast = float(cv2.meanStdDev(patch)[1][0, 0])
    if contrast < 3.0:  # nothing there that could be sharp
        return 1.0
    fine = float(cv2.meanStdDev(cv2.Laplacian(patch, cv2.CV_32F))[1][0, 0])
    return fine / (fine + CRISP * contrast)


def near(look: Look, ts: int) -> float:
    """How much a look counts for the moment ``ts`` (ms); 0–1."""
    apart = abs(look.frame.ts - ts)
    return 0.0 if apart > OLD_MS else float(2.0 ** (-apart / HALF_MS))


def _mean(look: Look, tracks: Collection[int]) -> float:
    return sum(look.worth.get(track, 0.0) for track in tracks) / max(len(tracks), 1)
