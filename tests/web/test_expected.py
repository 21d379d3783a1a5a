"""The page of what is usual and what is expected."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from hub.analysis.shelf import Shelf
from hub.analysis.tables import Annotation
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW, Reader

Open = Callable[[str], Reader]


@pytest.mark.parametrize(("language", "words"), [("en", "times the usual"), ("zh", "为平时的")])
def test_a_viewer_sees_the_band_the_anomaly_and_the_risk(
    reader: Open, data: Path, language: str, words: str
) -> None:
    browser = reader("viewer")
    seed.counted(data, NOW)
    browser.post("/language", language=language, next="/expected")
    html = browser.client.get("/expected?place=garden/west-gate").text
    assert words in html
    assert html.count("<svg") >= 2
    assert "<polygon" in html
    assert "style=" not in html  # the page's policy would leave it out
    assert "<circle" in html


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "In the next 24 hours a patrol matters most at"), ("zh", "未来 24 小时巡逻最应关注：")],
)
def test_what_is_coming_is_shown_by_place_and_hour_with_its_ranges(
    reader: Open, engine: Engine, data: Path, language: str, words: str
) -> None:
    browser = reader("viewer")
    before = browser.client.get("/expected").text
    assert "Not enough data to foresee: " in before
    seed.weeks(engine, data, NOW)
    with engine.begin() as connection:
        seed.alert(connection, NOW - 10 * 24 * 3_600_000, "bike-shed", state="resolved")
    browser.post("/language", language=language, next="/expected")
    html = browser.client.get("/expected").text
    assert words in html
    places = len(seed.site_file().places)
    assert html.count("<rect") == places * (24 + 42)
    coming = html.partition('id="coming"')[2]
    assert coming.count('<th scope="row">') == places
    assert "style=" not in coming


def test_a_place_that_never_counted_says_what_it_takes(reader: Open, data: Path) -> None:
    browser = reader("viewer")
    seed.counted(data, NOW)
    html = browser.client.get("/expected?place=garden/pump-room").text
    assert "Nothing has been counted yet." in html
    assert browser.client.get("/expected?place=no/where").status_code == 200


def test_an_operator_confirms_and_dismisses_and_a_viewer_only_reads(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.counted(data, NOW)
    start = str(seed.unusual(engine, NOW))
    fields = {"site": "garden", "place": "west-gate", "what": "flow", "start": start}
    viewer = reader("viewer")
    html = viewer.client.get("/expected").text
    assert "19 times the usual for a Monday 12:00; usual 12–33, seen 400" in html
    assert 'value="confirmed"' not in html
    refused = viewer.post("/expected/judge", verdict="dismissed", **fields)
    assert refused.status_code == 403
    operator = reader("operator")
    page = operator.client.get("/expected").text
    assert page.count('value="confirmed"') == 1
    unsigned = operator.client.post("/expected/judge", data={"verdict": "dismissed", **fields})
    assert unsigned.status_code == 400
    told = operator.post("/expected/judge", verdict="dismissed", **fields)
    assert told.status_code == 302
    html = operator.client.get("/expected").text
    assert "dismissed · operator" in html
    assert 'stroke-width="1"' in html  # its ring in the plot is thin now
    operator.post("/expected/judge", verdict="confirmed", **fields)
    assert 'fill="#d64545" stroke' in operator.client.get("/expected").text
    with engine.connect() as connection:
        actions = connection.scalars(select(Audit.action).where(Audit.target.contains(start)))
        assert actions.all() == ["anomaly.dismissed", "anomaly.confirmed"]


@pytest.mark.parametrize(
    "fields", [{"verdict": "maybe"}, {"start": "soon"}, {"site": "elsewhere"}, {"start": "5"}]
)
def test_a_verdict_that_makes_no_sense_changes_nothing(
    reader: Open, engine: Engine, fields: dict[str, str]
) -> None:
    start = str(seed.unusual(engine, NOW))
    whole = {"site": "garden", "place": "west-gate", "what": "flow", "start": start}
    operator = reader("operator")
    operator.post("/expected/judge", **{"verdict": "dismissed", **whole, **fields})
    assert "There is no such anomaly." in operator.client.get("/expected").text
    with engine.connect() as connection:
        assert connection.scalars(select(Annotation.verdict)).all() == [""]


def test_the_weekly_digest_stands_on_a_page_with_a_choice_of_weeks(
    reader: Open, data: Path
) -> None:
    browser = reader("viewer")
    assert "at the end of this week" in browser.client.get("/expected/digest").text
    shelf = Shelf(data)
    for day in ("2026-11-16", "2026-11-23"):
        shelf.put("garden", day, {"en": f"<h1>Until {day}</h1>", "zh": f"<h1>至 {day}</h1>"})
    assert "<h1>Until 2026-11-23</h1>" in browser.client.get("/expected/digest").text
    older = browser.client.get("/expected/digest?site=garden&day=2026-11-16").text
    assert "<h1>Until 2026-11-16</h1>" in older
    assert browser.client.get("/expected/digest?site=../x&day=../../y").status_code == 200


@pytest.mark.parametrize("address", ["/trends", "/expected", "/expected/digest"])
def test_the_pages_under_trends_are_tabs_of_each_other(reader: Open, address: str) -> None:
    html = reader("viewer").client.get(f"{address}?place=garden/bike-shed").text
    tabs = html.partition('<nav class="choices" aria-label="Trends">')[2].partition("</nav>")[0]
    assert tabs.count("<a ") == 3
    assert tabs.count('aria-current="page"') == 1
    assert f'href="{address}' in tabs.partition(' aria-current="page"')[0].rpartition("<a ")[2]
    if address != "/expected/digest":
        assert tabs.count("place=garden/bike-shed") == 2
