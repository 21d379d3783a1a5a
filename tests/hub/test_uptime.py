"""Time in which the hub did not run is nobody's silence, unless records come of it."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import linli
from configs.servers import HubSettings
from hub import explain, uptime
from hub.backtest import workers
from hub.backtest.observed import observed
from hub.downs import Down
from hub.series.sqlite import SqliteSeries
from hub.state import store
from tests.hub.chain import SITE, T0, Hub, batch, count_record, door_record
from wire.records import NodeHealth

HOUR = 3_600_000
BACK = T0 + HOUR
SETTINGS_PATIENCE = HubSettings().patience


def _health(seq: int, ts: int) -> NodeHealth:
    return NodeHealth(seq=seq, ts=ts, source="cam", ok=True)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Somebody was seen and a door stands open when all of it is switched off for an hour."""
    hub = Hub(tmp_path / "data")
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    hub.take(T0 + 40, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.start(BACK, ran_until=T0 + 2000)
    return hub


def _names(hub: Hub) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in hub.alerts()}


def _series(hub: Hub) -> SqliteSeries:
    series = SqliteSeries(hub.folder / "series.db")
    series.write(hub.entries)
    return series


def test_what_was_off_with_the_hub_was_not_silent_and_held_no_door_open(hub: Hub) -> None:
    hub.take(BACK + 500, batch("a", BACK + 490, count_record(2, BACK + 490, 0)))
    hub.take(BACK + 500, batch("b", BACK + 490, door_record(2, BACK + 490, is_open=False)))
    hub.take(BACK + 1000)
    assert _names(hub) == {("seen", "yard")}


def test_a_node_that_tells_of_now_first_and_what_it_owes_later_was_not_silent(hub: Hub) -> None:
    hub.take(BACK + 500, batch("a", BACK + 490, count_record(20, BACK + 490, 0)))
    owed = [_health(seq, T0 + (seq - 1) * 15_000) for seq in range(2, 20)]
    hub.take(BACK + 600, batch("a", BACK + 590, *owed))
    assert _names(hub) == {("seen", "yard")}


def test_a_node_that_ran_on_is_heard_as_if_the_hub_had_run(hub: Hub) -> None:
    told = [_health(seq, T0 + (seq - 1) * 15_000) for seq in range(2, 20)]
    hub.take(BACK + 500, batch("a", told[-1].ts, *told))
    hub.take(BACK + 600, batch("a", BACK + 590, _health(20, BACK + 590)))
    silent = [row for row in hub.alerts() if row[0] == "silent"]
    assert [row[4] for row in silent] == [told[-1].ts + 35_000]


def test_the_silence_of_who_never_comes_back_is_counted_from_when_the_hub_listens(
    hub: Hub,
) -> None:
    hub.take(BACK + SETTINGS_PATIENCE + 100)
    silent = [row for row in hub.alerts() if row[0] == "silent"]
    assert [row[1] for row in silent] == ["hall", "yard"]
    assert all(BACK < row[4] <= BACK + 35_000 for row in silent)


def test_a_break_that_is_short_is_none(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "data")
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    hub.start(T0 + 25_000, ran_until=T0 + 2000)
    with store.reading(hub.database).begin() as connection:
        assert uptime.downs(connection, "s", T0, T0 + 26_000) == []


def test_a_backtest_until_after_the_hub_stopped_finds_no_silence_then(hub: Hub) -> None:
    hub.take(BACK + 500, batch("a", BACK + 490, count_record(2, BACK + 490, 0)))
    hub.take(BACK + 500, batch("b", BACK + 490, door_record(2, BACK + 490, is_open=False)))
    hub.pipeline.checkpoint(BACK + 10_000)
    _series(hub).close()
    settings = HubSettings(data=str(hub.folder))
    stretch = observed(settings, "s", workers.Stretch(T0, BACK + 5 * HOUR))
    assert stretch.gaps == (
        Down(T0 + 2000, BACK), Down(BACK + 10_000, BACK + 5 * HOUR),
    )  # fmt: skip
    assert stretch.days * 86_400_000 == pytest.approx(12_000)
    found = workers.replay(settings, SITE, stretch, jobs=1)
    assert {(one.rule, one.place) for one in found.fired} == _names(hub) == {("seen", "yard")}


def test_records_that_came_later_leave_no_gap(hub: Hub) -> None:
    told = [_health(seq, T0 + (seq - 1) * 15_000) for seq in range(2, 20)]
    hub.take(BACK + 500, batch("a", told[-1].ts, *told))
    _series(hub).close()
    stretch = observed(HubSettings(data=str(hub.folder)), "s", workers.Stretch(T0, BACK + 1000))
    assert stretch.gaps == ()


def test_why_nothing_fired_says_that_nobody_listened(hub: Hub) -> None:
    with closing(_series(hub)) as series:
        said = explain.absence(hub.database, series, SITE, "yard", at=T0 + HOUR // 2)
        text = said.as_text({})
    assert "no records from 2023-11-14 22:13:22 to 2023-11-14 22:43:20: the hub did not run" in text
    assert "what follows is as of 2023-11-14 22:13:22.000+00:00" in text
    assert "silence_s" not in {name for name, value in said.values.items() if value}


YAML = """
site: {id: s, name: S, timezone: UTC}
nodes: [{id: a}]
places: [{id: yard, name: Yard, views: [[{node: a, source: cam, zone: z}]]}]
rules:
  - {id: silent, title: Silent, places: ["*"], when: [{signal: silence_s, above: 30}]}
"""


def test_backtest_and_tune_say_when_the_hub_did_not_run(hub: Hub, tmp_path: Path) -> None:
    _series(hub).close()
    site, page = tmp_path / "site.yaml", tmp_path / "page.html"
    site.write_text(YAML + f"hub: {{data: {hub.folder.name}}}\n", encoding="utf-8")
    (tmp_path / "new.yaml").write_text(YAML[YAML.index("rules:") :].replace("30", "60"))
    since, until = (
        datetime.fromtimestamp(ts // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        for ts in (T0, BACK + HOUR)
    )
    span = ("-c", str(site), "--from", since, "--to", until, "--jobs", "1", "--plot", str(page))
    says = "no records from 2023-11-14 22:13:22 to 2023-11-14 23:13:20: the hub did not run"
    new = str(tmp_path / "new.yaml")
    ran = CliRunner().invoke(linli.main, ["rules", "backtest", "--rules", new, *span])
    assert ran.exit_code == 0, ran.output
    assert says in ran.output
    assert says in page.read_text(encoding="utf-8")
    ran = CliRunner().invoke(linli.main, ["rules", "tune", "silent", "--field", "above", *span])
    assert ran.exit_code == 0, ran.output
    assert says in ran.output
