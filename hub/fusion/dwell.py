"""``dwell.<label>``: the longest stay of anyone there now."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import (
    FOR_EVER,
    Ear,
    Feed,
    Limits,
    Origin,
    Reading,
    View,
    last_look,
    next_limit,
    next_wanted,
    soonest,
)
from wire.records import Fault, SceneFault, ZoneDwell, ZoneEnter, ZoneExit

FORGET_MS = 60_000
"""A stay that nothing confirms for this long is over. Edges confirm one every 10 s."""

Stay = tuple[View, int]
"""view, track."""


class _Label:
    """Who of one label is there."""

    __slots__ = ("first", "name", "stays", "value")

    def __init__(self, name: str) -> None:
        self.name = name
        self.stays: dict[Stay, tuple[int, int]] = {}
        """Stay → (came in, last confirmed)."""
        self.first: int | None = None
        """When the one came in who stays longest."""
        self.value: float | None = None

    def forget(self, gone: Iterable[Stay]) -> None:
        """These are no longer there."""
        for stay in gone:
            del self.stays[stay]
        self.first = min([came for came, _ in self.stays.values()], default=None)


class Dwell:
    """max over the tracks in the place's views of (now − when the track came in), seconds."""

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._labels: dict[str, _Label] = {}
        self._forgets_at = FOR_EVER
        """When the first stay ends that nothing confirms, or earlier."""
        self._moves_at = 0
        """When a value comes to one of `limits`."""
        self._read_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        view = origin.view
        if origin.kind is SceneFault:
            return partial(self._lose, origin.feed)
        if view not in self._views:
            return None
        if origin.kind is ZoneExit:
            return partial(self._exit, view)
        return partial(self._stay, view) if origin.kind in (ZoneEnter, ZoneDwell) else None

    def _label(self, name: str) -> _Label:
        return self._labels.setdefault(name, _Label(f"dwell.{name}"))

    def _lose(self, camera: Feed, record: SceneFault, at: int) -> Iterable[Reading]:
        if record.fault is not Fault.LOST or not record.active:
            return ()
        for label in self._labels.values():
            label.forget([stay for stay in label.stays if stay[0][:2] == camera])
        return self.tick(at)

    def _stay(self, view: View, record: ZoneEnter | ZoneDwell, at: int) -> Iterable[Reading]:
        label = self._labels.get(record.label) or self._label(record.label)
        stay = (view, record.track)
        known = label.stays.get(stay)
        if known is not None:
            came = known[0]
        else:
            came = record.ts - (record.dwell_ms if isinstance(record, ZoneDwell) else 0)
            self._forgets_at = min(self._forgets_at, at + FORGET_MS)
        label.stays[stay] = (came, at)
        first = label.first
        if first is None or came < first:
            label.first = came
        return self._told(label, first, at)

    def _exit(self, view: View, record: ZoneExit, at: int) -> Iterable[Reading]:
        label = self._labels.get(record.label) or self._label(record.label)
        first = label.first
        stay = (view, record.track)
        known = label.stays.get(stay)
        if known is not None:
            label.forget((stay,))
        return self._told(label, first, at)

    def _told(self, label: _Label, first: int | None, at: int) -> Iterable[Reading]:
        """What follows from a record about ``label``, of whom the first came in at ``first``."""
        if self.limits is None or first != label.first or label.value is None:
            return self.tick(at)
        if at >= self._moves_at or at >= self._forgets_at:
            return self.tick(at)
        self._read_at = at
        return ()

    def tick(self, at: int) -> Iterable[Reading]:
        if at >= self._forgets_at:
            self._forget(at)
        readings = self._read(at)
        self._plan(at)
        return readings

    def _forget(self, at: int) -> None:
        for label in self._labels.values():
            gone = [s for s, (_, confirmed) in label.stays.items() if confirmed + FORGET_MS <= at]
            if gone:
                label.forget(gone)
        self._forgets_at = self._first_to_forget()

    def _first_to_forget(self) -> int:
        confirmed = [last for label in self._labels.values() for _, last in label.stays.values()]
        return min(confirmed, default=FOR_EVER) + FORGET_MS

    def _read(self, at: int) -> list[Reading]:
        self._read_at = at
        readings: list[Reading] = []
        for label in self._labels.values():
            value = 0.0 if label.first is None else max(0, at - label.first) / 1000
            if label.value != value:
                label.value = value
                readings.append((label.name, value))
        return readings

    def _plan(self, at: int) -> None:
        """The next look, and how long none is missed where some are left out."""
        firsts = {
            label.name: label.first for label in self._labels.values() if label.first is not None
        }
        if self.limits is None:
            self.due = next_wanted(firsts, at, None)
            return
        moves = [next_limit(since, at, self.limits.get(n, ())) for n, since in firsts.items()]
        self._moves_at = soonest(moves) or FOR_EVER
        self.due = next_wanted(firsts, at, self.limits, self._forgets_at)

    def catch_up(self, at: int) -> Iterable[Reading]:
        firsts = [label.first for label in self._labels.values() if label.first is not None]
        return self._read(max([self._read_at, *(last_look(first, at) for first in firsts)]))

    def dump(self) -> Any:
        rows = [
            [name, *view, track, came, confirmed]
            for name, label in self._labels.items()
            for (view, track), (came, confirmed) in label.stays.items()
        ]
        values = {n: label.value for n, label in self._labels.items() if label.value is not None}
        return [rows, values, self.due]

    def load(self, state: Any) -> None:
        rows, values, self.due = state
        for name, value in values.items():
            self._label(name).value = value
        for name, node, source, zone, track, came, confirmed in rows:
            if (node, source, zone) in self._views:
                self._label(name).stays[(node, source, zone), track] = (came, confirmed)
        for label in self._labels.values():
            label.forget(())
        self._forgets_at = self._first_to_forget()
