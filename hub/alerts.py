"""Writes the life of alerts into the state store.

Every write is conditional on the state before it, so that a transition that a replay
finds again changes nothing, and one that an operator was faster at stays theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import to_builtins
from sqlalchemy import Connection, delete, insert, select, update

from configs.rules import Rule
from configs.site import SiteFile
from hub import audit, silences
from hub.rules.place import PlaceAtWork
from hub.rules.watch import Step, Transition
from hub.ruletext import rule_text
from hub.silences import Quiet
from hub.state.tables import Alert, AlertEvent, AlertState, Change

ACTIVE = (AlertState.PENDING, AlertState.FIRING)


class AlertBook:
    """Turns transitions into rows of ``alert``, ``alert_event``, ``audit`` and ``change``."""

    def __init__(
        self, sites: Sequence[SiteFile], places: Mapping[tuple[str, str], PlaceAtWork]
    ) -> None:
        """``places`` are those of the engine: there a rule reads as it does at that place."""
        self._places = {(file.site.id, place.id): place for file in sites for place in file.places}
        self._rules = {
            (site, place, watch.rule.id): watch.rule
            for (site, place), work in places.items()
            for watch in work.watches
        }
        self._texts: dict[tuple[str, str, str], str] = {}

    def write(
        self, connection: Connection, steps: Sequence[Transition], *, rx: int,
        late: set[str], evidence: Mapping[str, str],
    ) -> list[Transition]:  # fmt: skip
        """Write transitions decided at ``rx`` (ms); returns those that were news."""
        if not steps:
            return []
        audit.lock(connection)
        fires = any(step.step is Step.FIRING for step in steps)
        quiet = silences.current(connection, rx) if fires else []
        return [
            step
            for step in steps
            if self._write_one(
                connection, step, rx, late=step.alert in late,
                picture=evidence.get(step.alert, ""), quiet=quiet,
            )
        ]  # fmt: skip

    def _write_one(
        self, connection: Connection, step: Transition, rx: int, *, late: bool, picture: str,
        quiet: Sequence[Quiet],
    ) -> bool:  # fmt: skip
        match step.step:
            case Step.PENDING:
                news = self._begin(connection, step, AlertState.PENDING, {})
            case Step.FIRING:
                news = self._fire(connection, step, rx, late=late, picture=picture, quiet=quiet)
            case Step.DROPPED:
                news = _drop(connection, step.alert, rx)
            case Step.RISEN:
                risen = {"severity": step.severity}
                news = _move(connection, step.alert, AlertState.FIRING, risen)
            case Step.RELEASED:
                news = _move(connection, step.alert, AlertState.FIRING, {"inhibited_by": ""})
            case Step.RESOLVED:
                news = _move(connection, step.alert, AlertState.FIRING, _ended(step.ts, "rule"))
        if news:
            _tell(connection, step.site, step.alert, rx)
            if step.step is not Step.DROPPED:
                _log(connection, step.alert, str(step.step), step.ts, rx, _remark(step))
        return news

    def _begin(
        self, connection: Connection, step: Transition, state: AlertState, more: dict[str, Any]
    ) -> bool:
        if connection.scalar(select(Alert.id).where(Alert.id == step.alert)) is not None:
            return False
        connection.execute(
            insert(Alert),
            {
                "id": step.alert,
                "site": step.site,
                "place": step.place,
                "rule": step.rule,
                "severity": step.severity,
                "state": state,
                "pending_ts": step.pending_ts,
                "details": self._details(step),
                **more,
            },
        )
        return True

    def _fire(
        self, connection: Connection, step: Transition, rx: int, *, late: bool, picture: str,
        quiet: Sequence[Quiet],
    ) -> bool:  # fmt: skip
        details = self._details(step)
        muted = silences.among(quiet, step.site, step.place, step.rule, details["sources"])
        fired = {
            "fired_ts": step.ts, "fired_rx": rx, "late": late, "evidence": picture,
            "severity": step.severity, "inhibited_by": step.inhibited_by,
            "muted_by": muted.id if muted is not None else None,
        }  # fmt: skip
        if self._begin(connection, step, AlertState.FIRING, fired):
            return True
        more = {"state": AlertState.FIRING, "details": details, **fired}
        return _move(connection, step.alert, AlertState.PENDING, more)

    def _details(self, step: Transition) -> dict[str, Any]:
        key = (step.site, step.place, step.rule)
        rule, place = self._rules[key], self._places[step.site, step.place]
        if key not in self._texts:
            self._texts[key] = rule_text(rule)
        return {
            "title": {"en": rule.title.en, "zh": rule.title.zh},
            "advice": {"en": rule.advice.en, "zh": rule.advice.zh},
            "values": to_builtins(step.causes),
            "rule": self._texts[key],
            "sources": silences.sources_of(place, _signals(rule)),
        }

    def close_orphans(
        self, connection: Connection, sites: set[str], active: set[str], now: int
    ) -> int:
        """End the alerts whose rule or place the configuration no longer has; how many."""
        audit.lock(connection)
        rows = connection.execute(
            select(Alert.id, Alert.site, Alert.state).where(
                Alert.site.in_(sites), Alert.state.in_(ACTIVE)
            )
        ).all()
        orphans = [row for row in rows if row.id not in active]
        for row in orphans:
            if row.state == AlertState.PENDING:
                _drop(connection, row.id, now)
            else:
                _move(connection, row.id, AlertState.FIRING, _ended(now, "configuration"))
                _log(connection, row.id, "resolved", now, now, "the configuration changed")
            _tell(connection, row.site, row.id, now)
        return len(orphans)


def _ended(ts: int, by: str) -> dict[str, Any]:
    return {"state": AlertState.RESOLVED, "resolved_ts": ts, "resolved_by": by}


def _move(connection: Connection, alert: str, before: AlertState, values: dict[str, Any]) -> bool:
    where = (Alert.id == alert) & (Alert.state == before)
    return connection.execute(update(Alert).where(where).values(**values)).rowcount > 0


def _tell(connection: Connection, site: str, alert: str, at: int) -> None:
    connection.execute(insert(Change), {"kind": "alert", "site": site, "key": alert, "at": at})


def _drop(connection: Connection, alert: str, now: int) -> bool:
    pending = (Alert.id == alert) & (Alert.state == AlertState.PENDING)
    if not connection.execute(delete(Alert).where(pending)).rowcount:
        return False
    connection.execute(delete(AlertEvent).where(AlertEvent.alert == alert))
    audit.enter(connection, "hub", audit.DROPPED, alert, "", now)
    return True


def _log(connection: Connection, alert: str, kind: str, ts: int, at: int, note: str) -> None:
    audit.enter_event(connection, alert, kind, actor="hub", note=note, ts=ts, now=at)


def _remark(step: Transition) -> str:
    if step.step is Step.RISEN:
        return f"now {step.severity}: " + ", ".join(cause.text for cause in step.causes)
    if step.step is Step.FIRING and step.inhibited_by:
        return f"quieted by {step.inhibited_by}"
    return ""


def _signals(rule: Rule) -> set[str]:
    return {part.signal for condition in rule.conditions() for part in condition.alternatives}


def overruled(connection: Connection, after: int) -> list[tuple[int, str, str, str]]:
    """Alerts that people resolved: (event id, site, place, alert), after event ``after``."""
    rows = connection.execute(
        select(AlertEvent.id, Alert.site, Alert.place, Alert.id)
        .join(Alert, Alert.id == AlertEvent.alert)
        .where(AlertEvent.id > after, AlertEvent.kind == "resolved", AlertEvent.actor != "hub")
        .order_by(AlertEvent.id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
