"""A device or an address can be shut out for a while, with a reason, and answers it."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from hub import audit
from hub.cases import blocks, receive
from hub.cases.desk import Verdict
from hub.cases.erase import erase
from hub.cases.receive import NewReport
from hub.cases.senders import Marks, marks
from hub.cases.tables import CaseSender, SenderBlock
from hub.cases.vault import Vault
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office

DAY = 24 * HOUR
REPORT = NewReport(kind="noise", text="la la la", place="gate")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def told(office: Office, sender: Marks) -> str:
    return receive.receive(
        office.engine, SITE, replace(REPORT, sender=sender), vault=office.vault,
        data=office.data, now=MONDAY_10,
    ).case  # fmt: skip


def block(office: Office, case: str, kind: str = "device", **parts: object) -> Verdict:
    asked = {"reason": "nonsense, ten times", "days": 7, "actor": "li", "now": MONDAY_10} | parts
    return blocks.block(office.engine, case, kind, **asked).verdict  # type: ignore[arg-type]


def holds(office: Office, sender: Marks, now: int = MONDAY_10) -> list[str]:
    return [row["kind"] for row in blocks.standing(office.engine, ["garden"], sender, now)]


def test_a_device_is_blocked_until_its_end_and_its_neighbour_is_not(office: Office) -> None:
    first, second = (marks(office.vault, name, "10.0.0.7") for name in ("phone-1", "phone-2"))
    assert block(office, told(office, first)) is Verdict.DONE
    assert (holds(office, first), holds(office, second)) == (["device"], [])
    assert holds(office, first, MONDAY_10 + 7 * DAY) == []
    assert blocks.standing(office.engine, ["other"], first, MONDAY_10) == []


def test_an_address_is_blocked_whatever_the_device_and_of_ipv6_the_home(office: Office) -> None:
    one, other = (marks(office.vault, name, f"2001:db8::{name}") for name in ("1", "2"))
    far = marks(office.vault, "3", "2001:db8:1::1")
    assert block(office, told(office, one), "address") is Verdict.DONE
    assert (holds(office, other), holds(office, far)) == (["address"], [])


def test_a_block_needs_a_reason_an_end_and_a_sender_that_is_known(office: Office) -> None:
    case = told(office, marks(office.vault, "phone", "10.0.0.7"))
    nobody = office.report().case
    assert [
        block(office, case, reason=" "), block(office, case, days=0),
        block(office, case, days=4000), block(office, case, "face"), block(office, nobody),
        block(office, "none"), block(office, case), block(office, case),
    ] == [Verdict.NOTHING_SAID] * 4 + [
        Verdict.NO_SENDER, Verdict.NO_SUCH_CASE, Verdict.DONE, Verdict.SAME,
    ]  # fmt: skip


def test_a_block_is_answered_once_and_lifted(office: Office) -> None:
    sender = marks(office.vault, "phone", "10.0.0.7")
    block(office, told(office, sender))

    def answer(text: str) -> bool:
        return blocks.appeal(office.engine, ["garden"], sender, text=text, now=MONDAY_10)

    assert [answer(" "), answer("It was my child"), answer("again")] == [False, True, False]
    with office.engine.connect() as connection:
        row = connection.execute(select(SenderBlock.id, SenderBlock.appeal)).one()
    assert row.appeal == "It was my child"
    assert blocks.lift(office.engine, row.id, actor="wang", now=MONDAY_10 + HOUR).done
    assert holds(office, sender, MONDAY_10 + 2 * HOUR) == []
    again = blocks.lift(office.engine, row.id, actor="wang", now=MONDAY_10 + HOUR)
    assert again.verdict is Verdict.SAME
    assert audit.verify(office.engine).whole


def test_who_asks_to_be_forgotten_leaves_no_mark_and_no_answer(office: Office) -> None:
    sender = marks(office.vault, "phone", "10.0.0.7")
    case = told(office, sender)
    block(office, case)
    blocks.appeal(office.engine, ["garden"], sender, text="I am Wang", now=MONDAY_10)
    erase(office.engine, office.data, case, actor="li", now=MONDAY_10)
    with office.engine.connect() as connection:
        assert connection.execute(select(CaseSender)).all() == []
        assert connection.scalar(select(SenderBlock.appeal)) == ""
    assert holds(office, sender) == ["device"]


def test_marks_say_nothing_and_go_after_their_time(office: Office) -> None:
    sender = marks(office.vault, "phone", "10.0.0.7")
    assert sender == marks(Vault(office.data), "phone", "10.0.0.7")
    other = office.data / "other"
    other.mkdir()
    assert sender != marks(Vault(other), "phone", "10.0.0.7")
    block(office, told(office, sender))
    store = b"".join(path.read_bytes() for path in office.data.glob("state.db*"))
    assert b"10.0.0.7" not in store
    assert blocks.purge(office.engine, "garden", MONDAY_10) == 0
    assert blocks.purge(office.engine, "garden", MONDAY_10 + DAY) == 1
    assert holds(office, sender) == ["device"]  # a block holds to its end
    blocks.purge(office.engine, "garden", MONDAY_10 + 8 * DAY)
    with office.engine.connect() as connection:
        left = [connection.execute(select(table)).all() for table in (CaseSender, SenderBlock)]
    assert left == [[], []]
