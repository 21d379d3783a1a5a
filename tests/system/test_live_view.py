"""Looking at a camera now: console, store, hub, broker, agent and all the way back."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from argon2 import PasswordHasher
from flask import Flask

from configs.agent import Camera, EdgeFile, StreetSettings, Zone
from configs.servers import HubSettings, WebSettings
from configs.site import NodeOf, Place, Site, SiteFile, SourceOf, View
from configs.values import Duration, Text
from edge.agent import Agent
from hub.service import serve
from tests.edge.fakes import ScriptedDetector, boxes
from tests.servers import Server, mosquitto
from tests.system.world import wait_for
from tests.web.conftest import Reader
from web import users
from web.app import close, create_app
from web.console import Console
from web.roles import Role
from wire.mqtt import Broker

pytestmark = pytest.mark.system
CAMERA = "/cameras/garden/gate-1/cam"
PASSWORD = "correct horse battery"
SITE = SiteFile(
    site=Site(id="garden", name=Text("Garden", "花园"), timezone="UTC"),
    nodes=(NodeOf(id="gate-1", sources=(SourceOf(id="cam", name=Text("Gate camera", "门摄")),)),),
    places=(
        Place(id="yard", name=Text("Yard", "庭院"),
              views=((View(node="gate-1", source="cam", zone="all"),),)),
    ),
)  # fmt: skip


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    with mosquitto(tmp_path) as server:
        yield server


def _agent(broker: Server, data: Path) -> Agent:
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    camera = Camera(
        id="cam",
        street=StreetSettings(size_wh=(320, 240)),
        zones=(Zone(id="all", polygon=whole),),
        picture_every=Duration(3_600_000),  # no picture comes but those that are asked for
        fps=5,
    )
    settings = EdgeFile(site="garden", node="gate-1", data=str(data), cameras=(camera,),
                        mqtt=Broker(port=broker.port))  # fmt: skip
    return Agent(settings, ScriptedDetector([boxes()]))


@pytest.fixture
def hub(broker: Server, tmp_path: Path) -> Iterator[Path]:
    """A hub at work; its data folder."""
    stop, ready = threading.Event(), threading.Event()
    settings = HubSettings(data=str(tmp_path / "hub"), mqtt=Broker(port=broker.port), http_port=0)
    thread = threading.Thread(
        target=serve, args=(settings, [SITE], stop), kwargs={"on_ready": lambda _: ready.set()}
    )
    thread.start()
    assert ready.wait(60)
    yield tmp_path / "hub"
    stop.set()
    thread.join(60)


@pytest.fixture
def operator(hub: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(users, "_hasher", hasher)
    app: Flask = create_app(WebSettings(data=str(hub)), [SITE])
    here: Console = app.extensions["linli"]
    users.ensure_user(here.engine, "li", Role.OPERATOR, PASSWORD, now=here.now())
    reader = Reader(app.test_client())
    assert reader.log_in("li", PASSWORD).status_code == 302
    yield reader
    close(app)


def test_an_operator_sees_pictures_of_now_while_the_agent_answers_and_is_told_when_it_is_gone(
    broker: Server, operator: Reader, tmp_path: Path
) -> None:
    def page() -> str:
        return operator.client.get(CAMERA).text

    def shown() -> set[str]:
        return {part.split('"')[0] for part in page().split(f'<img src="{CAMERA}/')[1:]}

    with ExitStack() as stack:
        agent = _agent(broker, tmp_path / "edge")
        agent.start()
        stack.callback(agent.stop)
        wait_for("the node is online", lambda: "cut off" not in page())
        wait_for("its first picture", lambda: "/pictures/garden/gate-1/" in page())
        assert operator.post(f"{CAMERA}/watch", page="/").status_code == 302
        seen: set[str] = set()

        def several() -> bool:
            seen.update(shown())
            return len(seen) >= 2

        wait_for("two pictures, one after the other", several)
        jpeg = operator.client.get(f"{CAMERA}/{seen.pop()}", buffered=True).data
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == (240, 320)
        assert "Gate camera" in page()
    wait_for("the page says it", lambda: "node is cut off" in page())
