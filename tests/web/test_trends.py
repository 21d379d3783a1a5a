"""Trends, and the numbers behind them."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from tests.web import seed
from tests.web.conftest import NOW, Reader
from web.charts import hourly
from web.trends.figures import first_hour, heat

Open = Callable[[str], Reader]
HOUR = 3_600_000
ZONE = ZoneInfo("Asia/Shanghai")


def rows(browser: Reader, path: str) -> list[dict[str, str]]:
    text = browser.client.get(path).text.removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


def test_crossings_of_a_minute_add_up_to_those_of_an_hour() -> None:
    # Each crossing counts for a minute: three of them within one hour, one at its very end.
    points = [(0, 0.0)]
    for at in (600_000, 1_200_000, 3_570_000):
        points += [(at, 1.0), (at + 60_000, 0.0)]
    found = heat(points, 0, 2 * HOUR, ZoneInfo("UTC"), per_minute=True)
    assert found.cells[3, 0] == pytest.approx(2.5)  # 1 January 1970 was a Thursday
    assert found.cells[3, 1] == pytest.approx(0.5)
    assert found.shade(3, 0) == 8
    assert found.shade(4, 0) == -1


def test_hours_are_means_over_time_and_unknown_ones_are_left_out() -> None:
    assert hourly([(2 * HOUR + HOUR // 2, 4.0)], 0, 4 * HOUR) == {2 * HOUR: 4.0, 3 * HOUR: 4.0}
    assert hourly([(-5, 1.0), (HOUR // 4, 5.0)], 0, HOUR) == {0: 4.0}
    assert hourly([], 0, HOUR) == {}


def test_days_begin_at_midnight_by_the_sites_clock() -> None:
    start = datetime.fromtimestamp(first_hour(NOW, 7, ZONE) / 1000, UTC).astimezone(ZONE)
    assert start.isoformat() == "2026-11-17T00:00:00+08:00"
    # In spring the day before had 23 hours.
    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2026, 3, 30, 12, tzinfo=berlin)
    start_ms = first_hour(int(noon.timestamp() * 1000), 1, berlin)
    assert datetime.fromtimestamp(start_ms / 1000, berlin).hour == 0


def test_what_was_unusual_is_marked_on_the_curve_with_its_reason_and_a_link(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.weeks(engine, data, NOW)
    browser = reader("viewer")
    assert 'class="unusual' not in browser.client.get("/trends?place=garden/west-gate").text
    seed.unusual(engine, NOW)
    html = browser.client.get("/trends?place=garden/west-gate&signal=flow.in").text
    told = "19 times the usual for a Monday 12:00; usual 12–33, seen 400"
    mark = re.search(r'<rect class="unusual " x="([\d.]+)" y="0" width="([\d.]+)"', html)
    assert mark is not None
    start, now = first_hour(NOW, 7, ZONE), NOW
    began = (NOW // HOUR - 25) * HOUR
    assert float(mark[1]) == pytest.approx((began - start) / (now - start) * 1000, abs=0.1)
    assert float(mark[2]) == pytest.approx(HOUR / (now - start) * 1000, abs=0.1)
    assert html.count(told) == 2  # on the mark, and in words with a link
    assert f'<a href="/expected?place=garden/west-gate#unusual">{told}</a>' in html
    elsewhere = browser.client.get("/trends?place=garden/bike-shed").text
    assert told not in elsewhere


def test_the_page_draws_the_heat_map_and_each_plot_has_its_numbers(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.weeks(engine, data, NOW)
    browser = reader("viewer")
    html = browser.client.get("/trends").text
    assert html.count('<td class="h') + html.count('<td class="unknown') == 7 * 24
    assert 'class="h8"' in html
    hours = rows(browser, "/trends/signal.csv?place=garden/west-gate&signal=flow.in&days=7")
    assert 7 * 24 <= len(hours) <= 8 * 24
    assert {row["signal"] for row in hours} == {"flow.in"}
    counts = {row["rule"]: row for row in rows(browser, "/trends/alerts.csv")}
    shown = re.search(r"rule=crowd[^>]*>crowd</a>.*?</tr>", html, re.S)
    assert shown is not None
    numbers = re.findall(r'<td class="number">(\d+)</td>', shown[0])
    assert numbers == [
        counts["crowd"][name] for name in ("true", "false", "test", "unclear", "none")
    ]
    waits = {row["severity"]: row for row in rows(browser, "/trends/responses.csv")}
    assert float(waits["high"]["median_s"]) == pytest.approx(34.69)
    assert waits["critical"]["median_s"] == ""


def test_what_makes_no_sense_shows_what_fits(reader: Open, engine: Engine, data: Path) -> None:
    browser = reader("viewer")
    assert "does not answer now" in browser.client.get("/trends").text
    assert browser.client.get("/trends/signal.csv").status_code == 503
    assert browser.client.get("/trends/secrets.csv").status_code == 404
    seed.weeks(engine, data, NOW, days=1)
    html = browser.client.get("/trends?place=garden/pump-room&signal=flow.in&days=x").text
    assert '<option value="door.open_s" selected>' in html
    assert "No values are stored for this time." in html
