"""Who hears of a case: owners and managers before its time is over, and who reported it."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select

from configs.notify import Route
from configs.residents import CaseEscalation
from configs.rules import Severity
from configs.site import SiteFile
from hub.cases import contacts, desk, receive
from hub.cases.desk import Step
from hub.cases.escalate import Escalator
from hub.cases.receive import NewReport, Received
from hub.cases.tables import CaseEvent, CaseOutcome
from hub.notify.notifier import Notifier
from hub.notify.senders import Sender
from hub.notify.tables import Delivery
from hub.notify.text import compose
from hub.state.tables import Alert
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office
from tests.hub.notify.mail import Mailbox, serving_mail
from tests.hub.notify.world import FakeSender
from wire.mqtt import Broker

# apprise imports imghdr, which Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
DAY = 24 * HOUR
READER = "wang.li+home@mail.example"


def route(name: str, **parts: object) -> Route:
    return Route(id=name, kind="apprise", url_env=f"URL_{name.upper()}", **parts)  # type: ignore[arg-type]


def telling(**parts: object) -> SiteFile:
    residents = replace(
        SITE.residents, owners={"wang": "wang"},
        escalate=(
            CaseEscalation(percent=50, to=("owner",)),
            CaseEscalation(percent=75, to=("owner", "managers")),
            CaseEscalation(percent=100, to=("managers",)),
        ), **parts,
    )  # fmt: skip
    letters = route("letters", base_url="https://garden.example")
    managers = route("managers", base_url="https://garden.example", language="zh")
    return replace(SITE, residents=residents, routes=(route("wang"), managers, letters))


class Post:
    """A hub's notifier, with a clock that the test turns; only letters go to a real server."""

    def __init__(self, office: Office, file: SiteFile) -> None:
        self.office, self.file, self.now = office, file, MONDAY_10
        self.senders = {one.id: FakeSender() for one in file.routes}
        self.escalator = Escalator(office.engine, lambda: [file])
        self.notifier = Notifier(
            office.engine, "hub", [file], Broker(), lambda: self.now, data=office.data,
            registry=CollectorRegistry(), open_with=self._sender,
        )  # fmt: skip

    def _sender(self, route: Route, _broker: Broker) -> Sender:
        return self.senders[route.id]

    def at(self, now: int) -> None:
        """Let everybody do what is due, and what that leads to."""
        self.now = now
        self.escalator.run(now)
        for ahead in (0, 3000):
            self.now = now + ahead
            for work in self.notifier.step():
                work.result(60)

    def told(self, name: str) -> list[str]:
        """Titles of what a route got."""
        found = next(one for one in self.file.routes if one.id == name)
        return [compose(message, found)[0] for message in self.senders[name].got]

    def states(self, kind: str) -> list[tuple[str, str]]:
        query = select(Delivery.state, Delivery.why).where(Delivery.kind == kind)
        with self.office.engine.connect() as connection:
            rows = connection.execute(query.order_by(Delivery.id))
            return [(row.state, row.why) for row in rows]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def post(office: Office) -> Iterator[Post]:
    made = Post(office, telling())
    yield made
    made.notifier._pool.shutdown()


def story(office: Office, case: str) -> list[str]:
    query = select(CaseEvent.note).where(CaseEvent.case == case, CaseEvent.kind == "warned")
    with office.engine.connect() as connection:
        return list(connection.scalars(query.order_by(CaseEvent.id)))


def test_a_deadline_is_told_before_it_is_missed_to_the_owner_and_then_to_managers(
    office: Office, post: Post
) -> None:
    case = office.report().case  # an answer in 1 h of work, a solution in 8
    desk.walk(office.engine, case, Step.VERIFY, actor="wang", owner="wang", now=MONDAY_10)
    post.at(MONDAY_10 + 3 * HOUR)
    assert post.told("wang") == []
    post.at(MONDAY_10 + 4 * HOUR)
    code = office.case(case).code
    due = f"[Medium] a report is due soon: {code} Fire lane or exit blocked · Gate"
    assert (post.told("wang"), post.told("managers")) == ([due], [])
    post.at(MONDAY_10 + 6 * HOUR)
    soon = f"[中] 上报即将到期：{code} 消防通道堵塞 · 大门"
    assert (post.told("wang"), post.told("managers")) == ([due, due], [soon])
    post.at(MONDAY_10 + DAY)  # 18:00 comes first: it is due at 9:00 of Tuesday
    late = f"[中] 上报已逾期：{code} 消防通道堵塞 · 大门"
    assert post.told("managers") == [soon, late]
    post.at(MONDAY_10 + 2 * DAY)
    Post(office, post.file).at(MONDAY_10 + 2 * DAY)  # a hub that was started again
    assert post.told("managers") == [soon, late]
    assert story(office, case) == ["solve:50", "solve:75", "solve:100"]
    body = compose(post.senders["managers"].got[0], post.file.routes[1])[1]
    assert f"https://garden.example/cases/{case}" in body
    assert "应于 2025-11-24 18:00:00 前解决" in body
    assert "A car stands" not in body  # words of residents stay where they can be deleted


def test_an_answer_that_is_due_is_told_while_nobody_has_answered(
    office: Office, post: Post
) -> None:
    late, answered = office.report("one"), office.report("two")
    desk.answer(office.engine, answered.case, actor="li", text="We come", now=MONDAY_10)
    post.at(MONDAY_10 + HOUR)
    assert story(office, late.case) == ["answer:100"]
    assert story(office, answered.case) == []
    assert len(post.told("managers")) == 1


def test_another_severity_brings_other_deadlines_and_new_warnings(
    office: Office, post: Post
) -> None:
    case = office.report().case
    desk.answer(office.engine, case, actor="li", text="We come", now=MONDAY_10)
    post.at(MONDAY_10 + 4 * HOUR)
    desk.grade(office.engine, post.file, case, Severity.LOW, actor="li", now=MONDAY_10)
    post.at(MONDAY_10 + 4 * HOUR + 60_000)
    assert story(office, case) == ["solve:50"]
    post.at(MONDAY_10 + DAY)
    assert story(office, case) == ["solve:50", "solve:50"]


def test_what_was_closed_meanwhile_is_not_told(office: Office, post: Post) -> None:
    case = office.report().case
    post.escalator.run(MONDAY_10 + DAY)
    desk.close_unsolved(
        office.engine, case, CaseOutcome.INVALID, actor="li", now=MONDAY_10, note="no car"
    )
    post.at(MONDAY_10 + DAY)
    assert post.told("managers") == []
    assert {why for _state, why in post.states("case-late")} == {"it was closed before"}


def test_who_is_given_a_case_hears_of_it(office: Office, post: Post) -> None:
    case = office.report().case
    desk.assign(office.engine, case, owner="wang", actor="li", now=MONDAY_10)
    desk.assign(office.engine, case, owner="nobody", actor="li", now=MONDAY_10)
    desk.assign(office.engine, case, owner="wang", actor="wang", now=MONDAY_10)
    post.at(MONDAY_10)
    code = office.case(case).code
    assert post.told("wang") == [
        f"[Medium] a report for you: {code} Fire lane or exit blocked · Gate"
    ]


@pytest.fixture
def mail(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Post, Mailbox]]:
    with serving_mail() as (box, port):
        monkeypatch.setenv("URL_LETTERS", f"mailto://127.0.0.1:{port}?from=linli@garden.example")
        post = Post(office, telling(mail="letters"))
        yield post, box
        post.notifier._pool.shutdown()


def reported(office: Office, **parts: object) -> Received:
    said = NewReport(kind="fire-lane", text="A car of house 7", place="gate", mail=True,
                     contact=f"138 0000 1111, {READER}")  # fmt: skip
    told = replace(said, **parts)
    return receive.receive(
        office.engine, SITE, told, vault=office.vault, data=office.data, now=MONDAY_10
    )


def test_a_reporter_who_asked_for_it_hears_by_mail_what_happens(
    office: Office, mail: tuple[Post, Mailbox], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (post, box), told = mail, reported(office)
    reported(office, mail=False, language="zh")
    row = {"id": "a1", "site": "garden", "place": "gate", "rule": "covered", "severity": "high",
           "state": "firing", "pending_ts": MONDAY_10}  # fmt: skip
    with office.engine.begin() as connection:
        connection.execute(insert(Alert).values(row))
    post.at(MONDAY_10)
    assert box.mails == []  # nobody is written to before somebody has looked
    desk.walk(office.engine, told.case, Step.VERIFY, actor="li", now=MONDAY_10)
    desk.link(office.engine, told.case, "a1", actor="li", now=MONDAY_10)
    post.at(MONDAY_10 + HOUR)
    desk.answer(office.engine, told.case, actor="li", text="We come", now=MONDAY_10 + HOUR)
    desk.note(office.engine, told.case, actor="li", text="inside", now=MONDAY_10 + HOUR)
    post.at(MONDAY_10 + 2 * HOUR)
    post.at(MONDAY_10 + 3 * HOUR)
    first, second = box.read()
    assert READER in first.to
    assert first.subject == f"Garden: news of your report {told.code}"
    assert "We have looked: it is so" in first.body
    assert "Sensors confirm what you told us." in first.body  # both in one letter
    assert "There is an answer for you." in second.body
    link = re.search(r"https://garden\.example/r/([0-9a-f]+)", first.body)
    assert link is not None
    assert receive.followed(office.engine, link[1]) == [told.case]
    for word in ("house 7", "138 0000", "Gate", "We come", "inside"):
        assert word not in first.body + second.body
    store = b"".join(path.read_bytes() for path in office.data.glob("state.db*"))
    for kept in (caplog.text, store.decode("latin-1")):
        assert READER not in kept
        assert told.token not in kept


def test_of_a_report_that_was_turned_away_goes_no_letter(
    office: Office, mail: tuple[Post, Mailbox]
) -> None:
    (post, box), away, real = mail, reported(office, held="trap"), reported(office)
    for told in (away, real):
        desk.close_unsolved(
            office.engine, told.case, CaseOutcome.INVALID, actor="li", now=MONDAY_10, note="No"
        )
    post.at(MONDAY_10)
    post.at(MONDAY_10 + HOUR)
    (letter,) = box.read()
    assert real.code in letter.subject


def test_a_mail_server_that_is_away_delays_a_letter_and_it_comes_once(
    office: Office, mail: tuple[Post, Mailbox], caplog: pytest.LogCaptureFixture
) -> None:
    (post, box), told = mail, reported(office, language="zh")
    box.answer = f"451 not now, {READER}"
    desk.answer(office.engine, told.case, actor="li", text="We come", now=MONDAY_10)
    post.at(MONDAY_10)
    ((state, why),) = post.states("letter")
    assert state == "queued"
    assert READER not in why + caplog.text
    box.answer = "250 OK"
    for minutes in (1, 20, 40):
        post.at(MONDAY_10 + minutes * 60_000)
    (letter,) = box.read()
    assert letter.subject == f"花园：您的上报 {told.code} 有新进展"
    assert post.states("letter") == [("sent", "")]


def test_who_has_their_contact_deleted_is_not_written_to(
    office: Office, mail: tuple[Post, Mailbox]
) -> None:
    (post, box), told = mail, reported(office)
    desk.answer(office.engine, told.case, actor="li", text="We come", now=MONDAY_10)
    post.notifier.step()
    contacts.forget_one(office.engine, told.token, now=MONDAY_10)
    post.at(MONDAY_10)
    assert box.mails == []
    assert post.states("letter") == [("needless", "the reporter's contact is deleted")]


def test_who_said_me_too_and_who_was_merged_hear_of_it_each_with_a_link_of_their_own(
    office: Office, mail: tuple[Post, Mailbox]
) -> None:
    (post, box), first, second = mail, reported(office), reported(office)
    receive.me_too(
        office.engine, first.case, contact="zhao@mail.example", vault=office.vault,
        request_key="", now=MONDAY_10, mail=True, language="zh",
    )  # fmt: skip
    desk.merge(office.engine, second.case, first.code, actor="li", now=MONDAY_10)
    post.at(MONDAY_10)
    (joined,) = box.read()
    assert "It had been reported before." in joined.body
    box.mails.clear()
    desk.answer(office.engine, first.case, actor="li", text="We come", now=MONDAY_10)
    post.at(MONDAY_10 + HOUR)
    letters = box.read()
    assert sorted(one.to for one in letters).count("zhao@mail.example") == 1
    links = {re.findall(r"/r/([0-9a-f]+)", one.body)[0] for one in letters}
    assert len(links) == 3
    assert [receive.followed(office.engine, link) for link in links] == [[first.case]] * 3


def test_a_case_that_was_not_solved_is_not_said_to_be(
    office: Office, mail: tuple[Post, Mailbox]
) -> None:
    (post, box), told = mail, reported(office, language="zh")
    desk.close_unsolved(
        office.engine, told.case, CaseOutcome.UNSOLVED, actor="li", now=MONDAY_10, note="too dear"
    )
    post.at(MONDAY_10)
    (letter,) = box.read()
    assert "已结案，但未能解决。" in letter.body
    assert "too dear" not in letter.body


def test_to_be_written_to_needs_an_address(office: Office) -> None:
    with pytest.raises(receive.ReportRefused) as refused:
        reported(office, contact="138 0000 1111")
    assert refused.value.field == "contact"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (f"Wang {READER}, 138", READER),
        ("a@b", ""),
        ("a@b.example\nBcc: c@d.example", "a@b.example"),
        ("x@y.example@z.example", ""),
        ("<li@court.example>", "li@court.example"),
    ],
)
def test_an_address_is_found_in_what_somebody_wrote(written: str, found: str) -> None:
    assert contacts.mail_address(written) == found
