"""``silence_s``: how long a source of the place has said nothing."""

from collections.abc import Iterable
from typing import Any

from configs.site import Place
from hub.fusion.signal import Reading, next_look
from wire.records import AGENT, AnyRecord, NodeHealth

SILENT_AFTER_MS = 20_000
"""Below it the value is 0: a node speaks every 15 s even when nothing happens."""
STEP_MS = 5_000
STEP_SHARE = 20


class Silence:
    """max over the place's sources of (now − its last word), seconds.

    Any record of a camera is its word, also its node's report on it while that says it is
    well. A door's contact may rest for hours, so its node speaks for it.
    """

    def __init__(self, place: Place) -> None:
        cameras = {(view.node, view.source) for group in place.views for view in group}
        cameras |= {(line.node, line.source) for line in place.lines}
        self._sources = cameras | {(door.node, AGENT) for door in place.doors}
        self._nodes = {door.node for door in place.doors}
        self._last: dict[tuple[str, str], int] = {}
        self._value: float | None = None
        self.due: int | None = None

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        for key in self._sources:
            self._last.setdefault(key, at)  # silence is counted from the first word of any
        if not isinstance(record, NodeHealth) or record.ok:
            self._heard((node, record.source), record.ts)
        if node in self._nodes:
            self._heard((node, AGENT), record.ts)
        return self.tick(at)

    def _heard(self, key: tuple[str, str], ts: int) -> None:
        if key in self._sources:
            self._last[key] = max(ts, self._last[key])

    def tick(self, at: int) -> Iterable[Reading]:
        if not self._last:
            return ()
        since = min(self._last.values())
        age = at - since
        silent = age >= SILENT_AFTER_MS
        value = age / 1000 if silent else 0.0
        later = next_look(since, at, STEP_MS, STEP_SHARE)
        self.due = later if silent else since + SILENT_AFTER_MS
        if value == self._value:
            return ()
        self._value = value
        return (("silence_s", value),)

    def dump(self) -> Any:
        return [[[*key, ts] for key, ts in self._last.items()], self._value, self.due]

    def load(self, state: Any) -> None:
        rows, self._value, self.due = state
        self._last = {
            (node, source): ts for node, source, ts in rows if (node, source) in self._sources
        }
