"""``occupancy.<label>``: how many there are now."""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Feed, Origin, Reading, View, soonest
from wire.records import Fault, SceneFault, ZoneCount

FORGET_MS = 60_000
"""A count above zero that is not repeated for this long is no longer believed. Edges repeat
theirs every 5 s; higher: a dead camera's people stay longer, lower: a slow link loses them."""


class Occupancy:
    """Σ over groups of overlapping views of the maximum over a group's views.

    Two cameras of one group that both see the same 2 people say 2; a camera of another
    group that sees 1 makes it 3.
    """

    def __init__(self, place: Place) -> None:
        self._groups = [[(v.node, v.source, v.zone) for v in group] for group in place.views]
        self._views = {key for group in self._groups for key in group}
        self._counts: dict[str, dict[View, tuple[int, int]]] = defaultdict(dict)
        """label → view → (count, event time of the record that said so)."""
        self._values: dict[str, int] = {}
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        if origin.kind is ZoneCount and origin.view in self._views:
            return partial(self._count, origin.view)
        if origin.kind is SceneFault:
            return partial(self._lose, origin.feed)
        return None

    def _count(self, view: View, record: ZoneCount, at: int) -> Iterable[Reading]:  # noqa: ARG002
        views = self._counts[record.label]
        count, ts = views.get(view, (-1, 0))
        if record.ts < ts:
            return ()  # something newer of this view is known already
        views[view] = (record.count, record.ts)
        forgotten = record.ts + FORGET_MS
        if record.count and (self.due is None or forgotten < self.due):
            self.due = forgotten  # what is put off is found out when it is due
        return () if record.count == count else self._changed((record.label,))

    def _lose(
        self, camera: Feed, record: SceneFault, at: int  # noqa: ARG002
    ) -> Iterable[Reading]:  # fmt: skip
        if record.fault is not Fault.LOST or not record.active:
            return ()
        for views in self._counts.values():
            for key in [key for key in views if key[:2] == camera]:
                views[key] = (0, record.ts)
        return self._changed(tuple(self._counts))

    def tick(self, at: int) -> Iterable[Reading]:
        for views in self._counts.values():
            for key, (count, ts) in views.items():
                if count and ts + FORGET_MS <= at:
                    views[key] = (0, ts)
        self._plan()
        return self._changed(tuple(self._counts))

    def _plan(self) -> None:
        self.due = soonest(
            ts + FORGET_MS
            for views in self._counts.values()
            for count, ts in views.values()
            if count
        )

    def _changed(self, labels: Iterable[str]) -> list[Reading]:
        readings: list[Reading] = []
        for label in labels:
            views = self._counts[label]
            value = 0
            for group in self._groups:  # plain loops: they run once for each record
                most = 0
                for key in group:
                    if key in views and views[key][0] > most:
                        most = views[key][0]
                value += most
            if self._values.get(label) != value:
                self._values[label] = value
                readings.append((f"occupancy.{label}", float(value)))
        return readings

    def dump(self) -> Any:
        return [
            [label, *key, count, ts]
            for label, views in self._counts.items()
            for key, (count, ts) in views.items()
        ]

    def load(self, state: Any) -> None:
        for label, node, source, zone, count, ts in state:
            if (node, source, zone) in self._views:
                self._counts[label][node, source, zone] = (count, ts)
        self._plan()
        self._changed(tuple(self._counts))
