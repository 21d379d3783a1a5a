"""The API of trends, of what is usual, and of what was not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from tests.web import seed
from tests.web.conftest import NOW
from web import tokens
from web.roles import Role

GATE = "garden/west-gate"
Call = Callable[..., Any]


@pytest.fixture
def call(app: Flask, engine: Engine) -> Call:
    """An operator's script: reads, and posts where it gives a body."""
    token = tokens.create(engine, "robot", actor="x", now=NOW, role=Role.OPERATOR)
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}

    def ask(path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        method = "GET" if body is None else "POST"
        return client.open(
            f"/api/v1{path}", method=method, headers=headers, json=body, query_string=query
        )

    return ask


def test_a_signal_by_the_hour_has_the_numbers_of_the_page(
    call: Call, engine: Engine, data: Path
) -> None:
    seed.weeks(engine, data, NOW)
    found = call("/trends/signal", place=GATE, signal="flow.in", days=14).json
    assert (found["zone"], found["per_hour"]) == ("Asia/Shanghai", True)
    assert len(found["hours"]) > 300
    cells = {(one["weekday"], one["hour"]): one["mean"] for one in found["cells"]}
    assert len(cells) == 168
    means = {one["start"]: one["mean"] for one in found["hours"]}
    assert 0 < max(cells.values()) <= max(means.values()) * 60
    assert call("/trends/signal", place=GATE, signal="door.open_s").status_code == 200
    assert call("/trends/signal", place=GATE, signal="nonsense").status_code == 404
    assert call("/trends/signal", place="x/y", signal="flow.in").status_code == 404


def test_alerts_by_rule_and_response_times_are_those_of_the_page(
    call: Call, engine: Engine, data: Path
) -> None:
    seed.weeks(engine, data, NOW)
    found = call("/trends/alerts", days=28).json
    totals = [one["total"] for one in found["rules"]]
    assert totals == sorted(totals, reverse=True)
    assert sum(totals) >= 60
    assert {"true", "false", "none"} <= {v for one in found["rules"] for v in one["verdicts"]}
    waits = call("/trends/responses", site="garden", days=28).json["responses"]
    assert sum(one["fired"] for one in waits) == sum(totals)
    assert call("/trends/alerts", site="nowhere").status_code == 404


def test_what_is_usual_stands_beside_what_was_seen(call: Call, data: Path) -> None:
    seed.counted(data, NOW)
    (flow,) = call("/expected", place=GATE).json["flows"]
    assert flow["what"] == "flow"
    crowd = max(flow["seen"], key=lambda hour: hour["counted"])
    assert crowd["counted"] == 400
    assert crowd["low95"] < 21 < crowd["high95"] < 100
    assert len(flow["ahead"]) == 168
    assert flow["ahead"][0]["low95"] <= flow["ahead"][0]["mean"] <= flow["ahead"][0]["high95"]


def test_what_was_unusual_is_judged_over_the_api(call: Call, engine: Engine) -> None:
    began = seed.unusual(engine, NOW)
    (one,) = call("/anomalies", place=GATE).json["anomalies"]
    assert (one["start"], one["counted"], one["verdict"]) == (began, 400, "")
    assert (one["kind"], one["lasting"]) == ("", False)
    assert "times the usual" in one["says"]["en"]
    key = {name: one[name] for name in ("site", "place", "what", "start")}
    assert call("/anomalies/judge", {**key, "verdict": "dismissed"}).json["done"]
    again = call("/anomalies/judge", {**key, "verdict": "dismissed"})
    assert (again.status_code, again.json["what"]) == (409, "it was judged so already")
    assert call("/anomalies/judge", {**key, "start": 1, "verdict": "confirmed"}).status_code == 404
    assert call("/anomalies", place=GATE).json["anomalies"][0]["verdict_by"] == "token robot"
    assert call("/anomalies", until=began).json["anomalies"] == []


def test_what_is_coming_is_told_of_each_place(call: Call, engine: Engine, data: Path) -> None:
    assert call("/coming").json["places"] == []
    seed.weeks(engine, data, NOW)
    with engine.begin() as connection:
        seed.alert(connection, NOW - 10 * 24 * 3_600_000, "bike-shed", state="resolved")
    found = call("/coming", site="garden").json
    assert len(found["places"]) == len(seed.site_file().places)
    first, last = found["places"][0], found["places"][-1]
    assert first["week"]["mean"] > last["week"]["mean"] >= 0
    assert first["day"]["within80"][0] <= first["day"]["mean"] <= first["day"]["within95"][1]
    assert len(first["hours"]) == 168
    assert call("/coming", site="nowhere").status_code == 404
