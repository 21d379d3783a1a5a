"""What stands still for how long, by hand-computed numbers."""

from hub.rules.place import Outcome
from tests.hub.fusion.world import lived, place_of, seen_by, values_of, when
from wire.records import AnyRecord, ZoneExit, ZoneStationary


def _still(seconds: float, track: int, still_s: float, label: str = "car") -> ZoneStationary:
    return ZoneStationary(
        **when(seconds), source="east", zone="z", label=label, track=track,
        still_ms=round(still_s * 1000),
    )  # fmt: skip


def _exit(seconds: float, track: int) -> ZoneExit:
    return ZoneExit(
        **when(seconds), source="east", zone="z", label="car", track=track, dwell_ms=1000
    )


def _ends(outcome: Outcome, name: str) -> list[float]:
    """When a signal fell back to 0."""
    return [seconds for seconds, value in values_of(outcome, name) if value == 0]


def test_a_parked_car_stands_since_its_first_still_moment_until_it_moves() -> None:
    outcome = lived(
        place_of(views=((seen_by("east"),),)),
        [_still(10, 1, 10), _still(20, 1, 20), _still(25, 1, 0)],
        until_s=90,
    )
    series = values_of(outcome, "stationary.car")
    assert series[:2] == [(10, 10), (11, 11)]
    assert series[-2:] == [(25, 25), (26, 0)]


def test_a_parked_car_that_is_lost_and_found_again_goes_on_and_is_not_a_second_one() -> None:
    records: list[AnyRecord] = [
        _still(10, 1, 10),
        _still(15, 1, 0),  # an edge that loses a track says both in one breath
        _exit(15, 1),
        _still(45, 7, 10),
        _still(55, 7, 20),
    ]
    outcome = lived(place_of(views=((seen_by("east"),),)), records, until_s=200)
    assert dict(values_of(outcome, "stationary.car"))[55] == 55
    assert _ends(outcome, "stationary.car") == [115]  # nothing has confirmed it for a minute


def test_a_car_that_comes_after_another_has_left_is_another() -> None:
    records: list[AnyRecord] = [
        _still(10, 1, 10),
        _still(15, 1, 0),
        _exit(17, 1),
        _still(45, 7, 10),
    ]
    outcome = lived(place_of(views=((seen_by("east"),),)), records, until_s=46)
    assert _ends(outcome, "stationary.car") == [16]
    assert values_of(outcome, "stationary.car")[-1] == (46, 11)
