"""A restart: who stood there is the same, since as long as before, and is counted at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.camera import Condition
from edge.detections import Detections
from edge.memory import OLD_MS, Memory, TrackRow, recall, recall_faults, save, save_faults
from tests.edge.fakes import ScriptedDetector, ScriptedSource, boxes, until
from tests.edge.test_camera import CAMERA, Rig
from wire.records import (
    AnyRecord,
    Fault,
    SceneFault,
    ZoneCount,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)

SIZE = (640, 480)
DOWN_MS = 30_000


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for worker in made.workers:
        worker.stop()
    made.outbox.close()


def life(
    rig: Rig, script: list[Detections | Exception], start: int, pictures: int
) -> list[AnyRecord]:
    """What one life of the agent records."""
    before = len(rig.records())
    source = ScriptedSource(pictures, start=start)
    worker = rig.run(ScriptedDetector(script), lambda _: source, memory=rig.outbox_folder)
    until(lambda: worker.condition is Condition.FINISHED)
    return rig.records()[before:]


def test_who_stands_there_is_the_same_after_a_restart(rig: Rig) -> None:
    start = rig.clock.ms
    first = life(rig, [boxes((200, 300), (400, 300))], start, 150)
    assert {r.track for r in first if isinstance(r, ZoneEnter)} == {1, 2}
    again = start + 15_000 + DOWN_MS
    # One has left meanwhile, and somebody new has come.
    second = life(rig, [boxes((200, 300), (550, 300))], again, 60)
    assert [r.track for r in second if isinstance(r, ZoneEnter)] == [3]
    assert [r.track for r in second if isinstance(r, ZoneExit)] == [2]
    still = [r for r in second if isinstance(r, ZoneStationary) and r.track == 1]
    assert still[0].still_ms >= 15_000 + DOWN_MS - 1_000
    counts = [(r.ts - again, r.count) for r in second if isinstance(r, ZoneCount)]
    assert min(count for _, count in counts) >= 1, "never is the place said to be empty"
    assert [count for after_ms, count in counts if after_ms <= 2_000][-1] == 2
    assert {count for after_ms, count in counts if after_ms > 2_000} == {2}


def test_what_is_old_of_another_size_or_unreadable_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "scene-cam.json"
    assert recall(file, 1_000, SIZE) is None
    row = TrackRow(7, "person", 0.9, 5, (100.0, 200.0, 40.0, 100.0))
    save(file, Memory(1_000, SIZE, 8, [row], {}))
    known = recall(file, 1_000 + OLD_MS, SIZE)
    assert known is not None
    assert known.tracks == [row]
    assert recall(file, 1_001 + OLD_MS, SIZE) is None
    assert recall(file, 999, SIZE) is None
    assert recall(file, 1_000, (320, 240)) is None
    file.write_bytes(b'{"ts": 1')
    assert recall(file, 1_000, SIZE) is None
    assert "the scene starts anew" in caplog.text


def test_a_disk_that_cannot_be_written_costs_the_memory_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "gone" / "scene-cam.json", Memory(1, SIZE, 1))
    assert "a restart will know nobody" in caplog.text


def faults(records: list[AnyRecord]) -> list[tuple[str, bool]]:
    return [(str(r.fault), r.active) for r in records if isinstance(r, SceneFault)]


def test_a_fault_that_was_told_before_a_restart_is_told_to_be_over_after_it(rig: Rig) -> None:
    file = rig.outbox_folder / "faults-cam.json"
    save_faults(file, {Fault.LOST, Fault.DARK})
    told = faults(life(rig, [Detections.none()], rig.clock.ms, 60))
    # The scripted picture shows nothing, which a restarted agent takes for a covered lens.
    assert told == [("lost", False), ("dark", False), ("covered", True)]
    assert recall_faults(file) == {Fault.COVERED}


def test_a_fault_that_lasts_over_a_restart_is_not_told_again(rig: Rig) -> None:
    first = faults(life(rig, [Detections.none()], rig.clock.ms, 60))
    assert first == [("covered", True)]
    second = faults(life(rig, [Detections.none()], rig.clock.ms + DOWN_MS, 60))
    assert second == []


def test_a_fault_that_is_no_longer_watched_for_is_over(rig: Rig) -> None:
    save_faults(rig.outbox_folder / "faults-cam.json", {Fault.COVERED})
    source = ScriptedSource(60, start=rig.clock.ms)
    worker = rig.run(
        ScriptedDetector([Detections.none()]), lambda _: source,
        replace(CAMERA, scene_faults=("dark",)), rig.outbox_folder,
    )  # fmt: skip
    until(lambda: worker.condition is Condition.FINISHED)
    assert faults(rig.records()) == [("covered", False)]


def test_faults_that_cannot_be_read_are_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "faults-cam.json"
    assert recall_faults(file) == set()
    file.write_text('["sleepy"]')
    assert recall_faults(file) == set()
    assert "a fault may stay told" in caplog.text
