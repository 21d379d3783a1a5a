"""The simulated street: a picture and the truth about it, for any moment.

Everything is a function of the settings' seed and the scene's time, so any moment can be
asked for in any order and always looks the same.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from configs.agent import StreetSettings
from edge.frames import Image
from edge.street.car import CarFigure, Traffic
from edge.street.figures import SHIFT, Figure, Look, Mask, Stance
from edge.street.plan import DOOR_HEIGHT, DOOR_X, FACADE_Z
from edge.street.scenery import Occluder, background, occluders
from edge.street.view import Floats, View
from edge.street.walks import Walk, Walks

Box = tuple[float, float, float, float]

STRIDE_M = 1.35
"""Two steps."""
SHADE = 0.66
"""How much light a soft shadow leaves."""
NOISE = 2.2
"""Deviation of the sensor noise, grey levels."""
_TILE_MARGIN = 96


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of whom the picture shows something."""

    id: int
    foot: tuple[float, float]
    """Where they stand, pixels; may lie outside the picture."""
    box: Box
    """What can be seen of them: left, top, right, bottom, pixels."""
    visible: float
    """Share of the person that nothing hides, 0–1."""


@dataclass(frozen=True, slots=True)
class Car:
    """A car in the picture."""

    id: int
    box: Box
    parked: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really there at one moment."""

    people: tuple[Person, ...]
    cars: tuple[Car, ...]
    door_open: bool


class Street:
    """An elevated view of a residents' courtyard: gate, yard, drive, pavement, building."""

    def __init__(self, settings: StreetSettings) -> None:
        self.settings = settings
        self.size_wh = settings.size_wh
        self.view = View(settings.size_wh)
        self.walks = Walks(seed=settings.seed, people=settings.people, view=self.view)
        self._traffic = Traffic(seed=settings.seed, view=self.view)
        self._background = background(self.view, settings.seed)
        self._occluders = sorted(occluders(self.view, settings.seed), key=lambda thing: -thing.z)
        self._noise = self._noise_tile()

    def frame(self, t_ms: int) -> Image:
        """The picture at ``t_ms`` (H, W, 3), BGR, in memory of its own."""
        picture = self._background.copy()
        figures = self._figures(t_ms)
        car = self._car(t_ms)
        for figure, _ in figures:
            self._paint_shadow(picture, figure)
        if car is not None:
            _darken(picture, car.shadow(), blur_px=7)
        inside = [figure for figure, _ in figures if figure.z > FACADE_Z]
        self._paint_doorway(picture, inside, self.door_opening(t_ms))
        outside = [figure for figure, _ in figures if figure.z <= FACADE_Z]
        layers: list[Figure | CarFigure | Occluder] = [*outside, *self._occluders]
        layers += [car] if car is not None else []
        for layer in sorted(layers, key=lambda layer: -layer.z):
            layer.paint(picture)
        return self._develop(picture, t_ms)

    def truth(self, t_ms: int) -> Truth:
        """What the picture at ``t_ms`` shows."""
        width, height = self.size_wh
        ids = np.zeros((height, width), np.uint8)
        figures = self._figures(t_ms)
        layers: list[tuple[float, int, Figure | CarFigure | Occluder]] = [
            (figure.z, index + 2, figure) for index, (figure, _) in enumerate(figures)
        ]
        layers += [(thing.z, 0, thing) for thing in self._occluders]
        car = self._car(t_ms)
        if car is not None:
            layers.append((car.z, 1, car))
        for _, value, layer in sorted(layers, key=lambda layer: -layer[0]):
            self._stamp(ids, layer, value, self.door_opening(t_ms))
        people = (
            self._person(ids, index + 2, figure, walk, t_ms)
            for index, (figure, walk) in enumerate(figures)
        )
        return Truth(
            tuple(person for person in people if person is not None),
            self._cars(ids, t_ms),
            self.door_open(t_ms),
        )

    def foot(self, walk: Walk, t_ms: float) -> tuple[float, float]:
        """Where the person of a walk stands, pixels."""
        return self.view.ground(*walk.at(t_ms))

    def door_opening(self, t_ms: int) -> float:
        """How far the door is open: 0 shut, 1 wide."""
        return max((walk.door_open(t_ms) for walk in self.walks.during(t_ms, t_ms)), default=0.0)

    def door_open(self, t_ms: int) -> bool:
        """What a contact on the door says: whether it is anything but shut."""
        return self.door_opening(t_ms) > 0

    def _figures(self, t_ms: int) -> list[tuple[Figure, Walk]]:
        """Who is in the scene, the farthest first."""
        figures = []
        width, height = self.size_wh
        for walk in self.walks.during(t_ms, t_ms):
            if not walk.start_ms <= t_ms < walk.end_ms:
                continue
            x, z = walk.at(t_ms)
            step = 2 * math.pi * walk.walked_m(t_ms) / STRIDE_M
            stance = Stance(x, z, walk.heading(t_ms), step, walk.stride(t_ms))
            figure = Figure(Look.of(self.settings.seed, walk.id), stance, self.view)
            left, top, right, bottom = figure.box
            if right > 0 and left < width and bottom > 0 and top < height:
                figures.append((figure, walk))
        return sorted(figures, key=lambda pair: -pair[0].z)

    def _car(self, t_ms: int) -> CarFigure | None:
        car = self._traffic.at(t_ms)
        return None if car is None else CarFigure(car, self.view)

    def _doorway(self, z: float = FACADE_Z) -> Floats:
        (left, right), top = DOOR_X, DOOR_HEIGHT
        corners = [(left, 0, z), (right, 0, z), (right, top, z), (left, top, z)]
        return self.view.project(corners)[0]

    def _paint_doorway(self, picture: Image, inside: list[Figure], opening: float) -> None:
        if inside:
            lit = picture.copy()
            for figure in inside:
                figure.paint(lit, brightness=0.7)
            cv2.copyTo(lit, self._doorway_mask(), picture)
        for leaf in self._leaves(opening):
            frame = np.round(leaf * (1 << SHIFT)).astype(np.int32)
            cv2.fillConvexPoly(picture, frame, (126, 118, 106), cv2.LINE_AA, SHIFT)
            middle = leaf.mean(axis=0)
            pane = np.round((middle + (leaf - middle) * (0.72, 0.88)) * (1 << SHIFT))
            cv2.fillConvexPoly(picture, pane.astype(np.int32), (112, 98, 82), cv2.LINE_AA, SHIFT)

    def _doorway_mask(self) -> Mask:
        width, height = self.size_wh
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.round(self._doorway()).astype(np.int32), 255)
        return mask

    def _leaves(self, opening: float) -> list[Floats]:
        """The two halves of the sliding door, as quadrilaterals (4, 2) in pixels."""
        (left, right), top = DOOR_X, DOOR_HEIGHT - 0.04
        seen = (right - left) / 2 * (1 - 0.9 * opening)
        spans = ((left, left + seen), (right - seen, right))
        return [
            self.view.project([(x, y, FACADE_Z) for x, y in ((a, 0), (b, 0), (b, top), (a, top))])[
                0
            ]
            for a, b in spans
        ]

    def _paint_shadow(self, picture: Image, figure: Figure) -> None:
        if figure.z < FACADE_Z:
            _darken(picture, figure.shadow, blur_px=max(3, round(figure.height_px / 14)))

    def _develop(self, picture: Image, t_ms: int) -> Image:
        """What the camera makes of the scene: the hour's light, a soft lens, sensor noise."""
        minutes = t_ms / 60_000
        gain = 1.0 + 0.06 * math.sin(minutes * 2.1) + 0.02 * math.sin(minutes * 9.7)
        soft = cv2.GaussianBlur(picture, (3, 3), 0.6)
        lit = cv2.convertScaleAbs(soft, alpha=gain, beta=-3 * NOISE)
        width, height = self.size_wh
        where = (t_ms * 2654435761 + self.settings.seed) & 0xFFFFFFFF
        y, x = where % _TILE_MARGIN, (where >> 8) % _TILE_MARGIN
        return cv2.add(lit, self._noise[y : y + height, x : x + width]).astype(np.uint8, copy=False)

    def _noise_tile(self) -> Image:
        width, height = self.size_wh
        random = np.random.default_rng([self.settings.seed, 6])
        shape = (height + _TILE_MARGIN, width + _TILE_MARGIN, 3)
        noise = random.standard_normal(shape, dtype=np.float32) * NOISE + 3 * NOISE
        return np.clip(np.round(noise), 0, 255).astype(np.uint8)

    def _stamp(
        self, ids: Mask, layer: Figure | CarFigure | Occluder, value: int, opening: float
    ) -> None:
        if isinstance(layer, Occluder):
            left, top, right, bottom = layer.box
            ids[top:bottom, left:right][layer.alpha > 127] = 0
        elif isinstance(layer, Figure) and layer.z > FACADE_Z:
            alone = np.zeros_like(ids)
            layer.stamp(alone, value)
            seen = self._doorway_mask()
            for leaf in self._leaves(opening):
                cv2.fillConvexPoly(seen, np.round(leaf).astype(np.int32), 0)
            np.copyto(ids, alone, where=(seen > 0) & (alone > 0))
        else:
            layer.stamp(ids, value)

    def _person(
        self, ids: Mask, value: int, figure: Figure, walk: Walk, t_ms: int
    ) -> Person | None:
        box, seen = _seen(ids, figure.box, value)
        if box is None:
            return None
        alone = np.zeros_like(ids)
        figure.stamp(alone, 1)
        whole = max(1, cv2.countNonZero(alone))
        return Person(walk.id, self.foot(walk, t_ms), box, min(1.0, seen / whole))

    def _cars(self, ids: Mask, t_ms: int) -> tuple[Car, ...]:
        car = self._traffic.at(t_ms)
        figure = self._car(t_ms)
        if car is None or figure is None:
            return ()
        box, _ = _seen(ids, figure.box, 1)
        return () if box is None else (Car(car.id, box, car.parked),)


def _seen(ids: Mask, box: Box, value: int) -> tuple[Box | None, int]:
    """The bounds and the number of the pixels within ``box`` that hold ``value``."""
    height, width = ids.shape
    left, top = max(0, math.floor(box[0]) - 1), max(0, math.floor(box[1]) - 1)
    right, bottom = min(width, math.ceil(box[2]) + 1), min(height, math.ceil(box[3]) + 1)
    hit = (ids[top:bottom, left:right] == value).astype(np.uint8)
    x, y, wide, high = cv2.boundingRect(hit)
    if wide == 0:
        return None, 0
    bounds = (float(left + x), float(top + y), float(left + x + wide), float(top + y + high))
    return bounds, cv2.countNonZero(hit)


def _darken(picture: Image, outline: Floats, *, blur_px: int) -> None:
    """A soft shadow over the polygon ``outline`` (N, 2), pixels."""
    height, width = picture.shape[:2]
    low = np.floor(outline.min(axis=0)).astype(int) - blur_px
    high = np.ceil(outline.max(axis=0)).astype(int) + blur_px
    left, top = max(0, low[0]), max(0, low[1])
    right, bottom = min(width, high[0]), min(height, high[1])
    if left >= right or top >= bottom:
        return
    light = np.full((bottom - top, right - left), 255, np.uint8)
    local = np.round((outline - (left, top)) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(light, [local], round(255 * SHADE), cv2.LINE_AA, SHIFT)
    light = cv2.blur(light, (2 * (blur_px // 2) + 1,) * 2)
    ground = picture[top:bottom, left:right]
    cv2.multiply(ground, cv2.merge([light, light, light]), dst=ground, scale=1 / 255)
