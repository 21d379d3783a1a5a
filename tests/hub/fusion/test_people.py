"""How many are there, how sure that is, and how long they stay: by hand-computed numbers."""

from typing import Any

import pytest

from hub.rules.place import Outcome
from tests.hub.fusion.world import BOX, T0, counted, give, lived, place_of, seen_by, values_of, when
from wire.records import AnyRecord, Fault, SceneFault, ZoneDwell, ZoneEnter, ZoneExit


def test_overlapping_views_count_one_person_once_and_groups_add_up() -> None:
    place = place_of(views=((seen_by("east"), seen_by("west")), (seen_by("gate"),)))
    outcome = lived(
        place,
        [
            counted(0, "east", 2),
            counted(1, "west", 3),
            counted(2, "gate", 1),
            counted(3, "west", 0),
        ],
    )
    assert values_of(outcome, "occupancy.person") == [(0, 2), (1, 3), (2, 4), (3, 3)]


def test_a_count_that_nobody_repeats_is_forgotten_after_a_minute() -> None:
    outcome = lived(place_of(views=((seen_by("east"),),)), [counted(0, "east", 2)], until_s=70)
    assert values_of(outcome, "occupancy.person") == [(0, 2), (60, 0)]


def test_a_lost_camera_sees_nobody() -> None:
    lost = SceneFault(**when(3), source="east", fault=Fault.LOST, active=True)
    outcome = lived(place_of(views=((seen_by("east"),),)), [counted(0, "east", 2), lost])
    assert values_of(outcome, "occupancy.person") == [(0, 2), (3, 0)]


def test_an_older_count_of_a_view_does_not_undo_a_newer_one() -> None:
    place, outcome = place_of(views=((seen_by("east"),),)), Outcome()
    give(place, counted(5, "east", 2), T0 + 5000, outcome)
    give(place, counted(4, "east", 7), T0 + 5000, outcome)
    assert place.values["occupancy.person"] == 2


def test_presence_combines_weak_views_and_halves_every_half_life() -> None:
    place = place_of(views=((seen_by("east", 0.5),), (seen_by("west", 1.0),)))
    outcome = lived(
        place,
        [
            counted(0, "east", 1, 0.8),
            counted(0, "west", 1, 0.5),
            counted(1, "east", 0),
            counted(1, "west", 0),
        ],
        until_s=11,
    )
    presence = dict(values_of(outcome, "presence.person"))
    # 1 − (1 − 0.5·0.8)·(1 − 1·0.5); five seconds unseen: 1 − (1 − 0.2)·(1 − 0.25)
    assert presence[0] == pytest.approx(0.7)
    assert presence[6] == pytest.approx(0.4)
    assert presence[11] == pytest.approx(1 - (1 - 0.1) * (1 - 0.125), abs=1e-4)


def test_presence_holds_while_a_count_stands_and_ends_at_zero() -> None:
    outcome = lived(
        place_of(views=((seen_by("east", 1.0),),)), [counted(0, "east", 1, 0.6)], until_s=90
    )
    presence = values_of(outcome, "presence.person")
    assert presence[:2] == [(0, 0.6), (9, pytest.approx(0.6 * 2 ** (-1 / 5), abs=1e-4))]
    assert presence[-1][1] == 0.0


def _track(kind: Any, seconds: float, track: int, **more: Any) -> AnyRecord:
    record: AnyRecord = kind(
        **when(seconds), source="east", zone="z", label="person", track=track, **more
    )
    return record


def test_dwell_is_the_longest_stay_of_anyone_there() -> None:
    outcome = lived(
        place_of(views=((seen_by("east"),),)),
        [
            _track(ZoneEnter, 0, 1, confidence=0.9, box=BOX),
            _track(ZoneEnter, 2, 2, confidence=0.9, box=BOX),
            _track(ZoneExit, 5, 1, dwell_ms=5000),
            _track(ZoneExit, 9, 2, dwell_ms=7000),
        ],
        until_s=12,
    )
    assert values_of(outcome, "dwell.person") == [
        *((float(t), float(t)) for t in range(6)),
        *((float(t), float(t - 2)) for t in range(5, 10)),
        (9, 0),
    ]


def test_dwell_goes_on_where_the_entering_was_never_told() -> None:
    outcome = lived(
        place_of(views=((seen_by("east"),),)), [_track(ZoneDwell, 0, 1, dwell_ms=30_000)], until_s=2
    )
    assert values_of(outcome, "dwell.person") == [(0, 30), (1, 31), (2, 32)]
