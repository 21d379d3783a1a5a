"""What a perfect edge agent would report of the simulated street."""

from dataclasses import dataclass

import cv2
import numpy as np

from configs.agent import Point
from edge.street.scene import Street
from edge.street.walks import Walk
from wire.records import Direction

STEP_MS = 40
"""How finely walks are followed. A person moves about 6 cm in it."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Somebody's foot crossed a line."""

    person: int
    t_ms: int
    direction: Direction


def truth_count(street: Street, polygon: tuple[Point, ...], t_ms: int) -> int:
    """How many people stand in a zone (fractions of the picture) at ``t_ms``."""
    width, height = street.size_wh
    corners = np.array([(x * width, y * height) for x, y in polygon], np.float32)
    feet = (
        street.foot(walk, t_ms)
        for walk in street.walks.during(t_ms, t_ms)
        if walk.start_ms <= t_ms < walk.end_ms
    )
    return sum(cv2.pointPolygonTest(corners, foot, measureDist=False) >= 0 for foot in feet)


def truth_crossings(
    street: Street, points: tuple[Point, Point], t0_ms: int, t1_ms: int
) -> list[Crossing]:
    """Every crossing of a line (fractions of the picture) after t0 and up to t1, by time."""
    found = [
        crossing
        for walk in street.walks.during(t0_ms, t1_ms)
        for crossing in _crossings(street, points, walk, t0_ms, t1_ms)
    ]
    return sorted(found, key=lambda crossing: (crossing.t_ms, crossing.person))


def _crossings(
    street: Street, points: tuple[Point, Point], walk: Walk, t0_ms: int, t1_ms: int
) -> list[Crossing]:
    width, height = street.size_wh
    start, end = ((x * width, y * height) for x, y in points)
    # On one grid for all spans, so that what two spans share is counted once.
    first_ms = max(t0_ms, walk.start_ms) // STEP_MS * STEP_MS
    times = range(first_ms, min(t1_ms, walk.end_ms) + 1, STEP_MS)
    feet = [street.foot(walk, t_ms) for t_ms in times]
    found = []
    for index in range(1, len(feet)):
        before, now = side(start, end, feet[index - 1]), side(start, end, feet[index])
        if (before > 0) == (now > 0):
            continue
        path = (feet[index - 1], feet[index])
        if (side(*path, start) > 0) != (side(*path, end) > 0):
            direction = Direction.RIGHT if now > 0 else Direction.LEFT
            found.append(Crossing(walk.id, times[index], direction))
    return found


def side(start: Point, end: Point, point: Point) -> float:
    """Above 0 where the point lies to the right of the line, as seen along it in the picture."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    return along_x * (point[1] - start[1]) - along_y * (point[0] - start[0])
