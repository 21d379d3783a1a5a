"""Who crosses a directed line, and to which side.

Looking from the line's first point to its second, in a picture with x to the right and y
down, somebody who ends on the right hand has crossed to the RIGHT:

        second point (the line runs up)
             ^
      LEFT   |   RIGHT
             |
        first point (at the bottom)

Where people hide each other, tracks break or change hands right on the line. So a track that
begins just behind the line and walks on has come over it, one that ends just before it on its way
has gone over it, and two who come from either side, meet on the line and both turn round have
passed each other and changed names; so have one who turns there and one from the other side whom
they hid as they did.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from configs.agent import Line
from edge.detections import Detections
from edge.geometry import Feet, as_box, jitter_px
from edge.walker import TURN_MS, Spot, Step, Walker
from wire.records import Direction, LineCross

GAP_MS: Final = 500
"""Unseen for longer, a track may have been handed on to somebody else."""
REACH: Final = 0.3
REACH_PER_S: Final = 0.6
"""… and has been where it turns up farther away than so many body heights, and more a second."""
GONE_MS: Final = 2_600
"""A track that is not seen this long has ended. Longer than the tracker waits."""
COMES_MS: Final = 800
"""So long a new track is watched before it is asked where it came from."""
NEAR_MS: Final = 500
"""Begun or ended so far from the line, in time at its own speed, is just beside it."""
LEAST_SPEED: Final = 0.25
"""Body heights a second that are walking."""
SURE: Final = 0.4
"""A track whose best score is below this is no witness where it begins or ends."""
SAME: Final = 1.0
"""Within so many body heights of where another track crossed it may be the same person."""
TWIN: Final = 0.25
"""So near to somebody who is followed it is only a second box of them."""
MEET_MS: Final = 1_500
MEET: Final = 0.8
"""Two who turn within this time and so many body heights of each other have met."""
HID_SPEED: Final = 0.1
"""Body heights a second to the line, of somebody who is being hidden: as the feet go first, they
seem slower than they are."""
QUIET_MS: Final = 3_000
"""Nobody meets somebody again so soon."""
BEGIN_MS: Final = 1_000
"""Whoever is there when the watch begins has come from nowhere."""
MOST: Final = 40
"""Ended tracks that are remembered."""

Crossing = tuple[Walker, Direction]
"""Who has crossed, and to which side."""


class LineWatch:
    """Watches one line. Not thread-safe.

    A track changes sides only when its foot has left a band along the line, so one that
    trembles on the line does not cross it again and again.
    """

    def __init__(
        self,
        line: Line,
        source: str,
        names: Sequence[str],
        size_wh: tuple[int, int],
        feet: Feet | None = None,
    ) -> None:
        """``names`` are the detector's class names; ``size_wh`` is the picture's, in pixels.

        ``feet`` may be shared by all who watch the same tracks.
        """
        self.line = line
        self._source = source
        self._names = names
        self._size_wh = size_wh
        self._feet = feet or Feet(size_wh)
        first, second = np.array(line.points) * size_wh
        self._start = (float(first[0]), float(first[1]))
        along = second - first
        self._length = float(np.hypot(*along))
        x, y = along / max(self._length, 1e-9)
        self._along = (float(x), float(y))
        self._margin_px = jitter_px(size_wh)
        self._labels = {index for index, name in enumerate(names) if name in line.labels}
        self._walkers: dict[int, Walker] = {}
        self._ended: deque[Walker] = deque(maxlen=MOST)
        self._began_ts: int | None = None

    def look(self, tracks: Detections, ts: int) -> list[LineCross]:
        """The crossings that the picture taken at ``ts`` completes."""
        if self._began_ts is None:
            self._began_ts = ts
        found: list[Crossing] = []
        for row, foot in enumerate(self._feet.look(tracks, ts)):
            if int(tracks.label[row]) in self._labels:
                found += self._step(tracks, row, (float(foot[0]), float(foot[1])), ts)
        found += self._end(ts)
        return [self._tell(walker, direction, ts) for walker, direction in found]

    def _step(self, tracks: Detections, row: int, spot: Spot, ts: int) -> list[Crossing]:
        track = int(tracks.track[row])
        walker = self._walkers.get(track)
        if walker is not None and not self._is_same(walker, spot, ts):
            self._ended.append(self._walkers.pop(track))
            walker = None
        if walker is None:
            walker = self._walkers[track] = Walker(track, ts)
        distance = self._right_of(spot)
        step = Step(ts, spot, distance)
        walker.seen(step, tracks.xyxy[row], int(tracks.label[row]), float(tracks.score[row]))
        over = self._over(walker, spot, distance, ts) or self._came(walker, ts)
        return [(walker, over)] if over is not None else self._met(walker, ts)

    def _is_same(self, walker: Walker, spot: Spot, ts: int) -> bool:
        """Whether somebody can have got there since they were last seen."""
        gap_ms = ts - walker.way[-1].ts
        if gap_ms <= GAP_MS:
            return True
        reach = walker.high * (REACH + REACH_PER_S * gap_ms / 1000)
        return math.dist(walker.last.spot, spot) <= reach

    def _over(self, walker: Walker, spot: Spot, distance: float, ts: int) -> Direction | None:
        """The side that it has just changed to."""
        if abs(distance) <= self._margin_px:
            return None
        side = Direction.RIGHT if distance > 0 else Direction.LEFT
        before, walker.side = walker.side, side
        clear, walker.clear = walker.clear, spot
        if before in (None, side) or not self._meets(clear, spot):
            return None
        walker.crossed.append((ts, side, spot))
        return side

    def _came(self, walker: Walker, ts: int) -> Direction | None:
        """The side on which a young track goes on, having begun just behind the line."""
        if walker.judged or ts - walker.born_ts < COMES_MS:
            return None
        walker.judged = True
        first = walker.way[0]
        speed = walker.speed(at_first=True)
        if speed is None or walker.crossed or self._began_ts is None:
            return None
        side = self._side_of(speed, walker)
        late_s = first.distance / (self._right_of(speed, free=True) or 1e-9)
        if (
            side is None
            or walker.born_ts - self._began_ts < BEGIN_MS
            or not 0 <= late_s * 1000 <= NEAR_MS
            or not self._is_between(first.spot, speed, -late_s)
            or self._is_known(walker, side)
        ):
            return None
        self._forgive(walker, side)
        walker.crossed.append((ts, side, first.spot))
        return side

    def _side_of(self, speed: Spot, walker: Walker) -> Direction | None:
        """To which side somebody walks; None where they do not, or were never seen clearly."""
        over = self._right_of(speed, free=True)
        if abs(over) < LEAST_SPEED * walker.high or walker.best_score < SURE:
            return None
        return Direction.RIGHT if over > 0 else Direction.LEFT

    def _is_known(self, walker: Walker, side: Direction) -> bool:
        """Whether another track has told of this person already."""
        first, last = walker.way[0], walker.last
        for other in (*self._ended, *self._walkers.values()):
            if other is walker:
                continue
            for ts, way, spot in other.crossed:
                near = math.dist(spot, first.spot) < SAME * walker.high
                if way is side and near and abs(ts - walker.born_ts) < GONE_MS:
                    return True
            twin = [each for each in other.way if each.ts == last.ts]
            if twin and math.dist(twin[0].spot, last.spot) < TWIN * walker.high:
                return True
        return False

    def _forgive(self, walker: Walker, side: Direction) -> None:
        """Who vanished before the line is who has come out behind it: one crossing, not two."""
        born = walker.way[0]
        for other in self._walkers.values():
            if other is walker or other.last.ts >= born.ts or other.side in (None, side):
                continue
            if math.dist(other.last.spot, born.spot) < SAME * walker.high and self._goes(other):
                other.side = None
                return

    def _end(self, ts: int) -> list[Crossing]:
        """Those who went over the line where nobody could see them."""
        found = []
        for track in [t for t, each in self._walkers.items() if ts - each.last.ts > GONE_MS]:
            walker = self._walkers.pop(track)
            side = self._goes(walker)
            if side is not None:
                walker.crossed.append((ts, side, walker.last.spot))
                found.append((walker, side))
            self._ended.append(walker)
        return found

    def _goes(self, walker: Walker) -> Direction | None:
        """The side to which a track was about to cross when it was last seen."""
        speed = walker.speed()
        if speed is None or walker.side is None or (walker.met_ts or 0) > walker.last.ts:
            return None
        side = self._side_of(speed, walker)
        if side in (None, walker.side):
            return None
        early_s = -walker.last.distance / self._right_of(speed, free=True)
        near = 0 <= early_s * 1000 <= NEAR_MS
        return side if near and self._is_between(walker.last.spot, speed, early_s) else None

    def _met(self, walker: Walker, ts: int) -> list[Crossing]:
        """The crossings of two who have changed names on the line, told by ``walker`` who turned.

        The other has turned as well, or was out of sight as they passed each other.
        """
        if not self._may_meet(walker, ts):
            return []
        turn: Step | None = None
        for other in self._walkers.values():
            if other.side in (None, walker.side) or self._is_quiet(other, ts):
                continue
            turn = turn or walker.turned()
            if turn is None:
                return []
            if self._turned_too(walker, other, turn, ts) or self._hid(walker, other, turn):
                walker.met_ts = other.met_ts = ts
                return self._passed(walker, other, turn, ts)
        return []

    def _turned_too(self, walker: Walker, other: Walker, turn: Step, ts: int) -> bool:
        """Whether ``other`` turned there and then, too."""
        its = other.turned() if self._may_meet(other, ts) else None
        if its is None:
            return False
        middle = ((turn.spot[0] + its.spot[0]) / 2, (turn.spot[1] + its.spot[1]) / 2)
        near = math.dist(turn.spot, its.spot) <= MEET * max(walker.high, other.high)
        return near and abs(turn.ts - its.ts) <= MEET_MS and self._is_between(middle)

    def _hid(self, walker: Walker, other: Walker, turn: Step) -> bool:
        """Whether ``other`` came up to the line there, and was out of sight at the turn."""
        seen = other.between(turn.ts - TURN_MS, turn.ts)
        if not seen or not 0 < turn.ts - seen[-1].ts <= MEET_MS or not self._is_between(turn.spot):
            return False
        come_s = (seen[-1].ts - seen[0].ts) / 1000
        came = abs(seen[0].distance) - abs(seen[-1].distance)
        near = math.dist(seen[-1].spot, turn.spot) <= MEET * max(walker.high, other.high)
        return near and come_s > 0 and came >= come_s * HID_SPEED * other.high

    def _passed(self, walker: Walker, other: Walker, turn: Step, ts: int) -> list[Crossing]:
        """Both crossings, but for one that another track has told of."""
        found = []
        for each, to in ((walker, _opposite(walker.side)), (other, _opposite(other.side))):
            if not self._is_told(to, turn.spot, walker.high, ts):
                each.crossed.append((ts, to, turn.spot))
                found.append((each, to))
        return found

    def _may_meet(self, walker: Walker, ts: int) -> bool:
        """Whether it is worth looking for a turn: near the line, leaving it, and not yet met."""
        last = walker.way[-1]
        return (
            walker.side is not None
            and abs(last.distance) < walker.high
            and ts - last.ts <= GAP_MS
            and walker.leaves
            and not self._is_quiet(walker, ts)
        )

    @staticmethod
    def _is_quiet(walker: Walker, ts: int) -> bool:
        """Whether it has met somebody just now."""
        return walker.met_ts is not None and ts - walker.met_ts < QUIET_MS

    def _is_told(self, side: Direction, spot: Spot, high: float, ts: int) -> bool:
        """Whether some track has told of a crossing to this side there, a moment ago."""
        return any(
            way is side and abs(ts - at) < GONE_MS and math.dist(spot, where) < SAME * high
            for each in (*self._ended, *self._walkers.values())
            for at, way, where in each.crossed
        )

    def _right_of(self, spot: Spot, *, free: bool = False) -> float:
        """Pixels to the right of the line without end; to its left is below 0.

        ``free``: of a speed, which begins nowhere.
        """
        x, y = spot if free else (spot[0] - self._start[0], spot[1] - self._start[1])
        return self._along[0] * y - self._along[1] * x

    def _meets(self, before: Spot, now: Spot) -> bool:
        """Whether the way between two spots on either side passes between the line's ends."""
        a, b = self._right_of(before), self._right_of(now)
        way = (now[0] - before[0], now[1] - before[1])
        return self._is_between(before, way, a / (a - b))

    def _is_between(self, spot: Spot, way: Spot = (0.0, 0.0), part: float = 0.0) -> bool:
        """Whether ``spot`` and so much of a way lies beside the line, not beyond its ends."""
        x = spot[0] + part * way[0] - self._start[0]
        y = spot[1] + part * way[1] - self._start[1]
        return 0.0 <= self._along[0] * x + self._along[1] * y <= self._length

    def _tell(self, walker: Walker, direction: Direction, ts: int) -> LineCross:
        return LineCross(
            seq=0,
            ts=ts,
            source=self._source,
            line=self.line.id,
            label=self._names[walker.label],
            track=walker.track,
            direction=direction,
            confidence=round(walker.score, 3),
            box=as_box(walker.box, self._size_wh),
        )


def _opposite(side: Direction | None) -> Direction:
    return Direction.LEFT if side is Direction.RIGHT else Direction.RIGHT
