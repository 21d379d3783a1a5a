"""The JSON API: what it says is what its document says, and who may read it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from hub import silences
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW, Reader
from web import tokens
from web.users import UserError

Open = Callable[[str], Reader]


@pytest.fixture
def ask(app: Flask, engine: Engine) -> Callable[..., Any]:
    """A script with a token."""
    headers = {"Authorization": f"Bearer {tokens.create(engine, 'board', actor='x', now=NOW)}"}
    client = app.test_client()
    return lambda path: client.get(path, headers=headers, buffered=True)


def test_every_answer_is_what_the_document_says(ask: Callable[..., Any]) -> None:
    document = ask("/api/v1/openapi.json").json
    first = ask("/api/v1/alerts").json["alerts"][0]["id"]
    for path, verbs in document["paths"].items():
        for status, url in (("200", path.format(id=first)), ("404", path.format(id="unknown"))):
            if status == "404" and "{" not in path:
                continue
            answer = ask(url)
            assert str(answer.status_code) == status
            schema = verbs["get"]["responses"][status]["content"]["application/json"]["schema"]
            whole = {**schema, "components": document["components"]}
            Draft202012Validator(whole).validate(answer.json)


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
