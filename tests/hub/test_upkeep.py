"""What is past its time goes, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert, select

from configs.servers import HubSettings
from hub.cases.receive import NewReport, receive
from hub.cases.senders import marks
from hub.cases.tables import CaseEvent, CaseSender
from hub.ledger import Ledger
from hub.metrics import HubMetrics
from hub.notify.tables import Delivery, DeliveryAttempt, DeliveryState
from hub.pictures import PictureFolder
from hub.series.sqlite import SqliteSeries
from hub.state.tables import Picture
from hub.upkeep import PURGE_EVERY_MS, Upkeep
from tests.hub.cases.world import MONDAY_10, SITE, Office
from tests.hub.chain import T0, open_database

DAY = 86_400_000
SETTINGS = HubSettings()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    database = open_database(tmp_path)
    yield database
    database.dispose()


def _tell(_key: str, _text: str, _now: int) -> None:
    """What would be shown on the console is not looked at here."""


@pytest.fixture
def upkeep(tmp_path: Path, database: Engine) -> Upkeep:
    series = SqliteSeries(tmp_path / "series.db")
    metrics = HubMetrics(CollectorRegistry())
    settings = HubSettings(data=str(tmp_path))
    return Upkeep(settings, database, Ledger(), series, metrics, list, _tell)


def test_pictures_go_with_their_files(tmp_path: Path, database: Engine, upkeep: Upkeep) -> None:
    folder = PictureFolder(tmp_path)
    for ref, ts in (("old", T0), ("new", T0 + DAY)):
        folder.put("s", "a", ref, b"jpeg")
        with database.begin() as connection:
            row = {"site": "s", "node": "a", "ref": ref, "source": "cam", "ts": ts, "size": 4}
            connection.execute(insert(Picture), row)
    upkeep.run(T0 + SETTINGS.keep_pictures + 1, lambda _now: None)
    with database.connect() as connection:
        assert connection.scalars(select(Picture.ref)).all() == ["new"]
    assert not folder.path("s", "a", "old").exists()
    assert folder.path("s", "a", "new").exists()


def test_what_is_due_of_cases_is_told_and_whence_reports_came_is_forgotten(
    tmp_path: Path,
) -> None:
    office = Office(tmp_path)
    told = NewReport(
        kind="noise", text="la la", place="gate", sender=marks(office.vault, "phone", "10.0.0.7")
    )
    receive(office.engine, SITE, told, vault=office.vault, data=tmp_path, now=MONDAY_10)
    series, metrics = SqliteSeries(tmp_path / "series.db"), HubMetrics(CollectorRegistry())
    settings = HubSettings(data=str(tmp_path))
    upkeep = Upkeep(settings, office.engine, Ledger(), series, metrics, lambda: [SITE], _tell)
    upkeep.run(MONDAY_10 + DAY, lambda _now: None)

    def left() -> tuple[list[str], int]:
        with office.engine.connect() as connection:
            warned = select(CaseEvent.note).where(CaseEvent.kind == "warned")
            senders = connection.execute(select(CaseSender)).all()
            return list(connection.scalars(warned)), len(senders)

    assert left() == (["answer:75"], 1)
    upkeep.run(MONDAY_10 + 31 * DAY, lambda _now: None)
    assert left() == (["answer:75", "solve:75"], 0)


def _deliver(database: Engine, step: str, state: DeliveryState, at: int) -> None:
    row = {
        "step": step, "site": "s", "route": "room", "alert": "a1", "place": "yard",
        "kind": "firing", "severity": "high", "payload": {}, "created_at": at, "due_at": at,
        "state": state,
    }  # fmt: skip
    with database.begin() as connection:
        key = connection.execute(insert(Delivery), row).inserted_primary_key
        assert key is not None
        tried = {"message": step, "delivery": key[0], "at": at}
        connection.execute(insert(DeliveryAttempt), tried)


def test_deliveries_that_are_done_with_go_and_those_still_to_be_sent_stay(
    database: Engine, upkeep: Upkeep
) -> None:
    for state in DeliveryState:
        _deliver(database, f"old-{state}", state, T0)
    _deliver(database, "new-sent", DeliveryState.SENT, T0 + DAY)
    now = T0 + SETTINGS.keep_deliveries + 1
    upkeep.run(now, lambda _now: None)
    with database.connect() as connection:
        assert set(connection.scalars(select(Delivery.step))) == {
            "old-queued", "old-muted", "new-sent",
        }  # fmt: skip
        tries = connection.scalars(select(DeliveryAttempt.message)).all()
        assert set(tries) == {"old-queued", "old-muted", "new-sent"}
    upkeep.run(now + DAY + PURGE_EVERY_MS, lambda _now: None)
    with database.connect() as connection:
        assert set(connection.scalars(select(Delivery.step))) == {"old-queued", "old-muted"}


def test_a_hub_that_writes_no_letters_loads_no_cryptography() -> None:
    told = "import sys, hub.service; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
