"""``stationary.<label>``: how long the longest-standing one has stood still."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from msgspec import Struct

from configs.site import Place
from hub.fusion.signal import Ear, Limits, Origin, Reading, View, last_look, next_wanted, soonest
from wire.records import ZoneExit, ZoneStationary

FORGET_MS = 60_000
"""What nothing confirms for this long stands no more. Edges confirm it every 10 s."""
EXIT_MS = 1_000
"""An edge that loses a track says that it moved and that it left in one breath; one that
sees it move says so long before it leaves."""
RETRACK_MS = 60_000
"""What was lost while it stood and is found standing there within this long is the same."""


class _Stand(Struct, array_like=True):
    view: View
    label: str
    track: int
    since: int
    """First still moment, ms."""
    until: int
    """When it ends if nothing confirms it, ms."""
    moved_ts: int = 0
    """When it was said to have moved; 0 while it stands."""
    lost: bool = False


class Stationary:
    """max over what stands in the place's views of (now − its first still moment), seconds.

    It ends when the thing is seen to move. Where an edge loses it and finds it again (a car
    that a bus hid for a while) it goes on from the first still moment: a parked car is one
    alert and not many.
    """

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._stands: list[_Stand] = []
        self._values: dict[str, float] = {}
        self._read_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        view = origin.view
        if view not in self._views:
            return None
        if origin.kind is ZoneExit:
            return partial(self._exit, view)
        return partial(self._tell, view) if origin.kind is ZoneStationary else None

    def _exit(self, view: View, record: ZoneExit, at: int) -> Iterable[Reading]:
        if not self._stands:
            return ()
        self._leave(self._find(view, record.label, record.track), record.ts)
        return self.tick(at)

    def _tell(self, view: View, record: ZoneStationary, at: int) -> Iterable[Reading]:
        stand = self._find(view, record.label, record.track)
        if record.still_ms:
            self._stay(stand, view, record)
        elif stand is not None and not stand.moved_ts:
            stand.moved_ts, stand.until = record.ts, record.ts + EXIT_MS
        return self.tick(at)

    def _find(self, view: View, label: str, track: int) -> _Stand | None:
        for stand in self._stands:
            if stand.track == track and stand.view == view and stand.label == label:
                return stand
        return None

    def _stay(self, stand: _Stand | None, view: View, record: ZoneStationary) -> None:
        since = record.ts - record.still_ms
        if stand is None:
            stand = self._lost(view, record.label, since)
        if stand is None:
            stand = _Stand(view, record.label, record.track, since, 0)
            self._stands.append(stand)
        elif stand.moved_ts and not stand.lost:
            stand.since = since  # it stood, moved, and stands again
        stand.track, stand.moved_ts, stand.lost = record.track, 0, False
        stand.until = max(stand.until, record.ts + FORGET_MS)

    def _lost(self, view: View, label: str, since: int) -> _Stand | None:
        """The longest-standing one that was lost in the view before ``since``."""
        lost = [
            stand
            for stand in self._stands
            if stand.lost and stand.view == view and stand.label == label and stand.until > since
        ]
        return min(lost, key=lambda stand: stand.since, default=None)

    def _leave(self, stand: _Stand | None, ts: int) -> None:
        if stand is None:
            return
        if stand.moved_ts and ts - stand.moved_ts > EXIT_MS:
            self._stands.remove(stand)
        else:
            stand.lost, stand.until = True, ts + RETRACK_MS

    def tick(self, at: int) -> Iterable[Reading]:
        if any(stand.until <= at for stand in self._stands):
            self._stands = [stand for stand in self._stands if stand.until > at]
        readings = self._read(at)
        ends = soonest(stand.until for stand in self._stands)
        firsts = {f"stationary.{label}": first for label, first in self._firsts().items()}
        self.due = soonest((ends, next_wanted(firsts, at, self.limits)))
        return readings

    def _firsts(self) -> dict[str, int]:
        first: dict[str, int] = {}
        for stand in self._stands:
            first[stand.label] = min(stand.since, first.get(stand.label, stand.since))
        return first

    def _read(self, at: int) -> list[Reading]:
        self._read_at = at
        first = self._firsts()
        readings: list[Reading] = []
        for label in {**self._values, **first}:
            value = max(0, at - first[label]) / 1000 if label in first else 0.0
            if self._values.get(label) != value:
                self._values[label] = value
                readings.append((f"stationary.{label}", value))
        return readings

    def catch_up(self, at: int) -> Iterable[Reading]:
        looks = [last_look(first, at) for first in self._firsts().values()]
        return self._read(max([self._read_at, *looks]))

    def dump(self) -> Any:
        rows = [
            [*s.view, s.label, s.track, s.since, s.until, s.moved_ts, s.lost] for s in self._stands
        ]
        return [rows, self._values, self.due]

    def load(self, state: Any) -> None:
        rows, self._values, self.due = state
        self._stands = [
            _Stand((node, source, zone), *rest)
            for node, source, zone, *rest in rows
            if (node, source, zone) in self._views
        ]
