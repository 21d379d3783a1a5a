"""The shipped starter weights: the right file, and good enough for the demo's street."""

from collections.abc import Iterator

import numpy as np
import pytest

from configs.agent import Model, StreetSettings
from edge.detect import Detector
from edge.detections import FloatArray
from edge.street import Person, Street
from models.catalog import WEIGHTS, resolve, sha256_of, shipped

SEEDS = (11, 12, 13)
"""No street of these seeds was trained on."""
MOMENTS_MS = range(6_000, 66_000, 5_000)
LARGEST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(resolve("starter"), Model())


def test_the_shipped_file_is_the_one_of_the_catalog() -> None:
    entry = shipped().named("starter")
    assert entry is not None
    path = WEIGHTS / "starter.onnx"
    assert path.stat().st_size == entry.size_bytes < LARGEST_BYTES
    assert sha256_of(path) == entry.sha256


def test_the_default_configuration_runs_the_starter() -> None:
    assert Model().name == "starter"
    assert resolve(Model().name).labels[0] == "person"


def test_people_of_the_street_are_found_and_little_else_is(detector: Detector) -> None:
    wanted = hits = found = right = 0
    for people, boxes in scenes(detector):
        tall = [person for person in people if is_wanted(person)]
        wanted += len(tall)
        hits += sum(bool((ious(boxes, person) >= 0.5).any()) for person in tall)
        found += len(boxes)
        right += sum(any(ious(box[None], person)[0] >= 0.5 for person in people) for box in boxes)
    assert wanted > 60
    assert hits / wanted >= 0.92
    assert right / found >= 0.92


def test_an_empty_street_holds_nobody(detector: Detector) -> None:
    street = Street(StreetSettings(seed=14, people=0))
    assert all(len(people_in(detector, street, t_ms)) == 0 for t_ms in MOMENTS_MS)


def scenes(detector: Detector) -> Iterator[tuple[tuple[Person, ...], FloatArray]]:
    """Who is there, and where the detector sees someone (N, 4)."""
    for seed in SEEDS:
        street = Street(StreetSettings(seed=seed))
        for t_ms in MOMENTS_MS:
            yield street.truth(t_ms).people, people_in(detector, street, t_ms)


def people_in(detector: Detector, street: Street, t_ms: int) -> FloatArray:
    found = detector.detect(street.frame(t_ms))
    return found[found.label == detector.labels.index("person")].xyxy


def is_wanted(person: Person) -> bool:
    """Not much hidden, and at least 30 pixels tall."""
    return person.visible >= 0.6 and person.box[3] - person.box[1] >= 30


def ious(boxes: FloatArray, person: Person) -> FloatArray:
    """How much boxes (N, 4) and a person's box have in common (N,)."""
    box = np.array(person.box, np.float32)
    size = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    common = np.prod(np.clip(size, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    share: FloatArray = np.asarray(common / (areas - common), np.float32)
    return share
