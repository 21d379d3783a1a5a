"""Scenarios: the shipped ones pass, and a wrong or failing one says why."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import configs
import linli
from configs.rules import RulesFile
from hub.backtest import scenario

LIBRARY = Path(configs.__file__).parent / "library"
SCENARIOS = sorted((LIBRARY / "scenarios").glob("*.yaml"))
SITE = """
site: {id: s, name: S, timezone: UTC}
nodes: [{id: a}]
places: [{id: hall, name: Hall, doors: [{node: a, source: door}]}]
rules:
  - {id: open, title: Open, places: [hall], when: [{signal: door.open_s, above: 5}]}
"""


def _write(folder: Path, rest: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(SITE + rest)
    return path


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_shipped_rule_does_what_its_scenario_says(path: Path) -> None:
    verdict = scenario.run(scenario.load_scenario(path))
    assert verdict.passed, verdict


def test_every_shipped_rule_has_a_scenario_and_speaks_both_languages() -> None:
    assert {path.name for path in LIBRARY.glob("*.yaml")} == {path.name for path in SCENARIOS}
    for path in LIBRARY.glob("*.yaml"):
        file = configs.load_any(path)
        assert isinstance(file, RulesFile)
        for rule in file.rules:
            assert rule.title.en != rule.title.zh
            assert rule.advice.en != rule.advice.zh


def test_a_failing_scenario_says_what_was_expected_and_what_came(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "records: [{at: 1s, source: door, open: true}, {at: 9s, source: door, open: false}]\n"
        "until: 20s\n"
        "expect: [{rule: open, place: hall, fires: 6s, resolves: 9s}]\n",
    )
    result = CliRunner().invoke(linli.main, ["rules", "test", str(path)])
    assert result.exit_code == 1
    assert "expected, did not come: open at hall: fires 6s, resolves 9s" in result.output
    assert "came, not expected: open at hall (medium): fires 7s, resolves 9s" in result.output


def test_tolerance_forgives_and_an_alert_nobody_expected_fails(tmp_path: Path) -> None:
    records = "records: [{at: 1s, source: door, open: true}]\nuntil: 20s\n"
    near = "expect: [{rule: open, place: hall, fires: 6s, tolerance: 1s}]\n"
    assert scenario.run(scenario.load_scenario(_write(tmp_path, records + near))).passed
    assert not scenario.run(scenario.load_scenario(_write(tmp_path, records))).passed


def test_everything_wrong_with_a_scenario_is_said_at_once(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "records: [{at: 1, source: door, open: true}, {at: 2s, opn: true}]\n"
        "until: 20s\n"
        "expect: [{rule: opened, place: hall, fires: 6s}]\n",
    )
    with pytest.raises(configs.ConfigError) as raised:
        scenario.load_scenario(path)
    text = str(raised.value)
    assert "records[0].at: expected a duration" in text
    assert "did you mean 'open'?" in text
    assert "'opened' is no rule here" in text
