"""The API of those who work on residents' reports, and who walks: done as on the pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, insert, select

from hub.cases.vault import Vault
from hub.neighbours.tables import Resident
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW
from web import tokens
from web.roles import Role

Call = Callable[..., Any]
HOUR = 3_600_000
PHONE = "13800000000"


@pytest.fixture
def call(app: Flask, engine: Engine) -> Call:
    """An operator's script: reads, and posts where it gives a body."""
    token = tokens.create(engine, "robot", actor="x", now=NOW, role=Role.OPERATOR)
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}

    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        method = "GET" if body is None else "POST"
        return client.open(f"/api/v1{path}", method=method, headers=headers, json=body)

    return ask


def logged(engine: Engine) -> tuple[str, str, str]:
    with engine.connect() as connection:
        query = select(Audit.actor, Audit.action, Audit.target).order_by(Audit.id.desc())
        actor, action, target = connection.execute(query).first() or ("", "", "")
    return actor, action, target


def test_a_script_walks_a_case_to_its_end_and_hears_what_is_not_its_turn(
    call: Call, engine: Engine, data: Path
) -> None:
    one = seed.case(engine, data, NOW)["case"]
    assert call(f"/cases/{one}").json["next_steps"] == ["verify"]
    early = call(f"/cases/{one}/step", {"step": "handle"})
    assert (early.status_code, early.json) == (
        409, {"done": False, "what": "the case stands elsewhere", "state": "received"},
    )  # fmt: skip
    assert call(f"/cases/{one}/step", {"step": "verify"}).json["done"]
    nobody = call(f"/cases/{one}/step", {"step": "dispatch"})
    assert nobody.json["what"] == "nobody to deal with it"
    for step in ({"step": "dispatch", "owner": "li"}, {"step": "handle"}, {"step": "check"}):
        assert call(f"/cases/{one}/step", step).json["done"]
    closed = call(f"/cases/{one}/step", {"step": "close", "note": "towed"})
    assert closed.json == {"done": True, "what": "done", "state": "closed"}
    told = call(f"/cases/{one}").json
    assert (told["case"]["outcome"], told["case"]["owner"]) == ("solved", "li")
    assert told["steps"][-1] == {
        "kind": "closed", "at": NOW, "actor": "token robot", "note": "towed", "public": True,
    }  # fmt: skip
    assert logged(engine)[:2] == ("token robot", "case.closed")


def test_what_makes_no_sense_is_refused_and_what_is_of_another_is_not_there(
    call: Call, engine: Engine, data: Path
) -> None:
    one = seed.case(engine, data, NOW)["case"]
    assert call(f"/cases/{one}/step", {"step": "fly"}).json["error"].endswith("`$.step`")
    assert call(f"/cases/{one}/severity", {"severity": "dire"}).status_code == 400
    assert call(f"/cases/{one}/close", {"outcome": "solved", "note": "x"}).status_code == 400
    empty = call(f"/cases/{one}/close", {"outcome": "invalid", "note": " "})
    assert (empty.status_code, empty.json["what"]) == (409, "nothing said")
    assert call(f"/cases/{one}/merge", {"code": "NO-SUCH"}).status_code == 404
    assert call("/cases/unknown/note", {"text": "x"}).status_code == 404
    assert call(f"/cases/{one}/link", {"alert": "a-none"}).json["what"] == "no such alert"


def test_how_a_reporter_is_reached_is_told_when_asked_for_and_written_down(
    call: Call, engine: Engine, data: Path
) -> None:
    one = seed.case(engine, data, NOW, contact=PHONE)["case"]
    assert PHONE not in call(f"/cases/{one}").text
    assert PHONE not in call("/cases").text
    assert call(f"/cases/{one}/contacts", {}).json == {"contacts": [PHONE]}
    assert logged(engine) == ("token robot", "case.contact.view", one)
    assert call(f"/cases/{one}/forget", {}).json["done"]
    assert call(f"/cases/{one}/contacts", {}).json == {"contacts": []}
    again = call(f"/cases/{one}/forget", {})
    assert (again.status_code, again.json["what"]) == (409, "it was so already")


def test_a_part_goes_on_by_itself_and_a_repeated_report_is_merged(
    call: Call, engine: Engine, data: Path
) -> None:
    one, other = (seed.case(engine, data, NOW) for _ in range(2))
    part = {"kind": "hazard", "text": "and the lamp is broken"}
    assert call(f"/cases/{one['case']}/split", part).json["done"]
    (kin,) = call(f"/cases/{one['case']}").json["relatives"]
    found = call(f"/cases/{kin}").json["case"]
    assert (found["place"], found["text"]) == ("fire-lane", "and the lamp is broken")
    assert call(f"/cases/{other['case']}/merge", {"code": one["code"]}).json["done"]
    assert call(f"/cases/{other['case']}").json["case"]["outcome"] == "duplicate"


def test_an_alert_becomes_one_case_however_often_it_is_asked_for(
    call: Call, engine: Engine
) -> None:
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW - 1000, "courtyard")
    made = call(f"/alerts/{alert}/case", {}).json
    assert made["new"]
    assert call(f"/alerts/{alert}/case", {}).json == {**made, "new": False}
    assert [one["id"] for one in call(f"/alerts/{alert}/story").json["cases"]] == [made["id"]]
    with engine.begin() as connection:
        other = seed.alert(connection, NOW - 1000, "courtyard")
    assert "what was sent" in call(f"/alerts/{other}/case", {"kind": "no-such"}).json["error"]
    assert call("/alerts/a-none/case", {}).status_code == 404


def test_a_sender_is_blocked_and_let_in_again(call: Call, engine: Engine, data: Path) -> None:
    one = seed.shown_case(engine, data, NOW)["case"]
    told = call("/cases/blocks?limit=1").json
    (standing,), more = told["blocks"], told["next"]
    assert more is None
    assert call(f"/cases/blocks?before={standing['id']}").json["blocks"] == []
    assert (standing["case"], standing["reason"]) == (one, "nonsense")
    assert "mark" not in standing
    assert call(f"/cases/blocks/{standing['id']}/lift", {}).json["done"]
    assert call(f"/cases/blocks/{standing['id']}/lift", {}).status_code == 409
    again = {"what": "device", "reason": "nonsense", "days": 3}
    assert call(f"/cases/{one}/block", again).json["done"]
    assert call(f"/cases/{one}/block", {**again, "days": 0}).status_code == 400


def test_a_walk_is_planned_changed_and_called_off(call: Call) -> None:
    plan = {"site": "garden", "title": "Night walk", "route": ["courtyard", "bike-shed"],
            "first_at": NOW + 8 * HOUR, "minutes": 45, "capacity": 4, "weekly": True}  # fmt: skip
    made = call("/patrols", plan).json["plan"]
    (known,) = call("/patrols/plans").json["plans"]
    assert (known["id"], known["made_by"]) == (made, "token robot")
    later = {**plan, "first_at": NOW + 9 * HOUR}
    assert call(f"/patrols/plans/{made}", later).json["what"] == "4 walks changed"
    walk = call("/patrols").json["patrols"][-1]
    assert (walk["starts_at"], walk["was_at"]) == (NOW + 9 * HOUR, NOW + 8 * HOUR)
    assert call(f"/patrols/{walk['id']}/cancel", {}).json["done"]
    assert call(f"/patrols/{walk['id']}/cancel", {}).status_code == 409
    assert call(f"/patrols/plans/{made}/end", {}).json["done"]
    assert call("/patrols/plans").json["plans"] == []
    assert "in the past" in call("/patrols", {**plan, "first_at": NOW - 1}).json["error"]
    assert "each once" in call("/patrols", {**plan, "route": ["no-such"]}).json["error"]
    assert call("/patrols", {**plan, "site": "nowhere"}).status_code == 404


def test_who_walks_is_told_when_asked_for_and_written_down(
    call: Call, engine: Engine, data: Path
) -> None:
    with engine.begin() as connection:
        row = {"name": "Auntie Wang", "name_key": "auntie wang", "password_hash": "x",
               "contact": Vault(data).seal(PHONE), "session_key": "k", "created_at": NOW,
               "seen_at": NOW}  # fmt: skip
        connection.execute(insert(Resident).values(row))
        number = connection.scalar(select(Resident.id)) or 0
    walk = seed.patrol(engine, data, NOW, number)["walk"]
    assert "Wang" not in call(f"/patrols/{walk}").text
    assert call(f"/patrols/{walk}/people", {}).json == {
        "people": [{"resident": number, "name": "Auntie Wang", "contact": PHONE, "waits": False}]
    }
    assert logged(engine) == ("token robot", "patrol.who.view", walk)
    assert call(f"/patrols/{walk}/remove", {"resident": number}).json["done"]
    assert call(f"/patrols/{walk}/people", {}).json == {"people": []}


def test_a_viewers_token_and_one_of_another_site_do_none_of_it(
    app: Flask, engine: Engine, data: Path
) -> None:
    one, client = seed.case(engine, data, NOW)["case"], app.test_client()
    viewer = tokens.create(engine, "viewer", actor="x", now=NOW)
    far = tokens.create(engine, "far", actor="x", now=NOW, sites=["elsewhere"], role=Role.OPERATOR)
    for token, code in ((viewer, 403), (far, 404)):
        headers = {"Authorization": f"Bearer {token}"}
        for path, body in (("note", {"text": "x"}), ("contacts", {}), ("erase", {})):
            answer = client.post(f"/api/v1/cases/{one}/{path}", headers=headers, json=body)
            assert answer.status_code == code, path
