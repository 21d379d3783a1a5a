"""The control room's verbs: what an operator does to an alert, and the audit of it.

Each verb is one transaction that decides by a conditional UPDATE: of two operators who
press at the same moment one wins, and the other is told who did. The hub's process
notices by the new ``alert_event`` row.
"""

import enum

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from hub.state.tables import Alert, AlertEvent, AlertState, Audit, Change

NOTE_CHARS = 2000
"""A note is cut to this many characters."""


class Verdict(enum.StrEnum):
    """What became of a verb."""

    DONE = "done"
    ALREADY_ACKNOWLEDGED = "already acknowledged"
    ALREADY_RESOLVED = "already resolved"
    NEVER_FIRED = "never fired"
    NO_SUCH_ALERT = "no such alert"


class Outcome(Struct, frozen=True):
    """What became of a verb, and who had been there before."""

    verdict: Verdict
    by: str = ""
    """Who acknowledged or resolved it, now or before."""
    at: int = 0
    """When, in milliseconds since the epoch."""

    @property
    def done(self) -> bool:
        """Whether this call changed the alert."""
        return self.verdict is Verdict.DONE

    @property
    def text(self) -> str:
        """A line for logs; the console has its own words in the reader's language."""
        who = f" by {self.by} at {self.at} ms" if self.by else ""
        return f"{self.verdict}{who}"


def acknowledge(engine: Engine, alert_id: str, *, actor: str, now: int) -> Outcome:
    """Say that ``actor`` has seen an alert that fired, ended or not. ``now`` in ms."""
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.fired_ts.is_not(None), Alert.acknowledged_at.is_(None))
        .values(acknowledged_at=now, acknowledged_by=actor)
    )
    with engine.begin() as connection:
        won = connection.execute(change).rowcount == 1
        alert = _find(connection, Alert.id == alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if won:
            _note(connection, alert, "acknowledged", actor=actor, note="", now=now)
            return Outcome(Verdict.DONE, actor, now)
        if alert.acknowledged_at is not None:
            return Outcome(
                Verdict.ALREADY_ACKNOWLEDGED, alert.acknowledged_by, alert.acknowledged_at
            )
        return Outcome(Verdict.NEVER_FIRED)


def resolve(engine: Engine, alert_id: str, *, actor: str, note: str, now: int) -> Outcome:
    """End a firing alert by hand. ``note`` says why; ``now`` in ms is also the event time."""
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.state == AlertState.FIRING)
        .values(state=AlertState.RESOLVED, resolved_ts=now, resolved_by=actor)
    )
    with engine.begin() as connection:
        won = connection.execute(change).rowcount == 1
        alert = _find(connection, Alert.id == alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if won:
            _note(connection, alert, "resolved", actor=actor, note=note, now=now)
            return Outcome(Verdict.DONE, actor, now)
        if alert.state == AlertState.RESOLVED and alert.fired_ts is not None:
            return Outcome(Verdict.ALREADY_RESOLVED, alert.resolved_by, alert.resolved_ts or 0)
        return Outcome(Verdict.NEVER_FIRED)


def audit(
    connection: Connection, actor: str, action: str, target: str, detail: str, now: int
) -> None:
    """Write down who did what, in the caller's transaction."""
    row = {"at": now, "actor": actor, "action": action, "target": target, "detail": detail}
    connection.execute(insert(Audit).values(row))


def _find(connection: Connection, which: ColumnElement[bool]) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(*Alert.__table__.columns).where(which)).one_or_none()


def _note(
    connection: Connection,
    alert: Row[tuple[object, ...]],
    kind: str,
    *,
    actor: str,
    note: str,
    now: int,
) -> None:
    note = note.strip()[:NOTE_CHARS]
    event = {"alert": alert.id, "kind": kind, "ts": now, "at": now, "actor": actor, "note": note}
    connection.execute(insert(AlertEvent).values(event))
    news = {"kind": "alert", "site": alert.site, "key": alert.id, "at": now}
    connection.execute(insert(Change).values(news))
    audit(connection, actor, f"alert.{kind}", alert.id, note, now)
