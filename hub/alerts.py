"""Writes the life of alerts into the state store.

Every write is conditional on the state before it, so that a transition that a replay
finds again changes nothing, and one that an operator was faster at stays theirs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import to_builtins
from sqlalchemy import Connection, delete, insert, select, update

from configs.rules import Rule
from hub.rules.watch import Step, Transition
from hub.state.tables import Alert, AlertEvent, AlertState, Change

ACTIVE = (AlertState.PENDING, AlertState.FIRING)


class AlertBook:
    """Turns transitions into rows of ``alert``, ``alert_event`` and ``change``."""

    def __init__(self, rules: Mapping[tuple[str, str], Rule]) -> None:
        self._rules = rules
        """(site, rule id) → rule."""

    def write(
        self, connection: Connection, steps: Iterable[Transition], *, rx: int,
        late: set[str], evidence: Mapping[str, str],
    ) -> list[Transition]:  # fmt: skip
        """Write transitions decided at ``rx`` (ms); returns those that were news."""
        return [
            step
            for step in steps
            if self._write_one(
                connection, step, rx, late=step.alert in late, picture=evidence.get(step.alert, "")
            )
        ]

    def _write_one(
        self, connection: Connection, step: Transition, rx: int, *, late: bool, picture: str
    ) -> bool:
        match step.step:
            case Step.PENDING:
                news = self._begin(connection, step, AlertState.PENDING, {})
            case Step.FIRING:
                news = self._fire(connection, step, rx, late=late, picture=picture)
            case Step.DROPPED:
                news = self._drop(connection, step)
            case Step.RESOLVED:
                news = _move(connection, step.alert, AlertState.FIRING, _ended(step.ts, "rule"))
        if news:
            _tell(connection, step.site, step.alert, rx)
            if step.step is not Step.DROPPED:
                _log(connection, step.alert, str(step.step), step.ts, rx)
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
        self, connection: Connection, step: Transition, rx: int, *, late: bool, picture: str
    ) -> bool:
        fired = {"fired_ts": step.ts, "fired_rx": rx, "late": late, "evidence": picture}
        if self._begin(connection, step, AlertState.FIRING, fired):
            return True
        more = {"state": AlertState.FIRING, "details": self._details(step), **fired}
        return _move(connection, step.alert, AlertState.PENDING, more)

    def _drop(self, connection: Connection, step: Transition) -> bool:
        pending = (Alert.id == step.alert) & (Alert.state == AlertState.PENDING)
        if not connection.execute(delete(Alert).where(pending)).rowcount:
            return False
        connection.execute(delete(AlertEvent).where(AlertEvent.alert == step.alert))
        return True

    def _details(self, step: Transition) -> dict[str, Any]:
        rule = self._rules[step.site, step.rule]
        return {
            "title": {"en": rule.title.en, "zh": rule.title.zh},
            "advice": {"en": rule.advice.en, "zh": rule.advice.zh},
            "values": to_builtins(step.causes),
        }

    def close_orphans(
        self, connection: Connection, sites: set[str], active: set[str], now: int
    ) -> int:
        """End the alerts whose rule or place the configuration no longer has; how many."""
        rows = connection.execute(
            select(Alert.id, Alert.site, Alert.state).where(
                Alert.site.in_(sites), Alert.state.in_(ACTIVE)
            )
        ).all()
        orphans = [row for row in rows if row.id not in active]
        for row in orphans:
            if row.state == AlertState.PENDING:
                connection.execute(delete(AlertEvent).where(AlertEvent.alert == row.id))
                connection.execute(delete(Alert).where(Alert.id == row.id))
            else:
                _move(connection, row.id, AlertState.FIRING, _ended(now, "configuration"))
                _log(connection, row.id, "resolved", now, now)
            _tell(connection, row.site, row.id, now)
        return len(orphans)


def _ended(ts: int, by: str) -> dict[str, Any]:
    return {"state": AlertState.RESOLVED, "resolved_ts": ts, "resolved_by": by}


def _move(connection: Connection, alert: str, before: AlertState, values: dict[str, Any]) -> bool:
    where = (Alert.id == alert) & (Alert.state == before)
    return connection.execute(update(Alert).where(where).values(**values)).rowcount > 0


def _tell(connection: Connection, site: str, alert: str, at: int) -> None:
    connection.execute(insert(Change), {"kind": "alert", "site": site, "key": alert, "at": at})


def _log(connection: Connection, alert: str, kind: str, ts: int, at: int) -> None:
    event = {"alert": alert, "kind": kind, "ts": ts, "at": at, "actor": "hub", "note": ""}
    connection.execute(insert(AlertEvent), event)


def overruled(connection: Connection, after: int) -> list[tuple[int, str, str, str]]:
    """Alerts that people resolved: (event id, site, place, alert), after event ``after``."""
    rows = connection.execute(
        select(AlertEvent.id, Alert.site, Alert.place, Alert.id)
        .join(Alert, Alert.id == AlertEvent.alert)
        .where(AlertEvent.id > after, AlertEvent.kind == "resolved", AlertEvent.actor != "hub")
        .order_by(AlertEvent.id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
