"""Residents' reports as a signal of their place: live, after a restart, and in a backtest."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from configs.rules import Condition, Severity
from hub.backtest.reader import Missed, Report
from hub.backtest.replayer import Replayer
from hub.cases import desk, receive
from hub.cases.receive import NewReport, Received
from hub.cases.tables import CaseOutcome
from hub.cases.vault import Vault
from hub.patrols import plans, upkeep
from hub.patrols.plans import NewPlan
from hub.patrols.tables import Checkpoint, Patrol
from tests.hub import chain
from tests.hub.chain import SITE, T0, Hub, batch, count_record, rule

HOUR, DAY = 3_600_000, 86_400_000
CLUSTER = replace(
    SITE,
    rules=(
        rule("cluster", "*", Condition(signal="reports.hazard", above=2), severity=Severity.MEDIUM),
    ),
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(chain, "SITE", CLUSTER)
    found = Hub(tmp_path)
    for node in "ab":  # both are heard live
        found.take(T0, batch(node, T0, count_record(1, T0, 0)))
    return found


def tell(hub: Hub, now: int, *, kind: str = "fire-lane", place: str = "yard") -> Received:
    return receive.receive(
        hub.database, CLUSTER, NewReport(kind=kind, text="blocked", place=place),
        vault=Vault(hub.folder), data=hub.folder, now=now,
    )  # fmt: skip


def fired(hub: Hub) -> list[tuple[str, str, int, int | None]]:
    return [(row[0], row[1], row[4], row[5]) for row in hub.alerts()]


def close(hub: Hub, told: Received, now: int) -> None:
    desk.close_unsolved(
        hub.database, told.case, CaseOutcome.UNSOLVED, actor="li", now=now, note="no"
    )


def run(hub: Hub) -> None:
    """Three reports one after the other, one of them closed later."""
    told = [tell(hub, T0 + 1000)]
    hub.take(T0 + 1500)
    told += [tell(hub, T0 + 2000), tell(hub, T0 + 2000, kind="lighting")]
    hub.take(T0 + 3000)
    close(hub, told[0], T0 + 4000)
    hub.take(T0 + 5000)


def test_three_hazards_of_several_kinds_at_one_place_raise_the_rule_and_end_it(hub: Hub) -> None:
    run(hub)
    assert fired(hub) == [("cluster", "yard", T0 + 2001, T0 + 4001)]


def test_a_report_waits_while_a_node_of_its_place_is_behind(hub: Hub) -> None:
    for number in range(3):
        tell(hub, T0 + 1000 + number)
    hub.take(T0 + 1050)
    assert fired(hub) == []
    hub.take(T0 + 2000)
    assert len(fired(hub)) == 1


def test_suggestions_and_reports_that_wait_for_a_look_are_no_hazards(hub: Hub) -> None:
    for number in range(3):
        tell(hub, T0 + 1000 + number, kind="suggestion")
    hub.take(T0 + 2000)
    hub.take(T0 + 3000)
    assert fired(hub) == []
    assert hub.pipeline.engine.places["s", "yard"].values["reports.suggestion"] == 3


def test_a_restart_counts_what_came_while_the_hub_was_away(hub: Hub) -> None:
    tell(hub, T0 + 1000)
    hub.take(T0 + 1500)
    tell(hub, T0 + 1600)
    tell(hub, T0 + 1700)
    hub.start(T0 + 60_000)
    hub.take(T0 + 61_000)
    hub.take(T0 + 130_000)
    assert [row[:2] for row in fired(hub)] == [("cluster", "yard")]
    hub.start(T0 + 140_000)  # from the journal alone: nothing is told twice
    hub.take(T0 + 141_000)
    hub.take(T0 + 210_000)
    assert [row[:2] for row in fired(hub)] == [("cluster", "yard")]
    assert hub.alerts()[0][2] == "firing"


def test_walks_that_miss_a_checkpoint_in_a_row_raise_a_rule_until_one_reaches_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = rule("missed", "*", Condition(signal="patrol.missed", above=1))
    site = replace(SITE, rules=(twice,))
    monkeypatch.setattr(chain, "SITE", site)
    hub.start(T0)
    over = []
    for number in range(4):
        begins = T0 + (number + 1) * DAY
        new = NewPlan(title="Walk", route=["yard"], first_at=begins, length_ms=HOUR, capacity=2)
        plans.plan(hub.database, site, new, actor="li", now=T0)
        over.append(begins + 2 * HOUR + 1)
    for number, at in enumerate(over):
        if number == 2:
            _reach(hub, at)
        upkeep.close(hub.database, at)
        hub.take(at)
        hub.take(at + HOUR)
    points = [p for entry in hub.entries for p in entry.signals if p.name == "patrol.missed"]
    assert [round(point.value) for point in points] == [1, 2, 0, 1]
    [(name, place, fired_ts, resolved_ts)] = fired(hub)
    assert (name, place, resolved_ts) == ("missed", "yard", points[2].ts)
    replayer = Replayer(site)
    for number, point in enumerate(points):
        replayer.take((point.ts, -number - 1, "", Missed(point.place, round(point.value))))
    replayer.finish(over[-1] + HOUR)
    [again] = replayer.alerts.between(T0, over[-1] + HOUR)
    assert (again.fired_ts, again.resolved_ts) == (fired_ts, resolved_ts)
    for at in (over[-1] + 20 * DAY, over[-1] + 20 * DAY + HOUR):  # nobody walks there any more
        hub.take(at)
    told = [p.value for entry in hub.entries for p in entry.signals if p.name == "patrol.missed"]
    assert told[-1] == 0


def _reach(hub: Hub, before: int) -> None:
    newest = select(Patrol.id).where(Patrol.closed_at.is_(None), Patrol.ends_at < before)
    with hub.database.begin() as connection:
        reached = update(Checkpoint).where(Checkpoint.patrol.in_(newest))
        connection.execute(reached.values(reached_at=before))


def test_a_backtest_over_the_stored_signal_raises_the_same_alerts_to_the_millisecond(
    hub: Hub,
) -> None:
    run(hub)
    replayer = Replayer(CLUSTER)
    signals = [point for entry in hub.entries for point in entry.signals]
    for number, point in enumerate(signals):
        if point.name.startswith("reports."):
            kind = point.name.removeprefix("reports.")
            report = Report(point.place, kind, round(point.value))
            replayer.take((point.ts, -number - 1, "", report))
    replayer.finish(T0 + 10_000)
    again = replayer.alerts.between(T0, T0 + 10_000)
    assert [(a.rule, a.place, a.fired_ts, a.resolved_ts) for a in again] == fired(hub)
