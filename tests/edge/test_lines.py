"""Lines: each crossing once, with the side that it ended on."""

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from configs.agent import Line, StreetSettings
from edge.detections import Detections
from edge.lines import LineWatch
from edge.street import GATE_LINE, Street, truth_crossings
from edge.track import Tracker
from tests.edge.fakes import LABELS, boxes
from wire.records import Direction, LineCross

SIZE = (1000, 1000)
UP = Line(id="gate", points=((0.5, 0.8), (0.5, 0.2)))
"""Runs up the picture: its right hand is the picture's right."""


def walk(line: Line, *spots: tuple[float, float]) -> list[LineCross]:
    watch = LineWatch(line, "cam", LABELS, SIZE)
    found = []
    for index, spot in enumerate(spots):
        look = boxes(spot)
        look.track[:] = 7
        found += watch.look(look, index * 100)
    return found


def test_somebody_who_walks_to_the_right_of_an_upward_line_ends_right() -> None:
    (cross,) = walk(UP, (400, 500), (480, 500), (560, 500), (700, 500))
    assert (cross.direction, cross.track, cross.ts) == (Direction.RIGHT, 7, 200)
    (back,) = walk(UP, (600, 500), (400, 500))
    assert back.direction is Direction.LEFT


def test_turning_the_line_round_turns_the_direction() -> None:
    down = Line(id="gate", points=(UP.points[1], UP.points[0]))
    (cross,) = walk(down, (400, 500), (600, 500))
    assert cross.direction is Direction.LEFT


def test_walking_down_over_a_line_that_runs_to_the_right_ends_right() -> None:
    across = Line(id="gate", points=((0.2, 0.5), (0.8, 0.5)))
    (cross,) = walk(across, (500, 400), (500, 600))
    assert cross.direction is Direction.RIGHT


def test_walking_past_the_end_of_the_line_is_no_crossing() -> None:
    assert walk(UP, (400, 900), (600, 900)) == []
    assert walk(UP, (400, 500), (450, 900), (600, 900), (600, 500)) == []


def test_trembling_on_the_line_is_no_crossing() -> None:
    assert walk(UP, (450, 500), *((498 if n % 2 else 502, 500) for n in range(50))) == []


def test_standing_on_the_line_and_going_on_is_one_crossing() -> None:
    spots = [(450, 500), *((499 if n % 2 else 501, 500) for n in range(50)), (550, 500)]
    (cross,) = walk(UP, *spots)
    assert cross.direction is Direction.RIGHT


def test_standing_on_the_line_and_turning_back_is_none() -> None:
    assert walk(UP, (450, 500), (499, 500), (501, 500), (450, 500)) == []


def test_labels_that_the_line_does_not_name_do_not_cross() -> None:
    cars = Line(id="gate", points=UP.points, labels=("car",))
    assert walk(cars, (400, 500), (600, 500)) == []


def test_a_forgotten_track_does_not_cross_when_it_comes_back() -> None:
    watch = LineWatch(UP, "cam", LABELS, SIZE)
    for ts, spot in ((0, (400, 500)), (60_000, (600, 500))):
        watch.look(Detections.none(), ts)
        look = boxes(spot)
        look.track[:] = 7
        assert watch.look(look, ts) == []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(250, 750)), min_size=2, max_size=40))
def test_directions_alternate_and_sum_up_to_where_the_walker_is(
    spots: list[tuple[float, float]],
) -> None:
    # Between the ends of the line nobody gets past it uncounted.
    directions = [cross.direction for cross in walk(UP, *spots)]
    assert all(a is not b for a, b in itertools.pairwise(directions))
    clear = [x > 500 for x, _ in spots if abs(x - 500) > 8]
    if clear:
        right = sum(direction is Direction.RIGHT for direction in directions)
        assert right - (len(directions) - right) == int(clear[-1]) - int(clear[0])


def test_feet_that_something_hides_do_not_cross_and_come_back() -> None:
    across = Line(id="gate", points=((0.2, 0.5), (0.8, 0.5)))
    watch = LineWatch(across, "cam", LABELS, SIZE)
    found = []
    for index in range(30):
        look = boxes((500, 520), size=200)
        look.track[:] = 7
        if 10 <= index < 15:
            look.xyxy[:, 3] -= 60  # somebody stands before their legs
        found += watch.look(look, index * 100)
    assert found == []


def test_twenty_people_who_cross_both_ways_are_counted() -> None:
    street = Street(StreetSettings(seed=9, people=20, size_wh=(320, 240)))
    end_ms = 80_000
    tracker = Tracker()
    watch = LineWatch(Line(id="gate", points=GATE_LINE), "cam", LABELS, street.size_wh)
    counted: Counter[Direction] = Counter()
    for ts in range(0, end_ms, 200):
        people = [person for person in street.truth(ts).people if person.visible > 0.3]
        found = Detections.of([p.box for p in people], [0.9] * len(people), [0] * len(people))
        counted.update(c.direction for c in watch.look(tracker.update(found, ts), ts))
    truth = Counter(c.direction for c in truth_crossings(street, GATE_LINE, 0, end_ms))
    assert min(truth.values()) > 12
    apart = sum(abs(counted[way] - truth[way]) for way in Direction)
    assert apart <= 0.03 * truth.total(), (counted, truth)
