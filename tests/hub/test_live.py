"""Live views: who may look, how often a node is asked, and what it answers."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from hub import live
from hub.live import CAMERAS_AT_ONCE, EVERY_MS, LASTS_MS, PATIENCE_MS, Camera, Look, Lookout
from hub.metrics import HubMetrics
from hub.state.store import reading
from hub.state.tables import Audit, LiveView
from tests.edge.fakes import Clock
from tests.hub.chain import open_database
from wire.records import Do, Done
from wire.topics import Channel, Topic

CAMERA: Camera = ("s", "a", "cam")


class Town:
    """A lookout, the commands that it sent, and a broker that can be away."""

    def __init__(self, folder: Path) -> None:
        self.database: Engine = open_database(folder)
        self.clock = Clock()
        self.sent: list[tuple[Topic, Do]] = []
        self.connected = True
        self.metrics = HubMetrics(CollectorRegistry())
        self.lookout = Lookout(self.database, lambda: ["s"], self._send, self.clock, self.metrics)

    def _send(self, topic: Topic, command: Do) -> bool:
        if self.connected:
            self.sent.append((topic, command))
        return self.connected

    def watch(self, viewer: str = "lihua", camera: Camera = CAMERA) -> bool:
        return live.watch(self.database, camera, viewer=viewer, now=self.clock())

    def later(self, ms: int) -> None:
        self.clock.ms += ms
        self.lookout.step()

    def answer(self, *, ok: bool = True, detail: str = "") -> None:
        topic, command = self.sent[-1]
        done = Done(command.id, ok, detail)
        self.lookout.answered(Topic(topic.site, topic.node, Channel.DONE), done)

    def look(self, viewer: str = "lihua") -> Look:
        with reading(self.database).connect() as connection:
            found = live.looking(connection, CAMERA, viewer, self.clock())
        assert found is not None
        return found

    def counted(self, outcome: str) -> float:
        return float(self.metrics.snapshots.labels(outcome)._value.get())


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_camera_is_asked_every_other_second_however_many_look_and_then_no_more(
    town: Town,
) -> None:
    town.watch("lihua")
    town.watch("wang")
    for _ in range(LASTS_MS // 500 + 20):
        town.later(500)
        if len(town.sent) > town.counted("granted"):
            town.answer()
    assert len(town.sent) == pytest.approx(LASTS_MS / EVERY_MS, abs=1)
    topic, command = town.sent[0]
    assert (str(topic), command.verb, command.source) == ("linli/v1/s/a/do", "snapshot", "cam")
    assert len({one.id for _topic, one in town.sent}) == len(town.sent)


def test_nobody_looks_and_no_node_is_asked(town: Town) -> None:
    town.later(0)
    assert town.sent == []


def test_a_node_that_does_not_answer_is_asked_seldom_and_since_when_is_known(town: Town) -> None:
    town.watch()
    town.later(0)
    first = town.look().asked_at
    for _ in range(3 * PATIENCE_MS // 500):
        town.later(500)
    assert len(town.sent) == 4
    assert town.look().asked_at == first
    assert town.look().answered_at is None
    assert town.counted("unanswered") == 3


def test_a_refusal_is_kept_until_the_next_answer(town: Town) -> None:
    town.watch()
    town.later(0)
    town.answer(ok=False, detail="camera cam is lost: no route to host")
    town.later(0)
    assert town.look().refusal == "camera cam is lost: no route to host"
    town.later(EVERY_MS)
    town.answer()
    town.later(0)
    assert town.look().refusal == ""


def test_an_answer_to_nobody_or_of_another_node_changes_nothing(town: Town) -> None:
    town.watch()
    town.later(0)
    _topic, command = town.sent[-1]
    town.lookout.answered(Topic("s", "b", Channel.DONE), Done(command.id, False, "not mine"))
    town.lookout.answered(Topic("s", "a", Channel.DONE), Done("other", False, "not this"))
    town.later(0)
    assert town.look().answered_at is None


def test_without_a_broker_nothing_counts_as_asked(town: Town) -> None:
    town.connected = False
    town.watch()
    town.later(0)
    assert town.look().asked_at is None
    town.connected = True
    town.later(0)
    assert town.look().asked_at == town.clock()


def test_looking_on_makes_the_same_view_longer_and_each_time_is_in_the_audit(town: Town) -> None:
    town.watch()
    town.clock.ms += 50_000
    town.watch()
    assert town.look().ends_at == town.clock() + LASTS_MS
    with reading(town.database).connect() as connection:
        assert len(connection.execute(select(LiveView.id)).all()) == 1
        entries = connection.execute(select(Audit.actor, Audit.action, Audit.target)).all()
    assert [tuple(one) for one in entries] == [("lihua", "camera.watch", "s/a/cam")] * 2


def test_a_view_that_is_stopped_ends_for_its_viewer_alone(town: Town) -> None:
    town.watch("lihua")
    town.watch("wang")
    live.stop_watching(town.database, CAMERA, viewer="lihua", now=town.clock())
    with reading(town.database).connect() as connection:
        assert live.looking(connection, CAMERA, "lihua", town.clock()) is None
    assert town.look("wang").started_at == town.clock()


def test_only_some_cameras_of_a_node_are_looked_at_at_once(town: Town) -> None:
    cameras = [("s", "a", f"cam-{number}") for number in range(CAMERAS_AT_ONCE + 1)]
    assert [town.watch(camera=one) for one in cameras] == [True] * CAMERAS_AT_ONCE + [False]
    assert town.watch("wang", cameras[0])
    assert town.watch(camera=("s", "b", "cam"))
    town.clock.ms += LASTS_MS
    assert town.watch(camera=cameras[-1])


def test_views_are_forgotten_after_a_day(town: Town) -> None:
    town.watch()
    live.purge(town.database, town.clock() + LASTS_MS + 1)
    with reading(town.database).connect() as connection:
        assert connection.execute(select(LiveView.id)).all() == []
