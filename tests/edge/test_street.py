"""The simulated street: the same for ever, and its truth is what its pictures show."""

import cv2
import numpy as np
import pytest

from configs.agent import StreetSettings
from edge.street import (
    COURTYARD,
    GATE_LINE,
    Person,
    Street,
    truth_count,
    truth_crossings,
)
from edge.street.walks import Walk, smooth
from wire.records import Direction

FIRST_15_S = range(0, 15_000, 250)


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(StreetSettings())


@pytest.fixture(scope="module")
def empty() -> Street:
    return Street(StreetSettings(people=0))


def person(street: Street, t_ms: int, id_: int) -> Person | None:
    return next((each for each in street.truth(t_ms).people if each.id == id_), None)


def test_any_moment_looks_the_same_in_any_order(street: Street) -> None:
    again = Street(StreetSettings())
    for t_ms in (61_234, 0, 7_000):
        np.testing.assert_array_equal(street.frame(t_ms), again.frame(t_ms))
    np.testing.assert_array_equal(street.frame(0), again.frame(0))
    assert street.truth(7_000) == again.truth(7_000)


def test_another_seed_is_another_street(street: Street) -> None:
    other = Street(StreetSettings(seed=2))
    assert street.truth(5_000) != other.truth(5_000)
    assert not np.array_equal(street.frame(5_000), other.frame(5_000))


def test_a_frame_belongs_to_its_caller(street: Street) -> None:
    first = street.frame(3_000)
    first[:] = 0
    assert street.frame(3_000).mean() > 50


def test_a_frame_has_the_size_that_was_asked_for() -> None:
    wide = Street(StreetSettings(size_wh=(854, 480)))
    assert wide.frame(0).shape == (480, 854, 3)
    assert wide.frame(0).dtype == np.uint8


def test_people_are_in_the_courtyard_and_move_in_the_first_15_seconds(street: Street) -> None:
    assert max(truth_count(street, COURTYARD, t_ms) for t_ms in FIRST_15_S) >= 2
    for before, after in ((0, 2_000), (6_000, 8_000), (12_000, 14_000)):
        feet = {each.id: each.foot for each in street.truth(before).people}
        moved = [
            np.hypot(each.foot[0] - feet[each.id][0], each.foot[1] - feet[each.id][1])
            for each in street.truth(after).people
            if each.id in feet
        ]
        assert max(moved) > 20


def test_the_door_stands_open_for_3_seconds_within_the_first_15(street: Street) -> None:
    longest, current = 0, 0
    for t_ms in range(0, 15_000, 100):
        current = current + 100 if street.door_open(t_ms) else 0
        longest = max(longest, current)
    assert longest >= 3_000
    assert not all(street.truth(t_ms).door_open for t_ms in FIRST_15_S)


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_door_opens_for_the_first_resident_whatever_the_seed(seed: int) -> None:
    assert Street(StreetSettings(seed=seed, people=1)).door_open(3_500)


def test_nobody_walks_and_no_door_opens_in_an_empty_street(empty: Street) -> None:
    for t_ms in range(0, 60_000, 3_000):
        assert empty.truth(t_ms).people == ()
        assert not empty.door_open(t_ms)
    assert truth_crossings(empty, GATE_LINE, 0, 120_000) == []


def test_an_open_door_shows_the_dark_lobby(street: Street) -> None:
    shut = next(t for t in range(0, 60_000, 100) if street.door_opening(t) == 0)
    wide = next(t for t in range(0, 60_000, 100) if street.door_opening(t) == 1)
    (x0, y0), (x1, y1) = street.view.project([(-2.0, 2.2, 21.0), (-0.9, 1.9, 21.0)])[0]
    pane = (slice(round(y0), round(y1)), slice(round(x0), round(x1)))
    assert street.frame(wide)[pane].mean() < street.frame(shut)[pane].mean() - 30


def test_a_box_holds_the_pixels_of_its_person(street: Street, empty: Street) -> None:
    checked = 0
    for t_ms in range(1_000, 60_000, 3_500):
        change = cv2.absdiff(street.frame(t_ms), empty.frame(t_ms)).max(axis=2)
        # Shadows fall outside the boxes, but change the picture less than people do.
        difference = change > 62
        covered = np.zeros_like(difference)
        for each in street.truth(t_ms).people:
            left, top, right, bottom = (round(edge) for edge in each.box)
            inside = change[top:bottom, left:right] > 25
            if each.visible > 0.9 and inside.size > 800:
                assert inside.mean() > 0.15, f"person {each.id} at {t_ms} ms is not in the box"
                checked += 1
            covered[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = True
        door_changed = street.door_open(t_ms)
        if not door_changed:
            stray = (difference & ~covered).sum()
            assert stray < 0.02 * difference.sum() + 40, f"pixels outside every box at {t_ms} ms"
    assert checked > 20


def test_feet_stand_at_the_bottom_of_the_box(street: Street) -> None:
    checked = 0
    for t_ms in range(0, 60_000, 2_000):
        for each in street.truth(t_ms).people:
            _, top, _, bottom = each.box
            if each.visible > 0.98 and bottom < street.size_wh[1] - 5 and bottom - top > 40:
                assert abs(each.foot[1] - bottom) < 0.2 * (bottom - top)
                checked += 1
    assert checked > 20


def test_people_nearer_the_camera_are_taller_and_hide_those_behind(street: Street) -> None:
    heights: dict[bool, list[float]] = {True: [], False: []}
    hidden = 0
    for t_ms in range(0, 120_000, 1_500):
        for each in street.truth(t_ms).people:
            whole = each.visible > 0.95 and each.box[3] < street.size_wh[1] - 2
            if whole and each.box[3] - each.box[1] > 20:
                heights[each.foot[1] > 240].append(each.box[3] - each.box[1])
            hidden += each.visible < 0.6
    assert np.mean(heights[True]) > 1.4 * np.mean(heights[False])
    assert hidden > 3


def test_as_many_people_as_asked_for_are_there_on_average() -> None:
    busy = Street(StreetSettings(people=10))
    counts = [
        sum(walk.start_ms <= t_ms < walk.end_ms for walk in busy.walks.during(t_ms, t_ms))
        for t_ms in range(0, 300_000, 1_000)
    ]
    assert 8 <= np.mean(counts) <= 12


def test_people_cross_the_gate_both_ways(street: Street) -> None:
    crossings = truth_crossings(street, GATE_LINE, 0, 120_000)
    ways = {crossing.direction for crossing in crossings}
    assert ways == {Direction.LEFT, Direction.RIGHT}
    assert crossings == sorted(crossings, key=lambda crossing: crossing.t_ms)


def test_who_crosses_the_gate_rightwards_comes_in(street: Street) -> None:
    checked = 0
    for crossing in truth_crossings(street, GATE_LINE, 0, 120_000):
        before = person(street, crossing.t_ms - 600, crossing.person)
        after = person(street, crossing.t_ms + 600, crossing.person)
        if before is None or after is None:
            continue
        comes_in = after.foot[1] < before.foot[1]
        assert comes_in == (crossing.direction is Direction.RIGHT)
        checked += 1
    assert checked >= 3


def test_a_line_drawn_the_other_way_turns_the_directions_round(street: Street) -> None:
    turned = truth_crossings(street, (GATE_LINE[1], GATE_LINE[0]), 0, 60_000)
    there = truth_crossings(street, GATE_LINE, 0, 60_000)
    opposite = {Direction.LEFT: Direction.RIGHT, Direction.RIGHT: Direction.LEFT}
    assert [(each.person, opposite[each.direction]) for each in turned] == [
        (each.person, each.direction) for each in there
    ]
    assert there


def test_crossings_of_many_short_spans_are_those_of_the_whole(street: Street) -> None:
    whole = truth_crossings(street, GATE_LINE, 0, 90_000)
    pieces = [
        crossing
        for start_ms in range(0, 90_000, 1_250)
        for crossing in truth_crossings(street, GATE_LINE, start_ms, start_ms + 1_250)
    ]
    assert pieces == whole
    assert len(whole) > 4


def test_a_whole_picture_zone_counts_everybody_whose_foot_is_in_it(street: Street) -> None:
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    width, height = street.size_wh
    for t_ms in FIRST_15_S:
        feet = [
            street.foot(walk, t_ms)
            for walk in street.walks.during(t_ms, t_ms)
            if walk.start_ms <= t_ms < walk.end_ms
        ]
        inside = sum(0 <= x <= width and 0 <= y <= height for x, y in feet)
        assert truth_count(street, everywhere, t_ms) == inside


def test_a_car_drives_in_parks_and_leaves(street: Street) -> None:
    seen = [(t_ms, street.truth(t_ms).cars) for t_ms in range(0, 75_000, 1_000)]
    parked = [cars[0].box for _, cars in seen if cars and cars[0].parked]
    moving = [cars[0].box for _, cars in seen if cars and not cars[0].parked]
    assert len(parked) > 30
    assert len(moving) >= 5
    assert seen[0][1] == ()
    assert seen[-1][1] == ()
    # It stands still; those who walk in front of it may hide an edge.
    assert np.ptp([box[1] for box in parked]) < 40


def test_a_walk_stands_still_at_its_stop_and_then_goes_on() -> None:
    path, reached = smooth([(0.0, 10.0), (10.0, 10.0)])
    walk = Walk(
        id=1, start_ms=0, path=path, reached_m=reached, speed=1.0,
        stop_at_m=4.0, stop_ms=3_000, door_ms=None,
    )  # fmt: skip
    assert walk.at(2_000) == pytest.approx((2.0, 10.0))
    assert walk.at(4_000) == walk.at(7_000) == pytest.approx((4.0, 10.0))
    assert walk.at(9_000) == pytest.approx((6.0, 10.0))
    assert walk.end_ms == 13_000
    assert (walk.stride(2_000), walk.stride(5_500)) == (1.0, 0.0)


def test_the_light_changes_slowly(empty: Street) -> None:
    levels = [float(empty.frame(t_ms).mean()) for t_ms in range(0, 240_000, 20_000)]
    assert max(levels) - min(levels) > 4
    assert abs(float(empty.frame(100).mean()) - levels[0]) < 0.5
