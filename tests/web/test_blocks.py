"""Who is blocked reads why, until when, and what to do; staff lift it."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert, select
from werkzeug.test import TestResponse

from hub.cases.tables import Case, SenderBlock
from tests.web.conftest import NOW, Reader
from web import blocks as page_of_blocks

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


def test_all_who_are_blocked_are_counted_and_listed_page_by_page(
    reader: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of_blocks, "PAGE", 2)
    resident = reader("")
    send(resident, resident.token("/report"))
    with engine.begin() as connection:
        case = connection.scalar(select(Case.id))
        rows = [
            {"site": "garden", "kind": "device", "mark": f"m{n}", "case": case, "author": "li",
             "reason": f"reason {n}.", "created_at": NOW - n, "ends_at": NOW + ends * 1000}
            for n, ends in enumerate((-5, 60, 30, 60, -90))
        ]  # fmt: skip
        connection.execute(insert(SenderBlock), rows)
    client, shown, way = reader("operator").client, "", "/cases/blocks"
    while way:
        html = client.get(way).text
        assert '<span class="count">3</span>' in html
        shown += html
        older = re.search(r'href="([^"]+)" rel="next"', html)
        way = older[1] if older is not None else ""
    assert re.findall(r"reason (\d)\.", shown) == ["3", "1", "2", "0", "4"]
    assert "reason 3." in client.get("/cases/blocks?before=nonsense").text
