"""The control room's verbs."""

import threading

from sqlalchemy import Engine, func, select

from hub import desk
from hub.state.tables import Alert, AlertEvent, Audit, Change
from tests.web import seed
from tests.web.conftest import NOW


def make(engine: Engine, **more: str) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, NOW - 5000, "courtyard", state=more.get("state", "firing"))


def count(engine: Engine, table: type[Change | AlertEvent | Audit]) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_acknowledging_writes_alert_event_news_and_audit_together(engine: Engine) -> None:
    alert = make(engine)
    before = [count(engine, table) for table in (Change, AlertEvent, Audit)]
    outcome = desk.acknowledge(engine, alert, actor="lihua", now=NOW)
    assert outcome.done
    assert outcome.text == f"done by lihua at {NOW} ms"
    assert [count(engine, table) for table in (Change, AlertEvent, Audit)] == [
        number + 1 for number in before
    ]
    with engine.connect() as connection:
        row = connection.execute(select(Alert.__table__).where(Alert.id == alert)).one()
        event = connection.execute(
            select(AlertEvent.__table__).order_by(AlertEvent.id.desc())
        ).first()
        news = connection.execute(select(Change.__table__).order_by(Change.id.desc())).first()
    assert (row.state, row.acknowledged_by, row.acknowledged_at) == ("firing", "lihua", NOW)
    assert event is not None
    assert (event.alert, event.kind, event.actor) == (alert, "acknowledged", "lihua")
    assert news is not None
    assert (news.kind, news.site, news.key) == ("alert", "garden", alert)


def test_the_second_to_acknowledge_is_told_who_was_first_and_changes_nothing(
    engine: Engine,
) -> None:
    alert = make(engine)
    desk.acknowledge(engine, alert, actor="lihua", now=NOW)
    before = count(engine, AlertEvent)
    outcome = desk.acknowledge(engine, alert, actor="wang", now=NOW + 900)
    assert outcome == desk.Outcome(desk.Verdict.ALREADY_ACKNOWLEDGED, "lihua", NOW)
    assert count(engine, AlertEvent) == before


def test_of_ten_operators_at_once_exactly_one_wins(engine: Engine) -> None:
    alert = make(engine)
    outcomes: list[desk.Outcome] = []
    start = threading.Barrier(10)

    def press(number: int) -> None:
        start.wait(60)
        outcomes.append(desk.acknowledge(engine, alert, actor=f"op-{number}", now=NOW))

    threads = [threading.Thread(target=press, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [outcome.by for outcome in outcomes if outcome.done]
    assert len(outcomes) == 10
    assert len(winners) == 1
    assert {outcome.by for outcome in outcomes} == set(winners)


def test_pending_alerts_can_neither_be_acknowledged_nor_resolved(engine: Engine) -> None:
    alert = make(engine, state="pending")
    never = desk.Outcome(desk.Verdict.NEVER_FIRED)
    assert desk.acknowledge(engine, alert, actor="lihua", now=NOW) == never
    assert desk.resolve(engine, alert, actor="lihua", note="", now=NOW) == never


def test_resolved_alerts_that_fired_can_still_be_acknowledged(engine: Engine) -> None:
    alert = make(engine, state="resolved")
    assert desk.acknowledge(engine, alert, actor="lihua", now=NOW).done


def test_resolving_ends_a_firing_alert_with_its_note(engine: Engine) -> None:
    alert = make(engine)
    assert desk.resolve(engine, alert, actor="lihua", note=" a cat ", now=NOW).done
    with engine.connect() as connection:
        row = connection.execute(select(Alert.__table__).where(Alert.id == alert)).one()
        event = connection.execute(
            select(AlertEvent.__table__).order_by(AlertEvent.id.desc())
        ).first()
    assert (row.state, row.resolved_by, row.resolved_ts) == ("resolved", "lihua", NOW)
    assert event is not None
    assert (event.kind, event.actor, event.note) == ("resolved", "lihua", "a cat")
    second = desk.resolve(engine, alert, actor="wang", note="", now=NOW + 1)
    assert second == desk.Outcome(desk.Verdict.ALREADY_RESOLVED, "lihua", NOW)


def test_an_alert_that_does_not_exist_is_said_not_to(engine: Engine) -> None:
    nobody = desk.Outcome(desk.Verdict.NO_SUCH_ALERT)
    assert desk.acknowledge(engine, "a-none", actor="lihua", now=NOW) == nobody
    assert desk.resolve(engine, "a-none", actor="lihua", note="", now=NOW) == nobody


def test_of_two_who_take_an_alert_over_from_the_same_page_one_gets_it(engine: Engine) -> None:
    alert = make(engine)
    first = desk.assign(engine, alert, owner="lihua", actor="lihua", now=NOW, before="")
    assert first == desk.Outcome(desk.Verdict.DONE, "lihua", NOW)
    second = desk.assign(engine, alert, owner="wang", actor="wang", now=NOW + 1, before="")
    assert second == desk.Outcome(desk.Verdict.ALREADY_OWNED, "lihua")
    assert second.text == "already owned by lihua"
    assert desk.assign(engine, alert, owner="wang", actor="lihua", now=NOW, before="lihua").done
    again = desk.assign(engine, alert, owner="wang", actor="lihua", now=NOW)
    assert again == desk.Outcome(desk.Verdict.ALREADY_OWNED, "wang")
    assert stories(engine, alert)[-2:] == [("taken", "lihua", "lihua"), ("taken", "lihua", "wang")]


def test_the_last_verdict_counts_and_the_log_keeps_all(engine: Engine) -> None:
    alert = make(engine, state="resolved")
    false, true = desk.Judgement.FALSE, desk.Judgement.TRUE
    assert desk.judge(engine, alert, judgement=false, actor="li", now=NOW, text=" a cat ").done
    same = desk.judge(engine, alert, judgement=false, actor="wang", now=NOW + 1)
    assert same == desk.Outcome(desk.Verdict.ALREADY_JUDGED, "li", NOW)
    assert desk.judge(engine, alert, judgement=true, actor="wang", now=NOW + 2).done
    with engine.connect() as connection:
        row = connection.execute(select(Alert.__table__).where(Alert.id == alert)).one()
    assert (row.verdict, row.verdict_by, row.verdict_at) == ("true", "wang", NOW + 2)
    assert stories(engine, alert)[-2:] == [
        ("judged", "li", "false: a cat"), ("judged", "wang", "true"),
    ]  # fmt: skip


def test_notes_join_the_story_and_empty_ones_do_not(engine: Engine) -> None:
    alert = make(engine)
    assert desk.note(engine, alert, actor="li", text=" went to look ", now=NOW).done
    empty = desk.note(engine, alert, actor="li", text=" \n", now=NOW)
    assert empty == desk.Outcome(desk.Verdict.NOTHING_SAID)
    assert stories(engine, alert)[-1] == ("noted", "li", "went to look")


def test_what_never_fired_or_is_not_there_can_be_neither_owned_noted_nor_judged(
    engine: Engine,
) -> None:
    for alert, verdict in (
        (make(engine, state="pending"), desk.Verdict.NEVER_FIRED),
        ("a-none", desk.Verdict.NO_SUCH_ALERT),
    ):
        outcomes = [
            desk.assign(engine, alert, owner="li", actor="li", now=NOW),
            desk.note(engine, alert, actor="li", text="x", now=NOW),
            desk.judge(engine, alert, judgement=desk.Judgement.TEST, actor="li", now=NOW),
        ]
        assert [outcome.verdict for outcome in outcomes] == [verdict] * 3


def stories(engine: Engine, alert: str) -> list[tuple[str, str, str]]:
    query = select(AlertEvent.kind, AlertEvent.actor, AlertEvent.note)
    with engine.connect() as connection:
        rows = connection.execute(query.where(AlertEvent.alert == alert).order_by(AlertEvent.id))
        return [(row.kind, row.actor, row.note) for row in rows]
