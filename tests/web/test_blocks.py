"""Who is blocked reads why, until when, and what to do; staff lift it."""

from collections.abc import Callable

from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from hub.cases.tables import Case, SenderBlock
from tests.web.conftest import Reader

Open = Callable[[str], Reader]
WORDS = {"kind": "noise", "where": "garden/courtyard", "text": "la la la"}


def send(browser: Reader, token: str, **headers: str) -> TestResponse:
    return browser.client.post("/report", data={"csrf_token": token, **WORDS}, headers=headers)


def test_a_blocked_device_is_told_why_answers_and_is_let_in_again(
    reader: Open, engine: Engine
) -> None:
    resident, neighbour, staff = reader(""), reader(""), reader("operator")
    token = resident.token("/report")
    link = send(resident, token).headers["Location"]
    with engine.connect() as connection:
        case = connection.scalar(select(Case.id))
    staff.post(
        f"/cases/{case}/block", page="/cases", what="device", days="7", reason="Nonsense <b>daily",
    )  # fmt: skip
    refused = send(resident, token)
    assert refused.status_code == 403
    assert "Nonsense &lt;b&gt;daily" in refused.text
    assert "Or ask at the property office." in refused.text
    asked = resident.client.get("/report")
    assert asked.status_code == 403
    assert 'action="/report/appeal"' in asked.text
    script = send(resident, token, Accept="application/json")
    assert (script.status_code, script.json and "Nonsense" in script.json["error"]) == (403, True)
    added = resident.client.post(f"{link}/add", data={"csrf_token": token, "text": "more"})
    assert added.status_code == 403
    assert resident.client.get(link).status_code == 200  # what was reported can be followed
    assert send(neighbour, neighbour.token("/report")).status_code == 302

    resident.client.post("/report/appeal", data={"csrf_token": token, "text": "It was my child"})
    assert "Staff will look at it" in resident.client.get("/report").text
    assert "1 answered" in staff.client.get("/cases").text
    page = staff.client.get("/cases/blocks").text
    assert "It was my child" in page
    assert "Nonsense &lt;b&gt;daily" in page
    with engine.connect() as connection:
        number = connection.scalar(select(SenderBlock.id))
    staff.post(f"/cases/blocks/{number}/lift", page="/cases/blocks")
    assert "lifted by operator" in staff.client.get("/cases/blocks").text
    assert send(resident, token).status_code == 302


def test_a_viewer_sees_nobody_who_is_blocked(reader: Open) -> None:
    viewer = reader("viewer")
    assert viewer.client.get("/cases/blocks").status_code == 403
    assert "/cases/blocks" not in viewer.client.get("/cases").text
