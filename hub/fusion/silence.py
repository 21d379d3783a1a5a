"""``silence_s``: how long a source of the place has said nothing."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Feed, Limits, Origin, Reading, first_look, last_look, next_limit
from wire.records import AGENT, AnyRecord, DoorState, NodeHealth

SILENT_AFTER_MS = 20_000
"""Below it the value is 0: a node speaks every 15 s even when nothing happens."""
SENSOR_SILENT_AFTER_MS = 25 * 3_600_000
"""The same for a door's contact, which sleeps on a battery and speaks once a day at least."""
STEP_MS = 5_000
STEP_SHARE = 20
UNHEARD = "unheard"
"""A signal that is for a replay alone: for how many milliseconds, until its time, nothing was
heard because the hub did not run."""


class Silence:
    """max over the place's cameras, sensors and their nodes of (now − its last word), seconds.

    Any record of a camera is its word, also its node's report on it while that says it is
    well; it counts as silent from 20 s on, and so does a node. A door's contact counts as
    silent from 25 h on, and from when its gateway says that it cannot be reached.
    """

    def __init__(self, place: Place) -> None:
        cameras = {(view.node, view.source) for group in place.views for view in group}
        cameras |= {(line.node, line.source) for line in place.lines}
        self._nodes = {door.node for door in place.doors}
        self._after = dict.fromkeys(
            [*sorted(cameras), *((node, AGENT) for node in sorted(self._nodes))], SILENT_AFTER_MS
        )
        self._after |= {
            (door.node, door.source): SENSOR_SILENT_AFTER_MS
            for door in place.doors
            if (door.node, door.source) not in cameras
        }
        """Who may be silent for how long."""
        self._last: dict[Feed, int] = {}
        self._begun = False
        """Somebody has spoken since this began or was loaded."""
        self._away: set[Feed] = set()
        """Sensors that cannot be reached; their last word is the first that said so."""
        self._value: float | None = None
        self._read_at = 0
        self.limits: Limits | None = None
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear:
        """Every record is somebody's word: its source's, and the node's where that has doors."""
        source = origin.feed
        node = ((origin.node, AGENT),) if origin.node in self._nodes else ()
        both = (source, *node) if source in self._after and source not in node else node
        if origin.kind is DoorState:
            return partial(self._hear_door, source, node, both)
        if origin.kind is NodeHealth:
            return partial(self._hear_health, node, both)
        return partial(self._hear, both)

    def _hear_door(
        self, source: Feed, node: Sequence[Feed], both: Sequence[Feed], record: DoorState, at: int
    ) -> Iterable[Reading]:
        if record.available is not False:
            return self._hear(both, record, at)
        self._begin(at)
        self._lose(source, record.ts)
        return self._hear(node, record, at)

    def _hear_health(
        self, node: Sequence[Feed], both: Sequence[Feed], record: NodeHealth, at: int
    ) -> Iterable[Reading]:
        return self._hear(both if record.ok else node, record, at)

    def _begin(self, at: int) -> None:
        for key in self._after:  # silence is counted from the first word of any
            self._last.setdefault(key, at)
        self._begun = True

    def _hear(self, speakers: Sequence[Feed], record: AnyRecord, at: int) -> Iterable[Reading]:
        if not self._begun:
            self._begin(at)
        last, ts = self._last, record.ts
        for key in speakers:
            if ts >= last[key]:
                last[key] = ts
                if self._away:
                    self._away.discard(key)
        return () if self._value == 0 and not self._away else self.tick(at)

    def _lose(self, key: Feed, ts: int) -> None:
        if key in self._last and key not in self._away and ts >= self._last[key]:
            self._last[key] = ts
            self._away.add(key)

    def unheard(self, ms: int) -> None:
        """The hub did not run for so long, and nothing came of that time."""
        for key in self._last:
            self._last[key] += ms

    def tick(self, at: int) -> Iterable[Reading]:
        since, due = self._longest(at)
        if since is not None:
            later = self._next_look(since, at)
            if later is not None and (due is None or later < due):
                due = later
        self.due = due
        return self._read(since, at)

    def _longest(self, at: int) -> tuple[int | None, int | None]:
        """Since when the longest silence lasts, and when the next begins."""
        since, due = None, None
        for key, last in self._last.items():
            after = SILENT_AFTER_MS if key in self._away else self._after[key]
            if last + after <= at:
                since = last if since is None else min(since, last)
            else:
                due = last + after if due is None else min(due, last + after)
        return since, due

    def _next_look(self, since: int, at: int) -> int | None:
        wanted: int | None = at + 1
        if self.limits is not None:
            wanted = next_limit(since, at, self.limits.get("silence_s", ()))
        return None if wanted is None else first_look(since, wanted, STEP_MS, STEP_SHARE)

    def _read(self, since: int | None, at: int) -> tuple[Reading, ...]:
        self._read_at = at
        value = 0.0 if since is None else (at - since) / 1000
        if not self._last or value == self._value:
            return ()
        self._value = value
        return (("silence_s", value),)

    def catch_up(self, at: int) -> Iterable[Reading]:
        since, _ = self._longest(self._read_at)
        if since is None:
            return ()
        return self._read(since, max(self._read_at, last_look(since, at, STEP_MS, STEP_SHARE)))

    def dump(self) -> Any:
        rows = [[*key, ts, key in self._away] for key, ts in self._last.items()]
        return [rows, self._value, self.due]

    def load(self, state: Any) -> None:
        rows, self._value, self.due = state
        for node, source, ts, away in rows:
            if (node, source) in self._after:
                self._last[node, source] = ts
                if away:
                    self._away.add((node, source))
