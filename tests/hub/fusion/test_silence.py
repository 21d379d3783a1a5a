"""Who has said nothing for how long, by hand-computed numbers."""

from configs.site import DoorOf
from hub.rules.place import Outcome
from tests.hub.fusion.world import (
    T0,
    counted,
    door_says,
    give,
    lived,
    place_of,
    seen_by,
    values_of,
    when,
)
from wire.records import AnyRecord, DoorState, NodeHealth


def test_silence_counts_from_the_last_word_of_the_most_silent_source() -> None:
    place = place_of(views=((seen_by("east"), seen_by("west")),))
    outcome = lived(place, [counted(0, "east", 0), counted(12, "west", 0)], until_s=31)
    assert values_of(outcome, "silence_s") == [(0, 0), (20, 20), (25, 25), (30, 30)]


def test_a_node_speaks_for_its_camera_while_the_camera_is_well() -> None:
    place = place_of(views=((seen_by("east"),),))
    words = [NodeHealth(**when(t), source="east", ok=t < 30) for t in (0, 15, 30, 45)]
    outcome = lived(place, words, until_s=50)
    assert values_of(outcome, "silence_s") == [(0, 0), (35, 20), (40, 25), (45, 30), (50, 35)]


def test_a_sensor_that_cannot_be_reached_is_silent_from_then_on() -> None:
    door = DoorOf(node="n", source="door")
    health: list[AnyRecord] = [NodeHealth(**when(t), source="agent") for t in range(0, 60, 15)]
    gone = DoorState(**when(20), source="door", open=False, available=False)
    again = DoorState(**when(30), source="door", open=False, available=False)
    back = DoorState(**when(51), source="door", open=False, available=True)
    records = sorted([*health, gone, again, back], key=lambda record: record.ts)
    outcome = lived(place_of(doors=(door,)), records)
    assert values_of(outcome, "silence_s") == [(0, 0), (40, 20), (45, 25), (50, 30), (51, 0)]


def test_a_sensor_may_sleep_for_a_day_and_no_longer() -> None:
    hour = 3600
    place, outcome = place_of(doors=(DoorOf(node="n", source="door"),)), Outcome()
    give(place, door_says(0, is_open=False), T0, outcome)
    for second in range(15, 26 * hour, 15):
        give(place, NodeHealth(**when(second), source="agent"), T0 + second * 1000, outcome)
    assert values_of(outcome, "silence_s")[:2] == [(0, 0), (25 * hour, 25 * hour)]
