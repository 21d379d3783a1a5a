"""The blur check finds heads that a picture shows clearly."""

import numpy as np
import pytest

from configs.agent import Camera
from edge import blur_check
from edge.blur_check import check_blur
from edge.evidence import render
from edge.frames import Image
from edge.shared_detector import SharedDetector
from tests.edge.fakes import ScriptedDetector, boxes

SOMEBODY = SharedDetector(ScriptedDetector([boxes((320, 400), size=300)]))


@pytest.fixture
def noise() -> Image:
    return np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8)


def test_a_blurred_head_is_good(noise: Image) -> None:
    assert check_blur(noise, SOMEBODY, Camera(id="c")) == (True, "1 of 1 heads blurred")


def test_nobody_is_good() -> None:
    nobody = SharedDetector(ScriptedDetector([boxes()]))
    black = np.zeros((480, 640, 3), np.uint8)
    assert check_blur(black, nobody, Camera(id="c")).says == "nobody to blur now"


def test_a_head_that_stays_clear_is_found(noise: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    unblurred = Camera(id="c", blur=False)
    monkeypatch.setattr(
        blur_check, "render", lambda image, people, _camera: render(image, people, unblurred)
    )
    assert check_blur(noise, SOMEBODY, Camera(id="c")) == (False, "1 of 1 heads still clear")


def test_blurring_that_is_off_is_told_with_its_reason(noise: Image) -> None:
    off = Camera(id="c", blur=False, unblurred_reason="agreed by the residents' assembly")
    assert check_blur(noise, SOMEBODY, off) == (
        False,
        "blurring is off: agreed by the residents' assembly",
    )
