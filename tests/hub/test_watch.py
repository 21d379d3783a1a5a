"""Rules against timelines: push values at times, expect steps at times."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.rules import Active, Alternative, Clear, Condition, Rise, Rule, Severity, Take
from configs.site import Place, Site
from configs.values import DateSpan, Duration, Holidays, Text, TimeSpan
from hub.rules.place import Outcome, PlaceAtWork
from hub.rules.schedule import Schedule
from hub.rules.watch import Cause, Transition, Watch
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
        self.transitions: list[Transition] = []
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
            for window in self.watch.windows(name):
                window.changed(at, value)
        self._look(at)
        return self

    def _look(self, at: int) -> None:
        for step in self.watch.look(self.values, at):
            self.steps.append(((step.ts - self.start) / 1000, str(step.step)))
            self.transitions.append(step)


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


def test_what_still_holds_after_the_cooldown_is_pending_from_its_end() -> None:
    line = Timeline(_rule(Condition(signal="a", above=5, for_=_s(20)), cooldown=_s(30)))
    line.push(0, a=6).push(21, a=0).push(45, a=6).until(90)
    assert line.steps == [
        (0, "pending"), (20, "firing"), (21, "resolved"), (51, "pending"), (65, "firing"),
    ]  # fmt: skip


def test_an_operators_word_after_the_conditions_have_ended_holds_nothing_back() -> None:
    clear = Clear(below=1)
    line = Timeline(_rule(Condition(signal="a", above=5), clear=clear)).push(0, a=6).push(1, a=4)
    assert line.watch.alert is not None
    assert line.watch.overrule(line.watch.alert)
    assert line.push(2, a=8).steps == [(0, "firing"), (2, "firing")]


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


def test_two_alerts_of_one_millisecond_have_two_names() -> None:
    line, names = Timeline(_rule(Condition(signal="a", above=2))), set()
    for value in (3, 1, 3):
        line.push(5, a=value)
        names.add(line.watch.alert)
    assert line.steps == [(5, "firing"), (5, "resolved"), (5, "firing")]
    assert len(names - {None}) == 2


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
        (Take.COUNT, 2),
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


def test_one_of_the_alternatives_is_enough_and_the_alert_shows_which() -> None:
    either = Condition(
        any=(Alternative(signal="a", above=5), Alternative(signal="b", above=1, for_=_s(4)))
    )
    line = Timeline(_rule(either, Condition(signal="c", above=0)))
    line.push(0, c=1, a=0, b=0).push(1, b=2).push(7, b=0).push(9, a=6).push(10, c=0)
    assert line.steps == [
        (1, "pending"), (5, "firing"), (7, "resolved"), (9, "firing"), (10, "resolved"),
    ]  # fmt: skip
    shown = [[cause.signal for cause in step.causes] for step in line.transitions]
    assert shown == [["b", "c"], ["b", "c"], ["a", "b", "c"], ["a", "c"], ["a", "c"]]


def test_a_severity_rises_in_place_and_does_not_fall() -> None:
    rule = _rule(
        Condition(signal="a", above=1),
        severity=Severity.MEDIUM,
        rises=(
            Rise(when=(Condition(signal="a", above=5, for_=_s(2)),), severity=Severity.HIGH),
            Rise(when=(Condition(signal="b", above=0),), severity=Severity.CRITICAL),
        ),
    )
    line = Timeline(rule).push(0, a=2).push(1, a=6).push(2, a=2).push(10, a=7).push(20, a=2)
    line.push(21, b=1).push(22, b=0).push(23, a=0).push(30, a=7, b=1)
    assert [(step.step, step.severity) for step in line.transitions] == [
        ("firing", "medium"), ("risen", "high"), ("risen", "critical"), ("resolved", "critical"),
        ("firing", "critical"),
    ]  # fmt: skip
    assert [seconds for seconds, _ in line.steps] == [0, 12, 21, 23, 30]
    assert line.transitions[1].causes == (Cause("a", 7, "a above 5 for 2 s"),)


def _place(*rules: Rule) -> tuple[PlaceAtWork, Outcome]:
    site = Site(id="s", name=Text("S", "S"), timezone="UTC")
    return PlaceAtWork(Place(id="p", name=Text("P", "P")), site, rules), Outcome()


def _told(outcome: Outcome) -> list[tuple[float, str, str, str]]:
    steps = outcome.transitions
    return [((s.ts - T0) / 1000, s.rule, str(s.step), s.inhibited_by) for s in steps]


QUIET = Rule(
    id="quiet",
    title=Text("Q", "Q"),
    places=("*",),
    when=(Condition(signal="reports.noise", above=0),),
)
LOUD = Rule(
    id="loud",
    title=Text("L", "L"),
    places=("*",),
    when=(Condition(signal="reports.fire", above=0),),
    inhibits=("quiet",),
)


def test_an_inhibited_alert_is_raised_says_so_and_is_released() -> None:
    place, outcome = _place(QUIET, LOUD)
    for seconds, kind, count in (
        (0, "fire", 1), (1, "noise", 1), (2, "noise", 0), (3, "noise", 1), (4, "fire", 0),
        (5, "noise", 0),
    ):  # fmt: skip
        place.told(f"reports.{kind}", count, T0 + seconds * 1000, outcome)
    assert _told(outcome) == [
        (0, "loud", "firing", ""),
        (1, "quiet", "firing", "loud"),
        (2, "quiet", "resolved", "loud"),
        (3, "quiet", "firing", "loud"),
        (4, "loud", "resolved", ""),
        (4, "quiet", "released", ""),
        (5, "quiet", "resolved", ""),
    ]


def test_what_fired_before_is_told_and_needs_no_release() -> None:
    place, outcome = _place(QUIET, LOUD)
    for seconds, kind, count in ((0, "noise", 1), (1, "fire", 1), (2, "fire", 0)):
        place.told(f"reports.{kind}", count, T0 + seconds * 1000, outcome)
    assert _told(outcome) == [
        (0, "quiet", "firing", ""), (1, "loud", "firing", ""), (2, "loud", "resolved", ""),
    ]  # fmt: skip


def test_an_operators_word_releases_what_the_alert_inhibited() -> None:
    place, outcome = _place(QUIET, LOUD)
    place.told("reports.fire", 1, T0, outcome)
    place.told("reports.noise", 1, T0 + 1000, outcome)
    assert place.overrule(outcome.transitions[0].alert)
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(place.dump()))
    place, _ = _place(QUIET, LOUD)
    place.load(saved)
    place.advance(T0 + 2000, outcome)
    assert _told(outcome)[2:] == [(1, "quiet", "released", "")]


def _hours(active: Active, zone: str, country: str, first: datetime, days: int) -> list[str]:
    """When the answer changes, by the clocks on the wall."""
    schedule = Schedule(active, zone, country)
    at, changes = round(first.timestamp() * 1000), []
    end, before = at + days * 86_400_000, schedule.watches(at)
    while at < end:
        following = schedule.next_change(at)
        assert following is not None
        at = following
        if schedule.watches(at) != before:
            before = not before
            local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone))
            changes.append(f"{local:%m-%d %H:%M %z} {'on' if before else 'off'}")
    return changes


def test_a_rule_may_leave_out_holidays() -> None:
    active = Active(
        within=TimeSpan.parse("09:00-18:00"),
        days=("mon", "tue", "wed", "thu", "fri"),
        holidays=Holidays.parse("never"),
    )
    first = datetime(2026, 4, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # Labour Day is a Friday
    assert _hours(active, "Europe/Berlin", "DE", first, 4) == [
        "04-30 09:00 +0200 on", "04-30 18:00 +0200 off",
        "05-04 09:00 +0200 on",
    ]  # fmt: skip


def test_a_rule_may_watch_on_weekends_and_holidays_of_another_country() -> None:
    active = Active(days=("sat", "sun"), holidays=Holidays.parse({"mode": "also", "country": "DE"}))
    first = datetime(2026, 4, 1, tzinfo=ZoneInfo("Europe/Berlin"))  # Good Friday is the third
    assert _hours(active, "Europe/Berlin", "CN", first, 8) == [
        "04-03 00:00 +0200 on", "04-07 00:00 +0200 off",
    ]  # fmt: skip


def test_dates_begin_and_end_at_the_sites_midnight_across_its_clock_changes() -> None:
    active = Active(
        dates=(DateSpan.parse("2026-03-29..2026-03-29"), DateSpan.parse("10-25..10-25"))
    )
    berlin = ZoneInfo("Europe/Berlin")
    spring = _hours(active, "Europe/Berlin", "", datetime(2026, 3, 1, tzinfo=berlin), 40)
    autumn = _hours(active, "Europe/Berlin", "", datetime(2026, 10, 1, tzinfo=berlin), 40)
    assert spring == ["03-29 00:00 +0100 on", "03-30 00:00 +0200 off"]
    assert autumn == ["10-25 00:00 +0200 on", "10-26 00:00 +0100 off"]


def test_a_night_of_the_last_date_ends_the_morning_after() -> None:
    active = Active(within=TimeSpan.parse("22:00-06:00"), dates=(DateSpan.parse("12-31..01-01"),))
    first = datetime(2026, 12, 30, tzinfo=UTC)
    assert _hours(active, "UTC", "", first, 5) == [
        "12-31 22:00 +0000 on", "01-01 06:00 +0000 off",
        "01-01 22:00 +0000 on", "01-02 06:00 +0000 off",
    ]  # fmt: skip


def test_a_rule_whose_dates_come_wakes_up_though_nothing_happens() -> None:
    start = round(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)
    active = Active(dates=(DateSpan.parse("2026-05-01..2026-05-02"),))
    line = Timeline(_rule(Condition(signal="a", above=0), active=active), start=start)
    line.push(0, a=1).until(90 * 86_400)
    assert line.steps == [(60 * 86_400, "firing"), (62 * 86_400, "resolved")]


@pytest.mark.parametrize(
    "text", ["2026-02-30..2026-03-01", "02-01..02-30", "05-32", "2026-05-02..2026-05-01", 3]
)
def test_what_are_no_dates_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected days such as"):
        DateSpan.parse(text)


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
