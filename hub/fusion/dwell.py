"""``dwell.<label>``: the longest stay of anyone there now."""

from collections.abc import Iterable, Mapping
from typing import Any

from configs.site import Place
from hub.fusion.signal import Limits, Reading, last_look, next_wanted, soonest
from wire.records import AnyRecord, Fault, SceneFault, ZoneDwell, ZoneEnter, ZoneExit

FORGET_MS = 60_000
"""A stay that nothing confirms for this long is over. Edges confirm one every 10 s."""

Stay = tuple[str, str, str, int]
"""node, source, zone, track."""


class Dwell:
    """max over the tracks in the place's views of (now − when the track came in), seconds."""

    hears = (SceneFault, ZoneEnter, ZoneDwell, ZoneExit)

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._stays: dict[str, dict[Stay, tuple[int, int]]] = {}
        """label → stay → (came in, last confirmed)."""
        self._values: dict[str, float] = {}
        self._read_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        if isinstance(record, SceneFault) and record.fault is Fault.LOST and record.active:
            for stays in self._stays.values():
                for stay in [stay for stay in stays if stay[:2] == (node, record.source)]:
                    del stays[stay]
            return self.tick(at)
        if not isinstance(record, ZoneEnter | ZoneDwell | ZoneExit):
            return ()
        if (node, record.source, record.zone) not in self._views:
            return ()
        stays = self._stays.setdefault(record.label, {})
        stay = (node, record.source, record.zone, record.track)
        if isinstance(record, ZoneExit):
            stays.pop(stay, None)
        else:
            stayed = record.dwell_ms if isinstance(record, ZoneDwell) else 0
            came, _ = stays.get(stay, (record.ts - stayed, 0))
            stays[stay] = (came, at)
        return self.tick(at)

    def tick(self, at: int) -> Iterable[Reading]:
        for stays in self._stays.values():
            for stay in [s for s, (_, confirmed) in stays.items() if confirmed + FORGET_MS <= at]:
                del stays[stay]
        firsts = self._firsts()
        readings = self._read(firsts, at)
        ends = None
        if self.limits is not None:
            confirmed = soonest(
                [last for stays in self._stays.values() for _, last in stays.values()]
            )
            ends = None if confirmed is None else confirmed + FORGET_MS
        self.due = next_wanted(firsts, at, self.limits, ends)
        return readings

    def _firsts(self) -> dict[str, int]:
        return {
            f"dwell.{label}": min([came for came, _ in stays.values()])
            for label, stays in self._stays.items()
            if stays
        }

    def _read(self, firsts: Mapping[str, int], at: int) -> list[Reading]:
        self._read_at = at
        readings: list[Reading] = []
        for label in self._stays:
            first = firsts.get(f"dwell.{label}")
            value = 0.0 if first is None else max(0, at - first) / 1000
            if self._values.get(label) != value:
                self._values[label] = value
                readings.append((f"dwell.{label}", value))
        return readings

    def catch_up(self, at: int) -> Iterable[Reading]:
        firsts = self._firsts()
        looks = [last_look(first, at) for first in firsts.values()]
        return self._read(firsts, max([self._read_at, *looks]))

    def dump(self) -> Any:
        rows = [
            [label, *stay, came, confirmed]
            for label, stays in self._stays.items()
            for stay, (came, confirmed) in stays.items()
        ]
        return [rows, self._values, self.due]

    def load(self, state: Any) -> None:
        rows, self._values, self.due = state
        for label in self._values:
            self._stays[label] = {}
        for label, node, source, zone, track, came, confirmed in rows:
            if (node, source, zone) in self._views:
                self._stays.setdefault(label, {})[node, source, zone, track] = (came, confirmed)
