"""The API of rules' history, of silences, and of the log."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from hub import audit
from hub.state.tables import Audit
from tests.web.conftest import NOW
from web import tokens
from web.roles import Role

Call = Callable[..., Any]


@pytest.fixture
def call(app: Flask, engine: Engine) -> Call:
    """A script of a role, an operator's where none is named."""
    made = {
        role: tokens.create(engine, f"a {role}", actor="x", now=NOW, role=role)
        for role in (Role.VIEWER, Role.OPERATOR, Role.MAINTAINER)
    }
    far = tokens.create(engine, "far", actor="x", now=NOW, sites=["garden"], role=Role.MAINTAINER)
    client = app.test_client()

    def ask(path: str, body: Any = None, role: Role | None = Role.OPERATOR, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {made[role] if role is not None else far}"}
        return client.open(
            f"/api/v1{path}", method="GET" if body is None else "POST", headers=headers,
            json=body, query_string=query,
        )  # fmt: skip

    return ask


def test_a_maintenance_window_is_made_and_ended_over_the_api(call: Call) -> None:
    body = {"site": "garden", "place": "bike-shed", "kind": "maintenance", "reason": "painters",
            "starts_at": NOW + 60_000, "ends_at": NOW + 120_000}  # fmt: skip
    made = call("/silences", body).json
    assert (made["author"], made["starts_at"]) == ("token a operator", NOW + 60_000)
    assert [one["id"] for one in call("/silences").json["silences"]] == [made["id"]]
    assert call(f"/silences/{made['id']}/end", {}).json["done"]
    again = call(f"/silences/{made['id']}/end", {})
    assert (again.status_code, again.json["what"]) == (409, "already over")
    assert call("/silences").json["silences"] == []
    (over,) = call("/silences", over="true").json["silences"]
    assert over["ended_early_by"] == "token a operator"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"site": "nowhere"}, 404),
        ({"rule": "nonsense"}, 404),
        ({"source": "gate-1/nonsense"}, 404),
        ({"reason": " "}, 400),
        ({"ends_at": NOW}, 400),
        ({"ends_at": NOW + 91 * 86_400_000}, 400),
        ({"kind": "whim"}, 400),
    ],
)
def test_what_cannot_be_muted_is_refused(call: Call, change: dict[str, Any], code: int) -> None:
    body = {"site": "garden", "reason": "painters", "ends_at": NOW + 60_000}
    assert call("/silences", {**body, **change}).status_code == code
    assert call("/silences").json["silences"] == []


def test_a_viewer_mutes_nothing(call: Call) -> None:
    body = {"site": "garden", "reason": "painters", "ends_at": NOW + 60_000}
    assert call("/silences", body, role=Role.VIEWER).status_code == 403
    assert call(f"/silences/{2**70}/end", {}).status_code == 404
    assert call("/silences/5/end", {}, role=None).status_code == 404


def test_silences_and_changes_come_page_by_page(call: Call, engine: Engine) -> None:
    body = {"site": "garden", "reason": "painters", "ends_at": NOW + 60_000}
    for _ in range(3):
        call("/silences", body)
    with engine.begin() as connection:
        for number in range(3):
            said = f"~ garden.x: {number} -> {number + 1}\n~ meadow.y: 1 -> 2"
            audit.enter(connection, "hub", "configuration.reload", "", said, NOW + number)
    for path, name in (("/silences", "silences"), ("/rules/history", "changes")):
        first = call(path, limit=2).json
        then = call(path, limit=2, before=first["next"]).json
        ids = [one["id"] for one in first[name] + then[name]]
        assert len(ids) == 3
        assert ids == sorted(ids, reverse=True)
        assert then["next"] is None
    newest = call("/rules/history").json["changes"][0]
    assert newest["detail"].startswith("~ garden.x: 2 -> 3")
    mine = call("/rules/history", role=None).json["changes"][0]
    assert "garden" in mine["detail"]


def test_the_log_is_for_maintainers_of_all_sites(call: Call, engine: Engine) -> None:
    assert call("/audit").status_code == 403
    assert call("/audit", role=None).status_code == 403
    with engine.connect() as connection:
        ids = list(connection.scalars(select(Audit.id).order_by(Audit.id.desc())))
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 3}
    while query.get("before", 1) is not None:
        page = call("/audit", role=Role.MAINTAINER, **query).json
        seen += [one["id"] for one in page["entries"]]
        query["before"] = page["next"]
    assert seen == ids
    assert page["head"].startswith(f"{ids[0]}:")
    made = call("/audit", role=Role.MAINTAINER, action="token.create", since=NOW).json["entries"]
    assert {one["detail"] for one in made} >= {"maintainer at garden", "operator"}
    assert call("/audit", role=Role.MAINTAINER, until=NOW - 1).json["entries"] == []
