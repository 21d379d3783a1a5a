"""A report that tells of two hazards becomes two cases, and its reporter follows both."""

from pathlib import Path

import pytest
from sqlalchemy import select

from hub import audit
from hub.cases import contacts, desk, receive
from hub.cases.desk import Step, Verdict
from hub.cases.erase import erase
from hub.cases.receive import NewReport
from hub.cases.split import split
from hub.cases.tables import Case, CaseEvent, CaseOutcome
from hub.cases.worktime import after
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office
from web.cases.queries import story

LAMP = NewReport(kind="lighting", text="The lamp beside it is out", place="shed")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def cut(office: Office, case: str, part: NewReport = LAMP) -> str:
    """The part of a case, once it is one of its own."""
    done = split(office.engine, SITE, case, part, actor="li", now=MONDAY_10 + HOUR)
    assert done.done
    with office.engine.connect() as connection:
        query = select(Case.id).where(Case.split_from == case).order_by(Case.split_event.desc())
        return str(connection.scalars(query).first())


def kinds(office: Office, case: str) -> list[str]:
    with office.engine.connect() as connection:
        return [event.kind for event in story(connection, case, public=True)]


def test_the_part_is_a_case_of_its_own_with_the_whole_history_and_the_same_reporter(
    office: Office,
) -> None:
    told = office.report("A car, and a lamp that is out", contact="138")
    desk.look(office.engine, told.case, actor="li", now=MONDAY_10)
    desk.walk(office.engine, told.case, Step.VERIFY, actor="li", now=MONDAY_10)
    part = cut(office, told.case)
    desk.answer(office.engine, told.case, actor="li", text="for the car", now=MONDAY_10 + 2 * HOUR)
    case = office.case(part)
    assert (case.kind, case.place, case.state) == ("lighting", "shed", "verified")
    assert (case.created_at, case.looked_at, case.answered_at) == (MONDAY_10,) * 3
    assert case.due_at == after(SITE, MONDAY_10, 24 * HOUR)
    assert kinds(office, told.case) == ["received", "looked", "verified", "split", "answered"]
    assert kinds(office, part) == ["received", "looked", "verified", "split-off"]
    assert receive.followed(office.engine, told.token) == [told.case, part]
    assert contacts.show(office.engine, office.vault, part, actor="li", now=1) == ["138"]
    assert audit.verify(office.engine).whole


def test_each_part_is_rated_by_who_reported_the_whole(office: Office) -> None:
    told, other = office.report(), office.report()
    part = cut(office, told.case)
    for case in (told.case, part):
        desk.close_unsolved(
            office.engine, case, CaseOutcome.UNSOLVED, actor="li", now=MONDAY_10, note="no money"
        )

    def rate(token: str, case: str) -> Verdict:
        done = desk.rate(office.engine, SITE, token, solved=True, rating=2, text="", now=MONDAY_10,
                         part=case)  # fmt: skip
        return done.verdict

    assert rate(other.token, part) is Verdict.NO_SUCH_CASE
    assert rate(told.token, part) is Verdict.DONE
    assert (office.case(part).state, office.case(told.case).state) == ("rated", "closed")
    assert rate(told.token, told.case) is Verdict.DONE
    assert receive.rateable(office.engine, told.token) == {told.case, part}


def test_a_part_that_is_merged_or_split_again_is_followed_where_it_goes(office: Office) -> None:
    told, lamp = office.report(), office.report("The lamp", kind="lighting")
    part = cut(office, told.case)
    again = cut(office, part, NewReport(kind="door", text="and a door", place="gate"))
    desk.merge(office.engine, part, lamp.code, actor="li", now=MONDAY_10 + 2 * HOUR)
    assert receive.followed(office.engine, told.token) == [told.case, lamp.case, again]
    assert kinds(office, again) == ["received", "split-off", "split-off"]


def test_only_an_open_case_is_split_and_the_part_says_what_it_is(office: Office) -> None:
    told, spam = office.report(), office.report("casino")

    def verdict(case: str, part: NewReport) -> Verdict:
        return split(office.engine, SITE, case, part, actor="li", now=MONDAY_10).verdict

    assert verdict(told.case, NewReport(kind="lighting", text=" ", place="shed")) is (
        Verdict.NOTHING_SAID
    )
    assert verdict(told.case, NewReport(kind="ufo", text="x", place="shed")) is Verdict.NOTHING_SAID
    assert verdict(spam.case, LAMP) is Verdict.NOT_NOW
    assert verdict("none", LAMP) is Verdict.NO_SUCH_CASE
    desk.close_unsolved(
        office.engine, told.case, CaseOutcome.INVALID, actor="li", now=MONDAY_10, note="no"
    )
    assert verdict(told.case, LAMP) is Verdict.NOT_NOW


def test_who_asks_to_be_forgotten_is_forgotten_in_the_parts_too(office: Office) -> None:
    told = office.report("I am Wang", contact="138")
    part = cut(office, told.case, NewReport(kind="door", text="Wang's door", place="gate"))
    desk.ask_back(office.engine, part, text="Wang again", now=MONDAY_10)
    erase(office.engine, office.data, told.case, actor="li", now=MONDAY_10)
    with office.engine.connect() as connection:
        words = [
            *connection.scalars(select(Case.text)),
            *connection.scalars(select(CaseEvent.note)),
        ]
    assert "Wang" not in " ".join(words)
