"""Each signal against numbers worked out by hand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.rules import Active, Alternative, Clear, Condition, Rise, Rule, Severity, Take
from configs.signals import SIGNALS, is_signal
from configs.site import CountingLine, DoorOf, Override, Place, Site, SiteFile, View
from configs.values import Duration, Holidays, Text, TimeSpan
from hub.rules.engine import Engine
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
    ZoneStationary,
)

T0 = 1_700_000_000_000
TEXT = Text("P", "P")
SITE = Site(id="s", name=TEXT, timezone="UTC")
BOX = (0.1, 0.1, 0.2, 0.4)


def _view(source: str, trust: float = 0.9) -> View:
    return View(node="n", source=source, zone="z", trust=trust)


def _place(**parts: Any) -> PlaceAtWork:
    return PlaceAtWork(Place(id="p", name=TEXT, **parts), SITE, ())


def _take(place: PlaceAtWork, record: AnyRecord, at: int, outcome: Outcome) -> None:
    place.take(place.ears("n", record.source), record, at, outcome)


def _run(place: PlaceAtWork, records: Iterable[AnyRecord], until_s: float = 0) -> Outcome:
    outcome = Outcome()
    for record in records:
        _take(place, record, record.ts, outcome)
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
    _take(place, _count(5, "east", 2), T0 + 5000, outcome)
    _take(place, _count(4, "east", 7), T0 + 5000, outcome)
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


def _s(seconds: float) -> Duration:
    return Duration(round(seconds * 1000))


def _still(seconds: float, track: int, still_s: float, label: str = "car") -> ZoneStationary:
    return ZoneStationary(
        **_at(seconds), source="east", zone="z", label=label, track=track,
        still_ms=round(still_s * 1000),
    )  # fmt: skip


def _exit(seconds: float, track: int) -> ZoneExit:
    return ZoneExit(
        **_at(seconds), source="east", zone="z", label="car", track=track, dwell_ms=1000
    )


def _ends(outcome: Outcome, name: str) -> list[float]:
    """When a signal fell back to 0."""
    return [seconds for seconds, value in _series(outcome, name) if value == 0]


def test_a_parked_car_stands_since_its_first_still_moment_until_it_moves() -> None:
    outcome = _run(
        _place(views=((_view("east"),),)),
        [_still(10, 1, 10), _still(20, 1, 20), _still(25, 1, 0)],
        until_s=90,
    )
    series = _series(outcome, "stationary.car")
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
    outcome = _run(_place(views=((_view("east"),),)), records, until_s=200)
    assert dict(_series(outcome, "stationary.car"))[55] == 55
    assert _ends(outcome, "stationary.car") == [115]  # nothing has confirmed it for a minute


def test_a_car_that_comes_after_another_has_left_is_another() -> None:
    records: list[AnyRecord] = [
        _still(10, 1, 10),
        _still(15, 1, 0),
        _exit(17, 1),
        _still(45, 7, 10),
    ]
    outcome = _run(_place(views=((_view("east"),),)), records, until_s=46)
    assert _ends(outcome, "stationary.car") == [16]
    assert _series(outcome, "stationary.car")[-1] == (46, 11)


def _gate() -> PlaceAtWork:
    return _place(
        lines=(CountingLine(node="n", source="cam", line="gate"),),
        doors=(DoorOf(node="n", source="door", controlled=True),),
    )


def _granted(seconds: float, *, granted: bool = True) -> DoorAccess:
    return DoorAccess(**_at(seconds), source="door", granted=granted)


def test_tailgating_is_who_came_in_beyond_the_access_granted_within_a_minute() -> None:
    inward = Direction.RIGHT
    records: list[AnyRecord] = [
        _granted(0),
        _cross(2, inward),
        _cross(4, inward),  # the grant is used
        _cross(5, Direction.LEFT),
        _cross(6, inward, "dog"),
        _granted(20, granted=False),
        _cross(21, inward),
        _cross(30, inward),
        _granted(32),  # a reader that speaks two seconds after the camera
    ]
    outcome = _run(_gate(), records, until_s=120)
    assert _series(outcome, "tailgating") == [(0, 0), (7, 1), (24, 2), (64, 1), (81, 0)]


def test_an_access_granted_too_long_before_covers_nobody() -> None:
    outcome = _run(_gate(), [_granted(0), _cross(15.1, Direction.RIGHT)], until_s=20)
    assert _series(outcome, "tailgating") == [(0, 0), (18.1, 1)]


def test_scene_faults_are_counted_and_named() -> None:
    def fault(seconds: float, kind: Fault, source: str, *, active: bool) -> SceneFault:
        return SceneFault(**_at(seconds), source=source, fault=kind, active=active)

    outcome = _run(
        _place(views=((_view("east"), _view("west")),)),
        [
            NodeHealth(**_at(0), source="agent"),
            fault(1, Fault.COVERED, "east", active=True),
            fault(2, Fault.COVERED, "west", active=True),
            fault(3, Fault.DARK, "east", active=True),
            fault(4, Fault.COVERED, "east", active=False),
            fault(5, Fault.COVERED, "west", active=False),
        ],
    )
    assert _series(outcome, "scene.fault") == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 2), (5, 1)]
    assert _series(outcome, "scene.fault.covered") == [(1, 1), (5, 0)]
    assert _series(outcome, "scene.fault.dark") == [(3, 1)]


def test_a_sensor_that_cannot_be_reached_is_silent_from_then_on() -> None:
    door = DoorOf(node="n", source="door")
    health: list[AnyRecord] = [NodeHealth(**_at(t), source="agent") for t in range(0, 60, 15)]
    gone = DoorState(**_at(20), source="door", open=False, available=False)
    again = DoorState(**_at(30), source="door", open=False, available=False)
    back = DoorState(**_at(51), source="door", open=False, available=True)
    records = sorted([*health, gone, again, back], key=lambda record: record.ts)
    outcome = _run(_place(doors=(door,)), records)
    assert _series(outcome, "silence_s") == [(0, 0), (40, 20), (45, 25), (50, 30), (51, 0)]


def test_a_sensor_may_sleep_for_a_day_and_no_longer() -> None:
    hour = 3600
    place, outcome = _place(doors=(DoorOf(node="n", source="door"),)), Outcome()
    _take(place, _door(0, is_open=False), T0, outcome)
    for second in range(15, 26 * hour, 15):
        _take(place, NodeHealth(**_at(second), source="agent"), T0 + second * 1000, outcome)
    assert _series(outcome, "silence_s")[:2] == [(0, 0), (25 * hour, 25 * hour)]


@pytest.mark.parametrize("name", [
    f"{stem}{end}"
    for stem in ("surprise.flow", "surprise.door", "surprise.occupancy", "surprise.dwell")
    for end in ("", ".15m", ".5m", ".3h", ".low", ".high", ".count")
])  # fmt: skip
def test_what_surprises_can_stand_in_a_rule(name: str) -> None:
    assert is_signal(name)
    assert not is_signal(name + "x")


def test_reports_count_and_risk_shows_its_terms() -> None:
    place, outcome = _place(doors=(DoorOf(node="n", source="door", controlled=True),)), Outcome()
    place.report("hazard", 1, T0, outcome)
    _take(place, _door(30, is_open=True), T0 + 60_000, outcome)
    assert _series(outcome, "reports.hazard") == [(0, 1)]
    # 5·min(1, 1/2); then 25·1 for the forced door and 10·30/300 for the time it stands open.
    assert _series(outcome, "risk") == [(0, 2), (60, 28)]
    assert [(term.signal, term.adds) for term in place.risk_terms()] == [
        ("door.forced", 25), ("reports.hazard", 2.5), ("door.open_s", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("door.open_s", {"door"}),
        ("scene.fault.dark", {"scene"}),
        ("reports.hazard", set()),
        ("risk", {"door", "scene", "tailgating", "stationary", "surprise.flow", "dwell",
                  "occupancy", "silence"}),
    ],
)  # fmt: skip
def test_a_replay_may_leave_out_the_signals_that_no_rule_looks_at(
    name: str, kept: set[str]
) -> None:
    rule = Rule(id="r", title=TEXT, places=("*",), when=(Condition(signal=name, above=2),))
    place = PlaceAtWork(WHOLE.places[0], SITE, [rule])
    place.drop_unwatched()
    outcome = _run(place, [_door(0, is_open=True), _count(1, "east", 2)], until_s=300)
    assert set(place.signals) == kept
    assert bool(outcome.transitions) == (name in ("door.open_s", "risk"))


def test_every_named_signal_has_a_test_here_and_is_emitted_under_its_name() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for name in SIGNALS:
        stem = name.partition("<")[0]
        if stem.startswith("surprise."):
            stem = ".".join(stem.split(".")[:2])
        assert f'"{stem}' in source, f"{name} has no test here"
        assert is_signal(name.replace("<label>", "person").replace("<kind>", "dark"))


label = st.sampled_from(["person", "car"])
moments = st.one_of(
    st.builds(
        lambda name, count: ("east", ZoneCount, {"zone": "z", "label": name, "count": count}),
        label,
        st.integers(0, 3),
    ),
    st.builds(
        lambda name, track, still: (
            "east", ZoneStationary, {"zone": "z", "label": name, "track": track, "still_ms": still},
        ),
        label, st.integers(1, 3), st.sampled_from([0, 10_000]),
    ),
    st.builds(
        lambda name, track: (
            "east", ZoneExit, {"zone": "z", "label": name, "track": track, "dwell_ms": 1},
        ),
        label, st.integers(1, 3),
    ),
    st.builds(
        lambda name, track: (
            "east", ZoneDwell, {"zone": "z", "label": name, "track": track, "dwell_ms": 10_000},
        ),
        label, st.integers(1, 3),
    ),
    st.builds(
        lambda direction: (
            "cam", LineCross,
            {"line": "gate", "label": "person", "track": 1, "direction": direction,
             "confidence": 0.9, "box": BOX},
        ),
        st.sampled_from(Direction),
    ),
    st.builds(
        lambda fault, active: ("east", SceneFault, {"fault": fault, "active": active}),
        st.sampled_from([Fault.COVERED, Fault.LOST]), st.booleans(),
    ),
    st.builds(
        lambda is_open, here: ("door", DoorState, {"open": is_open, "available": here}),
        st.booleans(), st.booleans(),
    ),
    st.builds(lambda granted: ("door", DoorAccess, {"granted": granted}), st.booleans()),
    st.just(("agent", NodeHealth, {})),
)  # fmt: skip
WHOLE = SiteFile(
    site=Site(id="s", name=TEXT, timezone="Europe/Berlin", country="DE"),
    nodes=(),
    places=(
        Place(
            id="p",
            name=TEXT,
            views=((_view("east"),),),
            lines=(CountingLine(node="n", source="cam", line="gate"),),
            doors=(DoorOf(node="n", source="door", controlled=True),),
        ),
    ),
    rules=(
        Rule(
            id="any",
            title=TEXT,
            places=("p",),
            when=(
                Condition(
                    any=(
                        Alternative(signal="occupancy.person", above=1, for_=Duration(3000)),
                        Alternative(signal="flow.in", above=1, over=_s(9), take=Take.COUNT),
                        Alternative(signal="stationary.car", above=20),
                    )
                ),
            ),
            clear=Clear(for_=Duration(2000)),
            rises=(
                Rise(when=(Condition(signal="risk", above=10),), severity=Severity.HIGH),
                Rise(
                    when=(Condition(signal="scene.fault", above=0, for_=Duration(5000)),),
                    severity=Severity.CRITICAL,
                ),
            ),
            cooldown=Duration(4000),
        ),
        Rule(
            id="loud",
            title=TEXT,
            places=("*",),
            when=(Condition(signal="tailgating", above=0), Condition(signal="risk", above=1)),
            inhibits=("any", "silent"),
        ),
        Rule(
            id="silent",
            title=TEXT,
            places=("*",),
            when=(Condition(signal="silence_s", above=20),),
            active=Active(
                within=TimeSpan.parse("23:14-02:00"), holidays=Holidays.parse("never")
            ),
        ),
    ),
    overrides=(Override(rule="loud", set_={"when[1].above": 2}),),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9000), moments), max_size=40), st.integers(0, 40))
def test_a_restart_at_any_moment_changes_nothing(
    plan: list[tuple[int, tuple[str, Any, dict[str, Any]]]], restart_at: int
) -> None:
    plain, disturbed = Engine([WHOLE]), Engine([WHOLE])
    outcomes, now = (Outcome(), Outcome()), T0
    for index, (gap, (source, kind, parts)) in enumerate(plan):
        now += gap
        if index == restart_at:
            saved = disturbed.dump()
            disturbed = Engine([WHOLE])
            disturbed.load(saved)
        record = kind(seq=0, ts=now, source=source, **parts)
        for engine, outcome in zip((plain, disturbed), outcomes, strict=True):
            engine.take("s", "n", record, now, outcome, late=False)
    for engine, outcome in zip((plain, disturbed), outcomes, strict=True):
        engine.advance_place("s", "p", now + 200_000, outcome)
    assert outcomes[0] == outcomes[1]
    assert plain.dump() == disturbed.dump()
