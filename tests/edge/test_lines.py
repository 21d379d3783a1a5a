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


Steps = dict[int, list[tuple[int, tuple[float, float]]]]
"""Of each track, when (looks of 200 ms) it stands where."""


def walks(looks: int, tracks: Steps, line: Line = UP) -> list[tuple[int, Direction]]:
    """Who crosses to which side; somebody else stands far off all the time."""
    watch = LineWatch(line, "cam", LABELS, SIZE)
    found = []
    for look in range(looks):
        there = {track: spot for track, way in tracks.items() for at, spot in way if at == look}
        seen = boxes((100, 900), *there.values())
        seen.track[:] = [99, *there]
        found += watch.look(seen, look * 200)
    return [(cross.track, cross.direction) for cross in found]


def steps(first: int, last: int, x: float, dx: float, y: float = 500) -> Steps:
    return {1: [(look, (x + dx * (look - first), y)) for look in range(first, last)]}


def test_who_begins_just_behind_the_line_and_walks_on_has_come_over_it() -> None:
    assert walks(30, steps(10, 20, 510, 12)) == [(1, Direction.RIGHT)]
    assert walks(30, steps(10, 20, 580, 12)) == [], "too far from it"
    assert walks(30, steps(10, 20, 510, 1)) == [], "stands there"
    assert walks(30, steps(10, 20, 510, 12, y=900)) == [], "past its end"
    assert walks(30, steps(0, 20, 510, 12)) == [], "was there when the agent began to look"


def test_who_ends_just_before_the_line_on_the_way_to_it_has_gone_over_it() -> None:
    assert walks(40, steps(10, 20, 380, 12)) == [(1, Direction.RIGHT)]
    assert walks(40, steps(10, 20, 280, 12)) == [], "too far from it"
    assert walks(40, steps(10, 20, 600, 12)) == [], "goes away from it"


def test_a_track_that_breaks_on_the_line_and_goes_on_under_another_number_crosses_once() -> None:
    before, after = steps(10, 20, 380, 12)[1], steps(22, 32, 515, 12)[1]
    assert walks(60, {1: before, 2: after}) == [(2, Direction.RIGHT)]
    crossed, again = steps(10, 22, 380, 12)[1], steps(24, 34, 545, 12)[1]
    assert walks(60, {1: crossed, 2: again}) == [(1, Direction.RIGHT)]


def test_a_second_box_of_somebody_who_is_followed_does_not_cross_too() -> None:
    first, second = steps(10, 30, 440, 10)[1], steps(16, 30, 510, 10, y=505)[1]
    assert walks(40, {1: first, 2: second}) == [(1, Direction.RIGHT)]


def test_two_who_meet_on_the_line_and_change_names_have_both_crossed() -> None:
    there, back = [380.0 + 12 * n for n in range(10)], [488.0 - 12 * n for n in range(10)]
    one = [(look, (x, 500.0)) for look, x in enumerate([*there, *back])]
    two = [(look, (1_000.0 - x, 500.0)) for look, x in enumerate([*there, *back])]
    assert sorted(walks(20, {1: one, 2: two})) == [(1, Direction.RIGHT), (2, Direction.LEFT)]
    assert walks(20, {1: one}) == [], "who turns back alone has not crossed"


def test_who_turns_on_the_line_as_they_hide_somebody_has_changed_names_with_them() -> None:
    there, back = [380.0 + 12 * n for n in range(10)], [488.0 - 12 * n for n in range(12)]
    one = [(look, (x, 500.0)) for look, x in enumerate([*there, *back])]
    two = [(look, (620.0 - 12 * look, 500.0)) for look in range(8)]
    both = [(1, Direction.RIGHT), (2, Direction.LEFT)]
    assert sorted(walks(40, {1: one, 2: two})) == both
    again = steps(12, 22, 530, 12)[1]
    assert sorted(walks(40, {1: one, 2: two, 3: again})) == both, "under a third name"
    stands = [(look, (540.0, 500.0)) for look in range(8)]
    assert walks(40, {1: one, 2: stands}) == [], "who stood there has not gone anywhere"
    away = [(look, (620.0 - 12 * look, 100.0)) for look in range(8)]
    assert walks(40, {1: one, 2: away}) == [], "they were too far from each other to hide"


def test_a_track_that_turns_up_where_nobody_could_have_got_to_is_somebody_else() -> None:
    left, right = steps(5, 10, 300, 5)[1], steps(15, 20, 700, 5)[1]
    assert walks(30, {1: [*left, *right]}) == []


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
