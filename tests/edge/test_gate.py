"""The motion gate: nobody is missed, and what stands still costs next to nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from configs.agent import EdgeFile, Model, MotionGate, StreetSettings
from edge.cli import make_detector
from edge.frames import Frame, Image
from edge.gate import Gate
from edge.sources.file import FileSource
from edge.street import Street
from tests.edge.gated import Tally, areas, tally
from tests.edge.weather import lit, noisy, rainy, scene

STEP_MS = 200
SETTLED = 60
"""Pictures after which a gate knows its scene: 12 s."""


@pytest.fixture(scope="module")
def yard(shared: Path) -> Image:
    """A real yard with nobody in it."""
    return scene([frame.image for frame in footage(shared, 400, 20)])


def footage(shared: Path, count: int, every: int) -> Iterator[Frame]:
    source = FileSource(shared / "footage" / "vtest.avi", lambda: 0, fps=10, fast=True)
    with source:
        for frame in source:
            if frame.index >= count:
                return
            if frame.index % every == 0:
                yield frame


def looks(make: Callable[[int], Image], count: int, gate: Gate | None = None) -> list[int]:
    """Which of the pictures a gate lets through."""
    gate = gate or Gate(MotionGate())
    through = []
    for number in range(count):
        if gate.opens(make(number), number * STEP_MS):
            gate.looked(number * STEP_MS, settled=True)
            through.append(number)
    return through


def share(through: list[int], count: int) -> float:
    """Of the pictures after the scene is known, the part let through."""
    return sum(number >= SETTLED for number in through) / (count - SETTLED)


def test_at_most_one_of_a_hundred_sightings_is_lost_to_the_gate(shared: Path) -> None:
    detector, _ = make_detector(EdgeFile(site="s", node="n", model=Model(score=0.1)))
    frames = list(footage(shared, 300, 2))
    found = [detector.detect(frame.image) for frame in frames]
    total = Tally()
    for area in areas((768, 576)):
        total += tally(frames, found, area)
    assert total.seen > 1000
    assert total.gated > 0.25 * total.pictures, "the scenes were too busy to tell anything"
    assert total.lost <= 0.01 * total.seen


@pytest.mark.parametrize(
    "light",
    [
        lambda _: 1.0,
        lambda number: 1 + 0.25 * np.sin(number / 16),
        lambda number: 0.6 if number // 50 % 2 else 1.0,
    ],
    ids=["steady", "clouds", "a lamp goes on and off"],
)
def test_a_still_scene_gets_a_look_every_five_seconds(
    yard: Image, light: Callable[[int], float]
) -> None:
    random = np.random.default_rng(1)
    through = looks(lambda number: noisy(lit(yard, light(number)), random), 160)
    assert share(through, 160) <= 0.08
    assert np.diff(through).max() <= 25


def test_rain_closes_most_of_the_gate_and_hides_nobody(yard: Image) -> None:
    random = np.random.default_rng(2)
    walks = 140

    def picture(number: int) -> Image:
        image = yard.copy()
        if number >= walks:
            x = 150 + 8 * (number - walks)
            cv2.rectangle(image, (x, 300), (x + 22, 365), (60, 50, 45), -1)
        return noisy(rainy(image, random, 300), random)

    through = looks(picture, walks + 20)
    before = [number for number in through if number < walks]
    assert share(before, walks) < 0.5
    assert set(through) >= set(range(walks + 2, walks + 20))


def test_somebody_who_walks_in_opens_it_within_two_pictures() -> None:
    street = Street(StreetSettings(seed=1, people=1))
    empty = Street(StreetSettings(seed=1, people=0))
    gate = Gate(MotionGate())
    looks(lambda number: empty.frame(20_000 + number * STEP_MS), 60, gate)
    clear = next(
        t_ms
        for t_ms in range(0, 60_000, STEP_MS)
        if any(person.visible > 0.9 for person in street.truth(t_ms).people)
    )
    opened = [gate.opens(street.frame(clear + n * STEP_MS), (60 + n) * STEP_MS) for n in range(3)]
    assert opened[-1]


def test_what_passes_within_one_picture_is_motion(yard: Image) -> None:
    gate = Gate(MotionGate())
    random = np.random.default_rng(3)
    looks(lambda _: noisy(yard, random), 60, gate)
    passing = yard.copy()
    cv2.rectangle(passing, (300, 300), (420, 360), (30, 30, 30), -1)
    assert gate.opens(noisy(passing, random), 60 * STEP_MS)


def test_a_gate_that_is_off_is_open() -> None:
    grey = np.full((480, 640, 3), 90, np.uint8)
    gate = Gate(MotionGate(enabled=False))
    assert looks(lambda _: grey, 20, gate) == list(range(20))


def test_a_look_that_surprises_is_followed_by_one_more() -> None:
    grey = np.full((480, 640, 3), 90, np.uint8)
    gate = Gate(MotionGate())
    looks(lambda _: grey, 20, gate)
    gate.looked(20 * STEP_MS, settled=False)
    assert gate.opens(grey, 21 * STEP_MS)
    gate.looked(21 * STEP_MS, settled=False)
    assert not gate.opens(grey, 22 * STEP_MS)


def test_a_smaller_picture_starts_anew() -> None:
    gate = Gate(MotionGate())
    for number, size in enumerate(((480, 640), (480, 640), (300, 640))):
        assert gate.opens(np.full((*size, 3), 90, np.uint8), number * STEP_MS)
