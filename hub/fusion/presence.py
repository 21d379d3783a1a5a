"""``presence.<label>``: how sure it is that anyone is there."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from configs.site import Place
from hub.fusion.signal import GRID_MS, Limits, Reading
from wire.records import AnyRecord, ZoneCount

HALF_LIFE_MS = 5_000
"""What was seen counts half after this long. Higher: presence outlives short occlusions;
lower: it ends sooner when somebody has left."""
HOLD_MS = 8_000
"""A sighting counts as fresh this long after its record while no record denies it (edges
repeat a count every 5 s)."""
NEGLIGIBLE = 0.005
ROUNDING = 1e-4
"""More than rounding moves a value."""


class _Sighting(Struct, array_like=True):
    confidence: float
    ts: int
    """Of the last record."""
    seen_until: int
    """Fading starts here."""


class Presence:
    """Noisy-or over the views: 1 − Π(1 − wᵢ·cᵢ·2^(−ageᵢ/h)).

    wᵢ is the trust in view i, cᵢ the confidence of what it last saw, ageᵢ the time since
    it last saw it, h the half-life. Two weak views that agree are surer than either.
    """

    hears = (ZoneCount,)

    def __init__(self, place: Place) -> None:
        self._trust = {
            (view.node, view.source, view.zone): view.trust
            for group in place.views
            for view in group
        }
        self._seen: dict[str, dict[tuple[str, str, str], _Sighting]] = defaultdict(dict)
        self._values: dict[str, float] = {}
        self._read_at: dict[str, int] = {}
        self._looked_at = 0
        """The last look at all labels that is known of."""
        self._planned_at = 0
        self._fading: list[_Sighting] = []
        """What fades, or will, as of then."""
        self._stays_until: dict[str, int] = {}
        """Label → when it may come to the next limit, at the earliest."""
        self.limits: Limits | None = None
        self.due: int | None = None

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        if not isinstance(record, ZoneCount):
            return ()
        key = (node, record.source, record.zone)
        if key not in self._trust:
            return ()
        sightings = self._seen[record.label]
        known = sightings.get(key)
        if known is not None and record.ts < known.ts:
            return ()
        if self.limits is not None:
            self._looked_at = self._last_look(at)  # what fades now will fade otherwise
        if record.count:
            sightings[key] = _Sighting(record.confidence, record.ts, record.ts + HOLD_MS)
        elif known is not None:
            known.ts = record.ts
            known.seen_until = min(known.seen_until, record.ts)
        else:
            sightings[key] = _Sighting(0.0, record.ts, record.ts)
        return self._read((record.label,), at)

    def tick(self, at: int) -> Iterable[Reading]:
        self._looked_at = at
        return self._read(tuple(self._seen), at)

    def _read(self, labels: Iterable[str], at: int) -> list[Reading]:
        readings: list[Reading] = []
        for label in labels:
            self._read_at[label] = at
            value = self._value(label, at)
            if self._values.get(label) != value:
                self._values[label] = value
                readings.append((f"presence.{label}", value))
            if self.limits is not None:
                self._stays_until[label] = self._next_limit(label, value, at, self.limits)
        self._plan(at)
        return readings

    def catch_up(self, at: int) -> Iterable[Reading]:
        self._looked_at = looked_at = self._last_look(at)
        readings: list[Reading] = []
        for label, read_at in self._read_at.items():
            if read_at < looked_at:
                self._read_at[label] = looked_at
                value = self._value(label, looked_at)
                if self._values.get(label) != value:
                    self._values[label] = value
                    readings.append((f"presence.{label}", value))
        return readings

    def _value(self, label: str, at: int) -> float:
        unseen = 1.0
        for key, sighting in self._seen[label].items():
            age = max(0, at - sighting.seen_until)
            unseen *= 1 - self._trust[key] * sighting.confidence * 2.0 ** (-age / HALF_LIFE_MS)
        value = 1 - unseen
        return round(value, 4) if value >= NEGLIGIBLE else 0.0

    def _plan(self, at: int) -> None:
        """The next look: a grid step on while something fades, or when fading begins."""
        self._planned_at = at
        if self.limits is not None:
            stays = [until for label, until in self._stays_until.items() if self._values[label]]
            at = max(at, min(stays, default=at))
        due: int | None = None
        self._fading = [
            sighting
            for label, sightings in self._seen.items()
            if self._values.get(label)
            for sighting in sightings.values()
            if sighting.confidence
        ]
        for sighting in self._fading:
            since = sighting.seen_until
            step = since + GRID_MS if at <= since else at + GRID_MS - (at - since) % GRID_MS
            if due is None or step < due:
                due = step
        self.due = due

    def _last_look(self, at: int) -> int:
        """The last look at all labels until ``at``, itself included."""
        last = self._looked_at
        for sighting in self._fading:
            age = at - sighting.seen_until
            look = at - age % GRID_MS
            if age >= GRID_MS and look > self._planned_at and look > last:
                last = look
        return last

    def _next_limit(self, label: str, value: float, at: int, limits: Limits) -> int:
        """Until when (ms) the value is certain to stay between its limits. The whole is never
        less than what any one view alone makes of it."""
        marks = limits.get(f"presence.{label}", ())
        index = bisect_left(marks, value)
        level = (marks[index - 1] if index else 0.0) + ROUNDING
        level = max(level, NEGLIGIBLE + ROUNDING)  # from there on nobody looks at the label
        if index < len(marks) and marks[index] == value:
            return at
        stays = at
        for key, sighting in self._seen[label].items():
            alone = self._trust[key] * sighting.confidence
            if alone > level:
                fades_ms = math.floor(HALF_LIFE_MS * math.log2(alone / level))
                stays = max(stays, sighting.seen_until + fades_ms - 1)
        return stays

    def dump(self) -> Any:
        return (
            [
                [label, *key, sighting.confidence, sighting.ts, sighting.seen_until]
                for label, sightings in self._seen.items()
                for key, sighting in sightings.items()
            ]
            + [[label, value] for label, value in self._values.items()]
            + [self.due]
        )

    def load(self, state: Any) -> None:
        *rows, self.due = state
        for row in rows:
            if len(row) == 2:
                self._values[row[0]] = row[1]
            elif (row[1], row[2], row[3]) in self._trust:
                self._seen[row[0]][row[1], row[2], row[3]] = _Sighting(*row[4:])
