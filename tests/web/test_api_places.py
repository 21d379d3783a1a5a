"""The API of places: signals over time, cameras, pictures, what is broken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from hub.series.points import SeriesDown, SeriesStore
from tests.web import seed
from tests.web.conftest import NOW
from web import tokens

START = NOW - 300_000
SHED = "/api/v1/places/garden/bike-shed"
Ask = Callable[..., Any]


@pytest.fixture
def ask(app: Flask, engine: Engine, data: Path) -> Ask:
    seed.stored(data, NOW)
    token = tokens.create(engine, "board", actor="x", now=NOW)
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    return lambda path, **query: client.get(
        path, headers=headers, query_string=query, buffered=True
    )


def test_a_signal_is_read_over_time_and_page_by_page(ask: Ask) -> None:
    asked = {"signal": "presence.person", "since": START + 1, "limit": 3}
    page = ask(f"{SHED}/signals", **asked).json
    assert (page["held"], page["start"], page["end"]) == (0.0, START + 1, NOW)
    seen = page["points"]
    assert page["next"] == START + 190_000
    page = ask(f"{SHED}/signals", **{**asked, "since": page["next"]}).json
    assert (page["held"], page["next"]) == (0.93, None)
    assert [value for _ts, value in seen + page["points"]] == [0.62, 0.9, 0.93, 0.5, 0.1]
    assert page["limit"] == 0.7


def test_a_day_is_by_the_sites_clock(ask: Ask) -> None:
    page = ask(f"{SHED}/signals", signal="risk", since="2026-11-20", until="2026-11-20").json
    assert page["end"] - page["start"] == 86_400_000
    assert page["start"] % 86_400_000 == 16 * 3_600_000  # Shanghai's midnight
    assert page["points"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 400),
        ({"signal": "flow.in"}, 404),  # there is no line
        ({"signal": "nonsense"}, 404),
        ({"signal": "risk", "since": "2026-01-01"}, 400),
        ({"signal": "risk", "since": NOW}, 400),
        ({"signal": "risk", "since": "2026-13-01", "until": NOW}, 200),  # no day: left out
    ],
)
def test_a_signal_that_cannot_be_is_refused(ask: Ask, query: dict[str, Any], code: int) -> None:
    assert ask(f"{SHED}/signals", **query).status_code == code


def test_without_the_series_store_it_says_so(
    ask: Ask, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise SeriesDown("it is away")

    series: SeriesStore = app.extensions["linli"].series
    monkeypatch.setattr(series, "signal", down)
    answer = ask(f"{SHED}/signals", signal="risk")
    assert (answer.status_code, list(answer.json)) == (503, ["error"])


def test_pictures_of_a_place_come_page_by_page_and_can_be_fetched(
    ask: Ask, engine: Engine, data: Path
) -> None:
    with engine.begin() as connection:
        for number in range(5):
            ts = NOW - 10_000 * (number // 2 + 1)  # two cameras at one moment
            seed.picture(connection, data, "yard-1", f"more-{number}", "cam-bikes", ts)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while query.get("before", 1) is not None:
        page = ask(f"{SHED}/pictures", **query).json
        seen += [one["picture"] for one in page["pictures"]]
        query["before"] = page["next"]
    assert len(seen) == len(set(seen)) == 6
    assert ask(seen[-1]).data.startswith(b"\xff\xd8")


def test_cameras_doors_and_what_is_broken_stand_as_on_the_pages(ask: Ask) -> None:
    (camera,) = ask("/api/v1/cameras", place="garden/fire-lane").json["cameras"]
    assert (camera["source"], camera["faults"], camera["online"]) == ("cam-lane", ["blurred"], True)
    assert camera["picture"].endswith("/lane-1.jpg")
    assert len(ask("/api/v1/cameras").json["cameras"]) > 3
    assert ask("/api/v1/cameras", place="garden/nowhere").status_code == 404
    found = ask(SHED).json
    assert found["place"]["signals"]["dwell.person"] == 186.0
    assert [(door["open"], door["battery"]) for door in found["doors"]] == [(True, 9)]
    assert "night-intrusion" in found["rules"]
    kinds = {(one["source"], one["kind"]) for one in ask("/api/v1/troubles").json["troubles"]}
    assert {("cam-lane", "fault"), ("door-shed", "battery")} <= kinds


def test_devices_tell_what_they_run_and_what_hangs_on_them(ask: Ask) -> None:
    found = {one["node"]: one for one in ask("/api/v1/devices").json["devices"]}
    yard = found["yard-1"]
    assert (yard["online"], yard["agent"], yard["clock_ms"]) == (True, "0.1.0", -40)
    sources = {one["source"]: one for one in yard["sources"]}
    assert sources["door-shed"]["values"]["battery"] == 9
    assert sources["cam-lane"]["values"]["faults"] == ["blurred"]
    assert {one["kind"] for one in yard["troubles"]} >= {"battery", "fault"}
    assert all(one["node"] == "yard-1" for one in yard["troubles"])
