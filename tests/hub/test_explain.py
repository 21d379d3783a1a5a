"""An alert explains itself, and so does its absence."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from sqlalchemy import delete, select

import linli
from configs.rules import Active
from configs.site import SiteFile
from configs.values import Duration, TimeSpan
from hub import desk, explain
from hub.series.sqlite import SqliteSeries
from hub.state.tables import Alert, Audit
from tests.hub.chain import SITE, T0, Hub, batch, count_record

YAML = """
site: {id: s, name: S, timezone: UTC}
nodes: [{id: a}]
places:
  - id: yard
    name: Yard
    views: [[{node: a, source: cam, zone: z}]]
rules:
  - {id: busy, title: B, places: [yard], when: [{signal: occupancy.person, above: 2, for: 1500ms}]}
  - {id: seen, title: Seen, places: [yard], when: [{signal: presence.person, above: 0.5}]}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """One person for a second, then three from T0 + 2000."""
    hub = Hub(tmp_path / "data")
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    hub.take(T0 + 2020, batch("a", T0 + 2000, count_record(2, T0 + 2000, 3)))
    hub.take(T0 + 2320)
    SqliteSeries(tmp_path / "data" / "series.db").write(hub.entries)
    return hub


def _absence(
    hub: Hub, at: int, rule: str = "busy", *, site: SiteFile = SITE
) -> tuple[str, list[str]]:
    series = SqliteSeries(hub.folder / "series.db")
    said = explain.absence(hub.database, series, site, "yard", at=at, rule=rule)
    series.close()
    (reason,) = said.rules
    return reason.phase, [lack.in_words() for lack in reason.missing]


def test_an_alert_names_the_records_and_the_signals_they_moved(hub: Hub) -> None:
    (alert,) = [row for row in hub.all(Alert) if row.rule == "seen"]
    series = SqliteSeries(hub.folder / "series.db")
    said = explain.alert(hub.database, series, [SITE], alert.id)
    series.close()
    (carrier,) = said.records
    assert (carrier.ts, carrier.node, carrier.record["count"]) == (T0, "a", 1)
    assert carrier.moved == {"presence.person": pytest.approx(0.72)}
    text = said.as_text({})
    assert "presence.person = 0.72  (presence.person above 0.5)" in text
    assert "- signal: presence.person" in text
    assert "2023-11-14 22:13:20.000+00:00  firing by hub" in text


def test_a_value_below_its_threshold_is_said_with_how_much_is_missing(hub: Hub) -> None:
    assert _absence(hub, T0 + 1000) == (
        "idle", ["occupancy.person above 2 for 1.5 s: it is 1, 1 away"],
    )  # fmt: skip


def test_a_condition_that_has_not_held_for_long_enough_says_for_how_long(hub: Hub) -> None:
    assert _absence(hub, T0 + 3000) == (
        "pending", ["occupancy.person above 2 for 1.5 s: held for 1 s of 1.5 s"],
    )  # fmt: skip


def test_a_rule_that_fires_says_so(hub: Hub) -> None:
    assert _absence(hub, T0 + 3500) == ("firing", ["it fires"])


def test_a_rule_outside_its_hours_says_so(hub: Hub) -> None:
    never = Active(within=TimeSpan.parse("03:00-04:00"))
    site = replace(SITE, rules=tuple(replace(rule, active=never) for rule in SITE.rules))
    assert _absence(hub, T0 + 3500, site=site) == ("idle", ["outside its hours"])


def test_a_rule_in_its_cooldown_says_how_long_it_still_is(hub: Hub) -> None:
    hub.take(T0 + 3020, batch("a", T0 + 3000, count_record(3, T0 + 3000, 0)))
    hub.take(T0 + 4020, batch("a", T0 + 4000, count_record(4, T0 + 4000, 3)))
    SqliteSeries(hub.folder / "series.db").write(hub.entries)
    at_once = (replace(SITE.rules[0].when[0], for_=Duration(0)),)
    rules = (replace(SITE.rules[0], clear=None, cooldown=Duration(60_000), when=at_once),)
    site = replace(SITE, rules=rules)
    assert _absence(hub, T0 + 5000, site=site) == ("idle", ["in its cooldown for another 58 s"])


def test_a_rule_that_an_operator_overruled_says_so(hub: Hub) -> None:
    (alert,) = [row for row in hub.all(Alert) if row.rule == "seen"]
    desk.resolve(hub.database, alert.id, actor="li", note="", now=T0 + 2500)
    assert _absence(hub, T0 + 2400, "seen") == ("firing", ["it fires"])
    assert _absence(hub, T0 + 3000, "seen") == (
        "idle", ["an operator ended its alert, and its conditions have held since"],
    )  # fmt: skip


def test_a_place_or_rule_that_is_not_there_is_said_with_those_that_are(hub: Hub) -> None:
    series = SqliteSeries(hub.folder / "series.db")
    with pytest.raises(explain.ExplainError, match="has no place 'roof': yard, hall"):
        explain.absence(hub.database, series, SITE, "roof", at=T0)
    with pytest.raises(explain.ExplainError, match="no rule 'open' watches yard"):
        explain.absence(hub.database, series, SITE, "yard", at=T0, rule="open")
    with pytest.raises(explain.ExplainError, match="there is no alert 'x'"):
        explain.alert(hub.database, series, [SITE], "x")
    series.close()


def _linli(hub: Hub, *args: str) -> tuple[int, str]:
    config = hub.folder.parent / "site.yaml"
    config.write_text(YAML + f"hub: {{data: {hub.folder.name}}}\n", encoding="utf-8")
    ran = CliRunner().invoke(linli.main, [*args, "-c", str(config)])
    return ran.exit_code, ran.output


def test_scripts_list_answer_and_judge_alerts_and_prove_the_log(hub: Hub) -> None:
    (alert,) = [row.id for row in hub.all(Alert) if row.rule == "seen"]
    code, listed = _linli(hub, "alerts", "list", "--active", "--site", "s")
    assert code == 0
    assert "2023-11-14 22:13:20.000+00:00  firing  low  s/yard  seen" in listed
    assert _linli(hub, "alerts", "ack", alert, "--as", "li")[0] == 0
    code, text = _linli(hub, "alerts", "ack", alert, "--as", "wang")
    assert code == 1
    assert text.startswith("already acknowledged by li at ")
    assert _linli(hub, "alerts", "verdict", alert, "false", "--as", "li")[0] == 0
    assert _linli(hub, "alerts", "assign", alert, "--to", "wang", "--as", "li")[0] == 0
    assert _linli(hub, "alerts", "note", alert, "a cat", "--as", "li")[0] == 0
    scope = ("--rule", "seen", "--for", "1h", "--reason", "cats", "--as", "li")
    assert _linli(hub, "alerts", "silence", "create", *scope)[0] == 0
    _, listed = _linli(hub, "alerts", "list")
    assert "acknowledged by li  owner wang  verdict false by li  muted by li until" in listed
    assert _linli(hub, "alerts", "silence", "end", "1", "--as", "li") == (0, "done\n")
    assert _linli(hub, "alerts", "silence", "list") == (0, "")
    code, text = _linli(hub, "audit", "verify")
    assert code == 0
    head = text.split()[-1]
    assert _linli(hub, "audit", "head") == (0, f"{head}\n")
    with hub.database.begin() as connection:
        last = connection.scalar(select(Audit.id).order_by(Audit.id.desc()).limit(1))
        connection.execute(delete(Audit).where(Audit.id == last))
    code, text = _linli(hub, "audit", "verify", "--head", head)
    assert code == 1
    assert f"broken: entry {last}: removed" in text


def test_a_silence_of_what_is_not_there_is_refused_with_what_is(hub: Hub) -> None:
    rest = ("--for", "1h", "--reason", "x", "--as", "li")
    code, text = _linli(hub, "alerts", "silence", "create", "--place", "roof", *rest)
    assert (code, text) == (1, "s has no place 'roof': yard\n")
    code, text = _linli(hub, "alerts", "silence", "create", *rest)
    assert code == 1
    assert "all of a site is too much" in text


def test_scripts_ask_why_and_why_not(hub: Hub) -> None:
    (alert,) = [row.id for row in hub.all(Alert) if row.rule == "seen"]
    assert "presence.person above 0.5" in _linli(hub, "alerts", "explain", alert)[1]
    code, text = _linli(
        hub, "alerts", "explain", "--place", "yard", "--at", "2023-11-14T22:13:21", "--rule", "busy"
    )
    assert code == 0
    assert "busy: idle\n  occupancy.person above 2 for 1.5 s: it is 1, 1 away" in text
    assert _linli(hub, "alerts", "explain") == (1, "name an alert, or a --place and a time --at\n")
