"""What a change of rules changes, how right it is, and what almost fired."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

import linli
from configs.rules import Condition, Rule
from configs.site import NodeOf, Place, Site, SiteFile
from configs.values import Duration, Text
from hub.backtest import tune
from hub.backtest.compare import Change, compare
from hub.backtest.fired import Fired
from hub.backtest.misses import Misses
from hub.backtest.verdicts import Judged, score
from hub.series.points import Entry, SignalPoint, Stored
from hub.series.sqlite import SqliteSeries
from hub.state import store
from hub.state.tables import Alert
from wire.records import DoorState

T0 = 1_760_000_000_000
DAY_MS = 86_400_000
SITE = """
site: {{id: s, name: S, timezone: UTC}}
nodes: [{{id: a}}]
places: [{{id: hall, name: Hall, doors: [{{node: a, source: door}}]}}]
rules:
  - {{id: open, title: Open, places: [hall], when: [{{signal: door.open_s, above: 20}}]}}
  - {{id: very, title: Very, places: [hall], when: [{{signal: door.open_s, above: 35}}]}}
hub: {{data: {data}}}
"""
NEW = """
rules:
  - {id: open, title: Open, places: [hall], when: [{signal: door.open_s, above: 9}]}
"""


def _fired(start: int, end: int | None, rule: str = "r", place: str = "p") -> Fired:
    return Fired(
        fired_ts=start, site="s", rule=rule, place=place, pending_ts=start, severity="low",
        resolved_ts=end,
    )  # fmt: skip


def test_alerts_pair_by_rule_place_and_overlap() -> None:
    now = [_fired(10, 20), _fired(30, 40), _fired(50, 60), _fired(10, 20, place="q")]
    then = [_fired(10, 20), _fired(35, 45), _fired(70, 80), _fired(10, None, rule="x")]
    pairs = compare(now, then)
    assert {(pair.change, pair.shown.fired_ts, pair.shown.rule) for pair in pairs} == {
        (Change.UNCHANGED, 10, "r"), (Change.MOVED, 35, "r"), (Change.LOST, 50, "r"),
        (Change.GAINED, 70, "r"), (Change.LOST, 10, "r"), (Change.GAINED, 10, "x"),
    }  # fmt: skip


def test_precision_and_recall_by_hand() -> None:
    judged = [
        Judged("p", "r", 10, 20, true=True), Judged("p", "r", 30, 40, true=False),
        Judged("p", "r", 50, 60, true=True), Judged("q", "r", 10, 20, true=True),
    ]  # fmt: skip
    found = score([_fired(12, 14), _fired(35, 70), _fired(32, 33), _fired(90, 95)], judged)
    assert (found.true, found.false, found.unjudged) == (2, 1, 1)
    assert found.precision == 2 / 3
    assert found.recall == 2 / 3


def test_without_verdicts_there_is_no_precision() -> None:
    found = score([_fired(1, 2)], [])
    assert (found.precision, found.recall, found.unjudged) == (None, None, 1)


def test_the_best_value_finds_most_at_the_stated_cost() -> None:
    rule = Rule(
        id="r", title=Text("R", "R"), places=("p",), when=(Condition(signal="flow.in", above=2),)
    )
    judged = [Judged("p", "r", 10, 20, true=True), Judged("p", "r", 30, 40, true=False)]
    loose, strict = tune.variant("r", 1.0), tune.variant("r", 2.0)
    fired = [_fired(10, 20, loose), _fired(30, 40, loose), _fired(10, 20, strict)]
    points = tune.sweep(rule, (1.0, 2.0, 3.0), fired, judged, 1.0)
    assert [point.alerts_a_day for point in points] == [2, 1, 0]
    assert [point.score.precision for point in points] == [0.5, 1.0, None]
    assert tune.best(points, 1.0) == 2.0
    assert tune.best(points, 0.5) == 2.0


def test_an_override_of_the_swept_number_does_not_undo_the_sweep() -> None:
    rule = Rule(
        id="r", title=Text("R", "R"), places=("*",), when=(Condition(signal="flow.in", above=2),)
    )
    site = SiteFile(
        site=Site(id="s", name=Text("S", "S"), timezone="UTC"), nodes=(NodeOf(id="a"),),
        places=(Place(id="p", name=Text("P", "P")),), rules=(rule,),
    )  # fmt: skip
    varied = tune.prepare(site, rule, "for", 0, (1.0, 2.5))
    assert [each.when[0].for_ for each in varied.rules] == [1000, 2500]
    with pytest.raises(tune.TuneError, match="has no below; it has above, for"):
        tune.read_field(rule, "below", 0)


def _misses(values: list[tuple[int, float]]) -> list[Any]:
    misses = Misses(Condition(signal="flow.in", above=10, for_=Duration(5000)))
    misses.add([SignalPoint("s", "p", "flow.in", at, value) for at, value in values])
    return [
        (miss.start, miss.peak, miss.short, miss.held_ms) for miss in misses.finish(0, 100_000, [])
    ]


def test_near_misses_say_how_far_and_how_long() -> None:
    values = [(0, 0.0), (1000, 8.0), (2000, 2.0), (3000, 11.0), (7000, 9.0), (8000, 0.0)]
    assert _misses(values) == [(3000, 11.0, 0.0, 4000), (1000, 8.0, 2.0, 0)]


def test_what_fired_is_no_near_miss() -> None:
    misses = Misses(Condition(signal="flow.in", above=10))
    misses.add([SignalPoint("s", "p", "flow.in", at, 11.0) for at in (1000, 50_000)])
    assert misses.finish(0, 100_000, [_fired(1000, 60_000)]) == []


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose hub has stored doors that stood open for 5, 15, 30 and 40 s."""
    database = store.connect(store.address("", tmp_path))
    store.migrate(database)
    database.dispose()
    stored, ts, seq = [], T0, 0
    for length_s in (5, 15, 30, 40):
        for wait_s, is_open in ((600, True), (length_s, False)):
            ts, seq = ts + wait_s * 1000, seq + 1
            record = DoorState(seq=seq, ts=ts, source="door", open=is_open)
            stored.append(Stored("s", "a", "e", ts * 1000 + 20_000, ts, record))
    with closing(SqliteSeries(tmp_path / "series.db")) as series:
        series.write([Entry(tuple(stored))])
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(data=tmp_path))
    (tmp_path / "new.yaml").write_text(NEW)
    return path


def _invoke(*words: str) -> str:
    times = ("--from", "2025-10-09", "--to", "2025-10-10", "--jobs", "1")
    result = CliRunner().invoke(linli.main, ["rules", *words, *times])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_backtest_shows_gained_lost_and_moved(site: Path) -> None:
    folder = site.parent
    output = _invoke(
        "backtest", "-c", str(site), "--rules", str(folder / "new.yaml"),
        "--json", str(folder / "out.json"), "--plot", str(folder / "out.html"),
    )  # fmt: skip
    assert "0 unchanged, 2 moved, 1 gained, 1 lost" in output
    assert "no verdicts in this time" in output
    found = json.loads((folder / "out.json").read_bytes())
    assert [(rule["rule"], rule["alerts_now"], rule["alerts_then"]) for rule in found["rules"]] == [
        ("open", 2, 3), ("very", 1, 0),
    ]  # fmt: skip
    html = (folder / "out.html").read_text()
    assert html.count("<rect") == 4
    assert not re.search(r"(src|href|url)\s*[=(]|http", html)


def test_a_tuning_marks_today_and_what_almost_fired(site: Path) -> None:
    plot = site.parent / "tune.html"
    output = _invoke(
        "tune", "open", "-c", str(site), "--field", "above", "--values", "10:40:4",
        "--plot", str(plot),
    )  # fmt: skip
    assert re.search(r"│\s+20 │\s+2\.00 │.*today", output)
    assert re.search(r"│\s+30 │\s+1\.00 │.*best", output)
    assert "hall: 15, 5 short of the threshold" in output
    assert "best: 30" in plot.read_text()


def test_verdicts_of_operators_give_precision_and_recall(site: Path) -> None:
    database = store.connect(store.address("", site.parent))
    fired = T0 + 600_000 + 5_000 + 600_000 + 15_000 + 600_000 + 20_001
    rows = [
        {"id": "x", "verdict": "true", "fired_ts": fired, "resolved_ts": fired + 9_000},
        {"id": "y", "verdict": "unclear", "fired_ts": fired, "resolved_ts": fired + 9_000},
        {"id": "z", "verdict": "true", "fired_ts": T0 + 1000, "resolved_ts": T0 + 2000},
    ]
    common = {"site": "s", "place": "hall", "rule": "open", "severity": "low", "state": "resolved"}
    with database.begin() as connection:
        for row in rows:
            connection.execute(insert(Alert), {**common, "pending_ts": row["fired_ts"], **row})
    database.dispose()
    words = ("backtest", "-c", str(site), "--rules", str(site.parent / "new.yaml"))
    output = _invoke(*words)
    assert re.search(r"open\s+│\s+2 → 3 │\s+2\.00 → 3\.00 │\s+100% → 100% │\s+50% → \d+% │", output)
    assert "no verdicts" not in output


def test_a_rule_that_is_not_there_is_named(site: Path) -> None:
    result = CliRunner().invoke(
        linli.main, ["rules", "tune", "opn", "-c", str(site), "--field", "above", "--from", "1d"]
    )
    assert result.exit_code == 1
    assert "s has no rule 'opn'; it has open, very" in result.output


def test_a_file_that_cannot_be_written_is_told_before_the_replay(site: Path) -> None:
    nowhere = site.parent / "nowhere" / "week.html"
    words = ["rules", "tune", "open", "-c", str(site), "--field", "above", "--from", "1d"]
    result = CliRunner().invoke(linli.main, [*words, "--plot", str(nowhere)])
    assert result.exit_code == 2
    assert "cannot be written: name a file in a folder that is there" in result.output


def test_a_time_without_records_says_so_and_long_names_of_rules_stay_whole(site: Path) -> None:
    rules = site.parent / "long.yaml"
    name = "nobody-has-opened-the-door-of-the-bicycle-shed-for-a-whole-day"
    rules.write_text(NEW.replace("id: open", f"id: {name}"))
    words = ["rules", "backtest", "-c", str(site), "--rules", str(rules)]
    empty = CliRunner().invoke(linli.main, [*words, "--from", "2020-01-01", "--to", "2020-01-02"])
    assert empty.exit_code == 0
    assert "no records are stored for this time" in empty.output
    rows = re.findall(r"^│ (\S+)", _invoke(*words[1:]), re.MULTILINE)
    assert name in "".join(rows)
