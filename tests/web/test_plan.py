"""The plan of the site on the live page, and what a user sets for themselves."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from flask import Flask

from configs.plan import Drawing, drawing
from configs.site import Place
from configs.values import Text
from tests.web.conftest import Reader
from web.now.names import names

Open = Callable[[str], Reader]


def test_places_stand_on_the_plan_in_the_colour_of_their_state(reader: Open) -> None:
    browser = reader("viewer")
    html = browser.client.get("/").text
    assert 'viewBox="0.0 0.0 640.0 420.0"' in html
    spots = re.findall(r'class="spot ([^"]*)" id="spot\.garden\.([^".]+)"', html)
    assert {name.strip() for name, _ in spots} == {"critical", "low", "medium", "", "faulty"}
    assert 'href="#place.garden.bike-shed"' in html
    assert 'aria-label="Bike shed: Critical"' in html
    answer = browser.client.get("/plans/garden", buffered=True)
    assert answer.mimetype == "image/svg+xml"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert browser.client.get("/plans/elsewhere").status_code == 404


def test_names_on_a_plan_keep_out_of_each_others_way() -> None:
    drawn = Drawing(Path("plan.svg"), "image/svg+xml", 0, 0, 640, 400)  # letters are 16 high
    spots = {"a": (100, 100), "b": (230, 105), "c": (280, 100), "d": (300, 200), "e": (100, 300)}
    places = [Place(id=name, name=Text(name, name), at=at) for name, at in spots.items()]
    places.append(Place(id="f", name=Text("f", "f")))
    said = {name: f"Stairs of house {name}" for name in "abcdf"} | {
        "e": "地下车库二层东侧出入口充电区"
    }
    found = names(drawn, places, said)
    assert found["a"].x == 100
    assert 100 < found["e"].x < 110  # else it would begin left of the drawing
    assert {name: one.text for name, one in found.items()} == {
        "a": "Stairs of house a", "b": "Stairs…", "c": "", "d": "Stairs of house d",
        "e": "地下车库二层东侧出入口充…",
    }  # fmt: skip


def test_cameras_and_doors_stand_on_it_with_their_state_in_words(reader: Open) -> None:
    html = reader("viewer").client.get("/").text
    found = re.findall(
        r'<a href="([^"]+)" class="spot thing (\w+) ([^"]*)" id="spot\.garden\.([^"]+)" '
        r'aria-label="([^"]+)"',
        html,
    )
    assert {name: (kind, state, says, to) for to, kind, state, name, says in found} == {
        "gate-1.cam-gate": (
            "camera", "", "Gate camera", "/cameras/garden/gate-1/cam-gate"),
        "gate-1.door-gate": ("sensor", "", "Gate, closed", "#place.garden.west-gate"),
        "gate-1.cam-lobby": (
            "camera", "", "Lobby camera", "/cameras/garden/gate-1/cam-lobby"),
        "gate-1.door-pump": (
            "sensor", "", "Pump room door, closed", "#place.garden.pump-room"),
        "yard-1.cam-yard": ("camera", "", "Yard camera", "/cameras/garden/yard-1/cam-yard"),
        "yard-1.cam-lane": (
            "camera", "faulty", "Lane camera, picture blurred", "/cameras/garden/yard-1/cam-lane"),
        "yard-1.cam-bikes": (
            "camera", "", "Shed camera", "/cameras/garden/yard-1/cam-bikes"),
        "yard-1.door-shed": ("sensor", "open", "Shed door, open", "#place.garden.bike-shed"),
        "yard-1.cam-roof": (
            "sensor", "unheard", "Roof camera, no word yet", "/devices#garden.yard-1"),
    }  # fmt: skip


def test_the_plan_tells_maintainers_where_they_clicked(reader: Open) -> None:
    assert 'class="pointed dim"' in reader("maintainer").client.get("/").text
    assert 'class="pointed dim"' not in reader("operator").client.get("/").text


@pytest.mark.parametrize(
    ("name", "content"),
    [("", b""), ("gone.svg", None), ("words.svg", b"no drawing"),
     ("zero.svg", b'<svg viewBox="0 0 0 0">'),
     ("odd.svg", b'<svg viewBox="a b c d">'), ("short.png", b"\x89PNG\r\n\x1a\n")],
)  # fmt: skip
def test_what_is_no_drawing_is_left_out(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if name and content is not None:
        path.write_bytes(content)
    assert drawing(str(path) if name else "") is None


def test_a_png_has_the_size_of_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "plan.png"
    path.write_bytes(bytes(cv2.imencode(".png", np.zeros((90, 160, 3), np.uint8))[1]))
    found = drawing(str(path))
    assert found is not None
    assert (found.mimetype, found.width, found.height) == ("image/png", 160, 90)


def test_sound_and_light_are_kept_for_the_user_and_nobody_else(app: Flask, reader: Open) -> None:
    first = reader("operator")
    assert 'data-sound="on"' in first.client.get("/").text
    answer = first.post("/me/sound", page="/", sound="off", next="/alerts")
    assert answer.headers["Location"] == "/alerts"
    first.post("/me/theme", page="/", theme="light")
    again = Reader(app.test_client())
    again.log_in("operator")
    text = again.client.get("/").text
    assert 'data-sound="off"' in text
    assert 'data-theme="light"' in text
    assert 'data-sound="on"' in reader("viewer").client.get("/").text
    assert first.post("/me/theme", page="/", theme="pink").status_code == 400
