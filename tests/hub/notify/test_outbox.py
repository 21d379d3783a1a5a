"""Timelines: who is told what, when, how often."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import select

from configs.notify import AtMost, Quiet
from configs.rules import Severity
from configs.site import SiteFile
from configs.values import Duration, TimeSpan
from hub import silences
from hub.notify.courier import MAX_AGE_MS
from hub.notify.item import Message
from hub.notify.senders.base import SendLater, SendRefused
from hub.notify.tables import Delivery, DeliveryAttempt
from hub.state.store import reading
from tests.hub.notify.world import T0, World, escalation, machine, people, rule, site

PLAIN = site(people(), rules=(rule("busy", "room"), rule("open", "room")))


def make(tmp_path: Path, file: SiteFile = PLAIN) -> World:
    return World(tmp_path, file)


def test_a_firing_is_told_and_then_its_end(tmp_path: Path) -> None:
    world = make(tmp_path)
    alert = world.fire("busy")
    world.turn(1.9)
    assert world.told() == []
    world.turn(2)
    assert world.told() == [[("firing", alert)]]
    world.resolve(alert, 30)
    world.run(40)
    assert world.told() == [[("firing", alert)], [("resolved", alert)]]


def test_one_places_burst_is_one_message_and_another_place_is_another(tmp_path: Path) -> None:
    world = make(tmp_path)
    first = world.fire("busy", "yard")
    second = world.fire("open", "yard", at_s=1.5)
    third = world.fire("open", "hall", at_s=1.5)
    world.run(10, 0.5)
    assert world.told() == [[("firing", first), ("firing", second)], [("firing", third)]]


def test_an_alert_that_ends_within_the_wait_is_told_once(tmp_path: Path) -> None:
    world = make(tmp_path)
    alert = world.fire("busy")
    world.resolve(alert, 1)
    world.run(10)
    assert world.told() == [[("firing", alert), ("resolved", alert)]]


def test_a_machine_is_told_of_each_step_at_once(tmp_path: Path) -> None:
    world = make(tmp_path, site(machine(), rules=(rule("busy", "machine"),)))
    alert = world.fire("busy")
    world.resolve(alert, 0)
    world.turn(0)
    assert world.told("machine") == [[("firing", alert)], [("resolved", alert)]]
    (sent,) = world.senders["machine"].got[1].earlier
    assert sent.step == f"{alert}:firing:machine:0"


def test_what_is_over_the_limit_is_folded_into_the_next_message(tmp_path: Path) -> None:
    limit = AtMost(count=2, per=Duration(60_000))
    world = make(tmp_path, site(people(at_most=limit), rules=(rule("busy", "room"),)))
    first = world.fire("busy", "yard")
    world.run(5)
    rest = [world.fire("busy", place, at_s=10) for place in ("yard", "hall", "gate")]
    world.run(20)
    assert world.told() == [[("firing", first)], [("firing", alert) for alert in rest]]
    more = [world.fire("busy", place, at_s=20) for place in ("yard", "hall")]
    world.run(61)
    assert len(world.told()) == 2
    world.run(64)
    assert world.told()[2:] == [[("firing", alert) for alert in more]]
    assert {state for _, state, _ in world.deliveries()} == {"sent"}


def test_what_is_not_urgent_waits_for_the_end_of_quiet_hours_and_comes_as_one(
    tmp_path: Path,
) -> None:
    quiet = Quiet(span=TimeSpan.parse("22:00-22:30"), up_to=Severity.MEDIUM)
    world = make(tmp_path, site(people(quiet=quiet), rules=(rule("busy", "room"),)))
    urgent = world.fire("busy", severity="high")
    first = world.fire("busy", "hall", severity="medium")
    second = world.fire("busy", "gate", severity="low")
    world.resolve(first, 100)
    world.run(999, 9)
    assert world.told() == [[("firing", urgent)]]
    world.turn(1000)  # 22:30
    digest = [("firing", first), ("firing", second), ("resolved", first)]
    assert world.told()[1:] == [digest]
    assert world.senders["room"].got[1].digest


def test_quiet_hours_are_the_sites_and_may_pass_midnight(tmp_path: Path) -> None:
    quiet = Quiet(span=TimeSpan.parse("22:00-07:00"))
    file = site(people(quiet=quiet), rules=(rule("busy", "room"),), timezone="Asia/Shanghai")
    world = make(tmp_path, file)
    world.fire("busy", severity="low")
    world.turn(2)  # 06:13 in Shanghai
    (due,) = _column(world, Delivery.due_at)
    assert due == T0 + (46 * 60 + 40) * 1000


def test_nobody_is_escalated_to_once_somebody_has_acknowledged(tmp_path: Path) -> None:
    steps = (escalation(60, "lead"), escalation(300, "boss"))
    file = site(
        people(), people("lead"), people("boss"), rules=(rule("busy", "room", escalate=steps),)
    )
    world = make(tmp_path, file)
    alert = world.fire("busy")
    world.run(59)
    assert world.told("lead") == []
    world.turn(60)
    assert world.told("lead") == [[("escalation", alert)]]
    world.acknowledge(alert, 200)
    world.run(400, 10)
    assert world.told("boss") == []
    assert world.deliveries()[2] == (f"{alert}:escalation:boss:1", "needless", "acknowledged by li")
    world.resolve(alert, 401)
    world.run(410)
    ended = [("resolved", alert)]
    assert (world.told()[-1], world.told("lead")[-1], world.told("boss")) == (ended, ended, [])


def test_an_end_withdraws_the_escalation(tmp_path: Path) -> None:
    file = site(
        people(), people("lead"), rules=(rule("busy", "room", escalate=(escalation(60, "lead"),)),)
    )
    world = make(tmp_path, file)
    world.resolve(world.fire("busy"), 30)
    world.run(100, 10)
    assert world.told("lead") == []
    assert world.deliveries()[1][1:] == ("needless", "it ended before")


def test_a_reminder_comes_until_somebody_acknowledges(tmp_path: Path) -> None:
    file = site(people(repeat=Duration(60_000)), rules=(rule("busy", "room"),))
    world = make(tmp_path, file)
    alert = world.fire("busy")
    world.run(130)
    assert world.told() == [[(kind, alert)] for kind in ("firing", "reminder", "reminder")]
    world.acknowledge(alert, 131)
    world.run(300, 10)
    assert len(world.told()) == 3


def test_a_route_hears_nothing_below_its_severity_but_of_the_rise(tmp_path: Path) -> None:
    world = make(tmp_path, site(people(min_severity=Severity.HIGH), rules=(rule("busy", "room"),)))
    alert = world.fire("busy", severity="medium")
    world.run(5)
    assert world.deliveries()[0][1:] == ("needless", "below the route's high")
    world.change(alert, "risen", 6, severity="critical")
    world.run(10)
    world.resolve(alert, 11)
    world.run(15)
    assert world.told() == [[("risen", alert)], [("resolved", alert)]]


def test_a_silence_mutes_and_says_so_and_its_end_tells(tmp_path: Path) -> None:
    world = make(tmp_path)
    silences.create(
        world.database, site="s", rule="busy", author="li", reason="party",
        ends_at=T0 + 60_000, now=T0 - 500,
    )  # fmt: skip
    alert = world.fire("busy")
    over = world.fire("busy", "hall")
    world.run(5)
    assert world.told() == []
    assert world.deliveries()[0][1:] == ("muted", "silence by li: party")
    world.resolve(over, 10)
    world.run(59)
    assert world.told() == []
    world.run(61)
    assert world.told() == [[("firing", alert)]]


def test_an_inhibited_alert_is_told_when_it_is_released(tmp_path: Path) -> None:
    world = make(tmp_path)
    alert = world.fire("busy", inhibited_by="fire")
    world.run(5)
    assert world.deliveries()[0][1:] == ("muted", "inhibited by fire")
    world.change(alert, "released", 10, inhibited_by="")
    world.run(12)
    assert world.told() == [[("firing", alert)]]


def test_what_nobody_takes_is_tried_again_less_and_less_often_and_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = make(tmp_path, site(machine(), rules=(rule("busy", "machine"),)))
    tries: list[float] = []

    def down(_message: Message) -> None:
        tries.append((world.now - T0) / 1000)
        raise SendLater("http://there does not answer")

    world.senders["machine"].answer = down
    alert = world.fire("busy")
    world.turn(0)
    world.resolve(alert, 1)
    with caplog.at_level(logging.WARNING):
        world.run(70)
    assert tries == [0, 2, 6, 14, 30, 62]
    world.senders["machine"].answer = lambda _message: None
    world.run(130)
    assert world.told("machine") == [[("firing", alert)], [("resolved", alert)]]
    assert _column(world, DeliveryAttempt.outcome) == ["later"] * 6 + ["accepted"] * 2


def test_a_message_that_the_other_side_chokes_on_holds_up_no_other(tmp_path: Path) -> None:
    world = make(tmp_path, site(machine(), rules=(rule("busy", "machine"),)))
    bad = world.fire("busy")
    good = world.fire("busy", "hall")

    def choke(message: Message) -> None:
        if message.items[0].alert == bad:
            raise SendLater("http://there answered 500")

    world.senders["machine"].answer = choke
    world.run(3)
    assert world.told("machine") == [[("firing", good)]]


def test_what_is_refused_or_too_old_has_failed_and_its_end_is_not_told(tmp_path: Path) -> None:
    world = make(tmp_path, site(machine(), rules=(rule("busy", "machine"),)))

    def refuse(_message: Message) -> None:
        raise SendRefused("http://there answered 404")

    world.senders["machine"].answer = refuse
    alert = world.fire("busy")
    world.turn(0)
    world.resolve(alert, 1)
    world.turn(1)
    assert [row[1:] for row in world.deliveries()] == [("failed", "http://there answered 404")]

    def down(_message: Message) -> None:
        raise SendLater("no answer")

    world.senders["machine"].answer = down
    world.fire("busy", at_s=2)
    world.run(MAX_AGE_MS / 1000 + 1000, 300)
    assert world.deliveries()[-1][1:] == ("failed", "no answer")


def test_a_hub_that_begins_does_not_tell_of_the_past(tmp_path: Path) -> None:
    world = make(tmp_path)
    world.fire("busy")
    other = World.__new__(World)
    other.__dict__.update(world.__dict__)
    with world.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM notify_cursor")
    other.start()
    other.run(5)
    assert other.deliveries() == []


def _column(world: World, column: object) -> list[object]:
    with reading(world.database).begin() as connection:
        return list(connection.scalars(select(column)))  # type: ignore[call-overload]
