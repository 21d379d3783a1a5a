"""What stands still in the simulated street: building, ground, hedges, trees."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.frames import Image
from edge.street.plan import (
    BAY_X,
    CAR_Z,
    DOOR_HEIGHT,
    DOOR_X,
    DRIVE_Z,
    FACADE_Z,
    GATE_X,
    GATE_Z,
    PAVEMENT_Z,
    PLAZA_Z,
    TREES,
)
from edge.street.view import HEIGHT_M, Floats, View

SUPERSAMPLE = 2
SHIFT = 4
"""Fractional bits of the coordinates that cv2 draws with."""
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Occluder:
    """Something static that hides who walks behind it."""

    z: float
    box: tuple[int, int, int, int]
    """Left, top, right, bottom, whole pixels inside the picture."""
    image: Image
    alpha: npt.NDArray[np.uint8]

    def paint(self, picture: Image) -> None:
        """Paint it over what has been painted so far."""
        left, top, right, bottom = self.box
        under = picture[top:bottom, left:right]
        cv2.copyTo(self.image, self.alpha, under)


def background(view: View, seed: int) -> Image:
    """The empty scene, its door wide open onto a dark lobby (H, W, 3)."""
    width, height = view.size_wh
    shape = (height * SUPERSAMPLE, width * SUPERSAMPLE)
    # Single precision halves what a scene costs a small device while it is drawn.
    right, up = (slopes.astype(np.float32) for slopes in view.rays(shape))
    random = np.random.default_rng([seed, 3])
    ground_z = np.where(up < -1e-3, -HEIGHT_M / np.minimum(up, -1e-3), 1e3).astype(np.float32)
    on_wall = ground_z > FACADE_Z
    canvas = _ground(right * ground_z, ground_z, random)
    wall = _wall(right * FACADE_Z, HEIGHT_M + up * FACADE_Z, random)
    canvas[on_wall] = wall[on_wall]
    canvas += 5 * random.standard_normal(shape, np.float32)[..., None]
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def _blotches(shape: tuple[int, int], cell_px: int, random: np.random.Generator) -> Floats:
    """Smooth noise (H, W) of unit deviation, with blotches of about ``cell_px`` pixels."""
    rows, columns = shape
    coarse = random.normal(0, 1, (rows // cell_px + 2, columns // cell_px + 2)).astype(np.float32)
    fine = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return fine.astype(np.float32, copy=False)


def _joints(value: Floats, pitch: float, gap: float) -> Bools:
    """Where a value lies on a joint between tiles of ``pitch`` metres."""
    return np.mod(value, pitch) < gap


def _ground(x: Floats, z: Floats, random: np.random.Generator) -> Floats:
    canvas = np.empty((*x.shape, 3), np.float32)
    canvas[:] = (104, 106, 108)  # asphalt in front of the gate
    plaza = (z > PLAZA_Z[0]) & (z < PLAZA_Z[1])
    canvas[plaza] = (128, 146, 158)
    tiles = random.normal(0, 5, (64, 64))
    column = np.floor(x / 0.8).astype(np.int64) % 64
    row = np.floor(z / 0.8).astype(np.int64) % 64
    canvas[plaza] += tiles[row, column][plaza][:, None]
    canvas[plaza & (_joints(x, 0.8, 0.035) | _joints(z, 0.8, 0.06))] -= 22
    drive = (z >= DRIVE_Z[0]) & (z < DRIVE_Z[1])
    canvas[drive] = (92, 92, 94)
    pavement = (z >= PAVEMENT_Z[0]) & (z < PAVEMENT_Z[1])
    canvas[pavement] = (150, 156, 160)
    canvas[pavement & _joints(x, 1.2, 0.05)] -= 25
    for kerb in (PLAZA_Z[0], DRIVE_Z[0], PAVEMENT_Z[0]):
        canvas[np.abs(z - kerb) < 0.09] = (172, 174, 176)
    canvas[_bay_paint(x, z)] = (205, 210, 212)
    lawn = plaza & (np.abs(x) > 0.42 * z + 0.9)
    for tree_x, tree_z, _ in TREES:
        away = np.hypot(x - tree_x, z - tree_z)
        canvas[away < 1.05] = (160, 164, 166)
        lawn |= away < 0.95
    canvas[lawn] = (62, 112, 84)
    canvas += 4.0 * _blotches(x.shape, 48, random)[..., None]
    canvas[lawn] += 9.0 * _blotches(x.shape, 5, random)[lawn][:, None]
    # The building's shade falls on the pavement.
    canvas[z > PAVEMENT_Z[1] - 1.0] *= 0.82
    return canvas


def _bay_paint(x: Floats, z: Floats) -> Bools:
    inside = (x > BAY_X[0]) & (x < BAY_X[1]) & (np.abs(z - CAR_Z) < 1.25)
    core = (x > BAY_X[0] + 0.1) & (x < BAY_X[1] - 0.1) & (np.abs(z - CAR_Z) < 1.1)
    paint: Bools = inside & ~core
    return paint


def _wall(x: Floats, y: Floats, random: np.random.Generator) -> Floats:
    canvas = np.empty((*x.shape, 3), np.float32)
    canvas[:] = (128, 158, 182)
    brick = _joints(y, 0.16, 0.025) | (_joints(x + 0.2 * (np.floor(y / 0.16) % 2), 0.4, 0.03))
    canvas[brick] -= 16
    canvas += 4.0 * _blotches(x.shape, 24, random)[..., None]
    canvas[y < 0.55] = (118, 122, 126)
    window_x, window_y = np.mod(x + 0.3, 3.2), y - 1.1
    frame = (window_x > 0.7) & (window_x < 2.5) & (window_y > 0) & (window_y < 1.5)
    near_door = (x > DOOR_X[0] - 1.2) & (x < DOOR_X[1] + 1.2)
    frame &= ~near_door
    glass = frame & (window_x > 0.8) & (window_x < 2.4) & (window_y > 0.1) & (window_y < 1.4)
    glass &= np.abs(window_x - 1.6) > 0.05
    canvas[frame] = (216, 220, 222)
    shine = 96 + 34 * (window_y + 0.5 * window_x - 1.2)
    canvas[glass] = np.stack([shine + 18, shine + 4, shine - 10], axis=-1)[glass]
    surround = (x > DOOR_X[0] - 0.18) & (x < DOOR_X[1] + 0.18) & (y < DOOR_HEIGHT + 0.18)
    canvas[surround] = (88, 82, 76)
    lobby = (x > DOOR_X[0]) & (x < DOOR_X[1]) & (y < DOOR_HEIGHT)
    glow = 34 + 14 * (y / DOOR_HEIGHT)
    canvas[lobby] = np.stack([glow * 0.8, glow * 0.95, glow * 1.1], axis=-1)[lobby]
    canopy = (x > DOOR_X[0] - 0.6) & (x < DOOR_X[1] + 0.6) & (np.abs(y - DOOR_HEIGHT - 0.36) < 0.16)
    canvas[canopy] = (96, 98, 104)
    return canvas


def occluders(view: View, seed: int) -> list[Occluder]:
    """Trees, hedges and gate posts."""
    random = np.random.default_rng([seed, 4])
    things: list[Occluder] = []
    side = view.side_m(GATE_Z) + 1
    for left, right in ((-side, GATE_X[0] - 0.2), (GATE_X[1] + 0.2, side)):
        things += _hedge(view, left, right, random)
    for x in GATE_X:
        things += _post(view, x)
    for x, z, tall in TREES:
        things += _tree(view, (x, z, tall), random)
    return things


def _cut(view: View, z: float, image: Image, alpha: npt.NDArray[np.uint8]) -> list[Occluder]:
    """The part of a full-size layer that has anything in it; nothing where it is empty."""
    left, top, wide, high = cv2.boundingRect(alpha)
    if wide == 0 or high == 0 or view.size_wh[0] == 0:
        return []
    rows, columns = slice(top, top + high), slice(left, left + wide)
    return [
        Occluder(
            z,
            (left, top, left + wide, top + high),
            image[rows, columns].copy(),
            alpha[rows, columns].copy(),
        )
    ]


def _layer(view: View) -> tuple[Image, npt.NDArray[np.uint8]]:
    width, height = view.size_wh
    return np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)


def _leaves(image: Image, alpha: npt.NDArray[np.uint8], spots: Floats, shade: Floats) -> None:
    """Leaf clusters: ``spots`` (N, 3) are x, y, radius in pixels, ``shade`` (N,) 0 dark – 1 lit."""
    for (x, y, radius), lit in zip(spots, shade, strict=True):
        colour = (38 + 26 * lit, 72 + 62 * lit, 48 + 40 * lit)
        centre = (round(x * 16), round(y * 16))
        cv2.circle(image, centre, round(radius * 16), colour, -1, cv2.LINE_8, SHIFT)
        cv2.circle(alpha, centre, round(radius * 16), 255, -1, cv2.LINE_8, SHIFT)


def _hedge(view: View, left: float, right: float, random: np.random.Generator) -> list[Occluder]:
    image, alpha = _layer(view)
    height = random.uniform(0.02, 0.34, 700)
    height.sort()
    x = random.uniform(left, right, 700)
    points = np.stack([x, height, np.full(700, GATE_Z)], axis=1)
    pixels, scale = view.project(points)
    spots = np.concatenate([pixels, scale[:, None] * 0.055], axis=1)
    _leaves(image, alpha, spots, np.clip(height / 0.34 + random.normal(0, 0.2, 700), 0, 1))
    return _cut(view, GATE_Z, image, alpha)


def _post(view: View, x: float) -> list[Occluder]:
    image, alpha = _layer(view)
    corners, _ = view.project(
        [
            (x - 0.13, 0, GATE_Z),
            (x + 0.13, 0, GATE_Z),
            (x + 0.13, 1.0, GATE_Z),
            (x - 0.13, 1.0, GATE_Z),
        ]
    )
    half = corners.copy()
    half[[1, 2], 0] -= (corners[[1, 2], 0] - corners[[0, 3], 0]) * 0.45
    for outline, colour in ((corners, (118, 122, 128)), (half, (150, 154, 158))):
        cv2.fillConvexPoly(image, np.round(outline).astype(np.int32), colour)
    cv2.fillConvexPoly(alpha, np.round(corners).astype(np.int32), 255)
    cap, scale = view.project((x, 1.02, GATE_Z))
    centre, axes = (
        (round(cap[0]), round(cap[1])),
        (round(float(scale) * 0.15), round(float(scale) * 0.07)),
    )
    cv2.ellipse(image, centre, axes, 0, 0, 360, (176, 178, 182), -1)
    cv2.ellipse(alpha, centre, axes, 0, 0, 360, 255, -1)
    return _cut(view, GATE_Z, image, alpha)


def _tree(
    view: View, place: tuple[float, float, float], random: np.random.Generator
) -> list[Occluder]:
    x, z, tall = place
    image, alpha = _layer(view)
    trunk, scale = view.project([(x, 0, z), (x, tall * 0.7, z)])
    thick = max(2, round(float(scale[0]) * 0.16))
    ends = [(round(float(px)), round(float(py))) for px, py in trunk]
    cv2.line(image, ends[0], ends[1], (52, 66, 84), thick)
    cv2.line(alpha, ends[0], ends[1], 255, thick)
    crown = random.normal(0, 0.42, (900, 3))
    crown = crown[np.linalg.norm(crown, axis=1) < 0.95]
    crown = crown[np.argsort(crown[:, 1] - crown[:, 2])]
    pixels, scales = view.project(crown * (1.0, 0.85, 1.0) + (x, tall * 0.78, z))
    lit = np.clip(0.45 + 0.5 * crown[:, 1] - 0.35 * crown[:, 0], 0, 1)
    lit = np.clip(lit + random.normal(0, 0.14, len(crown)), 0, 1)
    _leaves(image, alpha, np.concatenate([pixels, scales[:, None] * 0.07], axis=1), lit)
    return _cut(view, z, image, alpha)
