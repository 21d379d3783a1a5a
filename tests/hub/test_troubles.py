"""Since when and until when something was broken stays on the books."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hub import troubles
from hub.state.tables import SourceState, TroubleSpell
from hub.troubles import FLAP_MS, UNKEPT
from tests.hub.chain import SITE, T0, Hub, batch, count_record, door_record
from wire.codec import encode
from wire.records import AGENT, DoorState, Fault, NodeHealth, SceneFault, State

MINUTE = 60_000


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """Both nodes are there and well."""
    hub = Hub(tmp_path / "data")
    hub.take(T0, batch("a", T0, count_record(1, T0, 0)))
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=False)))
    return hub


def state(node: str, ts: int, *, online: bool) -> tuple[str, bytes]:
    return f"linli/v1/s/{node}/state", encode(State(online=online, ts=ts))


def spells(hub: Hub, kind: str = "") -> list[tuple[Any, ...]]:
    """(node, source, kind, what, since, until, detail), minutes from T0; without the unkept."""

    def minutes(ts: int | None) -> float | None:
        return None if ts is None else (ts - T0) / MINUTE

    rows = sorted(hub.all(TroubleSpell.__table__), key=lambda row: row.since)
    return [
        (row.node, row.source, row.kind, row.what, minutes(row.since), minutes(row.until),
         row.detail)
        for row in rows
        if row.kind not in (UNKEPT, "unseen") and kind in ("", row.kind)
    ]  # fmt: skip


def fault(seq: int, ts: int, *, active: bool) -> SceneFault:
    return SceneFault(seq=seq, ts=ts, source="cam", fault=Fault.COVERED, active=active)


def test_a_node_that_was_cut_off_is_on_the_books_from_then_to_then(hub: Hub) -> None:
    hub.take(T0 + MINUTE, state("a", T0 + MINUTE, online=False))
    assert spells(hub) == [("a", "", "offline", "", 1, None, "")]
    hub.take(T0 + 5 * MINUTE, batch("a", T0 + 5 * MINUTE, count_record(2, T0 + 5 * MINUTE, 0)))
    assert spells(hub) == [("a", "", "offline", "", 1, 5, "")]


def test_a_node_that_never_came_is_unseen_until_it_does(tmp_path: Path) -> None:
    fresh = Hub(tmp_path / "fresh")
    fresh.take(T0 + MINUTE, batch("a", T0 + MINUTE, count_record(1, T0 + MINUTE, 0)))
    rows = fresh.all(TroubleSpell.__table__)
    assert {(row.node, row.until) for row in rows if row.kind == "unseen"} == {
        ("a", T0 + MINUTE), ("b", None),
    }  # fmt: skip


def test_a_fault_is_on_the_books_by_the_edges_clock_though_it_is_told_at_once(hub: Hub) -> None:
    told = (
        fault(2, T0 + MINUTE, active=True),
        fault(3, T0 + 9 * MINUTE, active=False),
        fault(4, T0 + 20 * MINUTE, active=True),
    )
    hub.take(T0 + 30 * MINUTE, batch("a", T0 + 30 * MINUTE, *told))
    assert spells(hub) == [
        ("a", "cam", "fault", "covered", 1, 9, ""),
        ("a", "cam", "fault", "covered", 20, None, ""),
    ]


def test_what_a_node_owed_of_a_fault_is_taken_after_what_it_sees_now(hub: Hub) -> None:
    now = T0 + 30 * MINUTE
    hub.take(now, batch("a", now, count_record(9, now, 1)))
    hub.take(now + 500, batch("a", now + 500, fault(2, T0 + MINUTE, active=True)))
    (camera,) = [row for row in hub.all(SourceState.__table__) if row.source == "cam"]
    assert camera.values["faults"] == ["covered"]
    assert camera.last_ts == now
    hub.take(now + 800, batch("a", now + 800, fault(3, T0 + 2 * MINUTE, active=False)))
    hub.take(now + 900, batch("a", now + 900, fault(4, T0 - MINUTE, active=True)))
    assert spells(hub) == [("a", "cam", "fault", "covered", 1, 2, "")]


def test_what_comes_and_goes_is_one_row_and_what_comes_back_later_another(hub: Hub) -> None:
    for at, online in ((0, False), (FLAP_MS, True), (2 * FLAP_MS - 1, False), (3 * FLAP_MS, True),
                       (5 * FLAP_MS, False)):  # fmt: skip
        hub.take(T0 + at, state("a", T0 + at, online=online))
    assert spells(hub) == [
        ("a", "", "offline", "", 0, 3, ""),
        ("a", "", "offline", "", 5, None, ""),
    ]


def test_a_number_is_kept_at_its_worst(hub: Hub) -> None:
    for minute, celsius in ((1, 86.0), (2, 93.0), (3, 88.0), (4, 70.0)):
        ts = T0 + minute * MINUTE
        said = NodeHealth(seq=minute + 1, ts=ts, source=AGENT, celsius=celsius)
        hub.take(ts, batch("a", ts, said))
    for seq, battery in ((2, 12), (3, 9), (4, 11)):
        ts = T0 + seq * MINUTE
        said_of_door = DoorState(seq=seq, ts=ts, source="door", open=False, battery=battery)
        hub.take(ts, batch("b", ts, said_of_door))
    assert spells(hub, "hot") == [("a", "", "hot", "", 1, 4, "93")]
    assert spells(hub, "battery") == [("b", "door", "battery", "", 2, None, "9")]


def test_records_that_are_lost_are_on_the_books_of_when_they_were_not_for_ever(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(5, T0 + 5, 0)))
    for minute in (3, 4):
        hub.pipeline.ledger.count_lost(T0 + MINUTE, T0 + minute * MINUTE)
        hub.take(T0 + minute * MINUTE)
    assert spells(hub) == [("a", "", "lost", "", 3, 3, "3")]
    dropped = ((5, 10), (6, 10), (20, 25), (30, 4))  # the last is of a new outbox
    for minute, count in dropped:
        ts = T0 + minute * MINUTE
        said = NodeHealth(seq=minute + 5, ts=ts, source=AGENT, dropped=count)
        hub.take(ts, batch("a", ts, said))
    assert [row[4:] for row in spells(hub, "dropped")] == [
        (5, 5, "10"), (20, 20, "15"), (30, 30, "4"),
    ]  # fmt: skip


def test_a_hub_that_begins_again_goes_on_with_its_book(hub: Hub) -> None:
    hub.take(T0 + MINUTE, state("a", T0 + MINUTE, online=False))
    hub.take(T0 + MINUTE, batch("b", T0, DoorState(seq=2, ts=T0, source="door", open=True,
                                                   tamper=True)))  # fmt: skip
    hub.start(T0 + 10 * MINUTE)
    hub.take(T0 + 11 * MINUTE, state("a", T0 + 11 * MINUTE, online=True))
    assert spells(hub) == [
        ("b", "door", "tamper", "", 0, None, ""),
        ("a", "", "offline", "", 1, 11, ""),
    ]
    (unkept,) = [row for row in hub.all(TroubleSpell.__table__) if row.kind == UNKEPT]
    assert (unkept.site, unkept.since, unkept.until) == ("s", 0, T0)


def test_a_node_that_the_configuration_leaves_out_is_broken_no_more(hub: Hub) -> None:
    hub.take(T0 + MINUTE, state("a", T0 + MINUTE, online=False))
    without = replace(SITE, nodes=SITE.nodes[1:], places=SITE.places[1:], rules=SITE.rules[2:3])
    hub.pipeline.reload([without], T0 + 3 * MINUTE)
    hub.take(T0 + 3 * MINUTE)
    assert spells(hub) == [("a", "", "offline", "", 1, 3, "")]
    hub.pipeline.reload([SITE], T0 + 7 * MINUTE)
    hub.take(T0 + 7 * MINUTE)
    assert spells(hub) == [
        ("a", "", "offline", "", 1, 3, ""),
        ("a", "", "offline", "", 7, None, ""),
    ]


def test_what_is_past_its_time_goes_and_the_book_says_so(hub: Hub) -> None:
    for minute, online in ((1, False), (2, True), (10, False)):
        hub.take(T0 + minute * MINUTE, state("a", T0 + minute * MINUTE, online=online))
    troubles.purge(hub.database, T0 + 5 * MINUTE)
    assert spells(hub) == [("a", "", "offline", "", 10, None, "")]
    (unkept,) = [row for row in hub.all(TroubleSpell.__table__) if row.kind == UNKEPT]
    assert unkept.until == T0 + 5 * MINUTE
