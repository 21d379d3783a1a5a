"""A place's page."""

import re
from collections.abc import Callable
from datetime import datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from hub import silences
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web.charts import HEIGHT, WIDTH, curve, held

Open = Callable[[str], Reader]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ").strip()


def test_a_place_shows_its_curves_pictures_alerts_and_the_rules_as_they_are_there(
    reader: Open, data: Path
) -> None:
    seed.stored(data, NOW)
    browser = reader("operator")
    html = browser.client.get("/places/garden/bike-shed?hours=1").text
    text = words(html)
    assert html.count('<figure class="curve">') == 1
    assert "Presence 10%" in text
    assert 'class="limit"' in html
    assert "/pictures/garden/yard-1/bikes-1.jpg" in html
    assert "Someone in the bike shed after hours" in text
    assert "Someone is there after hours Presence more than 70% for 3 s" in text
    assert "Door has stood open too long" in text
    assert browser.client.get("/places/garden/nowhere").status_code == 404
    assert browser.client.get("/places/garden/bike-shed?hours=99999999").status_code == 200


def test_an_override_shows_at_its_place_alone(reader: Open) -> None:
    client = reader("viewer").client
    assert "Door open for more than 1 min" in words(client.get("/places/garden/pump-room").text)
    assert "Door open for more than 5 min" in words(client.get("/places/garden/lobby-3").text)


def test_without_a_series_store_the_place_is_still_shown(reader: Open) -> None:
    text = words(reader("viewer").client.get("/places/garden/courtyard").text)
    assert "The store of records does not answer now." in text
    assert "None yet." not in text


def test_the_page_says_so_where_nothing_is_stored(reader: Open, data: Path, clock: Clock) -> None:
    seed.stored(data, NOW)
    clock.ms += 90 * 86_400_000
    text = words(reader("viewer").client.get("/places/garden/pump-room").text)
    assert "No values are stored for this time." in text


def test_a_curve_begins_with_the_value_that_held_and_stays_in_its_drawing() -> None:
    one = curve([(0, 4.0), (150, 8.0), (160, -1.0)], 100, 200, 20.0)
    assert one.path.startswith(f"M0.0 {HEIGHT - 4 / one.top * HEIGHT:.1f}H500.0")
    assert one.path.endswith(f"H{WIDTH:.0f}")
    assert one.top > 20
    assert one.last == -1.0
    assert "V100.0" in one.path  # what is below zero lies on the edge
    assert one.y(1e9) == 0
    assert curve([], 0, 10).path == ""


@pytest.mark.parametrize(
    ("days", "first", "count"),
    [(1 / 24, "2026-03-28T22:10", 6), (1, "2026-03-29T00:00", 8), (7, "2026-03-29T00:00", 7)],
)  # fmt: skip
def test_an_axis_says_times_that_people_read_also_where_clocks_are_put_forward(
    days: float, first: str, count: int
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = round(datetime(2026, 3, 28, 22, 3, 7, tzinfo=zone).timestamp() * 1000)
    ticks = curve([(start, 1.0)], start, start + round(days * 86_400_000)).ticks(zone)
    read = [datetime.fromtimestamp(ts / 1000, zone) for ts in ticks]
    assert read[0].isoformat().startswith(first)
    assert len(read) == count
    assert all(one.second == 0 and one.minute % 10 == 0 for one in read)
    assert days < 7 or all(one.hour == 0 for one in read)


def test_a_place_says_that_it_is_muted_and_leads_to_muting_it(reader: Open, engine: Engine) -> None:
    silences.create(
        engine, site="garden", place="courtyard", author="li", reason="paving", now=NOW,
        ends_at=NOW + 3_600_000, kind=silences.Kind.MAINTENANCE,
    )  # fmt: skip
    browser = reader("operator")
    page = browser.client.get("/places/garden/courtyard").text
    assert "maintenance until" in words(page)
    assert "li: paving" in words(page)
    assert "li: paving" not in browser.client.get("/places/garden/bike-shed").text
    found = re.search(r'href="(/rules\?scope=[^"#]+)', page)
    assert found
    form = browser.client.get(unescape(found[1])).text
    assert '<option value="garden/place:courtyard" selected' in form
    assert "Mute this place" not in words(
        reader("viewer").client.get("/places/garden/courtyard").text
    )


def test_a_long_curve_is_thinned_and_keeps_its_peaks() -> None:
    points = [(ts, float(ts % 7)) for ts in range(100_000)]
    points[50_123] = (50_123, 1000.0)
    one = curve(points, 0, 100_000)
    assert one.path.count("H") < 1600
    assert "V16.7" in one.path  # 1000 of 1200


def test_a_mean_is_weighed_by_time() -> None:
    assert held([(0, 0.0), (90, 10.0)], 0, 100) == 1.0
    assert held([(-50, 4.0)], 0, 100) == 4.0
    assert held([], 0, 100) is None
    assert held([(60, 2.0)], 0, 100) == 2.0


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.0, 1.0), (1.0, 1.08), (4.0, 5.0), (10.0, 12.0), (95.0, 120.0), (1330.0, 1500.0)],
)
def test_a_curve_ends_at_a_number_that_people_read(highest: float, top: float) -> None:
    assert curve([(0, highest)], 0, 10).top == pytest.approx(top)


def test_a_place_that_is_heard_of_since_minutes_shows_the_last_hour(
    reader: Open, data: Path
) -> None:
    seed.stored(data, NOW)
    path = "/places/garden/bike-shed"
    chosen = 'hours=1" aria-current="true"'
    assert chosen in reader("viewer").client.get(path).text
    assert chosen not in reader("viewer").client.get(f"{path}?hours=6").text
