"""``door.open_s`` and ``door.forced``."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Feed, Limits, Origin, Reading, last_look, next_wanted
from wire.records import DoorAccess, DoorState

GRANT_MS = 10_000
"""An access granted opens a door without force for this long."""


class Door:
    """How long the longest-open door has stood open (now − when it opened, seconds); and 1
    while a controlled door stands open that was opened with no access granted in the last
    10 s, else 0."""

    def __init__(self, place: Place) -> None:
        self._controlled = {(door.node, door.source): door.controlled for door in place.doors}
        self._can_be_forced = any(self._controlled.values())
        self._last: dict[Feed, int] = {}
        self._opened: dict[Feed, int] = {}
        self._forced: set[Feed] = set()
        self._granted: dict[Feed, int] = {}
        self._values: dict[str, float] = {}
        self._read_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        key = origin.feed
        if key not in self._controlled:
            return None
        if origin.kind is DoorAccess:
            return partial(self._admit, key)
        return partial(self._move, key) if origin.kind is DoorState else None

    def _admit(self, key: Feed, record: DoorAccess, at: int) -> Iterable[Reading]:  # noqa: ARG002
        if record.granted:
            self._granted[key] = record.ts
        return ()

    def _move(self, key: Feed, record: DoorState, at: int) -> Iterable[Reading]:
        if record.ts < self._last.get(key, 0):
            return ()
        self._last[key] = record.ts
        if not record.open:
            self._opened.pop(key, None)
            self._forced.discard(key)
        elif key not in self._opened:
            self._opened[key] = record.ts
            granted = record.ts - self._granted.get(key, -GRANT_MS - 1) <= GRANT_MS
            if self._controlled[key] and not granted:
                self._forced.add(key)
        return self.tick(at)

    def unheard(self, ms: int) -> None:
        """The hub did not run for so long, and nothing came of that time."""
        for key in self._opened:
            self._opened[key] += ms

    def tick(self, at: int) -> Iterable[Reading]:
        readings = self._read(at)
        first = min(self._opened.values(), default=None)
        firsts = {} if first is None else {"door.open_s": first}
        self.due = next_wanted(firsts, at, self.limits)
        return readings

    def _read(self, at: int) -> list[Reading]:
        self._read_at = at
        first = min(self._opened.values(), default=None)
        values = {"door.open_s": 0.0 if first is None else max(0, at - first) / 1000}
        if self._can_be_forced:
            values["door.forced"] = 1.0 if self._forced else 0.0
        readings = [item for item in values.items() if self._values.get(item[0]) != item[1]]
        self._values = values
        return readings

    def catch_up(self, at: int) -> Iterable[Reading]:
        first = min(self._opened.values(), default=None)
        return () if first is None else self._read(max(self._read_at, last_look(first, at)))

    def dump(self) -> Any:
        keys = self._controlled
        return {
            "doors": [
                [*key, self._last.get(key), self._opened.get(key), self._granted.get(key)]
                for key in keys
            ],
            "forced": [list(key) for key in self._forced],
            "values": self._values,
            "due": self.due,
        }

    def load(self, state: Any) -> None:
        for node, source, last, opened, granted in state["doors"]:
            for times, ts in ((self._last, last), (self._opened, opened), (self._granted, granted)):
                if ts is not None and (node, source) in self._controlled:
                    times[node, source] = ts
        forced = {(node, source) for node, source in state["forced"]}
        self._forced = forced & set(self._controlled)
        self._values = state["values"]
        self.due = state["due"]
