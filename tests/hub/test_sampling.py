"""A replay leaves out the looks that change nothing, and finds what it would find with them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from configs.rules import Active, Clear, Condition, Rule
from configs.site import CountingLine, DoorOf, NodeOf, Place, Site, SiteFile, View
from configs.values import Duration, Text, TimeSpan
from hub.fusion.signal import first_look, last_look, next_limit, next_look
from hub.rules.engine import Engine
from hub.rules.place import Outcome
from hub.rules.watch import Transition
from wire.records import (
    AnyRecord,
    Direction,
    DoorState,
    LineCross,
    NodeHealth,
    ZoneCount,
    ZoneDwell,
    ZoneStationary,
)

T0 = 1_700_000_000_000
TEXT = Text("R", "R")


def _rule(name: str, *when: Condition, **parts: Any) -> Rule:
    return Rule(id=name, title=TEXT, places=("*",), when=when, **parts)


def _view(source: str, trust: float) -> View:
    return View(node="a", source=source, zone="z", trust=trust)


RULES = (
    _rule("seen", Condition(signal="presence.person", above=0.7),
          clear=Clear(below=0.3, for_=Duration(1500))),
    _rule("stays", Condition(signal="dwell.person", above=7)),
    _rule("stays-long", Condition(signal="dwell.car", above=65),
          Condition(signal="presence.person", below=0.5, for_=Duration(2500))),
    _rule("parked", Condition(signal="stationary.car", above=20),
          Condition(signal="dwell.person", above=3)),
    _rule("open", Condition(signal="door.open_s", above=12, for_=Duration(700)),
          Condition(signal="silence_s", below=400)),
    _rule("silent", Condition(signal="silence_s", above=33), cooldown=Duration(20_000)),
    _rule("exactly", Condition(signal="dwell.person", equals=5)),
    _rule("rush", Condition(signal="flow.in", above=1), clear=Clear(below=1)),
    _rule("few", Condition(signal="flow.out", below=2), Condition(signal="presence.car", above=0)),
    _rule("by-night", Condition(signal="presence.car", above=0.5, for_=Duration(800)),
          active=Active(outside=TimeSpan.parse("06:00-22:20"))),
)  # fmt: skip
SITE = SiteFile(
    site=Site(id="s", name=TEXT, timezone="UTC"),
    nodes=(NodeOf(id="a"),),
    places=(
        Place(
            id="yard", name=TEXT,
            views=((_view("cam", 1.0), _view("cam-2", 0.7)),),
            lines=(CountingLine(node="a", source="cam", line="l"),),
            doors=(DoorOf(node="a", source="door"),),
        ),
    ),
    rules=RULES,
)  # fmt: skip

Plan = list[tuple[int, int, str, str, int]]
plans: st.SearchStrategy[Plan] = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 2500), st.integers(1, 90_000)),
        st.integers(0, 6), st.sampled_from(("cam", "cam-2")),
        st.sampled_from(("person", "car")), st.integers(0, 3),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip
"""Time since the step before, kind of record, source, label, value."""


def _record(seq: int, ts: int, kind: int, source: str, label: str, value: int) -> AnyRecord:
    seen = {"seq": seq, "ts": ts, "source": source, "zone": "z", "label": label}
    match kind:
        case 0 | 1:
            return ZoneCount(**seen, count=value, confidence=0.3 * value)  # type: ignore[arg-type]
        case 2:
            return ZoneDwell(**seen, track=value, dwell_ms=1000 * value)  # type: ignore[arg-type]
        case 3:
            return ZoneStationary(**seen, track=value, still_ms=4000 * value)  # type: ignore[arg-type]
        case 4:
            return DoorState(seq=seq, ts=ts, source="door", open=value > 1)
        case 5:
            return LineCross(
                seq=seq, ts=ts, source="cam", line="l", label=label, track=1, confidence=0.8,
                direction=Direction.RIGHT if value else Direction.LEFT, box=(0.1, 0.1, 0.1, 0.1),
            )  # fmt: skip
        case _:
            return NodeHealth(seq=seq, ts=ts, source="agent")


def _play(engine: Engine, plan: Plan, outcome: Outcome) -> int:
    ts = T0
    for seq, (gap, kind, source, label, value) in enumerate(plan, 1):
        ts += gap
        record = _record(seq, ts, kind, source, label, value)
        engine.take("s", "a", record, ts, outcome, late=False)
    return ts


def _transitions(engine: Engine, plan: Plan) -> list[Transition]:
    outcome = Outcome()
    engine.advance_place("s", "yard", _play(engine, plan, outcome) + 3_600_000, outcome)
    return outcome.transitions


@settings(max_examples=150, deadline=None)
@given(plan=plans)
def test_looks_left_out_change_no_alert_and_no_value_it_shows(
    plan: Plan,
) -> None:
    trimmed = Engine([SITE])
    for place in trimmed.places.values():
        place.drop_unwatched()
    assert _transitions(trimmed, plan) == _transitions(Engine([SITE]), plan)


def test_without_a_signal_to_show_no_values_are_told() -> None:
    plan: Plan = [(100, 0, "cam", "person", 3), (100, 0, "cam", "person", 0)]
    for shown, names in (("", set()), ("presence.person", {"presence.person"})):
        engine, outcome = Engine([SITE]), Outcome()
        for place in engine.places.values():
            place.drop_unwatched(shown)
        _play(engine, plan, outcome)
        assert {point.name for point in outcome.signals} == names


@given(age=st.integers(0, 90_000_000), since=st.integers(0, 10))
def test_looks_come_at_the_same_moments_whoever_asks(age: int, since: int) -> None:
    look = next_look(since, since + age)
    assert look > since + age
    assert first_look(since, since + age + 1) == look
    assert last_look(since, look) == first_look(since, look) == look
    assert last_look(since, look - 1) < look


def test_a_growing_value_is_looked_at_when_it_comes_to_a_limit() -> None:
    assert next_limit(0, 1000, (5.0, 60.0)) == 5000
    assert next_limit(0, 5000, (5.0, 60.0)) == 5001
    assert next_limit(0, 5001, (5.0, 60.0)) == 60_000
    assert next_limit(0, 60_001, (5.0, 60.0)) is None
