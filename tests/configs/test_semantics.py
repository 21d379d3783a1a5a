"""What a site's places, rules and overrides say of each other; and the schemas for editors."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

import configs
from configs.cli import KINDS, cli
from configs.overrides import resolve_rule
from configs.site import SiteFile

EXAMPLES = Path(__file__).parents[2] / "configs"

SITE = """\
site: {id: garden, name: Garden, timezone: Asia/Shanghai, country: CN}
nodes: [{id: n}]
places:
  - {id: yard, name: Yard, tags: [outdoor], views: [[{node: n, source: cam, zone: z}]]}
  - {id: hall, name: Hall, doors: [{node: n, source: door}]}
rules:
  - id: crowd
    title: Crowd
    places: [yard]
    when: [{signal: occupancy.person, above: 5, for: 10s}]
    clear: {below: 3}
    RULE
REST
"""


def _site(tmp_path: Path, rule: str = "cooldown: 1m", rest: str = "") -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("RULE", rule).replace("REST", rest), encoding="utf-8")
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(configs.ConfigError) as caught:
        configs.load_any(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            "rises: [{when: [{signal: tailgating, above: 0}], severity: critical}]",
            (
                "12: rules[0].rises[0].when[0].signal: none of the rule's places can have "
                "tailgating (it needs a line and a controlled door)"
            ),
        ),
        (
            "rises: [{when: [{any: [{signal: door.open_s, above: 3}]}], severity: high}]",
            (
                "12: rules[0].rises[0].when[0].any[0].signal: none of the rule's places can have "
                "door.open_s (it needs a door)"
            ),
        ),
        (
            "rises: [{when: [{signal: risk, above: 3}], severity: low}]",
            (
                "12: rules[0].rises[0].severity: low is no rise over medium "
                "(name a worse one, in rising order)"
            ),
        ),
        (
            "rises: [{when: [{signal: presence.person, above: 1}], severity: high}]",
            (
                "12: rules[0].rises[0].when[0].above: presence.person is never above 1, so this "
                "never holds (it goes from 0 to 1)"
            ),
        ),
        (
            "rises: [{when: [{signal: risk, below: 0, over: 1m}], severity: high}]",
            (
                "12: rules[0].rises[0].when[0].below: risk is never below 0, so this never holds "
                "(it goes from 0 up)"
            ),
        ),
        (
            "rises: [{when: [{signal: risk, equals: -1}], severity: high}]",
            (
                "12: rules[0].rises[0].when[0].equals: risk is never -1, so this never holds "
                "(it goes from 0 up)"
            ),
        ),
        (
            "inhibits: [crowds]",
            "12: rules[0].inhibits[0]: 'crowds' is no rule of the site (did you mean 'crowd'?)",
        ),
        (
            "inhibits: [crowd]",
            "12: rules[0].inhibits: go round in a circle: crowd → crowd (take one of them out)",
        ),
        (
            'active: {outside: "00:00-24:00"}',
            (
                "12: rules[0].active: is a schedule that is never active "
                "(compare its times, days, dates and holidays)"
            ),
        ),
        (
            'active: {holidays: only, dates: ["03-10..03-12"]}',
            (
                "12: rules[0].active: is a schedule that is never active "
                "(compare its times, days, dates and holidays)"
            ),
        ),
        (
            'active: {days: [sat], dates: ["2026-11-23..2026-11-27"]}',
            (
                "12: rules[0].active: is a schedule that is never active "
                "(compare its times, days, dates and holidays)"
            ),
        ),
        (
            "active: {holidays: {mode: never, country: CH, region: QQ}}",
            (
                "12: rules[0].active.holidays: Entity `CH` does not have subdivision QQ "
                "(use the part's code as in ISO 3166-2)"
            ),
        ),
        (
            "active: {holidays: {mode: never, country: China}}",
            (
                "12: rules[0].active.holidays: 'China' is no country whose holidays are known "
                "(use its two capital letters, such as CN or DE)"
            ),
        ),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, rule: str, says: str) -> None:
    assert _problems(_site(tmp_path, rule)) == [says]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            "clear: {below: 3}", "clear: {below: 0}",
            (
                "11: rules[0].clear.below: occupancy.person is never below 0, so the alert would "
                "never end (it goes from 0 up)"
            ),
        ),
        (
            "places: [yard]", "places: []",
            (
                "9: rules[0].places: names no place, so it watches nothing "
                '(name ids, tags or "*")'
            ),
        ),
    ],
)  # fmt: skip
def test_what_would_never_end_or_never_watch_is_told(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    path = _site(tmp_path)
    path.write_text(path.read_text().replace(before, after))
    assert _problems(path) == [says]


@pytest.mark.parametrize("take", ["rate", "sum", "count"])
def test_a_window_may_leave_the_bounds_of_its_signal(tmp_path: Path, take: str) -> None:
    beyond = "below: -1" if take == "rate" else "above: 3"
    when = f"{{signal: presence.person, over: 1m, take: {take}, {beyond}}}"
    configs.load_any(_site(tmp_path, f"rises: [{{when: [{when}], severity: high}}]"))


@pytest.mark.parametrize(
    "active",
    [
        '{holidays: only, dates: ["10-01..10-07"]}',
        '{holidays: also, days: [sat, sun], within: "22:00-06:00"}',
        '{dates: ["2020-01-01..2020-01-02"]}',
        '{dates: ["12-20..01-10", "2026-05-01..2026-05-01"], outside: "08:00-18:00"}',
    ],
)
def test_a_schedule_that_has_its_moment_is_good(tmp_path: Path, active: str) -> None:
    configs.load_any(_site(tmp_path, f"active: {active}"))


def test_a_signal_that_one_of_the_places_has_is_good(tmp_path: Path) -> None:
    rest = "  - {id: d, title: D, places: ['*'], when: [{signal: door.open_s, above: 3}]}"
    configs.load_any(_site(tmp_path, rest=rest))


def test_a_circle_of_inhibits_is_told_once_across_files(tmp_path: Path) -> None:
    rule = (
        "{id: more, title: M, places: ['*'], when: [{signal: risk, above: 3}], inhibits: [crowd]}"
    )
    (tmp_path / "more.yaml").write_text(f"rules: [{rule}]")
    path = _site(tmp_path, "inhibits: [more]", "rule_files: [more.yaml]")
    assert _problems(path) == [
        "12: rules[0].inhibits: go round in a circle: crowd → more → crowd (take one of them out)"
    ]


OVERRIDES = """\
overrides:
  - rule: crowd
    places: [outdoor]
    set: {"when[0].above": 12, cooldown: 10m, severity: high, clear.below: 8}
  - {rule: crowd, places: [yard], set: {cooldown: 20m, active.days: [sun]}}
"""


def test_an_override_changes_a_rule_at_its_places_alone(tmp_path: Path) -> None:
    site = configs.load_site(_site(tmp_path, rest=OVERRIDES))
    (rule,), (yard, hall) = site.rules, site.places
    there = resolve_rule(rule, yard, site.overrides)
    assert (there.when[0].above, there.when[0].for_, there.severity) == (12, 10_000, "high")
    assert there.clear is not None
    assert there.active is not None
    assert (there.clear.below, there.cooldown, there.active.days) == (8, 1_200_000, ("sun",))
    assert resolve_rule(rule, hall, site.overrides) == rule


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "{rule: crowds, set: {cooldown: 1s}}",
            "13: overrides[0].rule: 'crowds' is no rule of the site (did you mean 'crowd'?)",
        ),
        (
            "{rule: crowd, places: [yard, hal], set: {cooldown: 1s}}",
            (
                "13: overrides[0].places[1]: 'hal' is no place or tag of the site "
                "(did you mean 'hall'?)"
            ),
        ),
        (
            "{rule: crowd, places: [hall], set: {cooldown: 1s}}",
            (
                "13: overrides[0].places: changes nothing: none of these places has crowd "
                "(its places are yard)"
            ),
        ),
        (
            '{rule: crowd, set: {"when[0].abov": 1}}',
            "13: overrides[0].set.when[0].abov: 'abov' is not known there (did you mean 'above'?)",
        ),
        (
            '{rule: crowd, set: {"when[1].above": 1}}',
            "13: overrides[0].set.when[1].above: there is no [1]: the list has 1, counted from 0",
        ),
        (
            "{rule: crowd, set: {cooldown: 5}}",
            (
                "13: overrides[0].set.cooldown: expected a duration such as 500ms, 3s, 1m30s, "
                "12h or 7d, got 5"
            ),
        ),
        (
            "{rule: crowd, set: {id: other}}",
            "13: overrides[0].set.id: id cannot be overridden (write another rule)",
        ),
        (
            '{rule: crowd, set: {"when[0].above": 2}}',
            (
                "13: overrides[0].set.clear.below: 3 is over the 2 that raises: "
                "it would clear at once (at most 2)"
            ),
        ),
    ],
)
def test_an_override_that_does_not_fit_is_told(tmp_path: Path, override: str, says: str) -> None:
    assert _problems(_site(tmp_path, rest=f"overrides: [{override}]")) == [says]


def test_a_risk_of_unknown_signals_is_told(tmp_path: Path) -> None:
    assert _problems(_site(tmp_path, rest="risk: [{signal: tailgate, weight: 3}]")) == [
        "13: risk[0].signal: 'tailgate' is no signal to add (did you mean 'tailgating'?)"
    ]


def _schema(kind: str) -> Any:
    result = CliRunner().invoke(cli, ["--schema", kind])
    assert result.exit_code == 0
    return json.loads(result.output)


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_one(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(_schema(kind))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.yaml")), ids=lambda path: path.name)
def test_shipped_examples_keep_to_the_schema(path: Path) -> None:
    loaded = configs.load_any(path)
    kind = next(name for name, cls in KINDS.items() if isinstance(loaded, cls))
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), _schema(kind))


def test_the_whole_grammar_keeps_to_the_schema_and_what_the_loader_refuses_does_not(
    tmp_path: Path,
) -> None:
    rule = (
        'active: {within: "22:00-06:00", dates: ["12-20..01-10"], holidays: {mode: never}}\n'
        "    rises: [{when: [{any: [{signal: risk, above: 3}]}], severity: critical}]"
    )
    path = _site(tmp_path, rule, OVERRIDES)
    assert isinstance(configs.load_any(path), SiteFile)
    text, schema = path.read_text(encoding="utf-8"), _schema("site")
    jsonschema.validate(yaml.safe_load(text), schema)
    for good, bad in (
        ("for: 10s", "for: 10 seconds"),
        ("id: garden", "id: Garden"),
        ("severity: critical", "severity: awful"),
        ("above: 5", "abov: 5"),
        ("mode: never", "mode: sometimes"),
        ("22:00-06:00", "22-06"),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(text.replace(good, bad)), schema)


def test_check_says_what_to_give_it() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 2
    assert "name the files to check, or give --schema" in result.output


PLANNED = """\
site: {id: garden, name: Garden, timezone: UTC, plan: plan.svg}
nodes: [{id: n, sources: [{id: cam, at: [700, 5]}, {id: cam}, {id: door, at: [64, 10.5]}]}]
places: [{id: yard, name: Yard, at: [100, -2]}, {id: hall, name: Hall, at: [640, 420]}]
"""


def test_what_stands_outside_the_plan_is_told_with_the_plans_bounds(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(PLANNED, encoding="utf-8")
    (tmp_path / "plan.svg").write_text('<svg viewBox="0 0 640 420"/>')
    hint = "x from 0 to 640, y from 0 to 420"
    assert _problems(path) == [
        f"2: nodes[0].sources[0].at: [700, 5] lies outside the plan ({hint})",
        "2: nodes[0].sources[1].id: 'cam' is given twice (ids must differ)",
        f"3: places[0].at: [100, -2] lies outside the plan ({hint})",
    ]


def test_a_plan_that_cannot_be_shown_is_told(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(PLANNED, encoding="utf-8")
    (tmp_path / "plan.svg").write_text("<svg/>")
    (told,) = [one for one in _problems(path) if "plan" in one]
    assert "site.plan: 'plan.svg' is no drawing that can be shown" in told
    assert "take an SVG with a viewBox, or a PNG" in told
