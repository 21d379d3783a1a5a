"""The whole agent on a real broker, with scripted cameras."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from msgspec.structs import replace

from configs.agent import Camera, DoorSensor, EdgeFile, MotionGate, StreetSettings, Zone
from configs.values import Duration
from edge.agent import Agent, wall_ms
from edge.detections import Detections
from edge.frames import Frame, Image
from edge.sources import Source, open_source
from tests.edge.fakes import (
    DEADLINE_S,
    LABELS,
    Listener,
    ScriptedDetector,
    ScriptedSource,
    boxes,
    until,
)
from tests.servers import Server
from wire import codec
from wire.mqtt import Broker
from wire.records import AGENT, About, Do, Done, DoorState, NodeHealth, State, ZoneEnter

EVERYWHERE = Zone(id="yard", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
UNGATED = MotionGate(enabled=False)
CAMERA = Camera(id="cam", file="scripted", zones=(EVERYWHERE,), motion_gate=UNGATED)
Start = Callable[..., Agent]
pytestmark = pytest.mark.usefixtures("patient_cameras")


class Blind:
    """Sees nobody."""

    labels = LABELS

    def detect(self, image: Image) -> Detections:  # noqa: ARG002 - it does not look
        return Detections.none()


class Held(ScriptedSource):
    """Gives nothing until it may."""

    def __init__(self, count: int) -> None:
        super().__init__(count, start=wall_ms())
        self.go = threading.Event()

    def read(self) -> Frame | None:
        assert self.go.wait(DEADLINE_S)
        return super().read()


@pytest.fixture
def settings(broker: Server, tmp_path: Path) -> EdgeFile:
    return EdgeFile(
        site="garden",
        node="gate-1",
        data=str(tmp_path / "data"),
        mqtt=Broker(port=broker.port),
        cameras=(CAMERA,),
        health_every=Duration(60_000),
    )


@pytest.fixture
def start() -> Iterator[Start]:
    agents: list[Agent] = []

    def make(settings: EdgeFile, source: ScriptedSource | None = None, **more: object) -> Agent:
        def opener(camera: Camera, now: Callable[[], int]) -> Source:
            return open_source(camera, now) if source is None else source

        detector = more.pop("detector", Blind())
        agent = Agent(settings, detector, opener=opener, **more)  # type: ignore[arg-type]
        agents.append(agent)
        agent.start()
        return agent

    yield make
    for agent in agents:
        agent.stop()


def test_a_file_that_ends_ends_the_agent_after_everything_was_sent(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    detector = ScriptedDetector([boxes((200 + 5 * look, 300)) for look in range(40)])
    source = Held(40)
    agent = start(settings, source, detector=detector)
    until(lambda: agent.link.problem == "")  # nobody waits at the end for a broker that is away
    source.go.set()
    assert agent.wait(60)
    agent.stop()
    listener.wait_for(lambda: _offline(listener))
    report = agent.report()
    assert sorted(listener.seqs()) == list(range(1, report["records_published"] + 1))
    assert (report["records_waiting"], report["pictures_waiting"]) == (0, 0)
    assert report["cameras"]["cam"]["frames_inferred"] == 40
    assert sum(report["records"].values()) == len(listener.seqs())
    (enter,) = [record for record in listener.records() if isinstance(record, ZoneEnter)]
    assert {picture.ref for picture in listener.pictures()} <= {
        record.evidence for record in listener.records()
    }
    assert enter.source == "cam"


def _offline(listener: Listener) -> bool:
    return any(isinstance(m, State) and not m.online for _, m in listener.heard)


def test_the_hub_learns_what_the_node_is_and_that_it_has_caught_up(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    source = ScriptedSource(3, start=wall_ms())
    source.ends = False
    start(settings, source)
    listener.wait_for(lambda: {AGENT, "cam"} <= {r.source for r in listener.records()})
    about = next(message for _, message in listener.heard if isinstance(message, About))
    assert [(each.id, each.kind, each.zones, each.blurred) for each in about.sources] == [
        ("cam", "camera", ("yard",), True)
    ]
    health = next(r for r in listener.records() if isinstance(r, NodeHealth) and r.source == AGENT)
    assert health.ok
    assert health.rss_bytes is not None


def test_about_carries_why_a_camera_is_not_blurred(settings: EdgeFile, start: Start) -> None:
    reason = "agreed by the residents' assembly of 3 May"
    clear = replace(CAMERA, blur=False, unblurred_reason=reason)
    source = ScriptedSource(1, start=wall_ms())
    (told,) = start(replace(settings, cameras=(clear,)), source).about().sources
    assert (told.blurred, told.unblurred_reason) == (False, reason)


def test_how_long_the_oldest_record_waits_is_told(settings: EdgeFile, start: Start) -> None:
    source = ScriptedSource(0, start=wall_ms())
    source.ends = False
    agent = start(replace(settings, mqtt=replace(settings.mqtt, port=1)), source)
    agent.recorder.append([DoorState(seq=0, ts=wall_ms() - 90_000, source="d", open=True)])
    told = agent.node_health()
    assert isinstance(told.outbox_age_s, int)
    assert told.outbox_age_s >= 90
    assert told.outbox == 1


def test_one_broken_camera_leaves_the_other_watching(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    bad = Camera(id="bad", file="/nowhere/at-all.avi")
    street = Camera(id="street", street=StreetSettings(size_wh=(160, 120)), zones=(EVERYWHERE,))
    agent = start(replace(settings, cameras=(bad, street)))
    until(lambda: agent.cameras[1].inferred > 3)
    listener.wait_for(lambda: bool(_sick(listener, "bad")))
    sick = _sick(listener, "bad")[0]
    assert "check the camera's file" in sick.detail
    ready = agent.ready()
    assert ready is not None
    assert "camera bad is lost: " in ready, "and why"
    assert not agent.node_health().ok


def _sick(listener: Listener, source: str) -> list[NodeHealth]:
    return [
        record
        for record in listener.records()
        if isinstance(record, NodeHealth) and record.source == source and not record.ok
    ]


def test_health_and_metrics_are_served(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    source = ScriptedSource(3, start=wall_ms())
    source.ends = False
    agent = start(settings, source)
    listener.wait_for(lambda: bool(listener.records()))
    until(lambda: agent.ready() is None and agent.cameras[0].inferred == 3)
    assert agent.health is not None
    address = f"http://127.0.0.1:{agent.health.port}"
    assert urllib3.request("GET", f"{address}/readyz", retries=False).status == 200
    metrics = urllib3.request("GET", f"{address}/metrics", retries=False).data.decode()
    for name in (
        'linli_edge_frames_inferred_total{camera="cam"} 3.0',
        "linli_edge_broker_connected 1.0",
        "linli_edge_outbox_records ",
    ):
        assert name in metrics


def test_a_snapshot_is_sent_when_asked_for(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    quiet = Camera(
        id="cam", street=StreetSettings(size_wh=(160, 120)), picture_every=Duration(3_600_000)
    )
    agent = start(replace(settings, cameras=(quiet,)))
    listener.wait_for(lambda: len(listener.pictures()) == 1)
    until(lambda: agent.metrics.connected._value.get() == 1)
    topic = "linli/v1/garden/gate-1/do"
    for number, command in enumerate(
        (Do("a", "snapshot", "nobody"), Do("b", "juggle"), Do("c", "snapshot", "cam")), 1
    ):
        listener.client.publish(topic, codec.encode(command), 1)
        listener.wait_for(lambda number=number: len(_done(listener)) == number)  # type: ignore[misc]
    listener.wait_for(lambda: len(listener.pictures()) == 2)
    answers = {done.id: (done.ok, done.detail) for done in _done(listener)}
    assert answers["a"] == (False, "no camera 'nobody' on this node")
    assert answers["b"] == (
        False,
        "unknown verb 'juggle'; known: ping, snapshot, reload, restart, blur-check, time",
    )
    assert answers["c"][0]


def _done(listener: Listener) -> list[Done]:
    return [message for _, message in list(listener.heard) if isinstance(message, Done)]


def test_a_simulated_door_tells_its_state(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    street = Camera(id="cam", street=StreetSettings(size_wh=(160, 120)))
    door = DoorSensor(id="lobby", kind="simulated", camera="cam")
    start(replace(settings, cameras=(street,), doors=(door,)))
    listener.wait_for(lambda: any(isinstance(r, DoorState) for r in listener.records()))
    state = next(r for r in listener.records() if isinstance(r, DoorState))
    assert state.source == "lobby"


def test_records_made_before_a_restart_are_sent_after_it_in_the_same_epoch(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    away = replace(settings, mqtt=replace(settings.mqtt, port=1))
    source = ScriptedSource(5, start=wall_ms())
    first = start(away, source, detector=ScriptedDetector([boxes((200, 300))]))
    assert first.wait(60)
    kept = first.outbox.depth
    first.stop()
    assert kept > 0
    idle = ScriptedSource(0, start=wall_ms())
    idle.ends = False
    second = start(settings, idle)
    listener.wait_for(lambda: len(listener.seqs()) > kept)
    assert listener.seqs()[: kept + 1] == list(range(1, kept + 2))
    assert second.outbox.epoch == first.outbox.epoch


def test_a_full_disk_and_a_corrupt_outbox_are_survived_and_reported(
    settings: EdgeFile, listener: Listener, start: Start
) -> None:
    data = Path(settings.data)
    data.mkdir()
    (data / "outbox.sqlite").write_bytes(b"no database " * 1000)
    source = ScriptedSource(3, start=wall_ms())
    source.ends = False
    agent = start(settings, source)
    until(lambda: agent.ready() is None and agent.cameras[0].inferred == 3)
    (aside,) = data.glob("outbox.sqlite.corrupt-*")
    assert agent.node_health().detail == f"a corrupt outbox was set aside as {aside.name}"
    agent.outbox._db.execute("PRAGMA max_page_count = 1")  # as a disk that is full
    assert agent.recorder.append([agent.node_health()] * 5_000) == []
    ready = agent.ready()
    assert ready is not None
    assert "database or disk is full; check the disk's space" in ready
    lost = re.search(r"(\d+) records are lost so far", ready)
    assert lost is not None
    assert int(lost[1]) >= 5_000, "and what the agent had to tell meanwhile"
    agent.outbox._db.execute("PRAGMA max_page_count = 1000000")
    assert agent.recorder.append([agent.node_health()])
    assert agent.ready() is None
    told = [0]

    def is_told() -> bool:
        found = [r.dropped for r in listener.records() if isinstance(r, NodeHealth)]
        told.extend(each for each in found if isinstance(each, int))
        return max(told) >= 5_000

    listener.wait_for(is_told)
