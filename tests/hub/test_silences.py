"""A silence mutes and never drops; what the hub and people do is in the log."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from configs.site import CountingLine, DoorOf, Place, View
from hub import alerts, audit, desk, silences
from hub.rules.watch import Cause, Step, Transition
from hub.silences import Ended, SilenceError
from hub.state import store
from hub.state.tables import Alert, AlertEvent, Audit, Change
from tests.hub.chain import SITE, T0, TEXT, Hub, batch, count_record

HOUR = 3_600_000


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def _silence(hub: Hub, **more: Any) -> silences.Quiet:
    parts = {"site": "s", "author": "lihua", "reason": "painters", "ends_at": T0 + HOUR, "now": T0}
    return silences.create(hub.database, **{**parts, **more})


def _muting(hub: Hub, now: int) -> silences.Quiet | None:
    with store.reading(hub.database).begin() as connection:
        alert = connection.execute(select(*Alert.__table__.columns)).one()
        return silences.muting(connection, alert, now)


def _kinds(hub: Hub) -> list[str]:
    with store.reading(hub.database).begin() as connection:
        return list(connection.scalars(select(AlertEvent.kind).order_by(AlertEvent.id)))


@pytest.mark.parametrize(
    ("scope", "mutes"),
    [({"rule": "seen"}, True), ({"place": "yard"}, True), ({"source": "a/cam"}, True),
     ({"rule": "seen", "place": "yard", "source": "a/cam"}, True), ({"rule": "busy"}, False),
     ({"place": "hall"}, False), ({"source": "b/door"}, False), ({"site": "other"}, False),
     ({"rule": "seen", "place": "hall"}, False), ({"starts_at": T0 + 50}, False)],
)  # fmt: skip
def test_an_alert_under_a_silence_fires_and_says_what_mutes_it(
    hub: Hub, scope: dict[str, Any], *, mutes: bool
) -> None:
    quiet = _silence(hub, **scope)
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    (row,) = hub.all(Alert)
    assert row.state == "firing"
    assert row.muted_by == (quiet.id if mutes else None)
    assert (_muting(hub, T0 + 20) is not None) == mutes


def test_a_silence_mutes_from_its_start_to_its_end_and_no_longer(hub: Hub) -> None:
    quiet = _silence(hub, place="yard", starts_at=T0 + 1000, ends_at=T0 + 2000)
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    assert [_muting(hub, T0 + ms) for ms in (999, 1000, 1999, 2000)] == [None, quiet, quiet, None]


def test_of_several_the_one_that_lasts_longest_is_named(hub: Hub) -> None:
    _silence(hub, place="yard")
    longer = _silence(hub, rule="seen", ends_at=T0 + 2 * HOUR)
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    assert _muting(hub, T0 + 20) == longer


def test_an_alert_that_fires_already_says_when_it_is_muted_and_when_no_longer(hub: Hub) -> None:
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    news = len(hub.all(Change))
    quiet = _silence(hub, rule="seen", now=T0 + 30)
    assert silences.end(hub.database, quiet.id, actor="wang", now=T0 + 40) is Ended.DONE
    (row,) = hub.all(Alert)
    assert row.muted_by is None
    assert _kinds(hub) == ["firing", "muted", "unmuted"]
    assert len(hub.all(Change)) == news + 2
    assert _muting(hub, T0 + 40) is None


def test_a_silence_ends_once(hub: Hub) -> None:
    quiet = _silence(hub, place="yard")
    assert silences.end(hub.database, quiet.id, actor="wang", now=T0 + 5) is Ended.DONE
    assert silences.end(hub.database, quiet.id, actor="wang", now=T0 + 6) is Ended.ALREADY_OVER
    assert silences.end(hub.database, 99, actor="wang", now=T0 + 6) is Ended.NO_SUCH_SILENCE
    with store.reading(hub.database).begin() as connection:
        (kept,) = silences.listed(connection, T0 + 7, over=True)
        assert silences.listed(connection, T0 + 7) == []
    assert (kept.ends_at, kept.ended_early_by) == (T0 + 5, "wang")


@pytest.mark.parametrize(
    ("parts", "words"),
    [({"reason": "  "}, "say why"), ({"ends_at": T0}, "over before it begins"),
     ({"starts_at": T0 - HOUR, "ends_at": T0 - 1}, "over before it begins"),
     ({"ends_at": T0 + 91 * 24 * HOUR}, "90 days at most")],
)  # fmt: skip
def test_a_silence_without_reason_or_sense_is_refused(
    hub: Hub, parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(SilenceError, match=words):
        _silence(hub, **parts)
    assert hub.all(Audit) == []


def test_everything_the_hub_and_people_do_to_alerts_is_in_one_whole_log(hub: Hub) -> None:
    quiet = _silence(hub, place="yard")
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 3)))
    hub.take(T0 + 700, batch("a", T0 + 600, count_record(2, T0 + 600, 1)))  # busy is dropped
    (alert,) = hub.all(Alert)
    desk.judge(hub.database, alert.id, judgement=desk.Judgement.TEST, actor="li", now=T0 + 800)
    desk.resolve(hub.database, alert.id, actor="li", note="", now=T0 + 900)
    silences.end(hub.database, quiet.id, actor="li", now=T0 + 950)
    assert [row.action for row in hub.all(Audit)] == [
        "silence.create", "alert.pending", "alert.firing", "alert.dropped", "alert.judged",
        "alert.resolved", "silence.end",
    ]  # fmt: skip
    found = audit.verify(hub.database)
    assert (found.checked, found.how) == (7, "")


def test_events_ids_grow_though_those_of_a_dropped_alert_are_gone(hub: Hub) -> None:
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 3)))
    newest = max(row.id for row in hub.all(AlertEvent))
    hub.take(T0 + 700, batch("a", T0 + 600, count_record(2, T0 + 600, 1)))
    (alert,) = hub.all(Alert)
    desk.resolve(hub.database, alert.id, actor="li", note="", now=T0 + 900)
    assert max(row.id for row in hub.all(AlertEvent)) > newest


def test_an_alert_keeps_its_rules_text_and_where_its_signals_come_from(hub: Hub) -> None:
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 1)))
    (row,) = hub.all(Alert)
    assert row.details["sources"] == ["a/cam"]
    assert row.details["rule"] == (
        "id: seen\ntitle: R\nplaces:\n- yard\nwhen:\n- signal: presence.person\n  above: 0.5\n"
        "severity: low\n"
    )


def _step(step: Step, alert: str, **more: str) -> Transition:
    return Transition(
        step=step, alert=alert, site="s", place="yard", rule="seen", ts=T0 + 30, pending_ts=T0,
        causes=(Cause("presence.person", 0.9, "presence.person above 0.8"),),
        **{"severity": "low", **more},
    )  # fmt: skip


def test_an_alert_that_rises_or_is_released_changes_in_place(hub: Hub) -> None:
    book = alerts.AlertBook([SITE], hub.pipeline.engine.places)
    steps = [
        _step(Step.FIRING, "a1", inhibited_by="open"),
        _step(Step.RISEN, "a1", severity="critical"),
    ]
    with hub.database.begin() as connection:
        news = book.write(connection, steps, rx=T0 + 40, late=set(), evidence={})
    assert news == steps
    (row,) = hub.all(Alert)
    assert (row.severity, row.inhibited_by, row.state) == ("critical", "open", "firing")
    notes = [row.note for row in hub.all(AlertEvent)]
    assert notes == ["quieted by open", "now critical: presence.person above 0.8"]
    with hub.database.begin() as connection:
        released = [_step(Step.RELEASED, "a1", severity="critical")]
        book.write(connection, released, rx=T0 + 50, late=set(), evidence={})
    (row,) = hub.all(Alert)
    assert row.inhibited_by == ""
    assert _kinds(hub) == ["firing", "risen", "released"]


@pytest.mark.parametrize(
    ("signals", "sources"),
    [(["occupancy.person"], ["a/cam"]), (["flow.in"], ["a/gate"]), (["door.open_s"], ["b/door"]),
     (["tailgating"], ["a/gate", "b/door"]), (["silence_s"], ["a/cam", "a/gate", "b/door"]),
     (["door.forced", "presence.person"], ["a/cam", "b/door"])],
)  # fmt: skip
def test_a_signal_comes_from_the_sources_that_can_move_it(
    signals: list[str], sources: list[str]
) -> None:
    place = Place(
        id="gate",
        name=TEXT,
        views=((View(node="a", source="cam", zone="z"),),),
        lines=(CountingLine(node="a", source="gate", line="in"),),
        doors=(DoorOf(node="b", source="door"),),
    )
    assert silences.sources_of(place, signals) == sources


def test_the_log_goes_on_where_it_was_after_a_kill(hub: Hub) -> None:
    hub.take(T0 + 20, batch("a", T0, count_record(1, T0, 3)))
    hub.start(T0 + 30)  # as after SIGKILL: nothing but the store is left
    hub.take(T0 + 40, batch("a", T0, count_record(1, T0, 3)))  # again, as a broker would
    hub.take(T0 + 2000)
    found = audit.verify(hub.database)
    assert (found.checked, found.how) == (3, "")  # busy pending, seen firing, busy firing
