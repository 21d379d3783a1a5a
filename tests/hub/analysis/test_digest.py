"""The digest: what stood out is told, in words, with its numbers."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import linli
from configs.site import Site
from configs.values import Text
from hub.analysis import digest
from hub.analysis.anomaly import Found, Kind, Window
from hub.analysis.digest import Digest
from hub.analysis.evidence import Event, distinct
from hub.analysis.hours import HOUR_MS, Hour
from hub.analysis.measure import effect
from hub.analysis.words import Words
from hub.series.sqlite import SqliteSeries
from tests.hub.analysis import world

HOUR = Hour(1_700_492_400_000, 15, holiday=False)  # a Monday, 15:00 UTC
SPAN = ["--from", "2025-05-26", "--to", "2025-06-02"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Digest]:
    path, settings, site = world.build(tmp_path_factory.mktemp("site"))
    series = SqliteSeries(Path(settings.data) / "series.db")
    lobby = ("lobby", world.END - 4 * world.WEEK_MS)
    found = digest.analyse(settings, site, series, world.START, world.END, [lobby])
    series.close()
    return path, found


def test_an_anomaly_is_told_with_the_usual_and_the_seen(built: tuple[Path, Digest]) -> None:
    _, found = built
    (flow,) = found.flows
    party = [one for one in flow.anomalies if one.worst.hour.start == world.PARTY]
    assert len(party) == 1
    told = Words(found.site.site, "en").anomaly(party[0])
    assert "times the usual for a Tuesday 02:00; usual" in told
    assert told.endswith("seen 26")
    assert "周二 02:00" in Words(found.site.site, "zh").anomaly(party[0])
    assert len(flow.anomalies) <= 2
    assert flow.change == pytest.approx(1, abs=0.1)


def test_the_forecast_reaches_a_week_and_widens_with_its_level(built: tuple[Path, Digest]) -> None:
    (flow,) = built[1].flows
    assert len(flow.ahead) == 168
    assert flow.ahead[0].hour.start == world.END
    for told in flow.ahead:
        assert told.low95 <= told.low80 <= told.mean <= told.high80 <= told.high95
    assert flow.ahead[12].mean == pytest.approx(40, rel=0.2)


def test_a_pile_is_found_and_only_that(built: tuple[Path, Digest]) -> None:
    piles = built[1].piles
    assert [(hazard.place, hazard.block) for hazard in piles.hazards] == [("bike-shed", 0)]
    (line, look) = digest.hazard_lines(built[1], Words(built[1].site.site, "en"))[0]
    assert line.startswith("Bike shed, 00:00–04:00: ")
    assert "A door stands open" in look


def test_too_little_data_is_said_plainly(built: tuple[Path, Digest]) -> None:
    _, found = built
    few = found._replace(piles=found.piles._replace(hazards=(), events=3))
    note = digest.hazard_note(few, Words(found.site.site, "en"))
    assert note.startswith("Not enough data: 3 small things at 5 places in 7 days.")


def test_a_measure_is_judged_beside_the_other_places(built: tuple[Path, Digest]) -> None:
    (found,) = built[1].effects
    assert not found.enough  # its weeks lie outside the stretch
    events = [
        Event(place, "door-open", week * world.WEEK_MS + n * HOUR_MS)
        for week in range(8)
        for place in ("lobby", "courtyard", "west-gate")
        for n in range(4 if place == "lobby" and week >= 4 else 20)
    ]
    found = effect(events, "lobby", 4 * world.WEEK_MS, 0, 8 * world.WEEK_MS)
    assert (found.before, found.after, found.weeks) == (80, 16, 4)
    assert found.clear
    assert found.low < 0.2 < found.high
    told = Words(built[1].site.site, "en").effect(found, built[1].site.places[3].name)
    assert told.startswith("Lobby: alerts fell by 80 % (between")
    same = effect(events, "courtyard", 4 * world.WEEK_MS, 0, 8 * world.WEEK_MS)
    assert same.ratio > 1  # the others went down because of the lobby


def test_the_same_thing_again_within_half_an_hour_is_one_event() -> None:
    events = [Event("p", "r", minute * 60_000) for minute in (0, 10, 35, 80)]
    assert [event.at // 60_000 for event in distinct(events)] == [0, 80]


def test_the_page_asks_for_nothing_from_outside_and_its_drawings_are_well_formed(
    built: tuple[Path, Digest],
) -> None:
    text = digest.page(built[1])
    assert "http" not in text
    for part in text.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")  # noqa: S314


def test_the_risk_says_where_a_patrol_matters(built: tuple[Path, Digest]) -> None:
    lines = digest.patrols(built[1], Words(built[1].site.site, "en"))
    told = "A patrol mattered most at Bike shed around 23:00 (mean risk 60)."
    assert lines == [f"{told} Around then: A door stands open (1×)."]
    alone = built[1]._replace(events=())
    assert "it is what sensors saw" in digest.patrols(alone, Words(built[1].site.site, "en"))[0]


def test_what_is_coming_is_told_with_ranges_and_where_to_walk(built: tuple[Path, Digest]) -> None:
    _, found = built
    assert len(found.ahead.hours) == 168
    assert found.ahead.hours[0].start == world.END
    line = digest.patrols_ahead(found, Words(found.site.site, "en"))[0]
    assert line.startswith(
        "In the next 24 hours a patrol matters most at Bike shed, Monday 2 Jun 0"
    )
    assert "A door stands open" in line
    text = digest.page(found)
    assert text.count("<rect") == 24 + 5 * 24 + 5 * 42  # the risk's, the day's and the week's
    assert "80 of 100 times" in text
    few = found._replace(ahead=found.ahead._replace(rows=(), events=3))
    assert "Not enough data to foresee: 3 alerts and reports" in digest.page(few)
    assert not digest.patrols_ahead(few, Words(found.site.site, "en"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_analyse_writes_the_digest(
    built: tuple[Path, Digest], tmp_path: Path, language: str
) -> None:
    out = tmp_path / "digest.html"
    result = CliRunner().invoke(
        linli.main,
        ["analyse", "-c", str(built[0]), *SPAN, "--out", str(out), "--language", language],
    )
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert ("Hidden hazards" if language == "en" else "隐患") in text
    assert ("Bike shed" if language == "en" else "自行车棚") in result.output


def test_analyse_writes_all_findings_as_json(built: tuple[Path, Digest], tmp_path: Path) -> None:
    out, json_file = tmp_path / "digest.html", tmp_path / "digest.json"
    command = ["analyse", "-c", str(built[0]), *SPAN, "--out", str(out), "--json", str(json_file)]
    result = CliRunner().invoke(linli.main, [*command, "--measure", "lobby@2025-05-29"])
    assert result.exit_code == 0, result.output
    found, whole = built[1], json.loads(json_file.read_text(encoding="utf-8"))
    assert (whole["format"], whole["site"]) == (1, "garden")
    assert whole["end"] - whole["start"] == world.WEEK_MS
    assert len(whole["anomalies"]) == sum(len(flow.anomalies) for flow in found.flows)
    assert {"start", "end", "worst", "low", "high", "verdict"} < set(whole["anomalies"][0])
    assert [one["place"] for one in whole["hazards"]["hazards"]] == ["bike-shed"]
    assert {len(row["hours"]) for row in whole["coming"]["places"]} == {7 * 24}
    assert [one["place"] for one in whole["measures"]] == ["lobby"]
    flow = whole["flows"][0]
    assert len(flow["seen"]) == len(found.flows[0].seen)
    assert flow["seen"][-1]["low"] <= flow["seen"][-1]["usual"] <= flow["seen"][-1]["high"]
    assert len(flow["ahead"]) == 7 * 24


def test_a_json_file_that_cannot_be_written_is_refused_before_the_work(
    built: tuple[Path, Digest],
) -> None:
    command = ["analyse", "-c", str(built[0]), *SPAN, "--json", "/nowhere/at/all.json"]
    result = CliRunner().invoke(linli.main, command)
    assert result.exit_code == 2
    assert "name a file in a folder that is there" in result.output


def test_a_measure_at_a_place_that_is_not_there_is_refused(built: tuple[Path, Digest]) -> None:
    command = ["analyse", "-c", str(built[0]), *SPAN, "--measure", "roof@2025-05-01"]
    result = CliRunner().invoke(linli.main, command)
    assert result.exit_code == 2
    assert "garden has no place 'roof'; it has west-gate, courtyard" in result.output


def test_a_site_that_never_counted_says_what_it_takes(built: tuple[Path, Digest]) -> None:
    text = digest.page(built[1]._replace(flows=(), risks=()))
    assert "Nothing has been counted yet." in text
    assert "No risk was known in this time." in text


@pytest.mark.parametrize(
    ("found", "english", "chinese"),
    [
        (
            Found(0, 0, Window(4, HOUR, 41, 20.0, 0.1, 4.0, Kind.STUCK), 12, 33),
            "exactly 41 in each of the 4 hours to Monday 16:00: is the counter stuck?",
            "截至周一 16:00 的 4 小时每小时均为 41：计数是否卡住？",
        ),
        (
            Found(0, 0, Window(24, HOUR, 0, 0.0, 0.0, 2.75, Kind.LATE), 0, 0, "dismissed"),
            (
                "for days all hours have come about one hour late, morning and evening alike: is "
                "the clock of the camera or gateway off? (dismissed)"
            ),
            "连日来全天人流都推迟约一小时，早晚皆然：摄像机或网关的时钟是否不准？ (已排除)",
        ),
        (
            Found(0, HOUR.start, Window(1, HOUR, 0, 20.0, 0.1, 4.0), 12, 33, lasting=True),
            (
                "nothing at all for a Monday 15:00; usual 12–33, seen 0; different since, until "
                "20 Nov 15:00 at least"
            ),
            "周一 15:00 完全没有；通常 12–33，实际 0；此后一直不同于以往，至少到 11月20日 15:00",
        ),
    ],
)
def test_what_lasts_what_is_stuck_and_a_clock_have_words_of_their_own(
    found: Found, english: str, chinese: str
) -> None:
    site = Site(id="s", name=Text("s", "s"), timezone="UTC")
    assert Words(site, "en").anomaly(found) == english
    assert Words(site, "zh").anomaly(found) == chinese
