"""``scene.fault`` and ``scene.fault.<kind>``: what is wrong with the cameras' pictures."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from configs.site import Place
from hub.fusion.signal import Ear, Feed, Origin, Reading
from wire.records import AnyRecord, NodeHealth, SceneFault


class Scene:
    """The number of faults that the place's cameras have now; and for each kind 1 while a
    camera has it, else 0."""

    def __init__(self, place: Place) -> None:
        self._cameras = {(view.node, view.source) for group in place.views for view in group}
        self._cameras |= {(line.node, line.source) for line in place.lines}
        self._faults: dict[tuple[str, str, str], int] = {}
        """(node, source, fault) → event time since which it is known to be so."""
        self._cleared: dict[tuple[str, str, str], int] = {}
        self._values: dict[str, float] = {}
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        camera = origin.feed
        if origin.kind is SceneFault:
            return partial(self._take, camera) if camera in self._cameras else None
        return self._begin if origin.kind is NodeHealth else None

    def _begin(self, record: AnyRecord, at: int) -> Iterable[Reading]:  # noqa: ARG002
        return () if self._values else self._read()

    def _take(self, camera: Feed, record: SceneFault, at: int) -> Iterable[Reading]:  # noqa: ARG002
        key = (*camera, str(record.fault))
        if record.ts < max(self._faults.get(key, 0), self._cleared.get(key, 0)):
            return ()  # something newer is known already
        now, before = self._faults, self._cleared
        if not record.active:
            now, before = before, now
        now[key] = record.ts
        before.pop(key, None)
        return self._read()

    def _read(self) -> list[Reading]:
        values = {"scene.fault": float(len(self._faults))}
        for _, _, fault in (*self._faults, *self._cleared):
            values.setdefault(f"scene.fault.{fault}", 0.0)
        for _, _, fault in self._faults:
            values[f"scene.fault.{fault}"] = 1.0
        readings = [item for item in values.items() if self._values.get(item[0]) != item[1]]
        self._values = values
        return readings

    def tick(self, at: int) -> Iterable[Reading]:  # noqa: ARG002
        return self._read()

    def dump(self) -> Any:
        rows = [
            [*key, ts, active]
            for faults, active in ((self._faults, True), (self._cleared, False))
            for key, ts in faults.items()
        ]
        return [rows, self._values]

    def load(self, state: Any) -> None:
        rows, self._values = state
        for node, source, fault, ts, active in rows:
            if (node, source) in self._cameras:
                (self._faults if active else self._cleared)[node, source, fault] = ts
