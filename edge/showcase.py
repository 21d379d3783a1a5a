"""From records to the pictures that show them: which is due, which look is the best, and when.

A record goes out at once and names its picture. The picture follows: for what a track did, the
best look at it from the seconds before to `WAIT_MS` after; for anything else, what was seen at
that moment.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from configs.agent import Camera
from edge.best import BestLooks, Look, look_at
from edge.detections import Detections, FloatArray
from edge.evidence import PictureDesk, is_event, people, render
from edge.frames import Frame
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from edge.shared_detector import SharedDetector
from edge.track import Tracker
from wire.records import (
    AnyRecord,
    LineCross,
    SceneFault,
    ZoneDwell,
    ZoneEnter,
    ZoneStationary,
)

log = logging.getLogger(__name__)

WAIT_MS: Final = 1_000
"""So long after an event a better look is waited for. Higher: better pictures, later."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A picture that its record has announced."""

    ref: str
    seq: int
    ts: int
    """Of the event."""
    tracks: frozenset[int]
    now: Look
    """What was seen at the event."""


class Showcase:
    """Of one camera. Its looks come from one thread; any may call `finish`."""

    def __init__(
        self,
        camera: Camera,
        *,
        detector: SharedDetector,
        recorder: Recorder,
        metrics: EdgeMetrics,
    ) -> None:
        self.camera = camera
        """May be exchanged: blurring and masks are those of when a picture is made."""
        self._detector = detector
        self._recorder = recorder
        self._metrics = metrics
        self._desk = PictureDesk(camera.id, camera.picture_every)
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._looks = BestLooks()
        self._due: _Due | None = None

    def ask(self) -> None:
        """Show the next look."""
        self._asked.set()

    def scene_changed(self) -> None:
        """Tracks begin anew: what is due goes out, older looks mean nothing any more."""
        self.finish()
        with self._lock:
            self._looks = BestLooks()

    def look(
        self,
        frame: Frame,
        detections: Detections | None,
        tracker: Tracker,
        tracks: Detections,
        found: Sequence[AnyRecord],
    ) -> None:
        """Write a look's records, and see to the pictures.

        ``detections`` is None where nothing has moved; ``tracks`` are those in the picture.
        """
        if detections is not None:
            seen = detections
            with self._lock:
                self._looks.look(frame, tracks, lambda: self._people(seen, tracker))
        asked = self._asked.is_set()
        records, ref = self._desk.choose(found, frame.ts, asked=asked)
        seqs = self._recorder.append(records)
        if ref is not None and seqs:
            if asked:
                self._asked.clear()
            self.finish()
            if detections is None:
                # Whose head is to be blurred is never left to a picture from before.
                detections, _ = self._detector.detect(frame.image)
            about = frozenset() if asked else _tracks(found)
            now = look_at(frame, tracks, about, self._people(detections, tracker))
            seq = max(
                seq for seq, record in zip(seqs, records, strict=True) if record.evidence == ref
            )
            with self._lock:
                self._due = _Due(ref, seq, frame.ts, about, now)
        self.finish(frame.ts)

    def finish(self, ts: int | None = None) -> None:
        """Make the picture that is due; with ``ts`` (ms), only where it has waited long enough."""
        with self._lock:
            due = self._due
            if due is None or (ts is not None and due.tracks and ts - due.ts < WAIT_MS):
                return
            self._due = None
            best = self._looks.best(due.tracks, due.ts, due.now) if due.tracks else due.now
        self._make(due, best)

    def _make(self, due: _Due, look: Look) -> None:
        try:
            jpeg = render(look.frame.image, look.people, self.camera)
        except ValueError as error:
            log.warning(
                "camera %s: record %d stays without its picture: %s",
                self.camera.id, due.seq, error,
            )  # fmt: skip
            return
        self._recorder.picture(self.camera.id, look.frame.ts, due.seq, due.ref, jpeg)
        self._metrics.pictures_made.labels(self.camera.id).inc()

    def _people(self, detections: Detections, tracker: Tracker) -> FloatArray:
        return people(detections, tracker.alive(), self._detector.labels)


def _tracks(records: Sequence[AnyRecord]) -> frozenset[int]:
    """Of whom a picture is to be chosen; of nobody where the picture itself is at fault."""
    if any(isinstance(record, SceneFault) and record.active for record in records):
        return frozenset()
    whose = (ZoneEnter, LineCross, ZoneDwell, ZoneStationary)
    return frozenset(
        record.track for record in records if isinstance(record, whose) and is_event(record)
    )
