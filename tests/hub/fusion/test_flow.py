"""Who crosses the lines of a place, by hand-computed numbers."""

from configs.site import CountingLine
from tests.hub.fusion.world import T0, crossed, lived, place_of, values_of
from wire.records import Direction


def test_flow_counts_people_by_direction_within_a_minute() -> None:
    line = CountingLine(node="n", source="cam", line="gate", inward=Direction.LEFT)
    crossings = [
        crossed(0, Direction.LEFT),
        crossed(10, Direction.LEFT),
        crossed(20, Direction.RIGHT),
        crossed(21, Direction.RIGHT, "dog"),
    ]
    outcome = lived(place_of(lines=(line,)), crossings, until_s=100)
    assert values_of(outcome, "flow.in") == [(0, 1), (10, 2), (60, 1), (70, 0)]
    assert values_of(outcome, "flow.out") == [(0, 0), (20, 1), (80, 0)]


def test_others_than_people_are_counted_apart_from_their_first_crossing_on() -> None:
    line = CountingLine(node="n", source="cam", line="gate", inward=Direction.LEFT)
    crossings = [crossed(0, Direction.LEFT, "car"), crossed(10, Direction.RIGHT, "car")]
    outcome = lived(place_of(lines=(line,)), crossings, until_s=100)
    assert values_of(outcome, "flow.in.car") == [(0, 1), (60, 0)]
    assert values_of(outcome, "flow.out.car") == [(0, 0), (10, 1), (70, 0)]
    assert values_of(outcome, "flow.in") == []


def test_crossings_that_were_saved_before_there_were_labels_are_taken_up() -> None:
    line = CountingLine(node="n", source="cam", line="gate", inward=Direction.LEFT)
    place = place_of(lines=(line,))
    place.signals["flow"].load([[[T0], []], {"flow.in": 1, "flow.out": 0}, T0 + 60_000])
    outcome = lived(place, [crossed(10, Direction.RIGHT)], until_s=70)
    assert values_of(outcome, "flow.in") == [(60, 0)]
    assert values_of(outcome, "flow.out") == [(10, 1), (70, 0)]
