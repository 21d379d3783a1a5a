"""One camera: looks become records, and its failures stay its own."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from configs.agent import Camera, Line, MotionGate, Zone
from edge.camera import CameraWorker, Condition
from edge.detections import Detections
from edge.faults import SceneFaults
from edge.frames import Image
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.shared_detector import AnyDetector, SharedDetector
from edge.sources import Source, SourceBroken, SourceDown
from tests.edge.fakes import Clock, ScriptedDetector, ScriptedSource, boxes, until
from wire.codec import decode_record
from wire.records import AnyRecord, LineCross, NodeHealth, SceneFault, ZoneCount, ZoneEnter

UNGATED = MotionGate(enabled=False)
"""Scripted pictures are all the same: what they show is in the detector's script."""
CAMERA = Camera(
    id="cam",
    file="scripted",
    motion_gate=UNGATED,
    zones=(Zone(id="yard", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),),
    lines=(Line(id="gate", points=((0.5, 1.0), (0.5, 0.0))),),
)


class Rig:
    """A worker with everything around it scripted."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.metrics = EdgeMetrics(self.registry)
        self.outbox_folder = folder
        self.outbox = Outbox(folder / "outbox.sqlite", max_records=10_000)
        self.recorder = Recorder(self.outbox, self.metrics)
        self.workers: list[CameraWorker] = []

    def run(
        self,
        detector: AnyDetector,
        opener: Callable[[Camera], Source],
        camera: Camera = CAMERA,
        memory: Path | None = None,
    ) -> CameraWorker:
        worker = CameraWorker(
            camera,
            open_source=opener,
            detector=SharedDetector(detector),
            score=0.4,
            recorder=self.recorder,
            metrics=self.metrics,
            now=self.clock,
            memory=memory,
            backoff_s=(0.01, 0.05),
        )
        self.workers.append(worker)
        worker.start()
        return worker

    def records(self) -> list[AnyRecord]:
        rows = self.outbox.peek(after=0, limit_records=10_000, limit_bytes=10**8).rows
        return [decode_record(row.raw) for row in rows]

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name, {"camera": "cam"})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for worker in made.workers:
        worker.stop()
    made.outbox.close()


def walkers(count: int) -> list[Detections | Exception]:
    return [boxes((200 + 10 * look, 300)) for look in range(count)]


def test_a_walk_becomes_an_entry_a_crossing_and_a_picture(rig: Rig) -> None:
    source = ScriptedSource(30, start=rig.clock.ms)
    worker = rig.run(ScriptedDetector(walkers(30)), lambda _: source)
    until(lambda: worker.condition is Condition.FINISHED)
    records = rig.records()
    (enter,) = [record for record in records if isinstance(record, ZoneEnter)]
    (cross,) = [record for record in records if isinstance(record, LineCross)]
    assert (enter.track, cross.track, cross.direction) == (1, 1, "right")
    assert enter.ts < cross.ts <= rig.clock.ms + 2900
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    rig.outbox.delete(1, len(records))
    picture = rig.outbox.peek_picture()
    assert picture is not None
    assert picture.ref in {record.evidence for record in records}
    assert cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR) is not None


def test_frames_and_inferences_are_counted(rig: Rig) -> None:
    source = ScriptedSource(12, start=rig.clock.ms)
    source.skipped = 5
    worker = rig.run(ScriptedDetector([Detections.none()]), lambda _: source)
    until(lambda: worker.condition is Condition.FINISHED)
    rig.clock.ms += 1000
    health = worker.health()
    assert (health.frames, health.skipped, health.fps, health.ok) == (12, 5, 12.0, True)
    assert health.infer_ms is not None
    assert rig.metric("linli_edge_frames_read_total") == 17
    assert rig.metric("linli_edge_frames_inferred_total") == 12
    assert rig.metric("linli_edge_inference_seconds_count") == 12


def test_a_still_scene_is_gated_and_who_stands_in_it_stays(rig: Rig) -> None:
    source = ScriptedSource(120, start=rig.clock.ms)
    detector = ScriptedDetector([boxes((200, 300))])
    camera = replace(CAMERA, motion_gate=MotionGate())
    worker = rig.run(detector, lambda _: source, camera)
    until(lambda: worker.condition is Condition.FINISHED)
    rig.clock.ms += 12_000
    health = worker.health()
    assert (health.fps, health.frames, health.gated) == (10.0, 120, worker.gated)
    assert worker.gated + worker.inferred == 120
    assert rig.metric("linli_edge_frames_gated_total") == worker.gated > 80
    kinds = [record.type for record in rig.records()]
    assert kinds.count("zone.enter") == 1
    assert "zone.exit" not in kinds
    counts = [record.count for record in rig.records() if isinstance(record, ZoneCount)]
    assert set(counts) == {1}


def test_a_covered_lens_is_reported_and_named_in_health(rig: Rig) -> None:
    source = ScriptedSource(60, start=rig.clock.ms)  # nothing but grey
    worker = rig.run(ScriptedDetector([Detections.none()]), lambda _: source)
    until(lambda: worker.condition is Condition.FINISHED)
    (fault,) = [record for record in rig.records() if isinstance(record, SceneFault)]
    assert (fault.fault, fault.active) == ("covered", True)
    assert worker.health().detail == "finished (covered)"


def test_a_failing_detector_is_reported_as_a_lost_camera_and_recovers(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    detector = ScriptedDetector([Detections.none(), RuntimeError("out of memory"), boxes((9, 200))])
    with caplog.at_level(logging.WARNING):
        worker = rig.run(detector, lambda _: ScriptedSource(5, start=rig.clock.ms))
        until(lambda: worker.condition is Condition.FINISHED)
    assert "camera cam: out of memory" in caplog.text
    faults = [record for record in rig.records() if isinstance(record, SceneFault)]
    assert [(fault.fault, fault.active) for fault in faults] == [("lost", True), ("lost", False)]
    sick = [r for r in rig.records() if isinstance(r, NodeHealth) and not r.ok]
    assert [(health.source, health.detail) for health in sick] == [("cam", "out of memory")]
    assert rig.metric("linli_edge_camera_failures_total") == 1


def test_a_camera_that_cannot_be_opened_is_told_once_and_tried_again(rig: Rig) -> None:
    tries: list[str] = []

    def opener(camera: Camera) -> Source:
        tries.append(camera.id)
        if len(tries) < 4:
            raise SourceBroken("there is no video file x; check the camera's file")
        return ScriptedSource(2, start=rig.clock.ms)

    worker = rig.run(ScriptedDetector([Detections.none()]), opener)
    until(lambda: worker.condition is Condition.FINISHED)
    assert len(tries) == 4
    faults = [record for record in rig.records() if isinstance(record, SceneFault)]
    assert [fault.active for fault in faults] == [True, False]


def test_a_camera_that_falls_silent_is_lost_with_the_sources_reason(rig: Rig) -> None:
    source = ScriptedSource(3, start=rig.clock.ms)
    source.ends = False
    worker = rig.run(ScriptedDetector([Detections.none()]), lambda _: source)
    until(lambda: worker.inferred == 3)
    worker.check()
    assert worker.condition is Condition.WATCHING
    source.down = SourceDown("camera cam (rtsp://x) gives no picture")
    rig.clock.ms += 10_000
    worker.check()
    worker.check()
    assert not worker.health().ok
    assert worker.health().detail == "camera cam (rtsp://x) gives no picture"
    source.down = SourceDown("camera cam (rtsp://x) refuses the login")
    worker.check()
    assert worker.health().detail == "camera cam (rtsp://x) refuses the login", "the newest reason"
    assert sum(isinstance(record, SceneFault) for record in rig.records()) == 1


def test_the_picture_of_an_event_goes_out_though_no_better_look_ever_comes(rig: Rig) -> None:
    # Somebody crosses after 2.2 s, and then the cable is cut.
    source = ScriptedSource(24, start=rig.clock.ms)
    source.ends = False
    script: list[Detections | Exception] = [boxes((100 + 10 * look, 300)) for look in range(24)]
    worker = rig.run(ScriptedDetector(script), lambda _: source)
    until(lambda: worker.newest is not None and worker.newest.index == 23)
    (cross,) = [record for record in rig.records() if isinstance(record, LineCross)]
    assert cross.evidence
    assert rig.outbox.pictures_waiting == 1, "the first look's; a better one of this may come yet"
    rig.clock.ms += 10_000
    worker.check()
    assert rig.outbox.pictures_waiting == 2


def test_a_new_picture_size_starts_the_scene_anew(rig: Rig) -> None:
    sources = [
        ScriptedSource(5, start=rig.clock.ms),
        ScriptedSource(5, start=rig.clock.ms + 1000, size_wh=(320, 240)),
    ]
    broken: list[Detections | Exception] = [boxes((100, 200))] * 5
    detector = ScriptedDetector([*broken[:4], RuntimeError("x"), *broken])
    worker = rig.run(detector, lambda _: sources.pop(0))
    until(lambda: worker.condition is Condition.FINISHED)
    assert worker.size_wh == (320, 240)
    assert sum(isinstance(record, ZoneEnter) for record in rig.records()) == 2


def test_stopping_ends_a_blocked_read_at_once(rig: Rig) -> None:
    source = ScriptedSource(1, start=rig.clock.ms)
    source.ends = False
    worker = rig.run(ScriptedDetector([Detections.none()]), lambda _: source)
    until(lambda: worker.inferred == 1)
    worker.stop()
    assert worker.condition is not Condition.FINISHED


def test_a_full_disk_loses_records_but_not_the_camera(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    (pages,) = rig.outbox._db.execute("PRAGMA page_count").fetchone()
    rig.outbox._db.execute(f"PRAGMA max_page_count = {pages}")
    camera = Camera(
        id="cam",
        file="scripted",
        motion_gate=UNGATED,
        zones=tuple(Zone(id=f"z-{n}", polygon=CAMERA.zones[0].polygon) for n in range(60)),
    )
    source = ScriptedSource(40, start=rig.clock.ms)
    worker = rig.run(ScriptedDetector(walkers(20)), lambda _: source, camera)
    until(lambda: worker.condition is Condition.FINISHED)
    assert worker.inferred == 40
    assert rig.recorder.failed > 0
    assert "records are lost" in caplog.text
    assert rig.registry.get_sample_value("linli_edge_records_failed_total") == rig.recorder.failed


class SlowDetector:
    """Takes ``ms`` of the test's clock for a picture."""

    labels = ("person", "car")

    def __init__(self, clock: Clock, ms: int) -> None:
        self.clock, self.ms = clock, ms

    def detect(self, image: Image) -> Detections:  # noqa: ARG002 - it does not look
        self.clock.ms += self.ms
        return Detections.none()


def test_a_device_that_is_too_slow_says_so_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    source = ScriptedSource(20, start=rig.clock.ms)
    worker = rig.run(SlowDetector(rig.clock, 400), lambda _: source)
    until(lambda: worker.condition is Condition.FINISHED)
    with caplog.at_level(logging.INFO):
        assert worker.health().detail == ("finished (device too slow: 2.5 of 10 pictures a second)")
        rig.clock.ms += 1_000
        assert "too slow" in worker.health().detail, "too early to tell"
        assert rig.metric("linli_edge_camera_slow") == 1
        assert caplog.text.count("it manages 2.5; lower fps") == 1
        rig.clock.ms += 15_000
        assert worker.health().detail == "finished"
        assert rig.metric("linli_edge_camera_slow") == 0
        assert "keeps up again" in caplog.text


def test_a_device_is_too_slow_whatever_takes_its_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = SceneFaults.look

    def slow(faults: SceneFaults, image: Image, ts: int) -> list[SceneFault]:
        rig.clock.ms += 150
        return look(faults, image, ts)

    monkeypatch.setattr(SceneFaults, "look", slow)
    source = ScriptedSource(20, start=rig.clock.ms)
    worker = rig.run(SlowDetector(rig.clock, 50), lambda _: source)
    until(lambda: worker.condition is Condition.FINISHED)
    assert worker.health().detail == "finished (device too slow: 5 of 10 pictures a second)"
