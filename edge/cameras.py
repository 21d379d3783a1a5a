"""The cameras of a node: made, started, looked after, exchanged where their settings change."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from configs.agent import Camera, EdgeFile
from edge.camera import CameraWorker, Condition
from edge.doors import SimulatedDoor
from edge.frames import Frame
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from edge.shared_detector import SharedDetector
from edge.sources import Source
from wire.records import SourceAbout

REDRAWN: Final = ("zones", "lines", "masks", "blur", "unblurred_reason", "fps")
"""What of a camera may change while it is watched."""

Now = Callable[[], int]
Opener = Callable[[Camera, Now], Source]


class Cameras:
    """One node's. `start`, `take_up`, `restart` and `stop` are for one thread at a time."""

    def __init__(
        self,
        settings: EdgeFile,
        *,
        opener: Opener,
        detector: SharedDetector,
        recorder: Recorder,
        metrics: EdgeMetrics,
        now: Now,
        on_finished: Callable[[], None],
    ) -> None:
        """``now``: ms since the Unix epoch; ``on_finished``: a camera's file has ended."""
        self._settings = settings
        self._opener = opener
        self._detector = detector
        self._recorder = recorder
        self._metrics = metrics
        self._now = now
        self._on_finished = on_finished
        self.recorded = bool(settings.cameras) and all(
            camera.file and camera.pace == "fast" for camera in settings.cameras
        )
        """All are recordings, read as fast as possible: then time is theirs."""
        self.frame_ts = 0
        """Of the newest picture of any of them."""
        self.workers = [self._make(camera) for camera in settings.cameras]

    def __iter__(self) -> Iterator[CameraWorker]:
        return iter(list(self.workers))

    @property
    def finished(self) -> bool:
        """Whether there are some, and the files of all have ended."""
        workers = list(self.workers)
        return bool(workers) and all(each.condition is Condition.FINISHED for each in workers)

    @property
    def lost(self) -> list[str]:
        """The ids of those that give no picture."""
        return [each.camera.id for each in self if each.condition is Condition.LOST]

    def time(self) -> int:
        """Now (ms), or what a recording shows as now: records of one node go by one clock."""
        return self.frame_ts if self.recorded and self.frame_ts else self._now()

    def start(self) -> None:
        """Begin watching."""
        for worker in self:
            worker.start()

    def stop(self) -> None:
        """End watching."""
        for worker in reversed(self.workers):
            worker.stop()

    def check(self) -> None:
        """Look after them; call it now and then."""
        for worker in self:
            worker.check()

    def restart(self, source: str) -> bool:
        """Open one anew; False where there is none of that id."""
        for index, worker in enumerate(self.workers):
            if worker.camera.id == source:
                self.workers[index] = self._exchange(worker, worker.camera)
                return True
        return False

    def take_up(self, new: EdgeFile, *, afresh: bool) -> list[str]:
        """Run with other settings; what they leave as it was notices nothing.

        ``afresh``: every camera must be opened anew. Returns what was changed, for people.
        """
        old, self._settings = self._settings, new
        before = {worker.camera.id: worker for worker in self.workers}
        workers: list[CameraWorker] = []
        changes: list[str] = []
        for gone in before.keys() - {camera.id for camera in new.cameras}:
            before[gone].stop()
            changes.append(f"camera {gone} removed")
        for camera in new.cameras:
            worker = before.get(camera.id)
            if worker is None:
                workers.append(self._exchange(None, camera))
                changes.append(f"camera {camera.id} added")
            elif afresh or _is_another(worker.camera, camera, (old, new)):
                workers.append(self._exchange(worker, camera))
                changes.append(f"camera {camera.id} opened anew")
            else:
                workers.append(worker)
                if worker.camera != camera:
                    changes.append(_told(worker.camera, camera))
                    worker.redraw(camera)
        self.workers = workers
        return changes

    def about(self, camera: Camera) -> SourceAbout:
        """What is told of a camera."""
        # As configured: a worker takes up what was drawn anew with its next picture only.
        size_wh = next((each.size_wh for each in self if each.camera.id == camera.id), None)
        return SourceAbout(
            id=camera.id,
            kind="camera",
            zones=tuple(zone.id for zone in camera.zones),
            lines=tuple(line.id for line in camera.lines),
            zone_labels={zone.id: self._known(zone.labels) for zone in camera.zones},
            line_labels={line.id: self._known(line.labels) for line in camera.lines},
            size_wh=size_wh or UNSET,
            blurred=camera.blur,
            unblurred_reason=camera.unblurred_reason[:200],
        )

    def _known(self, labels: Iterable[str]) -> tuple[str, ...]:
        wanted = {*self._detector.labels}.intersection(self._settings.model.labels)
        return tuple(label for label in labels if label in wanted)

    def _exchange(self, worker: CameraWorker | None, camera: Camera) -> CameraWorker:
        if worker is not None:
            worker.stop()
        made = self._make(camera)
        made.start()
        return made

    def _make(self, camera: Camera) -> CameraWorker:
        doors = [
            SimulatedDoor(door, self._recorder)
            for door in self._settings.doors
            if door.kind == "simulated" and door.camera == camera.id
        ]

        def on_frame(source: Source, frame: Frame) -> None:
            self.frame_ts = max(self.frame_ts, frame.ts)
            for door in doors:
                door.look(source, frame)

        return CameraWorker(
            camera,
            open_source=lambda each: self._opener(each, self._now),
            detector=self._detector,
            score=self._settings.model.score,
            recorder=self._recorder,
            metrics=self._metrics,
            now=self.time,
            on_frame=on_frame,
            on_finished=self._on_finished,
            memory=None if camera.file else Path(self._settings.data),
        )


def _told(old: Camera, new: Camera) -> str:
    """What changes of a camera that stays open, for people: lines may change its rate."""
    if new.wanted_fps == old.wanted_fps:
        return f"camera {new.id} redrawn"
    return f"camera {new.id} redrawn, {new.wanted_fps:g} pictures a second from now on"


def _is_another(old: Camera, new: Camera, files: tuple[EdgeFile, EdgeFile]) -> bool:
    """Whether a camera must be opened anew for a change."""
    drawn = {name: getattr(new, name) for name in REDRAWN}
    before, after = ([door for door in file.doors if door.camera == new.id] for file in files)
    return replace(old, **drawn) != new or before != after
