"""A changed edge.yaml is taken up while the agent runs; a bad one changes nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from configs import load_edge
from configs.agent import Camera, EdgeFile
from edge.agent import Agent
from edge.frames import Frame
from edge.sources import Source
from tests.edge.fakes import Listener, ScriptedDetector, ScriptedSource, boxes, until
from tests.servers import Server, mosquitto
from wire import codec
from wire.records import (
    About,
    Do,
    Done,
    ModelAbout,
    NodeHealth,
    State,
    ZoneCount,
    ZoneEnter,
    ZoneExit,
)

WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
Edit = Callable[..., None]
pytestmark = pytest.mark.usefixtures("patient_cameras")


class Standing:
    """Somebody who stands still for ever, in pictures that never end."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.sources: dict[str, Source] = {}

    def __call__(self, camera: Camera, now: Callable[[], int]) -> Source:
        self.opened.append(camera.id)
        made = self.sources[camera.id] = _Endless(now())
        made.fps = camera.wanted_fps
        return made


class _Endless(ScriptedSource):
    def __init__(self, start: int) -> None:
        super().__init__(10**9, start=start)

    def read(self) -> Frame | None:
        self._closed.wait(0.02)
        return super().read()


@pytest.fixture
def path(broker: Server, tmp_path: Path) -> Path:
    made = tmp_path / "edge.yaml"
    made.write_text(text(broker.port))
    return made


def text(
    port: int,
    cameras: Sequence[str] = ("a", "b"),
    zones: Sequence[str] = ("yard",),
    own: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    drawn = [{"id": zone, "polygon": WHOLE} for zone in zones]
    return json.dumps(
        {
            "site": "garden",
            "node": "gate-1",
            "mqtt": {"port": port},
            "cameras": [
                {
                    "id": each,
                    "file": "x.avi",
                    "zones": drawn if each == "a" else [],
                    "motion_gate": {"enabled": False},
                    **((own or {}) if each == "a" else {}),
                }
                for each in cameras
            ],
            **more,
        }
    )


@pytest.fixture
def opened() -> Standing:
    return Standing()


@pytest.fixture
def agent(path: Path, opened: Standing, listener: Listener) -> Iterator[Agent]:
    def make_detector(settings: EdgeFile) -> tuple[ScriptedDetector, ModelAbout]:
        return ScriptedDetector([boxes((320, 300))]), ModelAbout(
            name=settings.model.name, sha256="0" * 64
        )

    settings = load_edge(path)
    made = Agent(
        settings,
        make_detector(settings)[0],
        opener=opened,
        config=path,
        make_detector=make_detector,
    )
    made.start()
    listener.wait_for(lambda: any(isinstance(r, ZoneEnter) for r in listener.records()))
    until(lambda: all(camera.inferred for camera in made.cameras))
    yield made
    made.stop()


def ask(listener: Listener, command: Do) -> Done:
    listener.client.publish("linli/v1/garden/gate-1/do", codec.encode(command), 1)
    done: list[Done] = []

    def answered() -> bool:
        heard = [message for _, message in listener.heard if isinstance(message, Done)]
        done[:] = [message for message in heard if message.id == command.id]
        return bool(done)

    listener.wait_for(answered)
    return done[0]


def test_a_new_zone_loses_no_track_and_no_picture(
    agent: Agent, listener: Listener, path: Path, broker: Server, opened: Standing
) -> None:
    workers = list(agent.cameras)
    path.write_text(text(broker.port, zones=["yard", "bench"]))
    listener.wait_for(lambda: _entered(listener) == ["yard", "bench"])
    assert agent.cameras == workers
    assert opened.opened == ["a", "b"], "no camera was opened again"
    tracks = {r.track for r in listener.records() if isinstance(r, ZoneEnter)}
    assert len(tracks) == 1, "the person who stands there is still the same"
    listener.wait_for(lambda: _zones_told(listener) == ("yard", "bench"))
    path.write_text(text(broker.port, zones=["bench"]))
    listener.wait_for(lambda: any(isinstance(r, ZoneExit) for r in listener.records()))
    listener.wait_for(
        lambda: any(
            isinstance(r, ZoneCount) and (r.zone, r.count) == ("yard", 0)
            for r in listener.records()
        )
    )
    assert _entered(listener) == ["yard", "bench"]
    agent.stop()
    listener.wait_for(lambda: any(isinstance(m, State) and not m.online for _, m in listener.heard))
    seqs = listener.seqs()
    assert sorted(set(seqs)) == list(range(1, max(seqs) + 1)), "no record is missing"


def test_a_line_drawn_on_a_running_camera_makes_it_look_more_often(
    agent: Agent, listener: Listener, path: Path, broker: Server, opened: Standing
) -> None:
    line = {"lines": [{"id": "gate", "points": [[0.9, 0], [0.9, 1]]}]}
    path.write_text(text(broker.port, own=line))
    done = ask(listener, Do("l1", "reload"))
    until(lambda: opened.sources["a"].fps == 10)
    # The agent may have seen the change before the command came.
    told = "camera a redrawn, 10 pictures a second from now on"
    assert done.detail in (told, "nothing has changed")
    path.write_text(text(broker.port, own={**line, "fps": 4}))
    until(lambda: opened.sources["a"].fps == 4)
    assert opened.opened == ["a", "b"], "no camera was opened again"
    assert agent.cameras[0].health().ok


def _entered(listener: Listener) -> list[str]:
    return [record.zone for record in listener.records() if isinstance(record, ZoneEnter)]


def _zones_told(listener: Listener) -> tuple[str, ...]:
    abouts = [message for _, message in listener.heard if isinstance(message, About)]
    return abouts[-1].sources[0].zones


def test_cameras_come_and_go_and_the_others_notice_nothing(
    agent: Agent, path: Path, broker: Server, opened: Standing
) -> None:
    first, second = agent.cameras
    path.write_text(text(broker.port, cameras=["a", "c"]))
    until(lambda: [each.camera.id for each in agent.cameras] == ["a", "c"])
    assert agent.cameras[0] is first
    assert second not in agent.cameras
    until(lambda: agent.cameras[1].inferred > 0)
    assert opened.opened == ["a", "b", "c"]
    assert not agent.wait(0), "the agent goes on"


def test_a_bad_file_is_refused_told_and_the_old_one_runs_on(
    agent: Agent, listener: Listener, path: Path, broker: Server
) -> None:
    workers = list(agent.cameras)
    path.write_text(text(broker.port, zones=["Yard"]))
    until(lambda: agent.reloader is not None and agent.reloader.problem != "")
    done = ask(listener, Do("r1", "reload"))
    assert not done.ok
    assert "edge.yaml is refused, what ran before runs on" in done.detail
    assert "zones[0].id" in done.detail
    assert agent.cameras == workers
    health = agent.node_health()
    assert health.ok
    assert "edge.yaml is refused" in health.detail
    assert agent.metrics.config_good._value.get() == 0
    path.write_text(text(broker.port, zones=["yard", "bench"]))
    listener.wait_for(lambda: "bench" in _entered(listener))
    assert agent.node_health().detail == ""
    assert agent.metrics.config_good._value.get() == 1


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("change", [{"node": "gate-2"}, {"http_port": 1}, {"data": "elsewhere"}])
def test_what_needs_a_restart_is_said(
    listener: Listener, path: Path, broker: Server, change: dict[str, Any]
) -> None:
    path.write_text(text(broker.port, **change))
    done = ask(listener, Do("r1", "reload"))
    assert not done.ok
    assert f"{next(iter(change))} cannot change while the agent runs" in done.detail


def test_a_new_model_is_loaded_before_the_old_one_goes(
    agent: Agent, listener: Listener, path: Path, broker: Server, opened: Standing
) -> None:
    path.write_text(text(broker.port, model={"name": "other"}))
    done = ask(listener, Do("r1", "reload"))
    assert done.ok
    until(lambda: all(camera.inferred > 0 for camera in agent.cameras))
    assert opened.opened.count("a") == 2, "labels may differ: every camera begins anew"
    about = agent.about()
    assert about.model is not None
    assert about.model.name == "other"


def test_another_broker_takes_over_and_nothing_is_lost(
    agent: Agent, listener: Listener, path: Path, tmp_path: Path
) -> None:
    with mosquitto(_folder(tmp_path)) as other:
        ears = Listener(other.port)
        path.write_text(text(other.port))
        ears.wait_for(lambda: bool(ears.records()))
        told = set(range(1, max(ears.seqs()) + 1))
        listener.wait_for(lambda: told <= {*listener.seqs(), *ears.seqs()})
        agent.stop()
        ears.close()


def _folder(tmp_path: Path) -> Path:
    made = tmp_path / "other"
    made.mkdir()
    return made


def test_a_camera_is_restarted_on_demand(
    agent: Agent, listener: Listener, opened: Standing
) -> None:
    other = agent.cameras[1]
    assert ask(listener, Do("s1", "restart", "a")).ok
    until(lambda: opened.opened == ["a", "b", "a"])
    assert agent.cameras[1] is other
    assert ask(listener, Do("s2", "restart", "z")).detail == "no camera or door 'z' on this node"
    assert not ask(listener, Do("s3", "restart")).ok


@pytest.mark.usefixtures("agent")
def test_a_blur_check_looks_at_what_would_be_sent(listener: Listener) -> None:
    done = ask(listener, Do("b1", "blur-check"))
    assert (done.ok, done.detail) == (True, "a: 1 of 1 heads blurred; b: 1 of 1 heads blurred")
    assert not ask(listener, Do("b2", "blur-check", "z")).ok


def test_a_command_that_fails_is_answered_and_the_next_one_done(
    agent: Agent, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("the lens is gone")

    monkeypatch.setattr(agent.cameras[0], "snapshot", fails)
    done = ask(listener, Do("x1", "snapshot", "a"))
    assert (done.ok, done.detail) == (False, "failed: RuntimeError: the lens is gone")
    assert ask(listener, Do("x2", "ping")).detail == "pong"


def test_sick_cameras_are_told_beside_a_refused_file(agent: Agent, path: Path) -> None:
    path.write_text("{")
    until(lambda: agent.reloader is not None and agent.reloader.problem != "")
    health: NodeHealth = agent.node_health()
    assert "not valid YAML" in health.detail
