"""The car of the simulated street: it drives in, parks in its bay for a while and leaves."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from edge.frames import Image
from edge.street.figures import SHIFT, Colour, Mask
from edge.street.plan import BAY_X, CAR_Z
from edge.street.view import Floats, View

PERIOD_MS = 75_000
"""Each period brings one car."""
BRAKING = 0.45
"""Share of the way in on which the car slows down."""
HALF_WIDTH_M = 0.88
LENGTH_M = 4.3

PAINTS: tuple[Colour, ...] = (
    (60, 52, 150), (196, 198, 200), (58, 56, 54), (128, 88, 48), (60, 78, 56),
)  # fmt: skip
# The outline from the side, nose to the left: metres behind the middle, metres up.
_PROFILE = np.array(
    [(-2.15, 0.32), (-2.18, 0.55), (-2.10, 0.72), (-1.80, 0.82), (-0.95, 0.95), (-0.25, 1.40),
     (0.20, 1.47), (0.90, 1.44), (1.35, 1.25), (1.75, 1.02), (2.08, 0.97), (2.16, 0.70),
     (2.12, 0.32)]
)  # fmt: skip
_GLASS = {4: 0.9, 7: 0.75, 8: 0.75}
"""Profile segments that are windscreens, and how bright."""
_UPWARD = range(2, 10)
"""Profile segments that the sky lights."""
_WINDOWS = (
    np.array([(-0.78, 0.98), (-0.22, 1.33), (0.28, 1.38), (0.28, 0.98)]),
    np.array([(0.36, 0.98), (0.36, 1.38), (0.85, 1.36), (1.40, 1.08), (1.40, 0.98)]),
)
_SHOULDER = np.array([(-2.0, 0.74), (-1.0, 0.90), (1.6, 0.92), (2.05, 0.86), (2.05, 0.76)])
_WHEELS = (-1.32, 1.32)
_WHEEL = ((0.42, (22, 22, 24)), (0.34, (34, 34, 36)), (0.20, (110, 112, 116)), (0.08, (60, 60, 62)))
"""Arch, tyre, rim and hub: radius in metres, colour."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One car's visit. Times in milliseconds of the scene."""

    id: int
    arrives_ms: int
    parks_ms: int
    leaves_ms: int
    gone_ms: int
    paint: Colour


@dataclass(frozen=True, slots=True)
class CarAt:
    """A car at one moment."""

    id: int
    x: float
    parked: bool
    paint: Colour


class Traffic:
    """When cars come: a pure function of seed and time."""

    def __init__(self, *, seed: int, view: View) -> None:
        self._seed = seed
        self._outside_x = view.side_m(CAR_Z) + LENGTH_M
        self._trip = lru_cache(maxsize=256)(self._make)

    def at(self, t_ms: int) -> CarAt | None:
        """The car in the scene, if there is one."""
        trip = self._trip(t_ms // PERIOD_MS)
        if not trip.arrives_ms <= t_ms < trip.gone_ms:
            return None
        if t_ms < trip.parks_ms:
            done = (t_ms - trip.arrives_ms) / (trip.parks_ms - trip.arrives_ms)
            to_go = _braked(1.0 - done)
        else:
            to_go = _braked(max(0.0, (t_ms - trip.leaves_ms) / (trip.gone_ms - trip.leaves_ms)))
        bay_x = sum(BAY_X) / 2
        return CarAt(
            trip.id,
            bay_x + (self._outside_x - bay_x) * to_go,
            trip.parks_ms <= t_ms < trip.leaves_ms,
            trip.paint,
        )

    def _make(self, cycle: int) -> Trip:
        random = np.random.default_rng([self._seed, 5, cycle])
        start = cycle * PERIOD_MS
        arrives = start + int(random.integers(5_000, 9_000))
        parks = arrives + int(random.integers(4_000, 5_500))
        leaves = start + int(random.integers(52_000, 62_000))
        gone = leaves + int(random.integers(5_000, 7_000))
        paint = PAINTS[int(random.integers(len(PAINTS)))]
        return Trip(cycle, arrives, parks, leaves, gone, paint)


def _braked(left: float) -> float:
    """The distance left, 0–1, when a share ``left`` of the time is left: slow near 0."""
    if left < BRAKING:
        return left**2 / (BRAKING * (2 - BRAKING))
    return (2 * left - BRAKING) / (2 - BRAKING)


class CarFigure:
    """A car, projected and ready to be painted."""

    def __init__(self, car: CarAt, view: View) -> None:
        self._paint_colour = car.paint
        self._x = car.x
        self._view = view
        self.z = CAR_Z - HALF_WIDTH_M
        self._near = self._pixels(_PROFILE, CAR_Z - HALF_WIDTH_M)
        self._far = self._pixels(_PROFILE, CAR_Z + HALF_WIDTH_M)
        both = np.concatenate([self._near, self._far])
        low, high = both.min(axis=0), both.max(axis=0)
        wheel = 0.3 * float(view.project((self._x, 0.0, self.z))[1])
        self.box = (float(low[0]), float(low[1]), float(high[0]), float(high[1] + wheel))

    def _pixels(self, profile: Floats, z: float) -> Floats:
        xyz = np.column_stack([self._x + profile[:, 0], profile[:, 1], np.full(len(profile), z)])
        pixels, _ = self._view.project(xyz)
        return pixels

    def paint(self, picture: Image) -> None:
        """Paint the car into the picture: its top and front, then the side towards us."""
        for index in range(len(_PROFILE) - 1):
            corners = np.concatenate(
                [self._near[index : index + 2], self._far[index : index + 2][::-1]]
            )
            if index in _GLASS:
                colour = tuple(channel * _GLASS[index] for channel in (92.0, 84.0, 74.0))
            else:
                lift = 1.22 if index in _UPWARD else 0.7
                colour = _shade(self._paint_colour, lift)
            _polygon(picture, corners, colour)
        _polygon(picture, self._near, _shade(self._paint_colour, 0.88))
        sill = self._pixels(np.array([(-2.1, 0.3), (-2.1, 0.5), (2.1, 0.5), (2.1, 0.3)]), self.z)
        _polygon(picture, sill, _shade(self._paint_colour, 0.6))
        self._paint_side(picture)
        self._paint_lights(picture)
        for wheel_x in _WHEELS:
            self._paint_wheel(picture, wheel_x)

    def _paint_side(self, picture: Image) -> None:
        """The windows, and the light along the shoulder."""
        _polygon(picture, self._pixels(_SHOULDER, self.z), _shade(self._paint_colour, 1.15))
        for window in _WINDOWS:
            _polygon(picture, self._pixels(window, self.z), (58, 50, 42))
            _polygon(picture, self._pixels(window * (1, 0.35) + (0, 0.83), self.z), (96, 88, 78))

    def _paint_lights(self, picture: Image) -> None:
        head = np.array([(-2.14, 0.62), (-1.98, 0.76), (-1.8, 0.74), (-1.9, 0.62)])
        tail = np.array([(2.12, 0.64), (2.08, 0.9), (1.92, 0.9), (1.95, 0.64)])
        _polygon(picture, self._pixels(head, self.z), (225, 232, 235))
        _polygon(picture, self._pixels(tail, self.z), (40, 36, 150))

    def _paint_wheel(self, picture: Image, wheel_x: float) -> None:
        centre, scale = self._view.project((self._x + wheel_x, 0.34, self.z))
        where = (round(centre[0] * 16), round(centre[1] * 16))
        for radius, colour in _WHEEL:
            size = round(float(scale) * radius * 16)
            cv2.circle(picture, where, size, colour, -1, cv2.LINE_AA, SHIFT)

    def stamp(self, ids: Mask, value: int) -> None:
        """Write ``value`` wherever the car covers the mask."""
        hull = cv2.convexHull(np.concatenate([self._near, self._far]).astype(np.float32))
        cv2.fillConvexPoly(ids, np.round(hull).astype(np.int32), value)
        for wheel_x in _WHEELS:
            centre, scale = self._view.project((self._x + wheel_x, 0.34, self.z))
            where = (round(centre[0]), round(centre[1]))
            cv2.circle(ids, where, round(float(scale) * _WHEEL[0][0]), value, -1)

    def shadow(self) -> Floats:
        """The outline (4, 2) of its shadow on the ground, pixels."""
        ends = [
            (self._x + side * 2.25 + 0.15, 0.0, CAR_Z + depth * (HALF_WIDTH_M + 0.15))
            for side, depth in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        return self._view.project(ends)[0]


def _shade(colour: Colour, gain: float) -> tuple[float, ...]:
    return tuple(min(255.0, channel * gain) for channel in colour)


def _polygon(picture: Image, corners: Floats, colour: tuple[float, ...]) -> None:
    points = np.round(corners * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, SHIFT)
