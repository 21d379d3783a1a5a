"""One camera, from its pictures to records: source, detector, tracker, zones and lines.

A thread of its own, so that a camera that fails or hangs takes no other along. The detector
is shared and serves one camera at a time.
"""

import enum
import hashlib
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from configs.agent import Camera
from edge.detections import Detections, FloatArray
from edge.evidence import people
from edge.faults import SceneFaults
from edge.frames import Frame
from edge.gate import Gate
from edge.memory import SAVE_MS, recall, recall_faults, save, save_faults
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from edge.scene import Scene
from edge.shared_detector import SharedDetector
from edge.showcase import WAIT_MS, Showcase
from edge.sources import Source, SourceBroken
from edge.usual import recall_reference, save_reference
from wire.records import AnyRecord, Fault, NodeHealth, SceneFault, ZoneCount

log = logging.getLogger(__name__)

BACKOFF_S: Final = (1.0, 30.0)
"""The first and the longest wait before a failed camera is opened again."""
LOST_MS: Final = 5_000
"""A camera without a picture this long is reported lost. Higher: tolerates hiccups."""
USUAL_SAVE_MS: Final = 300_000
"""How often what a scene usually looks like is written down."""
RECENT: Final = 12
"""Records that somebody who watches is shown."""
WATCHED_MS: Final = 5_000

PACE_MS: Final = 3_000
"""Whether the device keeps up is judged over this long at least."""
BUSY: Final = 0.8
"""A camera that is at work on pictures, or waits to be, for more than this share of the time does
not keep up, …"""
IDLE: Final = 0.5
"""… until it is for less than this: at the limit it would be told again and again, …"""
KEPT: Final = 0.95
"""… where it gets less than this share of what it wants."""


class Condition(enum.StrEnum):
    """How a camera does."""

    STARTING = "starting"
    WATCHING = "watching"
    LOST = "lost"
    FINISHED = "finished"


class View(NamedTuple):
    """What a camera saw when it was last looked at, for somebody who watches."""

    frame: Frame
    people: FloatArray
    """(N, 4) boxes of everybody who may be in it, pixels."""
    tracks: Detections
    names: Sequence[str]
    """Of the labels."""
    counts: dict[str, dict[str, int]]
    records: tuple[AnyRecord, ...]
    """The newest ones, the oldest first."""
    still: bool
    """Nothing has moved since."""


class _Counts(NamedTuple):
    """What health is told from, at one moment."""

    ts: int
    inferred: int
    gated: int
    infer_s: float
    busy_ms: int
    """Spent on pictures, waiting for the detector included."""


class CameraWorker:
    """Runs one camera until its file ends or it is stopped."""

    def __init__(
        self,
        camera: Camera,
        *,
        open_source: Callable[[Camera], Source],
        detector: SharedDetector,
        score: float,
        recorder: Recorder,
        metrics: EdgeMetrics,
        now: Callable[[], int],
        on_frame: Callable[[Source, Frame], None] | None = None,
        on_finished: Callable[[], None] = lambda: None,
        memory: Path | None = None,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        """``score``: boxes below it start no track. ``on_frame`` hears of every picture.

        ``memory``: a folder in which to remember who stood where and what was told.
        """
        self.camera = camera
        self._open_source = open_source
        self._detector = detector
        self._score = score
        self._recorder = recorder
        self._metrics = metrics
        self._now = now
        self._on_frame = on_frame
        self._on_finished = on_finished
        self._backoff_s = backoff_s
        self._memory = memory / f"scene-{camera.id}.json" if memory is not None else None
        self._told_file = memory / f"faults-{camera.id}.json" if memory is not None else None
        self._saved_ts = 0
        told = recall_faults(self._told_file) if self._told_file is not None else set()
        self._lost_told = Fault.LOST in told
        kinds = [Fault(name) for name in camera.scene_faults]
        self._usual_file = memory / f"usual-{camera.id}.msgpack" if memory is not None else None
        before = recall_reference(self._usual_file) if self._usual_file is not None else None
        if before is not None and before.drawn != _drawn(camera):
            before = None
        self._faults = SceneFaults(camera.id, kinds, told - {Fault.LOST}, before)
        self._usual_saved_ts: int | None = None
        self._gate = Gate(camera.motion_gate)
        self._showcase = Showcase(camera, detector=detector, recorder=recorder, metrics=metrics)
        self._scene: Scene | None = None
        self._source: Source | None = None
        self._stopping = threading.Event()
        self._redrawn: Camera | None = None
        self.newest: Frame | None = None
        """The picture that was last looked at."""
        self._watched_at: int | None = None
        self._view: View | None = None
        self._recent: deque[AnyRecord] = deque(maxlen=RECENT)
        self._thread = threading.Thread(target=self._run, name=f"camera {camera.id}", daemon=True)
        self.condition = Condition.STARTING
        self.detail = ""
        """Why it is lost."""
        self.delivered = self.skipped = self.inferred = self.gated = self.reconnects = 0
        self.first_ts = self.last_ts = 0
        """Event times of the first and the newest picture, ms."""
        self._infer_s = 0.0
        self._busy_ms = 0
        self.slow = False
        """The device cannot analyse as many pictures as are wanted."""
        self._heard_at = now()
        self._told = self._counts()

    @property
    def size_wh(self) -> tuple[int, int] | None:
        """The picture's size, once one has come."""
        return self._scene.size_wh if self._scene is not None else None

    @property
    def how(self) -> str:
        """Its condition, and why where that is known."""
        return f"{self.condition}: {self.detail}" if self.detail else str(self.condition)

    def start(self) -> None:
        """Begin watching."""
        self._thread.start()

    def stop(self) -> None:
        """End watching, within moments."""
        self._stopping.set()
        if (source := self._source) is not None:
            source.close()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def snapshot(self) -> None:
        """Send a picture of the next look."""
        self._showcase.ask()

    def watch(self) -> View | None:
        """What it sees; None where it has seen nothing since somebody began to watch.

        Views are made while this is asked for and for `WATCHED_MS` after, and cost then only.
        """
        self._watched_at = self._now()
        return self._view

    def redraw(self, camera: Camera) -> None:
        """From the next picture on, use this camera's zones, lines, masks, blurring and rate.

        Everything else of it must be as before; no picture is missed and no track is lost.
        """
        self._redrawn = camera

    def check(self) -> None:
        """Report the camera lost where no picture has come for long. Call it now and then."""
        self._showcase.finish(self._now() - WAIT_MS)  # where nothing better comes any more
        if self.condition in (Condition.STARTING, Condition.WATCHING):
            silent_ms = self._now() - self._heard_at
            if silent_ms > LOST_MS + 3000 / self.camera.wanted_fps:
                self._lose(self._why() or f"no picture for {silent_ms / 1000:.0f} s")
        elif self.condition is Condition.LOST:
            self.detail = self._why() or self.detail

    def _why(self) -> str:
        """Why no picture comes, where the source knows."""
        down = self._source.down if self._source is not None else None
        return str(down) if down is not None else ""

    def health(self) -> NodeHealth:
        """How the camera does; rates are since this was last asked."""
        before, now = self._told, self._counts()
        self._told = now
        inferred = now.inferred - before.inferred
        looks = inferred + now.gated - before.gated
        spent_ms = (now.infer_s - before.infer_s) * 1000
        fps = round(looks * 1000 / max(now.ts - before.ts, 1), 2)
        self._judge_pace(now.ts - before.ts, now.busy_ms - before.busy_ms, fps)
        return NodeHealth(
            seq=0,
            ts=now.ts,
            source=self.camera.id,
            ok=self.condition is not Condition.LOST,
            detail=self._described(fps)[:200],
            fps=fps,
            infer_ms=round(spent_ms / inferred, 2) if inferred else 0.0,
            frames=self.delivered,
            gated=self.gated,
            skipped=self.skipped,
            reconnects=self.reconnects,
        )

    def _described(self, fps: float) -> str:
        notes: list[str] = sorted(self._faults.active)
        if self.slow:
            wanted = self.camera.wanted_fps
            notes.append(f"device too slow: {fps:g} of {wanted:g} pictures a second")
        return self.detail or self.condition.value + (f" ({', '.join(notes)})" if notes else "")

    def _judge_pace(self, lasted_ms: int, busy_ms: int, fps: float) -> None:
        """Whether the camera did nothing but look and wait for its turn to."""
        if lasted_ms < PACE_MS:
            return
        least = IDLE if self.slow else BUSY
        slow = busy_ms > least * lasted_ms and fps < KEPT * self.camera.wanted_fps
        self._metrics.slow.labels(self.camera.id).set(slow)
        if slow and not self.slow:
            log.warning(
                "camera %s: the device is too slow for %g pictures a second, it manages %g; "
                "lower fps, take a smaller model or fewer cameras",
                self.camera.id, self.camera.wanted_fps, fps,
            )  # fmt: skip
        elif self.slow and not slow:
            log.info("camera %s: the device keeps up again", self.camera.id)
        self.slow = slow

    def _counts(self) -> "_Counts":
        return _Counts(self._now(), self.inferred, self.gated, self._infer_s, self._busy_ms)

    def _run(self) -> None:
        wait_s = self._backoff_s[0]
        while not self._stopping.is_set():
            seen = self.inferred
            try:
                self._watch()
            except Exception as error:  # noqa: BLE001 - one camera's failure stays its own
                self._fail(error)
            else:
                break
            wait_s = self._backoff_s[0] if self.inferred > seen else wait_s
            self._stopping.wait(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            wait_s = min(wait_s * 2, self._backoff_s[1])
        if not self._stopping.is_set():
            self.condition = Condition.FINISHED
            log.info("camera %s: its file has ended", self.camera.id)
        self._on_finished()

    def _fail(self, error: Exception) -> None:
        self._metrics.camera_failures.labels(self.camera.id).inc()
        expected = isinstance(error, SourceBroken)
        log.warning("camera %s: %s", self.camera.id, error, exc_info=None if expected else error)
        self._lose(str(error) or type(error).__name__)

    def _watch(self) -> None:
        """From opening the source to its end; raises whatever goes wrong."""
        with closing(self._open_source(self.camera)) as source:
            self._source = source
            self._scene = None
            try:
                self._follow(source)
            finally:
                self._source = None
                self._showcase.finish()
            self._remember(self.last_ts, at_once=True)

    def _follow(self, source: Source) -> None:
        told = (0, 0, 0)
        while not self._stopping.is_set():
            frame = source.read()
            told = self._tally(source, told)
            if frame is None:
                return
            self._heard_at = begun = self._now()
            self.first_ts, self.last_ts = self.first_ts or frame.ts, frame.ts
            self._recover(frame.ts)
            self._look(frame)
            self._remember(frame.ts)
            self._busy_ms += self._now() - begun
            self.newest = frame
            if self._on_frame is not None:
                self._on_frame(source, frame)

    def _look(self, frame: Frame) -> None:
        size_wh = (frame.image.shape[1], frame.image.shape[0])
        self._take_up_drawing(frame.ts)
        if self._scene is None or self._scene.size_wh != size_wh:
            self._scene = self._new_scene(size_wh, frame.ts)
        scene = self._scene
        detections = self._seen(frame)
        faults = self._faults.look(frame.image, frame.ts)
        found = [*faults, *scene.look(detections, frame.ts)]
        if detections is not None:
            self._gate.looked(frame.ts, settled=scene.tracker.settled)
        self._showcase.look(frame, detections, scene.tracker, scene.tracks, found)
        if self._watched_at is not None:
            self._note_view(frame, detections, scene, found)
        if faults:
            self._note_faults()

    def _note_view(
        self,
        frame: Frame,
        detections: Detections | None,
        scene: Scene,
        found: Sequence[AnyRecord],
    ) -> None:
        if self._watched_at is None or self._now() - self._watched_at > WATCHED_MS:
            self._watched_at = self._view = None
            return
        self._recent += (each for each in found if not isinstance(each, ZoneCount))
        if detections is not None:
            names = self._detector.labels
            boxes = people(detections, scene.tracker.alive(), names)
            seen = View(frame, boxes, scene.tracks, names, {}, (), still=False)
        elif self._view is not None:
            # Nothing has moved: what was seen then is what is there now.
            seen = self._view._replace(still=True)
        else:
            return
        self._view = seen._replace(counts=scene.counts, records=tuple(self._recent))

    def _new_scene(self, size_wh: tuple[int, int], ts: int) -> Scene:
        self._showcase.scene_changed()
        scene = Scene(self.camera, self._detector.labels, size_wh, self._score)
        if self._memory is not None and (known := recall(self._memory, ts, size_wh)):
            scene.recall(known, ts)
        return scene

    def _take_up_drawing(self, ts: int) -> None:
        camera, self._redrawn = self._redrawn, None
        if camera is None:
            return
        if _drawn(camera) != _drawn(self.camera):
            self._faults.accept()
        if self._source is not None and camera.wanted_fps != self.camera.wanted_fps:
            self._source.set_fps(camera.wanted_fps)
        self.camera = self._showcase.camera = camera
        if self._scene is not None:
            self._recorder.append(self._scene.redraw(camera, ts))

    def _remember(self, ts: int, *, at_once: bool = False) -> None:
        if self._memory is None or self._scene is None:
            return
        self._remember_usual(ts, at_once=at_once)
        if at_once or ts - self._saved_ts >= SAVE_MS:
            self._saved_ts = ts
            save(self._memory, self._scene.remembered(ts))

    def _remember_usual(self, ts: int, *, at_once: bool) -> None:
        if self._usual_saved_ts is None:
            self._usual_saved_ts = ts
        if self._usual_file is None or not (at_once or ts - self._usual_saved_ts >= USUAL_SAVE_MS):
            return
        self._usual_saved_ts = ts
        if (usual := self._faults.reference(_drawn(self.camera))) is not None:
            save_reference(self._usual_file, usual)

    def _seen(self, frame: Frame) -> Detections | None:
        """What the detector sees; None where the gate says that nothing has moved."""
        if self._gate.opens(frame.image, frame.ts):
            return self._detect(frame)
        self.gated += 1
        self._metrics.frames_gated.labels(self.camera.id).inc()
        return None

    def _detect(self, frame: Frame) -> Detections:
        detections, infer_s = self._detector.detect(frame.image)
        self.inferred += 1
        self._infer_s += infer_s
        self._metrics.frames_inferred.labels(self.camera.id).inc()
        self._metrics.inference.labels(self.camera.id).observe(infer_s)
        return detections

    def _tally(self, source: Source, told: tuple[int, int, int]) -> tuple[int, int, int]:
        """Add to the counts what the source counted since it was last asked."""
        now = (source.delivered, source.skipped, source.reconnects)
        delivered, skipped, reconnects = (a - b for a, b in zip(now, told, strict=True))
        self.delivered += delivered
        self.skipped += skipped
        self.reconnects += reconnects
        self._metrics.frames_read.labels(self.camera.id).inc(delivered + skipped)
        self._metrics.frames_skipped.labels(self.camera.id).inc(skipped)
        return now

    def _lose(self, detail: str) -> None:
        self.detail = detail
        if self.condition is not Condition.LOST:
            self.condition = Condition.LOST
            if not self._lost_told:
                self._tell_lost(self._now(), active=True)
            self._recorder.append([self.health()])

    def _recover(self, ts: int) -> None:
        lost = self.condition is Condition.LOST
        self.condition, self.detail = Condition.WATCHING, ""
        if self._lost_told:
            self._tell_lost(ts, active=False)
        if lost:
            log.info("camera %s gives pictures again", self.camera.id)
            self._recorder.append([self.health()])

    def _tell_lost(self, ts: int, *, active: bool) -> None:
        fault = SceneFault(seq=0, ts=ts, source=self.camera.id, fault=Fault.LOST, active=active)
        self._recorder.append([fault])
        self._lost_told = active
        self._note_faults()

    def _note_faults(self) -> None:
        if self._told_file is not None:
            lost = {Fault.LOST} if self._lost_told else set()
            save_faults(self._told_file, self._faults.active | lost)


def _drawn(camera: Camera) -> str:
    """Names what is drawn on the picture: who draws anew, or turns it, means the view as it is."""
    shapes = (
        camera.rotate,
        [(each.id, each.polygon) for each in camera.zones],
        [(each.id, each.points) for each in camera.lines],
        camera.masks,
    )
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]
