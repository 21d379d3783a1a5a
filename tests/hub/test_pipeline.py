"""What a hub makes of messages: once each, in spite of restarts, garbage and wrong clocks."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from configs.servers import HubSettings
from configs.site import SiteFile
from hub.intake import Arrived
from hub.metrics import HubMetrics
from hub.pipeline import Pipeline, replay
from hub.rules.engine import Engine as RuleEngine
from hub.series.journal import decode_entry
from hub.state import store
from hub.state.tables import Alert, DeadLetter, Journal, Picture
from tests.hub.chain import SITE, T0, Hub, batch, count_record, door_record
from wire.codec import encode
from wire.records import State


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def test_a_record_raises_an_alert_that_names_its_cause(hub: Hub) -> None:
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    assert hub.alerts() == [("seen", "yard", "firing", T0, T0, None, "")]
    (row,) = hub.all(Alert)
    assert row.fired_rx == T0 + 20
    assert row.details["values"] == [
        {"signal": "presence.person", "value": 0.72, "text": "presence.person above 0.5"}
    ]


def test_a_message_delivered_again_changes_nothing_but_a_counter(hub: Hub) -> None:
    message = batch("a", T0, count_record(1, T0, 1), count_record(2, T0 + 1, 0))
    hub.take(T0, message)
    before = hub.alerts(), hub.events()
    hub.take(T0 + 5, message)
    assert (hub.alerts(), hub.events()) == before
    node = hub.node("a")
    assert (node.admitted, node.duplicate) == (2, 2)


def test_time_raises_an_alert_without_any_record(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.take(T0 + 4000)
    assert hub.alerts() == []
    hub.take(T0 + 4300)
    assert [row[:5] for row in hub.alerts()] == [("open", "hall", "firing", T0 + 4000, T0 + 4000)]


def test_time_stands_still_while_a_node_is_cut_off_and_its_records_decide(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.take(T0 + 100, ("linli/v1/s/b/state", encode(State(online=False))))
    hub.take(T0 + 20_000)
    assert hub.alerts() == []
    hub.take(T0 + 21_000, batch("b", T0 + 20_990, door_record(2, T0 + 2500, is_open=False)))
    hub.take(T0 + 22_000)
    assert hub.alerts() == []


def test_time_waits_for_what_may_lie_behind_a_message_that_is_a_little_late(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.take(T0 + 5500, batch("b", T0 + 4000, door_record(2, T0 + 2500, is_open=True)))
    hub.take(T0 + 5600)
    assert hub.alerts() == [], "the next message may say that the door was shut in time"
    hub.take(T0 + 5700, batch("b", T0 + 5690, door_record(3, T0 + 2900, is_open=False)))
    hub.take(T0 + 9000)
    assert hub.alerts() == []


def test_time_waits_for_what_the_broker_held_back_while_the_hub_stood_still(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.pipeline.watermark.stalled(6000, T0 + 6100)
    hub.take(T0 + 6100)
    hub.rx_us = (T0 + 400) * 1000  # it was here when the hub stopped to look
    early = Arrived(*batch("b", T0 + 390, door_record(2, T0 + 390, is_open=True)), hub.rx_us)
    hub.pipeline.commit(hub.pipeline.prepare([early], T0 + 6101), T0 + 6101)
    hub.take(T0 + 6150)
    assert hub.alerts() == [], "the broker may hold that the door was shut in time"
    hub.take(T0 + 6200, batch("b", T0 + 2500, door_record(3, T0 + 2500, is_open=False)))
    hub.take(T0 + 6300, batch("b", T0 + 6290, door_record(4, T0 + 6290, is_open=True)))
    hub.take(T0 + 10_400)
    assert hub.alerts() == []
    hub.take(T0 + 10_600)
    assert [row[0] for row in hub.alerts()] == ["open"], "and it goes on as before"


def test_after_a_stall_nobody_waits_for_longer_than_it_took(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.pipeline.watermark.stalled(5000, T0 + 5000)
    hub.take(T0 + 9_900)
    assert hub.alerts() == []
    hub.take(T0 + 10_100)
    assert [row[4] for row in hub.alerts()] == [T0 + 4000]


def test_patience_with_a_silent_node_ends(hub: Hub) -> None:
    hub.take(T0, batch("b", T0, door_record(1, T0, is_open=True)))
    hub.take(T0 + 100, ("linli/v1/s/b/state", encode(State(online=False))))
    hub.take(T0 + 61_000)
    fired = {row[0]: row[4] for row in hub.alerts()}
    assert fired == {"open": T0 + 4000, "silent": T0 + 35_000}


def test_a_late_record_raises_an_alert_marked_late(hub: Hub) -> None:
    hub.take(T0 + 60_000, batch("a", T0 + 60_000, count_record(1, T0, 1)))
    (row,) = hub.all(Alert)
    assert (row.late, row.fired_ts) == (True, T0)
    assert hub.node("a").late == 1


@pytest.mark.parametrize("offset", [-600_000, 600_000])
def test_a_clock_ten_minutes_off_is_shown_and_stops_nobody(hub: Hub, offset: int) -> None:
    for step in range(100):
        now = T0 + step * 1000
        hub.take(
            now,
            batch("b", now + offset, door_record(step + 1, now + offset, is_open=step >= 90)),
            batch("a", now, count_record(step + 1, now, 3 if step > 50 else 0)),
        )
    assert hub.node("b").clock_ms == offset
    fired = {row[0]: row[4] for row in hub.alerts() if row[0] != "silent"}
    assert fired == {"seen": T0 + 51_000, "busy": T0 + 52_500, "open": T0 + 94_000}


def test_garbage_on_every_topic_is_kept_with_its_reason_and_all_else_goes_on(hub: Hub) -> None:
    channels = ("state", "about", "records", "evidence/x", "do", "done", "nonsense")
    garbage = [(f"linli/v1/s/a/{channel}", b"\x00garbage") for channel in channels]
    strange = ("linli/v1/s/stranger/state", encode(State(online=True)))
    huge = ("linli/v1/s/a/records", b"[" * 5_000_000)
    hub.take(T0, *garbage, strange, huge, batch("a", T0, count_record(1, T0, 1)))
    dead = hub.all(DeadLetter)
    assert len(dead) == 9
    assert {row.reason for row in dead} >= {
        "stranger is no node of s; add it to the site's nodes",
        "records of 5000000 bytes is over 262144",
    }
    assert all(len(row.payload) <= 4096 for row in dead)
    assert len(hub.alerts()) == 1


def test_a_gap_that_stays_is_lost_and_one_that_fills_is_not(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 0), count_record(5, T0 + 5, 0)))
    hub.take(T0, batch("a", T0, count_record(3, T0 + 3, 0)))
    assert hub.pipeline.ledger.count_lost(T0 + 1, T0 + 1) == 2
    hub.take(T0, batch("a", T0, count_record(2, T0 + 2, 0)))
    assert hub.pipeline.ledger.count_lost(T0 + 1, T0 + 1) == 1


def test_a_picture_joins_its_record_and_its_alert(hub: Hub) -> None:
    jpeg = b"\xff\xd8\xff\xe0picture"
    picture = ("linli/v1/s/a/evidence/ref-1", jpeg)
    hub.take(T0, batch("a", T0, count_record(1, T0, 1, evidence="ref-1")))
    hub.take(T0 + 5, picture)
    (alert,), (row,) = hub.all(Alert), hub.all(Picture)
    assert alert.evidence == "a/ref-1"
    assert (row.source, row.ts, row.size) == ("cam", T0, len(jpeg))
    assert (hub.folder / "pictures/s/a/ref-1.jpg").read_bytes() == jpeg
    hub.take(T0 + 9, picture)
    (row,) = hub.all(Picture)
    assert (row.source, row.ts, row.size) == ("cam", T0, len(jpeg))


def test_a_rule_that_is_gone_takes_its_alert_along(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 1)))
    changed = SiteFile(site=SITE.site, nodes=SITE.nodes, places=SITE.places, rules=SITE.rules[2:])
    metrics = HubMetrics(CollectorRegistry())
    pipeline = Pipeline([changed], HubSettings(data=str(hub.folder)), hub.database, metrics, T0)
    pipeline.recover(T0 + 1000)
    assert [(row[2], row[6]) for row in hub.alerts()] == [("resolved", "configuration")]


steps = st.lists(
    st.tuples(st.integers(20, 4000), st.sampled_from("ab"), st.integers(0, 4)),
    min_size=1,
    max_size=40,
)


def _messages(plan: list[tuple[int, str, int]]) -> list[tuple[int, tuple[str, bytes]]]:
    """(time, message): each step of the plan is one message of one node, in time order."""
    now, seqs, messages = T0, {"a": 0, "b": 0}, []
    for gap, node, value in plan:
        now += gap
        seqs[node] += 1
        seq = seqs[node]
        record = (
            count_record(seq, now, value)
            if node == "a"
            else door_record(seq, now, is_open=value > 1)
        )
        messages.append((now, batch(node, now, record)))
    return messages


def _finish(hub: Hub, messages: list[tuple[int, tuple[str, bytes]]]) -> None:
    hub.take(messages[-1][0] + 100_000)


@settings(max_examples=40, deadline=None)
@given(plan=steps, seed=st.integers(0, 2**16))
def test_kills_redeliveries_and_idle_ticks_leave_the_same_alerts(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str, int]], seed: int
) -> None:
    rng = random.Random(seed)
    messages = _messages(plan)
    plain, disturbed = (Hub(tmp_path_factory.mktemp("hub")) for _ in range(2))
    for now, message in messages:
        plain.take(now + 10, message)
    _finish(plain, messages)

    done = 0
    while done < len(messages):
        size = rng.randint(1, 4)
        chunk = messages[done : done + size]
        again = [message for _, message in messages[max(0, done - 2) : done]]
        for now, message in chunk:
            disturbed.take(now + 10, *again, message)
            again = []
        done += size
        if rng.random() < 0.4:
            disturbed.pipeline.checkpoint(chunk[-1][0] + 11)
        if rng.random() < 0.4:
            disturbed.start(chunk[-1][0] + 11)  # as after SIGKILL: nothing but the store is left
    _finish(disturbed, messages)
    assert disturbed.alerts() == plain.alerts()
    assert disturbed.events() == plain.events()


@settings(max_examples=40, deadline=None)
@given(plan=steps)
def test_a_replay_of_the_journal_takes_the_same_steps_to_the_millisecond(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str, int]]
) -> None:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    messages = _messages(plan)
    for now, message in messages:
        hub.take(now + 10, message)
    _finish(hub, messages)
    engine = RuleEngine([SITE])
    with store.reading(hub.database).begin() as connection:
        saved = [decode_entry(row) for row in connection.scalars(select(Journal.entry))]
    assert saved == hub.entries
    for entry in saved:
        outcome = replay(engine, entry)
        steps = [(step.alert, str(step.step), step.ts) for step in outcome.transitions]
        assert steps == [(point.id, point.state, point.ts) for point in entry.alerts]


def test_a_store_that_cannot_be_read_changes_nothing_and_the_batch_is_prepared_again(
    tmp_path: Path,
) -> None:
    hub = Hub(tmp_path)
    now = T0 + 10_000
    message = batch("a", now, count_record(1, now, 3))
    arrived = [Arrived(*message, now * 1000)]

    def away(_connection: Any) -> None:
        raise OperationalError("BEGIN", {}, Exception("the database system is shutting down"))

    event.listen(hub.database, "begin", away)
    with pytest.raises(OperationalError):
        hub.pipeline.prepare(arrived, now)
    event.remove(hub.database, "begin", away)
    hub.take(now, message)
    node = hub.node("a")
    assert (node.admitted, node.duplicate) == (1, 0)
