"""The figures: what is counted and what is not, and whether a change is more than chance."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from sqlalchemy import Engine, insert

import linli
from configs.values import Text
from hub.cases import figures
from hub.cases.change import Change, compare
from hub.cases.figures import Share, month_of, parts, read
from hub.cases.printed import page, plot
from hub.cases.report import cells, changed, make, told
from hub.cases.tables import Case, CaseAlert
from hub.state.tables import Alert, AlertState
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office

DAY = 24 * HOUR
RIVER = replace(SITE, site=replace(SITE.site, id="river", name=Text("River", "河畔")))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    yield found
    found.engine.dispose()


def case(engine: Engine, number: int, at: int, **more: object) -> None:
    row: dict[str, object] = {
        "id": f"c{number}", "code": f"C{number}", "site": "garden", "place": "gate", "spot": "",
        "kind": "fire-lane", "severity": "medium", "state": "received", "text": "",
        "channel": "page",
        "created_at": at, "answer_due_at": at + HOUR, "due_at": at + 8 * HOUR,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Case).values({**row, **more}))


def done(at: int, took: int, **more: object) -> dict[str, object]:
    return {"state": "rated", "outcome": "solved", "looked_at": at + took // 4,
            "answered_at": at + took, "closed_at": at + 2 * took, "solved": True,
            **more}  # fmt: skip


def alert(engine: Engine, number: int, at: int, **more: object) -> None:
    row: dict[str, object] = {
        "id": f"a{number}", "site": "garden", "place": "gate", "rule": "r", "severity": "high",
        "state": AlertState.RESOLVED, "pending_ts": at, "fired_ts": at, "fired_rx": at + 400,
        "acknowledged_at": at + 30_000, "resolved_ts": at + 60_000,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Alert).values({**row, **more}))


def fill(engine: Engine) -> None:
    """Ten cases whose figures one can count on one's fingers, and three alerts."""
    at = MONDAY_10
    for number in range(6):
        case(engine, number, at, **done(at, HOUR // 2, rating=5 if number else 2))
    case(engine, 6, at, **done(at, 2 * HOUR, solved=False))  # answered late, said to be unsolved
    case(engine, 7, at)  # nobody answered in time, nor is it solved in time
    case(engine, 8, at + 30 * DAY)  # its time is not over
    case(engine, 9, at, held="spam")
    case(engine, 10, at, state="closed", outcome="duplicate")
    alert(engine, 0, at, verdict="true")
    alert(engine, 1, at, verdict="false")
    alert(engine, 2, at)
    with engine.begin() as connection:
        link = {"case": "c0", "alert": "a0", "opened": False, "at": at}
        connection.execute(insert(CaseAlert).values(link))


def test_the_figures_are_those_that_one_counts_by_hand(office: Office) -> None:
    fill(office.engine)
    found = figures.figures(
        read(office.engine, [SITE], MONDAY_10, MONDAY_10 + 31 * DAY, MONDAY_10 + 30 * DAY + 1)
    )
    assert found.reports == 9
    assert found.answered == Share(6, 8)
    assert found.solved == Share(6, 8)
    assert found.satisfied == Share(5, 6)
    assert (found.to_look.median_s, found.to_look.count) == (450, 7)
    assert found.to_answer.median_s == 1800
    assert (found.by_sensors, found.by_residents, found.by_both) == (1, 8, 1)
    assert found.false_alarms == Share(1, 2)
    assert (found.to_room.median_s, found.to_acknowledge.median_s) == (0.4, 30)


def test_a_percentile_is_one_of_what_was_seen_and_nine_in_ten_are_within_it() -> None:
    found = {
        n: figures.times([float(s) for s in range(1, n + 1)]).p90_s for n in (1, 9, 10, 11, 100)
    }
    assert found == {1: 1, 9: 9, 10: 9, 11: 10, 100: 90}


def test_months_are_those_of_the_site(office: Office) -> None:
    case(office.engine, 1, 1_764_518_400_000 - 1)  # the last millisecond of November in Shanghai
    case(office.engine, 2, 1_764_518_400_000)
    seen = read(office.engine, [SITE], 0, 2 * MONDAY_10, MONDAY_10)
    groups = parts(seen, month_of({"garden": "Asia/Shanghai"}))
    assert {name: len(found.cases) for name, found in groups.items()} == {
        "2025-11": 1,
        "2025-12": 1,
    }


def halves(office: Office) -> list[Change]:
    middle, end = MONDAY_10 + 30 * DAY, MONDAY_10 + 60 * DAY
    before = read(office.engine, [SITE], MONDAY_10, middle, end)
    return compare(before, read(office.engine, [SITE], middle, end, end))


def test_a_change_for_the_better_has_an_interval_that_leaves_chance_out(office: Office) -> None:
    for number in range(40):
        old = MONDAY_10 + number * HOUR
        case(office.engine, number, old, **done(old, HOUR * 2 + number * 60_000))
        new = old + 31 * DAY
        case(office.engine, 100 + number, new, **done(new, HOUR // 2 + number * 60_000))
    changes = {change.name: change for change in halves(office)}
    answer = changes["to_answer"]
    assert answer.sure
    assert answer.low is not None
    assert answer.high is not None
    assert answer.low <= -90 * 60 <= answer.high < 0
    assert answer.relative == pytest.approx(-5400 / (7200 + 19.5 * 60))
    assert (changes["to_look"].before, changes["to_look"].sure) == (1800 + 292.5, True)
    assert changes["answered"].before == 0
    assert changes["answered"].after == pytest.approx(0.775)
    assert changes["to_resolve"].low is None  # there were no alerts


def test_more_hazards_found_and_fewer_false_alarms_are_told_with_their_interval(
    office: Office,
) -> None:
    for day in range(30):
        before, after = MONDAY_10 + day * DAY, MONDAY_10 + (30 + day) * DAY
        alert(office.engine, day, before, verdict="false" if day % 2 else "true")
        alert(office.engine, 100 + day, after, verdict="true", fired_rx=after + 100)
        case(office.engine, day, after, **done(after, HOUR))
    with office.engine.begin() as connection:  # of one day both found the same
        link = {"case": "c0", "alert": "a100", "opened": False, "at": MONDAY_10}
        connection.execute(insert(CaseAlert).values(link))
    changes = {change.name: change for change in halves(office)}
    found, false = changes["found"], changes["false_alarms"]
    assert found.before == 0.5
    assert found.after == pytest.approx(59 / 30)
    assert found.sure
    assert found.relative == pytest.approx(59 / 15 - 1)
    assert (false.before, false.after, false.sure) == (0.5, 0, True)
    assert (changes["to_room"].before, changes["to_room"].after) == (0.4, 0.1)
    cells = told(found, "zh")
    assert cells[:4] == ["日均发现隐患（各方合计）", "0.5 (n=30)", "2.0 (n=30)", "+293%"]


def test_a_day_that_is_not_over_counts_for_no_average(office: Office) -> None:
    case(office.engine, 1, MONDAY_10)
    seen = read(office.engine, [SITE], MONDAY_10, MONDAY_10 + 9 * DAY, MONDAY_10 + 2 * DAY + HOUR)
    assert figures.found_a_day(seen) == [1, 0]


def test_each_group_has_the_hazards_and_who_found_them(office: Office) -> None:
    fill(office.engine)
    seen = read(office.engine, [SITE], MONDAY_10, MONDAY_10 + 31 * DAY, MONDAY_10 + 30 * DAY)
    months, kinds, places = make([SITE], seen, seen.stretch, "en").tables
    assert "by_sensors" not in kinds.columns  # an alert has no kind of report
    name, found = places.groups[0]
    line = dict(zip(places.columns, cells(name, found, places.columns, "en")[1:], strict=True))
    assert [line[key] for key in ("by_residents", "by_both", "by_sensors")] == ["8", "1", "1"]
    assert (line["false_alarms"], line["to_room"]) == ("50%", "0.4 s")
    assert months.columns == places.columns


def test_what_may_be_chance_says_so(office: Office) -> None:
    for number in range(12):
        for half in (0, 31):
            at = MONDAY_10 + half * DAY + number * HOUR
            case(
                office.engine, half * 10 + number, at, **done(at, HOUR * (1 + (number + half) % 3))
            )
    assert not next(one for one in halves(office) if one.name == "to_answer").sure


def test_a_case_that_an_alert_opened_was_found_by_sensors_alone(office: Office) -> None:
    case(office.engine, 1, MONDAY_10, channel="console")
    alert(office.engine, 1, MONDAY_10)
    with office.engine.begin() as connection:
        link = {"case": "c1", "alert": "a1", "opened": True, "at": MONDAY_10}
        connection.execute(insert(CaseAlert).values(link))
    found = figures.figures(read(office.engine, [SITE], 0, 2 * MONDAY_10, MONDAY_10))
    assert (found.by_sensors, found.by_residents, found.by_both) == (1, 0, 0)


def test_a_report_of_what_an_alert_had_opened_a_case_for_makes_it_found_by_both(
    office: Office,
) -> None:
    case(office.engine, 1, MONDAY_10, channel="console")
    case(office.engine, 2, MONDAY_10, state="closed", outcome="duplicate", merged_into="c1")
    alert(office.engine, 1, MONDAY_10)
    with office.engine.begin() as connection:
        link = {"case": "c1", "alert": "a1", "opened": True, "at": MONDAY_10}
        connection.execute(insert(CaseAlert).values(link))
    found = figures.figures(read(office.engine, [SITE], 0, 2 * MONDAY_10, MONDAY_10))
    assert (found.by_sensors, found.by_residents, found.by_both) == (0, 0, 1)


def test_a_report_that_was_none_takes_no_hazard_from_the_sensors(office: Office) -> None:
    case(office.engine, 1, MONDAY_10, state="closed", outcome="invalid")
    alert(office.engine, 1, MONDAY_10)
    with office.engine.begin() as connection:
        link = {"case": "c1", "alert": "a1", "opened": False, "at": MONDAY_10}
        connection.execute(insert(CaseAlert).values(link))
    found = figures.figures(read(office.engine, [SITE], 0, 2 * MONDAY_10, MONDAY_10))
    assert (found.by_sensors, found.by_residents, found.by_both) == (1, 0, 0)


def test_sites_stand_beside_each_other_each_with_what_changed_there(office: Office) -> None:
    middle, end = MONDAY_10 + 40 * DAY, MONDAY_10 + 80 * DAY
    for number in range(20):
        for half, begins in enumerate((MONDAY_10, middle)):
            at, key = begins + number * DAY, 100 * half + number
            case(office.engine, key, at, **done(at, 2 * HOUR))
            quick = HOUR // 4 if half else 2 * HOUR
            case(office.engine, 1000 + key, at, site="river", **done(at, quick))
    sites = [SITE, RIVER]
    halves = (
        read(office.engine, sites, MONDAY_10, middle, end),
        read(office.engine, sites, middle, end, end),
    )
    seen = read(office.engine, sites, MONDAY_10, end, end)
    report = make(sites, seen, (MONDAY_10, end), "en", halves)
    assert report.title.startswith("Garden, River · ")
    by_site, by_month, by_kind, by_place = report.tables
    assert [(name, found.reports) for name, found in by_site.groups] == [
        ("Garden", 40), ("River", 40),
    ]  # fmt: skip
    told = {name: changes["answered"] for name, changes in by_site.changes}
    assert (told["Garden"].after, told["Garden"].sure) == (0, False)
    assert (told["River"].before, told["River"].after, told["River"].sure) == (0, 1, True)
    assert changed(told["River"], "en") == ("0% → 100%", "+100 % … +100 % (n=20, 20)")
    assert [name for name, _ in by_place.groups] == ["Garden: Gate", "River: Gate"]
    assert [(name, found.reports) for name, found in by_kind.groups] == [
        ("Fire lane or exit blocked", 80)
    ]
    assert [name for name, _ in by_month.changes] == ["2026-01"]
    january = dict(by_month.changes)["2026-01"]["found"]
    assert january.count == (40, 28)  # whole days before, and of the month
    printed = page(report)
    assert "Before and after, by site" in printed
    assert printed.count(">0% → 100%<") == 2  # of the site and its place
    alone = make([SITE], read(office.engine, [SITE], MONDAY_10, end, end), (MONDAY_10, end), "en")
    assert [table.title for table in alone.tables] == ["By month", "By kind", "By place"]


def test_the_report_is_one_page_that_needs_nothing_else(office: Office) -> None:
    fill(office.engine)
    stretch = (MONDAY_10, MONDAY_10 + 31 * DAY)
    seen = read(office.engine, [SITE], *stretch, MONDAY_10 + 30 * DAY)
    report = make([SITE], seen, stretch, "zh", (seen, seen))
    text = page(report)
    assert "响应率" in text
    assert "75% (6 / 8)" in text
    assert "样本太少" in text
    assert "30.0 分钟 (中位数" in text
    assert "http" not in text
    assert "style=" not in plot(report.tables[0], report)  # the console's policy allows none


def test_report_prints_and_writes_what_was_asked_for(office: Office, tmp_path: Path) -> None:
    fill(office.engine)
    config = tmp_path / "site.yaml"
    config.write_text(
        "site: {id: garden, name: G, timezone: Asia/Shanghai}\nnodes: []\n"
        f"places: [{{id: gate, name: Gate}}]\nhub: {{data: {office.data}}}\n"
    )
    arguments = ["report", "-c", str(config), "--from", "2025-11-24", "--to", "2025-12-20"]
    told = CliRunner().invoke(linli.main, arguments)
    assert told.exit_code == 0, told.output
    assert "Answered in time: 75% (6 of 8)" in told.output
    assert "From report to control room: 7.5 min (median" in told.output
    assert "By place\nGate: Reports 8 | Answered in time 75% | " in told.output
    as_json = (
        CliRunner()
        .invoke(linli.main, [*arguments[:-1], "2025-12-31", "--change", "2025-12-01", "--json"])
        .output
    )
    by = json.loads(as_json)["by"]
    assert by["place"]["figures"]["garden/gate"]["reports"] == 9
    assert {one["name"] for one in by["month"]["changes"]["2025-12"]} >= {"answered", "to_close"}
    out = tmp_path / "report.html"
    CliRunner().invoke(linli.main, [*arguments, "--change", "2025-12-01", "--out", str(out)])
    assert "95 % interval" in out.read_text(encoding="utf-8")
    wrong = CliRunner().invoke(linli.main, [*arguments, "--change", "2020-01-01"])
    assert "--change is not between --from and --to" in wrong.output
