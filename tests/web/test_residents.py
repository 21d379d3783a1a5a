"""Residents report without an account, follow, and have the last word; staff work on it."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from lxml import etree
from msgspec.structs import replace
from PIL import Image
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from hub.cases.tables import Case, CasePhoto, Reporter
from hub.state.tables import Audit
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web.language import iso

Open = Callable[[str], Reader]
STEPS = ("verify", "dispatch", "handle", "check", "close")


def report(browser: Reader, **fields: object) -> TestResponse:
    told: dict[str, object] = {
        "csrf_token": browser.token("/report"), "kind": "lighting", "where": "garden/courtyard",
        "text": "The lamp is out", **fields,
    }  # fmt: skip
    return browser.client.post("/report", data=told, content_type="multipart/form-data")


def steps(page: str) -> list[str]:
    """The steps that a reporter's page shows, by their English names."""
    return re.findall(r'<li class="(?:done|ahead)"[^>]*>([^<]+)</li>', page)


def the_case(engine: Engine) -> Case:
    with engine.connect() as connection:
        return connection.execute(select(Case.__table__)).one()  # type: ignore[return-value]


def photo(size: tuple[int, int] = (2400, 1200), **options: object) -> io.BytesIO:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = "A phone that has a name"
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", size, (90, 120, 90)).save(out, "JPEG", exif=exif, **options)
    out.seek(0)
    return out


def work(staff: Reader, case: str, verb: str, **fields: str) -> TestResponse:
    return staff.post(f"/cases/{case}/{verb}", page="/cases", **{"owner": "wang", **fields})


def test_a_report_is_taken_dispatched_solved_and_rated_without_any_script(
    reader: Open, engine: Engine
) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident).headers["Location"]
    case = the_case(engine)
    assert case.code in resident.client.get(link).text
    for step in STEPS:
        work(staff, case.id, "walk", step=step, note=f"words of {step}")
    work(staff, case.id, "say", to="inside", text="between us")
    page = resident.client.get(link).text
    assert "words of handle" in page
    assert "between us" not in page
    assert steps(page) == [
        "Received", "Verified", "Somebody is sent", "Handled", "Checked", "Closed", "Rated",
    ]  # fmt: skip
    resident.post(f"{link}/rate", page="/report", solved="yes", rating="4", text="fast")
    done = the_case(engine)
    assert (done.state, done.rating, done.solved) == ("rated", 4, True)
    assert "fast" in staff.client.get(f"/cases/{case.id}").text


def test_a_report_of_two_things_is_split_and_the_reporters_page_shows_both(
    reader: Open, engine: Engine
) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident, text="The lamp is out, and the door is broken").headers["Location"]
    case = the_case(engine)
    work(staff, case.id, "split", kind="door", place="bike-shed", text="The door is broken")
    with engine.connect() as connection:
        part = connection.execute(select(Case.id, Case.code).where(Case.split_from == case.id))
        part_id, code = part.one()
    page = resident.client.get(link).text
    assert page.count('class="steps"') == 2
    assert f">{case.code}</span>" in page
    assert f">{code}</span>" in page
    for step in STEPS:
        work(staff, part_id, "walk", step=step)
    resident.post(f"{link}/rate", page="/report", solved="yes", rating="5", case=part_id)
    resident.post(f"{link}/add", page="/report", text="still dark", case=case.id)
    assert resident.post(f"{link}/add", page="/report", text="x", case="0" * 16).status_code == 404
    with engine.connect() as connection:
        states = dict(connection.execute(select(Case.id, Case.state)).all())
    assert states == {case.id: "received", part_id: "rated"}
    shown = staff.client.get(f"/cases/{part_id}").text
    assert f">{case.code}</a>" in shown
    assert "still dark" not in shown


def test_the_way_on_stands_before_the_way_back(reader: Open, engine: Engine) -> None:
    staff = reader("operator")
    report(reader(""))
    case = the_case(engine)
    for step in STEPS[:4]:
        work(staff, case.id, "walk", step=step)
    page = staff.client.get(f"/cases/{case.id}").text
    assert page.index('value="close"') < page.index('value="send-back"')


def test_not_solved_opens_it_again(reader: Open, engine: Engine) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident).headers["Location"]
    for step in STEPS:
        work(staff, the_case(engine).id, "walk", step=step)
    resident.post(f"{link}/rate", page="/report", solved="no", rating="1")
    assert (the_case(engine).state, the_case(engine).reopened) == ("verified", 1)
    assert "Not solved: open again" in resident.client.get(link).text


def test_steps_that_were_not_taken_are_not_shown_as_done(reader: Open, engine: Engine) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident).headers["Location"]
    case = the_case(engine)
    assert len(steps(resident.client.get(link).text)) == 7
    work(staff, case.id, "walk", step="verify")
    work(staff, case.id, "close", outcome="unsolved", note="The city's lamp")
    shown = steps(resident.client.get(link).text)
    assert shown == ["Received", "Verified", "Closed", "Rated"]
    assert "Is it solved?" in resident.client.get(link).text


def test_a_photo_loses_its_metadata_and_its_size_and_only_staff_see_it(
    reader: Open, engine: Engine, data: Path
) -> None:
    resident, staff = reader(""), reader("viewer")
    link = report(resident, photos=(photo(), "me.jpg")).headers["Location"]
    case = the_case(engine)
    with engine.connect() as connection:
        ref = connection.scalar(select(CasePhoto.ref))
    file = data / "cases" / "pictures" / "garden" / case.id / f"{ref}.jpg"
    kept = Image.open(io.BytesIO(file.read_bytes()))
    assert max(kept.size) == 1600
    assert not kept.getexif()
    assert b"phone" not in file.read_bytes()
    path = f"/cases/{case.id}/{ref}.jpg"
    assert resident.client.get(path).status_code == 401
    for page in (link, "/board", "/board.atom"):
        assert "<img" not in resident.client.get(page).text.split("<main")[-1]
    with staff.client.get(path) as answer:
        assert answer.status_code == 200
    with engine.connect() as connection:
        viewed = select(Audit.actor).where(Audit.action == "case.photo.view")
        assert connection.scalar(viewed) == "viewer"


@pytest.mark.parametrize(
    ("content", "name"), [(b"<svg onload=alert(1)>", "a.jpg"), (b"\xff\xd8\xff garbage", "b.jpg")]
)
def test_what_is_no_picture_is_refused_in_words_and_the_text_is_kept(
    reader: Open, engine: Engine, content: bytes, name: str
) -> None:
    answer = report(reader(""), photos=(io.BytesIO(content), name))
    assert answer.status_code == 422
    assert "A photo cannot be used" in answer.text
    assert "The lamp is out</textarea>" in answer.text
    with engine.connect() as connection:
        assert connection.execute(select(Case.id)).all() == []


def test_a_missing_part_is_named_beside_it(reader: Open) -> None:
    answer = report(reader(""), kind="", text="")
    assert answer.status_code == 422
    assert 'role="alert">Choose what it is.' in answer.text


def test_a_form_sent_twice_is_one_report_with_one_link(reader: Open, engine: Engine) -> None:
    resident = reader("")
    links = [report(resident, request_key="a" * 32).headers["Location"] for _ in range(2)]
    assert links[0] == links[1]
    assert the_case(engine).code


def test_words_that_were_changed_before_a_form_came_again_are_added_to_it_once(
    reader: Open, engine: Engine
) -> None:
    resident = reader("")
    link = report(resident, request_key="a" * 32).headers["Location"]
    for _ in range(2):
        again = report(resident, request_key="a" * 32, text="The lamp is out, and wires hang down")
        assert again.headers["Location"] == link
    assert the_case(engine).text == "The lamp is out"
    assert resident.client.get(link).text.count("and wires hang down") == 1


def test_what_was_reported_stands_on_its_page_for_who_wrote_it_alone_until_it_is_verified(
    reader: Open, engine: Engine
) -> None:
    mine = report(reader("")).headers["Location"]
    case, other = the_case(engine), reader("")
    theirs = other.post(f"/report/{case.id}/me-too", page="/report").headers["Location"]
    assert "The lamp is out" in other.client.get(mine).text
    assert "The lamp is out" not in other.client.get(theirs).text
    work(reader("operator"), case.id, "walk", step="verify")
    assert "The lamp is out" in other.client.get(theirs).text


def test_a_qr_code_of_a_place_opens_the_form_with_it_chosen(reader: Open) -> None:
    text = reader("").client.get("/report?place=garden/bike-shed").text
    assert 'value="garden/bike-shed" selected' in text
    assert reader("viewer").client.get("/cases/codes").text.count("<figure>") == 6


def test_a_place_is_chosen_on_the_plan_without_any_script(reader: Open) -> None:
    browser = reader("").client
    text = browser.get("/report").text
    (link,) = re.findall(r'href="([^"]+)" data-where="garden/bike-shed"', text)
    assert 'value="garden/bike-shed" selected' in browser.get(link).text
    assert 'data-where="garden/bike-shed" aria-label="Bike shed" aria-current' in (
        browser.get(link).text
    )
    (drawing,) = re.findall(r'<img src="([^"]*plan[^"]*)"', text)
    with browser.get(drawing) as answer:
        assert answer.mimetype == "image/svg+xml"
    assert browser.get("/report/plan/nowhere").status_code == 404


def test_me_too_joins_an_open_report(reader: Open, engine: Engine, data: Path) -> None:
    told = seed.case(engine, data, NOW)
    resident = reader("")
    found = resident.client.get(
        "/report/similar?kind=fire-lane&where=garden/fire-lane&text=van in the lane"
    ).text
    assert f"/report/{told['case']}/me-too" in found
    assert "A van" not in found  # nobody has looked yet whether it may be shown
    answer = resident.post(f"/report/{told['case']}/me-too", page="/report", request_key="k" * 20)
    assert "1 more see it too." in resident.client.get(answer.headers["Location"]).text
    with engine.connect() as connection:
        assert len(connection.execute(select(Reporter.id)).all()) == 2


def test_the_board_shows_words_only_when_somebody_has_seen_them(
    reader: Open, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, NOW, contact="13800001111")
    board = reader("").client.get("/board").text
    assert told["code"] in board
    assert "A van blocks" not in board
    work(reader("operator"), told["case"], "walk", step="verify")
    board = reader("").client.get("/board").text
    assert "A van blocks" in board
    assert "13800001111" not in board
    assert "Alert: the control room is dealing with something serious." in board
    assert "Pictures are deleted after 14" in board
    assert "Today so far: alerts 3, reports 1, solved 0." in board
    assert "Cameras look at:" in board
    assert "Doors that say when they open:" in board


def test_the_feed_is_atom(reader: Open, engine: Engine, data: Path, clock: Clock) -> None:
    told, newer = seed.case(engine, data, NOW - 60_000), seed.case(engine, data, NOW)
    for case in (newer, told):
        work(reader("operator"), case["case"], "walk", step="verify")
        clock.ms += 60_000
    work(reader("operator"), newer["case"], "say", to="inside", text="between us")
    answer = reader("").client.get("/board.atom")
    feed = etree.fromstring(answer.data)
    atom = "{http://www.w3.org/2005/Atom}"
    assert answer.mimetype == "application/atom+xml"
    assert [feed.find(atom + name) is not None for name in ("id", "title", "updated")] == [True] * 3
    entry, older = feed.findall(atom + "entry")
    times = [part.findtext(atom + "updated") for part in (entry, older, feed)]
    assert times == [iso(NOW), iso(NOW + 60_000), iso(NOW + 60_000)]
    assert "A van blocks" in (entry.findtext(atom + "summary") or "")


def test_a_trap_or_a_spam_word_keeps_a_report_back_until_somebody_looks(
    reader: Open, engine: Engine
) -> None:
    report(reader(""), website="http://x")
    case = the_case(engine)
    assert case.held == "trap"
    assert case.code not in reader("").client.get("/board").text
    staff = reader("operator")
    assert case.code in staff.client.get("/cases?view=held").text
    work(staff, case.id, "release")
    assert case.code in reader("").client.get("/board").text


def test_what_was_held_back_is_turned_away_and_waits_no_more(reader: Open, engine: Engine) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident, website="http://x").headers["Location"]
    case = the_case(engine)
    assert "Turn it away" in staff.client.get(f"/cases/{case.id}").text
    work(staff, case.id, "close", outcome="invalid", note="Advertising")
    assert case.code not in staff.client.get("/cases?view=held").text
    assert case.code in staff.client.get("/cases?view=ended").text
    assert case.code not in reader("").client.get("/board").text
    read = resident.client.get(link).text
    assert "Advertising" in read
    assert steps(read) == ["Received", "Closed"]
    assert "Is it solved?" not in read


def test_twenty_reports_an_hour_of_one_device_are_enough(reader: Open) -> None:
    resident = reader("")
    token = resident.token("/report")
    told = {"csrf_token": token, "kind": "noise", "where": "garden/courtyard", "text": "again"}
    codes = [resident.client.post("/report", data=told).status_code for _ in range(22)]
    assert codes[:20] == [302] * 20
    assert codes[-1] == 429
    assert report(reader("")).status_code == 302  # a neighbour at the same address


def test_who_asks_to_be_written_to_gives_an_address_where_there_is_a_mail_server(
    app: Flask, reader: Open, engine: Engine
) -> None:
    resident = reader("")
    assert 'name="mail"' not in resident.client.get("/report").text
    report(resident, contact="li@court.example", mail="1")
    here = app.extensions["linli"]
    file = here.sites[0]
    here.adopt([replace(file, residents=replace(file.residents, mail="letters"))])
    assert 'name="mail"' in resident.client.get("/report").text
    answer = report(resident, contact="138", mail="1")
    assert 'role="alert">Write an e-mail address' in answer.text
    assert 'value="1" checked' in answer.text
    report(resident, contact="li@court.example", mail="1")
    with engine.connect() as connection:
        links = connection.scalars(select(Reporter.mail_link).order_by(Reporter.id)).all()
    assert [link is not None for link in links] == [False, True]


def test_a_stale_form_comes_back_with_what_was_typed(reader: Open) -> None:
    answer = reader("").client.post("/report", data={"csrf_token": "old", "text": "a <lamp>"})
    assert answer.status_code == 400
    assert "a &lt;lamp&gt;</textarea>" in answer.text


def test_a_contact_is_shown_to_staff_on_the_record_and_deleted_by_its_resident(
    reader: Open, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, NOW, contact="13800001111")
    staff = reader("operator")
    assert "13800001111" not in staff.client.get(f"/cases/{told['case']}").text
    assert "13800001111" in work(staff, told["case"], "contact").text
    reader("").post(f"/r/{told['token']}/forget", page="/report")
    assert "No contact given." in work(staff, told["case"], "contact").text
    with engine.connect() as connection:
        seen = connection.execute(select(Audit.actor).where(Audit.action.like("case.contact.%")))
        assert [row.actor for row in seen] == ["operator", "resident"]


def test_the_list_shows_what_is_overdue_and_the_csv_is_safe_for_spreadsheets(
    reader: Open, engine: Engine, data: Path
) -> None:
    old = seed.case(engine, data, NOW - 20 * 86_400_000, text="=cmd()", contact="13800001111")
    new = seed.case(engine, data, NOW)
    staff = reader("operator")
    late = staff.client.get("/cases?view=overdue").text
    assert old["code"] in late
    assert new["code"] not in late
    rows = list(csv.DictReader(io.StringIO(staff.client.get("/cases.csv").text.lstrip("\ufeff"))))
    assert [row["code"] for row in rows] == [old["code"], new["code"]]
    assert rows[0]["text"] == "'=cmd()"
    assert "13800001111" not in str(rows)


def test_what_is_due_next_stands_first_and_keys_lead_through_a_report(
    reader: Open, engine: Engine, data: Path
) -> None:
    slow = seed.case(engine, data, NOW - 4 * 86_400_000, kind="suggestion")
    fast = seed.case(engine, data, NOW, kind="fire-lane")
    staff = reader("operator")
    listing = staff.client.get("/cases").text
    assert listing.index(fast["code"]) > listing.index(slow["code"])  # its answer is due
    work(staff, slow["case"], "say", to="reporter", text="We think about it")
    listing = staff.client.get("/cases").text
    assert listing.index(fast["code"]) < listing.index(slow["code"])  # now its solution is
    for step in ("verify", "dispatch", "handle", "check"):
        work(staff, fast["case"], "walk", step=step)
    page = staff.client.get(f"/cases/{fast['case']}").text
    assert re.findall(r'id="(note-[\w-]+)" name="note" aria-keyshortcuts="r"', page) == [
        "note-close"
    ]
    assert 'id="note-send-back"' in page
    assert 'aria-keyshortcuts="u">←' in page


def test_an_alert_opens_a_case_and_a_case_shows_the_alerts_of_its_place(
    reader: Open, engine: Engine, data: Path
) -> None:
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW - 60_000, "fire-lane", title=("Camera covered", "遮挡"))
    told = seed.case(engine, data, NOW)
    staff = reader("operator")
    page = staff.client.get(f"/cases/{told['case']}").text
    assert "Camera covered" in page
    work(staff, told["case"], "link", alert=alert)
    assert "Sensors confirm it" in reader("").client.get(f"/r/{told['token']}").text
    assert told["code"] in staff.client.get(f"/alerts/{alert}").text
    opened = staff.post(f"/alerts/{alert}/case", page="/alerts").headers["Location"]
    assert "Camera covered" in staff.client.get(opened).text
    again = staff.post(f"/alerts/{alert}/case", page="/alerts").headers["Location"]
    assert again == opened


def test_the_first_look_of_somebody_who_may_act_is_written_down_once_and_its_reporter_reads_it(
    reader: Open, engine: Engine, data: Path, clock: Clock
) -> None:
    told = seed.case(engine, data, NOW)
    for who in ("viewer GET", "operator HEAD", "operator GET", "admin GET"):
        role, method = who.split()
        clock.ms += 60_000
        reader(role).client.open(f"/cases/{told['case']}", method=method)
    with engine.connect() as connection:
        looks = select(Audit.actor, Audit.at).where(Audit.action == "case.looked")
        assert [tuple(row) for row in connection.execute(looks)] == [("operator", NOW + 180_000)]
    link = reader("").client.get(f"/r/{told['token']}").text
    assert "Opened by staff" in link
    assert "operator" not in link
    assert "Opened by staff" in reader("operator").client.get(f"/cases/{told['case']}").text
    assert "3.0 min (median" in reader("viewer").client.get("/figures").text
    row = next(csv.DictReader(io.StringIO(reader("operator").client.get("/cases.csv").text)))
    assert row["looked_at"].endswith("+08:00")


def test_a_link_that_was_guessed_leads_nowhere(reader: Open) -> None:
    answer = reader("").client.get(f"/r/{'0' * 40}")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert not re.search("Log out", answer.text)


def test_the_pages_speak_chinese(reader: Open) -> None:
    client = reader("").client
    text = client.get("/report", headers={"Accept-Language": "zh-CN"}).text
    assert "我要上报" in text
    assert "消防通道堵塞" in text


def test_figures_are_shown_to_staff_printed_and_told_on_the_board(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.case(engine, data, NOW - 20 * 86_400_000)
    staff = reader("viewer")
    page = staff.client.get("/figures?change=2026-11-10").text
    assert "Answered in time" in page
    assert "0% (0 of 1)" in page
    assert "95 % interval" in page
    assert "<svg" in page
    wrong = staff.client.get("/figures?from=2026-11-10&to=2026-11-01").text
    assert "The first day is not before the last." in wrong
    assert staff.client.get("/figures.html").headers["Content-Disposition"].startswith("attach")
    board = reader("").client.get("/board").text
    assert "Answered in time: <b>0% (0 of 1)</b>" in board
    assert "From event to acknowledged: <b>half within 35.0 s, of 1</b>" in board


def test_the_boards_figures_are_counted_once_a_minute_however_often_it_is_asked(
    reader: Open, engine: Engine, data: Path, clock: Clock
) -> None:
    def reports() -> str:
        found = re.search(r"Reports: <b>(\d+)</b>", reader("").client.get("/board").text)
        assert found is not None
        return found[1]

    seed.case(engine, data, NOW)
    assert reports() == "1"
    seed.case(engine, data, NOW)
    clock.ms += 30_000
    assert reports() == "1"
    clock.ms += 31_000
    assert reports() == "2"


def test_staff_delete_what_a_resident_said_on_request(
    reader: Open, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, NOW)
    staff = reader("operator")
    work(staff, told["case"], "erase")
    page = staff.client.get(f"/cases/{told['case']}").text
    assert "A van blocks" not in page
    assert "words and photos were deleted" in page
    assert staff.client.get(f"/cases/{told['case']}/{told['photo']}.jpg").status_code == 404
    assert "words and photos were deleted" in reader("").client.get(f"/r/{told['token']}").text


def test_staff_read_that_a_contact_goes_before_it_does_and_its_owner_until_when(
    reader: Open, engine: Engine, clock: Clock
) -> None:
    resident, staff = reader(""), reader("operator")
    link = report(resident, contact="13800001111").headers["Location"]
    case = the_case(engine)
    assert re.search(r"We keep your contact until \d+ May 2027 ", resident.client.get(link).text)
    assert "about to be deleted</h2>" not in staff.client.get("/handover").text
    clock.ms += 170 * 86_400_000
    for page in ("/handover", "/cases?view=fading"):
        assert f'href="/cases/{case.id}"' in staff.client.get(page).text
    assert "Answer or note something to keep it" in staff.client.get(f"/cases/{case.id}").text
    work(staff, case.id, "say", to="inside", text="the part is ordered")
    assert "No reports match" in staff.client.get("/cases?view=fading").text
    resident.post(f"{link}/forget", page="/report")
    page = resident.client.get(link).text
    assert "No contact of yours is kept here" in page
    assert "Delete my contact" not in page
