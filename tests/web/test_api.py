"""The JSON API: what it says is what its document says, and who may read it and act."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from hub import silences
from hub.cases.senders import marks
from hub.cases.vault import Vault
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW, Reader
from web import tokens
from web.roles import Role
from web.users import UserError

Open = Callable[[str], Reader]


@pytest.fixture
def ask(app: Flask, engine: Engine) -> Callable[..., Any]:
    """A script with a viewer's token."""
    headers = {"Authorization": f"Bearer {tokens.create(engine, 'board', actor='x', now=NOW)}"}
    client = app.test_client()
    return lambda path: client.get(path, headers=headers, buffered=True)


@pytest.fixture
def do(app: Flask, engine: Engine) -> Callable[..., Any]:
    """A script with an operator's token."""
    role = Role.OPERATOR
    headers = bearer(tokens.create(engine, "robot", actor="x", now=NOW, role=role))
    client = app.test_client()
    return lambda path, **body: client.post(f"/api/v1{path}", headers=headers, json=body)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_every_answer_is_what_the_document_says(
    app: Flask, engine: Engine, data: Path, ask: Callable[..., Any]
) -> None:
    """Of what is there, of what is not, and of what makes no sense."""
    role = Role.MAINTAINER
    headers = bearer(tokens.create(engine, "all", actor="x", now=NOW, role=role))
    document, client = ask("/api/v1/openapi.json").json, app.test_client()
    seed.stored(data, NOW)
    seed.counted(data, NOW)
    seed.weeks(engine, data, NOW)
    began = seed.unusual(engine, NOW)
    quiet = silences.create(
        engine, site="garden", author="li", reason="painters", ends_at=NOW + 60_000, now=NOW
    )
    with engine.begin() as connection:
        fresh = seed.alert(connection, NOW - 1000, "courtyard")
    told, walk = seed.shown_case(engine, data, NOW), seed.patrol(engine, data, NOW)
    known = {
        "site": "garden",
        "place": "bike-shed",
        "node": "yard-1",
        "source": "cam-bikes",
        "alert_id": fresh,
        "case_id": told["case"],
        "block_id": 1,
        "view_id": 1,
        "number": quiet.id,
        "patrol_id": walk["walk"],
        "plan_id": walk["plan"],
    }
    for path, verbs in document["paths"].items():
        for method, operation in verbs.items():
            name = operation["operationId"]
            body = BODIES.get(name, {}) if method == "post" else None
            body = {**WHICH, "start": began} if name == "judge_anomaly" else body
            if "{case_id}" in path and method == "post":  # each of its own: they end one
                known["case_id"], body = case_for(engine, data, name, fresh)
            there, unknown = path.format(**known), re.sub(r"{\w+}", "unknown", path)
            for url in {there, unknown}:
                asked = url + ASKED.get(name, "")
                answer = client.open(asked, method=method, headers=headers, json=body)
                assert answer.status_code == (200 if url == there else 404), (url, answer.text)
                told = operation["responses"][str(answer.status_code)]
                schema = told["content"]["application/json"]["schema"]
                whole = {**schema, "components": document["components"]}
                Draft202012Validator(whole).validate(answer.json)


def case_for(engine: Engine, data: Path, verb: str, alert: str) -> tuple[str, dict[str, Any]]:
    """A case that a verb of the API can be done to, and what to send."""
    held = "a link" if verb == "case_release" else ""
    sender = marks(Vault(data), f"phone {verb}", "203.0.113.9")
    one = seed.case(engine, data, NOW, blurred=True, held=held, contact="13800000000",
                    sender=sender)  # fmt: skip
    other = seed.case(engine, data, NOW)["code"] if verb == "case_merge" else ""
    bodies: dict[str, dict[str, Any]] = {
        "case_step": {"step": "verify", "note": "on our way"},
        "case_close": {"outcome": "unsolved", "note": "not ours"},
        "case_answer": {"text": "on our way"},
        "case_note": {"text": "the van of number 3"},
        "case_assign": {"owner": "li"},
        "case_grade": {"severity": "high"},
        "case_merge": {"code": other},
        "case_split": {"kind": "hazard", "text": "and the lamp is broken"},
        "case_link": {"alert": alert},
        "case_photo": {"ref": one["photo"], "shown": True},
        "case_block": {"what": "device", "reason": "nonsense", "days": 7},
    }
    return one["case"], bodies.get(verb, {})


WHICH = {"site": "garden", "place": "west-gate", "what": "flow", "verdict": "confirmed"}
ASKED = {
    "signals": "?signal=presence.person",
    "trend": "?place=garden/west-gate&signal=flow.in",
    "expected": "?place=garden/west-gate",
}
"""What has to be asked for."""
BODIES = {
    "assign": {"owner": "operator"},
    "note": {"note": "a fox"},
    "judge": {"verdict": "true"},
    "hand_over": {"site": "garden", "note": "the gate sticks"},
    "mute": {"site": "garden", "ends_at": NOW + 60_000, "reason": "the fair"},
    "silence": {"ends_at": NOW + 60_000, "reason": "foxes"},
    "acknowledge_many": {"alert": ["a-none"], "reason": "the fair"},
    "keep_view": {"name": "Night", "severity": "high"},
    "plan_patrol": {"site": "garden", "title": "Walk", "route": ["courtyard"], "minutes": 30,
                    "first_at": NOW + 8 * 3_600_000, "capacity": 4},
    "change_plan": {"title": "Walk", "route": ["courtyard"], "minutes": 30, "capacity": 4,
                    "first_at": NOW + 9 * 3_600_000},
    "patrol_remove": {"resident": 0},
}  # fmt: skip
"""What is sent to what needs more than nothing."""


def test_a_script_answers_an_alert_in_the_name_of_its_token(
    do: Callable[..., Any], ask: Callable[..., Any], engine: Engine
) -> None:
    with engine.begin() as connection:
        one = seed.alert(connection, NOW - 1000, "courtyard")
    assert do(f"/alerts/{one}/acknowledge", note="seen by the robot").json == {
        "done": True, "what": "done", "by": "token robot", "at": NOW,
    }  # fmt: skip
    late = do(f"/alerts/{one}/acknowledge")
    assert (late.status_code, late.json["what"], late.json["by"]) == (
        409, "already acknowledged", "token robot",
    )  # fmt: skip
    assert do(f"/alerts/{one}/assign", owner="operator", before="").json["done"]
    assert do(f"/alerts/{one}/assign", owner="nobody").status_code == 400
    assert do(f"/alerts/{one}/assign", owner="", before="li").json["by"] == "operator"
    assert do(f"/alerts/{one}/note", note=" ").json["what"] == "nothing said"
    assert do(f"/alerts/{one}/verdict", verdict="false", note="a fox").json["done"]
    assert do(f"/alerts/{one}/silence", reason="foxes", ends_at=NOW + 60_000).json["done"]
    assert do(f"/alerts/{one}/resolve", note="gone").json["done"]
    told = ask(f"/api/v1/alerts/{one}/story").json
    assert (told["alert"]["owner"], told["alert"]["verdict"]) == ("operator", "false")
    assert [(step["kind"], step["actor"], step["note"]) for step in told["steps"]][-5:] == [
        ("acknowledged", "token robot", "seen by the robot"),
        ("taken", "token robot", "operator"),
        ("judged", "token robot", "false: a fox"),
        ("muted", "token robot", "foxes"),
        ("resolved", "token robot", "gone"),
    ]


def test_what_makes_no_sense_is_refused_with_the_field(
    do: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    alert = ask("/api/v1/alerts").json["alerts"][0]["id"]
    assert do(f"/alerts/{alert}/verdict", verdict="maybe").json["error"].endswith("`$.verdict`")
    assert do(f"/alerts/{alert}/verdict").json["error"].endswith("`verdict`")
    assert (
        do(f"/alerts/{alert}/silence", reason="", ends_at=NOW + 60_000)
        .json["error"]
        .startswith("say why")
    )
    assert ask("/api/v1/alerts?limit=0").json["error"].endswith("`$.limit`")
    assert ask("/api/v1/alerts?since=yesterday").json["error"].endswith("`$.since`")
    assert do(f"/alerts/{'x' * 20}/note", note="x" * 70_000).status_code == 413


def test_curl_that_calls_its_json_a_form_is_understood(app: Flask, engine: Engine) -> None:
    with engine.begin() as connection:
        one = seed.alert(connection, NOW - 1000, "courtyard")
    headers = bearer(tokens.create(engine, "curl", actor="x", now=NOW, role=Role.OPERATOR))
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    path = f"/api/v1/alerts/{one}/note"
    answer = app.test_client().post(path, headers=headers, data='{"note": "a fox"}')
    assert answer.get_json()["done"]


def test_a_token_does_no_more_than_its_role_and_only_at_its_sites(
    app: Flask, engine: Engine, do: Callable[..., Any]
) -> None:
    with engine.begin() as connection:
        one = seed.alert(connection, NOW - 1000, "courtyard")
    client, path = app.test_client(), f"/api/v1/alerts/{one}/acknowledge"
    viewer = bearer(tokens.create(engine, "viewer", actor="x", now=NOW))
    assert client.post(path, headers=viewer, json={}).status_code == 403
    far = tokens.create(engine, "far", actor="x", now=NOW, sites=["elsewhere"], role=Role.OPERATOR)
    assert client.post(path, headers=bearer(far), json={}).status_code == 404
    assert do(f"/alerts/{one}/acknowledge").json["done"]


def test_a_browser_acts_over_the_api_only_with_what_the_pages_have(
    reader: Open, engine: Engine
) -> None:
    with engine.begin() as connection:
        one = seed.alert(connection, NOW - 1000, "courtyard")
    browser, path = reader("operator"), f"/api/v1/alerts/{one}/acknowledge"
    refused = browser.client.post(path, json={})
    assert refused.status_code == 400
    assert "CSRF" in refused.get_json()["error"]
    headers = {"X-CSRFToken": browser.token("/")}
    assert browser.client.post(path, json={}, headers=headers).get_json()["done"]


def test_alerts_come_by_the_pages_filters_and_page_by_page(
    ask: Callable[..., Any], engine: Engine
) -> None:
    assert [one["rule"] for one in ask("/api/v1/alerts?severity=critical").json["alerts"]] == [
        "night-intrusion"
    ]
    with engine.begin() as connection:
        for number in range(150):
            seed.alert(connection, NOW - number * 1000, "pump-room")
    path, seen = "/api/v1/alerts?place=garden/pump-room", []
    page = ask(path).json
    seen += [one["id"] for one in page["alerts"]]
    page = ask(f"{path}&before={page['next']}").json
    seen += [one["id"] for one in page["alerts"]]
    assert len(seen) == len(set(seen)) == 150
    assert page["next"] is None
    assert ask("/api/v1/alerts?before=unknown").status_code == 404


def test_a_token_reads_pictures_and_is_audited_but_opens_no_page_and_changes_nothing(
    ask: Callable[..., Any], app: Flask, engine: Engine
) -> None:
    assert ask("/pictures/garden/gate-1/gate-1.jpg").data.startswith(b"\xff\xd8")
    with engine.connect() as connection:
        last = connection.execute(Audit.__table__.select().order_by(Audit.id.desc())).first()
    assert last is not None
    assert (last.actor, last.action) == ("token board", "picture.view")
    assert ask("/alerts").status_code == 302
    token = tokens.create(engine, "other", actor="x", now=NOW)
    answer = app.test_client().post(
        "/me/sound", headers={"Authorization": f"Bearer {token}"}, data={"sound": "off"}
    )
    assert answer.status_code == 401


def test_an_unknown_or_revoked_token_is_refused_in_json(app: Flask, engine: Engine) -> None:
    token = tokens.create(engine, "board", actor="x", now=NOW)
    client = app.test_client()
    for given in ("", "Bearer ", "Bearer nonsense", token):
        answer = client.get("/api/v1/places", headers={"Authorization": given})
        assert answer.status_code == 401
        assert answer.json == {"error": "Log in first."}
    good = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/places", headers=good).status_code == 200
    with pytest.raises(UserError, match="there is a token 'board' already"):
        tokens.create(engine, "board", actor="x", now=NOW)
    tokens.revoke(engine, "board", actor="x", now=NOW)
    assert client.get("/api/v1/places", headers=good).status_code == 401
    with pytest.raises(UserError, match="there is no token 'board'"):
        tokens.revoke(engine, "board", actor="x", now=NOW)


def test_whoever_is_logged_in_may_read_it_too(reader: Open) -> None:
    nodes: Any = reader("viewer").client.get("/api/v1/nodes").json
    assert [one["node"] for one in nodes["nodes"]] == ["gate-1", "yard-1"]


def test_rules_and_what_is_muted_are_told_of_the_sites_that_are_here(
    ask: Callable[..., Any], engine: Engine
) -> None:
    for site in ("garden", "elsewhere"):
        silences.create(
            engine, site=site, rule="crowd", author="lin", reason="fair", ends_at=NOW + 60_000,
            now=NOW,
        )  # fmt: skip
    found = ask("/api/v1/silences").json["silences"]
    assert [(one["site"], one["rule"], one["author"], one["reason"]) for one in found] == [
        ("garden", "crowd", "lin", "fair")
    ]
    rules = {one["rule"]: one for one in ask("/api/v1/rules").json["rules"]}
    assert rules.keys() == {rule.id for rule in seed.site_file().rules}
    for one in rules.values():
        assert one["conditions"]
        assert f"id: {one['rule']}" in one["yaml"]
