"""The API of the shift: handover, residents' reports, patrols."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, insert, select, update

from hub.cases.tables import Case
from hub.patrols.tables import Patrol
from hub.state.tables import Audit, TroubleSpell
from tests.web import seed
from tests.web.conftest import NOW
from web import tokens
from web.roles import Role

Call = Callable[..., Any]
HOUR = 3_600_000


@pytest.fixture
def call(app: Flask, engine: Engine) -> Call:
    """An operator's script: reads, and posts where it gives a body."""
    token = tokens.create(engine, "robot", actor="x", now=NOW, role=Role.OPERATOR)
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}

    def ask(path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        return client.open(
            path if path.startswith("/cases") and path.endswith(".jpg") else f"/api/v1{path}",
            method="GET" if body is None else "POST", headers=headers, json=body,
            query_string=query, buffered=True,
        )  # fmt: skip

    return ask


def test_a_shift_is_told_as_on_its_page(call: Call, engine: Engine, data: Path) -> None:
    seed.weeks(engine, data, NOW)
    now = call("/handover", hours=8).json
    assert (now["start"], now["end"], now["past"]) == (NOW - 8 * HOUR, NOW, False)
    assert sum(one["alerts"] for one in now["figures"]) == len(now["during"])
    assert {one["state"] for one in now["open"]} == {"firing"}
    assert {one["kind"] for one in now["broken"]} >= {"battery"}
    before = call("/handover", hours=8, until=NOW - 8 * HOUR).json
    assert (before["past"], before["broken"]) == (True, [])
    assert before["during"] != now["during"]
    unknown = {"site": "garden", "start": NOW - 16 * HOUR, "end": NOW - 8 * HOUR, "kept": False}
    assert (before["outages"], before["unknown"]) == ([], [unknown])
    assert len(call("/handover", hours=24, limit=1).json["during"]) == 1
    assert call("/handover", hours=25).status_code == 400


def test_what_was_broken_in_a_shift_is_told_with_when_it_was_mended(
    call: Call, engine: Engine
) -> None:
    spell = {"site": "garden", "node": "gate-1", "source": "cam-gate", "kind": "fault",
             "what": "dark", "detail": "", "size": 0.0}  # fmt: skip
    spells = [
        {**spell, "since": NOW - hours * HOUR, "until": NOW - hours * HOUR + 60_000}
        for hours in (3, 2)
    ]
    with engine.begin() as connection:
        connection.execute(insert(TroubleSpell), spells)
    (outage,) = call("/handover", hours=8).json["outages"]
    assert outage == {
        "site": "garden", "node": "gate-1", "source": "cam-gate", "kind": "fault",
        "name": {"en": "Gate camera", "zh": "大门摄像头"}, "detail": "dark", "times": 2,
        "since": NOW - 3 * HOUR, "until": NOW - 2 * HOUR + 60_000, "ms": 120_000,
    }  # fmt: skip


def test_a_note_is_left_to_the_next_shift(call: Call) -> None:
    assert call("/handover/notes", {"site": "garden", "note": "the gate sticks"}).json["done"]
    (note,) = call("/handover").json["notes"]
    assert (note["author"], note["text"]) == ("token robot", "the gate sticks")
    assert call("/handover/notes", {"site": "garden", "note": " "}).status_code == 400
    assert call("/handover/notes", {"site": "nowhere", "note": "x"}).status_code == 404


def test_reports_come_by_the_pages_filters_and_page_by_page(
    call: Call, engine: Engine, data: Path
) -> None:
    made = [seed.case(engine, data, NOW + number // 2)["case"] for number in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "place": "garden/fire-lane"}
    while query.get("before", "") is not None:
        page = call("/cases", **query).json
        seen += [one["id"] for one in page["cases"]]
        query["before"] = page["next"]
    assert sorted(seen) == sorted(made)
    assert call("/cases", view="ended").json["cases"] == []
    assert len(call("/cases", words="blocks the fire").json["cases"]) == 5
    assert call("/cases", before="unknown").status_code == 404
    assert call("/cases", view="overdue").json["cases"] == []


def test_a_reports_story_names_photos_that_the_token_reads_and_nobody_who_reported(
    call: Call, engine: Engine, data: Path
) -> None:
    known = seed.shown_case(engine, data, NOW)
    found = call(f"/cases/{known['case']}").json
    assert found["case"]["code"] == known["code"]
    assert found["steps"][0]["kind"] == "received"
    (photo,) = found["photos"]
    assert (photo["blurred"], photo["shown"]) == (True, True)
    assert call(photo["picture"]).data.startswith(b"\xff\xd8")
    with engine.connect() as connection:
        last = connection.execute(select(Audit).order_by(Audit.id.desc())).first()
        looked = connection.scalar(select(Case.looked_at).where(Case.id == known["case"]))
    assert last is not None
    assert (last.actor, last.action) == ("token robot", "case.photo.view")
    assert looked is None  # a script is nobody who looked into it
    assert known["token"] not in str(found)


def test_patrols_tell_what_they_reached_and_not_who_came(
    call: Call, engine: Engine, data: Path
) -> None:
    walk = seed.patrol(engine, data, NOW)["walk"]
    found = call(f"/patrols/{walk}").json
    assert [stop["place"] for stop in found["patrol"]["checkpoints"]] == ["fire-lane", "bike-shed"]
    assert found["patrol"]["checkpoints"][0]["reached_at"] == NOW
    assert [(one["place"], one["note"]) for one in found["seen"]] == [
        ("fire-lane", "A van blocks it")
    ]
    everyone = call("/patrols", site="garden").json["patrols"]
    assert walk in [one["id"] for one in everyone]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query.get("before", 1) is not None:
        page = call("/patrols", **query).json
        seen += [one["id"] for one in page["patrols"]]
        query["before"] = page["next"]
    assert seen == [one["id"] for one in everyone]
    with engine.begin() as connection:
        connection.execute(update(Patrol).values(site="elsewhere"))
    assert call("/patrols").json["patrols"] == []
    assert call("/patrols", site="nowhere").status_code == 404
