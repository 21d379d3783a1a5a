"""A hand over a camera, from the agent over a broker and the hub to an alert; and a resident who
reports what they see there: each is found on the other's page."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from flask import Flask
from sqlalchemy import select

from configs.agent import StreetSettings
from configs.loader import load_web
from edge.street import Street
from hub.cases.tables import Case
from hub.state import store
from hub.state.tables import Alert
from tests.servers import HOST, Server, mosquitto
from tests.system.world import HubProcess, wait_for
from tests.web.conftest import PASSWORD, Reader
from web import users
from web.app import close, create_app
from web.roles import Role

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
FPS, CLEAR_S, COVERED_S = 4, 16, 12
PICTURE = r'<img[^>]+src="/pictures/'
VIEW = {"node": "gate-1", "source": "cam", "zone": "z"}
SITE = {
    "site": {"id": "garden", "name": "Garden Court", "timezone": "Asia/Shanghai"},
    "nodes": [{"id": "gate-1", "sources": [{"id": "cam"}]}],
    "places": [{"id": "gate", "name": "Gate", "views": [[VIEW]]}],
    "rules": [
        {
            "id": "covered", "title": "A camera is covered", "places": ["gate"],
            "when": [{"signal": "scene.fault.covered", "above": 0}], "severity": "high",
        }
    ],
}  # fmt: skip


def film(path: Path) -> Path:
    """The simulated street, and then a hand."""
    street = Street(StreetSettings())
    high, wide = street.frame(0).shape[:2]
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (wide, high))
    hand = np.full((high, wide, 3), 52, np.uint8)
    for index in range(FPS * (CLEAR_S + COVERED_S)):
        out.write(street.frame(index * 1000 // FPS) if index < FPS * CLEAR_S else hand)
    out.release()
    return path


def agent(folder: Path, broker: Server) -> "subprocess.Popen[bytes]":
    """``linli edge run`` on the film."""
    zone = {"id": "z", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    camera = {"id": "cam", "file": str(film(folder / "street.avi")), "pace": "fast",
              "zones": [zone]}  # fmt: skip
    config = folder / "edge.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "site": "garden",
                "node": "gate-1",
                "data": "edge",
                "mqtt": {"host": HOST, "port": broker.port},
                "cameras": [camera],
            }
        )
    )
    with (folder / "edge.log").open("wb") as log:
        command = [sys.executable, "-m", "linli", "edge", "run", "-c", str(config)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(60)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub that has heard of a covered camera, from an agent, over a broker."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path))
        found = HubProcess(tmp_path / "hub", SITE, broker)
        found.start()
        stack.callback(found.stop)
        found.wait_ready()
        stack.callback(ended, agent(tmp_path, broker))
        wait_for("the alert of the covered camera", lambda: bool(found.alerts()))
        yield found


@pytest.fixture
def console(hub: HubProcess, tmp_path: Path) -> Iterator[Flask]:
    config = tmp_path / "hub" / "web.yaml"
    config.write_text(yaml.safe_dump({"web": {"data": "data"}, "sites": ["site.yaml"]}))
    settings, sites = load_web(config)
    app = create_app(settings, sites)
    engine = store.connect(store.address("", hub.data))
    users.ensure_user(engine, "li", Role.OPERATOR, PASSWORD, now=0)
    engine.dispose()
    yield app
    close(app)


def test_what_a_camera_tells_over_a_broker_and_what_a_resident_reports_there_find_each_other(
    hub: HubProcess, console: Flask
) -> None:
    resident, staff = Reader(console.test_client()), Reader(console.test_client())
    sent = resident.post("/report", page="/report", kind="hazard", where="garden/gate",
                         text="Somebody holds a hand over the camera")  # fmt: skip
    link = sent.headers["Location"]
    staff.log_in("li")
    engine = store.connect(store.address("", hub.data))
    with engine.connect() as connection:
        case = connection.execute(select(Case.id, Case.code)).one()
        alert = connection.execute(select(Alert.id, Alert.rule, Alert.place)).one()
    engine.dispose()
    assert (alert.rule, alert.place) == ("covered", "gate")
    wait_for(
        "the case shows the alert of its place and time",
        lambda: f'href="/alerts/{alert.id}"' in staff.client.get(f"/cases/{case.id}").text,
    )
    wait_for(  # a picture comes after its record
        "with the picture that the camera took",
        lambda: bool(re.search(PICTURE, staff.client.get(f"/cases/{case.id}").text)),
    )
    staff.post(f"/cases/{case.id}/link", page="/cases", alert=alert.id)
    assert "Sensors confirm it" in resident.client.get(link).text
    assert f'href="/cases/{case.id}"' in staff.client.get(f"/alerts/{alert.id}").text
