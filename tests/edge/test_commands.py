"""What a node answers the control room."""

from types import SimpleNamespace
from typing import cast

from prometheus_client import CollectorRegistry

from edge.camera import CameraWorker, Condition
from edge.commands import Commands
from edge.metrics import EdgeMetrics
from edge.shared_detector import SharedDetector
from tests.edge.fakes import ScriptedDetector
from wire.records import Do, Done


def _ask(source: str, *cameras: tuple[str, Condition, str]) -> tuple[Done, list[str]]:
    asked: list[str] = []
    workers = [
        SimpleNamespace(
            camera=SimpleNamespace(id=name),
            condition=condition,
            detail=detail,
            snapshot=lambda name=name: asked.append(name),
        )
        for name, condition, detail in cameras
    ]
    commands = Commands(
        cameras=lambda: cast("list[CameraWorker]", workers),
        detector=SharedDetector(ScriptedDetector([])),
        restart=lambda _source: (True, ""),
        reload=lambda: (True, ""),
        metrics=EdgeMetrics(CollectorRegistry()),
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
