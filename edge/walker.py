"""The way of one track past a line: where it was, how fast, and where it turned."""

from collections import deque
from typing import Final, NamedTuple

import numpy as np

from edge.detections import FloatArray
from wire.records import Direction

Spot = tuple[float, float]

KEPT_MS: Final = 4_000
"""So much of the way is kept, however many looks that is."""
SPEED_MS: Final = 1_000
"""A speed is taken over this long."""
LEAST_LOOKS: Final = 3
"""… and over so many looks at least."""
TURN_MS: Final = 2_400
"""A turn is looked for in so much of the way."""
AFTER_MS: Final = 600
"""So long must somebody have gone back to have turned."""
TURN_SPEED: Final = 0.15
"""Body heights a second, to the line and away from it again."""
TURN_NEAR: Final = 0.5
"""Body heights from the line at which somebody turned."""


class Step(NamedTuple):
    """Where somebody stood at a look."""

    ts: int
    spot: Spot
    distance: float
    """Pixels to the right of the line; to its left is below 0."""


class Walker:
    """One track near one line."""

    def __init__(self, track: int, born_ts: int) -> None:
        self.track = track
        self.born_ts = born_ts
        self.way: deque[Step] = deque()
        self.side: Direction | None = None
        """Where it was last clearly on one side."""
        self.clear: Spot = (0.0, 0.0)
        """That spot."""
        self.box: FloatArray = np.zeros(4, np.float32)
        self.high = 0.0
        """How tall the box is, pixels."""
        self.label = 0
        self.score = self.best_score = 0.0
        """How sure the detector was of it at its last look, and at its best."""
        self.crossed: list[tuple[int, Direction, Spot]] = []
        """When, to which side and where it has crossed."""
        self.judged = False
        """Whether it was asked where it came from."""
        self.met_ts: int | None = None
        """When it last met somebody on the line."""

    def seen(self, step: Step, xyxy: FloatArray, label: int, score: float) -> None:
        """Where it stands, and what the detector says of it, now."""
        self.way.append(step)
        while step.ts - self.way[0].ts > KEPT_MS:
            self.way.popleft()
        self.box, self.high = xyxy, float(xyxy[3] - xyxy[1])
        self.label, self.score, self.best_score = label, score, max(self.best_score, score)

    @property
    def last(self) -> Step:
        """The newest step."""
        return self.way[-1]

    def between(self, first_ts: int, last_ts: int) -> list[Step]:
        """Its way from one time to another."""
        return [each for each in self.way if first_ts <= each.ts <= last_ts]

    def speed(self, *, at_first: bool = False) -> Spot | None:
        """Pixels a second, over the end of the way or over its beginning; None of too few looks."""
        steps = [
            each
            for each in self.way
            if (each.ts - self.way[0].ts if at_first else self.last.ts - each.ts) <= SPEED_MS
        ]
        if len(steps) < LEAST_LOOKS:
            return None
        at_s = np.array([each.ts for each in steps]) / 1000
        at_s -= at_s.mean()
        spots = np.array([each.spot for each in steps])
        x, y = (at_s[:, None] * spots).sum(axis=0) / max(float((at_s**2).sum()), 1e-9)
        return float(x), float(y)

    @property
    def leaves(self) -> bool:
        """Whether it is farther from the line than it was a moment ago."""
        way = self.way
        return len(way) > LEAST_LOOKS and abs(way[-1].distance) > abs(way[-LEAST_LOOKS].distance)

    def turned(self) -> Step | None:
        """Where it came up to the line and went back, where it did so just now."""
        steps = [each for each in self.way if self.last.ts - each.ts <= TURN_MS]
        away = [abs(each.distance) for each in steps]
        nearest = away.index(min(away))
        turn = steps[nearest]
        gone_s = (self.last.ts - turn.ts) / 1000
        come_s = (turn.ts - steps[0].ts) / 1000
        if gone_s * 1000 < AFTER_MS or come_s <= 0 or away[nearest] > TURN_NEAR * self.high:
            return None
        if self.crossed and turn.ts - self.crossed[-1][0] < TURN_MS:
            return None
        least = TURN_SPEED * self.high
        came = (away[0] - away[nearest]) / come_s
        went = (away[-1] - away[nearest]) / gone_s
        return turn if came >= least and went >= least else None
