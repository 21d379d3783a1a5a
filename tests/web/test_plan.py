"""The plan of the site on the live page, and what a user sets for themselves."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from flask import Flask

from configs.plan import drawing
from tests.web.conftest import Reader

Open = Callable[[str], Reader]


def test_places_stand_on_the_plan_in_the_colour_of_their_state(reader: Open) -> None:
    browser = reader("viewer")
    html = browser.client.get("/").text
    assert 'viewBox="0.0 0.0 640.0 420.0"' in html
    spots = dict(re.findall(r'class="spot ([^"]*)" id="spot\.garden\.([^"]+)"', html))
    assert {name.strip() for name in spots} == {"critical", "low", "medium", "", "faulty"}
    assert 'href="#place.garden.bike-shed"' in html
    assert 'aria-label="Bike shed: Critical"' in html
    answer = browser.client.get("/plans/garden", buffered=True)
    assert answer.mimetype == "image/svg+xml"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert browser.client.get("/plans/elsewhere").status_code == 404


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
