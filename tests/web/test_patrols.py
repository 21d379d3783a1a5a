"""Residents' accounts and patrols over the pages, with nothing but a browser without scripts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from hub.cases import blocks
from hub.cases.tables import Case
from hub.neighbours.tables import Resident, ResidentReport
from hub.patrols import upkeep
from hub.patrols.checkin import LATE_MS
from hub.patrols.codes import code_of
from hub.patrols.tables import CheckIn, Patrol, SignUp
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web.vault import vault

Open = Callable[[str], Reader]
HOUR = 3_600_000
SECRET = "walking is healthy"


def volunteer(app: Flask, name: str = "Auntie Wang", **more: str) -> Reader:
    """A browser of somebody who has made an account."""
    found = Reader(app.test_client(), name)
    answer = found.post("/account/new", "/account/new", name=name, password=SECRET, **more)
    assert answer.status_code == 302
    return found


def planned(staff: Reader, *, first: str = "2026-11-24T19:00", **more: str) -> str:
    """Plan a walk past two places; its address for residents. NOW is 24 November, 02:53."""
    told = {"csrf_token": staff.token("/patrols"), "site": "garden", "title": "Evening walk",
            "first": first, "minutes": "45", "capacity": "2", "repeat": "once",
            "stop": ["west-gate", "fire-lane", ""], **more}  # fmt: skip
    answer = staff.client.post("/patrols", data=told)
    assert answer.status_code == 302, answer.text
    links = re.findall(r'href="(/walks/[0-9a-f]{16})"', staff.client.get("/walks").text)
    return str(links[-1])


def code(staff: Reader, app: Flask, place: str) -> str:
    """Where the QR code of a checkpoint leads."""
    assert staff.client.get("/patrols/codes").text.count("<figure>") == 6
    with app.app_context():
        return f"/walks/at/garden/{place}/{code_of(vault(), 'garden', place)}"


def check_in(who: Reader, link: str, **more: str) -> str:
    *_, site, place, secret = link.split("/")
    answer = who.post(
        "/walks/check-in", link, site=site, place=place, code=secret, age_ms="0", **more
    )
    return answer.headers["Location"]


def during(app: Flask, clock: Clock, walk: str) -> None:
    with app.extensions["linli"].reader.connect() as connection:
        id_ = walk.rpartition("/")[2]
        clock.ms = connection.scalar(select(Patrol.starts_at).where(Patrol.id == id_)) + 60_000


def test_a_patrol_from_the_plan_to_the_report_and_the_own_record(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    assert "Evening walk" in reader("").client.get("/board").text
    wang.post(f"{walk}/join", walk)
    assert "You are coming. It begins in 16" in wang.client.get(walk).text.replace("\u00a0", " ")
    assert "Your patrol:" not in wang.client.get("/board").text
    clock.ms += 5 * HOUR
    assert "Your patrol: Evening walk, 19:00" in wang.client.get("/board").text
    assert "Your patrol:" not in reader("").client.get("/board").text
    during(app, clock, walk)
    gate = code(staff, app, "west-gate")
    assert "Check in here" in wang.client.get(gate).text
    assert check_in(wang, gate, note="The lamp is out") == walk
    with engine.connect() as connection:
        check = connection.scalar(select(CheckIn.id))
    wang.post(f"/walks/check-ins/{check}/report", walk)
    wang.post(f"/walks/check-ins/{check}/report", walk)
    with engine.connect() as connection:
        case = connection.execute(select(Case.__table__)).one()
    assert (case.place, case.text, case.kind) == ("west-gate", "The lamp is out", "hazard")
    mine = wang.client.get("/account").text
    assert "you were at 1 of 2 checkpoints" in mine
    assert case.code in mine
    link = re.search(r'href="(/r/[0-9a-f]+)"', mine)
    assert link is not None
    assert case.code in wang.client.get(link[1]).text
    console = staff.client.get(walk.replace("walks", "patrols")).text
    assert "The lamp is out" in console
    assert f"/cases/{case.id}" in console
    assert "Auntie Wang" not in console


def test_a_patrol_is_changed_and_whoever_signed_up_sees_it(
    app: Flask, reader: Open, clock: Clock
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    detail = staff.client.get(walk.replace("walks", "patrols")).text
    link = re.search(r'href="(/patrols/plans/[0-9a-f]+)"', detail)
    assert link is not None
    form = staff.client.get(link[1]).text
    assert 'value="2026-11-24T19:00"' in form
    told = {"csrf_token": staff.token("/patrols"), "title": "Late walk", "minutes": "45",
            "capacity": "2", "stop": ["bike-shed"]}  # fmt: skip
    wrong = staff.client.post(link[1], data={**told, "first": "2026-11-24T01:00"})
    assert (wrong.status_code, "lie ahead" in wrong.text) == (422, True)
    assert staff.client.post(link[1], data={**told, "first": "2026-11-25T20:30"}).status_code == 302
    page = wang.client.get(walk).text
    assert "Late walk" in page
    assert "Bike shed" in page
    assert "It was moved: before, it was to begin at 19:00." in page
    assert "If you cannot come now, please withdraw." in page
    assert "please withdraw" not in reader("").client.get(walk).text
    clock.ms += 3 * 24 * HOUR
    assert staff.client.get(link[1]).status_code == 302  # it is over


def test_a_renewed_code_says_so_to_who_scans_the_old_sheet(app: Flask, reader: Open) -> None:
    staff, wang = reader("operator"), volunteer(app)
    old = code(staff, app, "west-gate")
    assert wang.client.get(old).status_code == 200
    staff.post("/patrols/codes/garden/west-gate/renew", page="/patrols/codes")
    answer = wang.client.get(old)
    assert answer.status_code == 410
    assert "This code was renewed" in answer.text
    with app.app_context():
        new = code_of(vault(), "garden", "west-gate", 1)
    assert wang.client.get(f"/walks/at/garden/west-gate/{new}").status_code == 200
    assert "Checkpoint: volunteers, check in here. · 2" in staff.client.get("/patrols/codes").text


def test_a_missed_checkpoint_is_visible_to_staff_and_residents(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    during(app, clock, walk)
    check_in(wang, code(staff, app, "west-gate"))
    clock.ms += HOUR + LATE_MS
    upkeep.close(engine, clock.ms)
    text = staff.client.get("/patrols").text
    assert "1 of 2 reached" in text
    assert re.search(r"missed</span>|missed: Fire lane", text)
    assert "missed" in wang.client.get(walk).text
    assert re.search(
        r"Missed on patrols.*Evening walk.*Fire lane", staff.client.get("/handover").text, re.S
    )


def test_a_check_in_that_waited_on_the_phone_says_when_it_was_and_when_it_came(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    during(app, clock, walk)
    happened = clock.ms
    gate = code(staff, app, "west-gate")
    clock.ms += 3 * HOUR
    *_, site, place, secret = gate.split("/")
    sent = {"site": site, "place": place, "code": secret, "age_ms": str(3 * HOUR)}
    token = wang.token(walk)
    for _ in range(2):  # an answer that got lost
        answer = wang.client.post(
            "/walks/check-in", data={"csrf_token": token, **sent},
            headers={"Accept": "application/json"},
        )  # fmt: skip
        assert answer.json == {"link": walk}
    with engine.connect() as connection:
        row = connection.execute(select(CheckIn.at, CheckIn.received_at)).one()
    assert tuple(row) == (happened, clock.ms)
    assert "Sent at 22:01, when there was a connection." in wang.client.get(walk).text
    assert "heard of at 22:01" in staff.client.get(walk.replace("walks", "patrols")).text


def test_a_check_in_without_a_session_is_told_to_log_in_and_one_without_a_walk_why_not(
    app: Flask, reader: Open
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    gate = code(staff, app, "west-gate")
    *_, site, place, secret = gate.split("/")
    sent = {"site": site, "place": place, "code": secret}
    json = {"Accept": "application/json"}
    for browser, status, words in (
        (reader(""), 401, "Log in first; what you sent is kept on this phone."),
        (staff, 401, "Log in first; what you sent is kept on this phone."),
        (wang, 422, "No patrol that you have a place on passes here at that time."),
    ):
        data = {"csrf_token": browser.token("/walks"), **sent}
        answer = browser.client.post("/walks/check-in", data=data, headers=json)
        assert (answer.status_code, answer.json) == (status, {"error": words})
    assert "No patrol that you have a place on passes here now." in wang.client.get(gate).text
    assert wang.client.get(gate[:-4] + "none").status_code == 404
    asked = reader("").client.get(gate).headers["Location"]
    assert asked == f"/account/enter?next={gate}"


def test_who_comes_is_shown_to_staff_on_the_record_alone(
    app: Flask, reader: Open, engine: Engine
) -> None:
    staff, wang = reader("operator"), volunteer(app, contact="13800001111")
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    page = walk.replace("walks", "patrols")
    for text in (staff.client.get(page).text, reader("").client.get(walk).text):
        assert "Auntie Wang" not in text
        assert "13800001111" not in text
    shown = staff.post(f"{page}/who", page).text
    assert "Auntie Wang" in shown
    assert "13800001111" in shown
    with engine.connect() as connection:
        seen = select(Audit.actor, Audit.target).where(Audit.action == "patrol.who.view")
        assert connection.execute(seen).one().actor == "operator"
        sealed = connection.scalar(select(Resident.contact)) or b""
        resident = connection.scalar(select(Resident.id))
    assert b"13800001111" not in sealed
    staff.post(f"{page}/remove", page, resident=str(resident))
    with engine.connect() as connection:
        assert connection.execute(select(SignUp.id)).all() == []


def test_who_is_blocked_makes_no_report_of_a_note(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    wang.post("/report", "/report", kind="noise", where="garden/courtyard", text="nonsense")
    with engine.connect() as connection:
        case = connection.scalar(select(Case.id)) or ""
    blocked = blocks.block(
        engine, case, "device", reason="nonsense", days=1, actor="li", now=clock.ms
    )
    assert blocked.done
    during(app, clock, walk)
    check_in(wang, code(staff, app, "west-gate"), note="more of it", report="1")
    assert "more of it" in wang.client.get(walk).text
    with engine.connect() as connection:
        assert len(connection.execute(select(Case.id)).all()) == 1


@pytest.mark.parametrize("broken", ["hub.patrols.checkin.became", "hub.cases.receive.say"])
def test_a_note_becomes_a_report_with_its_ties_or_not_at_all(
    app: Flask, reader: Open, clock: Clock, engine: Engine, broken: str
) -> None:
    staff, wang = reader("operator"), volunteer(app)
    walk = planned(staff)
    wang.post(f"{walk}/join", walk)
    during(app, clock, walk)
    check_in(wang, code(staff, app, "west-gate"), note="The lamp is out")
    with engine.connect() as connection:
        path = f"/walks/check-ins/{connection.scalar(select(CheckIn.id))}/report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broken, _fail)
        assert wang.post(path, walk).status_code == 500
    with engine.connect() as connection:
        assert connection.execute(select(Case.id)).all() == []
        assert connection.execute(select(ResidentReport.case)).all() == []
        assert connection.scalars(select(CheckIn.case)).all() == [""]
    wang.post(path, walk)
    with engine.connect() as connection:
        case = connection.scalar(select(Case.id))
        assert connection.scalars(select(CheckIn.case)).all() == [case]
        assert connection.scalars(select(ResidentReport.case)).all() == [case]


def _fail(*_arguments: object, **_more: object) -> None:
    raise RuntimeError("the disk is full")


def test_a_full_walk_has_a_waiting_list(app: Flask, reader: Open) -> None:
    walk = planned(reader("operator"), capacity="1")
    first, second = volunteer(app), volunteer(app, "Uncle Li")
    assert "Sign up" in first.client.get(walk).text
    first.post(f"{walk}/join", walk)
    assert "Join the waiting list" in second.client.get(walk).text
    second.post(f"{walk}/join", walk)
    assert "You are number 1 on the waiting list" in second.client.get(walk).text
    first.post(f"{walk}/leave", walk)
    assert "You are coming." in second.client.get(walk).text


def test_a_plan_with_a_mistake_comes_back_as_it_was_typed(reader: Open) -> None:
    staff = reader("operator")
    told = {"csrf_token": staff.token("/patrols"), "title": "Walk <1>", "first": "yesterday",
            "minutes": "45", "capacity": "2", "stop": ["courtyard", "fire-lane"]}  # fmt: skip
    answer = staff.client.post("/patrols", data=told)
    assert answer.status_code == 422
    assert "Choose a day and time that lie ahead." in answer.text
    assert 'value="Walk &lt;1&gt;"' in answer.text
    assert answer.text.count(" selected>") == 2


@pytest.mark.parametrize("name", ["viewer", "operator"])
def test_who_plans_a_walk_is_told_where_it_matters_most_in_the_week(
    reader: Open, engine: Engine, name: str
) -> None:
    staff = reader(name)
    told = "In the next 7 days a patrol matters most at Bike shed, Wednesday 25 Nov 02:00–03:00:"
    assert told not in staff.client.get("/patrols").text
    with engine.begin() as connection:
        for week in range(1, 11):
            for minutes in (0, 40):
                at = NOW + 24 * HOUR - week * 168 * HOUR - minutes * 60_000
                seed.alert(connection, at, "bike-shed", state="resolved")
    html = staff.client.get("/patrols").text
    assert (told in html) == (name == "operator")
    assert ("/expected?place=garden/west-gate#coming" in html) == (name == "operator")


def test_a_walk_is_called_off_and_a_weekly_plan_ends(reader: Open) -> None:
    staff = reader("operator")
    walk = planned(staff, repeat="weekly")
    staff.post(f"{walk.replace('walks', 'patrols')}/cancel", "/patrols")
    assert "It was called off." in reader("").client.get(walk).text
    end = re.search(r"/patrols/plans/[0-9a-f]+/end", staff.client.get("/patrols").text)
    assert end is not None
    staff.post(end[0], "/patrols")
    assert "No patrol is planned." in reader("").client.get("/walks").text


def test_what_a_resident_reports_while_logged_in_stands_on_their_page_alone(
    app: Flask, engine: Engine, data: Path
) -> None:
    wang, other = volunteer(app), volunteer(app, "Uncle Li")
    fields = {"kind": "lighting", "where": "garden/courtyard", "text": "The lamp is out"}
    wang.post("/report", "/report", **fields)
    told = seed.case(engine, data, NOW)
    wang.post(f"/report/{told['case']}/me-too", "/report", request_key="k" * 20)
    mine = wang.client.get("/account").text
    with engine.connect() as connection:
        codes = connection.scalars(select(Case.code)).all()
    assert len(codes) == 2
    assert all(code in mine for code in codes)
    assert not any(code in other.client.get("/account").text for code in codes)


def test_names_that_look_the_same_and_short_passwords_are_refused_beside_their_field(
    app: Flask, engine: Engine
) -> None:
    volunteer(app, "Auntie Wang")
    new = Reader(app.test_client())
    for name, password, words in (
        (" auntie  ＷＡＮＧ ", SECRET, "Somebody has that name already: choose another."),
        ("x", SECRET, "A name has 2 to 40 characters."),
        ("Uncle Li", "short", "A password has at least 10 characters."),
    ):
        answer = new.post("/account/new", "/account/new", name=name, password=password)
        assert answer.status_code == 422
        assert f'role="alert">{words}' in answer.text
    new.post("/account/new", "/account/new", name="Robot", password=SECRET, website="http://x")
    with engine.connect() as connection:
        assert len(connection.execute(select(Resident.id)).all()) == 1


def test_a_residents_session_is_apart_from_staffs_and_opens_nothing_of_theirs(
    app: Flask, reader: Open
) -> None:
    wang = volunteer(app)
    assert wang.client.get("/alerts").headers["Location"].startswith("/login")
    wang.log_in("operator")
    assert wang.client.get("/alerts").status_code == 200
    assert "Auntie Wang" in wang.client.get("/account").text
    wang.post("/logout", "/alerts")
    assert "Auntie Wang" in wang.client.get("/account").text
    wang.post("/account/leave", "/account")
    assert wang.client.get("/account").headers["Location"].startswith("/account/enter")
    cookie = wang.post("/account/enter", "/account/enter", name="Auntie Wang", password=SECRET)
    told = next(c for c in cookie.headers.getlist("Set-Cookie") if c.startswith("linli-resident"))
    assert "HttpOnly" in told
    assert "SameSite=Lax" in told
    assert reader("admin").client.get("/account").headers["Location"].startswith("/account/enter")


def test_a_name_is_locked_after_eight_failures(app: Flask) -> None:
    volunteer(app)
    guess = Reader(app.test_client())
    form = {"csrf_token": guess.token("/account/enter"), "name": "Auntie Wang"}
    for number in range(8):
        answer = guess.client.post("/account/enter", data={**form, "password": f"guess {number}"})
        assert answer.status_code == 401
        assert "Name and password do not belong together." in answer.text
    answer = guess.client.post("/account/enter", data={**form, "password": SECRET})
    assert answer.status_code == 429
    assert "Too many tries." in answer.text


def test_a_new_password_ends_other_sessions_and_needs_the_old_one(app: Flask) -> None:
    wang = volunteer(app)
    other = Reader(app.test_client())
    other.post("/account/enter", "/account/enter", name="Auntie Wang", password=SECRET)
    assert wang.post("/account/password", "/account", old="no", new="x" * 12).status_code == 401
    wang.post("/account/password", "/account", old=SECRET, new="another password")
    assert wang.client.get("/account").status_code == 200
    assert other.client.get("/account").status_code == 302


def test_a_deleted_account_is_gone_and_its_reports_have_no_contact(
    app: Flask, reader: Open, engine: Engine
) -> None:
    wang = volunteer(app, contact="wang@example.org")
    wang.post("/account/contact", "/account", contact="li@example.org")
    assert "li@example.org" in wang.client.get("/account").text
    fields = {"kind": "lighting", "where": "garden/courtyard", "text": "The lamp is out"}
    wang.post("/report", "/report", contact="13800001111", **fields)
    assert wang.post("/account/delete", "/account", password="no").status_code == 401
    wang.post("/account/delete", "/account", password=SECRET)
    assert wang.client.get("/account").status_code == 302
    with engine.connect() as connection:
        assert connection.execute(select(Resident.id)).all() == []
        case = connection.scalar(select(Case.id))
        actions = set(connection.scalars(select(Audit.action)))
    staff = reader("operator")
    assert "No contact given." in staff.post(f"/cases/{case}/contact", "/cases").text
    assert {"resident.create", "resident.delete", "case.contact.delete"} <= actions


def test_an_administrator_helps_a_resident_who_cannot_get_in(
    app: Flask, reader: Open, engine: Engine
) -> None:
    wang, admin = volunteer(app), reader("admin")
    assert "Auntie Wang" not in admin.client.get("/users").text
    for name, verb in (("Nobody", "delete"), ("Auntie Wang", "marry")):
        admin.post("/users/resident", "/users", name=name, do=verb)
        assert "No resident&#39;s account has that name." in admin.client.get("/users").text
    admin.post("/users/resident", "/users", name="auntie wang", do="password")
    shown = re.search(r"shown this once: (\S+?)<", admin.client.get("/users").text)
    assert shown is not None
    assert wang.client.get("/account").status_code == 302
    answer = wang.post("/account/enter", "/account/enter", name="Auntie Wang", password=shown[1])
    assert answer.status_code == 302
    admin.post("/users/resident", "/users", name="Auntie Wang", do="delete")
    assert wang.client.get("/account").status_code == 302
    with engine.connect() as connection:
        rows = connection.execute(
            select(Audit.actor, Audit.action).where(Audit.action.like("resident.%"))
        )
        assert [tuple(row) for row in rows] == [
            ("resident", "resident.create"), ("admin", "resident.password"),
            ("admin", "resident.delete"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/walks/worker.js", "/walks/offline", "/report/worker.js", "/report/offline"]
)
def test_what_the_phone_stores_is_of_nobody(app: Flask, reader: Open, path: str) -> None:
    wang = volunteer(app)
    walk = planned(reader("operator"), first="2026-11-24T05:00")
    wang.post(f"{walk}/join", walk)
    assert "Your patrol: Evening walk" in wang.client.get("/walks").text
    with wang.client.get(path) as answer:
        assert answer.status_code == 200
        for mine in (b"Auntie", b"Evening walk", b"My page"):
            assert mine not in answer.get_data()
