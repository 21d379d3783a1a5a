"""The API of what the console shows besides lists: views, live looks, figures, sites, digests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, update

from hub import live
from hub.analysis.shelf import Shelf
from hub.state.tables import Audit, NodeState, SourceState
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web import tokens
from web.alerts.views import MOST
from web.roles import Role

Call = Callable[..., Any]
Open = Callable[[str], Reader]
DAY = 86_400_000
CAMERA = "/cameras/garden/yard-1/cam-bikes"


@pytest.fixture
def script(app: Flask, engine: Engine) -> Callable[[str], Call]:
    """A script with a token of a role, named after it: reads, and posts where it gives a body."""

    def make(role: str) -> Call:
        token = tokens.create(engine, role, actor="x", now=NOW, role=Role(role))
        client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}

        def ask(path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
            plain = path.endswith(".jpg") or path.startswith("/plans")
            return client.open(
                path if plain else f"/api/v1{path}", method="GET" if body is None else "POST",
                headers=headers, json=body, query_string=query, buffered=True,
            )  # fmt: skip

        return ask

    return make


def test_views_are_kept_changed_shared_and_forgotten(script: Callable[[str], Call]) -> None:
    ask, viewer = script("operator"), script("viewer")
    kept = {"name": " Night  watch ", "severity": "critical", "shared": True}
    assert ask("/alerts/views", kept).json["done"]
    (one,) = viewer("/alerts/views").json["views"]
    assert one == {
        "id": one["id"], "name": "Night watch", "owner": "token operator", "shared": True,
        "filters": {"severity": "critical"}, "mine": False,
    }  # fmt: skip
    found = viewer("/alerts", **one["filters"]).json["alerts"]
    assert {alert["severity"] for alert in found} == {"critical"}
    assert ask("/alerts/views", {**kept, "state": "open"}).json["done"]
    (one,) = ask("/alerts/views").json["views"]
    assert (one["filters"], one["mine"]) == ({"state": "open", "severity": "critical"}, True)
    assert viewer(f"/alerts/views/{one['id']}/delete", {}).status_code == 404
    assert ask(f"/alerts/views/{one['id']}/delete", {}).json["done"]
    assert ask("/alerts/views").json["views"] == []


def test_a_view_needs_a_filter_and_there_is_room_for_so_many(
    script: Callable[[str], Call],
) -> None:
    viewer = script("viewer")
    assert viewer("/alerts/views", {"name": "All"}).status_code == 400
    assert viewer("/alerts/views", {"name": "", "state": "open"}).status_code == 400
    for number in range(MOST):
        shared = {"name": f"View {number}", "state": "open", "shared": True}
        assert viewer("/alerts/views", shared).json["done"]
    full = viewer("/alerts/views", {"name": "More", "state": "open"})
    assert (full.status_code, full.json["what"]) == (409, "there is room for no more")
    assert not any(one["shared"] for one in viewer("/alerts/views").json["views"])


def test_many_are_acknowledged_with_one_reason_and_each_says_what_became_of_it(
    script: Callable[[str], Call], app: Flask, engine: Engine
) -> None:
    ask = script("operator")
    with engine.begin() as connection:
        first, second = (seed.alert(connection, NOW - 1000, "courtyard") for _ in range(2))
    ask(f"/alerts/{second}/acknowledge", {})
    many = {"alert": [first, second, "a-none"], "reason": "the fair"}
    assert ask("/alerts/acknowledge", many).json == {
        "done": [first],
        "others": {second: "already acknowledged", "a-none": "no such alert"},
    }
    assert ask("/alerts/acknowledge", {"alert": [first], "reason": " "}).status_code == 400
    far = tokens.create(engine, "far", actor="x", now=NOW, sites=["elsewhere"], role=Role.OPERATOR)
    headers = {"Authorization": f"Bearer {far}"}
    other = app.test_client().post("/api/v1/alerts/acknowledge", headers=headers, json=many)
    assert other.status_code == 404


def test_a_script_looks_at_a_camera_for_a_minute_and_that_is_written_down(
    script: Callable[[str], Call], engine: Engine, data: Path, clock: Clock
) -> None:
    ask, clock.ms = script("operator"), NOW + 20_000
    assert ask(CAMERA).json["look"] is None
    assert ask(f"{CAMERA}/watch", {}).json["done"]
    with engine.begin() as connection:
        seed.picture(connection, data, "yard-1", "live-1", "cam-bikes", NOW + 21_000)
        here = (SourceState.node == "yard-1") & (SourceState.source == "cam-bikes")
        connection.execute(
            update(SourceState).where(here).values(evidence="live-1", evidence_ts=NOW + 21_000)
        )
    look = ask(CAMERA).json["look"]
    assert (look["ends_at"], look["picture_ts"]) == (NOW + 80_000, NOW + 21_000)
    assert ask(look["picture"]).data.startswith(b"\xff\xd8")
    with engine.connect() as connection:
        actions = connection.execute(select(Audit.actor, Audit.action).order_by(Audit.id)).all()
    assert actions[-1] == ("token operator", "camera.watch")
    viewer = script("viewer")
    assert viewer(CAMERA).json["look"] is None
    assert viewer(f"{CAMERA}/watch", {}).status_code == 403
    assert viewer(look["picture"]).status_code == 403
    assert ask(f"{CAMERA}/stop", {}).json["done"]
    assert ask(CAMERA).json["look"] is None
    assert ask("/cameras/garden/gate-1/door-gate/watch", {}).status_code == 404


def test_a_look_says_what_keeps_it_from_being_live_and_a_node_has_its_limit(
    script: Callable[[str], Call], engine: Engine
) -> None:
    ask = script("operator")
    for number in range(live.CAMERAS_AT_ONCE):
        live.watch(engine, ("garden", "yard-1", f"cam-{number}"), viewer="li", now=NOW)
    full = ask(f"{CAMERA}/watch", {})
    assert full.status_code == 409
    assert full.json["what"] == "4 cameras of the node are looked at already"
    with engine.begin() as connection:
        connection.execute(update(NodeState).values(online=False))
    assert ask("/cameras/garden/gate-1/cam-gate/watch", {}).json["done"]
    assert ask("/cameras/garden/gate-1/cam-gate").json["look"]["trouble"] == "offline"


def test_figures_are_those_of_the_page_in_numbers(
    script: Callable[[str], Call], reader: Open, engine: Engine, data: Path
) -> None:
    ask = script("viewer")
    for number in range(12):
        seed.case(engine, data, NOW - number * DAY)
    found = ask("/figures", since=NOW - 30 * DAY, until=NOW + 1, change=NOW - 10 * DAY).json
    assert (found["sites"], found["end"] - found["start"]) == (["garden"], 30 * DAY + 1)
    assert found["figures"]["reports"] == 12
    by = {(one["by"], one["name"]): one for one in found["groups"]}
    assert by["place", "garden/fire-lane"]["figures"]["reports"] == 12
    assert by["kind", "fire-lane"]["figures"]["answered"].keys() == {"count", "of"}
    changed = {one["name"]: one for one in found["changes"]}
    assert changed["found"]["before_count"] == 20
    assert changed["found"]["low"] <= changed["found"]["high"]
    assert ask("/figures", site="nowhere").status_code == 404
    assert "`since` lies before" in ask("/figures", since=NOW, until=NOW - DAY).json["error"]
    assert ask("/figures", change=NOW + DAY).status_code == 400
    assert "<td>12</td>" in reader("viewer").client.get("/figures").text


def test_sites_tell_their_drawing_and_where_on_it_everything_is(
    script: Callable[[str], Call],
) -> None:
    ask = script("viewer")
    (site,) = ask("/sites").json["sites"]
    assert (site["site"], site["zone"]) == ("garden", "Asia/Shanghai")
    assert ask(site["plan"]).mimetype == "image/svg+xml"
    spots = {one["source"]: one for one in site["spots"]}
    assert (spots["cam-gate"]["at"], spots["cam-gate"]["place"]) == ([120, 270], "west-gate")
    assert spots["cam-gate"]["camera"]
    assert not spots["door-gate"]["camera"]


def test_a_weeks_digest_is_read_by_day_and_language(
    script: Callable[[str], Call], data: Path
) -> None:
    ask = script("viewer")
    none = {"site": "garden", "days": [], "day": "", "html": ""}
    assert ask("/expected/digest").json == none
    for day in ("2026-11-16", "2026-11-23"):
        Shelf(data).put("garden", day, {"en": f"<p>Week {day}</p>", "zh": "<p>周报</p>"})
    assert ask("/expected/digest").json == {
        "site": "garden", "days": ["2026-11-23", "2026-11-16"], "day": "2026-11-23",
        "html": "<p>Week 2026-11-23</p>",
    }  # fmt: skip
    old = ask("/expected/digest", day="2026-11-16", language="zh").json
    assert (old["day"], old["html"]) == ("2026-11-16", "<p>周报</p>")
    assert ask("/expected/digest", day="2026-11-17").status_code == 404
    assert ask("/expected/digest", day="../secret").status_code == 400


def test_reading_a_camera_or_figures_writes_nothing_down(
    script: Callable[[str], Call], engine: Engine
) -> None:
    ask = script("viewer")

    def entries() -> int:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(Audit)) or 0

    before = entries()
    for path in ("/figures", "/sites", CAMERA, "/alerts/views", "/patrols/plans"):
        assert ask(path).status_code == 200
    assert entries() == before
