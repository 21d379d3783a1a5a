"""All signals of a place together: names, faults, risk, and restarts."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.rules import Active, Alternative, Clear, Condition, Rise, Rule, Severity, Take
from configs.signals import SIGNALS, is_signal
from configs.site import CountingLine, DoorOf, Override, Place, Site, SiteFile
from configs.values import Duration, Holidays, TimeSpan
from hub.rules.engine import Engine
from hub.rules.place import Outcome, PlaceAtWork
from tests.hub.fusion.world import (
    BOX,
    SITE,
    T0,
    TEXT,
    counted,
    door_says,
    give,
    lived,
    place_of,
    seen_by,
    values_of,
    when,
)
from wire.records import (
    Direction,
    DoorAccess,
    DoorState,
    Fault,
    LineCross,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneExit,
    ZoneStationary,
)


def test_scene_faults_are_counted_and_named() -> None:
    def fault(seconds: float, kind: Fault, source: str, *, active: bool) -> SceneFault:
        return SceneFault(**when(seconds), source=source, fault=kind, active=active)

    outcome = lived(
        place_of(views=((seen_by("east"), seen_by("west")),)),
        [
            NodeHealth(**when(0), source="agent"),
            fault(1, Fault.COVERED, "east", active=True),
            fault(2, Fault.COVERED, "west", active=True),
            fault(3, Fault.DARK, "east", active=True),
            fault(4, Fault.COVERED, "east", active=False),
            fault(5, Fault.COVERED, "west", active=False),
        ],
    )
    assert values_of(outcome, "scene.fault") == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 2), (5, 1)]
    assert values_of(outcome, "scene.fault.covered") == [(1, 1), (5, 0)]
    assert values_of(outcome, "scene.fault.dark") == [(3, 1)]


@pytest.mark.parametrize("name", [
    f"{stem}{end}"
    for stem in ("surprise.flow", "surprise.door", "surprise.occupancy", "surprise.dwell")
    for end in ("", ".15m", ".5m", ".3h", ".news", ".low", ".high", ".count")
])  # fmt: skip
def test_what_surprises_can_stand_in_a_rule(name: str) -> None:
    assert is_signal(name)
    assert not is_signal(name + "x")


def test_reports_count_and_risk_shows_its_terms() -> None:
    place, outcome = place_of(doors=(DoorOf(node="n", source="door", controlled=True),)), Outcome()
    place.told("reports.hazard", 1, T0, outcome)
    give(place, door_says(30, is_open=True), T0 + 60_000, outcome)
    assert values_of(outcome, "reports.hazard") == [(0, 1)]
    # 5·min(1, 1/2); then 25·1 for the forced door and 10·30/300 for the time it stands open.
    assert values_of(outcome, "risk") == [(0, 2), (60, 28)]
    assert [(term.signal, term.adds) for term in place.risk_terms()] == [
        ("door.forced", 25), ("reports.hazard", 2.5), ("door.open_s", 1),
    ]  # fmt: skip


def test_missed_walks_are_a_value_of_their_place_from_their_time_on() -> None:
    place, outcome = place_of(), Outcome()
    for seconds, walks in ((0, 1), (10, 1), (20, 2), (30, 0)):
        place.told("patrol.missed", walks, T0 + seconds * 1000, outcome)
    assert values_of(outcome, "patrol.missed") == [(0, 1), (20, 2), (30, 0)]


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
    outcome = lived(place, [door_says(0, is_open=True), counted(1, "east", 2)], until_s=300)
    assert set(place.signals) == kept
    assert bool(outcome.transitions) == (name in ("door.open_s", "risk"))


def test_every_named_signal_has_a_test_here_and_is_emitted_under_its_name() -> None:
    here = Path(__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in here.glob("test_*.py"))
    for name in SIGNALS:
        stem = name.partition("<")[0]
        if stem.startswith("surprise."):
            stem = ".".join(stem.split(".")[:2])
        assert f'"{stem}' in source, f"{name} has no test here"
        assert is_signal(name.replace("<label>", "car").replace("<kind>", "dark"))


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
            views=((seen_by("east"),),),
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
                        Alternative(
 signal="flow.in", above=1, over=Duration(9_000), take=Take.COUNT,
),
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
