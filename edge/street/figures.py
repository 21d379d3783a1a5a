"""People of the simulated street: a jointed skeleton in metres, wrapped in shaded hulls."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.frames import Image
from edge.street.view import Floats, View

Mask = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

SHIFT = 4
"""Fractional bits of the coordinates that cv2 draws with."""
_ANGLES = np.linspace(0, 2 * math.pi, 12, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_LIGHT = np.array([-0.28, -0.30])
"""Where the lit side of a limb lies, in its radii: light comes from the upper left."""

# BGR
SKINS: tuple[Colour, ...] = ((150, 175, 218), (120, 150, 200), (105, 135, 185), (70, 95, 140))
HAIRS: tuple[Colour, ...] = ((24, 22, 24), (30, 38, 52), (40, 60, 90), (150, 150, 152))
TOPS: tuple[Colour, ...] = (
    (52, 48, 170), (140, 82, 42), (60, 60, 62), (205, 205, 210), (70, 120, 60),
    (40, 140, 205), (120, 60, 110), (150, 140, 120), (34, 34, 38), (90, 110, 160),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (46, 40, 38), (100, 70, 45), (70, 72, 78), (110, 128, 145), (30, 30, 34), (85, 62, 52),
)  # fmt: skip
SHOES: tuple[Colour, ...] = ((30, 28, 28), (190, 190, 195), (50, 60, 90))


@dataclass(frozen=True, slots=True)
class Look:
    """What a person looks like."""

    height_m: float
    girth: float
    skin: Colour
    hair: Colour
    top: Colour
    trousers: Colour
    shoes: Colour
    coat: bool
    """Wears something long, of the colour of the top."""
    bag: Colour | None

    @classmethod
    def of(cls, seed: int, person: int) -> "Look":
        """The looks that this person always has."""
        random = np.random.default_rng([seed, 2, person])

        def pick(colours: tuple[Colour, ...]) -> Colour:
            return colours[int(random.integers(len(colours)))]

        return cls(
            height_m=float(np.clip(random.normal(1.70, 0.09), 1.48, 1.9)),
            girth=float(random.uniform(0.92, 1.18)),
            skin=pick(SKINS),
            hair=pick(HAIRS),
            top=pick(TOPS),
            trousers=pick(TROUSERS),
            shoes=pick(SHOES),
            coat=bool(random.random() < 0.3),
            bag=pick(TOPS) if random.random() < 0.35 else None,
        )


@dataclass(frozen=True, slots=True)
class Stance:
    """Where and how a person stands at one moment."""

    x: float
    z: float
    heading: tuple[float, float]
    step: float
    """The walk cycle's angle, radians."""
    stride: float
    """0 standing, 1 walking."""


# The joints, in the order that ``skeleton`` gives them.
HIP, KNEE, ANKLE, TOE, SHOULDER, ELBOW, WRIST, HAND = range(8)
RIGHT = 8
NECK, CHIN, FACE, HAIR, CROWN, BAG_TOP, BAG_END, HEM_L, HEM_R = range(16, 25)
_RADII = np.array(
    [0.105, 0.066, 0.046, 0.042, 0.082, 0.050, 0.040, 0.043] * 2
    + [0.058, 0.062, 0.088, 0.104, 0.092, 0.12, 0.13, 0.13, 0.13]
)


def skeleton(look: Look, stance: Stance) -> tuple[Floats, Floats]:
    """The joints (25, 3) in metres of the world, and their radii (25,)."""
    swing = math.radians(27) * stance.stride
    local = np.zeros((25, 3))  # right, up, forward, for someone 1.75 m tall
    for side, half in ((0, -1.0), (RIGHT, 1.0)):
        angle = stance.step + (0.0 if side == 0 else math.pi)
        thigh = swing * math.sin(angle)
        bend = stance.stride * math.radians(8 + 46 * max(0.0, math.cos(angle)) ** 2) + 0.05
        hip = np.array([half * 0.09, 0.93, 0.0])
        knee = hip + 0.44 * np.array([0, -math.cos(thigh), math.sin(thigh)])
        shin = thigh - bend
        ankle = knee + 0.43 * np.array([0, -math.cos(shin), math.sin(shin)])
        arm = -0.9 * thigh
        shoulder = np.array([half * 0.185, 1.43, 0.0])
        elbow = shoulder + 0.29 * np.array([half * 0.16, -math.cos(arm), math.sin(arm)])
        fore = arm + 0.25 + 0.25 * stance.stride
        wrist = elbow + 0.24 * np.array([half * 0.02, -math.cos(fore), math.sin(fore)])
        hand = wrist + 0.07 * np.array([0, -math.cos(fore), math.sin(fore)])
        toe = ankle + np.array([half * 0.02, -0.035, 0.16])
        local[side : side + 8] = hip, knee, ankle, toe, shoulder, elbow, wrist, hand
    local[NECK : HEM_R + 1] = (
        (0, 1.51, 0.0), (0, 1.575, 0.045), (0, 1.635, 0.03), (0, 1.655, -0.02), (0, 1.69, 0.005),
        (0, 1.36, -0.15), (0, 1.12, -0.16), (-0.10, 0.66, 0.0), (0.10, 0.66, 0.0),
    )  # fmt: skip
    # The lower foot stands on the ground.
    local[:, 1] -= min(local[ANKLE, 1], local[ANKLE + RIGHT, 1]) - 0.075
    size = look.height_m / 1.75
    local *= size
    forward_x, forward_z = stance.heading
    world = np.empty_like(local)
    world[:, 0] = stance.x + local[:, 0] * forward_z + local[:, 2] * forward_x
    world[:, 1] = local[:, 1]
    world[:, 2] = stance.z - local[:, 0] * forward_x + local[:, 2] * forward_z
    radii = _RADII * size
    radii[:NECK] *= look.girth
    radii[BAG_TOP:] *= look.girth
    return world, radii


def parts_of(look: Look) -> list[tuple[tuple[int, ...], Colour]]:
    """Which joints each hull wraps, and its colour."""
    parts: list[tuple[tuple[int, ...], Colour]] = []
    for side in (0, RIGHT):
        parts += [
            ((ANKLE + side, TOE + side), look.shoes),
            ((KNEE + side, ANKLE + side), look.trousers),
            ((HIP + side, KNEE + side), look.trousers),
            ((SHOULDER + side, ELBOW + side), look.top),
            ((ELBOW + side, WRIST + side), look.top),
            ((WRIST + side, HAND + side), look.skin),
        ]
    torso = (SHOULDER, SHOULDER + RIGHT, HIP, HIP + RIGHT)
    parts.append((torso, look.top))
    if look.coat:
        parts.append(((HIP, HIP + RIGHT, HEM_L, HEM_R), look.top))
    if look.bag is not None:
        parts.append(((BAG_TOP, BAG_END), look.bag))
    return [
        *parts,
        ((NECK, CHIN), look.skin),
        ((CHIN, FACE), look.skin),
        ((HAIR, CROWN), look.hair),
    ]


class Figure:
    """A person at one moment, projected and ready to be painted."""

    def __init__(self, look: Look, stance: Stance, view: View) -> None:
        world, radii = skeleton(look, stance)
        self.z = stance.z
        centres, scale = view.project(world)
        radii_px = (radii * scale)[:, None, None]
        outline = centres[:, None, :] + _CIRCLE * radii_px
        lit = centres[:, None, :] + (_CIRCLE * 0.62 + _LIGHT) * radii_px
        self._outline = np.round(outline * (1 << SHIFT)).astype(np.int32)
        self._lit = np.round(lit * (1 << SHIFT)).astype(np.int32)
        used = [joint for joints, _ in parts_of(look) for joint in joints]
        low, high = outline[used].min(axis=(0, 1)), outline[used].max(axis=(0, 1))
        self.box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        """Left, top, right, bottom, pixels; may reach out of the picture."""
        self.height_px = self.box[3] - self.box[1]
        # The body's shadow: every joint slid along the light onto the ground.
        ground = world[used] * (1, 0, 1) + world[used][:, 1:2] * (0.42, 0, 0.20)
        self.shadow: Floats = (
            cv2.convexHull(view.project(ground)[0].astype(np.float32))
            .reshape(-1, 2)
            .astype(np.float64)
        )
        toward = np.array([0.0, 0.34, -0.94])  # from the scene to the camera
        nearness = world @ toward
        self._parts = sorted(
            parts_of(look), key=lambda part: float(np.mean(nearness[list(part[0])]))
        )

    def paint(self, picture: Image, *, brightness: float = 1.0) -> None:
        """Paint the person into the picture."""
        for joints, colour in self._parts:
            dark = tuple(channel * 0.80 * brightness for channel in colour)
            light = tuple(min(255.0, channel * 1.12 * brightness + 6) for channel in colour)
            _fill(picture, self._outline, joints, dark)
            _fill(picture, self._lit, joints, light)

    def stamp(self, ids: Mask, value: int) -> None:
        """Write ``value`` wherever the person covers the mask."""
        for joints, _ in self._parts:
            hull = cv2.convexHull(self._outline[list(joints)].reshape(-1, 2))
            cv2.fillConvexPoly(ids, hull, value, cv2.LINE_8, SHIFT)


def _fill(
    picture: Image,
    circles: npt.NDArray[np.int32],
    joints: tuple[int, ...],
    colour: tuple[float, ...],
) -> None:
    hull = cv2.convexHull(circles[list(joints)].reshape(-1, 2))
    cv2.fillConvexPoly(picture, hull, colour, cv2.LINE_AA, SHIFT)
