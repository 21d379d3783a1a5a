"""How detectors are scored: against hand-computed cases and COCO's loops."""

from dataclasses import replace

import numpy as np
import pytest

from models.scoring import IOUS, Floats, Seen, average_precision, curve, ious, match

NEAR, FAR = (0, 0, 10, 10), (50, 50, 60, 60)
Boxes = list[tuple[int, int, int, int]]


def seen(truth: Boxes, found: Boxes, score: list[float]) -> Seen:
    return Seen(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(found, np.float32).reshape(-1, 4),
        np.array(score, np.float32),
    )


def test_a_second_box_on_the_same_person_is_wrong() -> None:
    right, counted = match(seen([NEAR], [NEAR, (0, 0, 10, 9)], [0.9, 0.8]), 0.5)
    assert right.tolist() == [True, False]
    assert counted.tolist() == [True, True]


def test_a_box_on_someone_who_need_not_be_found_does_not_count() -> None:
    picture = replace(seen([NEAR], [NEAR, FAR], [0.9, 0.8]), wanted=np.array([False]))
    right, counted = match(picture, 0.5)
    assert right.tolist() == [False, False]
    assert counted.tolist() == [False, True]
    assert curve([picture]).wanted == 0


def test_someone_who_must_be_found_is_taken_before_someone_who_need_not() -> None:
    beside = (0, 0, 10, 8)
    picture = replace(seen([NEAR, beside], [NEAR], [0.9]), wanted=np.array([False, True]))
    assert match(picture, 0.5)[0].tolist() == [True]


def test_an_overlap_of_exactly_the_threshold_is_right() -> None:
    half = seen([NEAR], [(0, 0, 10, 5)], [0.9])
    assert match(half, 0.5)[0].tolist() == [True]
    assert match(half, 0.55)[0].tolist() == [False]


def test_precision_and_recall_follow_the_threshold() -> None:
    drawn = curve([seen([NEAR, FAR], [NEAR, (20, 20, 30, 30)], [0.9, 0.3])])
    assert drawn.wanted == 2
    assert drawn.at(0.5) == (1.0, 0.5)
    assert drawn.at(0.2) == (0.5, 0.5)
    assert drawn.at(0.95) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([seen([NEAR, FAR], [NEAR, FAR], [0.9, 0.8])], 1.0),
        # One of two, with precision 1: the recalls 0 to 0.5 of 101.
        ([seen([NEAR, FAR], [NEAR], [0.9])], 51 / 101),
        # A wrong one is surer than the right one: precision 1/2 at every recall.
        ([seen([], [FAR], [0.95]), seen([NEAR], [NEAR], [0.9])], 0.5),
        # Right, wrong, right: precision 1 up to recall 1/2, then 2/3.
        (
            [seen([NEAR, FAR], [NEAR, (20, 20, 30, 30), FAR], [0.9, 0.8, 0.7])],
            (51 + 50 * 2 / 3) / 101,
        ),
        ([seen([NEAR], [], [])], 0.0),
    ],
)
def test_average_precision_is_what_the_hand_computes(pictures: list[Seen], expected: float) -> None:
    assert curve(pictures).average_precision == pytest.approx(expected)


def test_ap_is_the_mean_over_ten_overlaps() -> None:
    # An overlap of 0.8: right at 0.5 to 0.8, wrong at 0.85 to 0.95.
    assert average_precision([seen([NEAR], [(0, 0, 10, 8)], [0.9])]) == pytest.approx(0.7)
    assert IOUS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def slow_ap(pictures: list[Seen], iou: float) -> float:
    """pycocotools' evaluateImg and accumulate, written out for one class."""
    rows = []
    for picture in pictures:
        taken: set[int] = set()
        for box, score in zip(picture.found, picture.score, strict=True):
            best, chosen = min(iou, 1 - 1e-10), -1
            for index, true in enumerate(picture.truth):
                value = float(ious(box[None], true[None])[0, 0])
                if index not in taken and value >= best:
                    best, chosen = value, index
            if chosen >= 0:
                taken.add(chosen)
            rows.append((float(score), chosen >= 0))
    rows.sort(key=lambda row: -row[0])
    wanted = sum(len(picture.truth) for picture in pictures)
    points = []
    true = 0
    for count, (_, right) in enumerate(rows, 1):
        true += right
        points.append((true / wanted, true / count))
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        total += max((precision for reached, precision in points if reached >= recall), default=0)
    return total / 101


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_what_cocos_loops_compute(seed: int) -> None:
    random = np.random.default_rng(seed)

    def boxes(count: int) -> Floats:
        corner = random.uniform(0, 60, (count, 2))
        return np.hstack([corner, corner + random.uniform(20, 40, (count, 2))]).astype(np.float32)

    pictures = []
    for _ in range(12):
        truth = boxes(4)
        found = np.vstack([truth + random.normal(0, 3, truth.shape), boxes(5)]).astype(np.float32)
        score = np.sort(random.uniform(0, 1, len(found)))[::-1].astype(np.float32)
        pictures.append(Seen(truth, random.permutation(found), score))
    for iou in (0.5, 0.75):
        ours = curve(pictures, iou).average_precision
        assert 0 < ours < 1
        assert ours == pytest.approx(slow_ap(pictures, iou))
