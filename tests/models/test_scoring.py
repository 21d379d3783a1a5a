"""How detectors are scored: what is right, what counts, and the average precision."""

import numpy as np
import pytest

from models.train.scoring import Picture, curve, match

NEAR, FAR = (0, 0, 10, 10), (50, 50, 60, 60)
Boxes = list[tuple[int, int, int, int]]


def picture(truth: Boxes, wanted: list[bool], found: Boxes, score: list[float]) -> Picture:
    return Picture(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(wanted, bool),
        np.array(found, np.float32).reshape(-1, 4),
        np.array(score, np.float32),
    )


def test_a_second_box_on_the_same_person_is_wrong() -> None:
    hit, counted = match(picture([NEAR], [True], [NEAR, (0, 0, 10, 9)], [0.9, 0.8]), 0.5)
    assert hit.tolist() == [True, False]
    assert counted.tolist() == [True, True]


def test_a_box_on_someone_who_need_not_be_found_does_not_count() -> None:
    hit, counted = match(picture([NEAR], [False], [NEAR, FAR], [0.9, 0.8]), 0.5)
    assert hit.tolist() == [False, False]
    assert counted.tolist() == [False, True]


def test_a_box_that_overlaps_too_little_is_wrong() -> None:
    hit, _ = match(picture([NEAR], [True], [(0, 0, 10, 4)], [0.9]), 0.5)
    assert hit.tolist() == [False]


def test_precision_and_recall_follow_the_threshold() -> None:
    drawn = curve([picture([NEAR, FAR], [True, True], [NEAR, (20, 20, 30, 30)], [0.9, 0.3])])
    assert drawn.wanted == 2
    assert drawn.at(0.5) == (1.0, 0.5)
    assert drawn.at(0.2) == (0.5, 0.5)
    assert drawn.at(0.95) == (1.0, 0.0)


def test_average_precision_is_one_where_all_is_found_and_nothing_else() -> None:
    both = picture([NEAR, FAR], [True, True], [NEAR, FAR], [0.9, 0.8])
    assert curve([both]).average_precision == pytest.approx(1.0)


def test_average_precision_counts_the_recall_that_was_reached() -> None:
    # One of two people, found with precision 1: recalls 0 to 0.5 of 101 points.
    half = picture([NEAR, FAR], [True, True], [NEAR], [0.9])
    assert curve([half]).average_precision == pytest.approx(51 / 101)


def test_pictures_without_people_only_cost_precision() -> None:
    empty = picture([], [], [FAR], [0.95])
    full = picture([NEAR], [True], [NEAR], [0.9])
    assert curve([empty, full]).at(0.5) == (0.5, 1.0)
