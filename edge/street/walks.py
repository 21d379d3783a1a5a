"""Who walks through the simulated street, where and when: a pure function of seed and time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge.street.plan import (
    DOOR_X,
    DRIVE_Z,
    FACADE_Z,
    FRONT_Z,
    GATE_X,
    GATE_Z,
    LOBBY_Z,
    PAVEMENT_Z,
    PLAZA_Z,
)
from edge.street.view import Floats, View

Waypoint = tuple[float, float]

FIRST_RESIDENT_MS = 2500
DOOR_LEAD_MS = 800
DOOR_HOLD_MS = 2900
SWING_MS = 500
"""How long the door takes to slide open or shut."""
LONGEST_WALK_PERIODS = 5
PAST_CYCLES = 16


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way through the scene."""

    id: int
    start_ms: int
    path: Floats
    """(P, 2): x and z in metres, finely spaced."""
    reached_m: Floats
    """(P,): metres walked at each point of the path."""
    speed: float
    """Metres a second."""
    stop_at_m: float
    stop_ms: int
    door_ms: tuple[int, int] | None
    """From when to when this person holds the door open."""

    @property
    def end_ms(self) -> int:
        return self.start_ms + round(float(self.reached_m[-1]) / self.speed * 1000) + self.stop_ms

    def walked_m(self, t_ms: float) -> float:
        """Metres walked since the start; a stop holds it still."""
        free = (t_ms - self.start_ms) / 1000 * self.speed
        if free <= self.stop_at_m:
            return free
        return max(self.stop_at_m, free - self.stop_ms / 1000 * self.speed)

    def at(self, t_ms: float) -> Waypoint:
        """(x, z) on the ground."""
        walked = self.walked_m(t_ms)
        return (
            float(np.interp(walked, self.reached_m, self.path[:, 0])),
            float(np.interp(walked, self.reached_m, self.path[:, 1])),
        )

    def heading(self, t_ms: float) -> Waypoint:
        """The unit vector (x, z) of the way ahead."""
        walked = min(max(self.walked_m(t_ms), 0.3), float(self.reached_m[-1]) - 0.3)
        ends = [walked - 0.3, walked + 0.3]
        x0, x1 = np.interp(ends, self.reached_m, self.path[:, 0])
        z0, z1 = np.interp(ends, self.reached_m, self.path[:, 1])
        length = math.hypot(x1 - x0, z1 - z0) or 1.0
        return float(x1 - x0) / length, float(z1 - z0) / length

    def stride(self, t_ms: float) -> float:
        """How wide the legs swing: 0 standing, 1 walking."""
        moved = self.walked_m(t_ms + 250) - self.walked_m(t_ms - 250)
        return min(1.0, max(0.0, moved / (self.speed * 0.5)))

    def door_open(self, t_ms: float) -> float:
        """How far this person has the door open: 0 shut, 1 wide."""
        if self.door_ms is None:
            return 0.0
        opens, shuts = self.door_ms
        return min(1.0, max(0.0, min(t_ms - opens, shuts - t_ms) / SWING_MS))


def smooth(waypoints: list[Waypoint]) -> tuple[Floats, Floats]:
    """Round the corners (Chaikin) and measure: the path (P, 2) and metres reached (P,)."""
    path = np.asarray(waypoints, np.float64)
    for _ in range(3):
        cut = np.empty((2 * len(path) - 2, 2))
        cut[0::2] = 0.75 * path[:-1] + 0.25 * path[1:]
        cut[1::2] = 0.25 * path[:-1] + 0.75 * path[1:]
        path = np.concatenate([path[:1], cut, path[-1:]])
    steps = np.hypot(*np.diff(path, axis=0).T)
    return path, np.concatenate([[0.0], np.cumsum(steps)])


class Walks:
    """The timetable. ``people`` slots each send someone once a period, for ever."""

    def __init__(self, *, seed: int, people: int, view: View) -> None:
        self._seed = seed
        self._people = people
        self._view = view
        self._walk = lru_cache(maxsize=4096)(self._make)
        # A slot sends one person for each mean walk, so that ``people`` are there on average.
        self._period_ms = 20_000
        sample = [self._make(0, cycle) for cycle in range(24)]
        self._period_ms = round(sum(walk.end_ms - walk.start_ms for walk in sample) / len(sample))

    def during(self, t0_ms: int, t1_ms: int) -> Iterator[Walk]:
        """Everybody who is in the scene, or holds its door, at some time from t0 to t1."""
        first = t0_ms // self._period_ms - LONGEST_WALK_PERIODS
        last = t1_ms // self._period_ms + 1
        for cycle in range(max(first, 1 - PAST_CYCLES), last + 1):
            for slot in range(self._people):
                walk = self._walk(slot, cycle)
                opens, shuts = walk.door_ms or (walk.start_ms, walk.end_ms)
                if min(walk.start_ms, opens) <= t1_ms and max(walk.end_ms, shuts) >= t0_ms:
                    yield walk

    def _make(self, slot: int, cycle: int) -> Walk:
        number = (cycle + PAST_CYCLES) * max(self._people, 1) + slot
        random = np.random.default_rng([self._seed, 1, number])
        start_ms = cycle * self._period_ms + round(
            self._period_ms * (slot / max(self._people, 1) + random.uniform(0, 0.35))
        )
        # The first slot is the residents': they alternately leave and come home, from the start.
        kind = random.choice(["leave", "home", "across", "across", "gate", "pavement"])
        if slot == 0:
            kind = "home" if cycle % 2 else "leave"
        if slot == 0 and cycle == 0:
            start_ms = FIRST_RESIDENT_MS
        waypoints = self._route(str(kind), random)
        path, reached_m = smooth(waypoints)
        speed = float(random.uniform(0.95, 1.6))
        stops = random.random() < 0.35 and kind != "pavement"
        stop_ms = int(random.integers(2500, 7000)) if stops else 0
        stop_at_m = float(reached_m[-1] * random.uniform(0.35, 0.65))
        end_ms = start_ms + round(reached_m[-1] / speed * 1000) + stop_ms
        door_ms = None
        if kind == "leave":
            door_ms = (start_ms - DOOR_LEAD_MS, start_ms + DOOR_HOLD_MS)
        elif kind == "home":
            door_ms = (end_ms - DOOR_HOLD_MS, end_ms + DOOR_LEAD_MS)
        return Walk(
            id=number,
            start_ms=start_ms,
            path=path,
            reached_m=reached_m,
            speed=speed,
            stop_at_m=stop_at_m,
            stop_ms=stop_ms,
            door_ms=door_ms,
        )

    def _route(self, kind: str, random: np.random.Generator) -> list[Waypoint]:
        door = sum(DOOR_X) / 2
        gate = float(random.uniform(GATE_X[0] + 0.5, GATE_X[1] - 0.5))
        way_out = [(gate, GATE_Z + 0.8), (gate, GATE_Z - 0.8), (gate * 1.2, FRONT_Z)]
        middle = self._in_plaza(random)
        if kind in ("leave", "home"):
            lobby = [(door, LOBBY_Z), (door, FACADE_Z - 0.2), (door + 0.2, DRIVE_Z[0])]
            last = way_out if random.random() < 0.7 else [self._beside(random, middle[1])]
            route = [*lobby, middle, *last]
            return route if kind == "leave" else route[::-1]
        if kind == "gate":
            route = [self._beside(random, middle[1]), middle, *way_out]
        elif kind == "across":
            z = float(random.uniform(PLAZA_Z[0] + 1.2, PLAZA_Z[1] - 0.5))
            side = self._view.side_m(z) + 0.8
            route = [(-side, z), middle, (side, float(np.clip(z + random.normal(0, 1), 9.4, 15.1)))]
        else:
            z = float(random.uniform(PAVEMENT_Z[0] + 0.5, PAVEMENT_Z[1] - 1.0))
            side = self._view.side_m(z) + 0.8
            route = [(-side, z), (0.0, z + 0.1), (side, z)]
        return route if random.random() < 0.5 else route[::-1]

    def _in_plaza(self, random: np.random.Generator) -> Waypoint:
        z = float(random.uniform(PLAZA_Z[0] + 1.5, PLAZA_Z[1] - 1.0))
        return float(random.uniform(-0.6, 0.6)) * self._view.side_m(z), z

    def _beside(self, random: np.random.Generator, z: float) -> Waypoint:
        """A point outside the picture, left or right."""
        side = self._view.side_m(z) + 0.8
        return (side if random.random() < 0.5 else -side), z
