"""``tailgating``: people who came in behind somebody else."""

from bisect import insort
from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.flow import LABEL
from hub.fusion.signal import Ear, Origin, Reading, soonest
from wire.records import DoorAccess, LineCross

BEFORE_MS = 15_000
"""An access granted lets one person in who crosses within this long after it."""
AFTER_MS = 3_000
"""… or this long before it: a reader may speak later than a camera. A crossing is judged
once this has passed."""
WINDOW_MS = 60_000


class Tailgating:
    """Persons over the place's lines inward in the last minute − those whom access was granted.

    Each access granted at a controlled door covers one crossing, the earliest that is not
    covered yet, from 3 s before the grant to 15 s after it. Three people on one grant are 2.
    """

    def __init__(self, place: Place) -> None:
        self._inward = {(line.node, line.source, line.line): line.inward for line in place.lines}
        self._readers = {(door.node, door.source) for door in place.doors if door.controlled}
        self._crossings: list[int] = []
        """Not judged yet, rising."""
        self._grants: list[int] = []
        """Not used yet, rising."""
        self._tails: list[int] = []
        """Crossings that no grant covered, rising."""
        self._value: int | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        if origin.kind is LineCross:
            return partial(self._cross, origin.node)
        reader = origin.feed
        return self._admit if origin.kind is DoorAccess and reader in self._readers else None

    def _cross(self, node: str, record: LineCross, at: int) -> Iterable[Reading]:
        inward = self._inward.get((node, record.source, record.line))
        if record.label != LABEL or record.direction is not inward:
            return ()
        insort(self._crossings, record.ts)
        return self.tick(at)

    def _admit(self, record: DoorAccess, at: int) -> Iterable[Reading]:
        if not record.granted:
            return ()
        insort(self._grants, record.ts)
        return self.tick(at)

    def tick(self, at: int) -> Iterable[Reading]:
        while self._crossings and self._crossings[0] + AFTER_MS <= at:
            self._judge(self._crossings.pop(0))
        waiting = min(self._crossings[0], at) if self._crossings else at
        while self._grants and self._grants[0] + BEFORE_MS < waiting:
            self._grants.pop(0)
        while self._tails and self._tails[0] + WINDOW_MS <= at:
            self._tails.pop(0)
        judged = self._crossings[0] + AFTER_MS if self._crossings else None
        forgotten = self._tails[0] + WINDOW_MS if self._tails else None
        self.due = soonest((judged, forgotten))
        if self._value == len(self._tails):
            return ()
        self._value = len(self._tails)
        return (("tailgating", float(self._value)),)

    def _judge(self, crossed: int) -> None:
        for granted in self._grants:
            if granted - AFTER_MS <= crossed <= granted + BEFORE_MS:
                self._grants.remove(granted)
                return
        insort(self._tails, crossed)

    def dump(self) -> Any:
        return [self._crossings, self._grants, self._tails, self._value, self.due]

    def load(self, state: Any) -> None:
        self._crossings, self._grants, self._tails, self._value, self.due = state
