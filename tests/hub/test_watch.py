"""Rules against timelines: push values at times, expect steps at times."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.rules import Active, Clear, Condition, Rule, Take
from configs.values import Duration, Text, TimeSpan
from hub.rules.schedule import Schedule
from hub.rules.watch import Watch
from hub.rules.window import Window

T0 = 1_700_000_000_000


def _rule(*when: Condition, **parts: Any) -> Rule:
    return Rule(id="r", title=Text("R", "R"), places=("*",), when=when, **parts)


def _s(seconds: float) -> Duration:
    return Duration(round(seconds * 1000))


class Timeline:
    """Drives a watch as a place does: values when they change, and whatever falls due."""

    def __init__(self, rule: Rule, timezone: str = "UTC", start: int = T0) -> None:
        self.watch = Watch(rule, "s", "p", timezone)
        self.values: dict[str, float] = {}
        self.steps: list[tuple[float, str]] = []
        self.start = start

    def until(self, seconds: float) -> "Timeline":
        to = self.start + round(seconds * 1000)
        while self.watch.due is not None and self.watch.due <= to:
            self._look(self.watch.due)
        return self

    def push(self, seconds: float, **values: float) -> "Timeline":
        self.until(seconds)
        at = self.start + round(seconds * 1000)
        for name, value in values.items():
            self.values[name] = value
            self.watch.changed(name, value, at)
        self._look(at)
        return self

    def _look(self, at: int) -> None:
        for step in self.watch.look(self.values, at):
            self.steps.append(((step.ts - self.start) / 1000, str(step.step)))


def test_it_fires_when_the_condition_has_held_for_its_time() -> None:
    line = Timeline(_rule(Condition(signal="a", above=2, for_=_s(3))))
    line.push(0, a=3).push(2, a=1).push(4, a=3).until(20).push(20, a=2)
    assert line.steps == [
        (0, "pending"), (2, "dropped"), (4, "pending"), (7, "firing"), (20, "resolved"),
    ]  # fmt: skip


def test_without_a_duration_it_fires_at_once() -> None:
    assert Timeline(_rule(Condition(signal="a", below=1))).push(0, a=0).steps == [(0, "firing")]


def test_all_conditions_must_hold() -> None:
    rule = _rule(Condition(signal="a", above=0), Condition(signal="b", equals=1, for_=_s(2)))
    line = Timeline(rule).push(0, a=1).push(1, b=1).push(2, a=0).push(5, a=1)
    assert line.steps == [(1, "pending"), (2, "dropped"), (5, "firing")]


def test_a_signal_that_is_not_known_yet_meets_nothing() -> None:
    assert Timeline(_rule(Condition(signal="a", below=1))).push(0, b=0).until(60).steps == []


def test_hysteresis_keeps_an_alert_until_the_clear_condition_has_held() -> None:
    rule = _rule(Condition(signal="a", above=5), clear=Clear(below=3, for_=_s(10)))
    line = Timeline(rule).push(0, a=6).push(1, a=4).push(5, a=2).push(9, a=4).push(20, a=1)
    assert line.until(100).steps == [(0, "firing"), (30, "resolved")]


def test_a_clear_time_alone_waits_for_the_condition_to_stay_gone() -> None:
    rule = _rule(Condition(signal="a", above=5), clear=Clear(for_=_s(4)))
    line = Timeline(rule).push(0, a=6).push(1, a=0).push(3, a=6).push(10, a=0)
    assert line.until(60).steps == [(0, "firing"), (14, "resolved")]


def test_after_an_alert_the_rule_is_quiet_for_its_cooldown() -> None:
    line = Timeline(_rule(Condition(signal="a", above=5), cooldown=_s(30)))
    line.push(0, a=6).push(1, a=0).push(10, a=6).until(60)
    assert line.steps == [(0, "firing"), (1, "resolved"), (31, "firing")]


def test_an_operators_word_holds_until_the_conditions_have_once_ended() -> None:
    line = Timeline(_rule(Condition(signal="a", above=5))).push(0, a=6)
    assert line.watch.alert is not None
    assert line.watch.overrule(line.watch.alert)
    line.push(1, a=7).push(2, a=0).push(3, a=8)
    assert line.steps == [(0, "firing"), (3, "firing")]


def test_an_alert_has_one_name_however_often_it_is_worked_out() -> None:
    names = set()
    for _ in range(2):
        line = Timeline(_rule(Condition(signal="a", above=2, for_=_s(3)))).push(0, a=3).until(9)
        names.add(line.watch.alert)
    assert len(names) == 1
    assert None not in names


def test_the_day_ends_an_alert_and_the_night_begins_one() -> None:
    rule = _rule(
        Condition(signal="a", above=0),
        active=Active(outside=TimeSpan.parse("06:00-22:30")),
    )
    start = round(datetime(2026, 3, 2, 20, 0, tzinfo=UTC).timestamp() * 1000)
    line = Timeline(rule, start=start).push(0, a=1).until(24 * 3600)
    assert line.steps == [(2.5 * 3600, "firing"), (10 * 3600, "resolved")]


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 28), 6.5), ((2026, 10, 24), 8.5), ((2026, 6, 1), 7.5)],
    ids=["clocks go forward", "clocks go back", "an ordinary night"],
)
def test_a_night_is_as_long_as_the_clocks_on_the_wall_say(
    day: tuple[int, int, int], hours: float
) -> None:
    rule = _rule(
        Condition(signal="a", above=0), active=Active(within=TimeSpan.parse("22:30-06:00"))
    )
    noon = datetime(*day, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    start = round(noon.timestamp() * 1000)
    line = Timeline(rule, "Europe/Berlin", start).push(0, a=1).until(24 * 3600)
    (began, _), (ended, _) = line.steps
    assert began == 10.5 * 3600
    assert ended - began == hours * 3600


def test_a_night_belongs_to_the_day_it_began_on() -> None:
    schedule = Schedule(Active(within=TimeSpan.parse("22:00-02:00"), days=("fri",)), "UTC")

    def watches(day: int, hour: int) -> bool:
        moment = datetime(2026, 11, day, hour, tzinfo=UTC)
        return schedule.watches(round(moment.timestamp() * 1000))

    assert [watches(20, 1), watches(20, 23), watches(21, 1), watches(21, 23)] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("take", "expected"),
    [
        (Take.MEAN, (2 * 2 + 6 * 4 + 1 * 4) / 10),
        (Take.MAX, 6),
        (Take.MIN, 1),
        (Take.SUM, 7),
        (Take.LAST, 1),
        (Take.RATE, (1 - 2) / 10),
    ],
)
def test_windows_by_hand(take: Take, expected: float) -> None:
    window = Window(10_000, take)
    for seconds, value in ((0, 2), (4, 6), (8, 1)):
        window.add(T0 + seconds * 1000, value)
    assert window.value(T0 + 12_000) == pytest.approx(expected)


def test_a_window_moves_on_by_itself() -> None:
    rule = _rule(Condition(signal="a", above=4, over=_s(10), take=Take.MEAN))
    line = Timeline(rule).push(0, a=0).push(10, a=10).until(30).push(30, a=0).until(60)
    # The mean of the last ten seconds passes 4 after 14 s, and falls back to it at 36 s.
    assert line.steps == [(15, "firing"), (36, "resolved")]


signals = st.lists(
    st.tuples(st.integers(1, 9000), st.sampled_from("ab"), st.sampled_from([0.0, 1.0, 2.0, 3.0])),
    max_size=30,
)
rules = st.builds(
    lambda fors, clear, clear_for, cooldown, over: _rule(
        Condition(signal="a", above=1, for_=_s(fors[0]), over=over, take=Take.MEAN),
        Condition(signal="b", above=0, for_=_s(fors[1])),
        clear=Clear(below=clear, for_=_s(clear_for)),
        cooldown=_s(cooldown),
    ),
    st.tuples(st.sampled_from([0, 1.5, 4]), st.sampled_from([0, 2])),
    st.sampled_from([None, 1.0]),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 5]),
    st.sampled_from([None, _s(5)]),
)


@given(rules, signals, st.lists(st.integers(0, 200), max_size=20), st.integers(0, 30))
def test_neither_idle_looks_nor_a_restart_change_what_happens(
    rule: Rule, pushes: list[tuple[int, str, float]], idle: list[int], restart_at: int
) -> None:
    plain, disturbed = Timeline(rule), Timeline(rule)
    now = 0.0
    for index, (gap, name, value) in enumerate(pushes):
        now += gap / 1000
        for step in idle[index : index + 1]:
            disturbed.until(max(0.0, now - step / 1000))
        if index == restart_at:
            saved = msgspec.msgpack.decode(msgspec.msgpack.encode(disturbed.watch.dump()))
            disturbed.watch = Watch(rule, "s", "p", "UTC")
            disturbed.watch.load(saved)
        plain.push(now, **{name: value})
        disturbed.push(now, **{name: value})
    assert plain.until(now + 60).steps == disturbed.until(now + 60).steps
