"""A covered camera and a resident who sees it find each other, from the record to the reporter."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from configs.rules import Condition
from hub.cases import desk, receive
from hub.cases.receive import NewReport
from hub.cases.tables import Case
from hub.cases.vault import Vault
from hub.state.store import reading
from hub.state.tables import Alert
from tests.hub import chain
from tests.hub.chain import SITE, T0, Hub, batch, count_record, rule
from web.cases.queries import cases, near, story
from wire.records import Fault, SceneFault

COVERED = replace(
    SITE,
    rules=(
        rule("covered", "*", Condition(signal="scene.fault.covered", above=0)),
        rule("told", "*", Condition(signal="reports.hazard", above=0)),
    ),
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(chain, "SITE", COVERED)
    found = Hub(tmp_path)
    found.take(T0, batch("a", T0, count_record(1, T0, 0)))
    return found


def test_a_covered_camera_and_a_report_at_its_place_find_each_other(hub: Hub) -> None:
    fault = SceneFault(seq=2, ts=T0 + 1000, source="cam", fault=Fault.COVERED, active=True)
    hub.take(T0 + 1020, batch("a", T0 + 1010, fault))
    told = receive.receive(
        hub.database, COVERED, NewReport(kind="hazard", text="The camera is covered", place="yard"),
        vault=Vault(hub.folder), data=hub.folder, now=T0 + 60_000,
    )  # fmt: skip
    hub.take(T0 + 60_500, batch("a", T0 + 60_490, count_record(3, T0 + 60_490, 0)))
    hub.take(T0 + 61_000, batch("a", T0 + 60_990, count_record(4, T0 + 60_990, 0)))
    assert {row[0] for row in hub.alerts()} == {"covered", "told"}
    with reading(hub.database).connect() as connection:
        (case,) = cases(connection, Case.id == told.case)
        found = connection.execute(Alert.__table__.select().where(near(case))).mappings().all()
    assert {row["rule"] for row in found} == {"covered", "told"}
    covered = next(row["id"] for row in found if row["rule"] == "covered")
    desk.link(hub.database, told.case, covered, actor="li", now=T0 + 90_000)
    with reading(hub.database).connect() as connection:
        assert [one.kind for one in story(connection, told.case, public=True)] == [
            "received", "confirmed",
        ]  # fmt: skip
