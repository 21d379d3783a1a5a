"""A volunteer is reminded once, by letter where that can be, and of nothing that is off."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select, update

from configs.notify import Route
from hub.neighbours.tables import Resident
from hub.notify.notifier import Notifier
from hub.notify.tables import Delivery
from hub.patrols import plans, signup
from hub.patrols.change import change
from hub.patrols.plans import NewPlan
from hub.patrols.remind import letters, remind
from hub.patrols.tables import Patrol
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office
from tests.hub.notify.mail import Mailbox, serving_mail
from wire.mqtt import Broker

# apprise imports imghdr, which Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
START = MONDAY_10 + 24 * HOUR
MAIL = "wang@mail.example"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an office, made once and copied."""
    folder = tmp_path_factory.mktemp("office")
    Office(folder).engine.dispose()
    return folder


class Post:
    """A hub with a real mail server."""

    def __init__(self, office: Office, port: int, patch: pytest.MonkeyPatch) -> None:
        patch.setenv(
            "LETTERS", f"mailto://127.0.0.1:{port}/?from=linli@mail.example&to=x@y.example"
        )
        route = Route(id="letters", kind="apprise", url_env="LETTERS",
                      base_url="https://garden.example")  # fmt: skip
        residents = replace(SITE.residents, mail="letters")
        self.file = replace(SITE, residents=residents, routes=(route,))
        self.office, self.now = office, MONDAY_10
        self.notifier = Notifier(
            office.engine, "hub", [self.file], Broker(), lambda: self.now, data=office.data,
            registry=CollectorRegistry(),
        )  # fmt: skip

    def remind(self, now: int) -> int:
        self.now = now
        return remind(self.office.engine, [self.file], self.office.data, now)

    def carry(self) -> None:
        for work in self.notifier.step():
            work.result(60)

    def states(self) -> list[tuple[str, str]]:
        with self.office.engine.connect() as connection:
            rows = connection.execute(select(Delivery.state, Delivery.why).order_by(Delivery.id))
            return [(state, why) for state, why in rows]


@pytest.fixture
def office(empty: Path, tmp_path: Path) -> Iterator[Office]:
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    found = Office(tmp_path)
    yield found
    found.engine.dispose()


@pytest.fixture
def box() -> Iterator[tuple[Mailbox, int]]:
    with serving_mail() as found:
        yield found


@pytest.fixture
def post(
    office: Office, box: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Post]:
    made = Post(office, box[1], monkeypatch)
    yield made
    made.notifier._pool.shutdown()


def signed(office: Office, *contacts: str, capacity: int = 9) -> str:
    """A walk with a volunteer for each contact."""
    new = NewPlan(title="Evening walk", route=["gate"], first_at=START, length_ms=HOUR,
                  capacity=capacity)  # fmt: skip
    plans.plan(office.engine, SITE, new, actor="li", now=MONDAY_10)
    with office.engine.begin() as connection:
        walk = connection.scalar(select(Patrol.id)) or ""
        rows = [
            {"name": f"r{n}", "name_key": f"r{n}", "password_hash": "", "session_key": "",
             "contact": office.vault.seal(contact), "created_at": 0, "seen_at": 0}
            for n, contact in enumerate(contacts)
        ]  # fmt: skip
        connection.execute(insert(Resident), rows)
        people = connection.scalars(select(Resident.id).order_by(Resident.id)).all()
    for one in people:
        signup.sign_up(office.engine, walk, one, most=9, now=MONDAY_10)
    return walk


def test_a_volunteer_with_a_place_is_reminded_once_and_written_to_where_there_is_an_address(
    office: Office, post: Post, box: tuple[Mailbox, int]
) -> None:
    walk = signed(office, MAIL, "13800001111", "li@mail.example", capacity=2)
    assert post.remind(START - 12 * HOUR - 1) == 0
    assert post.remind(START - 12 * HOUR) == 2  # the third waits for a place
    assert post.remind(START - 11 * HOUR) == 0
    post.carry()
    (mail,) = box[0].read()
    assert mail.to == MAIL
    assert (
        mail.subject == "花园：您的巡查，2025-11-25 10:00 · Garden: your patrol, 2025-11-25 10:00"
    )
    assert "Evening walk begins at 2025-11-25 10:00." in mail.body
    assert f"https://garden.example/walks/{walk}" in mail.body
    assert post.states() == [("sent", "")]
    with office.engine.connect() as connection:
        kept = str(connection.execute(select(Delivery.__table__)).all())
    assert MAIL not in kept
    signup.withdraw(office.engine, walk, 1, now=START - 10 * HOUR)
    assert post.remind(START - 9 * HOUR) == 1  # who moved up


@pytest.mark.parametrize(
    ("undo", "why"),
    [
        ("withdraw", "the volunteer has withdrawn"),
        ("cancel", "the patrol was called off"),
        ("wait", "the patrol is over"),
    ],
)
def test_what_is_off_by_then_is_not_written(
    office: Office, post: Post, box: tuple[Mailbox, int], undo: str, why: str
) -> None:
    walk = signed(office, MAIL)
    post.remind(START - HOUR)
    if undo == "withdraw":
        signup.withdraw(office.engine, walk, 1, now=post.now)
    elif undo == "wait":
        post.now = START + HOUR
    else:
        plans.cancel(office.engine, walk, actor="li", now=post.now)
    post.carry()
    assert (box[0].mails, post.states()) == ([], [("needless", why)])


def test_those_who_had_signed_up_hear_that_a_walk_was_called_off(
    office: Office, post: Post, box: tuple[Mailbox, int]
) -> None:
    walk = signed(office, MAIL, "13800001111", "li@mail.example", capacity=1)
    tell = letters(post.file, office.data, post.now)
    for done in (True, False):
        off = plans.cancel(office.engine, walk, actor="li", now=post.now, tell=tell)
        assert off is done
    post.carry()
    assert sorted(mail.to for mail in box[0].read()) == ["li@mail.example", MAIL]
    assert "Evening walk on 2025-11-25 10:00 was called off." in box[0].read()[0].body


def test_those_who_had_signed_up_hear_that_a_walk_was_moved_and_are_reminded_again(
    office: Office, post: Post, box: tuple[Mailbox, int]
) -> None:
    walk = signed(office, MAIL, "13800001111")
    assert post.remind(START - HOUR) == 2
    post.carry()
    with office.engine.connect() as connection:
        plan = connection.scalar(select(Patrol.plan)) or ""
    new = NewPlan(title="Evening walk", route=["shed"], first_at=START + 48 * HOUR,
                  length_ms=HOUR, capacity=9)  # fmt: skip
    for count in (1, 0):  # the second time nothing is new
        tell = letters(post.file, office.data, post.now)
        done = change(office.engine, SITE, plan, new, actor="li", now=post.now, tell=tell)
        assert done == count
    post.carry()
    first, moved = box[0].read()
    assert "begins at 2025-11-25 10:00" in first.body
    assert "Evening walk has changed: it begins at 2025-11-27 10:00." in moved.body
    assert f"https://garden.example/walks/{walk}" in moved.body
    assert post.remind(START + 47 * HOUR) == 2
    post.carry()
    assert "Evening walk begins at 2025-11-27 10:00." in box[0].read()[2].body


def test_a_key_that_cannot_be_read_keeps_letters_back_and_nothing_else(
    office: Office, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    signed(office, MAIL)
    (office.data / "contacts.key").write_text("no key at all")
    assert post.remind(START - HOUR) == 1
    assert post.states() == []
    assert "a volunteer is not written to" in caplog.text


def test_an_address_that_was_deleted_meanwhile_is_not_written_to(
    office: Office, post: Post, box: tuple[Mailbox, int]
) -> None:
    signed(office, MAIL)
    post.remind(START - HOUR)
    with office.engine.begin() as connection:
        connection.execute(update(Resident).values(contact=b""))
    post.carry()
    assert box[0].mails == []
    assert post.states() == [("failed", "the volunteer's address is deleted, or cannot be read")]


def test_without_a_mail_server_the_pages_alone_remind(office: Office) -> None:
    signed(office, MAIL)
    assert remind(office.engine, [SITE], office.data, START - HOUR) == 1
    with office.engine.connect() as connection:
        assert connection.execute(select(Delivery.id)).all() == []
