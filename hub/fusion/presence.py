"""``presence.<label>``: how sure it is that anyone is there."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from configs.site import Place
from hub.fusion.signal import FOR_EVER, GRID_MS, Ear, Limits, Origin, Reading, View
from wire.records import ZoneCount

HALF_LIFE_MS = 5_000
"""What was seen counts half after this long. Higher: presence outlives short occlusions;
lower: it ends sooner when somebody has left."""
HOLD_MS = 8_000
"""A sighting counts as fresh this long after its record while no record denies it (edges
repeat a count every 5 s)."""
NEGLIGIBLE = 0.005
ROUNDING = 1e-4
"""More than rounding moves a value."""


class _Sighting(Struct):
    """What a view last saw of a label."""

    trust: float
    confidence: float
    ts: int
    """Of the last record."""
    seen_until: int
    """Fading starts here."""


class _Label:
    """One label at the place."""

    __slots__ = (
        "name", "read_at", "sightings", "stays_until", "steady_until", "value", "value_at",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.sightings: dict[View, _Sighting] = {}
        self.value: float | None = None
        self.value_at = 0
        """When it was worked out."""
        self.read_at = 0
        """When it was asked for; no earlier, and later where nobody can tell the two apart."""
        self.steady_until = 0
        """Nothing that adds to the value fades before this: until then it stays what it is."""
        self.stays_until = 0
        """When it may come to the next limit, at the earliest; 0 where all values are wanted."""

    def take_value(self, at: int, readings: list[Reading]) -> None:
        """Work out the value at ``at``; where it is another one, it goes into ``readings``."""
        self.value_at = at
        unseen, steady_until = 1.0, FOR_EVER
        for sighting in self.sightings.values():
            alone = sighting.trust * sighting.confidence
            if alone:
                age = at - sighting.seen_until
                unseen *= 1 - (alone * 2.0 ** (-age / HALF_LIFE_MS) if age > 0 else alone)
                steady_until = min(steady_until, sighting.seen_until)
        self.steady_until = steady_until
        value = 1 - unseen
        value = round(value, 4) if value >= NEGLIGIBLE else 0.0
        if value != self.value:
            self.value = value
            readings.append((self.name, value))

    def next_limit(self, at: int, marks: Sequence[float]) -> int:
        """Until when (ms) the value is certain to stay between its limits. The whole is never
        less than what any one view alone makes of it."""
        value = self.value or 0.0
        index = bisect_left(marks, value)
        if index < len(marks) and marks[index] == value:
            return at
        level = (marks[index - 1] if index else 0.0) + ROUNDING
        level = max(level, NEGLIGIBLE + ROUNDING)  # from there on nobody looks at the label
        stays = at
        for sighting in self.sightings.values():
            alone = sighting.trust * sighting.confidence
            if alone > level:
                fades_ms = math.floor(HALF_LIFE_MS * math.log2(alone / level))
                stays = max(stays, sighting.seen_until + fades_ms - 1)
        return stays


class Presence:
    """Noisy-or over the views: 1 − Π(1 − wᵢ·cᵢ·2^(−ageᵢ/h)).

    wᵢ is the trust in view i, cᵢ the confidence of what it last saw, ageᵢ the time since
    it last saw it, h the half-life. Two weak views that agree are surer than either.
    """

    def __init__(self, place: Place) -> None:
        self._trust = {
            (view.node, view.source, view.zone): view.trust
            for group in place.views
            for view in group
        }
        self._labels: dict[str, _Label] = {}
        self._looked_at = 0
        """The last look at all labels that is known of."""
        self._planned_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        if origin.kind is not ZoneCount or origin.view not in self._trust:
            return None
        return partial(self._count, origin.view)

    def _label(self, name: str) -> _Label:
        return self._labels.setdefault(name, _Label(f"presence.{name}"))

    def _count(self, view: View, record: ZoneCount, at: int) -> Iterable[Reading]:
        label = self._labels.get(record.label) or self._label(record.label)
        known = label.sightings.get(view)
        if known is None:
            known = label.sightings[view] = _Sighting(self._trust[view], 0.0, record.ts, record.ts)
        elif record.ts < known.ts:
            return ()
        confidence, seen_until = known.confidence, known.seen_until
        if record.count:
            confidence, seen_until = record.confidence, record.ts + HOLD_MS
        elif record.ts < seen_until:
            seen_until = record.ts
        # Where the view goes on to say what it said, it only fades later, if at all.
        repeats = confidence == known.confidence and (
            not confidence or at <= known.seen_until <= seen_until
        )
        if repeats and (at <= label.steady_until or at < label.stays_until):
            known.ts, known.seen_until, label.read_at = record.ts, seen_until, at
            return ()
        if self.limits is not None:
            self._looked_at = self._last_look(at)  # what fades now will fade otherwise
        known.confidence, known.ts, known.seen_until = confidence, record.ts, seen_until
        return self._read((label,), at)

    def tick(self, at: int) -> Iterable[Reading]:
        self._looked_at = self._last_look(at)
        if self._looked_at < at:
            self._plan(at)  # what was to fade by now has been seen again
            return ()
        return self._read(tuple(self._labels.values()), at)

    def _read(self, labels: Iterable[_Label], at: int) -> list[Reading]:
        readings: list[Reading] = []
        for label in labels:
            label.read_at = at
            label.take_value(at, readings)
            if self.limits is not None:
                label.stays_until = label.next_limit(at, self.limits.get(label.name, ()))
        self._plan(at)
        return readings

    def catch_up(self, at: int) -> Iterable[Reading]:
        self._looked_at = looked_at = self._last_look(at)
        readings: list[Reading] = []
        for label in self._labels.values():
            label.read_at = max(label.read_at, looked_at)
            if label.value_at < label.read_at:
                label.take_value(label.read_at, readings)
        return readings

    def _fading(self) -> Iterator[int]:
        """Since when each sighting fades, or will, that anybody looks at."""
        for label in self._labels.values():
            if label.value:
                for sighting in label.sightings.values():
                    if sighting.confidence:
                        yield sighting.seen_until

    def _plan(self, at: int) -> None:
        """The next look: a grid step on while something fades, or when fading begins."""
        self._planned_at = at
        if self.limits is not None:
            stays = [label.stays_until for label in self._labels.values() if label.value]
            at = max(at, min(stays, default=at))
        due: int | None = None
        for since in self._fading():
            step = since + GRID_MS if at <= since else at + GRID_MS - (at - since) % GRID_MS
            if due is None or step < due:
                due = step
        self.due = due

    def _last_look(self, at: int) -> int:
        """The last look at all labels until ``at``, itself included."""
        last = self._looked_at
        for since in self._fading():
            age = at - since
            look = at - age % GRID_MS
            if age >= GRID_MS and look > self._planned_at and look > last:
                last = look
        return last

    def dump(self) -> Any:
        rows: list[Any] = [
            [name, *view, sighting.confidence, sighting.ts, sighting.seen_until]
            for name, label in self._labels.items()
            for view, sighting in label.sightings.items()
        ]
        rows += [[name, label.value] for name, label in self._labels.items()]
        return [*rows, self.due]

    def load(self, state: Any) -> None:
        *rows, self.due = state
        for name, *row in rows:
            label = self._label(name)
            if len(row) == 1:
                (label.value,) = row
            elif (row[0], row[1], row[2]) in self._trust:
                view = (row[0], row[1], row[2])
                label.sightings[view] = _Sighting(self._trust[view], *row[3:])
