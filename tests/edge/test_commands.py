"""What a node answers the control room."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from prometheus_client import CollectorRegistry

from edge.camera import CameraWorker, Condition
from edge.commands import Commands
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.picture_ring import PictureRing
from edge.recorder import Recorder
from edge.shared_detector import SharedDetector
from tests.edge.fakes import Clock, ScriptedDetector
from wire.codec import decode_record
from wire.records import Do, Done


def _ask(source: str, *cameras: tuple[str, Condition, str]) -> tuple[Done, list[str]]:
    asked: list[str] = []
    workers = [
        SimpleNamespace(
            camera=SimpleNamespace(id=name),
            condition=condition,
            how=f"{condition}: {detail}" if detail else str(condition),
            snapshot=lambda name=name: asked.append(name),
        )
        for name, condition, detail in cameras
    ]
    commands = Commands(
        cameras=lambda: cast("list[CameraWorker]", workers),
        detector=SharedDetector(ScriptedDetector([])),
        restart=lambda _source: (True, ""),
        reload=lambda: (True, ""),
        recorder=cast("Recorder", None),
        metrics=EdgeMetrics(CollectorRegistry()),
        now=Clock(),
    )
    return commands.answer(Do("x", "snapshot", source)), asked


def test_a_camera_without_a_picture_says_why_instead_of_promising_one() -> None:
    done, asked = _ask("gate", ("gate", Condition.LOST, "no route to host"))
    assert (done.ok, done.detail) == (False, "camera gate is lost: no route to host")
    assert asked == []
    done, _ = _ask("tape", ("tape", Condition.FINISHED, ""))
    assert (done.ok, done.detail) == (False, "camera tape is finished")


def test_of_several_cameras_those_that_can_send_one() -> None:
    lost, well = ("gate", Condition.LOST, "x"), ("yard", Condition.WATCHING, "")
    done, asked = _ask("", lost, well)
    assert done.ok
    assert asked == ["yard"]


def test_the_picture_of_a_moment_is_sent_once_more_after_a_record_of_then(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", max_records=1_000)
    metrics = EdgeMetrics(CollectorRegistry())
    ring = PictureRing(tmp_path / "pictures", max_bytes=10_000, keep_ms=86_400_000)
    commands = Commands(
        cameras=list,
        detector=SharedDetector(ScriptedDetector([])),
        restart=lambda _source: (True, ""),
        reload=lambda: (True, ""),
        recorder=Recorder(outbox, metrics, ring),
        metrics=metrics,
        now=Clock(1_700_000_060_000),
    )
    clocks = commands.answer(Do("t", "time", at=1_700_000_061_500))
    assert clocks == Done("t", ok=True, detail="this clock is 1.5 s behind")
    assert not commands.answer(Do("t", "time")).ok
    ring.add("yard", 1_700_000_000_000, "old", b"\xff\xd8\xff then")
    done = commands.answer(Do("1", "snapshot", "yard", at=1_700_000_001_500))
    assert done.ok, done
    assert "of 1.5 s from then is sent" in done.detail
    (row,) = outbox.peek(after=0, limit_records=9, limit_bytes=9_999).rows
    record = decode_record(row.raw)
    assert (record.ts, record.source) == (1_700_000_000_000, "yard")
    assert outbox.peek_picture() is None, "not before its record"
    outbox.delete(row.seq, row.seq)
    picture = outbox.peek_picture()
    assert picture is not None
    assert (picture.ref, picture.jpeg) == (record.evidence, b"\xff\xd8\xff then")
    for source, at in (("yard", 1_700_000_100_000), ("lobby", 1_700_000_000_000), ("", 1)):
        refused = commands.answer(Do("2", "snapshot", source, at=at))
        assert not refused.ok
        assert "is kept from within a minute" in refused.detail
    outbox.close()
