"""Each signal against numbers worked out by hand."""

from collections.abc import Iterable
from typing import Any

import pytest

from configs.signals import SIGNALS
from configs.site import CountingLine, DoorOf, Place, View
from configs.values import Text
from hub.rules.place import Outcome, PlaceAtWork
from wire.records import (
    AnyRecord,
    Direction,
    DoorAccess,
    DoorState,
    Fault,
    LineCross,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
)

T0 = 1_700_000_000_000
BOX = (0.1, 0.1, 0.2, 0.4)


def _view(source: str, trust: float = 0.9) -> View:
    return View(node="n", source=source, zone="z", trust=trust)


def _place(**parts: Any) -> PlaceAtWork:
    return PlaceAtWork(Place(id="p", name=Text("P", "P"), **parts), "s", "UTC", ())


def _run(place: PlaceAtWork, records: Iterable[AnyRecord], until_s: float = 0) -> Outcome:
    outcome = Outcome()
    for record in records:
        place.take("n", record, record.ts, outcome)
    place.advance(T0 + round(until_s * 1000), outcome)
    return outcome


def _series(outcome: Outcome, name: str) -> list[tuple[float, float]]:
    return [((p.ts - T0) / 1000, p.value) for p in outcome.signals if p.name == name]


def _at(seconds: float) -> Any:
    return {"seq": 0, "ts": T0 + round(seconds * 1000)}


def _count(seconds: float, source: str, count: int, confidence: float = 0.8) -> ZoneCount:
    return ZoneCount(
        **_at(seconds), source=source, zone="z", label="person", count=count, confidence=confidence
    )


def test_overlapping_views_count_one_person_once_and_groups_add_up() -> None:
    place = _place(views=((_view("east"), _view("west")), (_view("gate"),)))
    outcome = _run(
        place,
        [_count(0, "east", 2), _count(1, "west", 3), _count(2, "gate", 1), _count(3, "west", 0)],
    )
    assert _series(outcome, "occupancy.person") == [(0, 2), (1, 3), (2, 4), (3, 3)]


def test_a_count_that_nobody_repeats_is_forgotten_after_a_minute() -> None:
    outcome = _run(_place(views=((_view("east"),),)), [_count(0, "east", 2)], until_s=70)
    assert _series(outcome, "occupancy.person") == [(0, 2), (60, 0)]


def test_a_lost_camera_sees_nobody() -> None:
    lost = SceneFault(**_at(3), source="east", fault=Fault.LOST, active=True)
    outcome = _run(_place(views=((_view("east"),),)), [_count(0, "east", 2), lost])
    assert _series(outcome, "occupancy.person") == [(0, 2), (3, 0)]


def test_an_older_count_of_a_view_does_not_undo_a_newer_one() -> None:
    place, outcome = _place(views=((_view("east"),),)), Outcome()
    place.take("n", _count(5, "east", 2), T0 + 5000, outcome)
    place.take("n", _count(4, "east", 7), T0 + 5000, outcome)
    assert place.values["occupancy.person"] == 2


def test_presence_combines_weak_views_and_halves_every_half_life() -> None:
    place = _place(views=((_view("east", 0.5),), (_view("west", 1.0),)))
    outcome = _run(
        place,
        [
            _count(0, "east", 1, 0.8),
            _count(0, "west", 1, 0.5),
            _count(1, "east", 0),
            _count(1, "west", 0),
        ],
        until_s=11,
    )
    presence = dict(_series(outcome, "presence.person"))
    # 1 − (1 − 0.5·0.8)·(1 − 1·0.5); five seconds unseen: 1 − (1 − 0.2)·(1 − 0.25)
    assert presence[0] == pytest.approx(0.7)
    assert presence[6] == pytest.approx(0.4)
    assert presence[11] == pytest.approx(1 - (1 - 0.1) * (1 - 0.125), abs=1e-4)


def test_presence_holds_while_a_count_stands_and_ends_at_zero() -> None:
    outcome = _run(_place(views=((_view("east", 1.0),),)), [_count(0, "east", 1, 0.6)], until_s=90)
    presence = _series(outcome, "presence.person")
    assert presence[:2] == [(0, 0.6), (9, pytest.approx(0.6 * 2 ** (-1 / 5), abs=1e-4))]
    assert presence[-1][1] == 0.0


def _cross(seconds: float, direction: Direction, label: str = "person") -> LineCross:
    return LineCross(
        **_at(seconds), source="cam", line="gate", label=label, track=1,
        direction=direction, confidence=0.9, box=BOX,
    )  # fmt: skip


def test_flow_counts_people_by_direction_within_a_minute() -> None:
    line = CountingLine(node="n", source="cam", line="gate", inward=Direction.LEFT)
    crossings = [
        _cross(0, Direction.LEFT),
        _cross(10, Direction.LEFT),
        _cross(20, Direction.RIGHT),
        _cross(21, Direction.RIGHT, "dog"),
    ]
    outcome = _run(_place(lines=(line,)), crossings, until_s=100)
    assert _series(outcome, "flow.in") == [(0, 1), (10, 2), (60, 1), (70, 0)]
    assert _series(outcome, "flow.out") == [(0, 0), (20, 1), (80, 0)]


def _track(kind: Any, seconds: float, track: int, **more: Any) -> AnyRecord:
    record: AnyRecord = kind(
        **_at(seconds), source="east", zone="z", label="person", track=track, **more
    )
    return record


def test_dwell_is_the_longest_stay_of_anyone_there() -> None:
    outcome = _run(
        _place(views=((_view("east"),),)),
        [
            _track(ZoneEnter, 0, 1, confidence=0.9, box=BOX),
            _track(ZoneEnter, 2, 2, confidence=0.9, box=BOX),
            _track(ZoneExit, 5, 1, dwell_ms=5000),
            _track(ZoneExit, 9, 2, dwell_ms=7000),
        ],
        until_s=12,
    )
    assert _series(outcome, "dwell.person") == [
        *((float(t), float(t)) for t in range(6)),
        *((float(t), float(t - 2)) for t in range(5, 10)),
        (9, 0),
    ]


def test_dwell_goes_on_where_the_entering_was_never_told() -> None:
    outcome = _run(
        _place(views=((_view("east"),),)), [_track(ZoneDwell, 0, 1, dwell_ms=30_000)], until_s=2
    )
    assert _series(outcome, "dwell.person") == [(0, 30), (1, 31), (2, 32)]


def _door(seconds: float, *, is_open: bool, source: str = "door") -> DoorState:
    return DoorState(**_at(seconds), source=source, open=is_open)


def test_an_open_door_is_timed_from_its_own_moment() -> None:
    doors = (DoorOf(node="n", source="door"), DoorOf(node="n", source="other"))
    outcome = _run(
        _place(doors=doors),
        [
            _door(0.4, is_open=False),
            _door(1.5, is_open=True),
            _door(2.0, is_open=True, source="other"),
            _door(4.0, is_open=False),
        ],
        until_s=6,
    )
    assert _series(outcome, "door.open_s") == [
        (0.4, 0), (2.0, 0.5), (2.5, 1), (3.5, 2), (5, 3), (6, 4),
    ]  # fmt: skip


def test_a_controlled_door_opened_without_access_is_forced_until_it_shuts() -> None:
    place = _place(doors=(DoorOf(node="n", source="door", controlled=True),))
    granted = DoorAccess(**_at(10), source="door", granted=True)
    outcome = _run(
        place,
        [
            _door(0, is_open=True),
            _door(2, is_open=False),
            granted,
            _door(12, is_open=True),
            _door(13, is_open=False),
            _door(30, is_open=True),
        ],
    )
    assert _series(outcome, "door.forced") == [(0, 1), (2, 0), (30, 1)]


def test_silence_counts_from_the_last_word_of_the_most_silent_source() -> None:
    place = _place(views=((_view("east"), _view("west")),))
    outcome = _run(place, [_count(0, "east", 0), _count(12, "west", 0)], until_s=31)
    assert _series(outcome, "silence_s") == [(0, 0), (20, 20), (25, 25), (30, 30)]


def test_a_node_speaks_for_its_camera_while_the_camera_is_well() -> None:
    place = _place(views=((_view("east"),),))
    words = [NodeHealth(**_at(t), source="east", ok=t < 30) for t in (0, 15, 30, 45)]
    outcome = _run(place, words, until_s=50)
    assert _series(outcome, "silence_s") == [(0, 0), (35, 20), (40, 25), (45, 30), (50, 35)]


def test_every_named_signal_has_a_test_here_and_is_emitted_under_its_name() -> None:
    line = CountingLine(node="n", source="cam", line="gate")
    place = _place(
        views=((_view("east"),),),
        lines=(line,),
        doors=(DoorOf(node="n", source="door", controlled=True),),
    )
    outcome = _run(
        place,
        [
            _count(0, "east", 1),
            _cross(0, Direction.LEFT),
            _track(ZoneEnter, 0, 1, confidence=0.9, box=BOX),
            _door(0, is_open=True),
        ],
    )
    emitted = {point.name.replace(".person", ".<label>") for point in outcome.signals}
    assert emitted == set(SIGNALS)
