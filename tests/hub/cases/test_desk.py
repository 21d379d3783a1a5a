"""A report's walk to its end: every step, who may not skip one, and what is kept of it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from configs.residents import Residents
from configs.rules import Severity
from configs.values import Duration
from hub import audit
from hub.cases import contacts, desk, receive
from hub.cases.desk import Step, Verdict
from hub.cases.erase import erase
from hub.cases.photos import purge_photos
from hub.cases.receive import NewReport, ReportRefused
from hub.cases.tables import CaseAlert, CaseEvent, CaseOutcome, CasePhoto, CaseState, Reporter
from hub.cases.worktime import after
from hub.cases.write import say
from hub.patrols.tables import CheckIn
from hub.state.tables import Alert, AlertState, Audit
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office

DAY = 24 * HOUR
BRIEF = Residents(keep_contacts=Duration(HOUR))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    yield found
    found.engine.dispose()


def walk(office: Office, case: str, *steps: Step, at: int = MONDAY_10 + HOUR) -> list[Verdict]:
    return [
        desk.walk(office.engine, case, step, actor="li", now=at, owner="wang").verdict
        for step in steps
    ]


def kinds(office: Office, case: str, *, public: bool | None = None) -> list[str]:
    query = select(CaseEvent.kind).where(CaseEvent.case == case).order_by(CaseEvent.id)
    if public is not None:
        query = query.where(CaseEvent.public == public)
    with office.engine.connect() as connection:
        return list(connection.scalars(query))


ALL = (Step.VERIFY, Step.DISPATCH, Step.HANDLE, Step.CHECK, Step.CLOSE)


def test_a_case_walks_every_step_and_is_rated(office: Office) -> None:
    told = office.report()
    assert walk(office, told.case, *ALL) == [Verdict.DONE] * 5
    closed = office.case(told.case)
    assert (closed.state, closed.outcome, closed.owner) == ("closed", "solved", "wang")
    rated = desk.rate(
        office.engine, SITE, told.token, solved=True, rating=5, text="谢谢", now=MONDAY_10 + DAY
    )
    assert rated.state == CaseState.RATED
    case = office.case(told.case)
    assert (case.solved, case.rating, case.answered_at) == (True, 5, MONDAY_10 + HOUR)
    assert kinds(office, told.case) == [
        "received", "verified", "assigned", "dispatched", "handled", "checked", "closed", "rated",
    ]  # fmt: skip
    assert audit.verify(office.engine).whole


@pytest.mark.parametrize("step", [*ALL[1:], Step.SEND_BACK])
def test_no_step_can_be_skipped(office: Office, step: Step) -> None:
    told = office.report()
    outcome = desk.walk(office.engine, told.case, step, actor="li", now=MONDAY_10, owner="wang")
    assert (outcome.verdict, outcome.state) == (Verdict.NOT_NOW, "received")


def test_what_is_not_done_well_is_sent_back(office: Office) -> None:
    told = office.report()
    walk(office, told.case, *ALL[:4], Step.SEND_BACK)
    assert office.case(told.case).state == CaseState.DISPATCHED


def test_not_solved_opens_the_case_again_with_a_new_deadline(office: Office) -> None:
    told = office.report()
    walk(office, told.case, *ALL)
    desk.rate(
        office.engine, SITE, told.token, solved=False, rating=1, text="还在", now=MONDAY_10 + DAY
    )
    case = office.case(told.case)
    assert (case.state, case.reopened, case.closed_at, case.outcome) == ("verified", 1, None, "")
    assert case.due_at == after(SITE, MONDAY_10 + DAY, 8 * HOUR)
    assert (case.solved, case.rating) == (False, 1)
    walk(office, told.case, *ALL[1:])
    assert office.case(told.case).solved is None  # of this end nobody has said anything


def test_only_a_closed_case_is_rated_and_only_by_who_reported_it(office: Office) -> None:
    told = office.report()
    early = desk.rate(office.engine, SITE, told.token, solved=True, rating=5, text="", now=1)
    assert early.verdict is Verdict.NOT_NOW
    walk(office, told.case, *ALL)
    other = receive.me_too(
        office.engine, told.case, contact="", vault=office.vault, request_key="", now=MONDAY_10
    )
    assert other is None  # it is closed
    stranger = desk.rate(office.engine, SITE, "0" * 40, solved=True, rating=5, text="", now=1)
    assert stranger.verdict is Verdict.NO_SUCH_CASE


def test_only_the_first_look_at_a_report_counts_and_none_after_its_answer(office: Office) -> None:
    seen, answered = office.report(), office.report()
    own = receive.receive(
        office.engine, SITE, NewReport(kind="lighting", text="Dark", place="gate",
        channel="console", actor="li"), vault=office.vault, data=office.data, now=MONDAY_10,
    )  # fmt: skip
    desk.answer(office.engine, answered.case, actor="li", text="Yes", now=MONDAY_10)
    verdicts = [
        desk.look(office.engine, case, actor=actor, now=at).verdict
        for case, actor, at in (
            (seen.case, "wang", MONDAY_10 + 5), (seen.case, "li", MONDAY_10 + 9),
            (answered.case, "li", MONDAY_10 + 9), (own.case, "li", MONDAY_10 + 9),
            ("gone", "li", MONDAY_10),
        )
    ]  # fmt: skip
    assert verdicts == [Verdict.DONE, *[Verdict.SAME] * 3, Verdict.NO_SUCH_CASE]
    assert office.case(seen.case).looked_at == MONDAY_10 + 5
    assert kinds(office, seen.case) == ["received", "looked"]
    assert office.case(answered.case).looked_at is office.case(own.case).looked_at is None
    assert audit.verify(office.engine).whole


def test_a_dispatched_case_needs_somebody_who_deals_with_it(office: Office) -> None:
    told = office.report()
    desk.walk(office.engine, told.case, Step.VERIFY, actor="li", now=MONDAY_10)
    outcome = desk.walk(office.engine, told.case, Step.DISPATCH, actor="li", now=MONDAY_10)
    assert outcome.verdict is Verdict.NO_OWNER


def test_of_two_who_press_at_once_one_wins(office: Office) -> None:
    told = office.report()
    verdicts: list[Verdict] = []
    threads = [
        threading.Thread(target=lambda: verdicts.extend(walk(office, told.case, Step.VERIFY)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == sorted([Verdict.DONE] + [Verdict.NOT_NOW] * 3)


def test_closing_unsolved_needs_a_reason(office: Office) -> None:
    told = office.report()
    silent = desk.close_unsolved(
        office.engine, told.case, CaseOutcome.INVALID, actor="li", now=MONDAY_10, note=" "
    )
    assert silent.verdict is Verdict.NOTHING_SAID
    said = desk.close_unsolved(
        office.engine, told.case, CaseOutcome.INVALID, actor="li", now=MONDAY_10, note="no car"
    )
    assert said.done
    assert office.case(told.case).outcome == "invalid"


def test_a_merged_case_leads_its_reporter_to_the_other(office: Office) -> None:
    first, second = office.report(), office.report("Fire lane blocked again")
    assert desk.merge(office.engine, second.case, first.code, actor="li", now=MONDAY_10).done
    assert receive.followed(office.engine, second.token) == [first.case]
    assert not desk.merge(office.engine, second.case, "ZZZ-ZZZ", actor="li", now=MONDAY_10).done


def test_a_contact_that_staff_see_at_a_case_is_deleted_there_wherever_it_was_left(
    office: Office,
) -> None:
    first, second = office.report(contact="138"), office.report("It is still there", contact="139")
    code = office.case(first.case).code
    desk.merge(office.engine, second.case, code, actor="li", now=MONDAY_10)

    def shown() -> list[str]:
        seen = contacts.show(office.engine, office.vault, first.case, actor="li", now=MONDAY_10)
        return sorted(seen)

    assert shown() == ["138", "139"]
    assert contacts.forget(office.engine, first.case, actor="li", now=MONDAY_10) == 2
    assert shown() == []


def test_a_merge_that_fails_half_way_has_not_begun(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = office.report(), office.report("A blue car stands in the fire lane")

    def fails(*_args: object, **_more: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(desk, "_carry_alerts", fails)
    with pytest.raises(OSError, match="disk is full"):
        desk.merge(office.engine, second.case, first.code, actor="li", now=MONDAY_10)
    assert office.case(second.case).state == CaseState.RECEIVED
    assert kinds(office, first.case) == kinds(office, second.case) == ["received"]
    assert receive.followed(office.engine, second.token) == [second.case]


def test_a_merged_case_brings_its_alerts_and_none_is_merged_into_one_that_is_held(
    office: Office,
) -> None:
    first, second, spam = office.report(), office.report(), office.report("casino")
    row = {"site": "garden", "place": "gate", "rule": "covered", "severity": "high",
           "state": AlertState.FIRING, "pending_ts": MONDAY_10}  # fmt: skip
    with office.engine.begin() as connection:
        connection.execute(insert(Alert), [{"id": one, **row} for one in ("a1", "a2")])
    for case, alert in ((first, "a1"), (second, "a1"), (second, "a2")):
        desk.link(office.engine, case.case, alert, actor="li", now=MONDAY_10)
    held = desk.merge(office.engine, second.case, spam.code, actor="li", now=MONDAY_10)
    assert held.verdict is Verdict.NO_SUCH_CASE
    assert desk.merge(office.engine, second.case, first.code, actor="li", now=MONDAY_10).done
    with office.engine.connect() as connection:
        joined = select(CaseAlert.alert).where(CaseAlert.case == first.case)
        assert sorted(connection.scalars(joined)) == ["a1", "a2"]
    assert kinds(office, first.case)[-2:] == ["merged", "confirmed"]


def test_notes_stay_inside_and_answers_go_out(office: Office) -> None:
    told = office.report()
    desk.note(office.engine, told.case, actor="li", text="the same neighbour", now=MONDAY_10)
    desk.answer(office.engine, told.case, actor="li", text="We are coming", now=MONDAY_10 + 5)
    assert kinds(office, told.case, public=True) == ["received", "answered"]
    assert office.case(told.case).answered_at == MONDAY_10 + 5


def test_a_report_that_is_sent_twice_is_one_case_with_one_link(office: Office) -> None:
    key = "k" * 32
    first = office.report(request_key=key, photos=(b"jpeg",))
    again = office.report(request_key=key, photos=(b"jpeg",))
    assert (first.case, first.token) == (again.case, again.token)
    assert (first.new, again.new) == (True, False)


def test_fifty_who_report_at_once_lose_nothing(office: Office) -> None:
    codes: list[str] = []

    def send(number: int) -> None:
        for _ in range(2):  # the answer to the first did not arrive
            told = office.report(f"hazard {number}", request_key=f"resident-{number:010d}")
        codes.append(told.code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(codes)) == 50
    with office.engine.connect() as connection:
        received = select(CaseEvent.id).where(CaseEvent.kind == "received")
        assert len(connection.scalars(received).all()) == 50
    assert audit.verify(office.engine).whole


def test_a_contact_is_encrypted_shown_on_the_record_and_deleted_after_its_time(
    office: Office,
) -> None:
    told = office.report(contact="13800001111")
    with office.engine.connect() as connection:
        sealed = connection.scalar(select(Reporter.contact)) or b""
    assert b"13800001111" not in sealed
    assert b"13800001111" not in (office.data / "state.db").read_bytes()
    seen = contacts.show(office.engine, office.vault, told.case, actor="li", now=MONDAY_10)
    assert seen == ["13800001111"]
    assert contacts.purge(office.engine, "garden", BRIEF, MONDAY_10 + DAY) == 0
    walk(office, told.case, *ALL)
    assert contacts.purge(office.engine, "garden", BRIEF, MONDAY_10 + DAY) == 1
    assert contacts.show(office.engine, office.vault, told.case, actor="li", now=1) == []
    with office.engine.connect() as connection:
        actions = list(connection.scalars(select(Audit.action).order_by(Audit.id)))
    assert actions.count("case.contact.view") == 1
    assert actions[-1] == "case.contact.delete"


def test_the_contact_of_an_open_case_goes_when_nobody_has_dealt_with_it_for_long(
    office: Office,
) -> None:
    told = office.report(contact="13800001111")
    other = office.report("The lamp is out", place="shed", kind="lighting", contact="li@x.org")
    held = office.report("Best CASINO in town", contact="13900002222")
    desk.note(office.engine, other.case, actor="li", text="ordered", now=MONDAY_10 + 10 * DAY)
    with office.engine.begin() as connection:  # what the hub says by itself puts nothing off
        say(connection, told.case, "garden", "warned", actor="hub", note="", public=False,
            now=MONDAY_10 + 150 * DAY)  # fmt: skip
    with office.engine.connect() as connection:
        early = contacts.fading(connection, [SITE], MONDAY_10 + 165 * DAY)
        near = contacts.fading(connection, [SITE], MONDAY_10 + 170 * DAY)
        mine = contacts.kept_until(connection, SITE.residents, told.token)
    assert early == []
    assert {(one.case, one.ends_at) for one in near} == {
        (told.case, MONDAY_10 + 180 * DAY), (held.case, MONDAY_10 + 180 * DAY),
    }  # fmt: skip
    assert mine == MONDAY_10 + 180 * DAY
    at = MONDAY_10 + 181 * DAY
    assert contacts.purge(office.engine, "garden", SITE.residents, at) == 2
    with office.engine.connect() as connection:
        line = connection.execute(select(Audit.action, Audit.detail).order_by(Audit.id.desc()))
        assert tuple(line.first() or ()) == (
            "case.contact.delete", "1 deleted, nobody had dealt with the open report for 180 days",
        )  # fmt: skip
        assert contacts.kept_until(connection, SITE.residents, told.token) is None
    assert contacts.show(office.engine, office.vault, other.case, actor="li", now=at) == [
        "li@x.org"
    ]
    assert audit.verify(office.engine).whole


def test_the_log_vouches_for_words_without_holding_them(office: Office) -> None:
    told = office.report()
    desk.note(office.engine, told.case, actor="li", text="lives in house 7", now=MONDAY_10)
    with office.engine.connect() as connection:
        details = " ".join(connection.scalars(select(Audit.detail)))
    assert "sha256:" in details
    assert "house 7" not in details


def test_a_report_with_a_spam_word_waits_for_somebody(office: Office) -> None:
    told = office.report("Best CASINO in town")
    assert office.case(told.case).held == "spam: casino"
    assert walk(office, told.case, Step.VERIFY) == [Verdict.NOT_NOW]
    assert desk.release(office.engine, told.case, actor="li", now=MONDAY_10).done
    assert walk(office, told.case, Step.VERIFY) == [Verdict.DONE]


def test_what_was_held_back_is_turned_away_with_a_reason_and_its_contact_goes(
    office: Office,
) -> None:
    told = office.report("Best CASINO in town", contact="13800001111")
    close = {
        outcome: desk.close_unsolved(
            office.engine, told.case, outcome, actor="li", now=MONDAY_10, note="Advertising"
        ).verdict
        for outcome in (CaseOutcome.UNSOLVED, CaseOutcome.INVALID)
    }
    assert list(close.values()) == [Verdict.NOT_NOW, Verdict.DONE]
    case = office.case(told.case)
    assert (case.state, case.outcome, case.held) == ("closed", "invalid", "spam: casino")
    again = desk.rate(
        office.engine, SITE, told.token, solved=False, rating=None, text="", now=MONDAY_10
    )
    late = desk.release(office.engine, told.case, actor="li", now=MONDAY_10)
    assert (again.verdict, late.verdict) == (Verdict.NOT_NOW, Verdict.SAME)
    assert contacts.purge(office.engine, "garden", BRIEF, MONDAY_10 + DAY) == 1


@pytest.mark.parametrize(
    ("field", "report"),
    [
        ("kind", {"kind": "ufo"}),
        ("place", {"place": "moon"}),
        ("place", {"place": ""}),
        ("text", {"text": "  "}),
        ("request_key", {"request_key": "short"}),
    ],
)
def test_a_report_that_says_too_little_is_refused_with_the_part_that_is_wrong(
    office: Office, field: str, report: dict[str, str]
) -> None:
    with pytest.raises(ReportRefused) as refused:
        office.report(**report)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_what_may_be_the_same_is_found_while_it_is_open(office: Office) -> None:
    first = office.report("A white car blocks the fire lane")
    office.report("Music at night", kind="noise", place="shed")

    def look() -> list[str]:
        found = receive.similar(
            office.engine, "garden", place="gate", kind="fire-lane", text="car in fire lane",
            now=MONDAY_10,
        )  # fmt: skip
        return [row.code for row in found]

    assert look() == [first.code]
    walk(office, first.case, *ALL)
    assert look() == []


def test_me_too_counts_once_however_often_it_is_sent(office: Office) -> None:
    told = office.report()
    joined = [
        receive.me_too(office.engine, told.case, contact="", vault=office.vault,
                       request_key="m" * 20, now=MONDAY_10)
        for _ in range(2)
    ]  # fmt: skip
    assert [one and one.new for one in joined] == [True, False]
    assert kinds(office, told.case) == ["received", "me-too"]


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        (MONDAY_10, 2, MONDAY_10 + 2 * HOUR),
        (MONDAY_10, 9, MONDAY_10 + DAY),  # a working day has nine hours
        (MONDAY_10 - 10 * HOUR, 1, MONDAY_10),  # in the night before: from nine on
        (MONDAY_10 + 5 * DAY, 1, MONDAY_10 + 7 * DAY),  # on a Saturday
        (1_759_212_000_000, 8.5, 1_759_987_800_000),  # over the National Day, to October 9
        (
            1_770_973_200_000,
            2,
            1_771_034_400_000,
        ),  # to a Saturday that is worked
    ],
)
def test_deadlines_count_working_time(start: int, hours: float, expected: float) -> None:
    assert after(SITE, start, round(hours * HOUR)) == expected


def test_a_graver_case_has_less_time(office: Office) -> None:
    told = office.report()
    before = office.case(told.case).due_at
    desk.grade(office.engine, SITE, told.case, Severity.CRITICAL, actor="li", now=MONDAY_10)
    case = office.case(told.case)
    assert case.due_at - MONDAY_10 == (before - MONDAY_10) / 4
    assert case.answer_due_at == MONDAY_10 + HOUR / 4


def test_an_alert_of_the_same_confirms_what_the_resident_said(office: Office) -> None:
    told = office.report()
    row = {"id": "a1", "site": "garden", "place": "gate", "rule": "covered", "severity": "high",
           "state": AlertState.FIRING, "pending_ts": MONDAY_10}  # fmt: skip
    with office.engine.begin() as connection:
        connection.execute(insert(Alert).values(row))

    def confirm(alert: str) -> Verdict:
        return desk.link(office.engine, told.case, alert, actor="li", now=MONDAY_10).verdict

    assert [confirm("a1"), confirm("a1"), confirm("a2")] == [
        Verdict.DONE, Verdict.SAME, Verdict.NO_SUCH_ALERT,
    ]  # fmt: skip
    assert kinds(office, told.case, public=True) == ["received", "confirmed"]


def test_photos_go_after_their_time(office: Office) -> None:
    told = office.report(photos=(b"one", b"two"))
    folder = office.data / "cases" / "pictures" / "garden" / told.case
    assert len(list(folder.glob("*.jpg"))) == 2
    assert purge_photos(office.engine, office.data, "garden", MONDAY_10 + 1, now=MONDAY_10) == 2
    assert not list(folder.glob("*.jpg"))
    with office.engine.connect() as connection:
        assert connection.execute(select(CasePhoto)).all() == []


def test_what_a_resident_said_is_deleted_on_request_and_the_figures_and_the_proof_stay(
    office: Office,
) -> None:
    key = "k" * 20
    told = office.report("I am Wang of house 7", photos=(b"one",), contact="138", spot="house 7",
                         request_key=key)  # fmt: skip
    row = {"id": "c1", "patrol": "p1", "place": "gate", "resident": 1, "at": 1, "received_at": 1,
           "note": "I am Wang of house 7", "case": told.case}  # fmt: skip
    with office.engine.begin() as connection:
        connection.execute(insert(CheckIn).values(row))
    desk.ask_back(office.engine, told.case, text="again, house 7", now=MONDAY_10)
    walk(office, told.case, Step.VERIFY)
    done = erase(office.engine, office.data, told.case, actor="li", now=MONDAY_10 + DAY)
    assert done.verdict is Verdict.DONE
    office.report("Wang of house 7 once more", request_key=key)  # what waited on a phone meanwhile
    case = office.case(told.case)
    assert (case.text, case.spot, case.state, case.answered_at) == (
        "", "", "verified", MONDAY_10 + HOUR,
    )  # fmt: skip
    with office.engine.connect() as connection:
        assert "house 7" not in " ".join(connection.scalars(select(CaseEvent.note)))
        assert connection.scalars(select(CheckIn.note)).all() == [""]
        assert connection.scalars(select(Reporter.contact)).all() == [b""]
        last = connection.execute(select(Audit.action, Audit.actor).order_by(Audit.id.desc()))
        assert tuple(last.first() or ()) == ("case.erased", "li")
    assert not list((office.data / "cases").rglob("*.jpg"))
    assert audit.verify(office.engine).whole
    nobody = erase(office.engine, office.data, "none", actor="li", now=MONDAY_10)
    assert nobody.verdict is Verdict.NO_SUCH_CASE
