"""What is counted at a place, to be held against what is usual there."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from configs.site import Place
from hub.fusion.flow import LABEL
from hub.fusion.signal import Origin
from wire.records import DoorState, LineCross, NodeHealth, ZoneCount, ZoneDwell, ZoneExit

REPEAT_MS: Final = 10_000
"""A count is believed for this long after the record that says it."""
LONG_MS: Final = 60_000
"""Who stays for this long did not just pass."""
FORGET_MS: Final = 120_000
"""A stay that nothing confirms for this long is over. Edges confirm one every 10 s."""


Count = Callable[[Any], float | None]
"""How much a record adds; None where it does not show that what is counted would be seen."""


class Counter(Protocol):
    """Says what of a place is counted."""

    def count(self, origin: Origin) -> Count | None:
        """What is asked of each record of ``origin``; None: they show nothing."""

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""


class Crossings:
    """People over the place's lines, both ways."""

    def __init__(self, place: Place) -> None:
        self._lines = {(line.node, line.source, line.line) for line in place.lines}
        self._cameras = {(line.node, line.source) for line in place.lines}

    def count(self, origin: Origin) -> Count | None:
        if (origin.node, origin.source) not in self._cameras:
            return None
        if origin.kind is LineCross:
            return partial(self._crossed, origin.node)
        return nothing if origin.kind is ZoneCount else _well(origin)

    def _crossed(self, node: str, record: LineCross) -> float:
        ours = (node, record.source, record.line) in self._lines
        return 1.0 if ours and record.label == LABEL else 0.0

    def dump(self) -> Any:
        return None

    def load(self, state: Any) -> None:
        del state  # there is none


class Openings:
    """Doors that open. A contact sleeps, so its gateway's word says that it would be heard."""

    def __init__(self, place: Place) -> None:
        self._doors = {(door.node, door.source) for door in place.doors}
        self._nodes = {door.node for door in place.doors}
        self._open: dict[tuple[str, str], tuple[int, bool]] = {}
        """Door → (event time of its last word, whether it stood open)."""

    def count(self, origin: Origin) -> Count | None:
        if origin.node not in self._nodes:
            return None
        if origin.kind is not DoorState:
            return _well(origin)
        door = (origin.node, origin.source)
        return partial(self._opened, door) if door in self._doors else nothing

    def _opened(self, door: tuple[str, str], record: DoorState) -> float:
        ts, was_open = self._open.get(door, (0, True))
        if record.ts < ts:
            return 0.0
        self._open[door] = (record.ts, record.open)
        return 1.0 if record.open and not was_open else 0.0

    def dump(self) -> Any:
        return [[*key, *known] for key, known in self._open.items()]

    def load(self, state: Any) -> None:
        self._open = {(node, source): (ts, is_open) for node, source, ts, is_open in state}


class PersonMinutes:
    """How many people the place's views show, times how long."""

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._cameras = {(node, source) for node, source, _ in self._views}
        self._last: dict[tuple[str, str, str], tuple[int, int]] = {}
        """View → (count, event time of the record that said so)."""

    def count(self, origin: Origin) -> Count | None:
        if (origin.node, origin.source) not in self._cameras:
            return None
        if origin.kind is not ZoneCount:
            return _well(origin)
        view = (origin.node, origin.source, origin.zone)
        return partial(self._saw, view) if view in self._views else nothing

    def _saw(self, view: tuple[str, str, str], record: ZoneCount) -> float:
        if record.label != LABEL:
            return 0.0
        count, ts = self._last.get(view, (0, record.ts))
        if record.ts < ts:
            return 0.0
        self._last[view] = (record.count, record.ts)
        return count * min(record.ts - ts, REPEAT_MS) / 60_000

    def dump(self) -> Any:
        return [[*key, *known] for key, known in self._last.items()]

    def load(self, state: Any) -> None:
        self._last = {(n, s, zone): (count, ts) for n, s, zone, count, ts in state}


class LongStays:
    """People who stay for a minute or longer, each once."""

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._cameras = {(node, source) for node, source, _ in self._views}
        self._counted: dict[tuple[str, str, str, int], int] = {}
        """(node, source, zone, track) → event time of the last record that confirmed it."""

    def count(self, origin: Origin) -> Count | None:
        if (origin.node, origin.source) not in self._cameras:
            return None
        view = (origin.node, origin.source, origin.zone)
        if origin.kind in (ZoneDwell, ZoneExit):
            return partial(self._stayed, view) if view in self._views else nothing
        return nothing if origin.kind is ZoneCount else _well(origin)

    def _stayed(self, view: tuple[str, str, str], record: ZoneDwell | ZoneExit) -> float:
        if record.label != LABEL or record.dwell_ms < LONG_MS:
            return 0.0
        stay = (*view, record.track)
        news = stay not in self._counted
        if isinstance(record, ZoneExit):
            self._counted.pop(stay, None)
        else:
            self._forget(record.ts)
            self._counted[stay] = record.ts
        return 1.0 if news else 0.0

    def _forget(self, ts: int) -> None:
        """Tracks get their numbers anew; what ended unseen must not hide the next."""
        for stay in [one for one, last in self._counted.items() if last + FORGET_MS < ts]:
            del self._counted[stay]

    def dump(self) -> Any:
        return [[*stay, last] for stay, last in self._counted.items()]

    def load(self, state: Any) -> None:
        self._counted = {(n, s, zone, track): last for n, s, zone, track, last in state}


def nothing(_record: Any) -> float:
    """A record that shows that the source would have told, and adds nothing."""
    return 0.0


def _well(origin: Origin) -> Count | None:
    """A node's word that a source is well shows that it would have told."""
    return _nothing_if_well if origin.kind is NodeHealth else None


def _nothing_if_well(record: NodeHealth) -> float | None:
    return 0.0 if record.ok else None
