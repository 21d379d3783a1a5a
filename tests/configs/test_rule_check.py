"""Rules that could never fire, or never tell anybody anything new, are told before they run."""

from datetime import date
from pathlib import Path

import pytest

import configs
from configs.days import longest_watch
from configs.rules import Active
from configs.values import DateSpan, TimeSpan

SITE = """\
site: {id: garden, name: Garden, timezone: Asia/Shanghai, country: CN}
nodes: [{id: n}]
places:
  - id: yard
    name: Yard
    views: [[{node: n, source: cam, zone: z}]]
    lines: [{node: n, source: cam, line: gate}]
routes: [{id: desk, kind: mqtt}, {id: lead, kind: mqtt}]
rules:
  - id: crowd
    title: Crowd
    places: [yard]
    when: [WHEN]
    MORE
"""


def _site(tmp_path: Path, when: str, more: str = "cooldown: 1m") -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("WHEN", when).replace("MORE", more), encoding="utf-8")
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(configs.ConfigError) as caught:
        configs.load_any(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


ANY = "so this never holds (put them under any: where one of them is enough)"


@pytest.mark.parametrize(
    ("when", "says"),
    [
        (
            "{signal: risk, above: 5}, {signal: risk, below: 2}",
            f"13: rules[0].when[1]: risk is never above 5 and below 2 at once, {ANY}",
        ),
        (
            "{signal: flow.in, above: 2}, {signal: flow.in, below: 3}",
            f"13: rules[0].when[1]: flow.in is never above 2 and below 3 at once, {ANY}",
        ),
        (
            (
                "{signal: risk, above: 9, over: 1m}, {any: [{signal: risk, equals: 9, over: 1m}, "
                "{signal: risk, below: 2, over: 1m}]}"
            ),
            f"13: rules[0].when[1]: risk is never above 9 and equals 9 at once, {ANY}",
        ),
        (
            "{signal: occupancy.person, equals: 7.5}",
            (
                "13: rules[0].when[0].equals: occupancy.person is never 7.5, so this never holds "
                "(it counts in whole numbers)"
            ),
        ),
    ],
)
def test_conditions_that_never_hold_together_are_told(tmp_path: Path, when: str, says: str) -> None:
    assert _problems(_site(tmp_path, when)) == [says]


@pytest.mark.parametrize(
    "when",
    [
        "{signal: risk, above: 2}, {signal: risk, below: 3}",
        "{signal: risk, above: 5}, {signal: risk, below: 2, over: 1m}",
        "{signal: risk, above: 5, over: 1m, take: max}, {signal: risk, below: 2, over: 1m}",
        "{signal: risk, above: 5}, {any: [{signal: risk, below: 2}, {signal: flow.in, above: 3}]}",
        "{signal: occupancy.person, equals: 0.5, over: 1m}",
    ],
)
def test_conditions_that_have_their_moment_are_good(tmp_path: Path, when: str) -> None:
    configs.load_any(_site(tmp_path, when))


def test_a_rise_against_what_raised_the_alert_is_told_where_nothing_else_lets_it_go_on(
    tmp_path: Path,
) -> None:
    rise = "rises: [{when: [{signal: risk, below: 2}], severity: high}]"
    path = _site(tmp_path, "{signal: risk, above: 5}", rise)
    assert _problems(path) == [
        f"14: rules[0].rises[0].when[0]: risk is never above 5 and below 2 at once, {ANY}"
    ]
    configs.load_any(_site(tmp_path, "{signal: risk, above: 5}", f"{rise}\n    clear: {{for: 1m}}"))


def test_a_condition_longer_than_the_rules_hours_is_told(tmp_path: Path) -> None:
    when = "{any: [{signal: risk, above: 5, for: 10m}, {signal: risk, above: 9, for: 9m}]}"
    path = _site(tmp_path, when, 'active: {within: "08:00-08:10"}')
    assert _problems(path) == [
        (
            "13: rules[0].when[0].any[0].for: is as long as the rule watches at a time (10 min), "
            "so this never holds (make it shorter, or let active: have longer hours)"
        )
    ]


def test_an_empty_schedule_is_told(tmp_path: Path) -> None:
    path = _site(tmp_path, "{signal: risk, above: 5}", "active: {days: [], dates: []}")
    hint = "is an empty list (name some, or leave it out: then it watches on all)"
    assert _problems(path) == [
        f"14: rules[0].active.dates: {hint}",
        f"14: rules[0].active.days: {hint}",
    ]


@pytest.mark.parametrize(
    ("active", "minutes"),
    [
        (Active(), 2 * 1440),
        (Active(within=TimeSpan.parse("22:00-06:00")), 480),
        (Active(outside=TimeSpan.parse("06:00-22:30")), 450),
        (Active(days=("sat", "sun")), 2 * 1440),
        (Active(days=("sat",), within=TimeSpan.parse("22:00-06:00")), 480),
        (Active(dates=(DateSpan.parse("2026-05-01"),), within=TimeSpan.parse("22:00-06:00")), 480),
        (Active(days=("sat",), dates=(DateSpan.parse("2026-11-23..2026-11-27"),)), 0),
    ],
)
def test_how_long_a_rule_watches_at_a_time(active: Active, minutes: int) -> None:
    assert longest_watch(active, "", 2 * 1440) == minutes


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            "escalate: [{after: 5m, to: desk}, {after: 1m, to: lead}]",
            [
                (
                    "14: rules[0].escalate[1].after: comes before the step above it "
                    "(write the steps in rising order of after)"
                )
            ],
        ),
        (
            "escalate: [{after: 0s, to: desk}]",
            ["14: rules[0].escalate[0].after: waits for nothing (name the route in notify:)"],
        ),
        (
            "escalate: [{after: 1m, to: desk}, {after: 1m, to: desk}]\n    notify: [desk, desk]",
            [
                (
                    "14: rules[0].escalate[0].to: 'desk' is told by notify already "
                    "(each is told once; repeat: of the route tells it again)"
                ),
                (
                    "14: rules[0].escalate[1].to: 'desk' is told by escalate[0] already "
                    "(each is told once; repeat: of the route tells it again)"
                ),
                (
                    "15: rules[0].notify[1]: 'desk' is named before "
                    "(each is told once; repeat: of the route tells it again)"
                ),
            ],
        ),
    ],
)
def test_escalation_out_of_order_or_to_whom_was_told_is_told(
    tmp_path: Path, more: str, says: list[str]
) -> None:
    assert _problems(_site(tmp_path, "{signal: risk, above: 5}", more)) == says


def test_two_steps_at_the_same_time_to_different_routes_are_good(tmp_path: Path) -> None:
    more = "escalate: [{after: 1m, to: desk}, {after: 1m, to: lead}]"
    configs.load_any(_site(tmp_path, "{signal: risk, above: 5}", more))


@pytest.mark.parametrize("written", ["2026-05-01", '"2026-05-01"', '"05-01"', "05-01"])
def test_a_single_date_is_that_day_alone(tmp_path: Path, written: str) -> None:
    more = f"active: {{dates: [{written}]}}"
    site = configs.load_site(_site(tmp_path, "{signal: risk, above: 5}", more))
    active = site.rules[0].active
    assert active is not None
    (span,) = active.dates
    days = [date(2026, 4, 30), date(2026, 5, 1), date(2026, 5, 2)]
    assert [span.holds(day) for day in days] == [False, True, False]
