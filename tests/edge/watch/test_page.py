"""The page shows what the agent sees, blurred, to who may read its data folder and nobody else."""

import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

import linli
from configs import load_edge
from edge.agent import Agent
from edge.watch.figures import ADDRESS_FILE, Unreachable
from edge.watch.live import TOKEN_FILE
from edge.watch.server import WatchServer
from tests.edge.fakes import ScriptedDetector, boxes, until
from tests.servers import free_port

TEXT = """\
site: garden
node: gate-1
mqtt: {port: %d}
cameras:
  - id: yard
    street: {seed: 1, people: 4}
    motion_gate: {enabled: false}
    zones:
      - {id: lawn, polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 0.9], [0.1, 0.9]]}
    lines:
      - {id: gate, points: [[0.78, 0.735], [0.22, 0.735]]}
    masks: [[[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]]]
  - {id: away, file: nowhere.avi}
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    config = tmp_path / "edge.yaml"
    config.write_text(TEXT % free_port())
    running = Agent(load_edge(config), ScriptedDetector([boxes((320, 400))]))
    running.start()
    yield running
    running.stop()
    assert not (tmp_path / "data" / ADDRESS_FILE).exists()


@pytest.fixture
def server(agent: Agent, tmp_path: Path) -> Iterator[WatchServer]:
    assert agent.health is not None
    with WatchServer(f"http://127.0.0.1:{agent.health.port}", tmp_path / "data") as made:
        yield made


def ask(port: int, path: str, **headers: str) -> tuple[int, bytes, str]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        return answer.status, answer.read(), cookie
    finally:
        link.close()


def test_the_agent_shows_its_cameras_to_nobody_without_the_token(
    agent: Agent, tmp_path: Path
) -> None:
    assert agent.health is not None
    token_file = tmp_path / "data" / TOKEN_FILE
    assert token_file.stat().st_mode & 0o077 == 0
    token = token_file.read_text()
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": token[:-1]}):
        for path in ("/live/", "/live/yard"):
            assert ask(agent.health.port, path, **wrong)[0] == 403
    status, body, _ = ask(agent.health.port, "/live/", Authorization=f"Bearer {token}")
    assert (status, msgspec.json.decode(body)) == (200, ["yard", "away"])
    assert ask(agent.health.port, "/metrics")[0] == 200


def test_a_look_has_boxes_zones_and_a_blurred_picture_of_one_moment(
    agent: Agent, server: WatchServer
) -> None:
    _, _, cookie = ask(server.port, f"/?{urlsplit(server.address).query}")
    assert agent.cameras[0]._view is None, "nothing is made before somebody looks"

    looks: list[bytes] = []

    def sees_a_person() -> bool:
        status, body, _ = ask(server.port, "/look/yard", Cookie=cookie)
        looks.append(body)
        return status == 200 and b'"lawn":{"person":1}' in body

    until(sees_a_person)
    seen = msgspec.json.decode(looks[-1])
    (track,) = seen["tracks"]
    assert (track["id"], track["label"], seen["size"]) == (1, "person", [640, 480])
    assert [shape["id"] for shape in seen["shapes"]] == ["lawn", "gate", ""]
    assert any(record["type"] == "zone.enter" for record in seen["records"])
    assert "jpeg" not in seen
    status, jpeg, _ = ask(server.port, f"/picture/yard/{seen['ts']}", Cookie=cookie)
    assert status == 200
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image[:90, :120].max() < 16, "the mask is black"
    assert ask(server.port, "/picture/yard/1", Cookie=cookie)[0] == 404
    status, why, _ = ask(server.port, "/look/away", Cookie=cookie)
    assert (status, b"nowhere.avi" in why) == (503, True)
    assert ask(server.port, "/look/yard")[0] == 403


def test_where_no_agent_runs_the_command_says_so(tmp_path: Path) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(f"site: s\nnode: n\nhttp_port: {free_port()}\n")
    shown = CliRunner().invoke(linli.main, ["edge", "watch", "-c", str(config), "--page"])
    assert shown.exit_code == 1
    assert "look on as the agent's user, while the agent runs" in shown.stderr
    (tmp_path / TOKEN_FILE).write_text("x")
    with (
        WatchServer(f"http://127.0.0.1:{free_port()}", tmp_path) as server,
        pytest.raises(Unreachable, match="no agent answers at"),
    ):
        server._ask("")
    assert CliRunner().invoke(linli.main, ["edge", "watch", "--page"]).exit_code == 2


@pytest.mark.browser
@pytest.mark.usefixtures("agent")
def test_boxes_and_zones_are_drawn_over_the_live_picture(
    browser: Browser, server: WatchServer
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(server.address)
    expect(page.locator("#frame")).to_have_class("frame live")
    expect(page.locator("#canvas .box.person")).to_have_count(1)
    expect(page.locator("#canvas .shape.zone")).to_have_count(1)
    expect(page.locator("#counts")).to_have_text("lawn人 1")
    expect(page.locator("#said")).to_have_text("正在观看")
    if folder := os.environ.get("LINLI_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/watch.png")
    page.select_option("#camera", "away")
    expect(page.locator("#trouble")).to_contain_text("nowhere.avi")
    assert faults == []
    context.close()
