"""Scene faults: real footage that is spoiled is told of, the same footage unspoiled is not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from configs.agent import StreetSettings
from edge.faults import HOLD_MS, SceneFaults
from edge.frames import Image
from edge.sources.file import FileSource
from edge.street import Street
from edge.usual import Reference, recall_reference, save_reference
from tests.edge.weather import blurred, lamplit, lit, noisy, rainy, shaded, shifted
from wire.records import Fault, SceneFault

EVERY = [Fault.DARK, Fault.BLURRED, Fault.COVERED, Fault.MOVED, Fault.FROZEN]
STEP_MS = 500
SPOILED_MS = 14_000
SPOILED_FOR_MS = 12_000
RANDOM = np.random.default_rng(5)


def read(path: Path) -> Iterator[Image]:
    """Two pictures a second."""
    with FileSource(path, lambda: 0, fps=60, fast=True) as source:
        every = max(1, round(source.native_fps * STEP_MS / 1000))
        for frame in source:
            if frame.index % every == 0:
                yield frame.image


@pytest.fixture(scope="module")
def yard(shared: Path) -> list[Image]:
    return list(read(shared / "footage" / "vtest.avi"))


def told(pictures: Iterator[Image] | list[Image], faults: SceneFaults | None = None) -> list[str]:
    faults = faults or SceneFaults("cam", EVERY)
    records: list[SceneFault] = []
    for number, image in enumerate(pictures):
        records += faults.look(image, number * STEP_MS)
    return [f"{'' if record.active else 'no longer '}{record.fault}" for record in records]


def spoil(pictures: list[Image], how: Callable[[Image], Image]) -> list[Image]:
    """Spoiled for a while, then well again."""
    first, last = SPOILED_MS // STEP_MS, (SPOILED_MS + SPOILED_FOR_MS) // STEP_MS
    return [
        how(image) if first <= number < last else image
        for number, image in enumerate(pictures[: last + 24])
    ]


def cover(image: Image) -> Image:
    return noisy(np.full_like(image, 95), RANDOM)


def cover_most(image: Image) -> Image:
    hidden = cover(image)
    hidden[:, : image.shape[1] // 4] = image[:, : image.shape[1] // 4]
    return hidden


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        (lambda image: noisy(lit(image, 0.05), RANDOM), "dark"),
        (lambda image: noisy(blurred(image, 4), RANDOM), "blurred"),
        (lambda image: noisy(blurred(image, 8), RANDOM), "blurred"),
        (cover, "covered"),
        (cover_most, "covered"),
        (lambda image: noisy(blurred(image, 80), RANDOM), "covered"),
        (lambda image: shifted(image, 0.05, 0), "moved"),
        (lambda image: shifted(image, 0, 0.05), "moved"),
        (lambda image: shifted(image, 0.3, 0.1), "moved"),
    ],
    ids=["night", "out of focus", "far out of focus", "a bag", "a sticker", "a hand before it",
         "pushed aside", "sagged", "turned away"],
)  # fmt: skip
def test_spoiled_footage_is_told_of_once_and_when_it_is_over(
    yard: list[Image], how: Callable[[Image], Image], fault: str
) -> None:
    assert told(spoil(yard, how)) == [fault, f"no longer {fault}"]


def test_a_picture_that_is_the_same_for_long_is_frozen(yard: list[Image]) -> None:
    still = (HOLD_MS[Fault.FROZEN] + 2_000) // STEP_MS
    pictures = [*yard[:40], *[yard[40]] * still, *yard[41:61]]
    assert told(pictures) == ["frozen", "no longer frozen"]


@pytest.mark.parametrize(
    "weather",
    [
        lambda image: image,
        lambda image: noisy(image, RANDOM),
        lambda image: rainy(image, RANDOM, 300),
        lambda image: noisy(lit(image, 0.4), RANDOM),
        lambda image: lit(image, 1.4),
        lambda image: shifted(image, 0.01, 0),
    ],
    ids=["as it is", "noise", "rain", "dusk", "glare", "wind"],
)
def test_nothing_is_told_of_real_footage_in_any_weather(
    yard: list[Image], weather: Callable[[Image], Image]
) -> None:
    first = SPOILED_MS // STEP_MS
    assert told([*yard[:first], *(weather(image) for image in yard[first:70])]) == []


def test_nothing_is_told_of_all_the_footage(yard: list[Image], shared: Path) -> None:
    assert told(yard) == []
    assert told(read(shared / "footage" / "car-detection.mp4")) == []


def test_nothing_is_told_of_the_simulated_street() -> None:
    street = Street(StreetSettings(seed=4, people=8))
    assert told(street.frame(t_ms) for t_ms in range(0, 45_000, STEP_MS)) == []


def test_a_bare_yard_that_is_covered_is_told_of(shared: Path) -> None:
    bare = list(read(shared / "footage" / "car-detection.mp4"))
    assert told(spoil(bare, cover))[0] == "covered"


def test_a_camera_that_starts_covered_is_told_of() -> None:
    grey = np.full((480, 640, 3), 95, np.uint8)
    assert told([noisy(grey, RANDOM) for _ in range(20)]) == ["covered"]


def test_what_is_not_watched_for_is_not_told(yard: list[Image]) -> None:
    faults = SceneFaults("cam", [Fault.FROZEN])
    assert told(spoil(yard, lambda image: lit(image, 0.02)), faults) == []


def test_a_camera_that_comes_back_moved_is_told_of(yard: list[Image]) -> None:
    faults = SceneFaults("cam", EVERY)
    assert told(yard[:30], faults) == []
    again = [shifted(image, 0.2, 0) for image in yard[30:50]]
    records = [
        record
        for number, image in enumerate(again)
        for record in faults.look(image, 300_000 + number * STEP_MS)
    ]
    assert [record.fault for record in records] == ["moved"]


AWAY_MS = {"ten minutes": 600_000, "a night": 36_000_000}


@pytest.fixture(scope="module")
def usual(yard: list[Image]) -> Reference:
    faults = SceneFaults("cam", EVERY)
    told(yard[:30], faults)
    made = faults.reference("as drawn")
    assert made is not None
    return made


@pytest.mark.parametrize("away", AWAY_MS)
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (lambda image: image, []),
        (lambda image: noisy(lit(image, 0.6), RANDOM), []),
        (lambda image: shifted(image, 0.05, 0), ["moved"]),
        (lambda image: noisy(shifted(lit(image, 0.8), 0, 0.06), RANDOM), ["moved"]),
    ],
    ids=["as it was", "another hour of the day", "pushed aside", "sagged, and darker"],
)
def test_a_camera_that_was_moved_while_the_agent_was_off_is_told_of(
    yard: list[Image], usual: Reference, away: str, how: Callable[[Image], Image],
    expected: list[str],
) -> None:  # fmt: skip
    faults = SceneFaults("cam", EVERY, before=usual)
    start = usual.ts + AWAY_MS[away]
    records: list[SceneFault] = []
    for number, image in enumerate(yard[40:76]):
        records += faults.look(how(image), start + number * STEP_MS)
    assert [str(record.fault) for record in records if record.active] == expected
    if expected:
        faults.accept()
        for number, image in enumerate(yard[76:100], start=36):
            records += faults.look(how(image), start + number * STEP_MS)
        assert faults.active == set(), "who draws anew means the view as it is"


LAMPS = [(0.3, 0.4), (0.8, 0.7)]
SHADE = [(0.0, 0.2), (0.7, 0.0), (1.0, 0.6), (0.3, 1.0)]
NIGHT_MS = AWAY_MS["a night"]


def after(faults: SceneFaults, start: int, pictures: list[Image]) -> list[SceneFault]:
    return [
        record
        for number, image in enumerate(pictures)
        for record in faults.look(image, start + number * STEP_MS)
    ]


@pytest.fixture(scope="module")
def elsewhere(shared: Path, yard: list[Image]) -> list[Image]:
    """Another place, as the camera of the yard would see it."""
    high, wide = yard[0].shape[:2]
    pictures = list(read(shared / "footage" / "car-detection.mp4"))[:36]
    return [np.asarray(cv2.resize(image, (wide, high)), np.uint8) for image in pictures]


def test_a_camera_that_looks_at_another_place_after_a_night_is_told_of(
    usual: Reference, elsewhere: list[Image]
) -> None:
    faults = SceneFaults("cam", EVERY, before=usual)
    (moved,) = after(faults, usual.ts + NIGHT_MS, elsewhere)
    assert (moved.fault, moved.active) == (Fault.MOVED, True)


@pytest.mark.parametrize(
    "light",
    [
        lambda image: noisy(lamplit(image, LAMPS), RANDOM),
        lambda image: shaded(image, SHADE),
        lambda image: lit(image, 1.8),
        lambda image: noisy(lit(image, 0.3), RANDOM),
        lambda image: rainy(image, RANDOM, 300),
    ],
    ids=["under lamps", "with other shadows", "in glare", "at dusk", "in rain"],
)
def test_the_same_place_in_another_light_after_a_night_has_not_moved(
    yard: list[Image], usual: Reference, light: Callable[[Image], Image]
) -> None:
    faults = SceneFaults("cam", EVERY, before=usual)
    records = after(faults, usual.ts + NIGHT_MS, [light(image) for image in yard[40:76]])
    assert Fault.MOVED not in {record.fault for record in records}


def test_whether_it_moved_is_judged_when_there_is_light(
    yard: list[Image], usual: Reference, elsewhere: list[Image]
) -> None:
    for day, expected in ((yard[40:76], []), (elsewhere, [Fault.MOVED])):
        faults = SceneFaults("cam", EVERY, before=usual)
        start = usual.ts + NIGHT_MS
        night = [noisy(lit(image, 0.04), RANDOM) for image in yard[40:64]]
        assert [each.fault for each in after(faults, start, night)] == [Fault.DARK]
        assert faults.reference("as drawn") == usual, "another restart must not forget it"
        dawn = start + len(night) * STEP_MS
        told = [each.fault for each in after(faults, dawn, day) if each.active]
        assert told == expected


def test_a_camera_that_was_lost_for_hours_is_held_against_what_was_usual(
    yard: list[Image], elsewhere: list[Image]
) -> None:
    lamps = [noisy(lamplit(image, LAMPS), RANDOM) for image in yard[40:64]]
    for pictures, expected in ((lamps, []), (elsewhere, [Fault.MOVED])):
        faults = SceneFaults("cam", EVERY)
        told(yard[:30], faults)
        assert [each.fault for each in after(faults, NIGHT_MS, pictures)] == expected


def test_what_was_usual_is_kept_in_a_small_file_and_a_broken_one_is_said_so(
    usual: Reference, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "usual-cam.msgpack"
    assert recall_reference(file) is None
    save_reference(file, usual)
    assert file.stat().st_size < 40_000
    assert recall_reference(file) == usual
    file.write_bytes(file.read_bytes()[:100])
    assert recall_reference(file) is None
    assert "the scene is learned anew" in caplog.text
    assert SceneFaults("cam", EVERY).reference("x") is None, "nothing is known yet"
